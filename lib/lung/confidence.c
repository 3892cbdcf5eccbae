/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/confidence.h"

#include <math.h>
#include <string.h>

#include "lung/recycler.h"
#include "lung/resample.h"

#define ROW 1024 /* pixels whose ids are found at once */

guint8 lus_confidence_quantise(float confidence)
{
  if (!(confidence > 0.0f))
    return 0;
  return confidence < 1.0f ? (guint8)(255.0f * confidence + 0.5f) : 255;
}

guint8 lus_confidence_cut(double threshold)
{
  double cut = ceil(255.0 * (threshold - 1e-6));
  return cut < 255.0 ? (guint8)MAX(cut, 0.0) : 255;
}

/* ---- masks ---- */

struct _LusMasker {
  LusRecycler *recycler;
  int *queue; /* pixels of one component */
  gsize queue_length;

  /* The running mean, in 1/256 of q, of results like the last one; [n_classes][height][width]. */
  guint16 *mean;
  guint8 *smoothed; /* rounded to q */
  gsize mean_length;
  gboolean has_mean;
  LusSegmentation like; /* its geometry */
  char model[65];       /* and the model's SHA-256 */
};

LusMasker *lus_masker_new(void)
{
  LusMasker *masker = g_try_new0(LusMasker, 1);
  if (!masker)
    return NULL;
  masker->recycler = lus_recycler_new(NULL);
  if (!masker->recycler) {
    g_free(masker);
    return NULL;
  }
  return masker;
}

void lus_masker_free(LusMasker *masker)
{
  if (!masker)
    return;
  lus_recycler_close(masker->recycler);
  g_free(masker->queue);
  g_free(masker->mean);
  g_free(masker->smoothed);
  g_free(masker);
}

/* A mask with its planes behind it in one block; sizes as in the segmentation. */
static LusMask *take_mask(LusMasker *masker, const LusSegmentation *segmentation)
{
  gsize pixels = (gsize)segmentation->width * segmentation->height, classes = (gsize)segmentation->n_classes;
  if (masker->queue_length < pixels) {
    g_free(masker->queue);
    masker->queue = g_try_new(int, pixels);
    masker->queue_length = masker->queue ? pixels : 0;
    if (!masker->queue)
      return NULL;
  }
  LusMask *mask = lus_recycler_take(masker->recycler, sizeof(LusMask) + (classes + 1) * pixels);
  if (!mask)
    return NULL;
  *mask = (LusMask){.n_classes = segmentation->n_classes, .width = segmentation->width, .height = segmentation->height};
  mask->planes = (guint8 *)(mask + 1);
  mask->ids = mask->planes + classes * pixels;
  return mask;
}

enum { UNSEEN = 255, SEEN = 128 };

/* Marks the 8-connected component of pixel @start as seen; its pixels are then in @queue. Returns how many. */
static int collect(guint8 *plane, int *queue, int start, int width, int height)
{
  int n = 1;
  queue[0] = start;
  plane[start] = SEEN;
  for (int i = 0; i < n; i++) {
    int x = queue[i] % width, y = queue[i] / width;
    for (int v = MAX(y - 1, 0); v <= MIN(y + 1, height - 1); v++)
      for (int u = MAX(x - 1, 0); u <= MIN(x + 1, width - 1); u++) {
        int next = v * width + u;
        if (plane[next] == UNSEEN) {
          plane[next] = SEEN;
          queue[n++] = next;
        }
      }
  }
  return n;
}

/* Drops components that are small or that nowhere reach @cut. */
static void drop_components(guint8 *plane, const guint8 *q, guint8 cut, int *queue, int width, int height, int min_area)
{
  int pixels = width * height;
  for (int i = 0; i < pixels; i++) {
    if (plane[i] != UNSEEN)
      continue;
    int n = collect(plane, queue, i, width, height);
    gboolean reaches = FALSE;
    for (int k = 0; k < n && !reaches; k++)
      reaches = q[queue[k]] >= cut;
    for (int k = 0; (n < min_area || !reaches) && k < n; k++)
      plane[queue[k]] = 0;
  }
  for (int i = 0; i < pixels; i++)
    plane[i] = plane[i] ? 255 : 0;
}

/* Where the class's plane is set and no other has been or its q is higher than @best: ids = id, best = q. */
static void take_higher(guint8 *restrict ids, guint8 *restrict best, const guint8 *restrict plane,
                        const guint8 *restrict q, guint8 id, gsize n)
{
  for (gsize i = 0; i < n; i++) {
    guint8 higher = (guint8)(-((ids[i] == 0) | (q[i] > best[i])) & plane[i]); /* arithmetic that compilers vectorise */
    ids[i] = (guint8)((higher & id) | (~higher & ids[i]));
    best[i] = (guint8)((higher & q[i]) | (~higher & best[i]));
  }
}

