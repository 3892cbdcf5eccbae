/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlussegment.h"
#include "gstlusvideo.h"

#define GST_CAT_DEFAULT lussegment_debug

/* ---- settings ---- */

static gboolean upstream_is_live(GstLusSegment *self)
{
  g_autoptr(GstQuery) query = gst_query_new_latency();
  gboolean live = FALSE;

  if (gst_pad_peer_query(GST_BASE_TRANSFORM_SINK_PAD(self), query))
    gst_query_parse_latency(query, &live, NULL, NULL);
  return live;
}

/* Once per stream, and when the property changed. */
static gboolean choose_mode(GstLusSegment *self, GstLusMode mode)
{
  const gboolean latest = mode == MODE_LATEST || (mode == MODE_AUTO && upstream_is_live(self));

  GST_OBJECT_LOCK(self);
  self->mode_known |= mode == self->mode;
  self->latest = latest;
  GST_OBJECT_UNLOCK(self);
  if (latest == (self->worker != NULL))
    return TRUE;
  GST_INFO_OBJECT(self, "inference mode %s", latest ? "latest" : "sync");
  gst_lus_segment_forget_result(self);
  g_clear_pointer(&self->worker, gst_lus_worker_free);
  if (latest && !(self->worker = gst_lus_worker_new())) {
    GST_ELEMENT_ERROR(self, RESOURCE, NO_SPACE_LEFT, ("No thread to run the model in; close other programs."), (NULL));
    return FALSE;
  }
  gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self))); /* each has its own */
  return TRUE;
}

/* What was set since the last picture holds from this one on. */
static gboolean read_settings(GstLusSegment *self)
{
  LusSegmenter *next;
  GstClockTime cost;
  gboolean mode_known, changed, load, new_zone;
  GstLusMode mode;

  GST_OBJECT_LOCK(self);
  self->frames++;
  self->now = self->settings;
  if (self->depth_changed)
    self->now.mm_per_pixel = 0;
  mode = self->mode;
  mode_known = self->mode_known;
  new_zone = self->new_zone;
  self->new_zone = FALSE;
  GST_OBJECT_UNLOCK(self);
  if (new_zone)
    gst_lus_segment_forget_result(self);
  if (!mode_known && !choose_mode(self, mode))
    return FALSE;
  GST_OBJECT_LOCK(self);
  changed = self->changed;
  load = changed && self->worker && !self->loading;
  self->loading |= load;
  next = self->next;
  cost = self->next_cost;
  self->next = NULL;
  GST_OBJECT_UNLOCK(self);
  if (next)
    gst_lus_segment_use(self, next, cost);
  if (load)
    gst_element_call_async(GST_ELEMENT(self), gst_lus_segment_load, NULL, NULL);
  else if (changed && !self->worker)
    gst_lus_segment_reopen_model(self);
  return TRUE;
}

/* ---- one picture ---- */

static gboolean prepare(GstLusSegment *self, GstBuffer *buffer, LusSegmenterJob *job)
{
  g_autoptr(GError) error = NULL;
  GstVideoFrame frame;
  gboolean done;

  if (!gst_video_frame_map(&frame, &self->info, buffer, GST_MAP_READ)) {
    GST_LUS_PICTURE_ERROR(self);
    return FALSE;
  }
  gst_lus_image_set_frame(&self->image, &frame);
  self->image.mm_per_pixel = self->now.mm_per_pixel;
  done = lus_segmenter_prepare(self->segmenter, job, &self->image, (gint64)GST_BUFFER_PTS(buffer), &error);
  gst_video_frame_unmap(&frame);
  if (!done)
    GST_ELEMENT_ERROR(self, LIBRARY, FAILED, ("%s", error->message), (NULL));
  return done;
}

static gboolean detects(const GstLusSegment *self, LusGuardState state)
{
  return self->now.detect[state] == DETECT_ON || (self->now.detect[state] == DETECT_AUTO && self->worker);
}

