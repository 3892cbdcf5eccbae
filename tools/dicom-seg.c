/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dicom-seg.h"
#include "dicom.h"
#include "source.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

struct _LusToolSeg {
  LusDicom *source;
  const LusModel *model;
  char *path, *temporary, *planes_path;
  FILE *planes;  /* [n][height][width] */
  GArray *list;  /* LusDicomPlane */
  guint8 *plane; /* one, at frame size */
  gsize pixels;
};

static gboolean open_files(LusToolSeg *seg, GError **error)
{
  const LusDicomInfo *info = lus_dicom_info(seg->source);
  seg->pixels = (gsize)info->width * (gsize)info->height;
  seg->plane = g_try_malloc(seg->pixels);
  if (!seg->plane) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a plane", seg->path);
    return FALSE;
  }
  seg->planes = g_fopen(seg->planes_path, "wb");
  if (!seg->planes)
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", seg->planes_path, g_strerror(errno));
  return seg->planes != NULL;
}

gboolean lus_tool_seg_possible(const char *source, GError **error)
{
  if (lus_tool_is_dicom(source))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: --dicom-seg needs a DICOM file that the segmentation refers to; "
              "use --masks or --confidences for other clips", source);
  return FALSE;
}

LusToolSeg *lus_tool_seg_new(const char *source, const char *folder, const LusModel *model, GError **error)
{
  LusDicom *dicom = lus_dicom_open(source, error);
  if (!dicom)
    return NULL;
  LusToolSeg *seg = g_new0(LusToolSeg, 1);
  seg->source = dicom;
  seg->model = model;
  seg->path = g_build_filename(folder, LUS_SEGMENTATION_NAME, NULL);
  seg->temporary = g_strconcat(seg->path, ".part", NULL);
  seg->planes_path = g_strconcat(seg->path, ".planes.part", NULL);
  seg->list = g_array_new(FALSE, FALSE, sizeof(LusDicomPlane));
  if (open_files(seg, error))
    return seg;
  lus_tool_seg_free(seg);
  return NULL;
}

static gboolean write_error(const LusToolSeg *seg, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", seg->planes_path, g_strerror(errno));
  return FALSE;
}

static gboolean is_empty(const guint8 *plane, gsize n)
{
  return plane[0] == 0 && memcmp(plane, plane + 1, n - 1) == 0;
}

gboolean lus_tool_seg_add(LusToolSeg *seg, gint64 frame, const LusSegmentation *segmentation, GError **error)
{
  const LusDicomInfo *info = lus_dicom_info(seg->source);
  for (int i = 0; segmentation && i < segmentation->n_classes; i++) {
    gsize offset = (gsize)i * (gsize)segmentation->width * (gsize)segmentation->height;
    lus_plane_to_frame(seg->plane, info->width, info->width, info->height, segmentation->confidence + offset,
                       segmentation->width, segmentation->height, segmentation->rect, FALSE);
    if (is_empty(seg->plane, seg->pixels))
      continue;
    LusDicomPlane plane = {(int)frame, i};
    g_array_append_val(seg->list, plane);
    if (fwrite(seg->plane, 1, seg->pixels, seg->planes) != seg->pixels)
      return write_error(seg, error);
  }
  return TRUE;
}

/** DICOM's values have an even number of bytes. */
static gboolean close_planes(LusToolSeg *seg, GError **error)
{
  FILE *planes = g_steal_pointer(&seg->planes);
  gboolean odd = (seg->pixels & 1) && (seg->list->len & 1);
  gboolean ok = !odd || fputc(0, planes) != EOF;
  return (fclose(planes) == 0 && ok) || write_error(seg, error);
}

gboolean lus_tool_seg_finish(LusToolSeg *seg, GError **error)
{
  const LusModelInfo *info = lus_model_info(seg->model);
  const char *classes[LUS_MAX_CLASSES];
  for (int i = 0; i < info->n_classes; i++)
    classes[i] = info->classes[i];
  LusDicomSegmentation segmentation = {
    .planes = seg->planes_path,
    .list = (const LusDicomPlane *)(gconstpointer)seg->list->data,
    .n_planes = (int)seg->list->len,
    .classes = classes,
    .n_classes = info->n_classes,
    .model_sha256 = lus_model_sha256(seg->model),
  };
  if (!close_planes(seg, error))
    return FALSE;
  if (segmentation.n_planes == 0) {
    fprintf(stderr, "%s: not written: no confidence above 0 in any picture\n", seg->path);
    g_unlink(seg->path);
    return TRUE;
  }
  return lus_dicom_write_segmentation(seg->temporary, seg->source, &segmentation, error) &&
         lus_file_commit(seg->temporary, seg->path, error);
}

void lus_tool_seg_free(LusToolSeg *seg)
{
  if (!seg)
    return;
  if (seg->planes)
    fclose(seg->planes);
  g_unlink(seg->planes_path);
  g_unlink(seg->temporary);
  lus_dicom_free(seg->source);
  g_array_unref(seg->list);
  g_free(seg->plane);
  g_free(seg->planes_path);
  g_free(seg->temporary);
  g_free(seg->path);
  g_free(seg);
}
