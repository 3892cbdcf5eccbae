/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include <glib/gstdio.h>

static char *folder;
static char *models[4];

char *fixture_path(const char *name)
{
  return g_build_filename(folder, name, NULL);
}

static void add_tensor(LusGraph *graph, int inputs[3], int slot, const char *name, const int shape[4], int rank,
                       const float *values, gsize n)
{
  GError *error = NULL;
  LusTensor *tensor = lus_tensor_new(rank, shape, &error);

  g_assert_no_error(error);
  memcpy(tensor->data, values, n * sizeof(float));
  inputs[slot] = lus_graph_add_constant(graph, name, tensor);
}

/* confidence = weight x + bias of x = luma / 255, per class. */
static char *write_model(const char *name, int size, const float weights[3], const float biases[3], const char *first)
{
  LusGraph *graph = lus_graph_new();
  LusOpAttrs attrs = lus_op_attrs_default();
  LusModelInfo info;
  GError *error = NULL;
  char *path = fixture_path(name);
  int inputs[3];

  inputs[0] = lus_graph_add_input(graph, "luma");
  add_tensor(graph, inputs, 1, "weight", (const int[4]){3, 1, 1, 1}, 4, weights, 3);
  add_tensor(graph, inputs, 2, "bias", (const int[4]){3}, 1, biases, 3);
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_CONV, "head", 3, inputs, &attrs));
  lus_model_info_init(&info);
  info.channels = 1;
  info.width = info.height = size;
  info.normalise = (LusNormalise){LUS_NORMALISE_FIXED, 0, 1};
  info.logits = FALSE;
  if (first) {
    g_free(info.classes[0]);
    info.classes[0] = g_strdup(first);
  }
  g_assert_true(lus_model_save(graph, &info, path, &error));
  g_assert_no_error(error);
  lus_model_info_clear(&info);
  lus_graph_free(graph);
  return path;
}

const char *fixture_model(void)
{
  if (!models[0])
    models[0] = write_model("luma.onnx", FIXTURE_SIZE, (const float[3]){1, -1, 0}, (const float[3]){0, 1, 0.5f}, NULL);
  return models[0];
}

const char *fixture_other_model(void)
{
  if (!models[1])
    models[1] = write_model("reversed.onnx", FIXTURE_SIZE, (const float[3]){-1, 1, 0}, (const float[3]){1, 0, 0.5f}, NULL);
  return models[1];
}

const char *fixture_large_model(void)
{
  if (!models[2])
    models[2] = write_model("large.onnx", FIXTURE_LARGE, (const float[3]){1, -1, 0}, (const float[3]){0, 1, 0.5f}, NULL);
  return models[2];
}

const char *fixture_renamed_model(void)
{
  if (!models[3])
    models[3] = write_model("renamed.onnx", FIXTURE_SIZE, (const float[3]){1, -1, 0}, (const float[3]){0, 1, 0.5f}, "pleura");
  return models[3];
}

static void remove_folder(void)
{
  GDir *dir = g_dir_open(folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *path = fixture_path(name);
    g_remove(path);
  }
  if (dir)
    g_dir_close(dir);
  g_rmdir(folder);
  g_free(folder);
  for (gsize i = 0; i < G_N_ELEMENTS(models); i++)
    g_free(models[i]);
}

int fixture_run(int *argc, char ***argv, void (*add_tests)(void))
{
  GError *error = NULL;
  int failed;

  gst_init(argc, argv);
  g_test_init(argc, argv, NULL);
  folder = g_dir_make_tmp("lus-gst-XXXXXX", &error);
  g_assert_no_error(error);
  add_tests();
  failed = g_test_run();
  remove_folder();
  return failed;
}

guint8 fixture_line(int x, int y)
{
  (void)x;
  return y >= 20 && y < 24 ? 255 : 120;
}

guint8 fixture_bright(int x, int y)
{
  (void)x;
  (void)y;
  return 200;
}

guint8 fixture_black(int x, int y)
{
  (void)x;
  (void)y;
  return 0;
}

char *fixture_caps(const char *format, int width, int height)
{
  return g_strdup_printf("video/x-raw,format=%s,width=%d,height=%d,framerate=25/1", format, width, height);
}

/* One row as GStreamer's packing functions take it: AYUV or ARGB, grey. Y'CbCr is limited range, grey itself full
 * range. */
static void draw_row(guint8 *row, const GstVideoInfo *info, FixturePattern pattern, int y)
{
  const gboolean yuv = info->finfo->unpack_format == GST_VIDEO_FORMAT_AYUV;

  for (int x = 0; x < info->width; x++) {
    guint8 luma = pattern(x, y);
    if (GST_VIDEO_INFO_IS_YUV(info))
      luma = (guint8)(16 + (luma * 219 + 127) / 255);
    memcpy(row + 4 * x, ((const guint8[4]){255, luma, yuv ? 128 : luma, yuv ? 128 : luma}), 4);
  }
}

static void draw(GstVideoFrame *frame, FixturePattern pattern)
{
  const GstVideoInfo *info = &frame->info;
  g_autofree guint8 *row = g_malloc(4 * (gsize)info->width);

  for (int y = 0; y < info->height; y++) {
    draw_row(row, info, pattern, y);
    info->finfo->pack_func(info->finfo, GST_VIDEO_PACK_FLAG_NONE, row, 0, frame->data, info->stride, info->chroma_site,
                           y, info->width);
  }
}

