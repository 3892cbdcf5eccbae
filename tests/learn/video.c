/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Video networks: gradients, the shift in time, files, and that they learn. With --write DIR a network with an input and
 * its output, for other runtimes. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "learn/tables.h"
#include "learn/video-internal.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/plan.h"
#include "nn/rng.h"
#include "nn/tensor.h"

#define P LUS_CLIP_PIXELS
#define SEED 5

static LusVideoConfig small(LusTask task)
{
  LusVideoConfig config;
  lus_video_config_init(&config);
  config.task = task;
  config.widths[0] = config.widths[1] = config.widths[2] = 8;
  config.embedding = 4;
  config.threads = 2;
  return config;
}

/* ---- gradients ---- */

#define E 4
#define N 9

typedef struct {
  LusVideoHead head;
  LusVideoBatch batch;
  LusVideoItem items[2];
  int zone[N], exam[N], pair[N];
  float clips[N * (E + 1)], d_clips[N * (E + 1)];
} Loss;

static void loss_open(Loss *l, LusTask task)
{
  LusRng rng;
  *l = (Loss){.head = {.task = task, .embedding = E}};
  l->batch = (LusVideoBatch){N, 2, l->items, l->zone, l->exam, l->pair, l->clips, l->d_clips};
  lus_rng_init(&rng, SEED, task);
  lus_rng_fill_normal(&rng, l->clips, G_N_ELEMENTS(l->clips));
  float *parameters = g_new(float, lus_video_head_parameters(&l->head));
  lus_rng_fill_normal(&rng, parameters, (gsize)lus_video_head_parameters(&l->head));
  lus_video_head_set(&l->head, parameters);
  g_free(parameters);
  gboolean paired = task != LUS_TASK_SF;
  l->items[0] = (LusVideoItem){{0, 2}, {2, paired ? 2 : 0}, task == LUS_TASK_CHANGE ? 2 : 1};
  l->items[1] = (LusVideoItem){{4, 3}, {7, task == LUS_TASK_CHANGE ? 1 : 0}, 0};
  for (int i = 0; i < N; i++) {
    l->zone[i] = i == 3 ? -1 : i;
    l->exam[i] = i < 2 ? 0 : i < 4 ? 1 : 2;
    l->pair[i] = i == 8 ? -1 : i ^ 1;
  }
}

static double loss_of(Loss *l, double contrast)
{
  float d_head[LUS_VIDEO_ZONES + 3 * (2 * E + 1)] = {0};
  return lus_video_loss(&l->batch, d_head, &l->head, contrast);
}

static void check_slope(float *value, double slope, Loss *l, float *parameters, double contrast)
{
  float kept = *value;
  const float step = 1e-2f;
  double loss[2];
  for (int side = 0; side < 2; side++) {
    *value = kept + (side ? step : -step);
    if (parameters)
      lus_video_head_set(&l->head, parameters);
    loss[side] = loss_of(l, contrast);
  }
  *value = kept;
  if (parameters)
    lus_video_head_set(&l->head, parameters);
  g_assert_cmpfloat_with_epsilon((loss[1] - loss[0]) / (2 * (double)step), slope, 2e-3 + 5e-3 * fabs(slope));
}

static void test_loss(gconstpointer data)
{
  LusTask task = (LusTask)GPOINTER_TO_INT(data);
  for (int round = 0; round < 2; round++) {
    Loss l;
    double contrast = round * 0.7;
    loss_open(&l, task);
    int n = lus_video_head_parameters(&l.head);
    g_autofree float *parameters = g_new(float, n), *d_head = g_new0(float, n);
    lus_video_head_get(parameters, &l.head);
    double loss = lus_video_loss(&l.batch, d_head, &l.head, contrast);
    g_assert_cmpfloat(loss, >, 0);
    float slopes[N * (E + 1)];
    memcpy(slopes, l.d_clips, sizeof slopes);
    double squares = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(slopes); i++) {
      check_slope(&l.clips[i], (double)slopes[i], &l, NULL, contrast);
      squares += (double)slopes[i] * (double)slopes[i];
    }
    g_assert_cmpfloat(squares, >, 1e-4);
    for (int i = 0; i < n; i++)
      check_slope(&parameters[i], (double)d_head[i], &l, parameters, contrast);
  }
}

