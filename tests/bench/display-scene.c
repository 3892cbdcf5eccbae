/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "display-scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "learn/annotation.h"

#define PLANE_SIZE 256

static void die(const char *what)
{
  fprintf(stderr, "display: %s\n", what);
  exit(1);
}

/* The sector as lussegment finds it, and planes for its rectangle. */
static void find_sector(DisplayScene *scene)
{
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = scene->width, .height = scene->height,
                    .planes = {scene->gray}, .strides = {scene->width}, .full_range = TRUE};
  LusSegmentation *s = &scene->result;
  scene->sector = lus_sector_new(scene->width, scene->height, LUS_SECTOR_AUTO, (LusRect){0, 0, 0, 0});
  for (int i = 0; i < 25; i++) {
    lus_phantom_render(scene->phantom, i * 0.12, scene->gray, scene->width, NULL);
    lus_sector_update(scene->sector, &image);
  }
  if (!lus_sector_get_rect(scene->sector, &s->rect))
    die("no sector was found");
  int longer = MAX(s->rect.width, s->rect.height);
  s->width = MAX(16, s->rect.width * PLANE_SIZE / longer);
  s->height = MAX(16, s->rect.height * PLANE_SIZE / longer);
  s->frame_width = scene->width;
  s->frame_height = scene->height;
  s->n_classes = LUS_PHANTOM_CLASSES;
  gsize n = (gsize)s->width * (gsize)s->height;
  s->confidence = g_malloc(n * LUS_PHANTOM_CLASSES);
  s->sector = g_malloc(n);
  lus_sector_sample(scene->sector, s->sector, s->rect, s->width, s->height);
}

void display_scene_open(DisplayScene *scene, LusProbe probe, guint64 stream, double water, int width, int height)
{
  LusPhantomConfig config;
  LusPhantomInfo info;
  gsize n = (gsize)width * (gsize)height;
  memset(scene, 0, sizeof *scene);
  lus_phantom_config_init(&config);
  config.seed = 7;
  config.stream = stream;
  config.patient = 5;
  config.width = width;
  config.height = height;
  config.probe = probe;
  config.water = water;
  config.screen = TRUE;
  scene->width = width;
  scene->height = height;
  scene->phantom = lus_phantom_new(&config, NULL);
  if (!scene->phantom)
    die("the phantom cannot be made");
  lus_phantom_info(scene->phantom, &info);
  scene->mm_per_pixel = info.mm_per_pixel;
  scene->gray = g_malloc(n);
  scene->labels = g_malloc(n * LUS_PHANTOM_CLASSES);
  scene->masker = lus_masker_new();
  find_sector(scene);
  display_scene_move(scene, 0);
}

void display_scene_close(DisplayScene *scene)
{
  lus_phantom_free(scene->phantom);
  lus_sector_free(scene->sector);
  lus_mask_unref(scene->mask);
  lus_masker_free(scene->masker);
  g_free(scene->gray);
  g_free(scene->labels);
  g_free(scene->result.confidence);
  g_free(scene->result.sector);
}

/* Mean label under each sample of the planes. */
static guint8 sample(const DisplayScene *scene, int c, int u, int v)
{
  const LusSegmentation *s = &scene->result;
  const guint8 *labels = scene->labels + (gsize)c * (gsize)scene->width * (gsize)scene->height;
  int x0 = s->rect.x + u * s->rect.width / s->width, x1 = s->rect.x + (u + 1) * s->rect.width / s->width;
  int y0 = s->rect.y + v * s->rect.height / s->height, y1 = s->rect.y + (v + 1) * s->rect.height / s->height;
  int sum = 0, n = 0;
  for (int y = y0; y < MAX(y1, y0 + 1); y++)
    for (int x = x0; x < MAX(x1, x0 + 1); x++, n++) {
      guint8 label = labels[(gsize)y * (gsize)scene->width + (gsize)x];
      sum += label == LUS_LABEL_IGNORE ? 0 : label;
    }
  return (guint8)(sum * 255 / (100 * n));
}

