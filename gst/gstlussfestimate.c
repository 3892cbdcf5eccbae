/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-lussfestimate
 *
 * Conducts an exam: measures lung features on every picture with a mask, gathers them zone by zone, and estimates the
 * S/F ratio. Pictures pass through; the numbers travel as the custom metadata "LusSummary", as element messages
 * "lussfestimate" and, at the end, as exam.json.
 *
 * The zone of the pictures comes from the property zone, from the tag keywords=lus-zone:ZONE before the first picture
 * of a clip, from the custom event lus-zone, or from keys pressed in the video window: 1..9 choose the n-th expected
 * zone, 0 none, s starts and f finishes an exam. A zone that a tag named ends with its stream. The custom event lus-exam
 * starts and finishes exams too.
 *
 * Video networks that heads-file names run in a thread of their own when a zone ends, with estimates that are due and at
 * the end; no picture waits for them.
 */
#include "gstluselements.h"
#include "gstlusexam.h"
#include "gstlusexamwarnings.h"
#include "gstlusmeta.h"
#include "gstlusvalues.h"
#include "gstlusvideo.h"
#include <gst/video/navigation.h>

GST_DEBUG_CATEGORY_STATIC(lussfestimate_debug);
#define GST_CAT_DEFAULT lussfestimate_debug

#define DEFAULT_INTERVAL (500 * GST_MSECOND)

struct _GstLusSfEstimate {
  GstBaseTransform parent;

  /* Everything below, under this lock. */
  GMutex lock;
  char *zone, *exam_file, *heads_file, *exam_id, *baseline_file;
  char **zones;
  gint min_frames;
  gdouble spo2, fio2;
  gboolean post_messages;
  GstClockTime interval;

  GstLusExam *exam;         /* from PAUSED on */
  GThreadPool *pool;        /* one thread, for video networks; NULL: not needed so far */
  GCond worked;             /* an exam's work is done */
  GRecMutex writing;        /* held while exam-file is written; taken before the lock */
  GstVideoInfo info;
  LusImage image;           /* of the caps; planes at frame time */
  gboolean zone_from_tag;
  guint warned;             /* how frames do not fit together: GstLusExamAdded as bits, once per exam */
  char *clip;               /* id of the stream; NULL: none so far */
  char tag_zone[LUS_ZONE_LENGTH]; /* that the stream's last tag named */
  gboolean saw_masks;       /* in any picture since the start */
  GstClockTime last_update; /* stream time of the last estimate; GST_CLOCK_TIME_NONE: the next picture's is due */
};

#define GST_TYPE_LUS_SF_ESTIMATE (gst_lus_sf_estimate_get_type())
G_DECLARE_FINAL_TYPE(GstLusSfEstimate, gst_lus_sf_estimate, GST, LUS_SF_ESTIMATE, GstBaseTransform)
G_DEFINE_TYPE(GstLusSfEstimate, gst_lus_sf_estimate, GST_TYPE_BASE_TRANSFORM)
GST_ELEMENT_REGISTER_DEFINE_WITH_CODE(lussfestimate, "lussfestimate", GST_RANK_NONE, GST_TYPE_LUS_SF_ESTIMATE,
                                      GST_DEBUG_CATEGORY_INIT(lussfestimate_debug, "lussfestimate", 0, "S/F estimate"))

enum {
  PROP_0, PROP_ZONE, PROP_ZONES, PROP_MIN_FRAMES, PROP_EXAM_FILE, PROP_HEADS_FILE, PROP_EXAM_ID, PROP_BASELINE_FILE, PROP_SPO2,
  PROP_FIO2, PROP_POST_MESSAGES, PROP_INTERVAL
};

/* Called with the lock held, as are those below that end in _locked. */
static gboolean choose_zone_locked(GstLusSfEstimate *self, const char *zone, gboolean from_tag)
{
  g_free(self->zone);
  self->zone = zone ? g_ascii_strup(zone, -1) : NULL;
  self->zone_from_tag = from_tag;
  return !self->exam || gst_lus_exam_set_zone(self->exam, self->zone);
}