static LusGuardState look(GstLusSegment *self, GstBuffer *buffer, const LusSegmenterJob *job)
{
  const LusGuardConfig config = {detects(self, LUS_GUARD_NO_SIGNAL), detects(self, LUS_GUARD_FROZEN),
                                 detects(self, LUS_GUARD_NO_CONTACT), detects(self, LUS_GUARD_NEW_DEPTH)};
  const GstClockTime time = gst_lus_stream_time(GST_BASE_TRANSFORM(self), buffer);

  if (!lus_segmenter_job_is_filled(job))
    return config.signal ? LUS_GUARD_NO_SIGNAL : LUS_GUARD_CLEAR;
  if (!GST_CLOCK_TIME_IS_VALID(time))
    return LUS_GUARD_CLEAR;
  return lus_guard_watch(self->guard, job, (gint64)time, &config);
}

/* What was seen without a signal is no sector, and that of another depth has another place. */
static void change_guard(GstLusSegment *self, GstBuffer *buffer, LusGuardState from, LusGuardState to)
{
  GstStructure *fields = gst_structure_new("guard", "guard", G_TYPE_STRING, lus_guard_name(to), "unchanged",
                                           G_TYPE_UINT64, (guint64)lus_guard_unchanged_ns(self->guard), NULL);

  if (from == LUS_GUARD_NO_SIGNAL || to == LUS_GUARD_NEW_DEPTH)
    lus_segmenter_reset(self->segmenter);
  GST_OBJECT_LOCK(self);
  self->state = to;
  self->depth_changed |= to == LUS_GUARD_NEW_DEPTH;
  GST_OBJECT_UNLOCK(self);
  gst_lus_post_message(GST_BASE_TRANSFORM(self), buffer, "lussegment", fields);
  gst_structure_free(fields);
}

/* Why the picture is not to have a result; 0: it is. */
static GstLusSegFlags watch(GstLusSegment *self, GstBuffer *buffer, const LusSegmenterJob *job)
{
  static const GstLusSegFlags flags[LUS_GUARD_N] = {
      [LUS_GUARD_NEW_DEPTH] = GST_LUS_SEG_NEW_DEPTH,
      [LUS_GUARD_NO_CONTACT] = GST_LUS_SEG_NO_CONTACT,
      [LUS_GUARD_FROZEN] = GST_LUS_SEG_FROZEN,
      [LUS_GUARD_NO_SIGNAL] = GST_LUS_SEG_NO_SIGNAL,
  };
  const LusGuardState state = look(self, buffer, job), before = self->state;

  if (state != before)
    change_guard(self, buffer, before, state);
  return flags[state] | (lus_segmenter_job_is_filled(job) ? 0 : GST_LUS_SEG_NO_SECTOR);
}

static void add_time(GstLusSegment *self, GstLusStats *stats, GstClockTime duration)
{
  gboolean changed;

  GST_OBJECT_LOCK(self);
  changed = gst_lus_stats_add(stats, duration);
  GST_OBJECT_UNLOCK(self);
  if (changed)
    gst_element_post_message(GST_ELEMENT(self), gst_message_new_latency(GST_OBJECT(self)));
}

/* Sync: the picture's own result, unless it is to have the last one again. */
static gboolean infer(GstLusSegment *self, LusSegmenterJob *job, gint64 began)
{
  g_autoptr(GError) error = NULL;

  if (self->result && self->result_frames < self->now.interval)
    return TRUE;
  gst_lus_segment_forget_result(self);
  self->result = lus_segmenter_job_run(job, &error);
  if (!self->result) {
    GST_ELEMENT_ERROR(self, LIBRARY, FAILED, ("%s", error->message), (NULL));
    return FALSE;
  }
  add_time(self, &self->stats, (GstClockTime)(g_get_monotonic_time() - began) * GST_USECOND);
  return TRUE;
}

static void take_outcome(GstLusSegment *self, const GstLusOutcome *outcome)
{
  lus_segmentation_unref(self->result);
  self->result = outcome->segmentation;
  self->result_frames = 0;
  if (outcome->error && !self->failed)
    GST_ELEMENT_WARNING(self, LIBRARY, FAILED, ("%s", outcome->error->message), ("The next picture is tried again."));
  self->failed = outcome->error != NULL;
  GST_OBJECT_LOCK(self);
  if (outcome->segmentation)
    gst_lus_stats_add(&self->stats, outcome->duration);
  GST_OBJECT_UNLOCK(self);
  if (outcome->error)
    g_error_free(outcome->error);
}

