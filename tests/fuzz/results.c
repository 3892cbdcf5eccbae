/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* frames.jsonl of lus segment, all of its lines. */
#include "import.h"
#include "results-read.h"

static void check_frame(const LusResultsHeader *header, const LusResultsFrame *frame)
{
  g_assert_true(frame->width >= LUS_FRAME_MIN && frame->width <= LUS_FRAME_MAX);
  g_assert_true(frame->height >= LUS_FRAME_MIN && frame->height <= LUS_FRAME_MAX);
  if (!frame->inferred)
    return;
  g_assert_true(frame->rect.x >= 0 && frame->rect.width > 0 && frame->rect.x + frame->rect.width <= frame->width);
  g_assert_true(frame->rect.y >= 0 && frame->rect.height > 0 && frame->rect.y + frame->rect.height <= frame->height);
  g_assert_true(frame->plane_width > 0 && frame->plane_width <= header->width);
  g_assert_true(frame->plane_height > 0 && frame->plane_height <= header->height);
  for (int i = 0; i < header->n_classes; i++) {
    g_assert_true(frame->area[i] >= 0 && frame->area[i] <= 1);
    g_assert_true(frame->confidence[i] >= 0 && frame->confidence[i] <= 1);
  }
}

/** A folder without the file, and one where a folder has its name. */
static void refuse_no_file(void)
{
  g_autofree char *empty = g_build_filename(fuzz_folder, "none", NULL), *odd = g_build_filename(fuzz_folder, "odd", NULL);
  g_autofree char *inner = g_build_filename(odd, LUS_FRAMES_NAME, NULL);
  const char *const folders[] = {empty, odd};
  g_assert_cmpint(g_mkdir_with_parents(inner, 0700), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(lus_results_open(folders[i], &error));
    g_assert_nonnull(strstr(error->message, folders[i]));
  }
  g_rmdir(inner);
  g_rmdir(odd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = fuzz_named_file(LUS_FRAMES_NAME, data, size);
  g_autoptr(LusResultsReader) reader = lus_results_open(fuzz_folder, &error);
  gboolean end = FALSE;
  if (size == 0)
    refuse_no_file();
  g_assert_true((reader != NULL) == (error == NULL));
  if (reader) {
    const LusResultsHeader *header = &reader->header;
    LusResultsFrame frame;
    g_assert_true(header->n_classes >= 1 && header->n_classes <= LUS_MAX_CLASSES);
    g_assert_true(header->threshold >= 0 && header->threshold <= 1);
    gint64 n = 0;
    for (; lus_results_next(reader, &frame, &end, &error); n++) {
      g_assert_cmpint(frame.frame, ==, n);
      check_frame(header, &frame);
    }
    g_assert_true(end == (error == NULL));
  }
  if (error && !strstr(error->message, path))
    g_error("no place: %s", error->message);
  return 0;
}
