/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "live-record.h"
#include "live-terminal.h"
#include "pipeline.h"
#include "table.h"
#include <errno.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <gst/video/navigation.h>
#include <gst/video/video.h>
#include <gstlusvideo.h>
#include <stdio.h>
#include <string.h>

static const char description[] =
  "An exam at the bedside: pictures of a capture device with masks, zones and estimate in a window, results and\n"
  "recordings of the sector alone in a folder per exam. Keys, in the terminal and in the window:\n\n"
  "  1..9  the n-th zone (0: none)    s  start another exam    f  finish this one\n"
  "  o     enter SpO2                 i  enter FiO2            q  quit\n\n"
  "Example: lus live --device /dev/video0 -o exams\n" LUS_NOTICE;

#define DEFAULT_ZONES "R1,R2,R3,L1,L2,L3"

/* What was asked for. */
typedef struct {
  char *device, *source, *model, *output, *window, *zones, *exam_id, *style;
  gboolean test, list, no_record;
  int min_frames;
} Options;

typedef struct {
  const Options *options;
  GMainLoop *loop;
  GstElement *pipeline, *segment, *exam; /* lussegment, lussfestimate */
  LusModel *model;      /* the streaming thread's own: of the last picture recorded, */
  const char *kernels;  /* and what it runs with; interned */
  GstVideoInfo info;           /* the streaming thread's own, as is image */
  LusImage image;
  LusLiveRecord *record;
  LusLiveTerminal *terminal;
  char **zones;
  char *exam_id, *folder; /* of the exam that runs; NULL: none does */
  gboolean seen;          /* it has pictures of a zone */
  double spo2, fio2;
  GError *error;
} Live;

static void stop_with(Live *live, GError *error)
{
  if (!live->error)
    live->error = g_steal_pointer(&error);
  g_clear_error(&error);
  g_main_loop_quit(live->loop);
}

static G_GNUC_PRINTF(2, 3) void say(Live *live, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *text = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  lus_live_terminal_say(live->terminal, text);
}

/* --- exams --- */

/* The name asked for, or the time; with a number behind it if that exam is there already. */
static char *new_exam_id(const Options *options, const char *wanted)
{
  g_autoptr(GDateTime) now = g_date_time_new_now_local();
  g_autofree char *id = wanted ? g_strdup(wanted) : g_date_time_format(now, "%Y%m%d-%H%M%S");
  for (int n = 1;; n++) {
    g_autofree char *tried = n == 1 ? g_strdup(id) : g_strdup_printf("%s-%d", id, n);
    g_autofree char *folder = g_build_filename(options->output, tried, NULL);
    if (!g_file_test(folder, G_FILE_TEST_EXISTS))
      return g_steal_pointer(&tried);
  }
}

/* A new exam with a folder of its own. FALSE: live->error tells why. */
static gboolean begin_exam(Live *live, const char *wanted)
{
  g_autofree char *path = NULL;
  live->exam_id = new_exam_id(live->options, wanted);
  live->folder = g_build_filename(live->options->output, live->exam_id, NULL);
  path = g_build_filename(live->folder, "exam.json", NULL);
  live->spo2 = live->fio2 = 0;
  live->seen = FALSE;
  if (g_mkdir_with_parents(live->folder, 0777) != 0) {
    stop_with(live, g_error_new(LUS_ERROR, LUS_ERROR_IO, "%s: cannot make the folder: %s; choose another one with -o",
                                live->folder, g_strerror(errno)));
    return FALSE;
  }
  g_object_set(live->exam, "exam-id", live->exam_id, "exam-file", path, NULL);
  if (live->record)
    lus_live_record_exam(live->record, live->exam_id);
  return TRUE;
}

