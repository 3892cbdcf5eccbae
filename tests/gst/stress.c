/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** The chain under what pipelines do to elements at bad times, and buffers as they should not be. */
#include "fixture.h"
#include <glib/gstdio.h>
#include <unistd.h>

#define SIDE FIXTURE_SIZE
#define MASKS "lussegment name=segment model-file=MODEL sector=none ! lusconfmask name=mask output=mask"
#define WHOLE                                                                                                          \
  "lussegment name=segment model-file=MODEL sector=none ! lusconfmask name=mask "                                      \
  "! lussfestimate name=estimate zone=L1 ! lusoverlay name=overlay"

/* A bright band whose place tells the picture's number. */
static guint coded;

static int coded_row(guint n)
{
  return 8 + (int)(n * 7 % 12) * 4;
}

static guint8 coded_pattern(int x, int y)
{
  (void)x;
  return y >= coded_row(coded) && y < coded_row(coded) + 4 ? 255 : 60;
}

static GstBuffer *coded_picture(const char *caps, guint n)
{
  coded = n;
  return fixture_picture(caps, coded_pattern, n);
}

static void push_segment(GstHarness *harness)
{
  GstSegment segment;

  gst_segment_init(&segment, GST_FORMAT_TIME);
  g_assert_true(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
}

static guint8 *copy_of(GstBuffer *buffer, gsize *size)
{
  gpointer data;

  gst_buffer_extract_dup(buffer, 0, (gsize)-1, &data, size);
  return data;
}

static void assert_same(GstBuffer *a, GstBuffer *b)
{
  gsize na, nb;
  g_autofree guint8 *x = copy_of(a, &na), *y = copy_of(b, &nb);

  g_assert_cmpmem(x, na, y, nb);
}

/* ---- threads ---- */

typedef struct {
  GstElement *chain;
  gint turns; /* atomic */
} Hand;

static void set_of(Hand *hand, const char *element, const char *property, const char *value)
{
  g_autoptr(GstElement) child = gst_bin_get_by_name(GST_BIN(hand->chain), element);

  gst_util_set_object_arg(G_OBJECT(child), property, value);
}

static void swap_models(gpointer thread, gpointer data)
{
  Hand *hand = data;

  (void)thread;
  set_of(hand, "segment", "model-file", g_atomic_int_add(&hand->turns, 1) % 2 ? fixture_model() : fixture_other_model());
}

static void turn_knobs(gpointer thread, gpointer data)
{
  static const char *const knobs[][3] = {
    {"segment", "inference-interval", "3"}, {"mask", "confidence-threshold", "0.3"}, {"overlay", "opacity", "0.5"},
    {"overlay", "enabled", "false"}, {"overlay", "style", "both"}, {"mask", "min-area", "4"},
    {"segment", "threads", "2"},
    {"overlay", "enabled", "true"}, {"segment", "inference-interval", "1"}, {"estimate", "interval", "0"},
    {"estimate", "zone", "R3"}, {"overlay", "selected-types", "<pleural_line>"}, {"segment", "threads", "1"},
    {"segment", "mm-per-pixel", "0.2"}, {"overlay", "expire-overlay", "1"}, {"overlay", "stale-policy", "hide"},
  };
  Hand *hand = data;
  const char *const *knob = knobs[(gsize)g_atomic_int_add(&hand->turns, 1) % G_N_ELEMENTS(knobs)];

  (void)thread;
  set_of(hand, knob[0], knob[1], knob[2]);
}

static void read_properties(gpointer thread, gpointer data)
{
  Hand *hand = data;
  g_autoptr(GstElement) segment = gst_bin_get_by_name(GST_BIN(hand->chain), "segment");
  GstStructure *info = NULL, *stats = NULL;

  (void)thread;
  g_atomic_int_inc(&hand->turns);
  g_object_get(segment, "model-info", &info, "stats", &stats, NULL);
  g_clear_pointer(&info, gst_structure_free);
  g_clear_pointer(&stats, gst_structure_free);
}

static gboolean all_turned(Hand *hands, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (g_atomic_int_get(&hands[i].turns) <= 3)
      return FALSE;
  return TRUE;
}

/* Pictures, model swaps, properties of all elements, events both ways: each from a thread of its own, all together. */
static void test_threads(void)
{
  g_autofree char *caps_text = fixture_caps("GRAY8", SIDE, SIDE);
  GstHarness *harness = fixture_harness(WHOLE, SIDE, SIDE);
  GstCaps *caps = gst_caps_from_string(caps_text);
  GstBuffer *buffer = fixture_picture(caps_text, fixture_line, 1);
  Hand hands[3] = {{harness->element, 0}, {harness->element, 0}, {harness->element, 0}};
  GstHarnessThread *threads[7];
  GstSegment time;

  gst_harness_set_drop_buffers(harness, TRUE);
  gst_segment_init(&time, GST_FORMAT_TIME);
  threads[0] = gst_harness_stress_push_buffer_start_full(harness, caps, &time, buffer, 100);
  threads[1] = gst_harness_stress_custom_start(harness, NULL, swap_models, &hands[0], 3000);
  threads[2] = gst_harness_stress_custom_start(harness, NULL, turn_knobs, &hands[1], 500);
  threads[3] = gst_harness_stress_custom_start(harness, NULL, read_properties, &hands[2], 500);
  threads[4] = gst_harness_stress_push_upstream_event_start_full(harness, gst_event_new_reconfigure(), 2000);
  threads[5] = gst_harness_stress_push_event_start_full(
      harness, gst_event_new_tag(gst_tag_list_new(GST_TAG_KEYWORDS, "lus-zone:R2", NULL)), 2000);
  threads[6] = gst_harness_stress_push_event_start_full( /* of an application's thread: beside the pictures, not between them */
      harness, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_OOB, gst_structure_new("lus-zone", "zone", G_TYPE_STRING, "R1", NULL)),
      50);
  g_usleep(1500000);
  for (int wait = 0; wait < 600 && !all_turned(hands, G_N_ELEMENTS(hands)); wait++)
    g_usleep(100000);
  for (gsize i = G_N_ELEMENTS(threads); i-- > 0;)
    g_assert_cmpuint(gst_harness_stress_thread_stop(threads[i]), >, 0);
  g_assert_true(all_turned(hands, G_N_ELEMENTS(hands)));
  gst_caps_unref(caps);
  gst_buffer_unref(buffer);
  gst_harness_teardown(harness);
}

