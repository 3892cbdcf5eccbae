/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "toy.h"
#include "learn/checkpoint.h"
#include "learn/predict.h"
#include "learn/sampling.h"
#include "learn/train-lock.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/plan.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/** What a progress callback saw and does. */
typedef struct {
  double first_loss, last_loss;
  gint64 stop_at;   /* answer FALSE there; 0: never */
  gint64 copy_at;   /* keep the checkpoint file as it is there; 0: never */
  const char *checkpoint;
  guint8 *copy;
  gsize copy_length;
  gint64 calls;
} Watch;

static gboolean watch(gpointer data, const char *what, gint64 done, gint64 total)
{
  Watch *w = data;
  double loss = 0;
  g_assert_cmpint(sscanf(what, "loss %lf dice", &loss), ==, 1);
  g_assert_cmpint(done, <=, total);
  if (w->calls++ == 0)
    w->first_loss = loss;
  w->last_loss = loss;
  if (done == w->copy_at)
    w->copy = lus_file_read(w->checkpoint, 10000000, &w->copy_length, NULL);
  return done != w->stop_at;
}

static LusGraph *train(const LusTrainConfig *config, const LusSamples *samples)
{
  g_autoptr(GError) error = NULL;
  LusGraph *graph = lus_train(config, samples, NULL, &error);
  g_assert_no_error(error);
  g_assert_nonnull(graph);
  return graph;
}

static void assert_same(const LusGraph *a, const LusGraph *b)
{
  gsize n = 0, m = 0;
  g_autofree float *x = toy_parameters(a, &n);
  g_autofree float *y = toy_parameters(b, &m);
  g_assert_cmpmem(x, n * sizeof *x, y, m * sizeof *y);
}

/** The same outputs for the same picture, bit for bit. */
static void assert_same_function(LusGraph *a, LusGraph *b)
{
  g_autofree float *picture = g_new(float, TOY_PIXELS);
  for (int i = 0; i < TOY_PIXELS; i++)
    picture[i] = sinf((float)(i % TOY_WIDTH) * .3f) + cosf((float)(i / TOY_WIDTH) * .7f);
  float outputs[2][TOY_CLASSES * TOY_PIXELS];
  LusGraph *graphs[2] = {a, b};
  for (int i = 0; i < 2; i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(LusPlan) plan = lus_plan_new(graphs[i], 1, TOY_HEIGHT, TOY_WIDTH, LUS_PLAN_INFER, 1, &error);
    g_assert_no_error(error);
    lus_plan_forward(plan, outputs[i], picture, NULL);
  }
  g_assert_cmpmem(outputs[0], sizeof outputs[0], outputs[1], sizeof outputs[1]);
}

static void test_learns(void)
{
  g_autoptr(LusSamples) samples = toy_samples(24, 1);
  LusTrainConfig config = toy_config(150);
  Watch w = {0};
  config.progress = watch;
  config.progress_data = &w;
  config.threads = 2;
  lus_graph_free(train(&config, samples));
  g_assert_cmpint(w.calls, ==, 150);
  g_test_message("loss %g -> %g", w.first_loss, w.last_loss);
  g_assert_cmpfloat(w.first_loss, >, 1.2);
  g_assert_cmpfloat(w.last_loss, <, 0.5);
}

static void test_threads(void)
{
  g_autoptr(LusSamples) samples = toy_samples(5, 1);
  LusTrainConfig config = toy_config(6);
  g_autoptr(LusGraph) one = train(&config, samples);
  config.threads = 2;
  g_autoptr(LusGraph) two = train(&config, samples);
  assert_same(one, two);
  config.seed = 2;
  g_autoptr(LusGraph) other = train(&config, samples);
  gsize n;
  g_autofree float *a = toy_parameters(one, &n);
  g_autofree float *b = toy_parameters(other, &n);
  g_assert_true(memcmp(a, b, n * sizeof *a) != 0);
}