static void fill_ids(LusMask *mask, const guint8 *confidence)
{
  gsize pixels = (gsize)mask->width * mask->height;
  memset(mask->ids, 0, pixels);
  for (gsize first = 0; first < pixels; first += ROW) {
    gsize n = MIN(pixels - first, ROW);
    guint8 best[ROW] = {0};
    for (int k = 0; k < mask->n_classes; k++) {
      gsize at = (gsize)k * pixels + first;
      take_higher(mask->ids + first, best, mask->planes + at, confidence + at, (guint8)(k + 1), n);
    }
  }
}

/* The sector where q reaches @low. */
static void cut_plane(guint8 *restrict plane, const guint8 *restrict q, const guint8 *restrict sector, guint8 low, gsize n)
{
  for (gsize i = 0; i < n; i++)
    plane[i] = (guint8)(-(q[i] >= low) & sector[i]);
}

void lus_masker_reset(LusMasker *masker)
{
  masker->has_mean = FALSE;
}

static const char *model_of(const LusSegmentation *segmentation)
{
  return segmentation->model ? lus_model_sha256(segmentation->model) : "";
}

static gboolean is_like_last(const LusMasker *masker, const LusSegmentation *s)
{
  const LusSegmentation *like = &masker->like;
  return masker->has_mean && s->n_classes == like->n_classes && s->width == like->width && s->height == like->height &&
         s->frame_width == like->frame_width && s->frame_height == like->frame_height &&
         memcmp(&s->rect, &like->rect, sizeof s->rect) == 0 && strcmp(model_of(s), masker->model) == 0;
}

static gboolean reserve_mean(LusMasker *masker, gsize n)
{
  if (n <= masker->mean_length)
    return TRUE;
  g_free(masker->mean);
  g_free(masker->smoothed);
  masker->mean = g_try_new(guint16, n);
  masker->smoothed = g_try_malloc(n);
  masker->mean_length = masker->mean && masker->smoothed ? n : 0;
  return masker->mean_length > 0;
}

/* The confidences that masks are cut from: mean += alpha (q - mean), in whole numbers. NULL: out of memory. */
static const guint8 *smooth(LusMasker *masker, const LusSegmentation *segmentation, double alpha, gboolean again)
{
  gsize n = (gsize)segmentation->n_classes * (gsize)segmentation->width * (gsize)segmentation->height;
  const guint8 *q = segmentation->confidence;
  int share = (int)lrint(256 * alpha);
  if (share <= 0 || share >= 256) {
    masker->has_mean = FALSE;
    return q;
  }
  gboolean goes_on = is_like_last(masker, segmentation);
  if (again && goes_on)
    return masker->smoothed;
  if (!reserve_mean(masker, n))
    return NULL;
  for (gsize i = 0; i < n; i++) {
    int before = goes_on ? masker->mean[i] : 256 * q[i];
    int now = before + ((share * (256 * q[i] - before) + 128) >> 8);
    masker->mean[i] = (guint16)now;
    masker->smoothed[i] = (guint8)((now + 128) >> 8);
  }
  masker->like = *segmentation;
  g_strlcpy(masker->model, model_of(segmentation), sizeof masker->model);
  masker->has_mean = TRUE;
  return masker->smoothed;
}

static LusMask *run(LusMasker *masker, const LusSegmentation *segmentation, const LusConfidenceConfig *config,
                    gboolean again)
{
  const guint8 *confidence = smooth(masker, segmentation, config->temporal_alpha, again);
  LusMask *mask = confidence ? take_mask(masker, segmentation) : NULL;
  if (!mask)
    return NULL;
  gsize pixels = (gsize)mask->width * mask->height;
  for (int k = 0; k < mask->n_classes; k++) {
    const guint8 *q = confidence + (gsize)k * pixels;
    guint8 *plane = mask->planes + (gsize)k * pixels, cut = lus_confidence_cut(config->thresholds[k]);
    guint8 low = cut;
    if (config->hysteresis > 0)
      low = MIN(cut, MAX(1, lus_confidence_cut(config->thresholds[k] - config->hysteresis)));
    cut_plane(plane, q, segmentation->sector, low, pixels);
    if (config->min_area > 1 || low < cut)
      drop_components(plane, q, cut, masker->queue, mask->width, mask->height, config->min_area);
    mask->cut[k] = cut;
  }
  fill_ids(mask, confidence);
  return mask;
}