static void fill(float *x, gsize n, guint64 stream)
{
  LusRng rng;
  lus_rng_init(&rng, SEED, stream);
  for (gsize i = 0; i < n; i++)
    x[i] = (float)lus_rng_uniform01(&rng);
}

/* So that no branch is shut by its norm's first scale of 0. */
static void disturb(LusGraph *graph)
{
  LusRng rng;
  gsize n = lus_graph_n_parameters(graph);
  g_autofree float *parameters = g_new(float, n);
  lus_rng_init(&rng, SEED, 77);
  lus_graph_get_parameters(graph, parameters);
  for (gsize i = 0; i < n; i++)
    parameters[i] += (float)lus_rng_normal(&rng, 0, 0.1);
  lus_graph_set_parameters(graph, parameters);
}

static double weighted(LusPlan *plan, LusGraph *graph, const float *parameters, const float *input)
{
  float out[E + 1];
  double sum = 0;
  lus_graph_set_parameters(graph, parameters);
  lus_plan_forward(plan, out, input, NULL);
  for (int k = 0; k <= E; k++)
    sum += (k + 1) * (double)out[k];
  return sum;
}

/* A step of every tensor along its gradient: the loss rises as much as the gradient says. */
static void test_network_gradient(void)
{
  g_autoptr(GError) error = NULL;
  LusVideoConfig config = small(LUS_TASK_SF);
  g_autoptr(LusGraph) graph = lus_video_network_new(&config, 2, &error);
  g_assert_no_error(error);
  disturb(graph);
  gsize n = lus_graph_n_parameters(graph), pixels = 8 * 2 * P * P;
  g_autoptr(LusPlan) plan = lus_plan_new(graph, 16, P, P, LUS_PLAN_TRAIN, 1, &error);
  g_assert_no_error(error);
  g_autofree float *input = g_new(float, pixels), *parameters = g_new(float, n), *moved = g_new(float, n);
  g_autofree float *gradient = g_new0(float, n);
  const float d_out[E + 1] = {1, 2, 3, 4, 5};
  fill(input, pixels, 1);
  lus_graph_get_parameters(graph, parameters);
  weighted(plan, graph, parameters, input);
  lus_plan_backward(plan, gradient, NULL, d_out, NULL);
  for (int v = 0; v < graph->n_values; v++) {
    gssize at = lus_graph_parameter_offset(graph, v);
    if (at < 0)
      continue;
    gsize count = graph->values[v].constant->count;
    double squares = 0, sides[2];
    for (gsize i = 0; i < count; i++)
      squares += (double)gradient[at + (gssize)i] * (double)gradient[at + (gssize)i];
    g_assert_cmpfloat(squares, >, 0);
    double step = 0.01 / sqrt(squares);
    for (int side = 0; side < 2; side++) {
      memcpy(moved, parameters, n * sizeof *moved);
      for (gsize i = 0; i < count; i++)
        moved[at + (gssize)i] += (float)((side ? step : -step) * (double)gradient[at + (gssize)i]);
      sides[side] = weighted(plan, graph, moved, input);
    }
    double rise = (sides[1] - sides[0]) / (2 * step);
    if (fabs(rise - squares) > 0.03 * squares)
      g_error("%s: rises by %g, gradient says %g", graph->values[v].name, rise, squares);
  }
}