/* ---- storms ---- */

/* A flush before each picture: the masks are those of the same pictures alone. */
static void test_seeks(void)
{
  g_autofree char *caps = fixture_caps("GRAY8", SIDE, SIDE);
  GstHarness *flushed = fixture_harness(MASKS, SIDE, SIDE), *alone = fixture_harness(MASKS, SIDE, SIDE);

  for (guint i = 0; i < 1000; i++) {
    GstBuffer *a, *b;
    g_assert_true(gst_harness_push_event(flushed, gst_event_new_flush_start()));
    g_assert_true(gst_harness_push_event(flushed, gst_event_new_flush_stop(TRUE)));
    push_segment(flushed);
    g_assert_cmpint(gst_harness_push(flushed, coded_picture(caps, i)), ==, GST_FLOW_OK);
    g_assert_cmpint(gst_harness_push(alone, coded_picture(caps, i)), ==, GST_FLOW_OK);
    a = gst_harness_pull(flushed);
    b = gst_harness_pull(alone);
    assert_same(a, b);
    gst_buffer_unref(a);
    gst_buffer_unref(b);
  }
  gst_harness_teardown(flushed);
  gst_harness_teardown(alone);
}

static void test_caps(void)
{
  static const char *const formats[] = {"GRAY8", "I420", "NV12", "YUY2", "BGRx", "RGB"};
  GstHarness *harness = fixture_harness(WHOLE, SIDE, SIDE);

  for (guint i = 0; i < 300; i++) {
    g_autofree char *caps = fixture_caps(formats[i % 6], 64 + (int)(i * 6 % 46), 64 + (int)(i * 10 % 38));
    GstBuffer *in, *out;
    gsize size;
    gst_harness_set_src_caps_str(harness, caps);
    in = fixture_picture(caps, fixture_line, i);
    size = gst_buffer_get_size(in);
    g_assert_cmpint(gst_harness_push(harness, in), ==, GST_FLOW_OK);
    out = gst_harness_pull(harness);
    g_assert_cmpuint(gst_buffer_get_size(out), ==, size);
    gst_buffer_unref(out);
  }
  gst_harness_teardown(harness);
}