LusMask *lus_masker_run(LusMasker *masker, const LusSegmentation *segmentation, const LusConfidenceConfig *config)
{
  return run(masker, segmentation, config, FALSE);
}

LusMask *lus_masker_run_again(LusMasker *masker, const LusSegmentation *segmentation,
                              const LusConfidenceConfig *config)
{
  return run(masker, segmentation, config, TRUE);
}

LusMask *lus_mask_ref(LusMask *mask)
{
  lus_block_ref(mask);
  return mask;
}

void lus_mask_unref(LusMask *mask)
{
  if (mask)
    lus_block_unref(mask);
}

/* ---- planes to frames ---- */

/* Steps are rounded up, by less than what separates two positions, so that the whole part is exact. */
static LusLine find_line(int plane, int frame)
{
  gint64 length = (gint64)plane << 31;
  return (LusLine){(length + frame - 1) / frame, (2 * length + frame - 1) / frame};
}

static int nearest_at(LusLine line, int i)
{
  return (int)((line.start + i * line.step) >> 32);
}

static void nearest_row(guint8 *out, const guint8 *plane, LusLine line, int first, int end)
{
  for (int i = first; i < end; i++)
    *out++ = plane[nearest_at(line, i)];
}

static void bilinear_row(guint8 *out, const guint8 *top, const guint8 *bottom, int y_weight, LusLine line, int width,
                         int first, int end)
{
  int at = -1, left = 0, right = 0;
  for (int i = first; i < end; i++) {
    int weight, x = lus_line_at(line, 2 * i, width, &weight);
    if (x != at) {
      int next = MIN(x + 1, width - 1);
      left = (256 - y_weight) * top[x] + y_weight * bottom[x];
      right = (256 - y_weight) * top[next] + y_weight * bottom[next];
      at = x;
    }
    *out++ = (guint8)(((256 - weight) * left + weight * right + (1 << 15)) >> 16);
  }
}

void lus_resample_init(LusResample *resample, int width, int height, LusRect rect)
{
  *resample = (LusResample){width, height, rect, find_line(width, rect.width), find_line(height, rect.height)};
}

/* Bilinear: columns @x0 to @x1 - 1 of frame row @y, all inside the rectangle. @out[0] is column @x0. */
static void resample_row(const LusResample *resample, guint8 *out, const guint8 *plane, int y, int x0, int x1)
{
  int weight, left = resample->rect.x, width = resample->width;
  int v = lus_line_at(resample->y, 2 * (y - resample->rect.y), resample->height, &weight);
  const guint8 *top = plane + (gsize)v * (gsize)width;
  const guint8 *bottom = plane + (gsize)MIN(v + 1, resample->height - 1) * (gsize)width;
  bilinear_row(out, top, bottom, weight, resample->x, width, x0 - left, x1 - left);
}

/* One row of the frame inside the rectangle, columns @first to @end - 1. Neighbouring rows show the same pixels where the
 * plane is the smaller one: then @above is copied; NULL: there is none. */
static void frame_row(const LusResample *resample, guint8 *row, const guint8 *above, const guint8 *plane, int y, int first,
                      int end, gboolean nearest)
{
  const LusRect *rect = &resample->rect;
  if (!nearest) {
    resample_row(resample, row + first, plane, y, first, end);
    return;
  }
  int v = nearest_at(resample->y, y - rect->y);
  if (above && v == nearest_at(resample->y, y - 1 - rect->y))
    memcpy(row + first, above + first, (gsize)(end - first));
  else
    nearest_row(row + first, plane + (gsize)v * (gsize)resample->width, resample->x, first - rect->x, end - rect->x);
}

void lus_plane_to_frame(guint8 *out, int out_stride, int frame_width, int frame_height, const guint8 *plane, int width,
                        int height, LusRect rect, gboolean nearest)
{
  LusResample resample;
  int first = MAX(rect.x, 0), end = MAX(MIN(rect.x + rect.width, frame_width), first);
  lus_resample_init(&resample, width, height, rect);
  for (int y = 0; y < frame_height; y++) {
    guint8 *row = out + (gsize)y * out_stride;
    if (y < rect.y || y >= rect.y + rect.height || first == end) {
      memset(row, 0, (gsize)frame_width);
      continue;
    }
    memset(row, 0, (gsize)first);
    memset(row + end, 0, (gsize)(frame_width - end));
    frame_row(&resample, row, y > MAX(rect.y, 0) ? row - out_stride : NULL, plane, y, first, end, nearest);
  }
}