typedef struct {
  char *folder, *checkpoint;
  LusSamples *samples;
  LusTrainConfig config;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
  (void)data;
  f->folder = folder_new();
  f->checkpoint = g_build_filename(f->folder, "toy.checkpoint", NULL);
  f->samples = toy_samples(7, 3);
  f->config = toy_config(12);
  f->config.checkpoint = f->checkpoint;
  f->config.checkpoint_interval = 5;
}

static void tear_down(Fixture *f, gconstpointer data)
{
  (void)data;
  folder_remove(f->folder);
  g_free(f->folder);
  g_free(f->checkpoint);
  lus_samples_free(f->samples);
}

/** Stopped after step @at. */
static void interrupt(Fixture *f, gint64 at)
{
  Watch w = {.stop_at = at};
  g_autoptr(GError) error = NULL;
  f->config.progress = watch;
  f->config.progress_data = &w;
  g_assert_null(lus_train(&f->config, f->samples, NULL, &error));
  g_autofree char *part = g_strdup_printf("stopped after step %d of 12", (int)at);
  assert_error(error, LUS_ERROR_CANCELLED, part);
  f->config.progress = NULL;
}

static LusGraph *undisturbed(const Fixture *f)
{
  LusTrainConfig config = f->config;
  config.checkpoint = NULL;
  return train(&config, f->samples);
}

static void test_resume(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusGraph) expected = undisturbed(f);
  const int stops[] = {1, 4, 5, 11};
  for (gsize i = 0; i < G_N_ELEMENTS(stops); i++) {
    interrupt(f, stops[i]);
    g_autoptr(LusGraph) graph = train(&f->config, f->samples);
    assert_same(graph, expected);
    g_unlink(f->checkpoint);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(stops); i++) /* all of them in one training */
    interrupt(f, stops[i]);
  g_autoptr(LusGraph) graph = train(&f->config, f->samples);
  assert_same(graph, expected);
  /* The finished state is in the file: nothing is left to do. */
  Watch w = {0};
  f->config.progress = watch;
  f->config.progress_data = &w;
  g_autoptr(LusGraph) again = train(&f->config, f->samples);
  assert_same(again, expected);
  g_assert_cmpint(w.calls, ==, 0);
}

/** Killed between two checkpoints: the run goes on from the older one. */
static void test_resume_after_kill(Fixture *f, gconstpointer data)
{
  (void)data;
  Watch w = {.copy_at = 8, .checkpoint = f->checkpoint};
  f->config.progress = watch;
  f->config.progress_data = &w;
  g_autoptr(LusGraph) expected = train(&f->config, f->samples);
  g_assert_nonnull(w.copy);
  g_assert_true(lus_file_write(f->checkpoint, w.copy, w.copy_length, NULL));
  g_free(w.copy);
  w = (Watch){0};
  g_autoptr(LusGraph) graph = train(&f->config, f->samples);
  g_assert_cmpint(w.calls, ==, 7); /* steps 6..12 */
  assert_same(graph, expected);
}

static void refuses(Fixture *f, int code, const char *part)
{
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_train(&f->config, f->samples, NULL, &error));
  assert_error(error, code, part);
}

static void test_other_training(Fixture *f, gconstpointer data)
{
  (void)data;
  interrupt(f, 3);
  LusTrainConfig config = f->config;
  f->config.seed = 9;
  refuses(f, LUS_ERROR_INVALID, "it has 'seed 1', this one 'seed 9'");
  f->config = config;
  f->config.target.level = 20;
  refuses(f, LUS_ERROR_INVALID, "'target threshold:60', this one 'target threshold:20'");
  f->config = config;
  f->config.steps = 13;
  refuses(f, LUS_ERROR_INVALID, "'steps 12', this one 'steps 13'");
  f->config = config;
  f->config.network.pyramid = 16;
  refuses(f, LUS_ERROR_INVALID, "pyramid 16");
  f->config = config;
  f->samples->labels[77] ^= 1;
  refuses(f, LUS_ERROR_INVALID, "data");
  f->samples->labels[77] ^= 1;
  f->config.threads = 2; /* threads change nothing */
  lus_graph_free(train(&f->config, f->samples));
}

