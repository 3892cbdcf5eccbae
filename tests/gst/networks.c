/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Video networks in lussfestimate: the same numbers as without a pipeline, whatever happens between the pictures. */
#include "exam-json.h"
#include "fixture.h"
#include <dlfcn.h>
#include <glib/gstdio.h>
#include <math.h>

#define FRAMES 8
#define CHAIN "lussegment model-file=MODEL sector=none ! lusconfmask ! lussfestimate name=sf zones=\"<R1,L1>\" " \
  "min-frames-per-zone=3 heads-file=%s exam-file=%s %s"

/* ---- stands before liblus's function: the networks stop until the test lets them go on ---- */

static GMutex mutex;
static GCond moved;
static gboolean held, waiting;

__attribute__((visibility("default"))) gboolean lus_exam_networks_set_clip(LusExamNetworks *networks, const char *zone,
                                                                           int number, const guint8 *planes,
                                                                           int classes, GError **error)
{
  static gboolean (*real)(LusExamNetworks *, const char *, int, const guint8 *, int, GError **);

  g_mutex_lock(&mutex);
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "lus_exam_networks_set_clip");
  waiting = TRUE;
  g_cond_broadcast(&moved);
  while (held)
    g_cond_wait(&moved, &mutex);
  g_mutex_unlock(&mutex);
  return real(networks, zone, number, planes, classes, error);
}

static void hold(gboolean on)
{
  g_mutex_lock(&mutex);
  held = on;
  waiting = FALSE;
  g_cond_broadcast(&moved);
  g_mutex_unlock(&mutex);
}

static void await_run(void)
{
  g_mutex_lock(&mutex);
  while (!waiting)
    g_cond_wait(&moved, &mutex);
  g_mutex_unlock(&mutex);
}

/* ---- files ---- */

static void add_weight(LusGraph *graph, int inputs[2], int channels, float factor)
{
  LusTensor *tensor = lus_tensor_new(4, (const int[4]){2, channels, 1, 1}, NULL);
  int planes = channels / FRAMES;

  for (int c = 0; c < channels; c++) {
    tensor->data[c] = factor * (float)(c / planes + 1) * (c % planes == 1 ? 0.01f : -0.01f);
    tensor->data[channels + c] = 0;
  }
  inputs[1] = lus_graph_add_constant(graph, "weight", tensor);
}

/* The embedding is one number, a sum of the planes' means with a weight of its own for each of the frames; every clip has
 * the score 0. S/F = 300 + 100 e. */
static void write_network(const char *name, int classes, gboolean grey, float factor)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusModel) model = lus_model_load(fixture_model(), NULL);
  g_autofree char *path = fixture_path(name);
  g_autoptr(LusClipNetwork) network = NULL;
  const int channels = FRAMES * (classes + (grey ? 1 : 0));
  LusVideoHead head = {.task = LUS_TASK_SF, .embedding = 1, .frames = FRAMES, .classes = classes, .grey = grey,
                       .mean = 300, .sd = 100, .half_width = 30, .low = 40, .high = 480, .zones = 2, .min_zones = 2};
  LusGraph *graph = lus_graph_new();
  LusOpAttrs mean = lus_op_attrs_default(), conv = lus_op_attrs_default();
  int inputs[2];

  inputs[0] = lus_graph_add_input(graph, "planes");
  mean.axes = 1u << 2 | 1u << 3;
  inputs[0] = lus_graph_add_node(graph, LUS_OP_REDUCE_MEAN, "mean", 1, inputs, &mean);
  add_weight(graph, inputs, channels, factor);
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_CONV, "embedding", 2, inputs, &conv));
  head.weight[0][0] = 1;
  g_strlcpy(head.model_sha256, lus_model_sha256(model), sizeof(head.model_sha256));
  network = lus_clip_network_new(graph, &head, &error);
  g_assert_no_error(error);
  g_assert_true(lus_clip_network_save(network, NULL, path, &error));
}

static char *sha256_of(const char *name)
{
  g_autofree char *path = fixture_path(name), *contents = NULL;
  gsize length;

  g_assert_true(g_file_get_contents(path, &contents, &length, NULL));
  return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)contents, length);
}

