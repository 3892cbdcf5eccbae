/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "live-record.h"
#include "results.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define QUEUE_FRAMES 250 /* about 8 s; what comes while they wait is lost and counted */

/* One picture on its way to the file. All fields NULL: the end. */
typedef struct {
  char *exam, *zone;
  const char *kernels; /* interned */
  LusSegmentation *segmentation;
  LusMask *mask;
  int width, height; /* of the picture */
  LusRect rect;      /* of the sector in it */
  guint8 *luma;      /* [rect.height][rect.width] */
  gint64 pts_ns, age_ns;
  int fps[2];
} Frame;

/* The clip being written. */
typedef struct {
  char *exam, *zone, *path, *name, *model_name; /* name: path's last part */
  LusModel *model;
  int width, height;
  guint8 *picture; /* [height][width], black outside of the sector */
  LusFrameSink *video;
  LusResults *results; /* frames.jsonl */
  gint64 first_pts_ns;
} Clip;

struct _LusLiveRecord {
  char *folder;
  GMutex lock;      /* guards exam, error and lost */
  char *exam;
  GError *error;    /* the first one: nothing is written from there on */
  gboolean told;    /* lus_live_record_take_problem() gave it */
  guint64 lost;
  GAsyncQueue *queue;
  GThread *thread;
  Clip clip;        /* the writing thread's own */
};

static void frame_free(Frame *frame)
{
  g_free(frame->exam);
  g_free(frame->zone);
  g_free(frame->luma);
  g_clear_pointer(&frame->segmentation, lus_segmentation_unref);
  g_clear_pointer(&frame->mask, lus_mask_unref);
  g_free(frame);
}

static void clip_clear(Clip *clip)
{
  if (clip->video)
    clip->video->free(clip->video);
  lus_results_free(clip->results);
  g_free(clip->picture);
  g_free(clip->exam);
  g_free(clip->zone);
  g_free(clip->path);
  g_free(clip->name);
  g_free(clip->model_name);
  g_clear_pointer(&clip->model, lus_model_unref);
  memset(clip, 0, sizeof *clip);
}

static gboolean clip_finish(Clip *clip, GError **error)
{
  gboolean ok = !clip->video || (clip->video->finish(clip->video, error) && lus_results_finish(clip->results, error));
  clip_clear(clip);
  return ok;
}

char *lus_live_record_name(const char *exam)
{
  LusClipName told;
  lus_clip_name_parse(&told, exam);
  return told.day < 0 ? g_strconcat(exam, "_d1", NULL) : g_strdup(exam);
}

/* The first name of NAME_ZONE, NAME_ZONE_2... that is free. */
static char *free_stem(const char *folder, const Frame *frame)
{
  g_autofree char *name = lus_live_record_name(frame->exam);
  for (int take = 1;; take++) {
    g_autofree char *stem = take == 1 ? g_strdup_printf("%s_%s", name, frame->zone)
                                      : g_strdup_printf("%s_%s_%d", name, frame->zone, take);
    g_autofree char *path = g_strdup_printf("%s/%s.mkv", folder, stem);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
      return g_steal_pointer(&stem);
  }
}

/* Masks are made from the confidences anew, as lusconfmask makes them at the one threshold that lus live has. */
static LusResults *begin_results(const Clip *clip, const Frame *frame, const char *folder, GError **error)
{
  const LusModelInfo *info = lus_model_info(clip->model);
  LusResultsHeader header = {.clip = clip->name, .clip_sha256 = "", .model = clip->model_name,
                             .model_sha256 = lus_model_sha256(clip->model), .kernels = frame->kernels,
                             .n_classes = info->n_classes, .width = info->width, .height = info->height,
                             .threshold = frame->mask->cut[0] / 255.0, .temporal_alpha = 1, .live = TRUE};
  for (int i = 0; i < info->n_classes; i++)
    header.classes[i] = info->classes[i];
  return lus_results_begin(folder, &header, error);
}

