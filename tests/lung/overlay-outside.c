/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is drawn stays where it belongs: overlay-outside [FRAMES]. Random masks in random sectors on noise, in every format,
 * with odd sizes: whatever lies farther from a mask than its line reaches, or outside of the sector and off its corners, keeps its
 * bits; and a frame looks the same whatever was drawn before it. */
#include "lung/overlay.h"

#include <math.h>
#include <stdlib.h>

#include "nn/rng.h"
#include "overlay-scene.h"

#define FRAMES 10000
#define RUN 64  /* frames of one format and size */
#define ALONE 16 /* every so many frames are drawn by a new overlay too */
#define SMALLEST 16
#define LARGEST 120

/* A line of style fill is narrower; 2.5 u is more than the widest class has. Behind it lie the gap of a pixel and half a
 * pixel of smoothing. */
static double reach_of(int height)
{
  return 1 + MAX(1.5, 2.5 * height / 180.0) + 1;
}

typedef struct {
  LusRng rng;
  Frame frame, alone;
  Result result;
  LusOverlay *overlay;
  LusOverlayConfig config;
  guint8 *sector;  /* [height][width] of the frame */
  gboolean *drawn; /* [height][width] may change */
  int *near;       /* [height + 1][width + 1] how many masks reach a pixel, as differences */
  guint64 number;
} Scene;

static int below(Scene *s, int n)
{
  return (int)lus_rng_below(&s->rng, (guint32)n);
}

static void fill_noise(Scene *s)
{
  for (int p = 0; p < n_planes(s->frame.image.format); p++) {
    guint8 *bytes = s->frame.memory[p];
    for (gsize i = 0; i < s->frame.sizes[p]; i++)
      bytes[i] = (guint8)(lus_rng_next(&s->rng) >> 40);
    memcpy(s->frame.before[p], bytes, s->frame.sizes[p]);
    memcpy(s->alone.memory[p], bytes, s->frame.sizes[p]);
  }
}

/* A rectangle that may reach beyond the frame by a few pixels, as that of a picture cut later does. */
static LusRect random_rect(Scene *s, int width, int height)
{
  int x = below(s, width / 2) - 3, y = below(s, height / 2) - 3;
  return (LusRect){x, y, 6 + below(s, width), 6 + below(s, height)};
}

/* An ellipse or all of the rectangle, some samples missing. */
static void random_sector(Scene *s)
{
  LusSegmentation *r = &s->result.segmentation;
  gboolean round = below(s, 2), ragged = below(s, 3) == 0;
  for (int v = 0; v < r->height; v++)
    for (int u = 0; u < r->width; u++) {
      double x = (u + 0.5) / r->width - 0.5, y = (v + 0.5) / r->height - 0.5;
      gboolean in = (!round || x * x + y * y < 0.25) && !(ragged && below(s, 20) == 0);
      r->sector[v * r->width + u] = in ? 255 : 0;
    }
}

static void random_result(Scene *s, int width, int height)
{
  LusRect rect = random_rect(s, width, height);
  int u = rect.width * (20 + below(s, 100)) / 100, v = rect.height * (20 + below(s, 100)) / 100;
  u = CLAMP(u, 2, 160);
  v = CLAMP(v, 2, 160);
  gsize n = (gsize)u * (gsize)v;
  result_open(&s->result, width, height, (LusRect){0, 0, u, v});
  s->result.segmentation.rect = rect;
  random_sector(s);
  for (int c = 0; c < 3; c++)
    for (int k = below(s, 4); k > 0; k--) {
      int x0 = below(s, u), y0 = below(s, v), x1 = x0 + 1 + below(s, u - x0), y1 = y0 + 1 + below(s, v - y0);
      for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
          gsize at = (gsize)c * n + (gsize)y * (gsize)u + (gsize)x;
          s->result.segmentation.confidence[at] = (guint8)below(s, 256);
          s->result.mask.planes[at] = s->result.segmentation.sector[at % n] && below(s, 8) ? 255 : 0;
        }
    }
}

/* Adds 1 to a rectangle of the frame, sides included, clipped. */
static void add_near(Scene *s, int x0, int y0, int x1, int y1)
{
  int width = s->frame.image.width, height = s->frame.image.height;
  x0 = CLAMP(x0, 0, width);
  y0 = CLAMP(y0, 0, height);
  x1 = CLAMP(x1 + 1, x0, width);
  y1 = CLAMP(y1 + 1, y0, height);
  s->near[y0 * (width + 1) + x0]++;
  s->near[y0 * (width + 1) + x1]--;
  s->near[y1 * (width + 1) + x0]--;
  s->near[y1 * (width + 1) + x1]++;
}

/* Masks reach half a sample further, to where the confidence falls below the threshold, then their lines follow. */
static void reach_masks(Scene *s)
{
  const LusSegmentation *r = &s->result.segmentation;
  double sx = (double)r->rect.width / r->width, sy = (double)r->rect.height / r->height, reach = reach_of(s->frame.image.height);
  gsize n = (gsize)r->width * (gsize)r->height;
  for (int v = 0; v < r->height; v++)
    for (int u = 0; u < r->width; u++) {
      gsize at = (gsize)v * (gsize)r->width + (gsize)u;
      const guint8 *planes = s->result.mask.planes;
      if (planes[at] | planes[n + at] | planes[2 * n + at])
        add_near(s, (int)floor(r->rect.x + (u - 0.5) * sx - reach), (int)floor(r->rect.y + (v - 0.5) * sy - reach),
                 (int)ceil(r->rect.x + (u + 1.5) * sx + reach), (int)ceil(r->rect.y + (v + 1.5) * sy + reach));
    }
}