/* Heads that give 250 for two zones, and name the network. */
static char *write_heads(const char *name, const char *network, const char *model_sha256)
{
  g_autofree char *sha256 = sha256_of(network), *path = fixture_path(name);
  g_autofree char *json = g_strdup_printf(
      "{\"schema\":2,\"notice\":\"%s\",\"version\":\"0\",\"command\":\"none\",\"model_sha256\":\"%s\","
      "\"threshold\":0.6,\"profile\":{},\"networks\":{\"sf\":{\"file\":\"%s\",\"sha256\":\"%s\"}},"
      "\"heads\":{\"sf\":{\"intercept\":250,\"range_margin\":1,\"zones\":2,\"min_zones\":2,\"fit\":{},"
      "\"by_zones\":[{\"offset\":0,\"slope\":1,\"half_width\":40},{\"offset\":0,\"slope\":1,\"half_width\":20}],"
      "\"inputs\":[{\"name\":\"pleura_coverage.mean\",\"of\":\"level\",\"mean\":50,\"sd\":50,\"low\":0,\"high\":100,"
      "\"weight\":0}]}}}", LUS_NOTICE, model_sha256, network, sha256);

  g_assert_true(g_file_set_contents(path, json, -1, NULL));
  return g_steal_pointer(&path);
}

static char *write_both(const char *name, int classes, gboolean grey, float factor)
{
  g_autofree char *network = g_strconcat(name, ".onnx", NULL), *heads = g_strconcat(name, ".json", NULL);
  g_autoptr(LusModel) model = lus_model_load(fixture_model(), NULL);

  write_network(network, classes, grey, factor);
  return write_heads(heads, network, lus_model_sha256(model));
}

/* ---- pictures ---- */

static int level;

/* A pleural line, and below the threshold of any class a grey that differs from picture to picture. */
static guint8 graded(int x, int y)
{
  return y >= 20 && y < 24 ? 255 : (guint8)(104 + level % 32 + x / 8);
}

static GstHarness *make_harness(const char *heads, const char *exam, const char *more)
{
  g_autofree char *line = g_strdup_printf(CHAIN, heads, exam, more);

  return fixture_harness(line, 64, 64);
}

static GstBuffer *push_level(GstHarness *harness, guint n, int grey)
{
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);

  level = grey;
  return fixture_push(harness, caps, graded, n);
}

static void push_levels(GstHarness *harness, guint first, guint count, int grey)
{
  for (guint i = 0; i < count; i++)
    gst_buffer_unref(push_level(harness, first + i, grey + (int)i));
}

static void choose(GstHarness *harness, const char *zone)
{
  g_autoptr(GstElement) sf = gst_harness_find_element(harness, "lussfestimate");

  g_object_set(sf, "zone", zone, NULL);
}

static void tell(GstHarness *harness, const char *action, const char *exam_id)
{
  gst_harness_push_event(harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("lus-exam", "action", G_TYPE_STRING, action, "exam-id", G_TYPE_STRING, exam_id, NULL)));
}

/* By the action signal, which waits for the file. */
static void finish(GstHarness *harness)
{
  g_autoptr(GstElement) sf = gst_harness_find_element(harness, "lussfestimate");

  g_signal_emit_by_name(sf, "finish-exam");
}

static void begin_segment(GstHarness *harness)
{
  GstSegment segment;

  gst_segment_init(&segment, GST_FORMAT_TIME);
  gst_harness_push_event(harness, gst_event_new_segment(&segment));
}

static double number_at(json_t *exam, const char *object, const char *name)
{
  return json_number_value(json_object_get(json_object_get(exam, object), name));
}

static const char *reason_of(json_t *exam)
{
  return json_string_value(json_object_get(json_object_get(exam, "sf"), "reason"));
}

static double embedding_in(json_t *exam)
{
  json_t *sf = json_object_get(json_object_get(exam, "embeddings"), "sf");

  return json_number_value(json_array_get(json_object_get(sf, "values"), 0));
}

/* ---- the same without a pipeline ---- */

typedef struct {
  LusHeads *heads;
  LusExamNetworks *networks;
  LusClipPlanes *planes;
} Direct;

