/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <lus/lus.h>

/** Shared by the programs that compare the bundled model with references on real frames. They print figures; they skip,
 *  visibly, where the data is missing. */

enum { REAL_CLASSES = 3 };

/** Pixels of one class, added up over frames. */
typedef struct {
  gint64 both, found, reference;
} RealCount;

static inline void real_count(RealCount *count, const guint8 *found, const guint8 *reference, gsize n)
{
  for (gsize i = 0; i < n; i++) {
    count->both += found[i] && reference[i];
    count->found += found[i] != 0;
    count->reference += reference[i] != 0;
  }
}

static inline double real_recall(const RealCount *count)
{
  return count->reference ? (double)count->both / count->reference : NAN;
}

static inline double real_precision(const RealCount *count)
{
  return count->found ? (double)count->both / count->found : NAN;
}

/** One class's mask at the model's threshold, in frame pixels; all 0 when @segmentation is NULL. */
static inline void real_class_mask(guint8 *out, const LusSegmentation *segmentation, int index, int width, int height,
                                   double cut)
{
  memset(out, 0, (gsize)width * height);
  if (!segmentation)
    return;
  gsize plane = (gsize)segmentation->width * segmentation->height;
  guint8 q = lus_confidence_cut(cut);
  lus_plane_to_frame(out, width, width, height, segmentation->confidence + index * plane, segmentation->width,
                     segmentation->height, segmentation->rect, FALSE);
  for (gsize i = 0; i < (gsize)width * height; i++)
    out[i] = out[i] >= q ? 255 : 0;
}

/** "LUS_TEST_DATA/NAME", or NULL after printing why the test is skipped. */
static inline char *real_folder(const char *name)
{
  const char *root = g_getenv("LUS_TEST_DATA");
  g_autofree char *path = g_build_filename(root ? root : "../shared/data", name, NULL);
  if (g_file_test(path, G_FILE_TEST_IS_DIR))
    return g_steal_pointer(&path);
  g_print("1..0 # SKIP no folder %s (set LUS_TEST_DATA)\n", path);
  return NULL;
}

/** The rows of FOLDER/clips.csv behind its header, as lines; an empty one may be the last. */
static inline char **real_clip_rows(const char *folder)
{
  g_autofree char *csv = g_build_filename(folder, "clips.csv", NULL), *text = NULL;
  g_autoptr(GError) error = NULL;
  g_file_get_contents(csv, &text, NULL, &error);
  g_assert_no_error(error);
  const char *rows = strchr(text, '\n');
  g_assert_nonnull(rows);
  return g_strsplit(rows + 1, "\n", -1);
}