/* Measured oxygen, as the data set's outcomes.csv has it, of the patient and day that the recordings' names tell. */
static void write_outcomes(Live *live)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = g_build_filename(live->folder, "outcomes.csv", NULL);
  char spo2[G_ASCII_DTOSTR_BUF_SIZE] = "", fio2[G_ASCII_DTOSTR_BUF_SIZE] = "";
  if (live->spo2 <= 0 && live->fio2 <= 0)
    return;
  if (live->spo2 > 0 && live->fio2 <= 0)
    say(live, "FiO2 was not entered (room air is 0.21): no measured S/F. Fill it in in %s.", path);
  if (live->spo2 > 0)
    g_ascii_formatd(spo2, sizeof spo2, "%g", live->spo2);
  if (live->fio2 > 0)
    g_ascii_formatd(fio2, sizeof fio2, "%g", live->fio2);
  LusClipName told;
  g_autofree char *name = lus_live_record_name(live->exam_id);
  lus_clip_name_parse(&told, name);
  g_autoptr(GString) text = g_string_new("patient,day,spo2_percent,fio2,o2_l_min,readmitted_30d\n");
  lus_tool_table_append(text, *told.patient ? told.patient : live->exam_id);
  g_string_append_printf(text, ",%d,%s,%s,,\n", told.day, spo2, fio2);
  if (!lus_file_write(path, text->str, text->len, &error))
    say(live, "%s", error->message);
}

static void finish_exam(Live *live)
{
  if (!live->exam_id)
    return;
  g_autofree char *path = g_build_filename(live->folder, "exam.json", NULL);
  lus_live_terminal_withdraw(live->terminal); /* keys of the window end an exam while the terminal asks for its SpO2 */
  if (live->record)
    lus_live_record_exam(live->record, NULL);
  g_signal_emit_by_name(live->exam, "finish-exam");
  g_object_set(live->exam, "exam-file", NULL, NULL); /* the next one has a folder of its own */
  write_outcomes(live);
  if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
    say(live, "Exam %s finished: %s", live->exam_id, path);
  else if (live->seen)
    say(live, "Exam %s could not be written.", live->exam_id);
  else
    say(live, "Exam %s had no pictures of a zone; nothing was written.", live->exam_id);
  g_rmdir(live->folder); /* if it is empty */
  g_clear_pointer(&live->exam_id, g_free);
  g_clear_pointer(&live->folder, g_free);
}

static gboolean read_number(const char *text, double low, double high, double *out)
{
  char *end;
  double value = g_ascii_strtod(text, &end);
  if (end == text || *end || strspn(text, "0123456789.") < strlen(text) || !(value >= low && value <= high))
    return FALSE;
  *out = value;
  return TRUE;
}

/* What lus fit would refuse is not stored. */
static void check_ratio(Live *live)
{
  g_autoptr(GError) error = NULL;
  double ratio;
  if (live->spo2 <= 0 || live->fio2 <= 0 || lus_sf_ratio(&ratio, live->spo2, live->fio2, &error))
    return;
  live->spo2 = live->fio2 = 0;
  g_object_set(live->exam, "spo2", 0.0, "fio2", 0.0, NULL);
  say(live, "%s; enter both again.", error->message);
}

static void on_spo2(const char *text, gpointer user_data)
{
  Live *live = user_data;
  g_autofree char *number = g_strdup(text);
  if (g_str_has_suffix(g_strstrip(number), "%"))
    number[strlen(number) - 1] = 0;
  if (!read_number(g_strchomp(number), 1, 100, &live->spo2)) {
    say(live, "SpO2 is a number from 1 to 100 %%; '%s' is none.", text);
    return;
  }
  g_object_set(live->exam, "spo2", live->spo2, NULL);
  say(live, "SpO2 %g %%%s", live->spo2, live->spo2 > 97 ? " (above 97 %: S/F does not follow P/F)" : "");
  check_ratio(live);
}

/** "0.4", "40 %" or, by nasal cannula, "2 l". */
static gboolean read_fio2(const char *text, double *out)
{
  g_autofree char *number = g_strdup(text);
  g_strstrip(number);
  gsize length = strlen(number);
  char unit = length > 0 ? (char)g_ascii_tolower(number[length - 1]) : 0;
  if (unit != '%' && unit != 'l')
    return read_number(number, 0.21, 1, out);
  number[length - 1] = 0;
  g_strchomp(number);
  if (!read_number(number, unit == 'l' ? 0 : 21, unit == 'l' ? 60 : 100, out))
    return FALSE;
  *out = unit == 'l' ? lus_fio2_from_flow(*out) : *out / 100;
  return TRUE;
}

static void on_fio2(const char *text, gpointer user_data)
{
  Live *live = user_data;
  if (!read_fio2(text, &live->fio2)) {
    say(live, "FiO2 is a fraction from 0.21 (room air) to 1, 40 %% or 2 l (a minute); '%s' is none.", text);
    return;
  }
  g_object_set(live->exam, "fio2", live->fio2, NULL);
  say(live, "FiO2 %g", live->fio2);
  check_ratio(live);
}

