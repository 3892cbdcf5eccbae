/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/predict.h"
#include "lung/preprocess.h"
#include "nn/error.h"
#include "nn/plan.h"

#include <math.h>

#define CHUNK 32 /* samples between two calls of progress */

typedef struct {
  LusPlan *plan;
  float *input, *output;
} Lane;

typedef struct {
  const LusNormalise *normalise;
  int channels, first;
  gboolean squash; /* the network gives logits, wanted are confidences */
  const LusSamples *samples;
  Lane *lanes; /* one per thread */
  LusPredictBody body;
  gpointer data;
} Job;

static gboolean lane_init(Lane *lane, LusGraph *graph, const Job *job, GError **error)
{
  const LusSamples *s = job->samples;
  lane->plan = lus_plan_new(graph, job->channels, s->height, s->width, LUS_PLAN_INFER, 1, error);
  if (!lane->plan)
    return FALSE;
  int shape[3];
  lus_plan_output_shape(lane->plan, shape);
  if (shape[0] != s->n_classes || shape[1] != s->height || shape[2] != s->width) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "the network gives %d classes of %d x %d pixels, the samples have %d of %d x %d", shape[0], shape[2],
                shape[1], s->n_classes, s->width, s->height);
    return FALSE;
  }
  gsize pixels = (gsize)s->width * s->height;
  lane->input = g_try_new(float, pixels * job->channels);
  lane->output = g_try_new(float, pixels * s->n_classes);
  if (lane->input && lane->output)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory to run the network");
  return FALSE;
}

static void predict_sample(void *data, int item, int thread)
{
  const Job *job = data;
  const LusSamples *s = job->samples;
  const Lane *lane = &job->lanes[thread];
  int sample = job->first + item;
  const guint8 *luma = s->luma + (gsize)sample * s->width * s->height;
  lus_preprocess_normalise(lane->input, luma, s->width, s->height, job->channels, job->normalise);
  lus_plan_forward(lane->plan, lane->output, lane->input, NULL);
  for (gsize i = 0; job->squash && i < (gsize)s->width * s->height * s->n_classes; i++)
    lane->output[i] = 1.0f / (1.0f + expf(-lane->output[i]));
  job->body(job->data, sample, lane->output, thread);
}

static gboolean predict_all(Job *job, LusParallel *pool, LusProgress progress, gpointer progress_data,
                            const char *what, GError **error)
{
  int n = job->samples->n;
  for (job->first = 0; job->first < n; job->first += CHUNK) {
    int items = MIN(CHUNK, n - job->first);
    lus_parallel_for(pool, items, predict_sample, job);
    if (progress && !progress(progress_data, what, job->first + items, n)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped", what);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean predict(Job *job, LusGraph *graph, LusParallel *pool, LusProgress progress, gpointer progress_data,
                        const char *what, GError **error)
{
  int threads = lus_parallel_threads(pool);
  job->lanes = g_new0(Lane, threads);
  gboolean ok = TRUE;
  for (int i = 0; i < threads && ok; i++)
    ok = lane_init(&job->lanes[i], graph, job, error);
  ok = ok && predict_all(job, pool, progress, progress_data, what, error);
  for (int i = 0; i < threads; i++) {
    lus_plan_free(job->lanes[i].plan);
    g_free(job->lanes[i].input);
    g_free(job->lanes[i].output);
  }
  g_free(job->lanes);
  return ok;
}

gboolean lus_predict(LusGraph *graph, const LusNormalise *normalise, int channels, const LusSamples *samples,
                     LusParallel *pool, LusPredictBody body, gpointer data, LusProgress progress,
                     gpointer progress_data, const char *what, GError **error)
{
  Job job = {.normalise = normalise, .channels = channels, .samples = samples, .body = body, .data = data};
  return predict(&job, graph, pool, progress, progress_data, what, error);
}

gboolean lus_predict_model(LusModel *model, const LusSamples *samples, LusParallel *pool, LusPredictBody body,
                           gpointer data, LusProgress progress, gpointer progress_data, const char *what,
                           GError **error)
{
  const LusModelInfo *info = lus_model_info(model);
  const char *path = lus_model_path(model);
  if (info->n_classes != samples->n_classes) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: has %d classes, the samples have %d", path, info->n_classes,
                samples->n_classes);
    return FALSE;
  }
  if (info->width != samples->width || info->height != samples->height) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: takes %d x %d pixels, the samples have %d x %d", path,
                info->width, info->height, samples->width, samples->height);
    return FALSE;
  }
  g_autoptr(LusGraph) graph = lus_model_graph(model, error);
  Job job = {.normalise = &info->normalise, .channels = info->channels, .squash = info->logits, .samples = samples,
             .body = body, .data = data};
  return graph && predict(&job, graph, pool, progress, progress_data, what, error);
}
