/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/annotation.h"
#include "learn/samples.h"
#include "nn/error.h"

#include <string.h>

#define FRAME_PREFIX "frame"
#define FRAME_DIGITS 6
#define IGNORE 255
#define MAX_ANNOTATORS 255 /* what a count of guint8 holds */

/** One labelled frame of a clip. */
typedef struct {
  const LusClip *clip;
  int frame;
} Labelled;

/** Loading of one split. */
typedef struct {
  const LusDataset *dataset;
  char **annotators; /* folder names below labels/, sorted */
  LusSamples *samples;
  guint16 *sum;      /* [frame_height][frame_width]: percents added up over annotators */
  guint8 *known;     /* how many of them did not ignore the pixel */
} Loader;

static int compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/** The names in a folder, sorted; empty if there is no such folder. */
static char **list_folder(const char *path)
{
  GPtrArray *names = g_ptr_array_new();
  GDir *dir = g_dir_open(path, 0, NULL);
  for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir))
    g_ptr_array_add(names, g_strdup(name));
  g_clear_pointer(&dir, g_dir_close);
  g_ptr_array_sort(names, compare_names);
  g_ptr_array_add(names, NULL);
  return (char **)g_ptr_array_free(names, FALSE);
}

/** "frame000012.pleural_line.png" of one of the classes gives 12, else -1. */
static int frame_of(const LusDataset *dataset, const char *name)
{
  gsize prefix = strlen(FRAME_PREFIX);
  if (strncmp(name, FRAME_PREFIX, prefix) != 0)
    return -1;
  int frame = 0;
  for (gsize i = prefix; i < prefix + FRAME_DIGITS; i++) {
    if (!g_ascii_isdigit(name[i]))
      return -1;
    frame = frame * 10 + name[i] - '0';
  }
  const char *rest = name + prefix + FRAME_DIGITS;
  if (*rest != '.')
    return -1;
  for (int k = 0; k < dataset->n_classes; k++) {
    gsize n = strlen(dataset->classes[k]);
    if (strncmp(rest + 1, dataset->classes[k], n) == 0 && g_str_equal(rest + 1 + n, ".png"))
      return frame;
  }
  return -1;
}

static int compare_ints(gconstpointer a, gconstpointer b)
{
  return *(const int *)a - *(const int *)b;
}

/** Appends the clip's labelled frames, ascending. */
static void find_labelled(const Loader *l, GArray *labelled, const LusClip *clip)
{
  g_autoptr(GArray) frames = g_array_new(FALSE, FALSE, sizeof(int));
  for (int a = 0; l->annotators[a]; a++) {
    g_autofree char *folder = g_build_filename(l->dataset->path, "labels", l->annotators[a], clip->name, NULL);
    g_auto(GStrv) names = list_folder(folder);
    for (int i = 0; names[i]; i++) {
      int frame = frame_of(l->dataset, names[i]);
      if (frame >= 0)
        g_array_append_val(frames, frame);
    }
  }
  g_array_sort(frames, compare_ints);
  for (guint i = 0; i < frames->len; i++) {
    Labelled one = {clip, g_array_index(frames, int, i)};
    if (i == 0 || one.frame != g_array_index(frames, int, i - 1))
      g_array_append_val(labelled, one);
  }
}

/** Adds one annotator's label; a missing file is no label. */
static gboolean add_label(const Loader *l, const char *path, int width, int height, GError **error)
{
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return TRUE;
  int w = 0, h = 0;
  g_autofree guint8 *percent = lus_label_read(path, &w, &h, error);
  if (!percent)
    return FALSE;
  if (w != width || h != height) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %d x %d pixels, but the clip's frames have %d x %d", path,
                w, h, width, height);
    return FALSE;
  }
  for (gsize i = 0; i < (gsize)width * height; i++) {
    if (percent[i] == IGNORE)
      continue;
    l->sum[i] = (guint16)(l->sum[i] + percent[i]);
    l->known[i]++;
  }
  return TRUE;
}

/** The mean of all annotators for one class of a frame, 255 where nobody said anything, into sample @index. */
static gboolean load_class(const Loader *l, int index, int class_index, const Labelled *labelled,
                           const LusGeometry *geometry, const LusImage *image, GError **error)
{
  gsize n = (gsize)image->width * image->height;
  memset(l->sum, 0, n * sizeof *l->sum);
  memset(l->known, 0, n);
  for (int a = 0; l->annotators[a]; a++) {
    g_autofree char *name = g_strdup_printf(FRAME_PREFIX "%0*d.%s.png", FRAME_DIGITS, labelled->frame,
                                            l->dataset->classes[class_index]);
    g_autofree char *path = g_build_filename(l->dataset->path, "labels", l->annotators[a], labelled->clip->name, name,
                                             NULL);
    if (!add_label(l, path, image->width, image->height, error))
      return FALSE;
  }
  guint8 *mean = l->known; /* each count is read before its place is written */
  for (gsize i = 0; i < n; i++)
    mean[i] = l->known[i] ? (guint8)((l->sum[i] + l->known[i] / 2) / l->known[i]) : IGNORE;
  lus_sample_label(l->samples, index, class_index, geometry, mean, image->width);
  return TRUE;
}