static void choose_zone(GstLusSfEstimate *self, const char *zone, gboolean from_tag)
{
  gboolean known;

  g_mutex_lock(&self->lock);
  known = choose_zone_locked(self, zone, from_tag);
  g_mutex_unlock(&self->lock);
  if (!known)
    gst_lus_warn_zone(GST_ELEMENT(self), zone);
}

/* The texts are the element's: valid under the lock. */
static GstLusExamSettings settings_locked(GstLusSfEstimate *self)
{
  double measured = 0; /* not entered, or impossible */

  if (self->spo2 > 0 && self->fio2 > 0)
    lus_sf_ratio(&measured, self->spo2, self->fio2, NULL);
  return (GstLusExamSettings){self->exam_file, self->exam_id, self->min_frames, measured};
}

/* lusconfmask's running mean must not cross a zone that was chosen here. */
static void tell_zone(GstLusSfEstimate *self, const char *zone)
{
  gst_pad_push_event(GST_BASE_TRANSFORM_SINK_PAD(self), gst_lus_zone_to_event(zone));
}

/* Writes exam-file if there is anything new to write. What another thread is writing is written too when this returns. */
static void write_exam(GstLusSfEstimate *self, GstLusExam *exam)
{
  g_autoptr(GRecMutexLocker) writing = g_rec_mutex_locker_new(&self->writing);
  g_autoptr(GError) error = NULL;
  g_autofree char *text = NULL, *path = NULL;
  g_mutex_lock(&self->lock);
  text = gst_lus_exam_take_text(exam, &path);
  g_mutex_unlock(&self->lock);
  if (path && !text)
    g_set_error(&error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for %s", path);
  else if (!path || lus_file_write(path, text, strlen(text), &error))
    return;
  g_mutex_lock(&self->lock);
  gst_lus_exam_note_unwritten(exam);
  g_mutex_unlock(&self->lock);
  g_clear_pointer(&writing, g_rec_mutex_locker_free); /* who hears of it may wait for a thread that writes */
  GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("%s", error->message), ("The exam could not be written; see exam-file."));
}

/* In the pool's thread: runs an exam's video networks until nothing is left to do. It may be another exam by now. */
static void work(gpointer data, gpointer user_data)
{
  GstLusExam *exam = data;
  GstLusSfEstimate *self = user_data;
  GstLusRound *round;

  g_mutex_lock(&self->lock);
  while ((round = gst_lus_exam_next_round(exam))) {
    g_autoptr(GError) problem = NULL;
    g_mutex_unlock(&self->lock);
    gst_lus_exam_run(exam, round);
    g_mutex_lock(&self->lock);
    gst_lus_exam_end_round(exam, round);
    problem = gst_lus_exam_take_problem(exam);
    g_mutex_unlock(&self->lock);
    gst_lus_warn_networks(GST_ELEMENT(self), problem);
    write_exam(self, exam);
    g_mutex_lock(&self->lock);
  }
  gst_lus_exam_end_work(exam);
  g_cond_broadcast(&self->worked);
  g_mutex_unlock(&self->lock);
  gst_lus_exam_unref(exam);
}

/* Sets the thread to work if there is any. Without a thread the work waits for the next try. */
static void work_locked(GstLusSfEstimate *self)
{
  if (!self->exam || !gst_lus_exam_begin_work(self->exam))
    return;
  if (!self->pool)
    self->pool = g_thread_pool_new(work, self, 1, TRUE, NULL);
  if (self->pool)
    g_thread_pool_push(self->pool, gst_lus_exam_ref(self->exam), NULL);
  else
    gst_lus_exam_end_work(self->exam);
}