static void sum_near(Scene *s)
{
  int width = s->frame.image.width, height = s->frame.image.height;
  for (int y = 0; y <= height; y++)
    for (int x = 0, row = 0; x <= width; x++) {
      int *at = &s->near[y * (width + 1) + x];
      row += *at;
      *at = row + (y ? at[-(width + 1)] : 0);
    }
}

/* What lies at one of the sector's corners: 4 u long marks, 1.2 u outside. */
static void allow_marks(Scene *s)
{
  int width = s->frame.image.width, height = s->frame.image.height;
  LusRect part = {width, height, 0, 0};
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (s->sector[y * width + x]) {
        part.width = MAX(part.width, x + 1);
        part.height = MAX(part.height, y + 1);
        part.x = MIN(part.x, x);
        part.y = MIN(part.y, y);
      }
  part.width -= part.x;
  part.height -= part.y;
  if (part.width < 1 || part.height < 1)
    return;
  LusCorners corners;
  int margin = (int)ceil((4 + 2 * 1.2) * height / 180.0) + 3;
  lus_corners_find(&corners, s->sector, width, part);
  for (int i = 0; i < 2; i++)
    for (int bottom = 0; bottom < 2; bottom++) {
      LusPoint p = bottom ? corners.bottom[i] : corners.top[i];
      for (int y = MAX(0, (int)p.y - margin); y < MIN(height, p.y + margin); y++)
        for (int x = MAX(0, (int)p.x - margin); x < MIN(width, p.x + margin); x++)
          s->drawn[y * width + x] = TRUE;
    }
}

static void find_drawn(Scene *s)
{
  const LusSegmentation *r = &s->result.segmentation;
  int width = s->frame.image.width, height = s->frame.image.height;
  lus_plane_to_frame(s->sector, width, width, height, r->sector, r->width, r->height, r->rect, FALSE);
  for (int i = 0; i < width * height; i++)
    s->sector[i] = s->sector[i] >= 128 ? 255 : 0;
  memset(s->near, 0, sizeof *s->near * (gsize)(width + 1) * (gsize)(height + 1));
  reach_masks(s);
  sum_near(s);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      s->drawn[y * width + x] = s->sector[y * width + x] && s->near[y * (width + 1) + x] > 0;
  allow_marks(s);
}

static gboolean may_change(gconstpointer data, int x, int y)
{
  const Scene *s = data;
  return s->drawn[y * s->frame.image.width + x];
}

static void check_alone(Scene *s, const LusOverlayState *state)
{
  draw(&s->alone, &s->config, state);
  for (int p = 0; p < n_planes(s->frame.image.format); p++)
    g_assert_cmpmem(s->alone.memory[p], s->frame.sizes[p], s->frame.memory[p], s->frame.sizes[p]);
}

static gsize draw_random(Scene *s, gboolean alone)
{
  LusImage *image = &s->frame.image;
  random_result(s, image->width, image->height);
  fill_noise(s);
  s->config.style = (LusOverlayStyle)below(s, 3);
  s->config.opacity = below(s, 4) ? 1 : lus_rng_uniform01(&s->rng);
  s->config.class_mask = below(s, 4) ? 7 : (guint32)below(s, 8);
  lus_overlay_set_config(s->overlay, &s->config);
  LusOverlayState state = live(&s->result);
  state.result_number = ++s->number;
  state.now_ns = (gint64)s->number * 33 * MS;
  if (below(s, 8) == 0) { /* dimmed, or too old to be shown */
    state.status = LUS_STATUS_STALE;
    state.mask_age_ns = below(s, 2) ? 400 * MS : 2000 * MS;
  }
  lus_overlay_draw(s->overlay, image, &state);
  find_drawn(s);
  gsize changed = check_changed(&s->frame, may_change, s);
  if (alone)
    check_alone(s, &state);
  result_close(&s->result);
  return changed;
}

static void test_outside(gconstpointer data)
{
  const int frames = GPOINTER_TO_INT(data);
  Scene s = {.overlay = lus_overlay_new()};
  guint64 changed = 0;
  lus_rng_init(&s.rng, 1, 0);
  lus_overlay_config_init(&s.config);
  s.config.texts_apart = TRUE; /* where texts may stand depends on the frames before */
  for (int i = 0; i < frames; i++) {
    if (i % RUN == 0) {
      int width = SMALLEST + below(&s, LARGEST - SMALLEST), height = SMALLEST + below(&s, LARGEST - SMALLEST);
      LusFormat format = (LusFormat)(i / RUN % LUS_FORMAT_N);
      frame_open(&s.frame, format, width, height);
      frame_open(&s.alone, format, width, height);
      s.sector = g_malloc((gsize)width * (gsize)height);
      s.drawn = g_new(gboolean, (gsize)width * (gsize)height);
      s.near = g_new(int, (gsize)(width + 1) * (gsize)(height + 1));
    }
    changed += draw_random(&s, i % ALONE == 0);
    if (i % RUN == RUN - 1 || i == frames - 1) {
      frame_close(&s.frame);
      frame_close(&s.alone);
      g_free(s.sector);
      g_free(s.drawn);
      g_free(s.near);
    }
  }
  lus_overlay_free(s.overlay);
  g_assert_cmpuint(changed, >, (guint64)frames * 50);
  g_test_message("%d frames, %" G_GUINT64_FORMAT " bytes drawn on", frames, changed);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  int frames = argc > 1 ? atoi(argv[1]) : FRAMES;
  g_test_add_data_func("/overlay-outside/random", GINT_TO_POINTER(MAX(frames, 1)), test_outside);
  return g_test_run();
}