/* Without the shifts the mean over frames would not see their order. */
static void test_order_matters(void)
{
  LusVideoConfig config = small(LUS_TASK_SF);
  g_autoptr(LusGraph) graph = lus_video_network_new(&config, 1, NULL);
  disturb(graph);
  g_autoptr(LusPlan) plan = lus_plan_new(graph, 8, P, P, LUS_PLAN_INFER_FP32, 1, NULL);
  g_autofree float *input = g_new(float, 8 * P * P), *swapped = g_new(float, 8 * P * P);
  float out[2][E + 1], difference = 0;
  fill(input, 8 * P * P, 1);
  for (int t = 0; t < 8; t++)
    memcpy(swapped + t * P * P, input + (t * 3 % 8) * P * P, P * P * sizeof *input);
  lus_plan_forward(plan, out[0], input, NULL);
  lus_plan_forward(plan, out[1], swapped, NULL);
  for (int k = 0; k <= E; k++)
    difference = MAX(difference, fabsf(out[0][k] - out[1][k]));
  g_assert_cmpfloat(difference, >, 1e-3);
}

/* ---- planes ---- */

static guint8 first_pixel(int frames, int index)
{
  g_autoptr(LusClipPlanes) planes = lus_clip_planes_new(TRUE);
  guint8 pixels[96 * 96], sector[96 * 96], confidence[96 * 96];
  int classes;
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = 96, .height = 96, .planes = {pixels}, .strides = {96},
                    .full_range = TRUE};
  LusSegmentation segmentation = {.n_classes = 1, .frame_width = 96, .frame_height = 96, .rect = {0, 0, 96, 96},
                                  .width = 96, .height = 96, .confidence = confidence, .sector = sector};
  memset(sector, 255, sizeof sector);
  memset(pixels, 7, sizeof pixels);
  for (int i = 0; i < frames; i++) {
    memset(confidence, i, sizeof confidence);
    g_assert_true(lus_clip_planes_add(planes, &image, &segmentation));
  }
  g_autofree guint8 *taken = lus_clip_planes_take(planes, &classes);
  g_assert_cmpint(classes, ==, 1);
  g_assert_cmpint(taken[(gsize)index * 2 * P * P + P * P], ==, 7); /* the grey plane */
  return taken[(gsize)index * 2 * P * P];
}

static void test_planes(void)
{
  int classes;
  g_autoptr(LusClipPlanes) none = lus_clip_planes_new(TRUE);
  g_assert_null(lus_clip_planes_take(none, &classes));
  g_assert_cmpint(first_pixel(1, 0), ==, 0);
  g_assert_cmpint(first_pixel(1, 15), ==, 0);
  g_assert_cmpint(first_pixel(2, 7), ==, 0);
  g_assert_cmpint(first_pixel(2, 8), ==, 1);
  for (int i = 0; i < 16; i++)
    g_assert_cmpint(first_pixel(16, i), ==, i);
  g_assert_cmpint(first_pixel(31, 15), ==, 30);
  g_assert_cmpint(first_pixel(33, 15), ==, 32); /* every second frame is kept */
  g_assert_cmpint(first_pixel(100, 15), ==, 96); /* every fourth */
  g_assert_cmpint(first_pixel(100, 0), ==, 0);
}

/* ---- learning ---- */

#define PATIENTS 12
#define ZONES 4

/* Clips whose bright columns are the fewer the higher S/F is. */
static LusVideoData *make_data(void)
{
  LusVideoData *data = g_new0(LusVideoData, 1);
  LusRng rng;
  int n = PATIENTS * 2 * ZONES;
  lus_rng_init(&rng, SEED, 9);
  data->classes = 1;
  data->n_clips = n;
  data->n_exams = 2 * PATIENTS;
  data->n_patients = PATIENTS;
  data->clips = g_new0(LusVideoClip, n);
  data->exams = g_new0(LusVideoExam, data->n_exams);
  data->readmitted = g_new0(int, PATIENTS);
  data->patients = g_new0(char *, PATIENTS + 1);
  data->model_sha256 = g_strnfill(64, 'a');
  for (int e = 0; e < data->n_exams; e++) {
    int wet = (int)lus_rng_below(&rng, 9);
    data->exams[e] = (LusVideoExam){e / 2, e % 2 + 1, e * ZONES, ZONES, 450 - 35 * wet};
    if (e % 2)
      data->readmitted[e / 2] = wet > 4;
    for (int z = 0; z < ZONES; z++) {
      LusVideoClip *clip = &data->clips[e * ZONES + z];
      clip->zone = z;
      clip->planes = g_malloc0(LUS_CLIP_SIZE(1));
      for (gsize i = 0; i < LUS_CLIP_SIZE(1); i++) {
        gboolean lit = (int)(i % P) >= 4 && (int)(i % P) < 4 + 5 * wet;
        clip->planes[i] = (guint8)((lit ? 40 : 0) + (int)lus_rng_below(&rng, 8));
      }
    }
  }
  for (int p = 0; p < PATIENTS; p++)
    data->patients[p] = g_strdup_printf("p%03d", p);
  return data;
}