static void test_damaged_checkpoint(Fixture *f, gconstpointer data)
{
  (void)data;
  interrupt(f, 3);
  gsize length = 0;
  g_autofree guint8 *bytes = lus_file_read(f->checkpoint, 10000000, &length, NULL);
  const gsize lengths[] = {0, 7, 8, 15, 60, 600, length / 2, length - 65, length - 1};
  for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
    g_assert_true(lus_file_write(f->checkpoint, bytes, lengths[i], NULL));
    refuses(f, LUS_ERROR_INVALID, "remove it to start anew");
  }
  for (gsize i = 0; i < length; i += 1 + length / 50) {
    bytes[i] ^= 4;
    g_assert_true(lus_file_write(f->checkpoint, bytes, length, NULL));
    refuses(f, LUS_ERROR_INVALID, f->checkpoint);
    bytes[i] ^= 4;
  }
  g_assert_true(lus_file_write(f->checkpoint, "some text that is no checkpoint", 31, NULL));
  refuses(f, LUS_ERROR_INVALID, "is not a training checkpoint");
}

static void test_unwritable_checkpoint(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *nowhere = g_build_filename(f->folder, "no", "checkpoint", NULL);
  f->config.checkpoint = nowhere;
  refuses(f, LUS_ERROR_IO, nowhere);
}

static void test_config_errors(Fixture *f, gconstpointer data)
{
  (void)data;
  LusTrainConfig config = f->config;
  f->config.steps = 0;
  refuses(f, LUS_ERROR_INVALID, "steps");
  f->config = config;
  f->config.batch = 257;
  refuses(f, LUS_ERROR_INVALID, "batch");
  f->config = config;
  f->config.learning_rate = NAN;
  refuses(f, LUS_ERROR_INVALID, "learning rate");
  f->config = config;
  f->config.ema = 1;
  refuses(f, LUS_ERROR_INVALID, "decay");
  f->config = config;
  f->config.network.classes = 3;
  refuses(f, LUS_ERROR_INVALID, "classes");
  f->config = config;
  f->config.checkpoint_interval = 0;
  refuses(f, LUS_ERROR_INVALID, "checkpoint interval");
  f->config = config;
  f->samples->n = 0;
  refuses(f, LUS_ERROR_INVALID, "no labelled samples");
  f->samples->n = 7;
}

static void test_divergence(Fixture *f, gconstpointer data)
{
  (void)data;
  f->config.learning_rate = 1e30;
  refuses(f, LUS_ERROR_FAILED, "smaller learning rate");
}

/** The file's text with the last field of each line, the seconds, cut off. */
static char *log_without_seconds(const char *path)
{
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (int i = 0; lines[i]; i++)
    if (strrchr(lines[i], ','))
      *strrchr(lines[i], ',') = '\0';
  return g_strjoinv("\n", lines);
}

/** Validated at 5, 10 and the last step; stopped and gone on, the log is that of an undisturbed run. */
static void test_log(Fixture *f, gconstpointer data)
{
  (void)data;
  static const char *const names[] = {"bar", "a,box"};
  g_autoptr(LusSamples) validation = toy_samples(4, 9);
  g_autofree char *log = g_build_filename(f->folder, "log.csv", NULL);
  f->config.log = log;
  f->config.class_names = names;
  f->config.validation = validation;
  f->config.validation_interval = 5;
  lus_graph_free(undisturbed(f));
  g_autofree char *expected = log_without_seconds(log);
  g_auto(GStrv) lines = g_strsplit(expected, "\n", -1);
  g_assert_cmpint(g_strv_length(lines), ==, 14); /* header, 12 rows, end */
  g_assert_cmpstr(lines[0], ==, "step,loss,learning_rate,gradient_norm,dice_bar,\"dice_a,box\"");
  for (int i = 1; i <= 12; i++) {
    int step = 0, n = 0;
    double loss = 0, rate = 0, norm = 0, dice[2] = {-1, -1};
    n = sscanf(lines[i], "%d,%lf,%lf,%lf,%lf,%lf", &step, &loss, &rate, &norm, &dice[0], &dice[1]);
    g_assert_cmpint(n, ==, i == 5 || i == 10 || i == 12 ? 6 : 4);
    g_assert_cmpint(step, ==, i);
    assert_near(rate, lus_learning_rate(1e-2, i, 5, 12), 1e-9);
    g_assert_true(loss > 0 && norm > 0 && (n == 4 || (dice[0] > 0 && dice[0] <= 1)));
  }
  const int stops[] = {1, 7, 10};
  for (gsize i = 0; i < G_N_ELEMENTS(stops); i++)
    interrupt(f, stops[i]);
  FILE *file = fopen(log, "a");
  fputs("11,0.4,0.001,0.5,,,9.1\n12,0.", file); /* as a kill leaves it */
  fclose(file);
  lus_graph_free(train(&f->config, f->samples));
  g_autofree char *resumed = log_without_seconds(log);
  g_assert_cmpstr(resumed, ==, expected);

  g_assert_true(g_file_set_contents(log, "somebody's table\n", -1, NULL));
  g_unlink(f->checkpoint);
  refuses(f, LUS_ERROR_INVALID, "is not the log of a training with these classes");
}