/* Ends the exam and writes its file. With video networks the thread writes it; @wait: until it has. */
static void finish_exam(GstLusSfEstimate *self, gboolean wait)
{
  GstLusExam *exam = NULL;

  g_mutex_lock(&self->lock);
  if (self->exam) {
    const GstLusExamSettings settings = settings_locked(self);
    exam = gst_lus_exam_ref(self->exam);
    gst_lus_exam_finish(exam, &settings);
    work_locked(self);
    while (wait && gst_lus_exam_is_at_work(exam))
      g_cond_wait(&self->worked, &self->lock);
  }
  g_mutex_unlock(&self->lock);
  if (exam)
    write_exam(self, exam);
  gst_lus_exam_unref(exam);
}

/* The action signal. */
static void finish_and_wait(GstLusSfEstimate *self)
{
  finish_exam(self, TRUE);
}

/* At the end of the stream: what was asked for and will not be found in the file, or no file at all. */
static void tell_what_is_missing(GstLusSfEstimate *self)
{
  g_autoptr(GError) error = NULL;
  gboolean nothing, saw_masks;
  double measured;

  g_mutex_lock(&self->lock);
  nothing = self->exam && self->exam_file && gst_lus_exam_frames(self->exam) == 0;
  saw_masks = self->saw_masks;
  if (self->spo2 > 0 && self->fio2 > 0)
    lus_sf_ratio(&measured, self->spo2, self->fio2, &error);
  g_mutex_unlock(&self->lock);
  if (nothing)
    gst_lus_warn_nothing(GST_ELEMENT(self), saw_masks);
  gst_lus_warn_measured(GST_ELEMENT(self), error);
}

/* A new exam by the properties; files are read without the lock. */
static GstLusExam *make_exam(GstLusSfEstimate *self, const char *baseline_file, GError **error)
{
  g_autofree char *heads_file = NULL;
  g_auto(GStrv) zones = NULL;

  g_mutex_lock(&self->lock);
  heads_file = g_strdup(self->heads_file);
  zones = g_strdupv(self->zones);
  g_mutex_unlock(&self->lock);
  return gst_lus_exam_new(heads_file, zones, baseline_file, error);
}

static void take_exam_locked(GstLusSfEstimate *self, GstLusExam *exam)
{
  gst_lus_exam_unref(self->exam);
  self->exam = exam;
  if (exam)
    gst_lus_exam_set_clip(exam, self->clip);
  self->warned = 0;
  self->last_update = GST_CLOCK_TIME_NONE;
}

/* The patient who was to come is there all the same: no picture of theirs may count in the exam before. That ends as it
 * would have, written only if it was finished: exam-file may be the next one's by now. */
static void close_exam_locked(GstLusSfEstimate *self)
{
  GstLusExamSettings settings = settings_locked(self);

  settings.path = NULL;
  gst_lus_exam_finish(self->exam, &settings);
  work_locked(self);
}

/* @baseline_file: earlier exam of the patient to come, or NULL. */
static void begin_exam(GstLusSfEstimate *self, const char *exam_id, const char *baseline_file)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *kept = NULL;
  GstLusExam *exam = NULL;
  gboolean started;
  guint64 unwritten;

  g_mutex_lock(&self->lock);
  started = self->exam != NULL;
  g_mutex_unlock(&self->lock);
  if (started)
    exam = make_exam(self, baseline_file, &error);
  g_mutex_lock(&self->lock);
  if (!error && self->exam && gst_lus_exam_is_in(self->exam, self->exam_file))
    kept = g_strdup(self->exam_file);
  unwritten = self->exam && self->exam_file ? gst_lus_exam_unfinished_frames(self->exam) : 0;
  if (self->exam && error)
    close_exam_locked(self);
  else if (self->exam && exam)
    take_exam_locked(self, exam);
  else
    gst_lus_exam_unref(exam); /* started or stopped meanwhile */
  if (!error) { /* another patient: nothing that was said about the one before stays */
    choose_zone_locked(self, NULL, FALSE);
    g_free(self->baseline_file);
    g_free(self->exam_id);
    self->baseline_file = g_strdup(baseline_file);
    self->exam_id = g_strdup(exam_id);
    self->spo2 = self->fio2 = 0;
  }
  g_mutex_unlock(&self->lock);
  gst_lus_warn_begun(GST_ELEMENT(self), unwritten, kept, error);
  if (!error)
    tell_zone(self, NULL);
}

