/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "training.h"
#include "samples.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/** Less of a target's entropy than this is what a constant output explains, up to rounding and chance. */
#define LEAST_EXPLAINED 0.005

void lus_training_init(LusTraining *run)
{
  *run = (LusTraining){0};
  lus_train_config_init(&run->config);
  lus_model_info_init(&run->info);
}

void lus_training_clear(LusTraining *run)
{
  lus_train_options_clear(&run->options);
  for (int k = 0; k < LUS_MAX_CLASSES; k++)
    g_free(run->outputs[k]);
  g_free(run->command);
  g_free(run->checkpoint);
  lus_graph_free(run->initial_graph);
  lus_model_unref(run->initial);
  lus_model_unref(run->average);
  lus_model_info_clear(&run->info);
  lus_samples_free(run->owned);
  lus_graph_free(run->graph);
}

char *lus_training_help(const char *description, const char *example)
{
  GString *text = g_string_new(description);
  g_string_append(text, "\n\nAugmentation, with how often it comes at strength 1:\n");
  for (int i = 0; i < LUS_AUGMENT_N; i++)
    g_string_append_printf(text, "  %-12s %4.0f %%  %s\n", lus_augment_name((LusAugmentMethod)i),
                           100 * lus_augment_probability((LusAugmentMethod)i),
                           lus_augment_summary((LusAugmentMethod)i));
  g_string_append(text, "\nTarget methods:\n");
  for (int i = 0; i < LUS_TARGET_N; i++)
    g_string_append_printf(text, "  %-20s %s\n", lus_target_form((LusTargetMethod)i),
                           lus_target_summary((LusTargetMethod)i));
  g_string_append(text, "\nLosses, of which sums with factors may be written:\n");
  for (int i = 0; i < LUS_LOSS_N; i++)
    g_string_append_printf(text, "  %-20s %s\n", lus_loss_form((LusLossTerm)i), lus_loss_summary((LusLossTerm)i));
  g_string_append_printf(text, "\nExample: %s", example);
  return g_string_free(text, FALSE);
}

static gboolean parse_widths(LusFpnConfig *network, const char *text)
{
  int *w = network->widths;
  char rest = 0;
  if (sscanf(text, "%4d,%4d,%4d,%4d%c", &w[0], &w[1], &w[2], &w[3], &rest) != 4)
    return FALSE;
  return w[0] > 0 && w[1] > 0 && w[2] > 0 && w[3] > 0;
}

static int bad(const LusTraining *run, const char *key, GError *error)
{
  int code = lus_train_options_bad(&run->options, key, error->message);
  g_error_free(error);
  return code;
}

/** The network; an exit code. */
static int configure_network(LusTraining *run)
{
  LusTrainOptions *o = &run->options;
  LusTrainConfig *c = &run->config;
  char text[32];
  if (g_str_equal(o->encoder, "residual")) {
    int *w = c->network.widths;
    if (o->width != 0)
      return lus_train_options_bad(o, "width", "the residual encoder has widths (--widths A,B,C,D)");
    if (o->widths && !parse_widths(&c->network, o->widths))
      return lus_train_options_bad(o, "widths", "write four numbers, for example 32,56,88,120");
    g_snprintf(text, sizeof text, "%d,%d,%d,%d", w[0], w[1], w[2], w[3]);
    lus_train_options_set(o, "widths", text);
    return LUS_EXIT_DONE;
  }
  run->encoder = (LusEncoderFpnConfig){.in_channels = 1, .group_norm = TRUE, .head_bias = c->network.head_bias};
  if (!lus_encoder_parse(&run->encoder.encoder, o->encoder, NULL))
    return lus_train_options_bad(o, "encoder", "is one of residual, resnet18, resnet34, mobilenet_v2");
  if (o->widths)
    return lus_train_options_bad(o, "widths", "are for the residual encoder; this one has --width N");
  if (o->width % 16 != 0)
    return lus_train_options_bad(o, "width", "must be a multiple of 16");
  run->encoder.width = o->width != 0 ? o->width : lus_encoder_usual_width(run->encoder.encoder);
  g_snprintf(text, sizeof text, "%d", run->encoder.width);
  lus_train_options_set(o, "width", text);
  c->encoder = &run->encoder;
  return LUS_EXIT_DONE;
}