/* ---- buffers ---- */

typedef enum { NO_PTS, BACKWARDS, DISCONT, GAP, READ_ONLY, SHARED, LATE, LAST_TIME, NO_DURATION, KINDS } Kind;

static GstBuffer *odd_buffer(Kind kind, const char *caps, guint n)
{
  GstBuffer *buffer = fixture_picture(caps, fixture_line, n);

  switch (kind) {
  case NO_PTS: GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE; break;
  case BACKWARDS: GST_BUFFER_PTS(buffer) = (100 - n) * 40 * GST_MSECOND; break;
  case DISCONT: GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT); break;
  case GAP: GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_GAP | GST_BUFFER_FLAG_DROPPABLE); break;
  case READ_ONLY: GST_MINI_OBJECT_FLAG_SET(gst_buffer_peek_memory(buffer, 0), GST_MEMORY_FLAG_READONLY); break;
  case LATE: GST_BUFFER_PTS(buffer) = (guint64)G_MAXINT64 - 100 + n; break;
  case LAST_TIME: GST_BUFFER_PTS(buffer) = GST_CLOCK_TIME_NONE - 100 + n; break;
  case NO_DURATION: GST_BUFFER_DURATION(buffer) = n % 2 ? 0 : GST_CLOCK_TIME_NONE; break;
  default: break;
  }
  return buffer;
}

/* Each comes out, of its size; what somebody else holds or may not be written stays as it was. */
static void test_buffers(void)
{
  g_autofree char *caps = fixture_caps("I420", SIDE, SIDE);

  for (Kind kind = 0; kind < KINDS; kind++) {
    GstHarness *harness = fixture_harness(WHOLE, SIDE, SIDE);
    gst_harness_set_src_caps_str(harness, caps);
    for (guint n = 0; n < 8; n++) {
      GstBuffer *in = odd_buffer(kind, caps, n), *out, *kept = gst_buffer_copy_deep(in);
      if (kind == SHARED || kind == READ_ONLY)
        gst_buffer_ref(in);
      g_assert_cmpint(gst_harness_push(harness, in), ==, GST_FLOW_OK);
      if (n == 3)
        gst_harness_push_event(harness, gst_event_new_gap(n * 40 * GST_MSECOND, 40 * GST_MSECOND));
      out = gst_harness_pull(harness);
      g_assert_nonnull(gst_buffer_get_lus_seg_meta(out));
      g_assert_cmpuint(gst_buffer_get_size(out), ==, gst_buffer_get_size(kept));
      gst_buffer_unref(out);
      if (kind == SHARED || kind == READ_ONLY) {
        assert_same(in, kept);
        gst_buffer_unref(in);
      }
      gst_buffer_unref(kept);
    }
    gst_harness_teardown(harness);
  }
}

/* Too short for its caps, empty, without memory: an error where it would be read or drawn on. */
static void test_short(void)
{
  static const gssize sizes[] = {0, 1, SIDE, SIDE * SIDE - 1};
  static const char *const chains[] = {MASKS, WHOLE, "lusoverlay", "lusdeidentify", "lusconfmask", "lussfestimate zone=L1"};

  for (gsize c = 0; c < G_N_ELEMENTS(chains); c++)
    for (gsize i = 0; i <= G_N_ELEMENTS(sizes); i++) {
      GstHarness *harness = fixture_harness(chains[c], SIDE, SIDE);
      gboolean memory = i < G_N_ELEMENTS(sizes);
      GstBuffer *buffer = memory ? gst_buffer_new_allocate(NULL, (gsize)sizes[i], NULL) : gst_buffer_new();
      GstFlowReturn flow;
      GST_BUFFER_PTS(buffer) = 0;
      flow = gst_harness_push(harness, buffer);
      if (c < 4 && flow != GST_FLOW_ERROR)
        g_error("%s takes a buffer number %d: %s", chains[c], (int)i, gst_flow_get_name(flow));
      gst_harness_teardown(harness);
    }
}

/* ---- files ---- */

static void write_file(const char *path, const char *data, gssize length)
{
  g_assert_true(g_file_set_contents_full(path, data, length, G_FILE_SET_CONTENTS_NONE, 0666, NULL));
}