static void start_exam(GstLusSfEstimate *self)
{
  begin_exam(self, NULL, NULL);
}

static gboolean start(GstBaseTransform *trans)
{
  GstLusSfEstimate *self = GST_LUS_SF_ESTIMATE(trans);
  g_autoptr(GError) error = NULL;
  g_autofree gchar *zone = NULL, *baseline = NULL;
  GstLusExam *exam;

  g_mutex_lock(&self->lock);
  baseline = g_strdup(self->baseline_file);
  g_mutex_unlock(&self->lock);
  exam = make_exam(self, baseline, &error);
  g_mutex_lock(&self->lock);
  take_exam_locked(self, exam);
  self->saw_masks = FALSE;
  if (exam && !gst_lus_exam_set_zone(exam, self->zone)) /* the zone that was chosen before it began */
    zone = g_strdup(self->zone);
  g_mutex_unlock(&self->lock);
  if (!exam)
    GST_ELEMENT_ERROR(self, RESOURCE, SETTINGS, ("%s", error->message),
                      ("See the properties zones, baseline-file and heads-file."));
  if (zone)
    gst_lus_warn_zone(GST_ELEMENT(self), zone);
  return exam != NULL;
}

static gboolean stop(GstBaseTransform *trans)
{
  GstLusSfEstimate *self = GST_LUS_SF_ESTIMATE(trans);
  GThreadPool *pool;

  finish_exam(self, TRUE);
  self->tag_zone[0] = '\0';
  g_mutex_lock(&self->lock);
  pool = g_steal_pointer(&self->pool);
  g_clear_pointer(&self->exam, gst_lus_exam_unref);
  g_clear_pointer(&self->clip, g_free);
  if (self->zone_from_tag)
    g_clear_pointer(&self->zone, g_free);
  self->zone_from_tag = FALSE;
  g_mutex_unlock(&self->lock);
  if (pool) /* earlier exams' files are written, too */
    g_thread_pool_free(pool, FALSE, TRUE);
  return TRUE;
}

/* What is wrong with heads-file, or with the networks that it names, is said before anything plays. */
static gboolean check_heads(GstLusSfEstimate *self, GError **error)
{
  g_autofree char *heads_file = NULL;
  GstLusExam *exam;

  g_mutex_lock(&self->lock);
  heads_file = g_strdup(self->heads_file);
  g_mutex_unlock(&self->lock);
  exam = gst_lus_exam_new(heads_file, NULL, NULL, error);
  gst_lus_exam_unref(exam);
  return exam != NULL;
}

static GstStateChangeReturn change_state(GstElement *element, GstStateChange transition)
{
  GstLusSfEstimate *self = GST_LUS_SF_ESTIMATE(element);
  g_autoptr(GError) error = NULL;

  if (transition != GST_STATE_CHANGE_NULL_TO_READY || check_heads(self, &error))
    return GST_ELEMENT_CLASS(gst_lus_sf_estimate_parent_class)->change_state(element, transition);
  GST_ELEMENT_ERROR(self, RESOURCE, OPEN_READ, ("%s", error->message),
                    ("Set heads-file to a file that `lus fit` wrote, with the networks that it names beside it, or leave "
                     "it unset for the bundled one."));
  return GST_STATE_CHANGE_FAILURE;
}

/* A new stream is a new clip; the zone of the one before ends with it if a tag had named it. */
static void begin_stream(GstLusSfEstimate *self, GstEvent *event)
{
  const gchar *id;

  gst_event_parse_stream_start(event, &id);
  self->tag_zone[0] = '\0';
  g_mutex_lock(&self->lock);
  g_free(self->clip);
  self->clip = g_strdup(id);
  if (self->exam)
    gst_lus_exam_set_clip(self->exam, id);
  if (self->zone_from_tag)
    choose_zone_locked(self, NULL, FALSE);
  work_locked(self);
  g_mutex_unlock(&self->lock);
}

