/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/trainer.h"
#include "learn/augment.h"
#include "learn/checkpoint.h"
#include "learn/predict.h"
#include "learn/sampling.h"
#include "learn/train-lock.h"
#include "learn/train-log.h"
#include "learn/train-settings.h"
#include "lung/preprocess.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/plan.h"

#include <math.h>
#include <string.h>

#define MAX_BATCH 256
#define SMOOTHING 0.98  /* of the loss and Dice that are shown */

/** Streams of the training's seed; the low bits count epochs or drawn samples. */
#define STREAM_PERMUTATION ((guint64)1 << 60)
#define STREAM_AUGMENT ((guint64)2 << 60)

static const LusNormalise normalise = {.mode = LUS_NORMALISE_LIT};

/** One sample of the batch while it is made ready. */
typedef struct {
  int sample;
  guint8 *luma, *labels, *scratch;
} Slot;

typedef struct {
  const LusTrainConfig *config;
  const LusSamples *samples;
  char *settings;
  LusGraph *graph;
  int channels; /* of its input */
  int local, first; /* this process's part of each batch: how many samples, from which on */
  LusPlan *plan;
  LusParallel *pool;
  float *input, *logits, *d_logits, *target, *weight; /* [batch][in_channels or n_classes][pixels] */
  float *gradient;                                    /* flat parameters */
  LusTrainState state;
  Slot *slots; /* [batch] */
  int *permutation;
  double *sample_weights; /* NULL: all alike */
  gint64 epoch; /* of the permutation, -1: none yet */
  LusLoss loss;
  LusTrainLock *lock;
  LusTrainLog *log;
  double learning_rate, norm, step_loss; /* of the last step */
  double shown_loss, shown_dice[LUS_MAX_CLASSES];
  double validation; /* mean Dice of the last one, NaN: none yet */
} Trainer;

void lus_train_config_init(LusTrainConfig *config)
{
  *config = (LusTrainConfig){
    .network = lus_fpn_config_default(),
    .target = {.method = LUS_TARGET_THRESHOLD, .level = 60},
    .seed = 1,
    .steps = 1000,
    .batch = 8,
    .learning_rate = 2e-3,
    .warm_up = 50,
    .ema = 0.998,
    .checkpoint_interval = 200,
    .validation_interval = 500,
  };
  lus_optimizer_init(&config->optimizer, LUS_OPTIMIZER_ADAMW);
  lus_augment_init(&config->augment);
}

static gboolean check_config(const LusTrainConfig *config, const LusSamples *samples, GError **error)
{
  const char *wrong = NULL;
  if (samples->n < 1)
    wrong = "no labelled samples to train on";
  else if (config->steps < 0 || (config->steps == 0 && !config->initial))
    wrong = "the number of steps must be at least 1; 0 is for weights to begin with, which stay as they are";
  else if (config->batch < 1 || config->batch > MAX_BATCH)
    wrong = "the batch must hold 1 to 256 samples";
  else if (config->peers && config->batch % config->peers->count != 0)
    wrong = "the batch cannot be shared out equally; make it a multiple of the number of processes";
  else if (!(config->learning_rate > 0) || !isfinite(config->learning_rate))
    wrong = "the learning rate must be above 0";
  else if (config->warm_up < 0)
    wrong = "the warm-up cannot be negative";
  else if (!(config->ema >= 0 && config->ema < 1))
    wrong = "the decay of the averaged weights must be in 0 to below 1";
  else if (!(config->optimizer.clip >= 0) || !(config->optimizer.weight_decay >= 0))
    wrong = "clip and weight decay cannot be negative";
  else if (!(config->optimizer.momentum >= 0 && config->optimizer.momentum < 1))
    wrong = "the momentum must be in 0 to below 1";
  else if (!(config->balance >= 0 && config->balance <= 1))
    wrong = "the balance must be in 0..1";
  else if (config->patience < 0 || (config->patience > 0 && (!config->validation || config->validation_interval < 1)))
    wrong = "stopping early needs validation samples, and an interval between validations";
  else if (config->validation && config->validation->n_classes != samples->n_classes)
    wrong = "the validation samples' classes are not the training's";
  else if (config->checkpoint && config->checkpoint_interval < 1)
    wrong = "the checkpoint interval must be at least 1 step";
  else if (config->encoder && !config->encoder->group_norm)
    wrong = "an encoder with BatchNorm cannot be trained; ask for GroupNorm";
  else if ((config->encoder ? config->encoder->classes : config->network.classes) != samples->n_classes)
    wrong = "the network's classes are not as many as the samples'";
  if (wrong)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "training: %s", wrong);
  return !wrong;
}