void display_scene_move(DisplayScene *scene, double seconds)
{
  LusSegmentation *s = &scene->result;
  LusConfidenceConfig config = {.min_area = 0};
  lus_phantom_render(scene->phantom, seconds, scene->gray, scene->width, scene->labels);
  for (int c = 0; c < s->n_classes; c++)
    for (int v = 0; v < s->height; v++)
      for (int u = 0; u < s->width; u++)
        s->confidence[((gsize)c * (gsize)s->height + (gsize)v) * (gsize)s->width + (gsize)u] = sample(scene, c, u, v);
  s->pts_ns = (gint64)(seconds * 1e9);
  for (int c = 0; c < LUS_MAX_CLASSES; c++)
    config.thresholds[c] = 0.6;
  lus_mask_unref(scene->mask);
  scene->mask = lus_masker_run(scene->masker, s, &config);
}

void display_frame_open(LusImage *frame, LusFormat format, int width, int height, gsize *size)
{
  gsize luma = (gsize)width * (gsize)height, chroma = (gsize)(width / 2) * (gsize)(height / 2);
  *frame = (LusImage){.format = format, .width = width, .height = height, .strides = {width},
                      .full_range = format == LUS_FORMAT_GRAY8, .matrix = LUS_MATRIX_BT709};
  *size = luma + (format == LUS_FORMAT_GRAY8 ? 0 : 2 * chroma);
  frame->planes[0] = g_malloc(*size);
  if (format == LUS_FORMAT_GRAY8)
    return;
  frame->planes[1] = frame->planes[0] + luma;
  frame->strides[1] = format == LUS_FORMAT_NV12 ? width : width / 2;
  if (format == LUS_FORMAT_I420) {
    frame->planes[2] = frame->planes[1] + chroma;
    frame->strides[2] = width / 2;
  }
}

void display_frame_close(LusImage *frame)
{
  g_free(frame->planes[0]);
}

void display_frame_fill(LusImage *frame, const DisplayScene *scene)
{
  gsize n = (gsize)frame->width * (gsize)frame->height;
  for (gsize i = 0; i < n; i++)
    frame->planes[0][i] = frame->full_range ? scene->gray[i] : (guint8)(16 + (scene->gray[i] * 219 + 127) / 255);
  if (frame->format != LUS_FORMAT_GRAY8)
    memset(frame->planes[1], 128, n / 2);
}

static guint8 clipped(double v)
{
  return (guint8)CLAMP(lrint(v), 0, 255);
}

void display_frame_save(const LusImage *frame, const char *path)
{
  g_autofree guint8 *rgb = g_malloc(3 * (gsize)frame->width * (gsize)frame->height);
  g_autoptr(GError) error = NULL;
  for (int y = 0; y < frame->height; y++)
    for (int x = 0; x < frame->width; x++) {
      guint8 *out = rgb + 3 * ((gsize)y * (gsize)frame->width + (gsize)x);
      int luma = frame->planes[0][(gsize)y * (gsize)frame->strides[0] + (gsize)x];
      double l = frame->full_range ? luma : (luma - 16) * 255.0 / 219, cb = 0, cr = 0;
      if (frame->format == LUS_FORMAT_I420) {
        gsize at = (gsize)(y / 2) * (gsize)frame->strides[1] + (gsize)(x / 2);
        cb = (frame->planes[1][at] - 128) / 224.0 * 255;
        cr = (frame->planes[2][at] - 128) / 224.0 * 255;
      }
      out[0] = clipped(l + 1.5748 * cr); /* BT.709 */
      out[1] = clipped(l - 0.1873 * cb - 0.4681 * cr);
      out[2] = clipped(l + 1.8556 * cb);
    }
  if (!lus_png_write(path, rgb, frame->width, frame->height, 3 * frame->width, 3, &error))
    die(error->message);
}