static void choose_zone(Live *live, int index)
{
  if (index >= (int)g_strv_length(live->zones))
    return;
  g_object_set(live->exam, "zone", index < 0 ? NULL : live->zones[index], NULL);
}

static void on_key(const char *key, gpointer user_data)
{
  Live *live = user_data;
  if (g_ascii_isdigit(key[0]) && !key[1]) {
    choose_zone(live, key[0] - '1');
  } else if (g_str_equal(key, "s")) {
    finish_exam(live);
    g_signal_emit_by_name(live->exam, "start-exam");
    if (begin_exam(live, NULL))
      say(live, "Exam %s", live->exam_id);
  } else if (g_str_equal(key, "f")) {
    finish_exam(live);
  } else if (g_str_equal(key, "o") && live->exam_id) {
    lus_live_terminal_ask(live->terminal, "SpO2 in %:", on_spo2);
  } else if (g_str_equal(key, "i") && live->exam_id) {
    lus_live_terminal_ask(live->terminal, "FiO2 (0.4, 40 % or 2 l a minute):", on_fio2);
  } else if (g_str_equal(key, "q")) {
    g_main_loop_quit(live->loop);
  }
}

/* --- what comes out of the pipeline --- */

/* "Zone R1, 3 of 6 done, missing L1 L2 L3. S/F 287 (251 to 323)" */
static void show_exam(Live *live, const GstStructure *summary)
{
  LusExamView view;
  g_autoptr(GString) line = g_string_new(NULL), missing = g_string_new(NULL);
  int done = 0;
  if (!gst_lus_summary_get_exam(summary, &view))
    return;
  for (int i = 0; i < view.n_zones; i++) {
    live->seen |= view.frames[i] > 0 && g_strcmp0(gst_structure_get_string(summary, "exam-id"), live->exam_id) == 0;
    if (view.frames[i] >= view.min_frames)
      done++;
    else
      g_string_append_printf(missing, " %s", view.zones[i]);
  }
  g_string_printf(line, "Zone %s, %d of %d done", *view.zone ? view.zone : "--", done, view.n_zones);
  if (missing->len)
    g_string_append_printf(line, ", missing%s", missing->str);
  if (view.has_estimate && view.estimate.sf.valid)
    g_string_append_printf(line, ". S/F %.0f (%.0f to %.0f)", view.estimate.sf.value, view.estimate.sf.low,
                           view.estimate.sf.high);
  else if (view.has_estimate)
    g_string_append_printf(line, ". S/F --: %s", view.estimate.sf.reason);
  if (view.finished)
    g_string_append(line, " (finished; s starts another exam)");
  lus_live_terminal_show(live->terminal, line->str);
}

/* That nothing is recorded any more must be heard while the patient is still there. */
static void tell_recording(Live *live)
{
  g_autofree char *problem = live->record ? lus_live_record_take_problem(live->record) : NULL;
  if (problem)
    say(live, "The recording has ended: %s", problem);
}

static GError *translate(GstMessage *message)
{
  g_autoptr(GError) cause = NULL;
  g_autofree char *debug = NULL;
  gst_message_parse_error(message, &cause, &debug);
  return g_error_new(LUS_ERROR, LUS_ERROR_FAILED, "%s: %s", GST_OBJECT_NAME(GST_MESSAGE_SRC(message)), cause->message);
}

static gboolean on_message(GstBus *bus, GstMessage *message, gpointer user_data)
{
  (void)bus;
  Live *live = user_data;
  switch (GST_MESSAGE_TYPE(message)) {
  case GST_MESSAGE_ERROR:
    stop_with(live, translate(message));
    break;
  case GST_MESSAGE_EOS:
    g_main_loop_quit(live->loop);
    break;
  case GST_MESSAGE_WARNING: {
    g_autoptr(GError) warning = NULL;
    gst_message_parse_warning(message, &warning, NULL);
    say(live, "%s", warning->message);
    break;
  }
  case GST_MESSAGE_LATENCY:
    gst_bin_recalculate_latency(GST_BIN(live->pipeline));
    break;
  case GST_MESSAGE_ELEMENT:
    if (gst_message_has_name(message, "lussfestimate")) {
      tell_recording(live);
      show_exam(live, gst_message_get_structure(message));
    }
    break;
  default:
    break;
  }
  return G_SOURCE_CONTINUE;
}

