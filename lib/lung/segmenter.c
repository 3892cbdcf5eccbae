/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/segmenter.h"
#include "lung/sector-profile.h"

#include <string.h>

#include "lung/network.h"
#include "lung/segmenter-job.h"
#include "nn/error.h"

struct _LusSegmenter {
  LusNetwork *network;
  const LusModelInfo *info;
  LusSegmenterConfig config;
  LusSegmenterJob *job; /* of lus_segmenter_run() */

  int frame_width, frame_height; /* 0: not set */
  char *profile_file;
  LusSector *sector;
  gboolean fitted;      /* geometry, scratch and inside are those of the sector */
  LusGeometry geometry;
  void *scratch;        /* of preprocess */
  gsize scratch_size;
  guint8 *inside;       /* the sector over the crop's place, [geometry.height][geometry.width] */
};

static gboolean no_memory(GError **error, const char *what)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for %s; close other programs or use a smaller model",
              what);
  return FALSE;
}

/* Takes the network, also on failure. */
static LusSegmenter *segmenter_new(LusNetwork *network, const LusSegmenterConfig *config, GError **error)
{
  LusSegmenter *segmenter = g_try_new0(LusSegmenter, 1);
  if (!segmenter) {
    lus_network_unref(network);
    no_memory(error, "a segmenter");
    return NULL;
  }
  segmenter->network = network;
  segmenter->info = lus_model_info(lus_network_model(network));
  segmenter->config = *config;
  segmenter->profile_file = g_strdup(config->profile_file);
  segmenter->job = lus_segmenter_job_new();
  segmenter->inside = g_try_malloc((gsize)segmenter->info->width * segmenter->info->height);
  if (segmenter->job && segmenter->inside)
    return segmenter;
  lus_segmenter_free(segmenter);
  no_memory(error, "a segmenter");
  return NULL;
}

LusSegmenter *lus_segmenter_new(LusModel *model, const LusSegmenterConfig *config, GError **error)
{
  LusNetwork *network = lus_network_new(model, config->threads, config->precision, error);
  return network ? segmenter_new(network, config, error) : NULL;
}

LusSegmenter *lus_segmenter_open(const char *path, const LusSegmenterConfig *config, GError **error)
{
  LusNetwork *network = lus_network_open(path, config->threads, config->precision, error);
  return network ? segmenter_new(network, config, error) : NULL;
}

void lus_segmenter_free(LusSegmenter *segmenter)
{
  if (!segmenter)
    return;
  lus_segmenter_job_free(segmenter->job);
  lus_network_unref(segmenter->network);
  lus_sector_free(segmenter->sector);
  g_free(segmenter->profile_file);
  g_free(segmenter->scratch);
  g_free(segmenter->inside);
  g_free(segmenter);
}

gint64 lus_segmenter_warm_up(LusSegmenter *segmenter)
{
  return lus_network_warm_up(segmenter->network);
}

LusModel *lus_segmenter_model(const LusSegmenter *segmenter)
{
  return lus_network_model(segmenter->network);
}

const char *lus_segmenter_kernels(const LusSegmenter *segmenter)
{
  return lus_network_kernels(segmenter->network);
}

gboolean lus_segmenter_set_frame_size(LusSegmenter *segmenter, int width, int height, GError **error)
{
  if (width < LUS_FRAME_MIN || width > LUS_FRAME_MAX || height < LUS_FRAME_MIN || height > LUS_FRAME_MAX) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "frames of %dx%d pixels: sides must be %d to %d; scale the video",
                width, height, LUS_FRAME_MIN, LUS_FRAME_MAX);
    return FALSE;
  }
  if (width == segmenter->frame_width && height == segmenter->frame_height) {
    lus_segmenter_reset(segmenter);
    return TRUE;
  }
  const LusRect roi = segmenter->config.roi;
  if (segmenter->config.sector_mode == LUS_SECTOR_MANUAL && (roi.x >= width || roi.y >= height)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "roi <%d, %d, %d, %d> lies outside of the picture, which has %d x %d pixels",
                roi.x, roi.y, roi.width, roi.height, width, height);
    return FALSE;
  }
  LusSector *sector = lus_sector_new(width, height, segmenter->config.sector_mode, roi);
  if (!sector)
    return no_memory(error, "the search for the sector");
  if (segmenter->profile_file && !lus_sector_profile_load(sector, segmenter->profile_file, error)) {
    lus_sector_free(sector);
    return FALSE;
  }
  lus_sector_free(segmenter->sector);
  segmenter->sector = sector;
  segmenter->frame_width = width;
  segmenter->frame_height = height;
  segmenter->fitted = FALSE;
  return TRUE;
}

