/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dicom.h"
#include "source.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  LusToolSource base;
  LusDicom *dicom;
  char *path;
  guint8 *picture; /* the frame, black outside the region */
  int frame;
} DicomSource;

/** Names and dates are burned in outside the region: they go no further. */
static void copy_region(const DicomSource *self, const guint8 *in)
{
  const LusDicomInfo *info = lus_dicom_info(self->dicom);
  LusRect rect = info->region.width > 0 ? info->region : (LusRect){0, 0, info->width, info->height};
  gsize bytes = info->colour ? 3 : 1, stride = (gsize)info->width * bytes;
  for (int y = rect.y; y < rect.y + rect.height; y++) {
    gsize offset = (gsize)y * stride + (gsize)rect.x * bytes;
    memcpy(self->picture + offset, in + offset, (gsize)rect.width * bytes);
  }
}

static gint64 time_of(const LusDicomInfo *info, int frame)
{
  if (info->times_ms)
    return (gint64)(info->times_ms[frame] * 1e6 + 0.5);
  return info->frame_ms > 0 ? (gint64)(info->frame_ms * 1e6 * frame + 0.5) : info->frames == 1 ? 0 : -1;
}

static gboolean source_next(LusFrameSource *source, LusImage *image, gint64 *pts_ns, gboolean *end, GError **error)
{
  DicomSource *self = (DicomSource *)source;
  const LusDicomInfo *info = lus_dicom_info(self->dicom);
  *end = self->frame >= info->stored;
  if (*end) {
    if (info->stored < info->frames)
      fprintf(stderr, "%s: warning: holds %d of the %d frames that it tells of; it may be cut off, copy it again\n", self->path,
              info->stored, info->frames);
    return TRUE;
  }
  const guint8 *picture = lus_dicom_read(self->dicom, error);
  if (!picture)
    return FALSE;
  copy_region(self, picture);
  *image = (LusImage){
    .format = info->colour ? LUS_FORMAT_RGB : LUS_FORMAT_GRAY8,
    .width = info->width,
    .height = info->height,
    .planes = {self->picture},
    .strides = {info->width * (info->colour ? 3 : 1)},
    .full_range = TRUE,
    .mm_per_pixel = info->mm_per_pixel,
  };
  *pts_ns = time_of(info, self->frame++);
  return TRUE;
}

static void source_rate(const LusFrameSource *source, int *fps_n, int *fps_d, gint64 *frames)
{
  const LusDicomInfo *info = lus_dicom_info(((const DicomSource *)source)->dicom);
  gboolean known = info->frame_ms >= 0.1 && info->frame_ms < 1e5;
  *fps_n = known ? 1000000 : 25;
  *fps_d = known ? (int)(info->frame_ms * 1000 + 0.5) : 1;
  *frames = info->stored;
}

static void source_free(LusFrameSource *source)
{
  DicomSource *self = (DicomSource *)source;
  lus_dicom_free(self->dicom);
  g_free(self->picture);
  g_free(self->path);
  g_free(self);
}

LusFrameSource *lus_tool_open_dicom(const char *path, GError **error)
{
  LusDicom *dicom = lus_dicom_open(path, error);
  if (!dicom)
    return NULL;
  const LusDicomInfo *info = lus_dicom_info(dicom);
  DicomSource *self = g_new0(DicomSource, 1);
  self->base = (LusToolSource){{.next = source_next, .free = source_free}, source_rate};
  self->dicom = dicom;
  self->path = g_filename_display_name(path);
  self->picture = g_try_malloc0_n((gsize)info->width * (gsize)info->height, info->colour ? 3 : 1);
  if (self->picture)
    return &self->base.base;
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a picture", path);
  source_free(&self->base.base);
  return NULL;
}