static void note_model(Live *live, LusModel *model)
{
  GstStructure *stats;
  if (model == live->model)
    return;
  g_clear_pointer(&live->model, lus_model_unref);
  live->model = lus_model_ref(model);
  g_object_get(live->segment, "stats", &stats, NULL);
  live->kernels = g_intern_string(gst_structure_get_string(stats, "kernels"));
  gst_structure_free(stats);
}

static void record_buffer(Live *live, GstBuffer *buffer)
{
  const GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(buffer);
  const GstStructure *summary = gst_buffer_get_lus_summary(buffer);
  const char *zone = summary ? gst_structure_get_string(summary, "zone") : NULL;
  const char *exam = summary ? gst_structure_get_string(summary, "exam-id") : NULL;
  const int fps[2] = {MAX(live->info.fps_n, 1), MAX(live->info.fps_d, 1)}, unknown[2] = {25, 1};
  GstVideoFrame frame;
  if (!meta || !meta->segmentation || !exam || !zone || !*zone || live->image.width == 0 ||
      !gst_video_frame_map(&frame, &live->info, buffer, GST_MAP_READ))
    return;
  gst_lus_image_set_frame(&live->image, &frame);
  note_model(live, meta->segmentation->model);
  lus_live_record_frame(live->record, &live->image, meta, exam, zone, live->kernels, (gint64)GST_BUFFER_PTS(buffer),
                        live->info.fps_n > 0 ? fps : unknown);
  gst_video_frame_unmap(&frame);
}

/* Behind lussfestimate, in front of the display: pictures to record, and the caps they have. */
static GstPadProbeReturn on_data(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  (void)pad;
  Live *live = user_data;
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    if (live->record)
      record_buffer(live, GST_PAD_PROBE_INFO_BUFFER(info));
  } else if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_CAPS) {
    GstCaps *caps;
    gst_event_parse_caps(GST_PAD_PROBE_INFO_EVENT(info), &caps);
    if (!gst_video_info_from_caps(&live->info, caps) || !gst_lus_image_from_info(&live->image, &live->info))
      memset(&live->image, 0, sizeof live->image);
  }
  return GST_PAD_PROBE_OK;
}

typedef struct {
  Live *live;
  char *key;
} WindowKey;

static gboolean press_window_key(gpointer user_data)
{
  WindowKey *pressed = user_data;
  on_key(pressed->key, pressed->live);
  return G_SOURCE_REMOVE;
}

static void window_key_free(gpointer user_data)
{
  WindowKey *pressed = user_data;
  g_free(pressed->key);
  g_free(pressed);
}

/* Keys of the window do what those of the terminal do, in the main loop's thread: none once that has ended. */
static GstPadProbeReturn on_window_event(GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  (void)pad;
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT(info);
  const char *key;
  if (GST_EVENT_TYPE(event) != GST_EVENT_NAVIGATION ||
      gst_navigation_event_get_type(event) != GST_NAVIGATION_EVENT_KEY_PRESS ||
      !gst_navigation_event_parse_key_event(event, &key))
    return GST_PAD_PROBE_OK;
  WindowKey *pressed = g_new(WindowKey, 1);
  if (g_str_has_prefix(key, "KP_") && g_ascii_isdigit(key[3])) /* of the keypad */
    key += 3;
  *pressed = (WindowKey){user_data, strlen(key) == 1 ? g_ascii_strdown(key, 1) : g_strdup(key)}; /* Caps Lock may be on */
  g_idle_add_full(G_PRIORITY_DEFAULT, press_window_key, pressed, window_key_free);
  return GST_PAD_PROBE_DROP;
}

/* --- set-up --- */