/* Latest: the model was too slow for a picture. */
static void report_skipped(GstLusSegment *self, GstClockTime pts)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM(self);
  const GstClockTime running = gst_lus_pts_to_running_time(trans, pts);
  GstMessage *message;
  guint64 done, skipped;
  gdouble mean;

  GST_OBJECT_LOCK(self);
  skipped = ++self->skipped;
  done = self->stats.count;
  mean = gst_lus_stats_mean(&self->stats);
  GST_OBJECT_UNLOCK(self);
  message = gst_message_new_qos(GST_OBJECT(self), TRUE, running, gst_lus_pts_to_stream_time(trans, pts), pts,
                                GST_CLOCK_TIME_NONE);
  gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, done, skipped);
  gst_element_post_message(GST_ELEMENT(self), message);
  if (GST_CLOCK_TIME_IS_VALID(running) && gst_lus_overload_add(&self->overload, running)) {
    g_autofree gchar *pace = done ? g_strdup_printf("a result takes %.0f ms", mean) : g_strdup("there is no result yet");
    GST_ELEMENT_WARNING(self, RESOURCE, BUSY,
                        ("The model is too slow for every picture: %s. The video is complete, its masks are older.", pace),
                        ("Set inference-interval or threads, choose a smaller or a quantised model, or close "
                         "programs."));
  }
}

/* Latest: takes what is finished, gives what the model is to see next. */
static void exchange(GstLusSegment *self, GstBuffer *buffer)
{
  GstLusOutcome outcome;
  GstClockTime skipped;

  if (gst_lus_worker_take(self->worker, &outcome))
    take_outcome(self, &outcome);
  if (self->since_post++ < self->now.interval)
    return;
  self->since_post = 1;
  if (gst_lus_worker_post(self->worker, GST_BUFFER_PTS(buffer), &skipped))
    report_skipped(self, skipped);
}

static void attach(GstLusSegment *self, GstBuffer *buffer, GstLusSegFlags flags)
{
  GstLusSegMeta *meta = gst_buffer_add_lus_seg_meta(buffer, self->result, NULL, self->info.width, self->info.height);

  if (self->result)
    flags = self->result_frames++ ? GST_LUS_SEG_REUSED : GST_LUS_SEG_NONE;
  else if (!flags)
    flags = self->failed ? GST_LUS_SEG_NO_MODEL : GST_LUS_SEG_PENDING;
  meta->flags = flags;
  if (flags & GST_LUS_SEG_FROZEN)
    meta->unchanged = (GstClockTime)lus_guard_unchanged_ns(self->guard);
  GST_OBJECT_LOCK(self);
  self->age = meta->age;
  GST_OBJECT_UNLOCK(self);
}

GstFlowReturn gst_lus_segment_picture(GstBaseTransform *trans, GstBuffer *buffer)
{
  GstLusSegment *self = GST_LUS_SEGMENT(trans);
  const gint64 began = g_get_monotonic_time();
  LusSegmenterJob *job;
  GstLusSegFlags flags;

  if (!read_settings(self))
    return GST_FLOW_ERROR;
  if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT))
    gst_lus_segment_forget_result(self);
  job = self->worker ? gst_lus_worker_job(self->worker) : self->job;
  if (!prepare(self, buffer, job))
    return GST_FLOW_ERROR;
  flags = watch(self, buffer, job);
  if (flags)
    gst_lus_segment_forget_result(self);
  else if (self->worker)
    exchange(self, buffer);
  else if (!infer(self, job, began))
    return GST_FLOW_ERROR;
  attach(self, buffer, flags);
  if (self->worker)
    add_time(self, &self->cost, (GstClockTime)(g_get_monotonic_time() - began) * GST_USECOND);
  return GST_FLOW_OK;
}
