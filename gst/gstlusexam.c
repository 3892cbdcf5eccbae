/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusexam.h"
#include <math.h>

struct _GstLusExam {
  LusExam *exam;
  LusHeads *heads;
  LusExamFile *baseline; /* NULL: none */
  char *baseline_name;
  LusEstimate estimate;
  gboolean estimated;      /* there is an estimate */
  guint64 estimated_frames; /* and these many frames are in it */
  gboolean finished, written;
  char finished_at[8];

  char zone[LUS_ZONE_LENGTH];
  int zone_index; /* -1: frames count nowhere */
  char *clip;     /* NULL: unknown */
  char *model_sha256;
  guint64 frames;
  double features[LUS_FEATURE_N];
  LusFeatureMeter *meter;
};

gboolean gst_lus_heads_load(LusHeads **heads, const char *file, GError **error)
{
  g_autofree char *bundled = NULL;

  if (file) {
    *heads = lus_heads_load(file, error);
    return *heads != NULL;
  }
  bundled = lus_model_bundled_path("default.heads.json");
  *heads = lus_heads_load(bundled, NULL);
  return TRUE;
}

GstLusExam *gst_lus_exam_new(char *const *zones, LusHeads *heads, GError **error)
{
  g_autofree char *joined = zones && *zones ? g_strjoinv(",", (gchar **)zones) : NULL;
  LusExam *frames = lus_exam_new(joined, error);
  GstLusExam *exam;

  if (!frames)
    return NULL;
  exam = g_new0(GstLusExam, 1);
  exam->exam = frames;
  exam->heads = heads ? lus_heads_ref(heads) : NULL;
  exam->zone_index = -1;
  exam->meter = lus_feature_meter_new();
  for (int i = 0; i < LUS_FEATURE_N; i++)
    exam->features[i] = NAN;
  return exam;
}

void gst_lus_exam_free(GstLusExam *exam)
{
  if (!exam)
    return;
  lus_exam_free(exam->exam);
  if (exam->heads)
    lus_heads_unref(exam->heads);
  g_free(exam->clip);
  g_free(exam->model_sha256);
  lus_feature_meter_free(exam->meter);
  lus_exam_file_free(exam->baseline);
  g_free(exam->baseline_name);
  g_free(exam);
}

gboolean gst_lus_exam_set_zone(GstLusExam *exam, const char *zone)
{
  lus_feature_meter_reset(exam->meter);
  exam->zone_index = zone && *zone ? lus_exam_zone(exam->exam, zone) : -1;
  g_strlcpy(exam->zone, exam->zone_index >= 0 ? zone : "", sizeof(exam->zone));
  return exam->zone_index >= 0 || !zone || !*zone;
}

gboolean gst_lus_exam_expected_zone(const GstLusExam *exam, int index, char zone[LUS_ZONE_LENGTH])
{
  LusZone expected;

  if (index < 0 || index >= lus_exam_n_expected(exam->exam))
    return FALSE;
  lus_exam_get_zone(exam->exam, index, &expected);
  g_strlcpy(zone, expected.name, LUS_ZONE_LENGTH);
  return TRUE;
}

gboolean gst_lus_exam_set_baseline(GstLusExam *exam, const char *file, GError **error)
{
  LusExamFile *baseline = lus_exam_file_read(file, error);

  if (!baseline)
    return FALSE;
  lus_exam_file_free(exam->baseline);
  exam->baseline = baseline;
  g_free(exam->baseline_name);
  exam->baseline_name = g_strdup(file);
  return TRUE;
}

void gst_lus_exam_set_clip(GstLusExam *exam, const char *clip)
{
  g_free(exam->clip);
  exam->clip = g_strdup(clip);
  lus_feature_meter_reset(exam->meter);
}

static gboolean is_new_result(const GstLusSegMeta *meta)
{
  return meta && meta->segmentation && meta->mask && !(meta->flags & GST_LUS_SEG_REUSED);
}

/* A clip that goes over several zones is listed in each. */
static void list_clip(GstLusExam *exam)
{
  const char *const *clips = lus_exam_clips(exam->exam, exam->zone_index);

  if (exam->clip && !g_strv_contains(clips, exam->clip))
    lus_exam_add_clip(exam->exam, exam->zone_index, exam->clip);
}

static gboolean is_cut_at(const LusMask *mask, double threshold)
{
  const guint8 cut = lus_confidence_cut(threshold);

  for (int k = 0; k < mask->n_classes; k++) {
    if (mask->cut[k] != cut)
      return FALSE;
  }
  return TRUE;
}

