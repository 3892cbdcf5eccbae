/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/evaluate-internal.h"
#include "learn/predict.h"
#include "learn/surface.h"
#include "learn/target.h"
#include "lung/confidence.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

/** Room for one thread. */
typedef struct {
  guint32 *counts; /* [LUS_CELLS] */
  guint64 *cells;  /* [LUS_CELLS] */
  guint8 *mask;
  float *sorted;
  LusSurface found, reference;
} Lane;

typedef struct {
  const LusSamples *samples;
  LusEvaluation *evaluation;
  int *patient;            /* [n samples] */
  LusDistances *distances; /* [n_classes][n_levels][n samples]: summed up in the end, in order */
  Lane *lanes;
  GMutex lock;             /* of the histograms, whose sums are whole numbers: any order gives the same */
} Job;

static gboolean lane_init(Lane *lane, const LusSamples *s)
{
  gsize pixels = (gsize)s->width * s->height;
  lane->counts = g_try_new0(guint32, LUS_CELLS);
  lane->cells = g_try_new(guint64, LUS_CELLS);
  lane->mask = g_try_malloc(pixels);
  lane->sorted = g_try_new(float, pixels);
  gboolean found = lus_surface_init(&lane->found, s->width, s->height);
  gboolean reference = lus_surface_init(&lane->reference, s->width, s->height);
  return lane->counts && lane->cells && lane->mask && lane->sorted && found && reference;
}

static void lane_clear(Lane *lane)
{
  g_free(lane->counts);
  g_free(lane->cells);
  g_free(lane->mask);
  g_free(lane->sorted);
  lus_surface_clear(&lane->found);
  lus_surface_clear(&lane->reference);
}

/** What a pixel's distance is worth in the evaluation's unit. */
static double unit(const Job *job, int sample)
{
  const LusSamples *s = job->samples;
  if (job->evaluation->mm)
    return s->mm_per_pixel[sample];
  return 100 / (s->sector_height ? s->sector_height[sample] : s->height);
}

static void compare_borders(const Job *job, Lane *lane, int sample, int class_index, const float *confidence,
                            const guint8 *percent)
{
  const LusEvaluation *e = job->evaluation;
  gsize pixels = (gsize)job->samples->width * job->samples->height;
  guint8 cut = lus_confidence_cut(e->cut);
  for (gsize i = 0; i < pixels; i++)
    lane->mask[i] = percent[i] <= 100 && lus_confidence_quantise(confidence[i]) >= cut;
  lus_surface_set(&lane->found, lane->mask);
  gsize size = 0;
  LusDistances last = {0};
  for (int l = 0; l < e->n_levels; l++) {
    gsize positive = 0;
    for (gsize i = 0; i < pixels; i++)
      positive += lane->mask[i] = percent[i] <= 100 && lus_target_positive(percent[i], e->levels[l]);
    if (l == 0 || positive != size) { /* masks of higher levels lie within: as large is the same */
      last = (LusDistances){0};
      lus_surface_set(&lane->reference, lane->mask);
      if (lus_surface_compare(&last.mean, &last.hausdorff95, &lane->found, &lane->reference, lane->sorted))
        last.n = 1;
      else
        last.one_sided = lane->found.n != lane->reference.n;
      last.mean *= unit(job, sample);
      last.hausdorff95 *= unit(job, sample);
    }
    size = positive;
    job->distances[((gsize)class_index * e->n_levels + l) * job->samples->n + sample] = last;
  }
}

void lus_histogram_add(LusHistogram *sum, const LusHistogram *other)
{
  guint64 *cells = g_new(guint64, MAX(sum->n + other->n, 1));
  int n = 0;
  for (int i = 0, j = 0; i < sum->n || j < other->n;) {
    guint64 a = i < sum->n ? sum->cells[i] : G_MAXUINT64, b = j < other->n ? other->cells[j] : G_MAXUINT64;
    guint64 cell_a = a >> LUS_CELL_SHIFT, cell_b = b >> LUS_CELL_SHIFT;
    i += cell_a <= cell_b;
    j += cell_b <= cell_a;
    cells[n++] = cell_a < cell_b ? a : cell_b < cell_a ? b : a + (guint64)LUS_CELL_COUNT(b);
  }
  g_free(sum->cells);
  sum->cells = g_renew(guint64, cells, MAX(n, 1));
  sum->n = n;
}

void lus_distances_add(LusDistances *sum, const LusDistances *other)
{
  sum->n += other->n;
  sum->one_sided += other->one_sided;
  sum->mean += other->mean;
  sum->hausdorff95 += other->hausdorff95;
}

/** Adds the pixels of one class and sample to the patient's histogram. */
static void count_pixels(Job *job, Lane *lane, int sample, int class_index, const float *confidence,
                         const guint8 *percent)
{
  gsize pixels = (gsize)job->samples->width * job->samples->height;
  for (gsize i = 0; i < pixels; i++)
    if (percent[i] <= 100)
      lane->counts[lus_confidence_quantise(confidence[i]) * 101 + percent[i]]++;
  LusHistogram mine = {.cells = lane->cells};
  for (int cell = 0; cell < LUS_CELLS; cell++) {
    if (lane->counts[cell])
      mine.cells[mine.n++] = LUS_CELL(cell, lane->counts[cell]);
    lane->counts[cell] = 0;
  }
  LusHistogram *sum = &job->evaluation->histograms[class_index * job->evaluation->n_patients + job->patient[sample]];
  g_mutex_lock(&job->lock);
  lus_histogram_add(sum, &mine);
  g_mutex_unlock(&job->lock);
}