static gboolean clip_open(LusLiveRecord *record, const Frame *frame, GError **error)
{
  Clip *clip = &record->clip;
  g_autofree char *folder = g_build_filename(record->folder, frame->exam, NULL), *stem = free_stem(folder, frame);
  g_autofree char *beside = g_build_filename(folder, stem, NULL);
  clip->exam = g_strdup(frame->exam);
  clip->zone = g_strdup(frame->zone);
  clip->width = frame->width;
  clip->height = frame->height;
  clip->picture = g_try_malloc((gsize)frame->width * (gsize)frame->height);
  clip->path = g_strconcat(beside, ".mkv", NULL);
  clip->name = g_path_get_basename(clip->path);
  clip->model = lus_model_ref(frame->segmentation->model);
  clip->model_name = g_filename_display_basename(lus_model_path(clip->model));
  clip->first_pts_ns = frame->pts_ns;
  if (!clip->picture) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a picture", clip->path);
    return FALSE;
  }
  clip->results = begin_results(clip, frame, beside, error);
  if (!clip->results)
    return FALSE;
  clip->video = lus_tool_create_clip(clip->path, LUS_FORMAT_GRAY8, clip->width, clip->height, frame->fps[0],
                                     frame->fps[1], NULL, error);
  return clip->video != NULL;
}

static gboolean belongs(const Clip *clip, const Frame *frame)
{
  return clip->video && strcmp(clip->exam, frame->exam) == 0 && strcmp(clip->zone, frame->zone) == 0 &&
         clip->model == frame->segmentation->model && clip->width == frame->width && clip->height == frame->height &&
         frame->pts_ns >= clip->first_pts_ns;
}

/* The sector where it was, so that geometry and scale stay. */
static LusImage place_sector(const Clip *clip, const Frame *frame)
{
  gsize stride = (gsize)clip->width;
  memset(clip->picture, 0, stride * (gsize)clip->height);
  for (int y = 0; y < frame->rect.height; y++)
    memcpy(clip->picture + (gsize)(frame->rect.y + y) * stride + frame->rect.x,
           frame->luma + (gsize)y * (gsize)frame->rect.width, (gsize)frame->rect.width);
  return (LusImage){.format = LUS_FORMAT_GRAY8, .width = clip->width, .height = clip->height,
                    .planes = {clip->picture}, .strides = {clip->width}, .full_range = TRUE};
}

static gboolean write_frame(LusLiveRecord *record, const Frame *frame, GError **error)
{
  Clip *clip = &record->clip;
  if (!belongs(clip, frame) && (!clip_finish(clip, error) || !clip_open(record, frame, error)))
    return FALSE;
  const LusImage image = place_sector(clip, frame);
  gint64 pts_ns = frame->pts_ns - clip->first_pts_ns;
  const LusResultsEntry entry = {.segmentation = frame->segmentation, .width = clip->width, .height = clip->height,
                                 .pts_ns = pts_ns, .age_ns = frame->age_ns, .rate = {frame->fps[0], frame->fps[1]}};
  const LusMask *mask;
  return lus_results_add(clip->results, &mask, &entry, error) && clip->video->push(clip->video, &image, pts_ns, error);
}

static gpointer write_frames(gpointer user_data)
{
  LusLiveRecord *record = user_data;
  gboolean ok = TRUE;
  for (;;) {
    Frame *frame = g_async_queue_pop(record->queue);
    gboolean end = !frame->exam;
    GError *error = NULL;
    if (ok)
      ok = end ? clip_finish(&record->clip, &error) : write_frame(record, frame, &error);
    frame_free(frame);
    if (error) {
      clip_clear(&record->clip);
      g_mutex_lock(&record->lock);
      record->error = error;
      g_mutex_unlock(&record->lock);
    }
    if (end)
      return NULL;
  }
}

LusLiveRecord *lus_live_record_new(const char *folder)
{
  LusLiveRecord *record = g_new0(LusLiveRecord, 1);
  record->folder = g_strdup(folder);
  g_mutex_init(&record->lock);
  record->queue = g_async_queue_new_full((GDestroyNotify)frame_free);
  record->thread = g_thread_new("lus-record", write_frames, record);
  return record;
}

void lus_live_record_exam(LusLiveRecord *record, const char *exam)
{
  g_mutex_lock(&record->lock);
  g_free(record->exam);
  record->exam = g_strdup(exam);
  g_mutex_unlock(&record->lock);
}

