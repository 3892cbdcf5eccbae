/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/checkpoint.h"
#include "learn/optimizer.h"
#include "learn/train-lock.h"
#include "learn/video-internal.h"
#include "nn/error.h"
#include "nn/plan.h"
#include "nn/rng.h"

#include <math.h>
#include <string.h>

#define SLOTS 48 /* clips per step, more where one sample has more */
#define CHECKPOINT_STEPS 50
#define WARM_UP 20
#define EMA 0.98
#define KEPT_ZONES 4 /* clips that are left of an exam when some are dropped */
#define STREAM_ORDER ((guint64)1 << 60)
#define STREAM_VIEW ((guint64)2 << 60)
#define STREAM_HEAD ((guint64)3 << 60)

typedef struct {
  const LusVideoConfig *config;
  const LusVideoData *data;
  LusVideoHead *head;
  LusVideoSample *samples; /* those learnt from */
  int n, views, per_step, clip_floats;
  LusGraph *graph;
  LusPlan *plan;
  LusParallel *pool;
  LusTrainState state;
  LusVideoBatch batch;
  gsize graph_n;
  float *input, *gradient;
  int *order;
  gint64 epoch;
  char *settings;
  LusTrainLock *lock;
} Trainer;

void lus_video_config_init(LusVideoConfig *config)
{
  *config = (LusVideoConfig){.frames = 8, .widths = {16, 24, 32}, .embedding = 16, .steps = 400, .learning_rate = 0.003,
                             .folds = 5, .seed = 1};
}

static void trainer_clear(Trainer *t)
{
  lus_plan_free(t->plan);
  lus_graph_free(t->graph);
  lus_parallel_free(t->pool);
  lus_train_state_clear(&t->state);
  g_free(t->batch.items);
  g_free(t->batch.zone);
  g_free(t->batch.exam);
  g_free(t->batch.pair);
  g_free(t->batch.clips);
  g_free(t->batch.d_clips);
  lus_aligned_free(t->input);
  g_free(t->gradient);
  g_free(t->order);
  g_free(t->samples);
  g_free(t->settings);
  lus_train_lock_free(t->lock);
}

static int clips_of(const LusVideoData *data, const LusVideoSample *sample)
{
  return data->exams[sample->exam].n_clips + (sample->earlier >= 0 ? data->exams[sample->earlier].n_clips : 0);
}

/** Everything the weights depend on; planes, and zones with outcomes, by their sums. */
static char *describe(const Trainer *t)
{
  const LusVideoConfig *c = t->config;
  guint64 sum = 0, outcomes = 0;
  for (int i = 0; i < t->n; i++) {
    outcomes = outcomes * 31 + (guint64)(gint64)(t->samples[i].target * 1e6);
    for (int k = 0; k < 2; k++) {
      int exam = k ? t->samples[i].earlier : t->samples[i].exam;
      for (int j = 0; exam >= 0 && j < t->data->exams[exam].n_clips; j++) {
        const LusVideoClip *clip = &t->data->clips[t->data->exams[exam].first_clip + j];
        for (gsize at = 0; at < LUS_CLIP_SIZE(t->data->classes); at++)
          sum = sum * 31 + clip->planes[at];
        outcomes = outcomes * 31 + (guint64)clip->zone;
      }
    }
  }
  return g_strdup_printf("task %s\nframes %d\ngrey %d\nwidths %d,%d,%d\nembedding %d\nsteps %d\nlearning-rate %.9g\n"
                         "contrast %.9g\nseed %" G_GUINT64_FORMAT "\nsamples %d\nplanes %016" G_GINT64_MODIFIER
                         "x\noutcomes %016" G_GINT64_MODIFIER "x\nmean %.9g\nsd %.9g\n",
                         lus_task_name(c->task), c->frames, c->grey, c->widths[0], c->widths[1], c->widths[2],
                         c->embedding, c->steps, c->learning_rate, c->contrast, c->seed, t->n, sum, outcomes,
                         t->head->mean, t->head->sd);
}