GstLusExamAdded gst_lus_exam_add(GstLusExam *exam, const GstLusSegMeta *meta, const LusImage *image)
{
  const char *sha256;

  if (exam->finished || exam->zone_index < 0 || !is_new_result(meta))
    return GST_LUS_EXAM_SKIPPED;
  sha256 = lus_model_sha256(meta->segmentation->model);
  if (!exam->model_sha256)
    exam->model_sha256 = g_strdup(sha256);
  if (strcmp(exam->model_sha256, sha256) != 0)
    return GST_LUS_EXAM_OTHER_MODEL;
  if (!lus_feature_meter_run(exam->meter, exam->features, meta->segmentation, meta->mask, image))
    return GST_LUS_EXAM_NO_MEMORY;
  list_clip(exam);
  lus_exam_add_frame(exam->exam, exam->zone_index, exam->features);
  exam->frames++;
  if (exam->heads && !is_cut_at(meta->mask, lus_heads_threshold(exam->heads)))
    return GST_LUS_EXAM_OTHER_THRESHOLD;
  return GST_LUS_EXAM_ADDED;
}

void gst_lus_exam_estimate(GstLusExam *exam, int min_frames)
{
  LusEstimateQuery query;

  if (exam->estimated && exam->estimated_frames == exam->frames)
    return;
  query = (LusEstimateQuery){.exam = exam->exam, .baseline = exam->baseline ? exam->baseline->exam : NULL,
                             .baseline_model = exam->baseline ? exam->baseline->model_sha256 : NULL,
                             .model_sha256 = exam->model_sha256, .min_frames = min_frames, .running = !exam->finished};
  lus_estimate(&exam->estimate, exam->heads, &query);
  exam->estimated = TRUE;
  exam->estimated_frames = exam->frames;
}

static gboolean write_json(const GstLusExam *exam, const char *path, const char *exam_id, int min_frames,
                           double sf_measured, GError **error)
{
  const LusExamRecord record = {
      .exam_id = exam_id,
      .day = -1,
      .model_sha256 = exam->model_sha256,
      .heads_sha256 = exam->heads ? lus_heads_sha256(exam->heads) : NULL,
      .min_frames = min_frames,
      .baseline = exam->baseline_name,
      .sf_measured = sf_measured,
  };
  g_autofree char *json = lus_exam_to_json(exam->exam, &exam->estimate, &record);

  if (!json) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for %s", path);
    return FALSE;
  }
  return lus_file_write(path, json, strlen(json), error);
}

static void note_time(char out[8])
{
  g_autoptr(GDateTime) now = g_date_time_new_now_local();

  g_snprintf(out, 8, "%02d:%02d", g_date_time_get_hour(now), g_date_time_get_minute(now));
}

gboolean gst_lus_exam_finish(GstLusExam *exam, const char *path, const char *exam_id, int min_frames,
                             double sf_measured, GError **error)
{
  if (!exam->finished) {
    note_time(exam->finished_at);
    exam->finished = TRUE;
    exam->estimated = FALSE; /* zones that are missing now stay so */
  }
  gst_lus_exam_estimate(exam, min_frames);
  if (!path || exam->frames == 0 || exam->written)
    return TRUE;
  exam->written = write_json(exam, path, exam_id, min_frames, sf_measured, error);
  return exam->written;
}

static void fill_view(const GstLusExam *exam, int min_frames, LusExamView *view)
{
  *view = (LusExamView){
      .present = TRUE,
      .n_zones = MIN(lus_exam_n_expected(exam->exam), LUS_MAX_ZONES),
      .min_frames = min_frames,
      .finished = exam->finished,
      .has_estimate = exam->estimated,
  };
  g_strlcpy(view->zone, exam->zone, sizeof(view->zone));
  g_strlcpy(view->finished_at, exam->finished_at, sizeof(view->finished_at));
  for (int i = 0; i < view->n_zones; i++) {
    LusZone zone;
    lus_exam_get_zone(exam->exam, i, &zone);
    g_strlcpy(view->zones[i], zone.name, LUS_ZONE_LENGTH);
    view->frames[i] = zone.frames;
  }
  if (exam->estimated)
    view->estimate = exam->estimate;
}

static void write_features(const GstLusExam *exam, GstStructure *summary)
{
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    const char *name = lus_feature_info((LusFeature)i)->name;
    if (isnan(exam->features[i]))
      gst_structure_remove_field(summary, name);
    else
      gst_structure_set(summary, name, G_TYPE_DOUBLE, exam->features[i], NULL);
  }
}

void gst_lus_exam_summarise(const GstLusExam *exam, int min_frames, GstStructure *summary)
{
  LusExamView view;

  fill_view(exam, min_frames, &view);
  gst_lus_summary_set_exam(summary, &view);
  write_features(exam, summary);
}