static void test_samples(void)
{
  g_autoptr(LusVideoData) data = make_data();
  LusVideoConfig config = small(LUS_TASK_CHANGE);
  int n;
  g_autofree LusVideoSample *change = lus_video_samples(data, &config, &n);
  g_assert_cmpint(n, ==, PATIENTS);
  g_assert_cmpint(change[3].exam, ==, 7);
  g_assert_cmpint(change[3].earlier, ==, 6);
  for (int i = 0; i < n; i++) {
    double difference = data->exams[2 * i + 1].sf - data->exams[2 * i].sf;
    g_assert_cmpfloat(change[i].target, ==, difference < -25 ? 0 : difference > 25 ? 2 : 1);
  }
  config.task = LUS_TASK_SF;
  data->exams[0].sf = NAN;
  g_autofree LusVideoSample *sf = lus_video_samples(data, &config, &n);
  g_assert_cmpint(n, ==, 2 * PATIENTS - 1);
  g_assert_cmpint(sf[0].exam, ==, 1);
  config.task = LUS_TASK_READMISSION;
  data->readmitted[1] = -1;
  g_autofree LusVideoSample *readmission = lus_video_samples(data, &config, &n);
  g_assert_cmpint(n, ==, PATIENTS - 1);
  g_assert_cmpint(readmission[1].exam, ==, 5);
  g_assert_cmpint(readmission[1].earlier, ==, 4);
}

static LusVideoHead test_head(const LusVideoConfig *config)
{
  LusVideoHead head = {.task = config->task, .embedding = config->embedding, .frames = config->frames, .classes = 1,
                       .grey = config->grey, .mean = 300, .sd = 100, .slope = 1, .zones = ZONES, .min_zones = ZONES};
  memset(head.model_sha256, 'a', 64);
  return head;
}

static gboolean stop_at_seven(gpointer data, const char *what, gint64 done, gint64 total)
{
  (void)data, (void)what, (void)total;
  return done != 7;
}

/* All of a graph's and a head's numbers. */
static float *numbers_of(const LusGraph *graph, const LusVideoHead *head, gsize *n)
{
  gsize in_graph = lus_graph_n_parameters(graph), in_head = (gsize)lus_video_head_parameters(head);
  float *numbers = g_new(float, in_graph + in_head);
  lus_graph_get_parameters(graph, numbers);
  lus_video_head_get(numbers + in_graph, head);
  *n = in_graph + in_head;
  return numbers;
}

static float *train_once(const LusVideoConfig *config, const LusVideoData *data, const char *checkpoint, gsize *n,
                         GError **error)
{
  int samples_n;
  LusVideoHead head = test_head(config);
  g_autofree LusVideoSample *samples = lus_video_samples(data, config, &samples_n);
  g_autoptr(LusGraph) graph = lus_video_train(config, data, samples, samples_n, NULL, &head, "test", checkpoint, error);
  return graph ? numbers_of(graph, &head, n) : NULL;
}