static void direct_open(Direct *direct, const char *heads)
{
  GError *error = NULL;

  direct->heads = lus_heads_load(heads, &error);
  g_assert_no_error(error);
  direct->networks = lus_exam_networks_new(direct->heads, &error);
  g_assert_no_error(error);
  direct->planes = lus_clip_planes_new(TRUE);
}

static void direct_frames(Direct *direct, guint count, int grey)
{
  guint8 pixels[FIXTURE_SIZE * FIXTURE_SIZE];
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = FIXTURE_SIZE, .height = FIXTURE_SIZE, .planes = {pixels},
                    .strides = {FIXTURE_SIZE}, .full_range = TRUE};

  for (guint i = 0; i < count; i++) {
    g_autoptr(LusSegmentation) segmentation = NULL;
    level = grey + (int)i;
    for (int p = 0; p < FIXTURE_SIZE * FIXTURE_SIZE; p++)
      pixels[p] = graded(p % FIXTURE_SIZE, p / FIXTURE_SIZE);
    segmentation = fixture_segmentation(graded);
    g_assert_true(lus_clip_planes_add(direct->planes, &image, segmentation));
  }
}

static void direct_clip(Direct *direct, const char *zone, int number)
{
  int classes;
  g_autofree guint8 *planes = lus_clip_planes_take(direct->planes, &classes);

  g_assert_true(lus_exam_networks_set_clip(direct->networks, zone, number, planes, classes, NULL));
  lus_clip_planes_reset(direct->planes);
}

static void direct_close(Direct *direct)
{
  lus_exam_networks_free(direct->networks);
  lus_clip_planes_free(direct->planes);
  lus_heads_unref(direct->heads);
}

/* The exam's S/F is that of the networks over the clips given so far. */
static void assert_same(const Direct *direct, json_t *exam)
{
  const char *const zones[] = {"L1", "R1", NULL};
  g_autofree char *text = lus_exam_networks_to_json(direct->networks, zones);
  json_t *embeddings = json_loads(text, 0, NULL);
  LusEstimate estimate = {.sf = {.valid = TRUE}};
  double e = json_number_value(json_array_get(json_object_get(json_object_get(embeddings, "sf"), "values"), 0));

  lus_exam_networks_estimate(direct->networks, &estimate, NULL, zones);
  g_assert_cmpfloat(fabs(e), >, 1e-3);
  g_assert_cmpfloat_with_epsilon(estimate.sf.value, 300 + 100 * e, 1e-3);
  g_assert_cmpfloat_with_epsilon(embedding_in(exam), e, 1e-9);
  g_assert_true(json_is_true(json_object_get(json_object_get(exam, "sf"), "valid")));
  g_assert_cmpfloat_with_epsilon(number_at(exam, "sf", "value"), estimate.sf.value, 1e-7);
  g_assert_cmpfloat_with_epsilon(number_at(exam, "sf", "low"), estimate.sf.value - 30, 1e-7);
  g_assert_cmpfloat_with_epsilon(number_at(exam, "sf", "high"), estimate.sf.value + 30, 1e-7);
  json_decref(embeddings);
}

/* ---- tests ---- */

/* A zone is left and taken up again and there is a seek in mid-clip: one clip, as its features are those of one; another
 * stream is another clip. A zone of too few frames counts nowhere, nor do pictures of no zone. */
