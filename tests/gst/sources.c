/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What capture devices deliver: formats and memory that are read as they are, and those that are refused with a reason. */
#include "fixture.h"
#include <gst/allocators/gstdmabuf.h>
#include <sys/mman.h>
#include <unistd.h>

/* The error of lussegment with @properties when @caps arrive, or NULL if it takes them. */
static char *error_for(const char *caps, const char *properties)
{
  g_autofree char *line = g_strdup_printf("appsrc name=s ! lussegment model-file=%s %s ! fakesink", fixture_model(),
                                          properties);
  GstElement *pipeline = gst_parse_launch(line, NULL), *source = gst_bin_get_by_name(GST_BIN(pipeline), "s");
  GstBus *bus = gst_element_get_bus(pipeline);
  GstCaps *parsed = gst_caps_from_string(caps);
  GstBuffer *buffer;
  GstVideoInfo info;
  GstFlowReturn flow;
  GstMessage *message;
  char *text = NULL;

  g_assert_true(gst_video_info_from_caps(&info, parsed));
  g_object_set(source, "caps", parsed, "format", GST_FORMAT_TIME, NULL);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  buffer = gst_buffer_new_allocate(NULL, info.size, NULL);
  gst_buffer_memset(buffer, 0, 120, info.size);
  GST_BUFFER_PTS(buffer) = 0;
  g_signal_emit_by_name(source, "push-buffer", buffer, &flow);
  g_signal_emit_by_name(source, "end-of-stream", &flow);
  message = gst_bus_timed_pop_filtered(bus, 30 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
  g_assert_nonnull(message);
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    g_autoptr(GError) error = NULL;
    g_autofree char *remedy = NULL;
    gst_message_parse_error(message, &error, &remedy);
    text = g_strconcat(error->message, "\n", remedy, NULL);
  }
  gst_message_unref(message);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_buffer_unref(buffer);
  gst_caps_unref(parsed);
  gst_object_unref(bus);
  gst_object_unref(source);
  gst_object_unref(pipeline);
  return text;
}

static void test_interlaced(void)
{
  static const char *const modes[] = {"interleaved", "mixed"};

  for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
    g_autofree char *caps =
        g_strdup_printf("video/x-raw,format=UYVY,width=720,height=576,framerate=25/1,interlace-mode=%s", modes[i]);
    g_autofree char *text = error_for(caps, "");
    g_assert_nonnull(text);
    g_assert_nonnull(strstr(text, "interlaced"));
    g_assert_nonnull(strstr(text, "deinterlace"));
  }
  g_assert_null(error_for("video/x-raw,format=UYVY,width=720,height=576,framerate=25/1,interlace-mode=progressive", ""));
}

/* What the card sends is never 8 bits by accident: v210 does not link, and videoconvert in front is the remedy. */
static void test_ten_bits(void)
{
  g_autoptr(GError) error = NULL;
  GstElement *refused = gst_parse_launch("videotestsrc ! video/x-raw,format=v210 ! lussegment ! fakesink", &error);

  g_assert_nonnull(error);
  g_assert_nonnull(strstr(error->message, "v210"));
  g_clear_error(&error);
  gst_clear_object(&refused);
  refused = gst_parse_launch("videotestsrc ! video/x-raw,format=v210 ! videoconvert ! lussegment ! fakesink", &error);
  g_assert_no_error(error);
  gst_object_unref(refused);
}

/* A DMABuf as a capture driver exports it: here the memory behind the descriptor is the kernel's shared memory. */
static void test_dmabuf(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL sector=none", 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *picture = fixture_picture(caps, fixture_line, 0), *buffer = gst_buffer_new(), *out;
  GstAllocator *allocator = gst_dmabuf_allocator_new();
  GstMapInfo map;
  int fd = memfd_create("picture", MFD_CLOEXEC);

  g_assert_cmpint(fd, >=, 0);
  g_assert_true(gst_buffer_map(picture, &map, GST_MAP_READ));
  g_assert_cmpint(write(fd, map.data, map.size), ==, (gssize)map.size);
  gst_buffer_append_memory(buffer, gst_dmabuf_allocator_alloc(allocator, fd, map.size));
  gst_buffer_unmap(picture, &map);
  gst_buffer_copy_into(buffer, picture, GST_BUFFER_COPY_TIMESTAMPS, 0, -1);
  g_assert_cmpint(gst_harness_push(harness, buffer), ==, GST_FLOW_OK);
  out = gst_harness_pull(harness);
  g_assert_true(gst_is_dmabuf_memory(gst_buffer_peek_memory(out, 0))); /* passed on, not copied */
  g_assert_cmpuint(gst_buffer_get_lus_seg_meta(out)->segmentation->confidence[20 * 64], ==, 255);
  gst_buffer_unref(out);
  gst_buffer_unref(picture);
  gst_object_unref(allocator);
  gst_harness_teardown(harness);
}

