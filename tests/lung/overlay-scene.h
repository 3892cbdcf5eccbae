/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <string.h>

#include "lung/overlay-parts.h"

/* What the tests of the overlay draw on. */

#define GUARD 0xa5
#define PAD 24 /* bytes behind every row */
#define MS G_GINT64_CONSTANT(1000000)

/* The sector of 640 x 480 frames, and a box in it. */
static const LusRect sector = {200, 40, 240, 360}, box = {260, 200, 120, 40};

typedef struct {
  LusImage image;
  guint8 *memory[3], *before[3];
  gsize sizes[3];
} Frame;

typedef struct {
  LusSegmentation segmentation;
  LusMask mask;
} Result;

static inline int plane_bytes(LusFormat format, int width, int plane)
{
  int xs, ys;
  lus_format_subsampling(format, &xs, &ys);
  int chroma = (width + xs) >> xs;
  switch (format) {
  case LUS_FORMAT_GRAY8: case LUS_FORMAT_I420: case LUS_FORMAT_YV12: case LUS_FORMAT_Y42B: case LUS_FORMAT_Y444:
    return plane ? chroma : width;
  case LUS_FORMAT_NV12: case LUS_FORMAT_NV21:
    return plane ? 2 * chroma : width;
  case LUS_FORMAT_YUY2: case LUS_FORMAT_YVYU: case LUS_FORMAT_UYVY: case LUS_FORMAT_VYUY:
    return 4 * chroma;
  case LUS_FORMAT_RGB: case LUS_FORMAT_BGR:
    return 3 * width;
  default:
    return 4 * width;
  }
}

static inline int n_planes(LusFormat format)
{
  return format == LUS_FORMAT_NV12 || format == LUS_FORMAT_NV21 ? 2
         : format >= LUS_FORMAT_I420 && format <= LUS_FORMAT_Y444 ? 3 : 1;
}

/* Every byte of every plane is @luma or, for chroma, 128. */
static inline void frame_open(Frame *frame, LusFormat format, int width, int height)
{
  int xs, ys;
  memset(frame, 0, sizeof *frame);
  lus_format_subsampling(format, &xs, &ys);
  frame->image = (LusImage){.format = format, .width = width, .height = height, .matrix = LUS_MATRIX_BT709};
  for (int p = 0; p < n_planes(format); p++) {
    int rows = p ? (height + ys) >> ys : height;
    frame->image.strides[p] = plane_bytes(format, width, p) + PAD;
    frame->sizes[p] = (gsize)frame->image.strides[p] * (gsize)rows;
    frame->memory[p] = frame->image.planes[p] = g_malloc(frame->sizes[p]);
    frame->before[p] = g_malloc(frame->sizes[p]);
  }
}

static inline void frame_close(Frame *frame)
{
  for (int p = 0; p < 3; p++) {
    g_free(frame->memory[p]);
    g_free(frame->before[p]);
  }
}

/* A pattern whose luma is between 17 and 28 (below what counts as text), with @luma in @lit; all the rest is GUARD.
 * */
static inline void frame_fill(Frame *frame, LusRect lit, guint8 luma)
{
  const LusImage *image = &frame->image;
  gboolean rgb = image->format >= LUS_FORMAT_RGB, packed = image->format >= LUS_FORMAT_YUY2 && !rgb;
  for (int p = 0; p < n_planes(image->format); p++) {
    int bytes = plane_bytes(image->format, image->width, p), rows = (int)(frame->sizes[p] / (gsize)image->strides[p]);
    memset(image->planes[p], GUARD, frame->sizes[p]);
    for (int y = 0; y < rows; y++)
      for (int i = 0; i < bytes; i++) {
        int x = rgb ? i * image->width / bytes : packed ? i / 2 : i;
        gboolean in = x >= lit.x && x < lit.x + lit.width && y >= lit.y && y < lit.y + lit.height;
        gboolean luma_first = image->format == LUS_FORMAT_YUY2 || image->format == LUS_FORMAT_YVYU;
        gboolean chroma = p > 0 || (packed && (i & 1) == luma_first);
        image->planes[p][(gsize)y * (gsize)image->strides[p] + (gsize)i] =
          chroma ? 128 : in ? luma : (guint8)(17 + (x / 3 + y * 5) % 12);
      }
    memcpy(frame->before[p], image->planes[p], frame->sizes[p]);
  }
}

/* Planes of the rectangle's own size: one sample per pixel. */
static inline void result_open(Result *result, int width, int height, LusRect rect)
{
  gsize n = (gsize)rect.width * (gsize)rect.height;
  memset(result, 0, sizeof *result);
  result->segmentation = (LusSegmentation){.n_classes = 3, .frame_width = width, .frame_height = height, .rect = rect,
                                           .width = rect.width, .height = rect.height, .pts_ns = -1};
  result->mask = (LusMask){.n_classes = 3, .width = rect.width, .height = rect.height};
  result->segmentation.confidence = g_malloc(3 * n);
  result->segmentation.sector = g_malloc(n);
  result->mask.planes = g_malloc0(3 * n);
  result->mask.ids = g_malloc0(n);
  memset(result->segmentation.confidence, 50, 3 * n);
  memset(result->segmentation.sector, 255, n);
  memset(result->mask.cut, 153, 3);
}

static inline void result_close(Result *result)
{
  g_free(result->segmentation.confidence);
  g_free(result->segmentation.sector);
  g_free(result->mask.planes);
  g_free(result->mask.ids);
}

