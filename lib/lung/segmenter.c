/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/segmenter.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/kernels.h"
#include "lung/confidence.h"
#include "lung/recycler.h"
#include "nn/error.h"
#include "nn/parallel.h"
#include "nn/plan.h"

struct _LusSegmenter {
  LusModel *model;
  const LusModelInfo *info;
  LusSegmenterConfig config;
  LusParallel *pool;
  LusGraph *graph;
  LusPlan *plan;
  char *kernels;
  LusRecycler *recycler; /* of segmentations */

  int frame_width, frame_height; /* 0: not set */
  LusSector *sector;
  gboolean fitted;      /* geometry, scratch and inside are those of the sector */
  LusGeometry geometry;
  void *scratch;        /* of preprocess */
  gsize scratch_size;
  guint8 *inside;       /* the sector over the crop's place, [geometry.height][geometry.width] */

  guint8 *luma;  /* [h][w] of the network's input */
  float *input;  /* [channels][h][w] */
  float *output; /* [classes][h][w] */
};

static void clear_segmentation(void *block)
{
  LusSegmentation *segmentation = block;
  g_clear_pointer(&segmentation->model, lus_model_unref);
}

static gboolean no_memory(GError **error, const char *what)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for %s; close other programs or use a smaller model",
              what);
  return FALSE;
}

/* That the network's output has its input's size and one plane per class, was checked when the model was loaded. */
static gboolean prepare_network(LusSegmenter *segmenter, GError **error)
{
  const LusModelInfo *info = segmenter->info;
  segmenter->graph = lus_model_graph(segmenter->model, error);
  LusPlanMode mode;
  if (!segmenter->graph || !lus_precision_mode(&mode, segmenter->config.precision, segmenter->graph,
                                               lus_model_path(segmenter->model), error))
    return FALSE;
  segmenter->plan = lus_plan_new(segmenter->graph, info->channels, info->height, info->width, mode,
                                 lus_parallel_threads(segmenter->pool), error);
  gboolean integers = mode == LUS_PLAN_INFER && lus_graph_n_quantized(segmenter->graph) > 0;
  segmenter->kernels = g_strconcat(integers ? "int8, " : "", lus_kernels_description(), NULL);
  return segmenter->plan != NULL;
}

static gboolean allocate(LusSegmenter *segmenter, GError **error)
{
  const LusModelInfo *info = segmenter->info;
  gsize pixels = (gsize)info->width * info->height;
  segmenter->inside = g_try_malloc(pixels);
  segmenter->luma = g_try_malloc(pixels);
  segmenter->input = g_try_malloc_n(pixels, sizeof(float) * (gsize)info->channels);
  segmenter->output = g_try_malloc_n(pixels, sizeof(float) * (gsize)info->n_classes);
  segmenter->recycler = lus_recycler_new(clear_segmentation);
  if (segmenter->inside && segmenter->luma && segmenter->input && segmenter->output && segmenter->recycler)
    return TRUE;
  return no_memory(error, "the network's input and output");
}

LusSegmenter *lus_segmenter_new(LusModel *model, const LusSegmenterConfig *config, GError **error)
{
  g_autoptr(LusSegmenter) segmenter = g_try_new0(LusSegmenter, 1);
  if (!segmenter) {
    no_memory(error, "a segmenter");
    return NULL;
  }
  segmenter->model = lus_model_ref(model);
  segmenter->info = lus_model_info(model);
  segmenter->config = *config;
  segmenter->pool = lus_parallel_new(MAX(config->threads, 0));
  if (!segmenter->pool) {
    no_memory(error, "the threads");
    return NULL;
  }
  if (!prepare_network(segmenter, error) || !allocate(segmenter, error))
    return NULL;
  return g_steal_pointer(&segmenter);
}