static int list_devices(void)
{
  g_autoptr(GstDeviceMonitor) monitor = gst_device_monitor_new();
  gst_device_monitor_add_filter(monitor, "Video/Source", NULL);
  GList *devices = gst_device_monitor_get_devices(monitor);
  for (GList *item = devices; item; item = item->next) {
    g_autofree char *name = gst_device_get_display_name(item->data);
    g_autoptr(GstStructure) properties = gst_device_get_properties(item->data);
    const char *path = properties ? gst_structure_get_string(properties, "device.path") : NULL;
    if (!path && properties)
      path = gst_structure_get_string(properties, "api.v4l2.path");
    printf("%s\t%s\n", path ? path : "-", name);
  }
  if (!devices)
    fputs("lus live: no capture device is connected; --test shows a simulated probe\n", stderr);
  g_list_free_full(devices, gst_object_unref);
  return LUS_EXIT_DONE;
}

/* A part of the pipeline; @what: where its description comes from. */
static GstElement *make(const char *elements, const char *what, GError **error)
{
  g_autoptr(GError) cause = NULL;
  GstElement *bin = gst_parse_bin_from_description_full(elements, TRUE, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &cause);
  if (!bin) {
    gboolean ours = strstr(cause->message, "\"lus") != NULL;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s%s", what, cause->message,
                !g_error_matches(cause, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_ELEMENT) ? ""
                : ours ? "; Lus's plugin is not found: install Lus, or run this in 'meson devenv -C BUILD -w .'"
                       : "; install the GStreamer package that has it, or name another element");
  }
  return bin;
}

static GstElement *make_source_elements(const Options *options, GError **error)
{
  if (options->source) {
    g_autofree char *elements = g_strconcat(options->source, " ! identity", NULL); /* it may end with caps */
    return make(elements, "--source", error);
  }
  if (options->test)
    return make("lustestsrc is-live=true screen=true ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 ! "
                "identity", "--test", error);
  GstElement *bin = make("v4l2src name=device ! decodebin3 ! videoconvert", "--device", error);
  if (bin) {
    g_autoptr(GstElement) device = gst_bin_get_by_name(GST_BIN(bin), "device");
    g_object_set(device, "device", options->device ? options->device : "/dev/video0", NULL);
  }
  return bin;
}

/* What waits for a decodebin's pads is not linked yet, but that is no place for others. */
static GstElement *make_source(const Options *options, GError **error)
{
  GstElement *bin = make_source_elements(options, error);
  g_autoptr(GstPad) waiting = bin ? gst_element_get_static_pad(bin, "sink") : NULL;
  if (waiting) {
    gst_ghost_pad_set_target(GST_GHOST_PAD(waiting), NULL);
    gst_element_remove_pad(bin, waiting);
  }
  return bin;
}

static GstElement *make_sink(const Options *options, GError **error)
{
  if (g_strcmp0(options->window, "none") == 0)
    return make("fakesink sync=true", "--window", error);
  g_autofree char *text = g_strconcat("queue max-size-buffers=2 max-size-bytes=0 max-size-time=0 ! videoconvert ! ",
                                      options->window ? options->window : "autovideosink", NULL);
  return make(text, "--window", error);
}

static gboolean set_enum(GstElement *element, const char *property, const char *text, GError **error)
{
  GEnumClass *class =
    g_type_class_ref(g_object_class_find_property(G_OBJECT_GET_CLASS(element), property)->value_type);
  GEnumValue *value = g_enum_get_value_by_nick(class, text);
  if (value)
    g_object_set(element, property, value->value, NULL);
  else
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "--%s: there is no '%s'", property, text);
  g_type_class_unref(class);
  return value != NULL;
}

static gboolean set_up_elements(Live *live, GstElement *chain, GError **error)
{
  const Options *options = live->options;
  g_autoptr(GstElement) overlay = gst_bin_get_by_name(GST_BIN(chain), "overlay");
  GValue zones = G_VALUE_INIT, zone = G_VALUE_INIT;
  live->segment = gst_bin_get_by_name(GST_BIN(chain), "segment");
  live->exam = gst_bin_get_by_name(GST_BIN(chain), "exam");
  if (options->model)
    g_object_set(live->segment, "model-file", options->model, NULL);
  g_object_set(live->exam, "min-frames-per-zone", options->min_frames, NULL);
  gst_value_array_init(&zones, 0);
  for (char **name = live->zones; *name; name++) {
    g_value_init(&zone, G_TYPE_STRING);
    g_value_set_string(&zone, *name);
    gst_value_array_append_and_take_value(&zones, &zone);
  }
  g_object_set_property(G_OBJECT(live->exam), "zones", &zones);
  g_value_unset(&zones);
  return !options->style || set_enum(overlay, "style", options->style, error);
}