gboolean lus_segmenter_save_profile(LusSegmenter *segmenter, GError **error)
{
  if (!segmenter->sector || !segmenter->profile_file)
    return TRUE;
  return lus_sector_profile_save(segmenter->sector, segmenter->profile_file, error);
}

void lus_segmenter_reset(LusSegmenter *segmenter)
{
  if (segmenter->sector)
    lus_sector_reset(segmenter->sector);
  segmenter->fitted = FALSE;
}

/* Lays the crop's geometry out anew. */
static gboolean fit(LusSegmenter *segmenter, LusRect rect, GError **error)
{
  LusGeometry *geometry = &segmenter->geometry;
  segmenter->fitted = FALSE;
  lus_geometry_fit(geometry, rect, segmenter->info->width, segmenter->info->height);
  gsize size = lus_preprocess_scratch_size(geometry);
  if (size > segmenter->scratch_size) {
    g_free(segmenter->scratch);
    segmenter->scratch = g_try_malloc(size);
    segmenter->scratch_size = segmenter->scratch ? size : 0;
    if (!segmenter->scratch)
      return no_memory(error, "scaling the frames");
  }
  lus_sector_sample(segmenter->sector, segmenter->inside, rect, geometry->width, geometry->height);
  segmenter->fitted = TRUE;
  return TRUE;
}

gboolean lus_segmenter_prepare(LusSegmenter *segmenter, LusSegmenterJob *job, const LusImage *image, gint64 pts_ns,
                               GError **error)
{
  lus_segmenter_job_clear(job);
  if (!segmenter->sector || image->width != segmenter->frame_width || image->height != segmenter->frame_height) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "a frame of %dx%d pixels where %dx%d was announced; set the frame size when it changes", image->width,
                image->height, segmenter->frame_width, segmenter->frame_height);
    return FALSE;
  }
  LusRect rect;
  gboolean changed = lus_sector_update(segmenter->sector, image);
  if (!lus_sector_get_rect(segmenter->sector, &rect))
    return TRUE;
  if ((changed || !segmenter->fitted) && !fit(segmenter, rect, error))
    return FALSE;
  if (!lus_segmenter_job_make_room(job, (gsize)segmenter->info->width * segmenter->info->height))
    return no_memory(error, "a scaled frame");
  job->network = lus_network_ref(segmenter->network);
  job->geometry = segmenter->geometry;
  job->frame_width = segmenter->frame_width;
  job->frame_height = segmenter->frame_height;
  job->mm_per_pixel = image->mm_per_pixel;
  job->pts_ns = pts_ns;
  memcpy(job->inside, segmenter->inside, (gsize)job->geometry.width * job->geometry.height);
  lus_preprocess_luma(job->luma, image, &job->geometry, segmenter->scratch);
  lus_preprocess_sector(job->luma, job->inside, &job->geometry);
  return TRUE;
}

gboolean lus_segmenter_run(LusSegmenter *segmenter, LusSegmentation **out, const LusImage *image, gint64 pts_ns,
                           GError **error)
{
  *out = NULL;
  if (!lus_segmenter_prepare(segmenter, segmenter->job, image, pts_ns, error))
    return FALSE;
  if (!lus_segmenter_job_is_filled(segmenter->job))
    return TRUE;
  *out = lus_segmenter_job_run(segmenter->job, error);
  return *out != NULL;
}