static void slot_clear(Slot *slot)
{
  g_free(slot->luma);
  g_free(slot->labels);
  g_free(slot->scratch);
}

static gboolean slot_init(Slot *slot, const LusSamples *s)
{
  gsize pixels = (gsize)s->width * s->height;
  slot->luma = g_try_malloc(pixels);
  slot->labels = g_try_malloc(pixels * s->n_classes);
  slot->scratch = g_try_malloc(lus_augment_scratch_size(s->n_classes, s->width, s->height));
  return slot->luma && slot->labels && slot->scratch;
}

static gboolean plan_init(Trainer *t, GError **error)
{
  const LusSamples *s = t->samples;
  t->plan = lus_plan_new_batch(t->graph, t->channels, s->height, s->width, t->local,
                               lus_parallel_threads(t->pool), error);
  if (!t->plan)
    return FALSE;
  int shape[3];
  lus_plan_output_shape(t->plan, shape);
  if (shape[0] != s->n_classes || shape[1] != s->height || shape[2] != s->width) {
    g_set_error(
      error, LUS_ERROR, LUS_ERROR_INVALID,
      "training: the network gives %d x %d x %d for %d classes of %d x %d pixels; choose sides that 32 divides",
      shape[0], shape[2], shape[1], s->n_classes, s->width, s->height);
    return FALSE;
  }
  return TRUE;
}

static gboolean batch_init(Trainer *t, GError **error)
{
  const LusSamples *s = t->samples;
  gsize pixels = (gsize)s->width * s->height * t->local, planes = pixels * s->n_classes;
  gboolean ok = TRUE;
  for (int i = 0; ok && i < t->local; i++)
    ok = slot_init(&t->slots[i], s);
  t->input = g_try_new(float, pixels * t->channels);
  t->logits = g_try_new(float, planes);
  t->d_logits = g_try_new(float, planes);
  t->target = g_try_new(float, planes);
  t->weight = g_try_new(float, planes);
  t->gradient = g_try_new(float, t->state.n);
  if (ok && t->input && t->logits && t->d_logits && t->target && t->weight && t->gradient)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "training: no memory for a batch of %d; use a smaller one",
              t->local);
  return FALSE;
}

static void trainer_clear(Trainer *t)
{
  for (int i = 0; t->slots && i < t->local; i++)
    slot_clear(&t->slots[i]);
  g_free(t->slots);
  lus_plan_free(t->plan);
  g_free(t->input);
  g_free(t->logits);
  g_free(t->d_logits);
  g_free(t->target);
  g_free(t->weight);
  g_free(t->gradient);
  g_free(t->permutation);
  g_free(t->sample_weights);
  lus_train_lock_free(t->lock);
  g_free(t->settings);
  lus_train_log_free(t->log);
  lus_train_state_clear(&t->state);
  lus_parallel_free(t->pool);
  lus_graph_free(t->graph);
}

/** The process that reads, writes and reports. */
static gboolean is_first(const Trainer *t)
{
  return !t->config->peers || t->config->peers->rank == 0;
}

/** Everybody begins with the first process's state; all must have been asked for the same. */
static gboolean share_state(Trainer *t, GError **error)
{
  const LusTrainPeers *peers = t->config->peers;
  LusTrainState *state = &t->state;
  if (!peers)
    return TRUE;
  g_autofree char *digest = lus_sha256(t->settings, strlen(t->settings)), *first = g_strdup(digest);
  peers->broadcast(peers->data, first, strlen(first));
  if (!g_str_equal(first, digest)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "training: process %d has other options or other data than process 0; give all the same", peers->rank);
    return FALSE;
  }
  peers->broadcast(peers->data, &state->step, sizeof state->step);
  peers->broadcast(peers->data, &state->best_step, sizeof state->best_step);
  peers->broadcast(peers->data, &state->best_score, sizeof state->best_score);
  float *arrays[] = {state->parameters, state->m, state->v, state->average, state->best};
  for (gsize i = 0; i < G_N_ELEMENTS(arrays); i++)
    peers->broadcast(peers->data, arrays[i], state->n * sizeof(float));
  lus_graph_set_parameters(t->graph, state->parameters);
  return TRUE;
}