static gboolean make_pipeline(Live *live, GError **error)
{
  live->pipeline = gst_object_ref_sink(gst_pipeline_new(NULL));
  GstElement *parts[3] = {
    make_source(live->options, error), NULL, NULL,
  };
  if (parts[0])
    parts[1] = make("lussegment name=segment ! lusconfmask ! lussfestimate name=exam ! lusoverlay name=overlay",
                    "the elements of Lus", error);
  if (parts[1])
    parts[2] = make_sink(live->options, error);
  for (int i = 0; i < 3 && parts[2]; i++)
    gst_bin_add(GST_BIN(live->pipeline), parts[i]);
  if (!parts[2] || !set_up_elements(live, parts[1], error)) {
    for (int i = 0; i < 3 && !parts[2]; i++)
      if (parts[i])
        gst_object_unref(gst_object_ref_sink(parts[i]));
    return FALSE;
  }
  if (!gst_element_link_many(parts[0], parts[1], parts[2], NULL)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "source and window cannot be joined: the source must end in raw "
                "video, the window must take it");
    return FALSE;
  }
  g_autoptr(GstPad) pad = gst_element_get_static_pad(live->exam, "src");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_data, live, NULL);
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_EVENT_UPSTREAM, on_window_event, live, NULL);
  return TRUE;
}

static gboolean on_signal(gpointer user_data)
{
  Live *live = user_data;
  g_main_loop_quit(live->loop);
  return G_SOURCE_CONTINUE;
}

/* Why the last exam could not be written, which no main loop tells any more. */
static void take_last_errors(Live *live, GstBus *bus)
{
  GstMessage *message;
  while ((message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR))) {
    on_message(bus, message, live);
    gst_message_unref(message);
  }
}

/* Until q, the end of the source, a signal or an error. */
static void play(Live *live)
{
  g_autoptr(GstBus) bus = gst_element_get_bus(live->pipeline);
  guint watch = gst_bus_add_watch(bus, on_message, live);
  guint signals[2] = {g_unix_signal_add(SIGINT, on_signal, live), g_unix_signal_add(SIGTERM, on_signal, live)};
  if (!live->options->no_record)
    live->record = lus_live_record_new(live->options->output);
  if (begin_exam(live, live->options->exam_id)) {
    say(live, "Exam %s. Keys: 1-9 zone, s start, f finish, o SpO2, i FiO2, q quit.", live->exam_id);
    gst_element_set_state(live->pipeline, GST_STATE_PLAYING);
    g_main_loop_run(live->loop);
  }
  finish_exam(live);
  take_last_errors(live, bus);
  gst_element_set_state(live->pipeline, GST_STATE_NULL);
  g_source_remove(watch);
  for (int i = 0; i < 2; i++)
    g_source_remove(signals[i]);
}

/* All recordings are complete after this. */
static void end_record(Live *live)
{
  guint64 lost = 0;
  if (!live->record)
    return;
  lus_live_record_finish(live->record, &lost, live->error ? NULL : &live->error);
  if (lost)
    say(live, "%" G_GUINT64_FORMAT " pictures were not recorded: disk or CPU are too slow.", lost);
  g_clear_pointer(&live->record, lus_live_record_free);
}

/* NULL (with an error): one that no recording's name can tell, or that is no part of one. */
static char **read_zones(const char *text, GError **error)
{
  g_auto(GStrv) zones = g_strsplit(text, ",", -1);
  for (char **zone = zones; *zone; zone++) {
    g_autofree char *capitals = g_ascii_strup(g_strstrip(*zone), -1);
    if (lus_zone_known(capitals))
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "--zones %s: '%s' is none of R1 to R6, L1 to L6, R4V, L4V", text, *zone);
    return NULL;
  }
  return g_steal_pointer(&zones);
}

static int run(const Options *options)
{
  Live live = {.options = options};
  live.zones = read_zones(options->zones ? options->zones : DEFAULT_ZONES, &live.error);
  if (live.zones && make_pipeline(&live, &live.error)) {
    live.loop = g_main_loop_new(NULL, FALSE);
    live.terminal = lus_live_terminal_new(on_key, &live);
    play(&live);
    end_record(&live);
    lus_live_terminal_free(live.terminal);
    g_main_loop_unref(live.loop);
  }
  gst_clear_object(&live.segment);
  gst_clear_object(&live.exam);
  gst_clear_object(&live.pipeline);
  g_clear_pointer(&live.model, lus_model_unref);
  g_strfreev(live.zones);
  g_free(live.exam_id);
  g_free(live.folder);
  return live.error ? lus_tool_fail("live", live.error) : LUS_EXIT_DONE;
}

