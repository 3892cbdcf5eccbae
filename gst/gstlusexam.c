/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusexam.h"
#include <math.h>

struct _GstLusExam {
  gatomicrefcount references;
  LusExam *exam;
  LusHeads *heads;
  LusExamFile *baseline; /* NULL: none */
  char *baseline_name;
  LusEstimate estimate;
  gboolean estimated;      /* there is an estimate */
  gboolean asked;          /* or one was asked for */
  guint64 asked_frames;    /* and these many frames are in it */
  gboolean finished;       /* takes no more frames */
  gboolean settled;        /* and the estimate is the last */
  gboolean written;
  char finished_at[8];
  char *path, *exam_id;    /* as its finish said */
  GstLusExamSettings settings; /* of a finished one, whose texts are these */

  GstLusNetworks *networks; /* NULL: none */
  gboolean suited;          /* they read the model's planes */
  gboolean misfit;          /* they cannot, and should */
  gboolean at_work;
  GError *problem;          /* to be told */
  char *embeddings;

  char zone[LUS_ZONE_LENGTH];
  int zone_index; /* -1: frames count nowhere */
  char *clip;     /* NULL: unknown */
  char *model_sha256;
  guint64 frames;
  double features[LUS_FEATURE_N];
  LusFeatureMeter *meter;
  LusSegmentation *counted; /* the last result that was measured */
};

/* Only a file that was asked for must be there. */
static gboolean load_heads(GstLusExam *exam, const char *file, GError **error)
{
  g_autofree char *bundled = lus_model_bundled_path("default.heads.json");
  g_autoptr(LusExamNetworks) networks = NULL;

  exam->heads = lus_heads_load(file ? file : bundled, file ? error : NULL);
  if (!exam->heads)
    return !file;
  networks = lus_exam_networks_new(exam->heads, error);
  if (networks && lus_exam_networks_count(networks) > 0)
    exam->networks = gst_lus_networks_new(g_steal_pointer(&networks));
  return networks || exam->networks;
}

static gboolean load_baseline(GstLusExam *exam, const char *file, GError **error)
{
  if (!file)
    return TRUE;
  exam->baseline = lus_exam_file_read(file, error);
  exam->baseline_name = g_strdup(file);
  return exam->baseline != NULL;
}

GstLusExam *gst_lus_exam_new(const char *heads_file, char *const *zones, const char *baseline, GError **error)
{
  g_autofree char *joined = zones && *zones ? g_strjoinv(",", (gchar **)zones) : NULL;
  GstLusExam *exam = g_new0(GstLusExam, 1);

  g_atomic_ref_count_init(&exam->references);
  exam->zone_index = -1;
  exam->meter = lus_feature_meter_new();
  for (int i = 0; i < LUS_FEATURE_N; i++)
    exam->features[i] = NAN;
  exam->exam = lus_exam_new(joined, error);
  if (!exam->exam || !load_heads(exam, heads_file, error) || !load_baseline(exam, baseline, error))
    g_clear_pointer(&exam, gst_lus_exam_unref);
  return exam;
}

GstLusExam *gst_lus_exam_ref(GstLusExam *exam)
{
  g_atomic_ref_count_inc(&exam->references);
  return exam;
}

void gst_lus_exam_unref(GstLusExam *exam)
{
  if (!exam || !g_atomic_ref_count_dec(&exam->references))
    return;
  lus_exam_free(exam->exam);
  lus_heads_unref(exam->heads);
  gst_lus_networks_free(exam->networks);
  g_clear_error(&exam->problem);
  g_free(exam->embeddings);
  g_free(exam->path);
  g_free(exam->exam_id);
  g_free(exam->clip);
  g_free(exam->model_sha256);
  lus_segmentation_unref(exam->counted);
  lus_feature_meter_free(exam->meter);
  lus_exam_file_free(exam->baseline);
  g_free(exam->baseline_name);
  g_free(exam);
}