/* A box, frame pixels, of class @c. */
static inline void result_box(Result *result, int c, LusRect part, guint8 q)
{
  const LusSegmentation *s = &result->segmentation;
  gsize n = (gsize)s->width * (gsize)s->height;
  for (int y = part.y; y < part.y + part.height; y++)
    for (int x = part.x; x < part.x + part.width; x++) {
      gsize at = (gsize)c * n + (gsize)(y - s->rect.y) * (gsize)s->width + (gsize)(x - s->rect.x);
      s->confidence[at] = q;
      result->mask.planes[at] = 255;
    }
}

static inline LusOverlayState live(const Result *result)
{
  return (LusOverlayState){.status = LUS_STATUS_LIVE, .mask_age_ns = 46 * MS, .result_number = 1,
                           .segmentation = &result->segmentation, .mask = &result->mask};
}

static inline void draw(Frame *frame, const LusOverlayConfig *config, const LusOverlayState *state)
{
  g_autoptr(LusOverlay) overlay = lus_overlay_new();
  lus_overlay_set_config(overlay, config);
  lus_overlay_draw(overlay, &frame->image, state);
}

static inline LusOverlayConfig bare_config(void)
{
  LusOverlayConfig config;
  lus_overlay_config_init(&config);
  config.show_legend = config.show_status = config.show_estimate = FALSE;
  return config;
}

static inline guint8 byte_at(const Frame *frame, int plane, int x, int y)
{
  return frame->image.planes[plane][(gsize)y * (gsize)frame->image.strides[plane] + (gsize)x];
}

static inline guint8 was_at(const Frame *frame, int plane, int x, int y)
{
  return frame->before[plane][(gsize)y * (gsize)frame->image.strides[plane] + (gsize)x];
}

/* Every byte that is not as it was stands for a pixel of which @may_change is TRUE. Returns how many there are. */
static inline gsize check_changed(const Frame *frame, gboolean (*may_change)(gconstpointer data, int x, int y), gconstpointer data)
{
  const LusImage *image = &frame->image;
  gsize changed = 0;
  int xs, ys;
  lus_format_subsampling(image->format, &xs, &ys);
  for (int p = 0; p < n_planes(image->format); p++) {
    int bytes = plane_bytes(image->format, image->width, p), per_unit = bytes / ((image->width + xs) >> xs);
    gboolean pixels = p == 0 && n_planes(image->format) > 1; /* a luma plane: a byte is a pixel */
    int columns = pixels ? 1 : 1 << xs, rows = p ? 1 << ys : 1;
    for (gsize i = 0; i < frame->sizes[p]; i++) {
      int byte = (int)(i % (gsize)image->strides[p]);
      int x0 = pixels ? byte : (byte / per_unit) << xs, y0 = (int)(i / (gsize)image->strides[p]) * rows;
      gboolean may = FALSE;
      if (frame->memory[p][i] == frame->before[p][i])
        continue;
      g_assert_cmpint(byte, <, bytes); /* not behind the row */
      for (int y = y0; y < MIN(y0 + rows, image->height); y++)
        for (int x = x0; x < MIN(x0 + columns, image->width); x++)
          may |= may_change(data, x, y);
      g_assert_true(may);
      changed++;
    }
  }
  return changed;
}

static inline void fill_exam(LusExamView *exam)
{
  static const char *const zones[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  memset(exam, 0, sizeof *exam);
  exam->present = exam->has_estimate = exam->has_baseline = TRUE;
  exam->n_zones = 6;
  exam->min_frames = 10;
  for (int i = 0; i < 6; i++) {
    g_strlcpy(exam->zones[i], zones[i], LUS_ZONE_LENGTH);
    exam->frames[i] = 10;
  }
  g_strlcpy(exam->zone, "L3", LUS_ZONE_LENGTH);
  g_strlcpy(exam->baseline_date, "21 Nov", sizeof exam->baseline_date);
  exam->baseline_sf = 336;
  exam->estimate.sf = (LusEstimateValue){.value = 287, .low = 251, .high = 323, .valid = TRUE};
  exam->estimate.readmission = (LusEstimateValue){.value = 0.18, .low = 0.09, .high = 0.31, .valid = TRUE};
  exam->estimate.change_class = -1;
  exam->estimate.change_probability[0] = 0.81;
  exam->estimate.change_valid = TRUE;
}

static LusCanvas canvas; /* measures texts; open while tests run */

static inline void find_layout(LusLayout *layout, const Frame *frame, const guint8 *inside, LusRect rect, unsigned wanted)
{
  LusRoom room;
  lus_room_init(&room);
  g_assert_true(lus_room_set_size(&room, frame->image.width, frame->image.height));
  lus_room_look(&room, &frame->image);
  lus_room_sum(&room, inside);
  LusLayoutInput input = {frame->image.width, frame->image.height, wanted, 3, TRUE, rect, &canvas};
  lus_layout_find(layout, &input, &room);
  lus_room_clear(&room);
}

#define ALL_BLOCKS (1u << LUS_BLOCK_STATUS | 1u << LUS_BLOCK_SF | 1u << LUS_BLOCK_NOTICE | 1u << LUS_BLOCK_ZONE | \
  1u << LUS_BLOCK_OUTLOOK | 1u << LUS_BLOCK_THORAX | 1u << LUS_BLOCK_LEGEND)

static inline guint8 *sector_map(int width, int height, LusRect rect)
{
  guint8 *map = g_malloc0((gsize)width * (gsize)height);
  for (int y = rect.y; y < rect.y + rect.height; y++)
    memset(map + (gsize)y * (gsize)width + rect.x, 255, (gsize)rect.width);
  return map;
}