/* A recording's name is the exam's with the zone behind it: of two zones in it none would be read. */
static gboolean names_zone(const char *exam_id)
{
  char zone[LUS_ZONE_LENGTH];
  g_autofree char *right = g_strconcat(exam_id, "_R1", NULL), *left = g_strconcat(exam_id, "_L1", NULL);
  return !lus_zone_from_name(zone, right) || !lus_zone_from_name(zone, left);
}

static int check(const Options *options)
{
  if ((options->device != NULL) + (options->source != NULL) + options->test > 1)
    return lus_tool_usage("live", "only one of --device, --source and --test");
  if (options->min_frames < 1)
    return lus_tool_usage("live", "--min-frames must be 1 or more");
  if (options->exam_id && (!*options->exam_id || strchr(options->exam_id, '/') || options->exam_id[0] == '.'))
    return lus_tool_usage("live", "--exam-id is the name of a folder: not empty, without / and not beginning with .");
  if (options->exam_id && !options->no_record && names_zone(options->exam_id))
    return lus_tool_usage("live", "--exam-id has a part like R1 or L1, which a recording's name says its zone by: name the exam "
                          "without");
  return LUS_EXIT_DONE;
}

static void options_clear(Options *options)
{
  g_free(options->device);
  g_free(options->source);
  g_free(options->model);
  g_free(options->output);
  g_free(options->window);
  g_free(options->zones);
  g_free(options->exam_id);
  g_free(options->style);
}

int lus_cmd_live(int argc, char **argv)
{
  Options options = {.min_frames = LUS_EXAM_MIN_FRAMES};
  const GOptionEntry entries[] = {
    {"device", 'd', 0, G_OPTION_ARG_FILENAME, &options.device, "video device (default: /dev/video0)", "PATH"},
    {"source", 0, 0, G_OPTION_ARG_STRING, &options.source, "another source, as gst-launch-1.0 has it", "ELEMENTS"},
    {"test", 0, 0, G_OPTION_ARG_NONE, &options.test, "a simulated probe instead of a device", NULL},
    {"list", 0, 0, G_OPTION_ARG_NONE, &options.list, "list the capture devices and exit", NULL},
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &options.model, "segmentation model (default: the bundled one)", "FILE"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &options.output, "folder for the exams' folders (default: exams)", "DIR"},
    {"window", 'w', 0, G_OPTION_ARG_STRING, &options.window,
     "video sink, as gst-launch-1.0 has it; none: no window (default: autovideosink)", "ELEMENT"},
    {"no-record", 0, 0, G_OPTION_ARG_NONE, &options.no_record, "record no clips, results only", NULL},
    {"zones", 0, 0, G_OPTION_ARG_STRING, &options.zones, "zones of a whole exam (default: " DEFAULT_ZONES ")", "LIST"},
    {"min-frames", 0, 0, G_OPTION_ARG_INT, &options.min_frames,
     "pictures with a result that make a zone done (default: 30)", "N"},
    {"exam-id", 0, 0, G_OPTION_ARG_STRING, &options.exam_id, "name of the first exam (default: date and time)", "NAME"},
    {"style", 0, 0, G_OPTION_ARG_STRING, &options.style, "contour, fill or both (default: contour)", "STYLE"},
    G_OPTION_ENTRY_NULL};
  char **arguments = NULL;
  g_autoptr(GError) error = NULL;
  int code = lus_tool_parse(argc, argv, entries, "", description, 0, 0, &arguments);
  g_strfreev(arguments);
  if (code == LUS_EXIT_DONE)
    code = check(&options);
  if (!options.output)
    options.output = g_strdup("exams");
  if (code == LUS_EXIT_DONE && !lus_tool_gstreamer_init(&error))
    code = lus_tool_fail("live", g_steal_pointer(&error));
  else if (code == LUS_EXIT_DONE)
    code = options.list ? list_devices() : run(&options);
  options_clear(&options);
  return code;
}
