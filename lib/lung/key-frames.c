/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/key-frames.h"

#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"
#include "lung/report-parts.h"
#include "nn/error.h"

#define STEPS 11         /* of the percentage: 0..9, 10..19, ... 100 */
#define UNKNOWN STEPS    /* frames without a pleural line: for zones that have no others */
#define CANDIDATES (STEPS + 1)

typedef struct {
  LusSegmentation *segmentation; /* NULL: no such frame yet */
  LusMask *mask;
  double coverage; /* of the pleural line, % */
  int width, height;
  guint8 *luma;    /* [height][width]: the planes' rectangle, scaled */
} Candidate;

struct _LusKeyFrames {
  Candidate candidates[LUS_MAX_ZONES][CANDIDATES];
};

LusKeyFrames *lus_key_frames_new(void)
{
  return g_new0(LusKeyFrames, 1);
}

static void clear(Candidate *candidate)
{
  if (candidate->segmentation) {
    lus_segmentation_unref(candidate->segmentation);
    lus_mask_unref(candidate->mask);
  }
  g_free(candidate->luma);
  *candidate = (Candidate){.width = 0};
}

void lus_key_frames_free(LusKeyFrames *keys)
{
  for (int zone = 0; keys && zone < LUS_MAX_ZONES; zone++)
    for (int i = 0; i < CANDIDATES; i++)
      clear(&keys->candidates[zone][i]);
  g_free(keys);
}

static int step_of(const double features[LUS_FEATURE_N])
{
  double percent = features[LUS_FEATURE_VERTICAL_PERCENT];
  return isnan(percent) ? UNKNOWN : CLAMP((int)(percent / 10), 0, STEPS - 1);
}

gboolean lus_key_frames_offer(LusKeyFrames *keys, int zone, const LusImage *image, LusSegmentation *segmentation,
                              LusMask *mask, const double features[LUS_FEATURE_N])
{
  g_return_val_if_fail(zone >= 0 && zone < LUS_MAX_ZONES, FALSE);
  Candidate *candidate = &keys->candidates[zone][step_of(features)], found = {.width = 0};
  double coverage = isnan(features[LUS_FEATURE_PLEURA_COVERAGE]) ? 0 : features[LUS_FEATURE_PLEURA_COVERAGE];
  if (candidate->segmentation && candidate->coverage >= coverage)
    return TRUE;
  LusGeometry geometry;
  lus_geometry_fit(&geometry, segmentation->rect, LUS_KEY_FRAME_PIXELS, LUS_KEY_FRAME_PIXELS);
  lus_geometry_fit(&geometry, segmentation->rect, geometry.width, geometry.height);
  found.luma = g_try_malloc((gsize)geometry.input_width * (gsize)geometry.input_height);
  g_autofree void *scratch = g_try_malloc(lus_preprocess_scratch_size(&geometry));
  if (!found.luma || !scratch) {
    g_free(found.luma);
    return FALSE;
  }
  lus_preprocess_luma(found.luma, image, &geometry, scratch);
  found.width = geometry.input_width;
  found.height = geometry.input_height;
  found.coverage = coverage;
  found.segmentation = lus_segmentation_ref(segmentation);
  found.mask = lus_mask_ref(mask);
  clear(candidate);
  *candidate = found;
  return TRUE;
}

static const Candidate *choose(const Candidate candidates[CANDIDATES], double percent)
{
  const Candidate *best = NULL;
  double nearest = INFINITY;
  for (int i = 0; i < STEPS; i++) {
    double distance = fabs(MIN(10 * i + 5, 100) - (isnan(percent) ? 0 : percent));
    if (candidates[i].segmentation && distance < nearest) {
      nearest = distance;
      best = &candidates[i];
    }
  }
  if (!best && candidates[UNKNOWN].segmentation)
    best = &candidates[UNKNOWN];
  return best;
}

/** Grey pixels, black outside the sector as the network saw it, and the contours on them. */
static gboolean draw(LusImage *picture, const Candidate *candidate)
{
  LusSegmentation segmentation = *candidate->segmentation;
  LusMaskDrawing drawing;
  LusMaskLook look = {.style = LUS_OVERLAY_CONTOUR, .opacity = 1, .class_mask = G_MAXUINT32};
  segmentation.frame_width = candidate->width;
  segmentation.frame_height = candidate->height;
  segmentation.rect = (LusRect){0, 0, candidate->width, candidate->height};
  lus_mask_drawing_init(&drawing);
  gboolean done = lus_mask_drawing_set_sector(&drawing, &segmentation);
  for (int y = 0; done && y < candidate->height; y++)
    for (int x = 0; x < candidate->width; x++) {
      gsize at = (gsize)y * (gsize)candidate->width + (gsize)x;
      guint8 *out = picture->planes[0] + (gsize)y * (gsize)picture->strides[0] + 4 * (gsize)x;
      memset(out, drawing.sector[at] ? candidate->luma[at] : 0, 4);
    }
  if (done) {
    lus_mask_drawing_update(&drawing, picture, &segmentation, candidate->mask, &look);
    lus_plate_draw(&drawing.contour, picture);
  }
  lus_mask_drawing_clear(&drawing);
  return done;
}

gboolean lus_key_frames_png(const LusKeyFrames *keys, GByteArray **png, int zone, const double means[LUS_FEATURE_N],
                            GError **error)
{
  g_return_val_if_fail(zone >= 0 && zone < LUS_MAX_ZONES, FALSE);
  const Candidate *candidate = choose(keys->candidates[zone], means[LUS_FEATURE_VERTICAL_PERCENT]);
  *png = NULL;
  if (!candidate)
    return TRUE;
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, candidate->width, candidate->height);
  LusImage picture = {.format = G_BYTE_ORDER == G_LITTLE_ENDIAN ? LUS_FORMAT_BGRX : LUS_FORMAT_XRGB,
                      .width = candidate->width, .height = candidate->height,
                      .planes = {cairo_image_surface_get_data(surface)},
                      .strides = {cairo_image_surface_get_stride(surface)}, .full_range = TRUE};
  gboolean done = picture.planes[0] && draw(&picture, candidate);
  if (done) {
    cairo_surface_mark_dirty(surface);
    *png = lus_surface_png(surface);
  }
  cairo_surface_destroy(surface);
  if (*png)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for the picture of a zone");
  return FALSE;
}