/** Nothing gets better: the first validation was the best, and two more end the training. */
static void test_patience(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusSamples) validation = toy_samples(4, 9);
  f->config.validation = validation;
  f->config.validation_interval = 3;
  f->config.patience = 2;
  f->config.learning_rate = 1e-12;
  LusTrainResult result = {0};
  g_autoptr(GError) error = NULL;
  lus_graph_free(lus_train(&f->config, f->samples, &result, &error));
  g_assert_no_error(error);
  g_assert_cmpint((int)result.steps, ==, 9);
  g_assert_cmpint((int)result.used_step, ==, 3);
  validation->labels[5] ^= 1;
  refuses(f, LUS_ERROR_INVALID, "validation data");
  validation->labels[5] ^= 1;
  f->config.patience = 3;
  refuses(f, LUS_ERROR_INVALID, "it has 'patience 2 x 3', this one 'patience 3 x 3'");
  f->config.validation = NULL;
  refuses(f, LUS_ERROR_INVALID, "needs validation samples");
}

static double mean_dice(LusGraph *graph, const LusSamples *samples, const LusTarget *target)
{
  LusParallel *pool = lus_parallel_new(1);
  double dice[TOY_CLASSES];
  g_assert_true(lus_best_dice(dice, graph, samples, target, pool, NULL));
  lus_parallel_free(pool);
  return (dice[0] + dice[1]) / 2;
}

/** A trained network is spoilt by large steps: its first weights, the best, are the result, also after a stop. */
static void test_best_weights(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusSamples) validation = toy_samples(4, 9);
  LusTrainConfig good = toy_config(100);
  g_autoptr(LusGraph) initial = train(&good, f->samples);
  f->config.initial = initial;
  f->config.validation = validation;
  f->config.validation_interval = 1;
  f->config.patience = 4;
  f->config.optimizer.clip = 0;
  f->config.learning_rate = 0.5;
  f->config.ema = 0;
  f->config.steps = 12;
  LusTrainResult result = {0};
  g_autoptr(LusGraph) graph = lus_train(&f->config, f->samples, &result, NULL);
  g_assert_nonnull(graph);
  g_assert_cmpint((int)result.used_step, <, 8);
  g_assert_cmpint((int)(result.steps - result.used_step), ==, 4);
  double before = mean_dice(initial, validation, &good.target), after = mean_dice(graph, validation, &good.target);
  g_test_message("dice %g before, %g with the best weights of step %d", before, after, (int)result.used_step);
  g_assert_cmpfloat(after, >, 0.3 * before);
  g_unlink(f->checkpoint);
  interrupt(f, 2);
  LusTrainResult resumed = {0};
  g_autoptr(LusGraph) again = lus_train(&f->config, f->samples, &resumed, NULL);
  assert_same(again, graph);
  g_assert_cmpint((int)resumed.used_step, ==, (int)result.used_step);
}