/* What an application, or another element, says of zone and exam. */
static void hear_custom_event(GstLusSfEstimate *self, GstEvent *event)
{
  const GstStructure *said = gst_event_get_structure(event);
  char zone[LUS_ZONE_LENGTH];
  const gchar *action;

  if (gst_lus_zone_from_event(event, zone)) {
    choose_zone(self, zone, FALSE);
    return;
  }
  if (!gst_event_has_name(event, "lus-exam"))
    return;
  action = gst_structure_get_string(said, "action");
  if (g_strcmp0(action, "start") == 0)
    begin_exam(self, gst_structure_get_string(said, "exam-id"), gst_structure_get_string(said, "baseline-file"));
  else if (g_strcmp0(action, "finish") == 0)
    finish_exam(self, FALSE);
  else
    GST_WARNING_OBJECT(self, "lus-exam needs action=start or action=finish, not %s", action ? action : "none");
}

static void fill_summary_locked(GstLusSfEstimate *self, GstStructure *summary)
{
  const GstLusExamSettings settings = settings_locked(self);

  gst_lus_exam_summarise(self->exam, &settings, summary);
}

/* No picture comes any more to carry what the end of the stream made of the exam. */
static void send_last_summary(GstLusSfEstimate *self)
{
  GstStructure *summary = gst_structure_new_empty(GST_LUS_SUMMARY_EVENT_NAME);

  g_mutex_lock(&self->lock);
  if (self->exam)
    fill_summary_locked(self, summary);
  g_mutex_unlock(&self->lock);
  gst_pad_push_event(GST_BASE_TRANSFORM_SRC_PAD(self), gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, summary));
}

static gboolean sink_event(GstBaseTransform *trans, GstEvent *event)
{
  GstLusSfEstimate *self = GST_LUS_SF_ESTIMATE(trans);

  switch (GST_EVENT_TYPE(event)) {
  case GST_EVENT_STREAM_START:
    begin_stream(self, event);
    break;
  case GST_EVENT_SEGMENT:
    g_mutex_lock(&self->lock);
    self->last_update = GST_CLOCK_TIME_NONE; /* stream time may jump back */
    g_mutex_unlock(&self->lock);
    break;
  case GST_EVENT_TAG:
    if (gst_lus_zone_from_tag_event(event, self->tag_zone))
      choose_zone(self, self->tag_zone, TRUE);
    break;
  case GST_EVENT_EOS:
    finish_exam(self, TRUE);
    send_last_summary(self);
    tell_what_is_missing(self);
    break;
  default:
    hear_custom_event(self, event);
  }
  return GST_BASE_TRANSFORM_CLASS(gst_lus_sf_estimate_parent_class)->sink_event(trans, event);
}

/* FALSE if the key is none of ours. */
static gboolean press_key(GstLusSfEstimate *self, const gchar *key)
{
  const char *digit = g_str_has_prefix(key, "KP_") ? key + 3 : key; /* of the keypad */
  char zone[LUS_ZONE_LENGTH] = "";
  gboolean chosen;

  if (g_ascii_strcasecmp(key, "s") == 0) { /* Caps Lock may be on */
    start_exam(self);
    return TRUE;
  }
  if (g_ascii_strcasecmp(key, "f") == 0) {
    finish_exam(self, FALSE);
    return TRUE;
  }
  if (!g_ascii_isdigit(digit[0]) || digit[1] != '\0')
    return FALSE;
  g_mutex_lock(&self->lock);
  chosen = digit[0] == '0' || (self->exam && gst_lus_exam_expected_zone(self->exam, digit[0] - '1', zone));
  if (chosen)
    choose_zone_locked(self, zone, FALSE);
  g_mutex_unlock(&self->lock);
  if (chosen)
    tell_zone(self, zone);
  return TRUE;
}