static gboolean allocate(Trainer *t, int slots, GError **error)
{
  gsize row = (gsize)t->head->embedding + 1, n = (gsize)slots;
  LusVideoBatch *batch = &t->batch;
  batch->n_slots = slots;
  batch->items = g_new0(LusVideoItem, (gsize)t->per_step * (gsize)t->views);
  batch->zone = g_new0(int, n);
  batch->exam = g_new0(int, n);
  batch->pair = g_new0(int, n);
  batch->clips = g_new0(float, n * row);
  batch->d_clips = g_new0(float, n * row);
  t->input = lus_aligned_alloc(n * (gsize)t->clip_floats * sizeof(float));
  t->gradient = g_try_new0(float, t->state.n);
  t->order = g_new0(int, t->n);
  t->pool = lus_parallel_new(t->config->threads);
  if (t->input && t->gradient && t->pool)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "video network: no memory for %d clips at a time", slots);
  return FALSE;
}

static void start_head(Trainer *t)
{
  LusRng rng;
  lus_rng_init(&rng, t->config->seed, STREAM_HEAD);
  int inputs = lus_video_inputs(t->head);
  memset(t->head->zone_bias, 0, sizeof t->head->zone_bias);
  for (int o = 0; o < 3; o++) {
    t->head->bias[o] = 0;
    for (int k = 0; k < inputs; k++)
      t->head->weight[o][k] = (float)lus_rng_normal(&rng, 0, 1 / sqrt(inputs));
  }
}

static gboolean trainer_init(Trainer *t, const LusVideoSample *samples, int n, const gboolean *held_out,
                             const char *checkpoint, GError **error)
{
  const LusVideoConfig *config = t->config;
  int planes = t->data->classes + (config->grey ? 1 : 0), largest = 1;
  t->views = config->contrast > 0 ? 2 : 1;
  t->samples = g_new0(LusVideoSample, MAX(n, 1));
  for (int i = 0; i < n; i++) {
    if (held_out && held_out[t->data->exams[samples[i].exam].patient])
      continue;
    t->samples[t->n++] = samples[i];
    largest = MAX(largest, clips_of(t->data, &samples[i]));
  }
  int slots = MAX(SLOTS, largest * t->views);
  t->per_step = slots / (largest * t->views);
  t->clip_floats = config->frames * planes * LUS_CLIP_PIXELS * LUS_CLIP_PIXELS;
  t->epoch = -1;
  start_head(t);
  t->graph = lus_video_network_new(config, planes, error);
  if (!t->graph)
    return FALSE;
  t->graph_n = lus_graph_n_parameters(t->graph);
  if (!lus_train_state_alloc(&t->state, t->graph_n + (gsize)lus_video_head_parameters(t->head), error) ||
      !allocate(t, slots, error))
    return FALSE;
  t->plan = lus_plan_new_batch(t->graph, config->frames * planes, LUS_CLIP_PIXELS, LUS_CLIP_PIXELS, slots,
                               lus_parallel_threads(t->pool), error);
  if (!t->plan)
    return FALSE;
  lus_graph_get_parameters(t->graph, t->state.parameters);
  lus_video_head_get(t->state.parameters + t->graph_n, t->head);
  memcpy(t->state.average, t->state.parameters, t->state.n * sizeof(float));
  t->settings = describe(t);
  if (!checkpoint)
    return TRUE;
  t->lock = lus_train_lock_new(checkpoint, error);
  return t->lock && (!g_file_test(checkpoint, G_FILE_TEST_EXISTS) ||
                     lus_checkpoint_read(checkpoint, &t->state, t->settings, error));
}

static void use_parameters(Trainer *t, const float *parameters)
{
  lus_graph_set_parameters(t->graph, parameters);
  lus_video_head_set(t->head, parameters + t->graph_n);
}

/* ---- one step ---- */