static void test_same_numbers(gconstpointer grey)
{
  g_autofree char *heads = write_both("same", 3, grey != NULL, 1), *path = fixture_path("same-exam.json");
  GstHarness *harness = make_harness(heads, path, "zone=R1");
  Direct direct;
  json_t *exam;

  push_levels(harness, 0, 30, 20);
  choose(harness, "L1");
  push_levels(harness, 30, 5, 90);
  choose(harness, "R1");
  push_levels(harness, 35, 6, 60);
  gst_harness_push_event(harness, gst_event_new_flush_start());
  gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE));
  begin_segment(harness);
  push_levels(harness, 2, 9, 70);
  choose(harness, "R2");
  push_levels(harness, 11, 2, 5);
  choose(harness, NULL);
  push_levels(harness, 13, 4, 5);
  gst_harness_push_event(harness, gst_event_new_stream_start("another"));
  begin_segment(harness);
  choose(harness, "R1");
  push_levels(harness, 0, 4, 10);
  gst_harness_push_event(harness, gst_event_new_eos());
  exam = read_exam(path);

  direct_open(&direct, heads);
  direct_frames(&direct, 4, 10);
  direct_clip(&direct, "R1", 2);
  direct_frames(&direct, 5, 90);
  direct_clip(&direct, "L1", 1);
  direct_frames(&direct, 30, 20);
  direct_clip(&direct, "R1", 1); /* in its place comes the whole of it */
  direct_frames(&direct, 30, 20);
  direct_frames(&direct, 6, 60);
  direct_frames(&direct, 9, 70);
  direct_clip(&direct, "R1", 1);
  assert_same(&direct, exam);
  direct_close(&direct);
  json_decref(exam);
  gst_harness_teardown(harness);
}

/* Clips A, B, A of one zone are three: the one that comes back is neither lost nor part of B. */
static void test_clip_comes_back(void)
{
  static const char *const streams[] = {"A", "B", "A"};
  g_autofree char *heads = write_both("back", 3, FALSE, 1), *path = fixture_path("back-exam.json"), *names = NULL;
  GstHarness *harness = make_harness(heads, path, "");
  Direct direct;
  json_t *exam;

  direct_open(&direct, heads);
  for (int i = 0; i < 3; i++) {
    gst_harness_push_event(harness, gst_event_new_stream_start(streams[i]));
    begin_segment(harness);
    choose(harness, "R1");
    push_levels(harness, 0, 4, 20 + 30 * i);
    direct_frames(&direct, 4, 20 + 30 * i);
    direct_clip(&direct, "R1", i + 1);
  }
  choose(harness, "L1");
  push_levels(harness, 4, 4, 60);
  direct_frames(&direct, 4, 60);
  direct_clip(&direct, "L1", 1);
  gst_harness_push_event(harness, gst_event_new_eos());
  exam = read_exam(path);
  names = json_dumps(json_object_get(json_object_get(json_object_get(exam, "zones"), "R1"), "clips"), JSON_COMPACT);
  g_assert_cmpstr(names, ==, "[\"A\",\"B\",\"A\"]");
  assert_same(&direct, exam);
  direct_close(&direct);
  json_decref(exam);
  gst_harness_teardown(harness);
}

/* Networks that stand still: pictures and events go on, and the exam is not finished before they are. */
static void test_pictures_do_not_wait(void)
{
  g_autofree char *heads = write_both("slow", 3, FALSE, 1), *path = fixture_path("slow-exam.json");
  GstHarness *harness = make_harness(heads, path, "zone=R1 interval=0");
  LusExamView view;
  GstBuffer *out;

  hold(TRUE);
  push_levels(harness, 0, 4, 20);
  choose(harness, "L1");
  push_levels(harness, 4, 1, 60);
  await_run(); /* of the zone that ended */
  push_levels(harness, 5, 40, 61);
  tell(harness, "finish", NULL);
  out = push_level(harness, 45, 80);
  g_assert_true(gst_lus_summary_get_exam(gst_buffer_get_lus_summary(out), &view));
  g_assert_cmpint(view.frames[1], ==, 41);
  g_assert_false(view.finished);
  g_assert_false(view.estimate.sf.valid);
  gst_buffer_unref(out);
  g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));

  hold(FALSE);
  finish(harness);
  g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
  out = push_level(harness, 46, 80);
  g_assert_true(gst_lus_summary_get_exam(gst_buffer_get_lus_summary(out), &view));
  g_assert_true(view.finished);
  g_assert_true(view.estimate.sf.valid);
  g_assert_cmpfloat(fabs(view.estimate.sf.value - 250), >, 1); /* not the heads' */
  gst_buffer_unref(out);
  gst_harness_teardown(harness);
}