static gboolean src_event(GstBaseTransform *trans, GstEvent *event)
{
  const gboolean ours = gst_event_has_name(event, "lus-zone") || gst_event_has_name(event, "lus-exam");
  const gchar *key;

  if (GST_EVENT_TYPE(event) == GST_EVENT_NAVIGATION &&
      gst_navigation_event_get_type(event) == GST_NAVIGATION_EVENT_KEY_PRESS &&
      gst_navigation_event_parse_key_event(event, &key) && press_key(GST_LUS_SF_ESTIMATE(trans), key)) {
    gst_event_unref(event);
    return TRUE;
  }
  hear_custom_event(GST_LUS_SF_ESTIMATE(trans), event);
  return GST_BASE_TRANSFORM_CLASS(gst_lus_sf_estimate_parent_class)->src_event(trans, event) || ours; /* sources know neither */
}

static gboolean is_due_locked(GstLusSfEstimate *self, GstClockTime now)
{
  const GstClockTime last = self->last_update;

  /* Clips may be played backwards. */
  if (!GST_CLOCK_TIME_IS_VALID(now) || (GST_CLOCK_TIME_IS_VALID(last) && MAX(now, last) - MIN(now, last) < self->interval))
    return FALSE;
  self->last_update = now;
  return TRUE;
}

static gboolean set_caps(GstBaseTransform *trans, GstCaps *incaps, GstCaps *outcaps)
{
  GstLusSfEstimate *self = GST_LUS_SF_ESTIMATE(trans);

  (void)outcaps;
  return gst_video_info_from_caps(&self->info, incaps) && gst_lus_image_from_info(&self->image, &self->info);
}

/* Called with the lock held. Only pictures whose result counts are read. */
static GstLusExamAdded add_frame_locked(GstLusSfEstimate *self, GstBuffer *buffer, const GstLusSegMeta *meta)
{
  GstLusExamAdded added;
  GstVideoFrame frame;

  if (!meta || !meta->mask || !gst_video_frame_map(&frame, &self->info, buffer, GST_MAP_READ))
    return gst_lus_exam_add(self->exam, meta, NULL);
  gst_lus_image_set_frame(&self->image, &frame);
  added = gst_lus_exam_add(self->exam, meta, &self->image);
  gst_video_frame_unmap(&frame);
  return added;
}

static GstFlowReturn transform_ip(GstBaseTransform *trans, GstBuffer *buffer)
{
  GstLusSfEstimate *self = GST_LUS_SF_ESTIMATE(trans);
  const GstLusSegMeta *meta = gst_buffer_get_lus_seg_meta(buffer);
  GstStructure *summary = gst_buffer_add_lus_summary(buffer);
  GstLusExamAdded added;
  g_autoptr(GError) problem = NULL;
  gboolean post = FALSE, warn;

  g_mutex_lock(&self->lock);
  self->saw_masks |= meta && meta->mask;
  added = add_frame_locked(self, buffer, meta);
  if (is_due_locked(self, gst_lus_stream_time(trans, buffer))) {
    gst_lus_exam_estimate(self->exam, self->min_frames);
    post = self->post_messages;
  }
  work_locked(self);
  fill_summary_locked(self, summary);
  problem = gst_lus_exam_take_problem(self->exam);
  warn = (added == GST_LUS_EXAM_OTHER_MODEL || added == GST_LUS_EXAM_OTHER_THRESHOLD) && !(self->warned >> added & 1);
  if (warn)
    self->warned |= 1u << added;
  g_mutex_unlock(&self->lock);

  gst_lus_warn_networks(GST_ELEMENT(self), problem);
  if (added == GST_LUS_EXAM_NO_MEMORY) {
    GST_ELEMENT_ERROR(self, RESOURCE, NO_SPACE_LEFT, ("Out of memory for the lung features."), (NULL));
    return GST_FLOW_ERROR;
  }
  if (warn)
    gst_lus_warn_mismatch(GST_ELEMENT(self), added);
  if (post)
    gst_lus_post_message(trans, buffer, "lussfestimate", summary);
  return GST_FLOW_OK;
}