/* One thread or two, at one go or interrupted: the same bits. With a contrast, and both exams of a pair. */
static void test_repeatable(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusVideoData) data = make_data();
  g_autofree char *folder = g_dir_make_tmp("lus-video-XXXXXX", NULL);
  g_autofree char *checkpoint = g_build_filename(folder, "checkpoint", NULL);
  LusVideoConfig config = small(LUS_TASK_CHANGE);
  gsize n, m;
  config.steps = 9;
  config.contrast = 0.3;
  config.threads = 1;
  g_autofree float *alone = train_once(&config, data, NULL, &n, &error);
  g_assert_no_error(error);
  config.threads = 2;
  config.progress = stop_at_seven;
  g_assert_null(train_once(&config, data, checkpoint, &m, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_CANCELLED);
  g_clear_error(&error);
  config.progress = NULL;
  config.learning_rate = 0.5;
  g_assert_null(train_once(&config, data, checkpoint, &m, &error)); /* other settings */
  g_assert_nonnull(strstr(error->message, "learning-rate"));
  g_clear_error(&error);
  config.learning_rate = 0.003;
  double sf = data->exams[1].sf;
  data->exams[1].sf = data->exams[0].sf + (sf > data->exams[0].sf ? -100 : 100);
  g_assert_null(train_once(&config, data, checkpoint, &m, &error)); /* other outcomes */
  g_assert_nonnull(strstr(error->message, "outcomes"));
  g_clear_error(&error);
  data->exams[1].sf = sf;
  g_autofree float *resumed = train_once(&config, data, checkpoint, &m, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(n, ==, m);
  g_assert_cmpmem(alone, n * sizeof *alone, resumed, m * sizeof *resumed);
  g_unlink(checkpoint);
  g_rmdir(folder);
}

static void test_learns(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusVideoData) data = make_data();
  LusVideoConfig config = small(LUS_TASK_SF);
  LusVideoReport report;
  float *predicted;
  config.steps = 40;
  config.folds = 2;
  config.learning_rate = 0.01;
  g_autoptr(LusClipNetwork) network = lus_video_fit(&config, data, &report, &predicted, &error);
  g_assert_no_error(error);
  g_assert_cmpint(report.samples, ==, 2 * PATIENTS);
  g_assert_cmpint(report.patients, ==, PATIENTS);
  g_test_message("error %.1f, of the median %.1f, coverage %.2f", report.mae, report.mae_median, report.coverage);
  g_assert_cmpfloat(report.mae, <, 0.75 * report.mae_median);
  g_assert_cmpfloat(report.mae_median, >, 50);
  g_assert_cmpfloat(report.coverage, >, 0.6);
  double error_sum = 0;
  for (int i = 0; i < report.samples; i++)
    error_sum += fabs((double)predicted[3 * i] - data->exams[i].sf) / report.samples;
  g_assert_cmpfloat_with_epsilon(error_sum, report.mae, 1e-6);
  g_assert_cmpfloat(lus_clip_network_head(network)->half_width, >, 0);
  g_free(predicted);
}

/* Zones count, not clips: here two zones, each scanned twice. */
static void test_zones(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusVideoData) data = make_data();
  LusVideoConfig config = small(LUS_TASK_SF);
  LusVideoReport report;
  for (int i = 0; i < data->n_clips; i++)
    data->clips[i].zone = i % 2 ? 11 : 0;
  config.steps = 1;
  config.folds = 2;
  g_autoptr(LusClipNetwork) network = lus_video_fit(&config, data, &report, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpint(lus_clip_network_head(network)->zones, ==, 2);
  g_assert_cmpint(lus_clip_network_head(network)->min_zones, ==, 2);
}

static void test_too_few(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusVideoData) data = make_data();
  LusVideoConfig config = small(LUS_TASK_READMISSION);
  LusVideoReport report;
  for (int p = 0; p < PATIENTS; p++)
    data->readmitted[p] = p < 3 ? -1 : 0;
  g_assert_null(lus_video_fit(&config, data, &report, NULL, &error));
  g_assert_nonnull(strstr(error->message, "9 patients"));
  g_clear_error(&error);
  for (int p = 0; p < PATIENTS; p++)
    data->readmitted[p] = 0;
  g_assert_null(lus_video_fit(&config, data, &report, NULL, &error));
  g_assert_nonnull(strstr(error->message, "the same outcome"));
}