/** The sample at a place of the endless list of epochs, each of which is a shuffle of its own. */
static const LusVideoSample *sample_at(Trainer *t, gint64 position)
{
  gint64 epoch = position / t->n;
  if (epoch != t->epoch) {
    LusRng rng;
    lus_rng_init(&rng, t->config->seed, STREAM_ORDER | (guint64)epoch);
    for (int i = 0; i < t->n; i++) {
      int k = (int)lus_rng_below(&rng, (guint32)i + 1);
      t->order[i] = t->order[k];
      t->order[k] = i;
    }
    t->epoch = epoch;
  }
  return &t->samples[t->order[position % t->n]];
}

/** Which of an exam's clips take part: now and then one or two are left out, as in exams that are not complete. */
static int choose_clips(int *chosen, const LusVideoExam *exam, LusRng *rng)
{
  double u = lus_rng_uniform01(rng);
  int drop = u < 0.6 ? 0 : u < 0.8 ? 1 : 2, n = exam->n_clips;
  for (int i = 0; i < n; i++)
    chosen[i] = exam->first_clip + i;
  for (; drop > 0 && n > KEPT_ZONES; drop--) {
    int k = (int)lus_rng_below(rng, (guint32)n);
    memmove(chosen + k, chosen + k + 1, (gsize)(n - 1 - k) * sizeof *chosen);
    n--;
  }
  return n;
}

static LusVideoRange fill_exam(Trainer *t, int *slot, int exam, const int *chosen, int n, int view, LusRng *rng)
{
  LusVideoRange range = {*slot, n};
  int spare = LUS_CLIP_FRAMES / t->head->frames;
  for (int i = 0; i < n; i++, (*slot)++) {
    const LusVideoClip *clip = &t->data->clips[chosen[i]];
    int first = t->views > 1 ? view % spare : (int)lus_rng_below(rng, (guint32)spare);
    gboolean mirror = lus_rng_below(rng, 2) == 1;
    t->batch.zone[*slot] = clip->zone;
    t->batch.exam[*slot] = exam;
    t->batch.pair[*slot] = -1;
    lus_clip_network_input(t->input + (gsize)*slot * (gsize)t->clip_floats, clip->planes, t->head, first, mirror);
  }
  return range;
}

static void pair_up(LusVideoBatch *batch, LusVideoRange a, LusVideoRange b)
{
  for (int i = 0; i < a.n; i++) {
    batch->pair[a.first + i] = b.first + i;
    batch->pair[b.first + i] = a.first + i;
  }
}

static void fill_sample(Trainer *t, int *slot, const LusVideoSample *sample, LusRng *rng)
{
  LusVideoBatch *batch = &t->batch;
  int last[SLOTS], earlier[SLOTS], n_earlier = 0;
  const LusVideoExam *exams = t->data->exams;
  g_autofree int *more_last = NULL, *more_earlier = NULL;
  int *of_last = exams[sample->exam].n_clips > SLOTS ? (more_last = g_new(int, exams[sample->exam].n_clips)) : last;
  int *of_earlier = earlier;
  int n_last = choose_clips(of_last, &exams[sample->exam], rng);
  if (sample->earlier >= 0) {
    if (exams[sample->earlier].n_clips > SLOTS)
      of_earlier = more_earlier = g_new(int, exams[sample->earlier].n_clips);
    n_earlier = choose_clips(of_earlier, &exams[sample->earlier], rng);
  }
  for (int view = 0; view < t->views; view++) {
    LusVideoItem *item = &batch->items[batch->n_items++];
    item->last = fill_exam(t, slot, sample->exam, of_last, n_last, view, rng);
    item->earlier = fill_exam(t, slot, sample->earlier, of_earlier, n_earlier, view, rng);
    item->target = t->head->task == LUS_TASK_SF ? (sample->target - t->head->mean) / t->head->sd : sample->target;
    if (view == 0)
      continue;
    pair_up(batch, item[-1].last, item->last);
    pair_up(batch, item[-1].earlier, item->earlier);
  }
}