/** Options that are words of their own little languages; an exit code. */
static int configure_words(LusTraining *run)
{
  LusTrainOptions *o = &run->options;
  LusModelInfo *info = &run->info;
  GError *error = NULL;
  if (!lus_tool_parse_size(o->size, &info->width, &info->height))
    return lus_train_options_bad(o, "size", "write for example 256x256");
  if (info->width % 32 != 0 || info->height % 32 != 0 || info->width > 2048 || info->height > 2048)
    return lus_train_options_bad(o, "size", "sides are multiples of 32 up to 2048");
  if (!lus_target_parse(&run->target, o->target, &error))
    return bad(run, "target", error);
  lus_loss_init(&run->loss, LUS_MAX_CLASSES);
  if (!lus_loss_parse(&run->loss, o->loss, &error))
    return bad(run, "loss", error);
  if (o->augment && !lus_augment_parse(&run->config.augment, o->augment, &error))
    return bad(run, "augment", error);
  LusOptimizerMethod method = LUS_OPTIMIZER_ADAMW;
  if (!lus_optimizer_parse(&method, o->optimizer, &error))
    return bad(run, "optimizer", error);
  lus_optimizer_init(&run->config.optimizer, method);
  return LUS_EXIT_DONE;
}

/** What the record says is what was done, with all numbers filled in. */
static void complete_options(LusTraining *run)
{
  LusTrainOptions *o = &run->options;
  g_autofree char *target = lus_target_to_string(&run->target), *loss = lus_loss_to_string(&run->loss);
  lus_train_options_set(o, "target", target);
  lus_train_options_set(o, "loss", loss);
  g_autofree char *augment = lus_augment_to_string(&run->config.augment);
  lus_train_options_set(o, "augment", augment);
  if (o->learning_rate > 0)
    return;
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  o->learning_rate = lus_optimizer_usual_rate(run->config.optimizer.method);
  lus_train_options_set(o, "learning-rate", g_ascii_dtostr(number, sizeof number, o->learning_rate));
}

int lus_training_configure(LusTraining *run)
{
  LusTrainOptions *o = &run->options;
  LusTrainConfig *c = &run->config;
  int code = configure_words(run);
  if (code == LUS_EXIT_DONE)
    code = configure_network(run);
  if (code != LUS_EXIT_DONE)
    return code;
  if (o->patience > 0 && o->validation_interval == 0)
    return lus_train_options_bad(o, "patience", "needs a validation-interval above 0");
  if ((float)o->best_mask != run->info.threshold && lus_target_is_graded(&run->target))
    return lus_train_options_bad(o, "best-mask", "is for targets with a threshold; this one's confidence stays as it is");
  complete_options(run);
  c->target = run->target;
  c->loss = &run->loss;
  c->steps = o->steps;
  c->batch = o->batch;
  c->balance = o->balance;
  c->optimizer.momentum = o->momentum;
  c->optimizer.weight_decay = o->weight_decay;
  c->optimizer.clip = o->clip;
  c->learning_rate = o->learning_rate;
  c->warm_up = o->warm_up;
  c->ema = o->ema;
  c->seed = (guint64)o->seed;
  c->threads = o->threads;
  c->validation_interval = o->validation_interval;
  c->patience = o->patience;
  c->log = o->log;
  c->checkpoint_interval = o->checkpoint_interval;
  run->checkpoint = o->checkpoint ? g_strdup(o->checkpoint) : g_strconcat(o->output, ".checkpoint", NULL);
  c->checkpoint = run->checkpoint;
  return LUS_EXIT_DONE;
}

static void set_text(char **text, char *value)
{
  g_free(*text);
  *text = value;
}

void lus_training_describe(LusTraining *run, const LusDataset *dataset)
{
  const LusTrainOptions *o = &run->options;
  LusModelInfo *info = &run->info;
  if (dataset) {
    for (int k = 0; k < info->n_classes; k++)
      g_clear_pointer(&info->classes[k], g_free);
    info->n_classes = dataset->n_classes;
    for (int k = 0; k < dataset->n_classes; k++)
      info->classes[k] = g_strdup(dataset->classes[k]);
  }
  lus_loss_weigh_classes(&run->loss, (const char *const *)info->classes, info->n_classes);
  run->config.network.classes = run->encoder.classes = info->n_classes;
  if (o->licence)
    set_text(&info->licence, g_strdup(o->licence));
  else if (dataset)
    set_text(&info->licence, g_strdup_printf("trained on data under: %s", dataset->licence));
  else
    set_text(&info->licence, g_strdup("LGPL-2.1-or-later; trained on simulated pictures alone"));
  if (o->probes)
    set_text(&info->probes, g_strdup(o->probes));
  else
    set_text(&info->probes,
             g_strdup(dataset ? "those of the training data" : "simulated linear, convex and phased-array probes"));
}

static gboolean same_classes(const LusModelInfo *a, const LusModelInfo *b)
{
  gboolean same = a->n_classes == b->n_classes;
  for (int k = 0; same && k < a->n_classes; k++)
    same = g_str_equal(a->classes[k], b->classes[k]);
  return same;
}