static gboolean open_log(Trainer *t, GError **error)
{
  const LusTrainConfig *config = t->config;
  if (!config->log || !is_first(t))
    return TRUE;
  char *names[LUS_MAX_CLASSES + 1] = {NULL};
  for (int k = 0; k < t->samples->n_classes; k++)
    names[k] = config->class_names ? g_strdup(config->class_names[k]) : g_strdup_printf("%d", k + 1);
  t->log = lus_train_log_open(config->log, (const char *const *)names, t->samples->n_classes, t->state.step, error);
  for (int k = 0; names[k]; k++)
    g_free(names[k]);
  return t->log != NULL;
}

/** New weights, those given, or the checkpoint's. */
static gboolean start(Trainer *t, GError **error)
{
  const LusTrainConfig *config = t->config;
  gboolean new_head = FALSE;
  if (config->initial && !lus_train_take_weights(t->graph, config->initial, config->initial_other_classes,
                                                  &new_head, error))
    return FALSE;
  if (new_head && config->steps == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "has %s, so that its head would stay random; train some steps%s",
                config->initial_other_classes ? "other classes or another order of them" : "another number of outputs",
                config->initial_other_classes ? ", or give the data set the model's classes in their order" : "");
    return FALSE;
  }
  lus_graph_get_parameters(t->graph, t->state.parameters);
  memcpy(t->state.average, t->state.parameters, t->state.n * sizeof(float));
  if (is_first(t) && config->checkpoint && g_file_test(config->checkpoint, G_FILE_TEST_EXISTS)) {
    if (!lus_checkpoint_read(config->checkpoint, &t->state, t->settings, error))
      return FALSE;
    lus_graph_set_parameters(t->graph, t->state.parameters);
  }
  return share_state(t, error) && open_log(t, error);
}

static gboolean trainer_init(Trainer *t, GError **error)
{
  const LusTrainConfig *config = t->config;
  t->epoch = -1;
  t->validation = (double)NAN;
  t->local = config->batch / (config->peers ? config->peers->count : 1);
  t->first = config->peers ? config->peers->rank * t->local : 0;
  lus_loss_init(&t->loss, t->samples->n_classes);
  if (config->loss)
    t->loss = *config->loss;
  t->channels = config->encoder ? config->encoder->in_channels : config->network.in_channels;
  t->graph = config->encoder ? lus_encoder_fpn_new(config->encoder, config->seed, error)
                             : lus_fpn_new(&config->network, config->seed, error);
  if (!t->graph || !lus_train_state_alloc(&t->state, lus_graph_n_parameters(t->graph), error))
    return FALSE;
  t->settings = lus_train_settings(config, &t->loss, t->samples);
  t->pool = lus_parallel_new(config->threads);
  t->slots = g_try_new0(Slot, t->local);
  t->permutation = g_try_new(int, t->samples->n);
  if (!t->pool || !t->slots || !t->permutation) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "training: out of memory");
    return FALSE;
  }
  if (config->balance > 0)
    t->sample_weights = lus_sampling_weights(t->samples, config->target.level, config->balance);
  if (is_first(t) && config->checkpoint && !(t->lock = lus_train_lock_new(config->checkpoint, error)))
    return FALSE;
  return plan_init(t, error) && batch_init(t, error) && start(t, error);
}

/** The order of the samples in one epoch, from the seed and the epoch alone. */
static void permute(Trainer *t, gint64 epoch)
{
  if (epoch == t->epoch)
    return;
  LusRng rng;
  lus_rng_init(&rng, t->config->seed, STREAM_PERMUTATION | (guint64)epoch);
  lus_sampling_epoch(t->permutation, t->samples->n, t->sample_weights, &rng);
  t->epoch = epoch;
}

static void choose_samples(Trainer *t)
{
  for (int i = 0; i < t->local; i++) {
    gint64 position = t->state.step * t->config->batch + t->first + i;
    permute(t, position / t->samples->n);
    t->slots[i].sample = t->permutation[position % t->samples->n];
  }
}

