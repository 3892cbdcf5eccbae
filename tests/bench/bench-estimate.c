/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lussfestimate adds to each frame: features and their place in the exam; and, every so often, an estimate; where video
 * networks are at work, the planes of a clip, and beside the stream a run of one of the usual size. CPU time, medians of
 * rounds.
 * bench-estimate [MODEL HEADS] */
#include "learn/video-internal.h"
#include "lung/estimate.h"
#include "lung/phantom.h"
#include "nn/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SIDE 350
#define FRAMES 20
#define ROUNDS 15

static double seconds(void)
{
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *times)
{
  qsort(times, ROUNDS, sizeof(double), compare);
  return times[ROUNDS / 2];
}

/** One breathing frame, segmented and masked. */
typedef struct {
  guint8 *gray;
  LusSegmentation *segmentation;
  LusMask *mask;
  LusImage image;
} Frame;

static gboolean make_frames(Frame *frames, LusModel *model, GError **error)
{
  const LusSegmenterConfig config = {.sector_mode = LUS_SECTOR_AUTO, .threads = 1};
  LusConfidenceConfig cut = {.min_area = 0};
  LusPhantomConfig scene;
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_new(model, &config, error);
  g_autoptr(LusMasker) masker = lus_masker_new();
  for (int i = 0; i < LUS_MAX_CLASSES; i++)
    cut.thresholds[i] = (double)lus_model_info(model)->threshold;
  lus_phantom_config_init(&scene);
  scene.seed = scene.patient = 3;
  scene.width = scene.height = SIDE;
  scene.screen = TRUE;
  scene.water = 0.6;
  LusPhantom *phantom = lus_phantom_new(&scene, error);
  gboolean done = segmenter && phantom && lus_segmenter_set_frame_size(segmenter, SIDE, SIDE, error);
  for (int i = 0; done && i < FRAMES; i++) {
    Frame *f = &frames[i];
    f->gray = g_malloc(SIDE * SIDE);
    lus_phantom_render(phantom, i / 25.0, f->gray, SIDE, NULL);
    f->image = (LusImage){.format = LUS_FORMAT_GRAY8, .width = SIDE, .height = SIDE, .planes = {f->gray}, .strides = {SIDE},
                          .full_range = TRUE};
    done = lus_segmenter_run(segmenter, &f->segmentation, &f->image, i * 40000000, error) && f->segmentation;
    f->mask = done ? lus_masker_run(masker, f->segmentation, &cut) : NULL;
  }
  lus_phantom_free(phantom);
  return done;
}

static void measure(const Frame *frames, const LusModel *model, const LusHeads *heads)
{
  double features[LUS_FEATURE_N], add[ROUNDS], estimate[ROUNDS];
  g_autoptr(LusFeatureMeter) meter = lus_feature_meter_new();
  g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
  LusEstimate result;
  const LusEstimateQuery query = {.exam = exam, .model_sha256 = lus_model_sha256(model), .min_frames = 1};
  for (int round = 0; round < ROUNDS; round++) {
    double begin = seconds();
    for (int i = 0; i < FRAMES; i++) {
      lus_feature_meter_run(meter, features, frames[i].segmentation, frames[i].mask, &frames[i].image);
      lus_exam_add_frame(exam, round % 6, features);
    }
    add[round] = (seconds() - begin) / FRAMES;
    begin = seconds();
    lus_estimate(&result, heads, &query);
    estimate[round] = seconds() - begin;
  }
  double per_frame = median(add), per_estimate = median(estimate);
  printf("features and exam: %.3f ms a frame; an estimate: %.3f ms, every 0.5 s of 25 frames/s %.3f ms a frame; together %.3f ms\n",
         1e3 * per_frame, 1e3 * per_estimate, 1e3 * per_estimate / 12.5, 1e3 * (per_frame + per_estimate / 12.5));
}

/** Planes of a clip of as many frames as are looked at without thinning out; then a network over it. */
static void measure_planes(const Frame *frames, int classes, GError **error)
{
  LusVideoConfig config;
  lus_video_config_init(&config);
  LusVideoHead head = {.task = LUS_TASK_SF, .embedding = config.embedding, .frames = config.frames, .classes = classes};
  LusGraph *graph = lus_video_network_new(&config, classes, error);
  g_autoptr(LusClipNetwork) network = graph ? lus_clip_network_new(graph, &head, error) : NULL;
  double add[2][ROUNDS], run[ROUNDS];
  float out[LUS_VIDEO_MAX_EMBEDDING + 1];
  for (int round = 0; network && round < ROUNDS; round++) {
    g_autofree guint8 *taken = NULL;
    for (int grey = 0; grey < 2; grey++) {
      g_autoptr(LusClipPlanes) planes = lus_clip_planes_new(grey);
      double begin = seconds();
      for (int i = 0; i < FRAMES; i++)
        lus_clip_planes_add(planes, &frames[i].image, frames[i].segmentation);
      add[grey][round] = (seconds() - begin) / FRAMES;
      if (!grey)
        taken = lus_clip_planes_take(planes, &classes);
    }
    double begin = seconds();
    lus_clip_network_embed(network, out, taken, NULL);
    run[round] = seconds() - begin;
  }
  if (network)
    printf("planes: %.3f ms a frame that is kept, with grey %.3f ms; a network: %.1f ms a clip\n", 1e3 * median(add[0]),
           1e3 * median(add[1]), 1e3 * median(run));
}

int main(int argc, char **argv)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *model_path = argc > 1 ? g_strdup(argv[1]) : lus_model_bundled_path("default.onnx");
  g_autofree char *heads_path = argc > 2 ? g_strdup(argv[2]) : lus_model_bundled_path("default.heads.json");
  LusModel *model = lus_model_load(model_path, &error);
  g_autoptr(LusHeads) heads = model ? lus_heads_load(heads_path, &error) : NULL;
  Frame frames[FRAMES] = {{.gray = NULL}};
  gboolean done = heads && make_frames(frames, model, &error);
  if (done) {
    measure(frames, model, heads);
    measure_planes(frames, lus_model_info(model)->n_classes, &error);
  }
  if (!done || error)
    fprintf(stderr, "bench-estimate: %s\n", error ? error->message : "no sector in the picture");
  for (int i = 0; i < FRAMES; i++) {
    lus_mask_unref(frames[i].mask);
    if (frames[i].segmentation)
      lus_segmentation_unref(frames[i].segmentation);
    g_free(frames[i].gray);
  }
  if (model)
    lus_model_unref(model);
  return done ? 0 : 1;
}