/* The sector's luma; what lies in its rectangle but outside of it becomes black. */
static guint8 *copy_sector(const LusImage *image, const GstLusSegMeta *meta, LusRect rect)
{
  const LusSegmentation *s = meta->segmentation;
  gsize n = (gsize)rect.width * (gsize)rect.height;
  guint8 *luma = g_try_malloc(n), *inside = g_try_malloc(n);
  for (int y = 0; luma && inside && y < rect.height; y++)
    lus_image_luma_row(luma + (gsize)y * (gsize)rect.width, image, rect.x, rect.y + y, rect.width);
  if (luma && inside) {
    const LusRect place = {meta->rect.x - rect.x, meta->rect.y - rect.y, meta->rect.width, meta->rect.height};
    lus_plane_to_frame(inside, rect.width, rect.width, rect.height, s->sector, s->width, s->height, place, FALSE);
    for (gsize i = 0; i < n; i++)
      luma[i] = inside[i] >= 128 ? luma[i] : 0;
  } else {
    g_clear_pointer(&luma, g_free);
  }
  g_free(inside);
  return luma;
}

/* The rectangle within the picture. */
static LusRect clipped(LusRect rect, const LusImage *image)
{
  int x0 = MAX(rect.x, 0), y0 = MAX(rect.y, 0);
  return (LusRect){x0, y0, MIN(rect.x + rect.width, image->width) - x0, MIN(rect.y + rect.height, image->height) - y0};
}

void lus_live_record_frame(LusLiveRecord *record, const LusImage *image, const GstLusSegMeta *meta, const char *exam,
                           const char *zone, const char *kernels, gint64 pts_ns, const int fps[2])
{
  if (!*zone || !meta || !meta->segmentation || !meta->mask)
    return;
  LusRect rect = clipped(meta->rect, image);
  g_mutex_lock(&record->lock);
  gboolean wanted = !record->error && g_strcmp0(exam, record->exam) == 0;
  gboolean full = wanted && g_async_queue_length(record->queue) >= QUEUE_FRAMES;
  g_mutex_unlock(&record->lock);
  if (!wanted || rect.width < 1 || rect.height < 1)
    return;
  Frame *frame = g_new0(Frame, 1);
  frame->luma = full ? NULL : copy_sector(image, meta, rect);
  if (!frame->luma) {
    frame_free(frame);
    g_mutex_lock(&record->lock);
    record->lost++;
    g_mutex_unlock(&record->lock);
    return;
  }
  frame->exam = g_strdup(exam);
  frame->zone = g_strdup(zone);
  frame->kernels = kernels;
  frame->segmentation = lus_segmentation_ref(meta->segmentation);
  frame->mask = lus_mask_ref(meta->mask);
  frame->width = image->width;
  frame->height = image->height;
  frame->rect = rect;
  frame->pts_ns = pts_ns;
  frame->age_ns = GST_CLOCK_TIME_IS_VALID(meta->age) ? (gint64)meta->age : 0;
  frame->fps[0] = fps[0];
  frame->fps[1] = fps[1];
  g_async_queue_push(record->queue, frame);
}

char *lus_live_record_take_problem(LusLiveRecord *record)
{
  g_mutex_lock(&record->lock);
  char *problem = record->error && !record->told ? g_strdup(record->error->message) : NULL;
  record->told |= problem != NULL;
  g_mutex_unlock(&record->lock);
  return problem;
}

gboolean lus_live_record_finish(LusLiveRecord *record, guint64 *lost, GError **error)
{
  if (record->thread) {
    g_async_queue_push(record->queue, g_new0(Frame, 1));
    g_thread_join(g_steal_pointer(&record->thread));
  }
  *lost = record->lost;
  if (!record->error)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&record->error));
  return FALSE;
}

void lus_live_record_free(LusLiveRecord *record)
{
  if (!record)
    return;
  guint64 lost;
  lus_live_record_finish(record, &lost, NULL);
  g_async_queue_unref(record->queue);
  g_free(record->folder);
  g_free(record->exam);
  g_mutex_clear(&record->lock);
  g_free(record);
}