/** One sample: copy, augment, normalise, target. */
static void prepare_body(void *data, int item, int thread)
{
  (void)thread;
  const Trainer *t = data;
  const LusSamples *s = t->samples;
  Slot *slot = &t->slots[item];
  gsize pixels = (gsize)s->width * s->height, planes = pixels * s->n_classes;
  memcpy(slot->luma, s->luma + slot->sample * pixels, pixels);
  memcpy(slot->labels, s->labels + slot->sample * planes, planes);
  LusRng rng;
  lus_rng_init(&rng, t->config->seed, STREAM_AUGMENT | (guint64)(t->state.step * t->config->batch + t->first + item));
  lus_augment(slot->luma, slot->labels, s->n_classes, s->width, s->height, &t->config->augment, &rng, slot->scratch);
  int channels = t->channels;
  lus_preprocess_normalise(t->input + item * pixels * channels, slot->luma, s->width, s->height, channels, &normalise);
  lus_target_planes(t->target + item * planes, t->weight + item * planes, slot->labels, s->n_classes, s->width,
                    s->height, &t->config->target);
}

static double batch_loss(Trainer *t, double *dice)
{
  const float *logits[MAX_BATCH], *target[MAX_BATCH], *weight[MAX_BATCH];
  float *d_logits[MAX_BATCH];
  int batch = t->local;
  gsize pixels = (gsize)t->samples->width * t->samples->height, planes = pixels * t->samples->n_classes;
  for (int i = 0; i < batch; i++) {
    logits[i] = t->logits + i * planes;
    target[i] = t->target + i * planes;
    weight[i] = t->weight + i * planes;
    d_logits[i] = t->d_logits + i * planes;
  }
  return lus_loss_batch_part(d_logits, dice, logits, target, weight, &t->loss, batch, t->samples->n_classes,
                             pixels, t->config->peers, t->pool);
}

static gboolean train_step(Trainer *t, GError **error)
{
  const LusTrainConfig *config = t->config;
  LusTrainState *state = &t->state;
  double dice[LUS_MAX_CLASSES];
  choose_samples(t);
  lus_parallel_for(t->pool, t->local, prepare_body, t);
  lus_plan_forward(t->plan, t->logits, t->input, t->pool);
  double loss = batch_loss(t, dice);
  memset(t->gradient, 0, state->n * sizeof(float));
  lus_plan_backward(t->plan, t->gradient, NULL, t->d_logits, t->pool);
  if (config->peers)
    config->peers->sum_floats(config->peers->data, t->gradient, state->n);

  gint64 step = state->step + 1;
  t->step_loss = loss;
  t->learning_rate = lus_learning_rate(config->learning_rate, step, config->warm_up, config->steps);
  t->norm = lus_optimizer_step(state->parameters, state->m, state->v, t->gradient, state->n, &config->optimizer,
                               t->learning_rate, step, t->pool);
  if (!isfinite(loss) || !isfinite(t->norm)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED,
                "training: diverged at step %" G_GINT64_FORMAT " (loss %g, gradient %g); use a smaller learning rate",
                step, loss, t->norm);
    return FALSE;
  }
  lus_graph_set_parameters(t->graph, state->parameters);
  /* The average forgets faster at first, so that the initial weights do not linger in it. */
  float decay = (float)MIN(config->ema, (1.0 + (double)step) / (10.0 + (double)step));
  for (gsize i = 0; i < state->n; i++)
    state->average[i] = decay * state->average[i] + (1.0f - decay) * state->parameters[i];
  state->step = step;

  double old = t->shown_loss != 0 ? SMOOTHING : 0;
  t->shown_loss = old * t->shown_loss + (1 - old) * loss;
  for (int k = 0; k < t->samples->n_classes; k++)
    t->shown_dice[k] = old * t->shown_dice[k] + (1 - old) * dice[k];
  return TRUE;
}

static gboolean save_checkpoint(const Trainer *t, GError **error)
{
  return !is_first(t) || !t->config->checkpoint || lus_checkpoint_write(t->config->checkpoint, &t->state, t->settings, error);
}

/** FALSE when the caller, of the first process, asked to stop. */
static gboolean report(const Trainer *t)
{
  const LusTrainPeers *peers = t->config->peers;
  gboolean go_on = TRUE;
  if (t->config->progress && is_first(t)) {
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "loss %.3f dice", t->shown_loss);
    for (int k = 0; k < t->samples->n_classes; k++)
      g_string_append_printf(text, " %.2f", t->shown_dice[k]);
    if (!isnan(t->validation))
      g_string_append_printf(text, ", held out %.3f", t->validation);
    go_on = t->config->progress(t->config->progress_data, text->str, t->state.step, t->config->steps);
  }
  if (peers)
    peers->broadcast(peers->data, &go_on, sizeof go_on);
  return go_on;
}