/* While the exam goes on the estimate is the networks', with the pictures so far. */
static void test_running(void)
{
  g_autofree char *heads = write_both("running", 3, FALSE, 1), *path = fixture_path("running-exam.json");
  GstHarness *harness = make_harness(heads, path, "zone=R1 interval=0");
  LusExamView view = {.present = FALSE};
  json_t *exam;

  push_levels(harness, 0, 4, 20);
  choose(harness, "L1");
  for (guint n = 4; !view.estimate.sf.valid; n++) {
    GstBuffer *out = push_level(harness, n, 20);
    g_assert_true(gst_lus_summary_get_exam(gst_buffer_get_lus_summary(out), &view));
    gst_buffer_unref(out);
    g_assert_cmpuint(n, <, 100000);
  }
  g_assert_cmpfloat(fabs(view.estimate.sf.value - 250), >, 1);
  g_assert_cmpfloat_with_epsilon(view.estimate.sf.high, view.estimate.sf.value + 30, 1e-7);
  finish(harness);
  exam = read_exam(path);
  g_assert_cmpfloat_with_epsilon(number_at(exam, "sf", "value"), view.estimate.sf.value, 5);
  json_decref(exam);
  gst_harness_teardown(harness);
}

static void examine(GstHarness *harness, const char *exam_id, const char *path, int grey)
{
  g_autoptr(GstElement) sf = gst_harness_find_element(harness, "lussfestimate");

  tell(harness, "start", exam_id);
  g_object_set(sf, "exam-file", path, NULL);
  choose(harness, "R1");
  push_levels(harness, 0, 12, grey);
  choose(harness, "L1");
  push_levels(harness, 12, 7, grey);
}

static char *contents_of(const char *path)
{
  char *contents;

  g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
  return contents;
}

/* B begins while A's networks have not even begun: A's file is A's, and B's is that of B alone. */
static void test_two_patients(void)
{
  g_autofree char *heads = write_both("two", 3, TRUE, 1), *a = fixture_path("a.json"), *b = fixture_path("b.json"),
                  *alone = fixture_path("b-alone.json"), *a_alone = fixture_path("a-alone.json");
  GstHarness *harness = make_harness(heads, a, "");
  const char *const files[] = {a, a_alone, b, alone};
  char *texts[4];

  gst_harness_push_event(harness, gst_event_new_stream_start("ward"));
  hold(TRUE);
  examine(harness, "A", a, 90);
  tell(harness, "finish", NULL);
  examine(harness, "B", b, 20);
  hold(FALSE);
  gst_harness_teardown(harness);

  harness = make_harness(heads, a_alone, "");
  gst_harness_push_event(harness, gst_event_new_stream_start("ward"));
  examine(harness, "A", a_alone, 90);
  finish(harness);
  gst_harness_teardown(harness);
  harness = make_harness(heads, alone, "");
  gst_harness_push_event(harness, gst_event_new_stream_start("ward"));
  examine(harness, "B", alone, 20);
  finish(harness);
  gst_harness_teardown(harness);

  for (int i = 0; i < 4; i++)
    texts[i] = contents_of(files[i]);
  g_assert_cmpstr(texts[0], ==, texts[1]);
  g_assert_cmpstr(texts[2], ==, texts[3]);
  g_assert_nonnull(strstr(texts[0], "\"A\""));
  g_assert_nonnull(strstr(texts[2], "\"embeddings\""));
  for (int i = 0; i < 4; i++)
    g_free(texts[i]);
}

/* The first finish says name and file, also where the networks still run when another comes. */
static void test_finished_twice(void)
{
  g_autofree char *heads = write_both("twice", 3, FALSE, 1), *a = fixture_path("first.json"), *b = fixture_path("second.json");
  GstHarness *harness = make_harness(heads, a, "");
  g_autoptr(GstElement) sf = gst_harness_find_element(harness, "lussfestimate");
  json_t *exam;

  hold(TRUE);
  examine(harness, "A", a, 90);
  tell(harness, "finish", NULL);
  g_object_set(sf, "exam-id", "B", "exam-file", b, NULL);
  tell(harness, "finish", NULL);
  hold(FALSE);
  finish(harness);
  exam = read_exam(a);
  g_assert_cmpstr(json_string_value(json_object_get(exam, "exam_id")), ==, "A");
  g_assert_false(g_file_test(b, G_FILE_TEST_EXISTS));
  json_decref(exam);
  gst_harness_teardown(harness);
}