static gboolean average_initial(LusTraining *run, GError **error)
{
  const char *path = run->options.average;
  if (!path)
    return TRUE;
  run->average = lus_model_load(path, error);
  g_autoptr(LusGraph) with = run->average ? lus_model_graph(run->average, error) : NULL;
  if (!with)
    return FALSE;
  if (!same_classes(lus_model_info(run->average), lus_model_info(run->initial))) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: its classes are not those of %s in their order; only models of the same classes have a mean", path,
                run->options.initial);
    return FALSE;
  }
  if (lus_train_average_weights(run->initial_graph, with, error))
    return TRUE;
  g_prefix_error(error, "%s: ", path);
  return FALSE;
}

gboolean lus_training_load_initial(LusTraining *run, GError **error)
{
  const char *path = run->options.initial;
  if (!path && run->options.average) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "--average: needs --init, the model to average with");
    return FALSE;
  }
  if (!path)
    return TRUE;
  run->initial = lus_model_load(path, error);
  if (run->initial)
    run->config.initial = run->initial_graph = lus_model_graph(run->initial, error);
  return run->initial_graph && average_initial(run, error);
}

/** The training record: what made the model, and, once known, how good it is on the held-out samples. */
static void record(LusTraining *run, const LusClassMetrics *metrics)
{
  const LusTrainConfig *c = &run->config;
  g_autofree char *target = lus_target_to_string(&run->target), *loss = lus_loss_to_string(&run->loss);
  /* JSON is UTF-8, file names need not be. */
  g_autofree char *command = g_utf8_make_valid(run->command, -1), *data = g_utf8_make_valid(run->data_text, -1);
  json_t *root = json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:i, s:I, s:I, s:i, s:f, s:o}", "command", command,
                           "version", lus_version(), "data", data, "seed", (json_int_t)c->seed, "target", target,
                           "loss", loss, "samples", run->samples->n, "steps", (json_int_t)run->result.steps, "used_step",
                           (json_int_t)run->result.used_step, "batch", c->batch, "learning_rate", c->learning_rate,
                           "config", lus_train_options_record(&run->options));
  if (run->initial)
    json_object_set_new(root, "initial_sha256", json_string(lus_model_sha256(run->initial)));
  if (run->average)
    json_object_set_new(root, "average_sha256", json_string(lus_model_sha256(run->average)));
  if (metrics) {
    json_t *classes = json_object();
    for (int k = 0; k < run->info.n_classes; k++) {
      const double figures[] = {metrics[k].dice, metrics[k].dice_low, metrics[k].dice_high};
      json_t *values = json_array();
      for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
        json_array_append_new(values, isnan(figures[i]) ? json_null() : json_real(round(figures[i] * 1e4) / 1e4));
      json_object_set_new(classes, run->info.classes[k], values);
    }
    json_object_set_new(root, "held_out", json_pack("{s:i, s:s, s:o}", "samples", run->held_out->n, "what",
                                                    "Dice at the threshold with its 95 % interval", "dice", classes));
  }
  char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(6));
  set_text(&run->info.training, g_strdup(text));
  free(text);
  json_decref(root);
}

/** Saves, measures what was saved, and saves again with the figures. */
static gboolean save(LusTraining *run, LusClassMetrics *metrics, GError **error)
{
  const char *path = run->options.output;
  record(run, NULL);
  if (!lus_model_save(run->graph, &run->info, path, error))
    return FALSE;
  g_autoptr(LusModel) model = lus_model_load(path, error);
  if (!model || !lus_metrics_evaluate(metrics, model, run->held_out, (double)run->info.threshold, run->target.level,
                                      run->config.seed, run->config.threads, run->config.progress,
                                      run->config.progress_data, error))
    return FALSE;
  record(run, metrics);
  return lus_model_save(run->graph, &run->info, path, error);
}

static gboolean run_trainer(LusTraining *run, const LusSamples *held_out, GError **error)
{
  LusTrainConfig *c = &run->config;
  c->validation = held_out;
  c->class_names = (const char *const *)run->outputs;
  run->graph = lus_train(c, run->samples, &run->result, error);
  if (!run->graph && run->initial && !g_error_matches(*error, LUS_ERROR, LUS_ERROR_CANCELLED))
    g_prefix_error(error, "beginning with the weights of %s: ", run->options.initial);
  if (run->graph && run->result.steps < c->steps) {
    lus_tool_progress_end(run->config.progress_data);
    fprintf(stderr, "lus %s: stopped after step %d; the weights of step %d are the best\n", run->options.command,
            (int)run->result.steps, (int)run->result.used_step);
  }
  return run->graph != NULL;
}