static void fill_batch(Trainer *t)
{
  int slot = 0;
  t->batch.n_items = 0;
  for (int i = 0; i < t->per_step; i++) {
    gint64 position = t->state.step * t->per_step + i;
    LusRng rng;
    lus_rng_init(&rng, t->config->seed, STREAM_VIEW | (guint64)position);
    fill_sample(t, &slot, sample_at(t, position), &rng);
  }
  for (; slot < t->batch.n_slots; slot++) {
    memset(t->input + (gsize)slot * (gsize)t->clip_floats, 0, (gsize)t->clip_floats * sizeof *t->input);
    t->batch.pair[slot] = t->batch.zone[slot] = t->batch.exam[slot] = -1;
  }
}

static gboolean train_step(Trainer *t, double *loss, GError **error)
{
  LusTrainState *state = &t->state;
  LusOptimizer optimizer;
  gint64 step = state->step + 1;
  use_parameters(t, state->parameters);
  fill_batch(t);
  lus_plan_forward(t->plan, t->batch.clips, t->input, t->pool);
  memset(t->gradient, 0, state->n * sizeof *t->gradient);
  *loss = lus_video_loss(&t->batch, t->gradient + t->graph_n, t->head, t->config->contrast);
  lus_plan_backward(t->plan, t->gradient, NULL, t->batch.d_clips, t->pool);
  lus_optimizer_init(&optimizer, LUS_OPTIMIZER_ADAMW);
  optimizer.weight_decay = 0.01;
  double rate = lus_learning_rate(t->config->learning_rate, step, WARM_UP, t->config->steps);
  double norm = lus_optimizer_step(state->parameters, state->m, state->v, t->gradient, state->n, &optimizer, rate, step,
                                   t->pool);
  if (!isfinite(*loss) || !isfinite(norm)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED,
                "the video network diverged at step %" G_GINT64_FORMAT "; use a smaller --learning-rate", step);
    return FALSE;
  }
  float decay = (float)MIN(EMA, (1.0 + (double)step) / (10.0 + (double)step));
  for (gsize i = 0; i < state->n; i++)
    state->average[i] = decay * state->average[i] + (1 - decay) * state->parameters[i];
  state->step = step;
  return TRUE;
}

static gboolean save(const Trainer *t, const char *checkpoint, GError **error)
{
  return !checkpoint || lus_checkpoint_write(checkpoint, &t->state, t->settings, error);
}

static gboolean run(Trainer *t, const char *name, const char *checkpoint, GError **error)
{
  const LusVideoConfig *config = t->config;
  double shown = NAN, loss;
  while (t->state.step < config->steps) {
    if (!train_step(t, &loss, error))
      return FALSE;
    shown = isnan(shown) ? loss : 0.9 * shown + 0.1 * loss;
    g_autofree char *text = g_strdup_printf("%s loss %.3f", name, shown);
    gboolean go_on = !config->progress || config->progress(config->progress_data, text, t->state.step, config->steps);
    if ((!go_on || t->state.step % CHECKPOINT_STEPS == 0 || t->state.step == config->steps) &&
        !save(t, checkpoint, error))
      return FALSE;
    if (go_on)
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "interrupted%s",
                checkpoint ? "; the same command goes on from here" : "");
    return FALSE;
  }
  return TRUE;
}

LusGraph *lus_video_train(const LusVideoConfig *config, const LusVideoData *data, const LusVideoSample *samples, int n,
                          const gboolean *held_out, LusVideoHead *head, const char *name, const char *checkpoint,
                          GError **error)
{
  Trainer t = {.config = config, .data = data, .head = head};
  LusGraph *graph = NULL;
  if (trainer_init(&t, samples, n, held_out, checkpoint, error) && run(&t, name, checkpoint, error)) {
    use_parameters(&t, t.state.average);
    graph = lus_graph_copy(t.graph, error);
  }
  trainer_clear(&t);
  return graph;
}