/* An exam that is thrown away leaves nothing behind. */
static void test_started_over(void)
{
  g_autofree char *heads = write_both("over", 3, FALSE, 1), *path = fixture_path("over-exam.json");
  GstHarness *harness = make_harness(heads, path, "");
  Direct direct;
  json_t *exam;

  hold(TRUE);
  examine(harness, "A", path, 90);
  await_run();
  examine(harness, "B", path, 20);
  hold(FALSE);
  finish(harness);
  exam = read_exam(path);
  direct_open(&direct, heads);
  direct_frames(&direct, 12, 20);
  direct_clip(&direct, "R1", 1);
  direct_frames(&direct, 7, 20);
  direct_clip(&direct, "L1", 1);
  assert_same(&direct, exam);
  direct_close(&direct);
  json_decref(exam);
  gst_harness_teardown(harness);
}

static guint count_warnings(GstBus *bus, const char *text)
{
  GstMessage *message;
  guint count = 0;

  while ((message = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING))) {
    g_autoptr(GError) error = NULL;
    gst_message_parse_warning(message, &error, NULL);
    if (strstr(error->message, "holds the exam before")) {
      gst_message_unref(message);
      continue;
    }
    if (!strstr(error->message, text))
      g_error("\"%s\" lacks \"%s\"", error->message, text);
    gst_message_unref(message);
    count++;
  }
  return count;
}

/* The next exam has the network that lies there then; one that does not fit to its heads file leaves that of the exam before,
 * which has ended. */
static void test_swapped(void)
{
  g_autofree char *heads = write_both("swap", 3, FALSE, 1), *path = fixture_path("swap-exam.json"), *sha256 = NULL;
  GstHarness *harness = make_harness(heads, path, "");
  g_autoptr(GstElement) sf = gst_harness_find_element(harness, "lussfestimate");
  g_autoptr(GstBus) bus = gst_bus_new();
  double before;
  json_t *exam;

  gst_element_set_bus(sf, bus);
  examine(harness, "1", path, 20);
  finish(harness);
  exam = read_exam(path);
  before = embedding_in(exam);
  json_decref(exam);

  g_free(write_both("swap", 3, FALSE, 2));
  sha256 = sha256_of("swap.onnx");
  examine(harness, "2", path, 20);
  write_network("swap.onnx", 3, FALSE, 3); /* without its heads */
  tell(harness, "finish", NULL);
  tell(harness, "start", "3");
  g_assert_cmpuint(count_warnings(bus, "swap.onnx: not the network that the heads file names"), ==, 1);
  finish(harness);
  exam = read_exam(path);
  g_assert_cmpstr(json_string_value(json_object_get(exam, "exam_id")), ==, "2");
  g_assert_cmpfloat_with_epsilon(embedding_in(exam), 2 * before, 1e-5);
  g_assert_cmpstr(json_string_value(json_object_get(json_object_get(json_object_get(exam, "embeddings"), "sf"),
                                                    "network_sha256")), ==, sha256);
  json_decref(exam);
  gst_element_set_bus(sf, NULL);
  gst_harness_teardown(harness);
}

static json_t *examine_with_warnings(const char *heads, guint warnings, const char *text)
{
  g_autofree char *path = fixture_path("warned.json");
  GstHarness *harness = make_harness(heads, path, "interval=0");
  g_autoptr(GstElement) sf = gst_harness_find_element(harness, "lussfestimate");
  g_autoptr(GstBus) bus = gst_bus_new();

  gst_element_set_bus(sf, bus);
  examine(harness, "w", path, 20);
  finish(harness);
  g_assert_cmpuint(count_warnings(bus, text), ==, warnings);
  gst_element_set_bus(sf, NULL);
  gst_harness_teardown(harness);
  return read_exam(path);
}