static void test_sgd(Fixture *f, gconstpointer data)
{
  (void)data;
  lus_optimizer_init(&f->config.optimizer, LUS_OPTIMIZER_SGD);
  f->config.learning_rate = 0.05;
  f->config.steps = 100;
  Watch w = {0};
  f->config.progress = watch;
  f->config.progress_data = &w;
  lus_graph_free(train(&f->config, f->samples));
  g_test_message("loss %g -> %g", w.first_loss, w.last_loss);
  g_assert_cmpfloat(w.last_loss, <, 0.6 * w.first_loss);
  lus_optimizer_init(&f->config.optimizer, LUS_OPTIMIZER_ADAMW);
  refuses(f, LUS_ERROR_INVALID, "it has 'optimizer sgd', this one 'optimizer adamw'");
}

/** All weights are @a's but those of the head, 2 x (8 + 1) at the end, which are @b's. */
static void assert_head_anew(const LusGraph *graph, const LusGraph *a, const LusGraph *b)
{
  gsize n = 0, m = 0;
  const gsize head = 18;
  g_autofree float *x = toy_parameters(graph, &n), *y = toy_parameters(a, &m), *z = toy_parameters(b, &m);
  g_assert_cmpmem(x, (n - head) * sizeof *x, y, (m - head) * sizeof *y);
  g_assert_cmpmem(x + n - head, head * sizeof *x, z + m - head, head * sizeof *z);
}

/** Weights by way of a file: all of them; with other classes all but the head; with other widths none; with more blocks the
 *  same function. */