void lus_segmenter_free(LusSegmenter *segmenter)
{
  if (!segmenter)
    return;
  lus_recycler_close(segmenter->recycler);
  lus_plan_free(segmenter->plan);
  lus_graph_free(segmenter->graph);
  lus_parallel_free(segmenter->pool);
  lus_sector_free(segmenter->sector);
  lus_model_unref(segmenter->model);
  g_free(segmenter->kernels);
  g_free(segmenter->scratch);
  g_free(segmenter->inside);
  g_free(segmenter->luma);
  g_free(segmenter->input);
  g_free(segmenter->output);
  g_free(segmenter);
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
  LusSector *sector = lus_sector_new(width, height, segmenter->config.sector_mode, segmenter->config.roi);
  if (!sector)
    return no_memory(error, "the search for the sector");
  lus_sector_free(segmenter->sector);
  segmenter->sector = sector;
  segmenter->frame_width = width;
  segmenter->frame_height = height;
  segmenter->fitted = FALSE;
  return TRUE;
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

static void infer(LusSegmenter *segmenter, const LusImage *image)
{
  const LusModelInfo *info = segmenter->info;
  lus_preprocess_luma(segmenter->luma, image, &segmenter->geometry, segmenter->scratch);
  lus_preprocess_sector(segmenter->luma, segmenter->inside, &segmenter->geometry);
  lus_preprocess_normalise(segmenter->input, segmenter->luma, info->width, info->height, info->channels,
                           &info->normalise);
  lus_plan_forward(segmenter->plan, segmenter->output, segmenter->input, segmenter->pool);
}

typedef struct {
  const LusSegmenter *segmenter;
  LusSegmentation *segmentation;
  atomic_bool broken; /* NaN or infinity was seen */
} Quantisation;

/* One row of all classes: out of the network's output to the crop's place, as confidences, 0 outside the sector. */
static void quantise_row(void *data, int y, int thread)
{
  (void)thread;
  Quantisation *job = data;
  gboolean finite = TRUE;
  const LusSegmenter *segmenter = job->segmenter;
  const LusGeometry *geometry = &segmenter->geometry;
  const guint8 *inside = segmenter->inside + (gsize)y * geometry->width;
  gsize plane = (gsize)geometry->width * geometry->height;
  for (int k = 0; k < segmenter->info->n_classes; k++) {
    const float *in = segmenter->output + geometry->x +
                      ((gsize)k * geometry->input_height + geometry->y + y) * geometry->input_width;
    guint8 *out = job->segmentation->confidence + k * plane + (gsize)y * geometry->width;
    for (int x = 0; x < geometry->width; x++) {
      float confidence = segmenter->info->logits ? 1.0f / (1.0f + expf(-in[x])) : in[x];
      finite &= isfinite(in[x]) != 0;
      out[x] = inside[x] & lus_confidence_quantise(confidence);
    }
  }
  if (!finite)
    atomic_store_explicit(&job->broken, true, memory_order_relaxed);
}

/* A segmentation with its planes behind it in one block. */
static LusSegmentation *take_segmentation(LusSegmenter *segmenter, const LusImage *image, gint64 pts_ns)
{
  const LusGeometry *geometry = &segmenter->geometry;
  gsize plane = (gsize)geometry->width * geometry->height, classes = (gsize)segmenter->info->n_classes;
  LusSegmentation *segmentation = lus_recycler_take(segmenter->recycler,
                                                    sizeof(LusSegmentation) + (classes + 1) * plane);
  if (!segmentation)
    return NULL;
  *segmentation = (LusSegmentation){
    .model = lus_model_ref(segmenter->model),
    .n_classes = (int)classes,
    .frame_width = segmenter->frame_width,
    .frame_height = segmenter->frame_height,
    .rect = geometry->crop,
    .width = geometry->width,
    .height = geometry->height,
    .confidence = (guint8 *)(segmentation + 1),
    .sector = (guint8 *)(segmentation + 1) + classes * plane,
    .mm_per_pixel = image->mm_per_pixel,
    .pts_ns = pts_ns,
  };
  memcpy(segmentation->sector, segmenter->inside, plane);
  return segmentation;
}

gboolean lus_segmenter_run(LusSegmenter *segmenter, LusSegmentation **out, const LusImage *image, gint64 pts_ns,
                           GError **error)
{
  *out = NULL;
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
  LusSegmentation *segmentation = take_segmentation(segmenter, image, pts_ns);
  if (!segmentation)
    return no_memory(error, "a result");
  infer(segmenter, image);
  Quantisation job = {.segmenter = segmenter, .segmentation = segmentation};
  lus_parallel_for(segmenter->pool, segmenter->geometry.height, quantise_row, &job);
  if (atomic_load_explicit(&job.broken, memory_order_relaxed)) {
    lus_segmentation_unref(segmentation);
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the network computed NaN or infinity from this frame, so "
                "there is no mask; its weights are damaged or too large: use another model",
                lus_model_path(segmenter->model));
    return FALSE;
  }
  *out = segmentation;
  return TRUE;
}

const char *lus_segmenter_kernels(const LusSegmenter *segmenter)
{
  return segmenter->kernels;
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