/** @dice of the averaged weights per class, measured by the first process. */
static gboolean measure(Trainer *t, double *dice, GError **error)
{
  const LusTrainPeers *peers = t->config->peers;
  if (is_first(t)) {
    g_autoptr(LusGraph) graph = lus_graph_copy(t->graph, error);
    if (!graph)
      return FALSE;
    lus_graph_set_parameters(graph, t->state.average);
    if (!lus_best_dice(dice, graph, t->config->validation, &t->config->target, t->pool, error))
      return FALSE;
  }
  if (peers)
    peers->broadcast(peers->data, dice, (gsize)t->samples->n_classes * sizeof *dice);
  return TRUE;
}

/** The averaged weights on the validation samples: @dice per class; the best so far are kept. */
static gboolean validate(Trainer *t, double *dice, GError **error)
{
  LusTrainState *state = &t->state;
  if (!measure(t, dice, error))
    return FALSE;
  double sum = 0;
  int known = 0;
  for (int k = 0; k < t->samples->n_classes; k++) {
    sum += isnan(dice[k]) ? 0 : dice[k];
    known += !isnan(dice[k]);
  }
  if (known == 0 && t->config->patience > 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "training: the validation samples show none of the classes, so that they cannot tell when to stop");
    return FALSE;
  }
  t->validation = known > 0 ? sum / known : (double)NAN;
  if (known > 0 && (state->best_step == 0 || t->validation > state->best_score)) {
    state->best_step = state->step;
    state->best_score = t->validation;
    memcpy(state->best, state->average, state->n * sizeof(float));
  }
  return TRUE;
}

static gboolean is_validation_due(const Trainer *t)
{
  const LusTrainConfig *config = t->config;
  if (!config->validation || config->validation_interval < 1)
    return FALSE;
  return t->state.step % config->validation_interval == 0 || t->state.step == config->steps;
}

/** Whether so many validations have brought nothing better. */
static gboolean is_patience_over(const Trainer *t)
{
  const LusTrainConfig *config = t->config;
  return config->patience > 0 && t->state.best_step > 0 &&
         t->state.step - t->state.best_step >= (gint64)config->patience * config->validation_interval;
}

/** One step, and what has to be known of it. */
static gboolean train_and_log(Trainer *t, GError **error)
{
  double dice[LUS_MAX_CLASSES];
  if (!train_step(t, error))
    return FALSE;
  gboolean due = is_validation_due(t);
  if (due && !validate(t, dice, error))
    return FALSE;
  return !t->log || lus_train_log_add(t->log, t->state.step, t->step_loss, t->learning_rate, t->norm,
                                      due ? dice : NULL, error);
}

static gboolean train(Trainer *t, GError **error)
{
  const LusTrainConfig *config = t->config;
  while (t->state.step < config->steps && !is_patience_over(t)) {
    if (!train_and_log(t, error))
      return FALSE;
    gboolean go_on = report(t);
    gboolean last = t->state.step == config->steps || is_patience_over(t);
    if ((!go_on || last || t->state.step % MAX(config->checkpoint_interval, 1) == 0) && !save_checkpoint(t, error))
      return FALSE;
    if (!go_on && !last) {
      if (config->peers) /* nobody ends, and with that all, before the first process has written */
        config->peers->broadcast(config->peers->data, &go_on, sizeof go_on);
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "training: stopped after step %" G_GINT64_FORMAT " of %d",
                  t->state.step, config->steps);
      return FALSE;
    }
  }
  return TRUE;
}

LusGraph *lus_train(const LusTrainConfig *config, const LusSamples *samples, LusTrainResult *result, GError **error)
{
  if (!check_config(config, samples, error))
    return NULL;
  Trainer t = {.config = config, .samples = samples};
  LusGraph *graph = NULL;
  if (trainer_init(&t, error) && train(&t, error)) {
    gboolean best = config->patience > 0 && t.state.best_step > 0;
    lus_graph_set_parameters(t.graph, best ? t.state.best : t.state.average);
    if (result)
      *result = (LusTrainResult){.steps = t.state.step, .used_step = best ? t.state.best_step : t.state.step};
    graph = g_steal_pointer(&t.graph);
  }
  trainer_clear(&t);
  return graph;
}