/* filesrc and appsrc send segments of bytes unless told otherwise: what is posted then has no times. */
static void test_bytes(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL signal-detect=on ! lusconfmask ! lussfestimate zone=R1 ! "
                                        "lusdeidentify ! luspublish ! lusoverlay", 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBus *bus = gst_bus_new();
  GstSegment bytes;
  GstMessage *message;
  GstClockTime running = 0, stream = 0;

  gst_segment_init(&bytes, GST_FORMAT_BYTES);
  gst_element_set_bus(harness->element, bus);
  g_assert_true(gst_harness_push_event(harness, gst_event_new_segment(&bytes)));
  gst_buffer_unref(fixture_push(harness, caps, fixture_black, 0));
  gst_buffer_unref(fixture_push(harness, caps, fixture_line, 1));
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT);
  g_assert_true(message && gst_message_has_name(message, "lussegment"));
  g_assert_true(gst_structure_get_uint64(gst_message_get_structure(message), "running-time", &running));
  g_assert_true(gst_structure_get_uint64(gst_message_get_structure(message), "stream-time", &stream));
  g_assert_cmpuint(running, ==, GST_CLOCK_TIME_NONE);
  g_assert_cmpuint(stream, ==, GST_CLOCK_TIME_NONE);
  gst_message_unref(message);
  gst_harness_teardown(harness);
  gst_object_unref(bus);
}

/* What recordings carry beside the picture and encoders write; what the picture's memory needs stays. */
static void test_captions(void)
{
  GstHarness *harness = fixture_harness("lussegment model-file=MODEL sector=none ! lusconfmask ! lussfestimate ! lusdeidentify",
                                        64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *buffer = fixture_picture(caps, fixture_line, 0), *parent = gst_buffer_new();
  static const gchar *tags[] = {NULL};

  gst_meta_register_custom("PatientOfTheTest", tags, NULL, NULL, NULL);
  gst_buffer_add_video_caption_meta(buffer, GST_VIDEO_CAPTION_TYPE_CEA608_RAW, (const guint8 *)"DOE^JOHN", 8);
  gst_buffer_add_custom_meta(buffer, "PatientOfTheTest");
  gst_buffer_add_video_region_of_interest_meta(buffer, "DOE^JOHN", 0, 0, 8, 8);
  gst_buffer_add_video_meta(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 64, 64);
  gst_buffer_add_parent_buffer_meta(buffer, parent);
  gst_buffer_unref(parent);
  g_assert_cmpint(gst_harness_push(harness, buffer), ==, GST_FLOW_OK);
  buffer = gst_harness_pull(harness);
  g_assert_null(gst_buffer_get_video_caption_meta(buffer));
  g_assert_null(gst_buffer_get_custom_meta(buffer, "PatientOfTheTest"));
  g_assert_null(gst_buffer_get_video_region_of_interest_meta_id(buffer, 0));
  g_assert_nonnull(gst_buffer_get_lus_seg_meta(buffer));
  g_assert_nonnull(gst_buffer_get_lus_summary(buffer));
  g_assert_nonnull(gst_buffer_get_video_meta(buffer));
  g_assert_nonnull(gst_buffer_get_parent_buffer_meta(buffer));
  gst_buffer_unref(buffer);
  gst_harness_teardown(harness);
}

/* Streams are described once more in their first event and in collections, with tags that may be names. */
static void test_described(void)
{
  GstHarness *harness = fixture_harness("lusdeidentify", 64, 64);
  GstTagList *name = gst_tag_list_new(GST_TAG_TITLE, "DOE^JOHN", NULL);
  GstStream *stream = gst_stream_new("s", NULL, GST_STREAM_TYPE_VIDEO, GST_STREAM_FLAG_NONE), *left = NULL;
  GstStreamCollection *collection = gst_stream_collection_new("u");
  GstEvent *event = gst_event_new_stream_start("s");
  guint group = 0;

  gst_stream_set_tags(stream, name);
  gst_event_set_stream(event, stream);
  gst_event_set_group_id(event, 7);
  gst_stream_collection_add_stream(collection, gst_object_ref(stream));
  g_assert_true(gst_harness_push_event(harness, event));
  g_assert_true(gst_harness_push_event(harness, gst_event_new_stream_collection(collection)));
  while ((event = gst_harness_try_pull_event(harness))) {
    g_assert_cmpint(GST_EVENT_TYPE(event), !=, GST_EVENT_STREAM_COLLECTION);
    if (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START) {
      gst_event_parse_stream(event, &left);
      g_assert_null(left);
      gst_event_parse_group_id(event, &group);
    }
    gst_event_unref(event);
  }
  g_assert_cmpuint(group, ==, 7);
  gst_object_unref(collection);
  gst_object_unref(stream);
  gst_tag_list_unref(name);
  gst_harness_teardown(harness);
}

/* Lit on the right half alone. */
static guint8 right_half(int x, int y)
{
  (void)y;
  return x >= 32 ? 200 : 0;
}

/* A sink that crops by itself is no reason to let the elements see what was cropped away: videocrop must do it before. */
static void test_cropped(void)
{
  static const char *const lines[] = {
    "videocrop left=32 ! lussegment model-file=MODEL sector=none",
    "videocrop left=32 ! lussegment model-file=MODEL sector=none ! lusconfmask ! lussfestimate ! lusdeidentify ! lusoverlay",
  };

  for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
    GstHarness *harness = fixture_harness(lines[i], 128, 64);
    g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
    GstBuffer *out;
    const GstLusSegMeta *meta;

    gst_harness_add_propose_allocation_meta(harness, GST_VIDEO_META_API_TYPE, NULL);
    gst_harness_add_propose_allocation_meta(harness, GST_VIDEO_CROP_META_API_TYPE, NULL);
    gst_harness_set_src_caps_str(harness, caps); /* asks again */
    out = fixture_push(harness, caps, right_half, 0);
    meta = gst_buffer_get_lus_seg_meta(out);
    g_assert_cmpint(meta->frame_width, ==, 32);
    g_assert_cmpuint(meta->segmentation->confidence[0], ==, 200); /* the lit half */
    g_assert_null(gst_buffer_get_video_crop_meta(out));
    gst_buffer_unref(out);
    gst_harness_teardown(harness);
  }
}