/** @before and @after: the sentence around the names. */
static void warn_of(const LusTraining *run, const char *before, const GPtrArray *names, const char *after)
{
  if (names->len == 0)
    return;
  g_autofree char *text = lus_tool_name_some(names);
  lus_tool_progress_end(run->config.progress_data);
  fprintf(stderr, "lus %s: warning: %s%s%s\n", run->options.command, before, text, after);
}

/** Calibrates, and says which outputs that was for nothing. */
static gboolean calibrate(const LusTraining *run, const LusSamples *held_out, double cut, GError **error)
{
  const LusTrainConfig *c = &run->config;
  double explained[LUS_MAX_CLASSES];
  if (!lus_calibrate(run->graph, explained, held_out, &c->target, cut, c->threads, error))
    return FALSE;
  if (c->peers && c->peers->rank > 0)
    return TRUE;
  g_autoptr(GPtrArray) absent = g_ptr_array_new(), useless = g_ptr_array_new();
  for (int k = 0; k < held_out->n_classes; k++) {
    if (isnan(explained[k]))
      g_ptr_array_add(absent, run->outputs[k]);
    else if (explained[k] < LEAST_EXPLAINED)
      g_ptr_array_add(useless, run->outputs[k]);
  }
  warn_of(run, "no pixel of the held-out samples, or every one, is ", absent, ": not calibrated, and its figures say nothing");
  warn_of(run, "the network has learnt nothing of ", useless,
          c->steps > 0 ? ": if the training diverged, use a smaller --learning-rate, else more --steps or more samples"
                       : ", as far as the held-out samples tell");
  return TRUE;
}

void lus_training_warn(const LusTraining *run)
{
  const LusTrainConfig *c = &run->config;
  if (c->steps == 0 || c->steps >= c->warm_up)
    return;
  fprintf(stderr, "lus %s: warning: %d steps end in the warm-up of %d, at a learning rate of %.3g instead of %.3g; use a "
                  "smaller --warmup or more steps\n", run->options.command, c->steps, c->warm_up,
          lus_learning_rate(c->learning_rate, c->steps, c->warm_up, c->steps), c->learning_rate);
}

/** Ordinal targets: every level of a class is an output with its class's weight, trained and calibrated as a mask of
 *  its own; then they become one confidence. */
static gboolean train_levels(LusTraining *run, GError **error)
{
  int levels = (int)run->target.levels, classes = run->info.n_classes;
  LusTrainConfig *c = &run->config;
  LusSamples *samples = lus_target_expand(run->samples, levels, error);
  if (!samples)
    return FALSE;
  lus_samples_free(run->owned);
  run->samples = run->owned = samples;
  const LusLoss by_class = run->loss;
  for (int i = 0; i < classes * levels; i++)
    run->loss.positive_weight[i] = by_class.positive_weight[i / levels];
  c->network.classes = run->encoder.classes = classes * levels;
  c->target = (LusTarget){.method = LUS_TARGET_THRESHOLD, .level = 50};
  for (int i = 0; i < classes * levels; i++)
    run->outputs[i] = g_strdup_printf("%s_%d", run->info.classes[i / levels], 100 * (i % levels + 1) / levels);
  g_autoptr(LusSamples) held_out = lus_target_expand(run->held_out, levels, error);
  run->info.logits = FALSE;
  return held_out && run_trainer(run, held_out, error) && calibrate(run, held_out, 0, error) &&
         lus_target_fold(run->graph, classes, levels, error);
}

static gboolean train_masks(LusTraining *run, GError **error)
{
  for (int k = 0; k < run->info.n_classes; k++)
    run->outputs[k] = g_strdup(run->info.classes[k]);
  if (!run_trainer(run, run->held_out, error))
    return FALSE;
  /* Graded targets: the output is the expected confidence, which a moved cut would bend. */
  double cut = lus_target_is_graded(&run->target) ? 0 : run->options.best_mask;
  return calibrate(run, run->held_out, cut, error);
}

gboolean lus_training_run(LusTraining *run, LusClassMetrics *metrics, GError **error)
{
  run->n_held_out = run->held_out->n;
  run->config.initial_other_classes = run->initial && !same_classes(lus_model_info(run->initial), &run->info);
  gboolean ordinal = run->target.method == LUS_TARGET_ORDINAL;
  if (!(ordinal ? train_levels(run, error) : train_masks(run, error)))
    return FALSE;
  const LusTrainPeers *peers = run->config.peers;
  return (peers && peers->rank > 0) || save(run, metrics, error); /* all have the same network */
}
