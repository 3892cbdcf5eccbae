/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "toy.h"
#include "learn/checkpoint.h"
#include "nn/error.h"
#include "nn/file.h"

#include <stdio.h>

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
  LusGraph *graph = lus_train(config, samples, &error);
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
  g_assert_null(lus_train(&f->config, f->samples, &error));
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
  g_assert_null(lus_train(&f->config, f->samples, &error));
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
  return g_test_run();
}