static void set_text(char **text, const GValue *value)
{
  g_free(*text);
  *text = g_value_dup_string(value);
}

static void set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstLusSfEstimate *self = GST_LUS_SF_ESTIMATE(object);

  if (id == PROP_ZONE) {
    choose_zone(self, g_value_get_string(value), FALSE);
    tell_zone(self, g_value_get_string(value));
    return;
  }
  g_mutex_lock(&self->lock);
  switch (id) {
  case PROP_ZONES:
    g_strfreev(self->zones);
    self->zones = gst_lus_strings_from_value(value);
    break;
  case PROP_MIN_FRAMES: self->min_frames = g_value_get_int(value); break;
  case PROP_EXAM_FILE: set_text(&self->exam_file, value); break;
  case PROP_HEADS_FILE: set_text(&self->heads_file, value); break;
  case PROP_EXAM_ID: set_text(&self->exam_id, value); break;
  case PROP_BASELINE_FILE: set_text(&self->baseline_file, value); break;
  case PROP_SPO2: self->spo2 = g_value_get_double(value); break;
  case PROP_FIO2: self->fio2 = g_value_get_double(value); break;
  case PROP_POST_MESSAGES: self->post_messages = g_value_get_boolean(value); break;
  case PROP_INTERVAL: self->interval = g_value_get_uint64(value); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  g_mutex_unlock(&self->lock);
}

static void get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstLusSfEstimate *self = GST_LUS_SF_ESTIMATE(object);

  g_mutex_lock(&self->lock);
  switch (id) {
  case PROP_ZONE: g_value_set_string(value, self->zone); break;
  case PROP_ZONES: gst_lus_strings_to_value(value, self->zones); break;
  case PROP_MIN_FRAMES: g_value_set_int(value, self->min_frames); break;
  case PROP_EXAM_FILE: g_value_set_string(value, self->exam_file); break;
  case PROP_HEADS_FILE: g_value_set_string(value, self->heads_file); break;
  case PROP_EXAM_ID: g_value_set_string(value, self->exam_id); break;
  case PROP_BASELINE_FILE: g_value_set_string(value, self->baseline_file); break;
  case PROP_SPO2: g_value_set_double(value, self->spo2); break;
  case PROP_FIO2: g_value_set_double(value, self->fio2); break;
  case PROP_POST_MESSAGES: g_value_set_boolean(value, self->post_messages); break;
  case PROP_INTERVAL: g_value_set_uint64(value, self->interval); break;
  default: G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
  }
  g_mutex_unlock(&self->lock);
}

static void finalize(GObject *object)
{
  GstLusSfEstimate *self = GST_LUS_SF_ESTIMATE(object);

  gst_lus_exam_unref(self->exam);
  g_free(self->clip);
  g_free(self->zone);
  g_free(self->exam_file);
  g_free(self->heads_file);
  g_free(self->exam_id);
  g_free(self->baseline_file);
  g_strfreev(self->zones);
  g_cond_clear(&self->worked);
  g_rec_mutex_clear(&self->writing);
  g_mutex_clear(&self->lock);
  G_OBJECT_CLASS(gst_lus_sf_estimate_parent_class)->finalize(object);
}

static void gst_lus_sf_estimate_init(GstLusSfEstimate *self)
{
  g_mutex_init(&self->lock);
  g_cond_init(&self->worked);
  g_rec_mutex_init(&self->writing);
  self->min_frames = LUS_EXAM_MIN_FRAMES;
  self->post_messages = TRUE;
  self->interval = DEFAULT_INTERVAL;
  gst_base_transform_set_qos_enabled(GST_BASE_TRANSFORM(self), FALSE);
}

static void install_text(GObjectClass *object, guint id, const char *name, const char *nick, const char *blurb)
{
  g_object_class_install_property(object, id, g_param_spec_string(name, nick, blurb, NULL, GST_LUS_PARAM_FLAGS));
}

