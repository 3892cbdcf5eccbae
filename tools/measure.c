/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "measure.h"

void lus_tool_measure_cut(LusToolMeasure *measure, double threshold)
{
  measure->threshold = threshold;
  for (int i = 0; i < LUS_MAX_CLASSES; i++)
    measure->masks.thresholds[i] = threshold;
}

gboolean lus_tool_measure_share(LusToolMeasure *measure, LusModel *model, double threshold, int threads, GError **error)
{
  const LusSegmenterConfig config = {.sector_mode = LUS_SECTOR_AUTO, .threads = threads};
  *measure = (LusToolMeasure){.model = lus_model_ref(model)};
  lus_tool_measure_cut(measure, threshold >= 0 ? threshold : (double)lus_model_info(model)->threshold);
  measure->segmenter = lus_segmenter_new(model, &config, error);
  measure->masker = lus_masker_new();
  measure->meter = lus_feature_meter_new();
  return measure->segmenter != NULL;
}

gboolean lus_tool_measure_open(LusToolMeasure *measure, const char *model_path, double threshold, int threads,
                               GError **error)
{
  g_autofree char *path = model_path ? g_strdup(model_path) : lus_model_bundled_path("default.onnx");
  *measure = (LusToolMeasure){0};
  g_autoptr(LusModel) model = lus_model_load(path, error);
  gboolean ok = model && lus_tool_measure_share(measure, model, threshold, threads, error);
  measure->progress = lus_tool_progress_new();
  return ok;
}

void lus_tool_measure_clear(LusToolMeasure *measure)
{
  lus_tool_progress_free(measure->progress);
  lus_masker_free(measure->masker);
  lus_segmenter_free(measure->segmenter);
  lus_model_unref(measure->model);
  lus_feature_meter_free(measure->meter);
}

static gboolean measure_frame(LusToolMeasure *measure, LusExam *exam, int zone, const LusImage *image, gint64 pts_ns,
                              GError **error)
{
  g_autoptr(LusSegmentation) segmentation = NULL;
  if (!lus_segmenter_run(measure->segmenter, &segmentation, image, pts_ns, error))
    return FALSE;
  if (!segmentation)
    return TRUE;
  g_autoptr(LusMask) mask = lus_masker_run(measure->masker, segmentation, &measure->masks);
  double features[LUS_FEATURE_N];
  if (!mask || !lus_feature_meter_run(measure->meter, features, segmentation, mask, image)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for the masks of a frame");
    return FALSE;
  }
  lus_exam_add_frame(exam, zone, features);
  if (measure->planes && !lus_clip_planes_add(measure->planes, image, segmentation)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for a clip's planes");
    return FALSE;
  }
  if (!measure->keys || lus_key_frames_offer(measure->keys, zone, image, segmentation, mask, features))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for a key frame");
  return FALSE;
}

/** Measures frame by frame until the clip's end. @mm_per_pixel: 0: what the file tells. */
static gboolean measure_frames(LusToolMeasure *measure, LusExam *exam, int zone, LusFrameSource *source,
                               double mm_per_pixel, const char *what, GError **error)
{
  int width = 0, height = 0;
  for (gint64 done = 0;; done++) {
    LusImage image;
    gint64 pts_ns, total = -1;
    int fps_n, fps_d;
    gboolean end = FALSE;
    if (!source->next(source, &image, &pts_ns, &end, error))
      return FALSE;
    if (end)
      return TRUE;
    if (mm_per_pixel > 0)
      image.mm_per_pixel = mm_per_pixel;
    if (image.width != width || image.height != height) {
      width = image.width;
      height = image.height;
      if (!lus_segmenter_set_frame_size(measure->segmenter, width, height, error))
        return FALSE;
    }
    if (!measure_frame(measure, exam, zone, &image, pts_ns, error))
      return FALSE;
    lus_tool_clip_rate(source, &fps_n, &fps_d, &total);
    if (measure->worker && !lus_tool_worker_frame(measure->worker, done + 1, total, error))
      return FALSE;
    if (measure->worker || lus_tool_progress(measure->progress, what, done + 1, total))
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "interrupted; nothing was written");
    return FALSE;
  }
}

gboolean lus_tool_measure_clip(LusToolMeasure *measure, LusExam *exam, int zone, const LusToolClip *clip, const char *what,
                               GError **error)
{
  const char *path = clip->path;
  g_autoptr(GError) problem = NULL;
  LusFrameSource *source = lus_tool_open_clip(path, NULL, error);
  if (!source)
    return FALSE;
  lus_segmenter_reset(measure->segmenter);
  if (measure->planes)
    lus_clip_planes_reset(measure->planes);
  lus_feature_meter_reset(measure->meter);
  gboolean done = measure_frames(measure, exam, zone, source, clip->mm_per_pixel, what, &problem);
  source->free(source);
  if (done)
    return TRUE;
  if (!g_str_has_prefix(problem->message, path) && !g_error_matches(problem, LUS_ERROR, LUS_ERROR_CANCELLED))
    g_prefix_error(&problem, "%s: ", path);
  g_propagate_error(error, g_steal_pointer(&problem));
  return FALSE;
}