static void evaluate_sample(gpointer data, int sample, const float *output, int thread)
{
  Job *job = data;
  const LusSamples *s = job->samples;
  gsize pixels = (gsize)s->width * s->height;
  for (int k = 0; k < s->n_classes; k++) {
    const float *confidence = output + k * pixels;
    const guint8 *percent = s->labels + ((gsize)sample * s->n_classes + k) * pixels;
    count_pixels(job, &job->lanes[thread], sample, k, confidence, percent);
    compare_borders(job, &job->lanes[thread], sample, k, confidence, percent);
  }
}

int lus_number_groups(int *number, const int *group, int n)
{
  g_autoptr(GHashTable) numbers = g_hash_table_new(NULL, NULL);
  for (int i = 0; i < n; i++) {
    gpointer found = NULL;
    if (!g_hash_table_lookup_extended(numbers, GINT_TO_POINTER(group[i]), NULL, &found)) {
      found = GINT_TO_POINTER(g_hash_table_size(numbers));
      g_hash_table_insert(numbers, GINT_TO_POINTER(group[i]), found);
    }
    number[i] = GPOINTER_TO_INT(found);
  }
  return (int)g_hash_table_size(numbers);
}

/** Numbers the patients, and names them. */
static void number_patients(LusEvaluation *e, int *patient, const LusSamples *s)
{
  e->n_patients = lus_number_groups(patient, s->group, s->n);
  e->patients = g_new0(char *, e->n_patients + 1);
  for (int i = 0; i < s->n; i++)
    if (!e->patients[patient[i]])
      e->patients[patient[i]] = g_strdup(s->patients ? s->patients[s->group[i]] : s->names[i]);
}

static void sum_distances(const Job *job)
{
  LusEvaluation *e = job->evaluation;
  int n = job->samples->n;
  for (gsize kl = 0; kl < (gsize)e->n_classes * e->n_levels; kl++)
    for (int i = 0; i < n; i++)
      lus_distances_add(&e->distances[kl * e->n_patients + job->patient[i]], &job->distances[kl * n + i]);
}

static gboolean check_config(const LusEvaluateConfig *c, GError **error)
{
  gboolean ok = c->n_levels >= 1 && c->n_levels <= LUS_EVALUATION_LEVELS && c->cut >= 0 && c->cut <= 1;
  for (int i = 0; ok && i < c->n_levels; i++)
    ok = c->levels[i] >= 0 && c->levels[i] <= 100 && (i == 0 || c->levels[i] > c->levels[i - 1]);
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "evaluation: cut and levels are 0 to 100 percent; levels ascend and are 1 to %d",
                LUS_EVALUATION_LEVELS);
  return ok;
}

static LusEvaluation *evaluation_new(const LusModelInfo *info, const LusEvaluateConfig *config, int n_samples)
{
  LusEvaluation *e = g_new0(LusEvaluation, 1);
  *e = (LusEvaluation){.n_classes = info->n_classes, .n_samples = n_samples, .n_levels = config->n_levels,
                       .cut = config->cut};
  e->levels = g_memdup2(config->levels, config->n_levels * sizeof *e->levels);
  e->classes = g_new0(char *, e->n_classes + 1);
  for (int k = 0; k < e->n_classes; k++)
    e->classes[k] = g_strdup(info->classes[k]);
  return e;
}

static gboolean run(Job *job, LusModel *model, const LusEvaluateConfig *config, GError **error)
{
  LusEvaluation *e = job->evaluation;
  const LusSamples *s = job->samples;
  LusParallel *pool = lus_parallel_new(config->threads);
  int threads = lus_parallel_threads(pool);
  job->lanes = g_new0(Lane, threads);
  job->distances = g_try_new0(LusDistances, (gsize)e->n_classes * e->n_levels * s->n);
  e->histograms = g_try_new0(LusHistogram, (gsize)e->n_classes * e->n_patients);
  e->distances = g_try_new0(LusDistances, (gsize)e->n_classes * e->n_levels * e->n_patients);
  gboolean ok = job->distances && e->histograms && e->distances;
  for (int i = 0; ok && i < threads; i++)
    ok = lane_init(&job->lanes[i], s);
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "evaluation: out of memory");
  ok = ok && lus_predict_model(model, s, pool, evaluate_sample, job, config->progress, config->progress_data,
                               "evaluating", error);
  if (ok)
    sum_distances(job);
  for (int i = 0; i < threads; i++)
    lane_clear(&job->lanes[i]);
  g_free(job->lanes);
  g_free(job->distances);
  lus_parallel_free(pool);
  return ok;
}

LusEvaluation *lus_evaluate(LusModel *model, const LusSamples *samples, const LusEvaluateConfig *config,
                            GError **error)
{
  const LusModelInfo *info = lus_model_info(model);
  if (!check_config(config, error))
    return NULL;
  if (info->n_classes != samples->n_classes) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: has %d classes, the samples have %d", lus_model_path(model),
                info->n_classes, samples->n_classes);
    return NULL;
  }
  g_autofree int *patient = g_new(int, MAX(samples->n, 1));
  g_autoptr(LusEvaluation) e = evaluation_new(info, config, samples->n);
  e->mm = lus_samples_scaled(samples);
  number_patients(e, patient, samples);
  Job job = {.samples = samples, .evaluation = e, .patient = patient};
  g_mutex_init(&job.lock);
  gboolean ok = run(&job, model, config, error);
  g_mutex_clear(&job.lock);
  return ok ? g_steal_pointer(&e) : NULL;
}

void lus_evaluation_free(LusEvaluation *e)
{
  if (!e)
    return;
  for (gsize i = 0; e->histograms && i < (gsize)e->n_classes * e->n_patients; i++)
    g_free(e->histograms[i].cells);
  g_free(e->histograms);
  g_free(e->distances);
  g_free(e->levels);
  g_strfreev(e->classes);
  g_strfreev(e->patients);
  g_free(e);
}
