/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/segmenter-job.h"

#include <string.h>

#include "nn/error.h"

static void clear_segmentation(void *block)
{
  LusSegmentation *segmentation = block;
  g_clear_pointer(&segmentation->model, lus_model_unref);
}

LusSegmenterJob *lus_segmenter_job_new(void)
{
  LusSegmenterJob *job = g_try_new0(LusSegmenterJob, 1);
  if (!job)
    return NULL;
  job->recycler = lus_recycler_new(clear_segmentation);
  if (!job->recycler)
    g_clear_pointer(&job, g_free);
  return job;
}

void lus_segmenter_job_free(LusSegmenterJob *job)
{
  if (!job)
    return;
  lus_segmenter_job_clear(job);
  lus_recycler_close(job->recycler);
  g_free(job->luma);
  g_free(job->inside);
  g_free(job);
}

void lus_segmenter_job_clear(LusSegmenterJob *job)
{
  g_clear_pointer(&job->network, lus_network_unref);
}

gboolean lus_segmenter_job_make_room(LusSegmenterJob *job, gsize pixels)
{
  if (pixels == job->pixels)
    return TRUE;
  g_free(job->luma);
  g_free(job->inside);
  job->luma = g_try_malloc(pixels);
  job->inside = g_try_malloc(pixels);
  job->pixels = job->luma && job->inside ? pixels : 0;
  return job->pixels == pixels;
}

gboolean lus_segmenter_job_is_filled(const LusSegmenterJob *job)
{
  return job->network != NULL;
}

/* A segmentation with its planes behind it in one block. */
static LusSegmentation *take_segmentation(const LusSegmenterJob *job)
{
  const LusGeometry *geometry = &job->geometry;
  LusModel *model = lus_network_model(job->network);
  gsize plane = (gsize)geometry->width * geometry->height, classes = (gsize)lus_model_info(model)->n_classes;
  LusSegmentation *segmentation =
      lus_recycler_take(job->recycler, sizeof(LusSegmentation) + (classes + 1) * plane);
  if (!segmentation)
    return NULL;
  *segmentation = (LusSegmentation){
    .model = lus_model_ref(model),
    .n_classes = (int)classes,
    .frame_width = job->frame_width,
    .frame_height = job->frame_height,
    .rect = geometry->crop,
    .width = geometry->width,
    .height = geometry->height,
    .confidence = (guint8 *)(segmentation + 1),
    .sector = (guint8 *)(segmentation + 1) + classes * plane,
    .mm_per_pixel = job->mm_per_pixel,
    .pts_ns = job->pts_ns,
  };
  memcpy(segmentation->sector, job->inside, plane);
  return segmentation;
}

LusSegmentation *lus_segmenter_job_run(LusSegmenterJob *job, GError **error)
{
  LusSegmentation *segmentation = take_segmentation(job);
  if (!segmentation) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for a result; close other programs");
    return NULL;
  }
  if (!lus_network_run(job->network, segmentation->confidence, job->luma, job->inside, &job->geometry, error))
    g_clear_pointer(&segmentation, lus_segmentation_unref);
  return segmentation;
}

LusSegmentation *lus_segmentation_ref(LusSegmentation *segmentation)
{
  lus_block_ref(segmentation);
  return segmentation;
}

void lus_segmentation_unref(LusSegmentation *segmentation)
{
  if (segmentation)
    lus_block_unref(segmentation);
}