static gboolean load_sample(Loader *l, int index, const Labelled *labelled, const LusImage *image, LusSector *sector,
                            GError **error)
{
  gsize n = (gsize)image->width * image->height;
  l->sum = g_try_new(guint16, n);
  l->known = g_try_malloc(n);
  gboolean ok = l->sum && l->known;
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for its labels", labelled->clip->name);
  LusGeometry geometry;
  ok = ok && lus_sample_luma(l->samples, index, &geometry, image, sector, error);
  for (int k = 0; ok && k < l->dataset->n_classes; k++)
    ok = load_class(l, index, k, labelled, &geometry, image, error);
  g_clear_pointer(&l->sum, g_free);
  g_clear_pointer(&l->known, g_free);
  l->samples->names[index] = g_strdup_printf("%s/%d", labelled->clip->name, labelled->frame);
  return ok;
}

static gboolean start_sector(LusSector **sector, LusRect *size, const LusImage *image, const LusClip *clip,
                             GError **error)
{
  *size = (LusRect){0, 0, image->width, image->height};
  *sector = lus_sector_new(image->width, image->height, LUS_SECTOR_AUTO, (LusRect){0});
  if (!*sector)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for the sector", clip->file);
  return *sector != NULL;
}

/** Decodes a clip up to its last labelled frame; the sector sees every frame on the way, as it does at inference. */
static gboolean load_frames(Loader *l, int first, const Labelled *labelled, int n, LusFrameSource *source,
                            LusSector **sector, GError **error)
{
  int done = 0;
  LusRect size = {0};
  for (int frame = 0; done < n; frame++) {
    LusImage image;
    gint64 pts;
    gboolean end = FALSE;
    if (!source->next(source, &image, &pts, &end, error))
      return FALSE;
    if (end) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: has %d frames, but frame %d is labelled",
                  labelled->clip->file, frame, labelled[done].frame);
      return FALSE;
    }
    if (frame == 0 && !start_sector(sector, &size, &image, labelled->clip, error))
      return FALSE;
    if (image.width != size.width || image.height != size.height) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                  "%s: the picture's size changes at frame %d; cut the clip there", labelled->clip->file, frame);
      return FALSE;
    }
    lus_sector_update(*sector, &image);
    if (frame != labelled[done].frame)
      continue;
    if (!load_sample(l, first + done, &labelled[done], &image, *sector, error))
      return FALSE;
    done++;
  }
  return TRUE;
}

static gboolean load_clip(Loader *l, int first, const Labelled *labelled, int n, LusFrameOpen open,
                          gpointer user_data, GError **error)
{
  g_autofree char *path = g_build_filename(l->dataset->path, labelled->clip->file, NULL);
  LusFrameSource *source = open(path, user_data, error);
  if (!source)
    return FALSE;
  LusSector *sector = NULL;
  gboolean ok = load_frames(l, first, labelled, n, source, &sector, error);
  lus_sector_free(sector);
  source->free(source);
  return ok;
}

/** Numbers the patients in the order in which they appear. */
static void number_groups(LusSamples *samples, const GArray *labelled)
{
  g_autoptr(GHashTable) numbers = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < labelled->len; i++) {
    char *patient = g_array_index(labelled, Labelled, i).clip->patient;
    if (!g_hash_table_contains(numbers, patient))
      g_hash_table_insert(numbers, patient, GINT_TO_POINTER(g_hash_table_size(numbers)));
    samples->group[i] = GPOINTER_TO_INT(g_hash_table_lookup(numbers, patient));
  }
}

static gboolean load_clips(Loader *l, const GArray *labelled, LusFrameOpen open, gpointer user_data,
                           LusProgress progress, gpointer progress_data, GError **error)
{
  const Labelled *all = (const Labelled *)(const void *)labelled->data;
  int n = (int)labelled->len;
  for (int first = 0, end; first < n; first = end) {
    for (end = first + 1; end < n && all[end].clip == all[first].clip;)
      end++;
    if (!load_clip(l, first, all + first, end - first, open, user_data, error))
      return FALSE;
    if (progress && !progress(progress_data, "reading clips", end, n)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "reading clips: stopped");
      return FALSE;
    }
  }
  return TRUE;
}

LusSamples *lus_samples_load(const LusDataset *dataset, LusSplit split, int width, int height, LusFrameOpen open,
                             gpointer user_data, LusProgress progress, gpointer progress_data, GError **error)
{
  Loader l = {.dataset = dataset};
  g_autofree char *folder = g_build_filename(dataset->path, "labels", NULL);
  g_auto(GStrv) annotators = list_folder(folder);
  if (g_strv_length(annotators) > MAX_ANNOTATORS) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: more than %d annotators", folder, MAX_ANNOTATORS);
    return NULL;
  }
  l.annotators = annotators;
  g_autoptr(GArray) labelled = g_array_new(FALSE, FALSE, sizeof(Labelled));
  for (int i = 0; i < dataset->n_clips; i++)
    if (dataset->clips[i].split == split)
      find_labelled(&l, labelled, &dataset->clips[i]);
  if (labelled->len == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no labelled frames in split '%s'; labels lie in "
                "labels/ANNOTATOR/CLIP/frame000000.CLASS.png", dataset->path, lus_split_name(split));
    return NULL;
  }
  LusSamples *samples = l.samples = lus_samples_new((int)labelled->len, dataset->n_classes, width, height, error);
  if (!samples)
    return NULL;
  number_groups(samples, labelled);
  if (!load_clips(&l, labelled, open, user_data, progress, progress_data, error))
    g_clear_pointer(&samples, lus_samples_free);
  return samples;
}