/* The model's file is cut in place, overwritten, removed and made a folder: the masks stay what they were. */
static void test_model_file(void)
{
  g_autofree char *caps = fixture_caps("GRAY8", SIDE, SIDE), *path = fixture_path("played.onnx"), *model = NULL,
                  *line = NULL, *zeros = g_malloc0(4096);
  gsize length = 0;
  GstHarness *harness;
  GstBuffer *before;

  g_assert_true(g_file_get_contents(fixture_model(), &model, &length, NULL));
  write_file(path, model, (gssize)length);
  line = g_strdup_printf("lussegment model-file=%s inference-mode=sync sector=none ! lusconfmask output=mask", path);
  harness = gst_harness_new_parse(line);
  gst_harness_set_src_caps_str(harness, caps);
  before = fixture_push(harness, caps, fixture_line, 0);
  for (guint n = 1; n <= 4; n++) {
    GstBuffer *after;
    FILE *file = n == 1 ? g_fopen(path, "r+") : NULL;
    if (file) {
      g_assert_cmpint(ftruncate(fileno(file), 10), ==, 0);
      fclose(file);
    }
    if (n == 2)
      write_file(path, zeros, 4096);
    if (n == 3)
      g_assert_cmpint(g_unlink(path), ==, 0);
    if (n == 4)
      g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
    after = fixture_push(harness, caps, fixture_line, n);
    assert_same(before, after);
    gst_buffer_unref(after);
  }
  gst_buffer_unref(before);
  gst_harness_teardown(harness);
}

/* ---- pipelines ---- */

typedef struct {
  GstPad *next;
  gint done;
} Relink;

static GstPadProbeReturn relink(GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Relink *task = data;
  GstPad *next = task->next, *peer = gst_pad_get_peer(pad);

  (void)info;
  if (peer != next) {
    gst_pad_unlink(pad, peer);
    g_assert_cmpint(gst_pad_link(pad, next), ==, GST_PAD_LINK_OK);
  }
  gst_object_unref(peer);
  g_atomic_int_set(&task->done, TRUE);
  return GST_PAD_PROBE_REMOVE;
}

/* The chain is taken out of the stream and put back while it plays: pictures go one way or the other. */
static void test_relinking(void)
{
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch(
      "videotestsrc name=source ! video/x-raw,format=GRAY8,width=64,height=64 ! identity name=fork "
      "funnel name=join ! fakesink sync=false async=false "
      "lussegment name=segment sector=none ! lusconfmask ! lusoverlay ! join.", &error);
  g_autoptr(GstElement) fork = NULL, segment = NULL, join = NULL;
  g_autoptr(GstBus) bus = NULL;
  GstPad *from, *chain, *around;
  GstMessage *message;

  g_assert_no_error(error);
  fork = gst_bin_get_by_name(GST_BIN(pipeline), "fork");
  segment = gst_bin_get_by_name(GST_BIN(pipeline), "segment");
  join = gst_bin_get_by_name(GST_BIN(pipeline), "join");
  g_object_set(segment, "model-file", fixture_model(), NULL);
  from = gst_element_get_static_pad(fork, "src");
  chain = gst_element_get_static_pad(segment, "sink");
  around = gst_element_request_pad_simple(join, "sink_%u");
  g_assert_cmpint(gst_pad_link(from, chain), ==, GST_PAD_LINK_OK);
  g_assert_cmpint(gst_element_set_state(pipeline, GST_STATE_PLAYING), !=, GST_STATE_CHANGE_FAILURE);
  for (int i = 0; i < 60; i++) {
    Relink task = {.next = i % 2 ? chain : around};

    /* In the stream's thread, between two pictures, one at a time: GStreamer then sends the sticky events first. */
    gst_pad_add_probe(from, GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM, relink, &task, NULL);
    while (!g_atomic_int_get(&task.done))
      g_usleep(1000);
    g_usleep(4000);
  }
  bus = gst_element_get_bus(pipeline);
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  g_assert_null(message);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_element_release_request_pad(join, around);
  gst_object_unref(around);
  gst_object_unref(chain);
  gst_object_unref(from);
  gst_object_unref(pipeline);
}