static void test_initial(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *path = g_build_filename(f->folder, "model.onnx", NULL);
  LusModelInfo info;
  lus_model_info_init(&info);
  info.width = TOY_WIDTH;
  info.height = TOY_HEIGHT;
  g_clear_pointer(&info.classes[2], g_free);
  info.n_classes = 2;
  g_autoptr(GError) error = NULL;
  g_autoptr(LusGraph) trained = undisturbed(f);
  g_assert_true(lus_model_save(trained, &info, path, &error));
  lus_model_info_clear(&info);
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  g_assert_no_error(error);
  g_autoptr(LusGraph) from = lus_model_graph(model, &error);

  g_autoptr(LusGraph) graph = lus_fpn_new(&f->config.network, 99, &error);
  gboolean new_head = TRUE;
  g_assert_true(lus_train_take_weights(graph, from, FALSE, &new_head, &error));
  g_assert_false(new_head);
  assert_same(graph, trained);

  g_autoptr(LusGraph) relabelled = lus_fpn_new(&f->config.network, 99, &error);
  g_autoptr(LusGraph) random = lus_fpn_new(&f->config.network, 99, &error);
  g_assert_true(lus_train_take_weights(relabelled, from, TRUE, &new_head, &error));
  g_assert_true(new_head);
  assert_head_anew(relabelled, trained, random);

  LusTrainConfig config = f->config; /* no step: the weights as they are, and there must be some */
  config.steps = 0;
  config.checkpoint = NULL;
  g_assert_null(lus_train(&config, f->samples, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "0 is for weights to begin with");
  config.initial = from;
  g_autoptr(LusGraph) untrained = train(&config, f->samples);
  assert_same(untrained, trained);
  config.initial_other_classes = TRUE;
  g_assert_null(lus_train(&config, f->samples, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "has other classes or another order of them");
  config.initial_other_classes = FALSE;
  LusFpnConfig other = f->config.network;
  other.classes = 4;
  g_autoptr(LusGraph) more = lus_fpn_new(&other, 99, &error), fresh = lus_fpn_new(&other, 99, &error);
  g_assert_true(lus_train_take_weights(more, from, FALSE, &new_head, &error));
  g_assert_true(new_head);
  config.initial = more;
  g_assert_null(lus_train(&config, f->samples, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "its head would stay random");
  gsize n, m;
  g_autofree float *a = toy_parameters(more, &n), *b = toy_parameters(trained, &m), *c = toy_parameters(fresh, &n);
  g_assert_cmpmem(a, 1000 * sizeof *a, b, 1000 * sizeof *b);
  g_assert_cmpmem(a + n - 36, 36 * sizeof *a, c + n - 36, 36 * sizeof *c); /* 4 x (8 + 1), the head */

  other = f->config.network;
  other.widths[2] = 16;
  g_autoptr(LusGraph) wider = lus_fpn_new(&other, 99, &error), untouched = lus_fpn_new(&other, 99, &error);
  g_assert_false(lus_train_take_weights(wider, from, FALSE, NULL, &error));
  assert_error(error, LUS_ERROR_INVALID, "'encoder.stage3.block1.conv1.weight' are 8x8x3x3 but this network's are 16x8x3x3");
  assert_same(wider, untouched);
  other.widths[2] = 8;
  other.blocks[1] = 2;
  g_autoptr(LusGraph) deeper = lus_fpn_new(&other, 99, &error);
  g_assert_true(lus_train_take_weights(deeper, from, FALSE, &new_head, &error));
  g_assert_no_error(error);
  g_assert_false(new_head);
  assert_same_function(deeper, trained);
}

/** The mean of two models; one of other widths leaves the weights as they are. */
static void test_average(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  g_autoptr(LusGraph) one = lus_fpn_new(&f->config.network, 1, &error), two = lus_fpn_new(&f->config.network, 2, &error);
  LusFpnConfig other = f->config.network;
  other.widths[2] = 16;
  g_autoptr(LusGraph) wider = lus_fpn_new(&other, 1, &error);
  gsize n;
  g_autofree float *a = toy_parameters(one, &n), *b = toy_parameters(two, &n);
  g_assert_false(lus_train_average_weights(one, wider, &error));
  assert_error(error, LUS_ERROR_INVALID, "only models of one network and the same classes have a mean");
  g_autofree float *same = toy_parameters(one, &n);
  g_assert_cmpmem(same, n * sizeof *same, a, n * sizeof *a);
  g_assert_true(lus_train_average_weights(one, two, &error));
  g_assert_no_error(error);
  g_autofree float *mean = toy_parameters(one, &n);
  for (gsize i = 0; i < n; i++)
    g_assert_cmpfloat(mean[i], ==, .5f * (a[i] + b[i]));
}

/** 16 samples, of which 8 show class 0 and 2 class 1. */
static LusSamples *unbalanced(void)
{
  LusSamples *s = toy_samples(16, 1);
  memset(s->labels, 0, (gsize)16 * TOY_CLASSES * TOY_PIXELS);
  for (int i = 0; i < 8; i++)
    s->labels[(gsize)i * TOY_CLASSES * TOY_PIXELS + 7] = 60;
  s->labels[(gsize)9 * TOY_CLASSES * TOY_PIXELS + TOY_PIXELS + 3] = 100;
  s->labels[(gsize)7 * TOY_CLASSES * TOY_PIXELS + TOY_PIXELS + 3] = 80;
  s->labels[(gsize)12 * TOY_CLASSES * TOY_PIXELS + TOY_PIXELS + 3] = 59; /* below the level */
  return s;
}

static void test_sampling_weights(void)
{
  g_autoptr(LusSamples) samples = unbalanced();
  for (int balance = 0; balance <= 2; balance++) {
    g_autofree double *weights = lus_sampling_weights(samples, 60, balance / 2.0);
    for (int i = 0; i < 16; i++)
      assert_near(weights[i], i == 7 || i == 9 ? pow(4, balance / 2.0) : 1, 1e-12);
  }
}

/** Without weights each sample comes once; with them as often as they say, on average exactly; the order is random. */
static void test_sampling_epochs(void)
{
  int order[16], counts[16] = {0}, first[16] = {0};
  double weights[16];
  for (int i = 0; i < 16; i++)
    weights[i] = i == 7 || i == 9 ? 4 : 1;
  for (guint64 epoch = 0; epoch < 2200; epoch++) {
    LusRng rng;
    lus_rng_init(&rng, 1, epoch);
    int once[16] = {0};
    lus_sampling_epoch(order, 16, NULL, &rng);
    for (int i = 0; i < 16; i++)
      once[order[i]]++;
    for (int i = 0; i < 16; i++)
      g_assert_cmpint(once[i], ==, 1);
    first[order[0]]++;
    memset(once, 0, sizeof once);
    lus_sampling_epoch(order, 16, weights, &rng);
    for (int i = 0; i < 16; i++)
      once[order[i]]++;
    for (int i = 0; i < 16; i++) {
      g_assert_cmpint(once[i], >=, weights[i] > 1 ? 2 : 0); /* 16 x 4 / 22 = 2.9 */
      g_assert_cmpint(once[i], <=, weights[i] > 1 ? 3 : 1);
      counts[i] += once[i];
    }
  }
  for (int i = 0; i < 16; i++) {
    assert_near(counts[i] / 2200.0, 16 * weights[i] / 22, 0.05);
    assert_near(first[i] / 2200.0, 1.0 / 16, 0.025);
  }
}

static void test_balance(Fixture *f, gconstpointer data)
{
  (void)data;
  lus_samples_free(f->samples);
  f->samples = unbalanced();
  f->config.balance = 0.75;
  g_autoptr(LusGraph) expected = undisturbed(f);
  interrupt(f, 7);
  g_autoptr(LusGraph) graph = train(&f->config, f->samples);
  assert_same(graph, expected);
  f->config.balance = 0.5;
  refuses(f, LUS_ERROR_INVALID, "it has 'balance 0.75', this one 'balance 0.5'");
  f->config.balance = 1.5;
  refuses(f, LUS_ERROR_INVALID, "balance must be in 0..1");
}

static void test_lock(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  g_autofree char *file = g_strconcat(f->checkpoint, ".lock", NULL);
  LusTrainLock *lock = lus_train_lock_new(f->checkpoint, &error);
  g_assert_no_error(error);
  g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
  g_autofree char *process = g_strdup_printf("another training with process number %d is using it", (int)getpid());
  refuses(f, LUS_ERROR_BUSY, process);
  g_assert_false(lus_train_checkpoint_is_free(f->checkpoint, &error));
  assert_error(error, LUS_ERROR_BUSY, f->checkpoint);
  lus_train_lock_free(lock);
  g_assert_false(g_file_test(file, G_FILE_TEST_EXISTS));
  g_assert_true(g_file_set_contents(file, "4711\n", -1, NULL)); /* left behind by one that was killed */
  g_assert_true(lus_train_checkpoint_is_free(f->checkpoint, &error));
  lus_graph_free(train(&f->config, f->samples));
  g_assert_false(g_file_test(file, G_FILE_TEST_EXISTS));
}

/** Two threads in the place of two processes. */
typedef struct {
  pthread_barrier_t barrier;
  void *shared[2];
} Room;

typedef struct {
  Room *room;
  LusTrainPeers peers;
  LusTrainConfig config;
  const LusSamples *samples;
  LusGraph *graph;
} Member;

#define SUM(name, type)                                                        \
  static void name(gpointer data, type *values, gsize n)                       \
  {                                                                            \
    Member *m = data;                                                          \
    m->room->shared[m->peers.rank] = values;                                   \
    pthread_barrier_wait(&m->room->barrier);                                   \
    const type *a = m->room->shared[0], *b = m->room->shared[1];               \
    g_autofree type *sum = g_new(type, n);                                     \
    for (gsize i = 0; i < n; i++)                                              \
      sum[i] = a[i] + b[i];                                                    \
    pthread_barrier_wait(&m->room->barrier);                                   \
    memcpy(values, sum, n * sizeof *sum);                                      \
  }
SUM(sum_floats, float)
SUM(sum_doubles, double)

static void broadcast(gpointer data, void *bytes, gsize n)
{
  Member *m = data;
  m->room->shared[m->peers.rank] = bytes;
  pthread_barrier_wait(&m->room->barrier);
  if (m->peers.rank == 1)
    memcpy(bytes, m->room->shared[0], n);
  pthread_barrier_wait(&m->room->barrier);
}

static gpointer member_body(gpointer data)
{
  Member *m = data;
  m->graph = lus_train(&m->config, m->samples, NULL, NULL);
  return NULL;
}

/** Both members train with @config; they end with the same bits. */
static LusGraph *train_together(const LusTrainConfig *config, const LusSamples *samples)
{
  Room room;
  Member members[2];
  GThread *threads[2];
  pthread_barrier_init(&room.barrier, NULL, 2);
  for (int i = 0; i < 2; i++) {
    members[i] = (Member){.room = &room, .config = *config, .samples = samples};
    members[i].peers = (LusTrainPeers){i, 2, sum_floats, sum_doubles, broadcast, &members[i]};
    members[i].config.peers = &members[i].peers;
    if (i == 1) {
      members[i].config.checkpoint = "/nowhere/at/all"; /* is neither read nor written */
      members[i].config.log = "/nowhere/at/all.csv";
    }
    threads[i] = g_thread_new("member", member_body, &members[i]);
  }
  for (int i = 0; i < 2; i++)
    g_thread_join(threads[i]);
  pthread_barrier_destroy(&room.barrier);
  g_assert_nonnull(members[0].graph);
  g_assert_nonnull(members[1].graph);
  assert_same(members[0].graph, members[1].graph);
  lus_graph_free(members[1].graph);
  return members[0].graph;
}

/** Together as alone with the same batch, up to rounding; and stopped and gone on exactly as without a stop. */
static void test_together(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusSamples) validation = toy_samples(4, 9);
  f->config.batch = 4;
  f->config.balance = 0.5;
  f->config.validation = validation;
  f->config.validation_interval = 4;
  f->config.patience = 3;
  lus_optimizer_init(&f->config.optimizer, LUS_OPTIMIZER_SGD);
  g_autoptr(LusGraph) alone = undisturbed(f);
  g_autoptr(LusGraph) together = train_together(&f->config, f->samples);
  gsize n;
  g_autofree float *a = toy_parameters(alone, &n), *b = toy_parameters(together, &n);
  double largest = 0, difference = 0;
  for (gsize i = 0; i < n; i++) {
    largest = fmax(largest, fabs((double)a[i]));
    difference = fmax(difference, fabs((double)a[i] - (double)b[i]));
  }
  g_test_message("largest weight %g, largest difference %g", largest, difference);
  g_assert_cmpfloat(difference, <, 1e-5 * largest);

  g_unlink(f->checkpoint);
  Watch w = {.copy_at = 8, .checkpoint = f->checkpoint};
  f->config.progress = watch;
  f->config.progress_data = &w;
  lus_graph_free(train_together(&f->config, f->samples));
  g_assert_nonnull(w.copy);
  g_assert_true(lus_file_write(f->checkpoint, w.copy, w.copy_length, NULL));
  g_free(w.copy);
  f->config.progress = NULL;
  g_autoptr(LusGraph) resumed = train_together(&f->config, f->samples);
  assert_same(resumed, together);
  f->config.batch = 3;
  f->config.peers = &(LusTrainPeers){.count = 2};
  refuses(f, LUS_ERROR_INVALID, "multiple of the number of processes");
}

#define ADD(name) g_test_add("/trainer/" #name, Fixture, NULL, set_up, test_##name, tear_down)

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/trainer/learns", test_learns);
  g_test_add_func("/trainer/threads", test_threads);
  ADD(resume);
  ADD(resume_after_kill);
  ADD(other_training);
  ADD(damaged_checkpoint);
  ADD(unwritable_checkpoint);
  ADD(config_errors);
  ADD(divergence);
  ADD(log);
  ADD(patience);
  ADD(best_weights);
  ADD(sgd);
  ADD(initial);
  ADD(average);
  g_test_add_func("/trainer/sampling_weights", test_sampling_weights);
  g_test_add_func("/trainer/sampling_epochs", test_sampling_epochs);
  ADD(balance);
  ADD(lock);
  ADD(together);
  return g_test_run();
}