/* ---- files ---- */

static LusClipNetwork *make_network(LusTask task)
{
  g_autoptr(GError) error = NULL;
  LusVideoConfig config = small(task);
  config.grey = TRUE;
  LusVideoHead head = test_head(&config);
  LusGraph *graph = lus_video_network_new(&config, 2, &error);
  g_assert_no_error(error);
  disturb(graph);
  for (int i = 0; i < LUS_VIDEO_ZONES; i++)
    head.zone_bias[i] = (float)i / 10;
  for (int o = 0; o < lus_video_outputs(task); o++)
    for (int k = 0; k < lus_video_inputs(&head); k++)
      head.weight[o][k] = (float)(o - k) / 7;
  LusClipNetwork *network = lus_clip_network_new(graph, &head, &error);
  g_assert_no_error(error);
  return network;
}

static guint8 *random_planes(void)
{
  LusRng rng;
  guint8 *planes = g_malloc(LUS_CLIP_SIZE(1));
  lus_rng_init(&rng, SEED, 3);
  for (gsize i = 0; i < LUS_CLIP_SIZE(1); i++)
    planes[i] = (guint8)lus_rng_below(&rng, 256);
  return planes;
}

static void assert_same_head(const LusVideoHead *a, const LusVideoHead *b)
{
  float numbers[2][LUS_VIDEO_ZONES + 3 * (2 * E + 1)] = {{0}};
  g_assert_cmpint(a->task, ==, b->task);
  g_assert_cmpint(a->embedding, ==, b->embedding);
  lus_video_head_get(numbers[0], a);
  lus_video_head_get(numbers[1], b);
  g_assert_cmpmem(numbers[0], sizeof numbers[0], numbers[1], sizeof numbers[1]);
  g_assert_cmpfloat(a->mean, ==, b->mean);
  g_assert_cmpfloat(a->sd, ==, b->sd);
  g_assert_cmpint(a->min_zones, ==, b->min_zones);
  g_assert_cmpint(a->grey, ==, b->grey);
  g_assert_cmpstr(a->model_sha256, ==, b->model_sha256);
}

static void test_file(void)
{
  g_autofree char *folder = g_dir_make_tmp("lus-video-XXXXXX", NULL), *path = g_build_filename(folder, "n.onnx", NULL);
  g_autofree guint8 *planes = random_planes();
  for (int task = 0; task < LUS_TASK_N; task++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(LusClipNetwork) network = make_network((LusTask)task);
    float out[2][E + 1];
    g_assert_true(lus_clip_network_save(network, "{}", path, &error));
    g_autoptr(LusClipNetwork) read = lus_clip_network_load(path, &error);
    g_assert_no_error(error);
    assert_same_head(lus_clip_network_head(network), lus_clip_network_head(read));
    lus_clip_network_embed(network, out[0], planes, NULL);
    lus_clip_network_embed(read, out[1], planes, NULL);
    for (int k = 0; k <= E; k++)
      g_assert_cmpfloat_with_epsilon(out[0][k], out[1][k], 1e-5f);
    g_assert_cmpuint(strlen(lus_clip_network_sha256(read)), ==, 64);
  }
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_file_write(path, "no model", 8, NULL));
  g_assert_null(lus_clip_network_load(path, &error));
  g_assert_nonnull(strstr(error->message, path));
  g_unlink(path);
  g_rmdir(folder);
}

static void test_refuse_numbers(void)
{
  g_autofree char *folder = g_dir_make_tmp("lus-video-XXXXXX", NULL), *path = g_build_filename(folder, "n.onnx", NULL);
  for (int i = 0; i < 4; i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(LusClipNetwork) network = make_network(LUS_TASK_SF);
    LusVideoHead head = *lus_clip_network_head(network);
    if (i == 0)
      head.sd = 0;
    else if (i == 1)
      head.half_width = NAN;
    else if (i == 2)
      head.min_zones = 9;
    else
      head.weight[0][1] = 2e6f;
    lus_clip_network_set_head(network, &head);
    if (i != 1) {
      g_assert_true(lus_clip_network_save(network, NULL, path, &error));
      g_assert_null(lus_clip_network_load(path, &error));
    } else {
      g_assert_false(lus_clip_network_save(network, NULL, path, &error));
    }
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  }
  g_unlink(path);
  g_rmdir(folder);
}