/* Networks that cannot be used are told of once; the exam goes on without their numbers. */
static void test_no_sensible_numbers(void)
{
  g_autofree char *misfit = write_both("misfit", 2, FALSE, 1), *wild = write_both("wild", 3, FALSE, 1e30f), *foreign = NULL;
  g_autofree char *other = g_strnfill(64, '0');
  json_t *exam = examine_with_warnings(misfit, 1, "misfit.onnx: the network reads 2 classes, the model gives 3");

  g_assert_cmpstr(reason_of(exam), ==, "Network failed");
  g_assert_true(json_is_null(json_object_get(json_object_get(exam, "sf"), "value")));
  g_assert_null(json_object_get(exam, "embeddings"));
  json_decref(exam);
  exam = examine_with_warnings(wild, 1, "wild.onnx: the network makes ");
  g_assert_cmpstr(reason_of(exam), ==, "Network failed");
  g_assert_null(json_object_get(exam, "embeddings"));
  json_decref(exam);

  /* Files that cannot be used at all are errors before anything plays. */
  foreign = write_heads("foreign.json", "misfit.onnx", other);
  g_assert_true(fixture_fails_ready("lussfestimate", "heads-file", foreign, "misfit.onnx: not the network"));
}

static void test_broken_files(void)
{
  g_autofree char *heads = write_both("broken", 3, FALSE, 1), *network = fixture_path("broken.onnx");
  g_autoptr(LusModel) model = lus_model_load(fixture_model(), NULL);
  g_autofree char *whole = NULL, *model_file = NULL;
  gsize length;

  g_assert_true(g_file_get_contents(network, &whole, &length, NULL));
  g_assert_true(g_file_set_contents(network, whole, (gssize)length / 2, NULL));
  g_free(write_heads("broken.json", "broken.onnx", lus_model_sha256(model)));
  g_assert_true(fixture_fails_ready("lussfestimate", "heads-file", heads, "broken.onnx"));
  g_assert_true(g_file_get_contents(fixture_model(), &model_file, &length, NULL));
  g_assert_true(g_file_set_contents(network, model_file, (gssize)length, NULL));
  g_free(write_heads("broken.json", "broken.onnx", lus_model_sha256(model)));
  g_assert_true(fixture_fails_ready("lussfestimate", "heads-file", heads,
                                    "broken.onnx: it has no metadata lus.video: no video network of this program"));
  g_remove(network);
  g_assert_true(fixture_fails_ready("lussfestimate", "heads-file", heads, "broken.onnx"));
}

/* Another model than the heads': no estimate, no networks. */
static void test_other_model(void)
{
  g_autofree char *heads = write_both("other", 3, FALSE, 1), *path = fixture_path("other-exam.json"),
                  *line = g_strdup_printf(CHAIN, heads, path, "zone=R1");
  g_auto(GStrv) parts = g_strsplit(line, "MODEL", 2);
  g_autofree char *other = g_strjoinv(fixture_other_model(), parts);
  g_autofree char *sync = g_strconcat("identity ! ", other, NULL);
  GstHarness *harness = fixture_harness(sync, 64, 64);
  g_autoptr(GstElement) segment = gst_harness_find_element(harness, "lussegment");
  json_t *exam;

  gst_util_set_object_arg(G_OBJECT(segment), "inference-mode", "sync");
  push_levels(harness, 0, 4, 20);
  gst_harness_push_event(harness, gst_event_new_eos());
  exam = read_exam(path);
  g_assert_cmpstr(reason_of(exam), ==, "Other model");
  g_assert_null(json_object_get(exam, "embeddings"));
  json_decref(exam);
  gst_harness_teardown(harness);
}

static void add_tests(void)
{
  g_test_add_data_func("/networks/same-numbers", NULL, test_same_numbers);
  g_test_add_data_func("/networks/same-numbers-grey", "grey", test_same_numbers);
  g_test_add_func("/networks/pictures-do-not-wait", test_pictures_do_not_wait);
  g_test_add_func("/networks/running", test_running);
  g_test_add_func("/networks/two-patients", test_two_patients);
  g_test_add_func("/networks/clip-comes-back", test_clip_comes_back);
  g_test_add_func("/networks/finished-twice", test_finished_twice);
  g_test_add_func("/networks/started-over", test_started_over);
  g_test_add_func("/networks/swapped", test_swapped);
  g_test_add_func("/networks/no-sensible-numbers", test_no_sensible_numbers);
  g_test_add_func("/networks/broken-files", test_broken_files);
  g_test_add_func("/networks/other-model", test_other_model);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