static int found_left(const char *line, FixturePattern pattern)
{
  GstHarness *harness = fixture_harness(line, 64, 64);
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);
  GstBuffer *out = fixture_push(harness, caps, pattern, 0);
  int left = gst_buffer_get_lus_seg_meta(out)->rect.x;

  gst_buffer_unref(out);
  gst_harness_teardown(harness);
  return left;
}

/* What the file holds is the sector; what refutes it is found and written for the next run. */
static void test_profile(void)
{
  static const char *const profile = "[lus-scanner-profile]\nversion=1\n[64x64]\nrows=0;63;\nleft=31;31;\nright=64;64;\n";
  g_autofree char *path = fixture_path("scanner.ini"), *text = NULL;
  g_autofree char *line = g_strdup_printf("lussegment model-file=MODEL profile-file=%s", path);

  g_assert_cmpint(found_left(line, right_half), ==, 32); /* no file yet: found, and written */
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_assert_nonnull(strstr(text, "[64x64]\nrows=0;1;"));
  g_assert_nonnull(strstr(text, "left=32;32;"));
  g_assert_true(g_file_set_contents(path, profile, -1, NULL));
  g_assert_cmpint(found_left(line, right_half), ==, 31);
  g_assert_cmpint(found_left(line, fixture_line), ==, 0);
  g_clear_pointer(&text, g_free);
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_assert_nonnull(strstr(text, "left=0;0;"));
}

static void test_profile_broken(void)
{
  g_autofree char *path = fixture_path("broken.ini"), *text = NULL;
  g_autofree char *property = g_strdup_printf("profile-file=%s sector=auto", path);

  g_assert_true(g_file_set_contents(path, "no profile", -1, NULL));
  text = error_for("video/x-raw,format=GRAY8,width=64,height=64,framerate=25/1", property);
  g_assert_nonnull(text);
  g_assert_nonnull(strstr(text, path));
}

static void add_tests(void)
{
  g_test_add_func("/sources/interlaced", test_interlaced);
  g_test_add_func("/sources/ten-bits", test_ten_bits);
  g_test_add_func("/sources/dmabuf", test_dmabuf);
  g_test_add_func("/sources/bytes", test_bytes);
  g_test_add_func("/sources/captions", test_captions);
  g_test_add_func("/sources/described", test_described);
  g_test_add_func("/sources/cropped", test_cropped);
  g_test_add_func("/sources/profile", test_profile);
  g_test_add_func("/sources/profile-broken", test_profile_broken);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
