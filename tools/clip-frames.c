/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clip-frames.h"
#include "inputs.h"

#include <string.h>

/** One clip's pictures. How long it is shows only at its end: every @stride-th picture is kept, and where there is no
 *  room for another one, every second of them is given up. */
typedef struct {
  guint8 *luma; /* [room][height][width] */
  int n, room, width, height;
  gint64 stride;
  LusSector *sector;
  int frame_width, frame_height;
} Clip;

static gsize pixels_of(const Clip *clip)
{
  return (gsize)clip->width * (gsize)clip->height;
}

static gboolean no_memory(GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for the clips' pictures; use fewer --samples");
  return FALSE;
}

/** The sector begins anew where the pictures' size changes. */
static gboolean follow_sector(Clip *clip, const LusImage *image, GError **error)
{
  if (image->width != clip->frame_width || image->height != clip->frame_height) {
    lus_sector_free(clip->sector);
    clip->sector = lus_sector_new(image->width, image->height, LUS_SECTOR_AUTO, (LusRect){0});
    clip->frame_width = image->width;
    clip->frame_height = image->height;
  }
  if (!clip->sector)
    return no_memory(error);
  lus_sector_update(clip->sector, image);
  return TRUE;
}

static gboolean scale(const Clip *clip, guint8 *luma, const LusImage *image, GError **error)
{
  LusGeometry geometry;
  LusRect rect = {0, 0, image->width, image->height};
  gboolean found = lus_sector_get_rect(clip->sector, &rect);
  lus_geometry_fit(&geometry, rect, clip->width, clip->height);
  g_autofree void *scratch = g_try_malloc(lus_preprocess_scratch_size(&geometry));
  g_autofree guint8 *inside = g_try_malloc_n((gsize)geometry.width, (gsize)geometry.height);
  if (!scratch || !inside)
    return no_memory(error);
  lus_preprocess_luma(luma, image, &geometry, scratch);
  if (found) {
    lus_sector_sample(clip->sector, inside, rect, geometry.width, geometry.height);
    lus_preprocess_sector(luma, inside, &geometry);
  }
  return TRUE;
}

static void thin_out(Clip *clip)
{
  gsize pixels = pixels_of(clip);
  for (int i = 1; 2 * i < clip->n; i++)
    memcpy(clip->luma + (gsize)i * pixels, clip->luma + 2 * (gsize)i * pixels, pixels);
  clip->n = (clip->n + 1) / 2;
  clip->stride *= 2;
}

static gboolean take(Clip *clip, gint64 frame, const LusImage *image, GError **error)
{
  if (!follow_sector(clip, image, error))
    return FALSE;
  if (frame % clip->stride != 0)
    return TRUE;
  if (clip->n == clip->room)
    thin_out(clip);
  if (frame % clip->stride != 0)
    return TRUE;
  return scale(clip, clip->luma + (gsize)clip->n++ * pixels_of(clip), image, error);
}

static gboolean read_frames(Clip *clip, LusFrameSource *source, const char *name, LusToolProgress *progress,
                            GError **error)
{
  for (gint64 frame = 0;; frame++) {
    LusImage image;
    gint64 pts, total = -1;
    int fps_n, fps_d;
    gboolean end = FALSE;
    if (!source->next(source, &image, &pts, &end, error))
      return FALSE;
    if (end)
      return TRUE;
    if (!take(clip, frame, &image, error))
      return FALSE;
    lus_tool_clip_rate(source, &fps_n, &fps_d, &total);
    if (!lus_tool_progress(progress, name, frame + 1, total)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "interrupted; nothing was written");
      return FALSE;
    }
  }
}

/** Evenly spread ones of the clip's pictures, behind those that are there. */
static void keep(LusSamples *samples, const Clip *clip, int most)
{
  gsize pixels = pixels_of(clip);
  int n = MIN(clip->n, most);
  for (int i = 0; i < n; i++)
    memcpy(samples->luma + (gsize)samples->n++ * pixels,
           clip->luma + (gsize)((gint64)i * clip->n / n) * pixels, pixels);
}

static gboolean read_clip(LusSamples *samples, Clip *clip, int most, const LusToolInput *input,
                          LusToolProgress *progress, GError **error)
{
  LusFrameSource *source = lus_tool_open_clip(input->path, NULL, error);
  if (!source)
    return FALSE;
  clip->n = clip->frame_width = clip->frame_height = 0;
  clip->stride = 1;
  gboolean done = read_frames(clip, source, input->name, progress, error);
  if (done)
    keep(samples, clip, most);
  source->free(source);
  g_clear_pointer(&clip->sector, lus_sector_free);
  return done;
}

LusSamples *lus_tool_clip_frames(char *const *arguments, int most, int width, int height, LusToolProgress *progress,
                                 GError **error)
{
  g_autoptr(GPtrArray) inputs = lus_tool_inputs(arguments, error);
  if (!inputs)
    return NULL;
  int n = (int)inputs->len, share = MAX(most / n, 1);
  Clip clip = {.room = 2 * share, .width = width, .height = height};
  g_autoptr(LusSamples) samples = g_new0(LusSamples, 1);
  samples->width = width;
  samples->height = height;
  g_autofree guint8 *luma = clip.luma = g_try_malloc_n((gsize)clip.room, pixels_of(&clip));
  samples->luma = g_try_malloc_n((gsize)MIN((gint64)share * n, (gint64)G_MAXINT), pixels_of(&clip));
  if (!luma || !samples->luma) {
    no_memory(error);
    return NULL;
  }
  for (int i = 0; i < n; i++) {
    const LusToolInput *input = g_ptr_array_index(inputs, (guint)i);
    if (!read_clip(samples, &clip, share, input, progress, error))
      return NULL;
  }
  if (samples->n == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no pictures in what was given", arguments[0]);
    return NULL;
  }
  return g_steal_pointer(&samples);
}