GstBuffer *fixture_picture(const char *caps, FixturePattern pattern, guint n)
{
  GstCaps *parsed = gst_caps_from_string(caps);
  GstVideoInfo info;
  GstVideoFrame frame;
  GstBuffer *buffer;

  g_assert_true(gst_video_info_from_caps(&info, parsed));
  gst_caps_unref(parsed);
  buffer = gst_buffer_new_allocate(NULL, info.size, NULL);
  gst_buffer_memset(buffer, 0, 0, info.size);
  g_assert_true(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READWRITE));
  draw(&frame, pattern);
  gst_video_frame_unmap(&frame);
  GST_BUFFER_PTS(buffer) = n * 40 * GST_MSECOND;
  GST_BUFFER_DURATION(buffer) = 40 * GST_MSECOND;
  return buffer;
}

LusSegmentation *fixture_segmentation(FixturePattern pattern)
{
  const LusSegmenterConfig config = {.sector_mode = LUS_SECTOR_NONE, .threads = 1};
  guint8 pixels[FIXTURE_SIZE * FIXTURE_SIZE];
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = FIXTURE_SIZE, .height = FIXTURE_SIZE, .planes = {pixels},
                    .strides = {FIXTURE_SIZE}, .full_range = TRUE, .mm_per_pixel = 0.25};
  LusSegmentation *segmentation = NULL;
  GError *error = NULL;
  g_autoptr(LusModel) model = lus_model_load(fixture_model(), &error);
  g_autoptr(LusSegmenter) segmenter = NULL;

  g_assert_no_error(error);
  for (int i = 0; i < FIXTURE_SIZE * FIXTURE_SIZE; i++)
    pixels[i] = pattern(i % FIXTURE_SIZE, i / FIXTURE_SIZE);
  segmenter = lus_segmenter_new(model, &config, &error);
  g_assert_no_error(error);
  g_assert_true(lus_segmenter_set_frame_size(segmenter, FIXTURE_SIZE, FIXTURE_SIZE, &error));
  g_assert_true(lus_segmenter_run(segmenter, &segmentation, &image, 40000000, &error));
  g_assert_nonnull(segmentation);
  return segmentation;
}

LusMask *fixture_mask(LusSegmentation *segmentation)
{
  const LusConfidenceConfig config = {.thresholds = {0.6, 0.6, 0.6}};
  g_autoptr(LusMasker) masker = lus_masker_new();
  LusMask *mask = lus_masker_run(masker, segmentation, &config);

  g_assert_nonnull(mask);
  return mask;
}

GstHarness *fixture_harness(const char *line, int width, int height)
{
  g_auto(GStrv) parts = g_strsplit(line, "MODEL", -1);
  /* A harness is a live source. */
  const char *mode = strstr(line, "inference-mode") ? "" : " inference-mode=sync";
  g_autofree char *model = g_strconcat(fixture_model(), mode, NULL);
  g_autofree char *full = g_strjoinv(model, parts);
  g_autofree char *caps = fixture_caps("GRAY8", width, height);
  GstHarness *harness = gst_harness_new_parse(full);

  gst_harness_set_src_caps_str(harness, caps);
  return harness;
}

GstBuffer *fixture_push(GstHarness *harness, const char *caps, FixturePattern pattern, guint n)
{
  GstBuffer *out;

  g_assert_cmpint(gst_harness_push(harness, fixture_picture(caps, pattern, n)), ==, GST_FLOW_OK);
  out = gst_harness_pull(harness);
  g_assert_nonnull(out);
  return out;
}

void fixture_push_zone(GstHarness *harness, const char *zone)
{
  g_autofree char *keyword = g_strconcat("lus-zone:", zone, NULL);

  gst_harness_push_event(harness, gst_event_new_tag(gst_tag_list_new(GST_TAG_KEYWORDS, keyword, NULL)));
}

GstElement *fixture_element(const char *name, GstBus **bus)
{
  GstElement *element = gst_element_factory_make(name, NULL);

  g_assert_nonnull(element);
  gst_object_ref_sink(element);
  *bus = gst_bus_new();
  gst_element_set_bus(element, *bus);
  return element;
}

void fixture_assert_warning(GstBus *bus, const char *text)
{
  GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING);
  g_autoptr(GError) warning = NULL;

  g_assert_nonnull(message);
  gst_message_parse_warning(message, &warning, NULL);
  g_assert_nonnull(strstr(warning->message, text));
  gst_message_unref(message);
}

void fixture_play(const char *line)
{
  GstElement *pipeline = gst_parse_launch(line, NULL);
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *message;

  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered(bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull(message);
  g_assert_cmpint(GST_MESSAGE_TYPE(message), ==, GST_MESSAGE_EOS);
  gst_message_unref(message);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(bus);
  gst_object_unref(pipeline);
}

gboolean fixture_fails_ready(const char *name, const char *property, const char *value, const char *text)
{
  GstBus *bus;
  GstElement *element = fixture_element(name, &bus);
  GstMessage *message;
  GError *error = NULL;
  gboolean found;

  gst_util_set_object_arg(G_OBJECT(element), property, value);
  g_assert_cmpint(gst_element_set_state(element, GST_STATE_READY), ==, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  g_assert_nonnull(message);
  gst_message_parse_error(message, &error, NULL);
  found = strstr(error->message, text) != NULL;
  if (!found)
    g_test_message("\"%s\" lacks \"%s\"", error->message, text);
  g_error_free(error);
  gst_message_unref(message);
  gst_element_set_state(element, GST_STATE_NULL);
  gst_element_set_bus(element, NULL);
  gst_object_unref(bus);
  gst_object_unref(element);
  return found;
}