gboolean gst_lus_exam_set_zone(GstLusExam *exam, const char *zone)
{
  lus_feature_meter_reset(exam->meter);
  if (exam->networks && exam->zone_index >= 0)
    gst_lus_networks_pause(exam->networks, exam->zone_index);
  exam->zone_index = zone && *zone ? lus_exam_zone(exam->exam, zone) : -1;
  exam->zone[0] = '\0';
  if (exam->zone_index >= 0) {
    LusZone chosen;
    lus_exam_get_zone(exam->exam, exam->zone_index, &chosen);
    g_strlcpy(exam->zone, chosen.name, sizeof(exam->zone));
  }
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

void gst_lus_exam_set_clip(GstLusExam *exam, const char *clip)
{
  g_free(exam->clip);
  exam->clip = g_strdup(clip);
  lus_feature_meter_reset(exam->meter);
}

/* Elements between, as videorate, may send a picture twice. */
static gboolean is_new_result(const GstLusExam *exam, const GstLusSegMeta *meta)
{
  return meta && meta->segmentation && meta->mask && !(meta->flags & GST_LUS_SEG_REUSED) &&
         meta->segmentation != exam->counted;
}

/* A clip that goes over several zones is listed in each. It goes on where it is the zone's last; one that comes back after
 * another is a clip anew. */
static void list_clip(GstLusExam *exam)
{
  const char *const *clips = lus_exam_clips(exam->exam, exam->zone_index);
  const guint n = g_strv_length((char **)clips);

  if (exam->clip && (n == 0 || !g_str_equal(clips[n - 1], exam->clip)))
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

/* The first frame tells the model. */
static void meet_model(GstLusExam *exam, const LusModel *model)
{
  exam->model_sha256 = g_strdup(lus_model_sha256(model));
  exam->suited = exam->networks && gst_lus_networks_suit(exam->networks, model, &exam->problem);
  exam->misfit = exam->problem != NULL;
}

/* The zone's clips are numbered as exam.json lists them. */
static gboolean add_planes(GstLusExam *exam, const LusSegmentation *segmentation, const LusImage *image)
{
  const int number = (int)g_strv_length((char **)lus_exam_clips(exam->exam, exam->zone_index));

  return !exam->suited ||
         gst_lus_networks_add(exam->networks, exam->zone_index, exam->zone, number, image, segmentation);
}

GstLusExamAdded gst_lus_exam_add(GstLusExam *exam, const GstLusSegMeta *meta, const LusImage *image)
{
  const LusModel *model;

  if (exam->finished || exam->zone_index < 0 || !is_new_result(exam, meta))
    return GST_LUS_EXAM_SKIPPED;
  model = meta->segmentation->model;
  if (!exam->model_sha256)
    meet_model(exam, model);
  if (strcmp(exam->model_sha256, lus_model_sha256(model)) != 0)
    return GST_LUS_EXAM_OTHER_MODEL;
  if (!lus_feature_meter_run(exam->meter, exam->features, meta->segmentation, meta->mask, image))
    return GST_LUS_EXAM_NO_MEMORY;
  list_clip(exam);
  lus_exam_add_frame(exam->exam, exam->zone_index, exam->features);
  exam->frames++;
  lus_segmentation_unref(exam->counted);
  exam->counted = lus_segmentation_ref(meta->segmentation);
  if (!add_planes(exam, meta->segmentation, image))
    return GST_LUS_EXAM_NO_MEMORY;
  if (exam->heads && lus_heads_suit(exam->heads, exam->model_sha256) &&
      !is_cut_at(meta->mask, lus_heads_threshold(exam->heads)))
    return GST_LUS_EXAM_OTHER_THRESHOLD;
  return GST_LUS_EXAM_ADDED;
}

guint64 gst_lus_exam_frames(const GstLusExam *exam)
{
  return exam->frames;
}

static void publish(GstLusExam *exam, const LusEstimate *estimate, gboolean final)
{
  exam->estimate = *estimate;
  exam->estimated = TRUE;
  exam->settled = final;
}

/* Networks are asked for what is valid, and for a finished exam's embeddings. Estimates keep their order. */
static gboolean is_for_networks(const GstLusExam *exam, const LusEstimate *estimate)
{
  if (!exam->suited)
    return FALSE;
  return exam->finished || estimate->sf.valid || estimate->change_valid || estimate->readmission.valid ||
         gst_lus_networks_asked(exam->networks);
}

void gst_lus_exam_estimate(GstLusExam *exam, int min_frames)
{
  LusEstimateQuery query;
  LusEstimate estimate;

  if (exam->asked && exam->asked_frames == exam->frames)
    return;
  query = (LusEstimateQuery){.exam = exam->exam, .baseline = exam->baseline ? exam->baseline->exam : NULL,
                             .baseline_model = exam->baseline ? exam->baseline->model_sha256 : NULL,
                             .model_sha256 = exam->model_sha256, .min_frames = min_frames, .running = !exam->finished};
  lus_estimate(&estimate, exam->heads, &query);
  exam->asked = TRUE;
  exam->asked_frames = exam->frames;
  if (exam->misfit)
    gst_lus_networks_fail(exam->networks, &estimate);
  if (is_for_networks(exam, &estimate))
    gst_lus_networks_ask(exam->networks, &estimate, lus_exam_zones_at_hand(exam->exam, min_frames), exam->finished);
  else
    publish(exam, &estimate, exam->finished);
}

static void note_time(char out[8])
{
  g_autoptr(GDateTime) now = g_date_time_new_now_local();

  g_snprintf(out, 8, "%02d:%02d", g_date_time_get_hour(now), g_date_time_get_minute(now));
}

void gst_lus_exam_finish(GstLusExam *exam, const GstLusExamSettings *settings)
{
  if (exam->finished)
    return;
  note_time(exam->finished_at);
  exam->finished = TRUE;
  exam->asked = FALSE; /* zones that are missing now stay so */
  exam->path = g_strdup(settings->path);
  exam->exam_id = g_strdup(settings->exam_id);
  exam->settings = *settings;
  exam->settings.path = exam->path;
  exam->settings.exam_id = exam->exam_id;
  gst_lus_exam_estimate(exam, settings->min_frames);
}

gboolean gst_lus_exam_is_in(const GstLusExam *exam, const char *path)
{
  return exam->finished && exam->frames > 0 && exam->path && g_strcmp0(exam->path, path) == 0;
}

guint64 gst_lus_exam_unfinished_frames(const GstLusExam *exam)
{
  return exam->finished ? 0 : exam->frames;
}

char *gst_lus_exam_take_text(GstLusExam *exam, char **path)
{
  const LusExamRecord record = {
      .exam_id = exam->settings.exam_id,
      .day = -1,
      .model_sha256 = exam->model_sha256,
      .heads_sha256 = exam->heads ? lus_heads_sha256(exam->heads) : NULL,
      .min_frames = exam->settings.min_frames,
      .baseline = exam->baseline_name,
      .sf_measured = exam->settings.sf_measured,
      .embeddings = exam->embeddings,
  };

  if (!exam->settled || !exam->settings.path || exam->frames == 0 || exam->written)
    return NULL;
  exam->written = TRUE;
  *path = g_strdup(exam->settings.path);
  return lus_exam_to_json(exam->exam, &exam->estimate, &record);
}

void gst_lus_exam_note_unwritten(GstLusExam *exam)
{
  exam->written = FALSE;
}

GError *gst_lus_exam_take_problem(GstLusExam *exam)
{
  return g_steal_pointer(&exam->problem);
}

gboolean gst_lus_exam_begin_work(GstLusExam *exam)
{
  if (exam->at_work || !exam->networks || !gst_lus_networks_waits(exam->networks))
    return FALSE;
  exam->at_work = TRUE;
  return TRUE;
}

GstLusRound *gst_lus_exam_next_round(GstLusExam *exam)
{
  return gst_lus_networks_begin(exam->networks);
}

void gst_lus_exam_run(GstLusExam *exam, GstLusRound *round)
{
  gst_lus_round_run(round, exam->networks, exam->baseline);
}

void gst_lus_exam_end_round(GstLusExam *exam, GstLusRound *round)
{
  if (round->has_estimate)
    publish(exam, &round->estimate, round->final);
  if (round->final) {
    g_free(exam->embeddings);
    exam->embeddings = g_steal_pointer(&round->embeddings);
  }
  if (!exam->problem)
    exam->problem = g_steal_pointer(&round->problem);
  gst_lus_networks_end(exam->networks, round);
}

void gst_lus_exam_end_work(GstLusExam *exam)
{
  exam->at_work = FALSE;
}

gboolean gst_lus_exam_is_at_work(const GstLusExam *exam)
{
  return exam->at_work;
}

static void fill_view(const GstLusExam *exam, int min_frames, LusExamView *view)
{
  *view = (LusExamView){
      .present = TRUE,
      .n_zones = MIN(lus_exam_n_expected(exam->exam), LUS_MAX_ZONES),
      .min_frames = min_frames,
      .finished = exam->settled,
      .has_estimate = exam->estimated,
  };
  g_strlcpy(view->zone, exam->zone, sizeof(view->zone));
  if (exam->settled)
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

void gst_lus_exam_summarise(const GstLusExam *exam, const GstLusExamSettings *settings, GstStructure *summary)
{
  LusExamView view;

  if (exam->finished)
    settings = &exam->settings;
  fill_view(exam, settings->min_frames, &view);
  gst_lus_summary_set_exam(summary, &view);
  write_features(exam, summary);
  if (settings->exam_id)
    gst_structure_set(summary, "exam-id", G_TYPE_STRING, settings->exam_id, NULL);
  if (settings->sf_measured > 0)
    gst_structure_set(summary, "sf-measured", G_TYPE_DOUBLE, settings->sf_measured, NULL);
}