/* The end of the stream while a picture is in the network, and shutting down in the same moment. */
static void test_end(void)
{
  for (int i = 0; i < 40; i++) {
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launch(
        "videotestsrc num-buffers=30 ! video/x-raw,format=GRAY8,width=64,height=64 ! lussegment name=segment "
        "sector=none ! lusconfmask ! lussfestimate zone=L1 ! lusoverlay ! fakesink sync=false", &error);
    g_autoptr(GstElement) segment = gst_bin_get_by_name(GST_BIN(pipeline), "segment");
    g_autoptr(GstBus) bus = gst_element_get_bus(pipeline);
    GstMessage *message;

    g_assert_no_error(error);
    g_object_set(segment, "model-file", fixture_model(), NULL);
    g_assert_cmpint(gst_element_set_state(pipeline, GST_STATE_PLAYING), !=, GST_STATE_CHANGE_FAILURE);
    if (i % 2) /* before it plays GStreamer's sources hold a lock that this event waits for */
      gst_element_get_state(pipeline, NULL, NULL, GST_CLOCK_TIME_NONE);
    g_usleep((gulong)i * 300);
    if (i % 2)
      gst_element_send_event(pipeline, gst_event_new_eos());
    if (i % 4 < 2) { /* else it is shut down as it is */
      message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
      g_assert_nonnull(message);
      g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, GST_MESSAGE_EOS);
      gst_message_unref(message);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
  }
}

/* ---- whose mask ---- */

/* Rows in which two pictures differ; -1: none. */
static void different_rows(GstBuffer *a, GstBuffer *b, int *first, int *last)
{
  gsize na, nb;
  g_autofree guint8 *x = copy_of(a, &na), *y = copy_of(b, &nb);

  *first = *last = -1;
  for (int row = 0; row < SIDE; row++)
    if (memcmp(x + row * SIDE, y + row * SIDE, SIDE) != 0) {
      *first = *first < 0 ? row : *first;
      *last = row;
    }
}

static GstHarness *coded_chain(double opacity, guint interval)
{
  g_autofree char *line = g_strdup_printf(
    "lussegment model-file=MODEL sector=none inference-interval=%u ! lusconfmask ! lusoverlay style=fill opacity=%g "
    "selected-types=<pleural_line> show-legend=false show-status=false show-estimate=false show-confidence=false "
    "expire-overlay=10000000000", interval, opacity);

  return fixture_harness(line, SIDE, SIDE);
}

/* Each picture's band lies elsewhere: the mask is drawn where the picture that the metadata names has its own. The same
 * without masks tells what else is drawn. */
static void test_coded(void)
{
  g_autofree char *caps = fixture_caps("GRAY8", SIDE, SIDE);

  for (guint interval = 1; interval <= 3; interval++) {
    GstHarness *drawn = coded_chain(1, interval), *bare = coded_chain(0, interval);
    for (guint n = 0; n < 60; n++) {
      int first, last;
      GstBuffer *with, *without;
      guint source;
      coded = n;
      with = fixture_push(drawn, caps, coded_pattern, n);
      without = fixture_push(bare, caps, coded_pattern, n);
      source = (guint)(gst_buffer_get_lus_seg_meta(with)->source_pts / (40 * GST_MSECOND));
      g_assert_cmpuint(source, ==, n / interval * interval);
      different_rows(with, without, &first, &last);
      g_assert_cmpint(first, >=, coded_row(source) - 3);
      g_assert_cmpint(first, <=, coded_row(source) + 1);
      g_assert_cmpint(last, >=, coded_row(source) + 2);
      g_assert_cmpint(last, <=, coded_row(source) + 6);
      gst_buffer_unref(with);
      gst_buffer_unref(without);
    }
    gst_harness_teardown(drawn);
    gst_harness_teardown(bare);
  }
}

static void add_tests(void)
{
  g_test_add_func("/stress/threads", test_threads);
  g_test_add_func("/stress/seeks", test_seeks);
  g_test_add_func("/stress/caps", test_caps);
  g_test_add_func("/stress/buffers", test_buffers);
  g_test_add_func("/stress/short", test_short);
  g_test_add_func("/stress/model-file", test_model_file);
  g_test_add_func("/stress/relinking", test_relinking);
  g_test_add_func("/stress/end", test_end);
  g_test_add_func("/stress/coded", test_coded);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