static void install_properties(GObjectClass *object)
{
  object->set_property = set_property;
  object->get_property = get_property;
  object->finalize = finalize;
  install_text(object, PROP_ZONE, "zone", "Zone",
      "Lung zone of the pictures, e.g. R1 (unset = none); the tag keywords=lus-zone:ZONE and keys change it too");
  g_object_class_install_property(object, PROP_ZONES, gst_lus_param_spec_strings("zones", "Zones",
      "Zones of a whole exam (empty = <R1, R2, R3, L1, L2, L3>); read when an exam starts", "Name of a zone"));
  g_object_class_install_property(object, PROP_MIN_FRAMES, g_param_spec_int("min-frames-per-zone", "Minimum frames per zone",
      "Pictures with a result that make a zone done", 1, G_MAXINT, LUS_EXAM_MIN_FRAMES, GST_LUS_PARAM_NUMBER));
  install_text(object, PROP_EXAM_FILE, "exam-file", "Exam file",
      "Where exam.json is written at the end of the stream or of the exam (unset = nowhere)");
  install_text(object, PROP_HEADS_FILE, "heads-file", "Heads file",
      "Fitted estimator, JSON from `lus fit`, with its video networks beside it (unset = the bundled one); read when an exam "
      "starts");
  install_text(object, PROP_BASELINE_FILE, "baseline-file", "Baseline file",
      "exam.json of an earlier exam, which the change refers to (unset = none); for the first exam, a `lus-exam` event names "
      "those of later ones");
  install_text(object, PROP_EXAM_ID, "exam-id", "Exam ID", "Name of the exam in its file and messages (unset = none)");
  g_object_class_install_property(object, PROP_SPO2, g_param_spec_double("spo2", "SpO2",
      "Measured oxygen saturation in %, to compare (0 = unknown)", 0, 100, 0, GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_FIO2, g_param_spec_double("fio2", "FiO2",
      "Fraction of inspired oxygen 0.21..1, to compare (0 = unknown)", 0, 1, 0, GST_LUS_PARAM_NUMBER));
  g_object_class_install_property(object, PROP_POST_MESSAGES, g_param_spec_boolean("post-messages", "Post messages",
      "Post element messages \"lussfestimate\" with every estimate", TRUE, GST_LUS_PARAM_FLAGS));
  g_object_class_install_property(object, PROP_INTERVAL, g_param_spec_uint64("interval", "Interval",
      "Least stream time in ns between two estimates", 0, G_MAXINT64, DEFAULT_INTERVAL, GST_LUS_PARAM_NUMBER));
}

static void gst_lus_sf_estimate_class_init(GstLusSfEstimateClass *klass)
{
  GstElementClass *element = GST_ELEMENT_CLASS(klass);
  GstBaseTransformClass *trans = GST_BASE_TRANSFORM_CLASS(klass);
  const GSignalFlags action = G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION;

  install_properties(G_OBJECT_CLASS(klass));
  /* start-exam: forgets all frames, zone, exam-id, baseline-file, spo2 and fio2. finish-exam: adds no more frames
   * and returns with exam-file written. */
  g_signal_new_class_handler("start-exam", G_TYPE_FROM_CLASS(klass), action, G_CALLBACK(start_exam), NULL, NULL,
                             NULL, G_TYPE_NONE, 0);
  g_signal_new_class_handler("finish-exam", G_TYPE_FROM_CLASS(klass), action, G_CALLBACK(finish_and_wait), NULL, NULL,
                             NULL, G_TYPE_NONE, 0);
  gst_lus_add_video_pads(element);
  gst_element_class_set_static_metadata(element, "Lung-ultrasound S/F estimate", "Analyzer/Video",
      "Lung features of all zones and the S/F ratio they suggest. " LUS_NOTICE, "Lus developers");
  element->change_state = change_state;
  trans->start = start;
  trans->stop = stop;
  trans->sink_event = sink_event;
  trans->src_event = src_event;
  trans->before_transform = gst_lus_sync_values;
  trans->set_caps = set_caps;
  trans->transform_ip = transform_ip;
}
