/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/clip-planes.h"

#include <string.h>

#define ROOM (2 * LUS_CLIP_FRAMES)
#define PLANE ((gsize)LUS_CLIP_PIXELS * LUS_CLIP_PIXELS)

struct _LusClipPlanes {
  gboolean grey;
  int classes;           /* of the first frame; 0: none yet */
  int kept;
  gint64 seen, stride;   /* every stride-th frame is kept */
  guint8 *frames[ROOM];  /* [classes + 1][LUS_CLIP_PIXELS][LUS_CLIP_PIXELS] each */
  guint8 *picture;       /* the planes' rectangle as a grey picture of the planes' size */
  void *scratch;
  gsize picture_size, scratch_size;
};

LusClipPlanes *lus_clip_planes_new(gboolean grey)
{
  LusClipPlanes *planes = g_new0(LusClipPlanes, 1);
  planes->grey = grey;
  planes->stride = 1;
  return planes;
}

void lus_clip_planes_reset(LusClipPlanes *planes)
{
  for (int i = 0; i < ROOM; i++)
    g_clear_pointer(&planes->frames[i], g_free);
  planes->classes = planes->kept = 0;
  planes->seen = 0;
  planes->stride = 1;
}

void lus_clip_planes_free(LusClipPlanes *planes)
{
  if (!planes)
    return;
  lus_clip_planes_reset(planes);
  g_free(planes->picture);
  g_free(planes->scratch);
  g_free(planes);
}

static gboolean grow(void *memory, gsize *has, gsize wanted)
{
  void **pointer = memory;
  if (wanted <= *has)
    return TRUE;
  g_free(*pointer);
  *pointer = g_try_malloc(wanted);
  *has = *pointer ? wanted : 0;
  return *pointer != NULL;
}

static gboolean shrink(guint8 *out, LusClipPlanes *planes, const LusImage *image, const LusGeometry *geometry)
{
  if (!grow(&planes->scratch, &planes->scratch_size, lus_preprocess_scratch_size(geometry)))
    return FALSE;
  lus_preprocess_luma(out, image, geometry, planes->scratch);
  return TRUE;
}

static gboolean shrink_grey(guint8 *out, LusClipPlanes *planes, const LusImage *image,
                            const LusSegmentation *segmentation, LusImage *plane, const LusGeometry *geometry)
{
  int width = segmentation->width, height = segmentation->height;
  gsize n = (gsize)width * (gsize)height;
  const LusGeometry same = {.crop = segmentation->rect, .input_width = width, .input_height = height, .width = width,
                            .height = height};
  if (!grow(&planes->picture, &planes->picture_size, n) || !shrink(planes->picture, planes, image, &same))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    planes->picture[i] &= segmentation->sector[i];
  plane->planes[0] = planes->picture;
  return shrink(out, planes, plane, geometry);
}

/** All planes are as large as the segmentation's, so that they are scaled in the same way. */
static gboolean shrink_all(guint8 *out, LusClipPlanes *planes, const LusImage *image,
                           const LusSegmentation *segmentation)
{
  int width = segmentation->width, height = segmentation->height;
  LusGeometry geometry;
  LusImage plane = {.format = LUS_FORMAT_GRAY8, .width = width, .height = height, .strides = {width},
                    .full_range = TRUE};
  lus_geometry_fit(&geometry, (LusRect){0, 0, width, height}, LUS_CLIP_PIXELS, LUS_CLIP_PIXELS);
  for (int c = 0; c < segmentation->n_classes; c++, out += PLANE) {
    plane.planes[0] = segmentation->confidence + (gsize)c * (gsize)width * (gsize)height;
    if (!shrink(out, planes, &plane, &geometry))
      return FALSE;
  }
  if (planes->grey)
    return shrink_grey(out, planes, image, segmentation, &plane, &geometry);
  memset(out, 0, PLANE);
  return TRUE;
}

/** Keeps the frames 0, 2, 4, ... of those kept. */
static void thin_out(LusClipPlanes *planes)
{
  for (int i = 0; i < ROOM; i++) {
    if (i % 2)
      g_free(planes->frames[i]);
    else
      planes->frames[i / 2] = planes->frames[i];
  }
  memset(planes->frames + ROOM / 2, 0, ROOM / 2 * sizeof *planes->frames);
  planes->kept = ROOM / 2;
  planes->stride *= 2;
}

gboolean lus_clip_planes_add(LusClipPlanes *planes, const LusImage *image, const LusSegmentation *segmentation)
{
  if (planes->classes == 0)
    planes->classes = segmentation->n_classes;
  g_return_val_if_fail(planes->classes == segmentation->n_classes, FALSE);
  if (planes->seen++ % planes->stride != 0)
    return TRUE;
  if (planes->kept == ROOM) {
    thin_out(planes);
    if ((planes->seen - 1) % planes->stride != 0)
      return TRUE;
  }
  guint8 *frame = g_try_malloc(((gsize)planes->classes + 1) * PLANE);
  if (!frame || !shrink_all(frame, planes, image, segmentation)) {
    g_free(frame);
    return FALSE;
  }
  planes->frames[planes->kept++] = frame;
  return TRUE;
}

guint8 *lus_clip_planes_take(const LusClipPlanes *planes, int *classes)
{
  gsize frame = ((gsize)planes->classes + 1) * PLANE;
  guint8 *out = planes->kept > 0 ? g_try_malloc(LUS_CLIP_SIZE(planes->classes)) : NULL;
  if (!out)
    return NULL;
  *classes = planes->classes;
  for (int i = 0; i < LUS_CLIP_FRAMES; i++) {
    int from = (2 * i * (planes->kept - 1) + LUS_CLIP_FRAMES - 1) / (2 * (LUS_CLIP_FRAMES - 1));
    memcpy(out + (gsize)i * frame, planes->frames[from], frame);
  }
  return out;
}