/* Attention sums up to 1 over the clips at hand, and a missing one changes nothing but its own share. */
static void test_attend(void)
{
  LusVideoHead head = {.task = LUS_TASK_SF, .embedding = 2};
  const float clips[3 * 3] = {1, 0, 0.5f, 0, 1, 0.5f, 5, 5, 100};
  const int zones[] = {0, 1, -1};
  float p[2], attention[3];
  head.zone_bias[1] = logf(3);
  lus_video_attend(p, attention, clips, zones, 2, &head);
  g_assert_cmpfloat_with_epsilon(attention[0], 0.25f, 1e-6f);
  g_assert_cmpfloat_with_epsilon(p[0], 0.25f, 1e-6f);
  g_assert_cmpfloat_with_epsilon(p[1], 0.75f, 1e-6f);
  lus_video_attend(p, attention, clips, zones, 3, &head);
  g_assert_cmpfloat_with_epsilon(attention[2], 1, 1e-6f);
}

/* ---- tables ---- */

static const char sha[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/** A row of features.csv for a clip of 40 frames, @pleura of them with a pleural line. */
static void add_row(GString *table, const char *clip, int pleura)
{
  LusClipName name;
  LusZone measured = {.frames = 40, .pleura_frames = pleura};
  for (int i = 0; i < LUS_FEATURE_N; i++)
    measured.features[i] = measured.peaks[i] = NAN;
  lus_clip_name_parse(&name, clip);
  lus_features_csv_add(table, clip, &name, &measured, 0, sha);
}

static void write_text(const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  g_assert_true(lus_file_write(path, text, strlen(text), NULL));
}

static void test_tables(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp("lus-video-XXXXXX", NULL);
  g_autofree guint8 *planes = random_planes();
  static const char *const clips[] = {"a_d1_R1", "a_d2_R1", "b_d1_L3", "a_d2_R2"};
  g_autofree char *features = g_build_filename(folder, "f.csv", NULL), *outcomes = g_build_filename(folder, "o.csv", NULL);
  g_autoptr(GString) table = g_string_new(NULL);
  lus_features_csv_begin(table, sha, 0.6);
  for (int i = 3; i >= 0; i--)
    add_row(table, clips[i], i == 3 ? 3 : 4); /* an exam would not count the zone of a_d2_R2 */
  add_row(table, "b_d2_L3", 40);
  write_text(folder, "f.csv", table->str);
  write_text(folder, "o.csv", "patient,day,spo2_percent,fio2,o2_l_min,readmitted_30d\na,1,90,0.3,,1\na,2,95,,2,1\nc,1,95,,2,\n");
  for (int i = 0; i < 4; i++) {
    g_autofree char *name = g_strconcat(clips[i], ".png", NULL), *path = g_build_filename(folder, name, NULL);
    planes[0] = (guint8)i;
    g_assert_true(lus_video_planes_write(path, planes, 1, &error));
  }
  gboolean same;
  g_assert_true(lus_video_planes_begin(&same, folder, sha, &error));
  g_assert_false(same);
  g_assert_true(lus_video_planes_begin(&same, folder, sha, &error));
  g_assert_true(same);
  g_autoptr(LusVideoData) data = lus_video_data_load(features, folder, outcomes, 30, &error);
  g_assert_no_error(error);
  g_assert_false(data->unmarked);
  g_assert_cmpint(data->n_exams, ==, 3);
  g_assert_cmpint(data->without_planes, ==, 1);
  g_assert_cmpint(data->not_at_hand, ==, 1);
  g_assert_cmpint(data->n_clips, ==, 3);
  g_assert_cmpint(data->classes, ==, 1);
  g_assert_cmpstr(data->model_sha256, ==, sha);
  g_assert_cmpfloat(data->exams[0].sf, ==, 300);
  g_assert_cmpfloat_with_epsilon(data->exams[1].sf, 95 / 0.29, 1e-9);
  g_assert_true(isnan(data->exams[2].sf));
  g_assert_cmpint(data->readmitted[0], ==, 1);
  g_assert_cmpint(data->readmitted[1], ==, -1);
  g_assert_cmpint(data->clips[1].planes[0], ==, 1);
  g_assert_cmpint(data->clips[2].zone, ==, lus_video_zone("L3"));
  g_assert_cmpmem(data->clips[2].planes + 1, LUS_CLIP_SIZE(1) - 1, planes + 1, LUS_CLIP_SIZE(1) - 1);
  write_text(folder, "o.csv", "patient,day,spo2_percent,fio2\na,1,90,30\n");
  g_assert_null(lus_video_data_load(features, folder, outcomes, 30, &error));
  g_assert_nonnull(strstr(error->message, "o.csv:2: FiO2 30"));
  g_clear_error(&error);
  write_text(folder, "o.csv", "patient,day,spo2_percent,fio2\na,1,90,0.3\n");
  write_text(folder, "planes.json", "{\"model_sha256\": \"0123456789abcdef\"}");
  g_assert_null(lus_video_data_load(features, folder, outcomes, 30, &error));
  g_assert_nonnull(strstr(error->message, "planes.json: these planes are of model 0123456789ab, not of "));
  g_clear_error(&error);
  g_assert_false(lus_video_planes_begin(&same, folder, sha, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  GDir *dir = g_dir_open(folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name(dir));) {
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_unlink(path);
  }
  g_dir_close(dir);
  g_rmdir(folder);
}

/* A network, an input and its output, for other runtimes. */
static int write_files(const char *folder)
{
  g_autoptr(LusClipNetwork) network = make_network(LUS_TASK_SF);
  g_autofree guint8 *planes = random_planes();
  g_autofree char *model = g_build_filename(folder, "video.onnx", NULL), *x = g_build_filename(folder, "x.npy", NULL);
  g_autofree char *y = g_build_filename(folder, "y.npy", NULL);
  g_autoptr(LusTensor) input = lus_tensor_new(4, (int[]){1, 16, P, P}, NULL);
  g_autoptr(LusTensor) output = lus_tensor_new(1, (int[]){E + 1}, NULL);
  lus_clip_network_input(input->data, planes, lus_clip_network_head(network), 0, FALSE);
  lus_clip_network_embed(network, output->data, planes, NULL);
  gboolean done = lus_clip_network_save(network, NULL, model, NULL) && lus_tensor_write_npy(input, x, NULL) &&
                  lus_tensor_write_npy(output, y, NULL);
  return done ? 0 : 1;
}

int main(int argc, char **argv)
{
  if (argc == 3 && g_str_equal(argv[1], "--write"))
    return write_files(argv[2]);
  g_test_init(&argc, &argv, NULL);
  for (int task = 0; task < LUS_TASK_N; task++) {
    g_autofree char *name = g_strdup_printf("/video/loss/%s", lus_task_name((LusTask)task));
    g_test_add_data_func(name, GINT_TO_POINTER(task), test_loss);
  }
  g_test_add_func("/video/network/gradient", test_network_gradient);
  g_test_add_func("/video/network/order", test_order_matters);
  g_test_add_func("/video/planes", test_planes);
  g_test_add_func("/video/samples", test_samples);
  g_test_add_func("/video/attend", test_attend);
  g_test_add_func("/video/repeatable", test_repeatable);
  g_test_add_func("/video/learns", test_learns);
  g_test_add_func("/video/zones", test_zones);
  g_test_add_func("/video/too-few", test_too_few);
  g_test_add_func("/video/file", test_file);
  g_test_add_func("/video/refuse", test_refuse_numbers);
  g_test_add_func("/video/tables", test_tables);
  return g_test_run();
}
