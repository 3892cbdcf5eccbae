/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/annotation.h"
#include "learn/labels.h"
#include "learn/samples.h"
#include "nn/error.h"

#include <string.h>

#define IGNORE 255

/** Loading of one split. */
typedef struct {
  const LusDataset *dataset;
  char **annotators; /* folder names below labels/ */
  LusSamples *samples;
  guint16 *sum;      /* [frame_height][frame_width]: percents added up over annotators */
  guint8 *known;     /* how many of them did not ignore the pixel */
} Loader;

/** Adds one annotator's label; a missing file is no label. *@any: there was one. */
static gboolean add_label(const Loader *l, gboolean *any, const char *path, int width, int height, GError **error)
{
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return TRUE;
  int w = 0, h = 0;
  *any = TRUE;
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

/** The mean of the sample's annotators for one class of a frame, 255 where nobody said anything, into sample @index. Beside
 *  the crop a labelled class is absent, but of one that nobody labelled nothing is known there either. */
static gboolean load_class(const Loader *l, int index, int class_index, const LusLabelled *labelled,
                           const LusGeometry *geometry, const LusImage *image, GError **error)
{
  gsize n = (gsize)image->width * image->height;
  gboolean any = FALSE;
  memset(l->sum, 0, n * sizeof *l->sum);
  memset(l->known, 0, n);
  for (int a = 0; l->annotators[a]; a++) {
    if (labelled->annotator >= 0 && labelled->annotator != a)
      continue;
    g_autofree char *path = lus_labels_path(l->dataset, l->annotators[a], labelled->clip->name, labelled->frame,
                                            class_index);
    if (!add_label(l, &any, path, image->width, image->height, error))
      return FALSE;
  }
  if (!any) {
    lus_sample_unlabelled(l->samples, index, class_index);
    return TRUE;
  }
  guint8 *mean = l->known; /* each count is read before its place is written */
  for (gsize i = 0; i < n; i++)
    mean[i] = l->known[i] ? (guint8)((l->sum[i] + l->known[i] / 2) / l->known[i]) : IGNORE;
  lus_sample_label(l->samples, index, class_index, geometry, mean, image->width);
  return TRUE;
}

static gboolean load_sample(Loader *l, int index, const LusLabelled *labelled, const LusImage *image, LusSector *sector,
                            GError **error)
{
  gsize n = (gsize)image->width * image->height;
  l->sum = g_try_new(guint16, n);
  l->known = g_try_malloc(n);
  gboolean ok = l->sum && l->known;
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for its labels", labelled->clip->name);
  LusGeometry geometry;
  LusImage scaled = *image;
  if (labelled->clip->mm_per_pixel > 0)
    scaled.mm_per_pixel = labelled->clip->mm_per_pixel;
  ok = ok && lus_sample_luma(l->samples, index, &geometry, &scaled, sector, error);
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
static gboolean load_frames(Loader *l, int first, const LusLabelled *labelled, int n, LusFrameSource *source,
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
    for (; done < n && labelled[done].frame == frame; done++)
      if (!load_sample(l, first + done, &labelled[done], &image, *sector, error))
        return FALSE;
  }
  return TRUE;
}

static gboolean load_clip(Loader *l, int first, const LusLabelled *labelled, int n, LusFrameOpen open,
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
  g_autoptr(GStrvBuilder) names = g_strv_builder_new();
  g_autoptr(GHashTable) numbers = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < labelled->len; i++) {
    char *patient = g_array_index(labelled, LusLabelled, i).clip->patient;
    if (!g_hash_table_contains(numbers, patient)) {
      g_hash_table_insert(numbers, patient, GINT_TO_POINTER(g_hash_table_size(numbers)));
      g_strv_builder_add(names, patient);
    }
    samples->group[i] = GPOINTER_TO_INT(g_hash_table_lookup(numbers, patient));
  }
  samples->patients = g_strv_builder_end(names);
}

static gboolean load_clips(Loader *l, const GArray *labelled, LusFrameOpen open, gpointer user_data,
                           LusProgress progress, gpointer progress_data, GError **error)
{
  const LusLabelled *all = (const LusLabelled *)(const void *)labelled->data;
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

/** Tells which it is that lacks: patients in the split, or labels of theirs. */
static void refuse_unlabelled(const LusDataset *dataset, LusSplit split, GError **error)
{
  int clips = 0;
  g_autofree char *classes = g_strjoinv(", ", dataset->classes);
  for (int i = 0; i < dataset->n_clips; i++)
    clips += dataset->clips[i].split == split || split == LUS_SPLIT_N;
  if (clips == 0 && split != LUS_SPLIT_N)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no labelled frames in split '%s': no clip is of a patient in it; "
                "move patients there under 'splits' in dataset.json", dataset->path, lus_split_name(split));
  else
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no labelled frames in split '%s', which has %d clips; labels lie in "
                "labels/ANNOTATOR/CLIP/frame000000.CLASS.png, and the classes asked for are %s", dataset->path,
                split == LUS_SPLIT_N ? "any" : lus_split_name(split), clips, classes);
}

LusSamples *lus_samples_load(const LusDataset *dataset, LusSplit split, int width, int height, LusFrameOpen open,
                             gpointer user_data, LusProgress progress, gpointer progress_data, GError **error)
{
  Loader l = {.dataset = dataset};
  g_auto(GStrv) annotators = lus_dataset_annotators(dataset, error);
  if (!annotators)
    return NULL;
  l.annotators = annotators;
  g_autoptr(GArray) labelled = g_array_new(FALSE, FALSE, sizeof(LusLabelled));
  for (int i = 0; i < dataset->n_clips; i++)
    if (dataset->clips[i].split == split || split == LUS_SPLIT_N)
      lus_labels_find(labelled, dataset, annotators, &dataset->clips[i], dataset->each_annotator);
  if (labelled->len == 0) {
    refuse_unlabelled(dataset, split, error);
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
