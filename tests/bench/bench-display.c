/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the overlay costs: bench-display [FRAMES] [WIDTH HEIGHT]. CPU time of this thread per frame, median and 99th
 * percentile, for NV12 and I420, with whole exam, of a convex and a linear probe; a new result with every frame, as
 * a fast model gives, and every third one. The first second, in which the overlay looks for room, counts as well. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "display-scene.h"

#define RESULTS 12 /* different ones, shown in turn */

static double cpu_ms(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int compare_double(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void fill_exam(LusExamView *exam, int frame)
{
  memset(exam, 0, sizeof *exam);
  exam->present = exam->has_estimate = exam->has_baseline = TRUE;
  exam->n_zones = 6;
  exam->min_frames = 30;
  for (int i = 0; i < 6; i++) {
    g_snprintf(exam->zones[i], LUS_ZONE_LENGTH, "%c%d", i < 3 ? 'R' : 'L', i % 3 + 1);
    exam->frames[i] = i < 5 ? 30 : frame;
  }
  g_strlcpy(exam->zone, "L3", LUS_ZONE_LENGTH);
  g_strlcpy(exam->baseline_date, "21 Nov", sizeof exam->baseline_date);
  exam->baseline_sf = 336;
  exam->estimate.sf = (LusEstimateValue){.value = 287 + frame / 30 % 3, .low = 251, .high = 323, .valid = TRUE};
  exam->estimate.readmission = (LusEstimateValue){.value = 0.18, .low = 0.09, .high = 0.31, .valid = TRUE};
  exam->estimate.change_class = -1;
  exam->estimate.change_probability[0] = 0.81;
  exam->estimate.change_valid = TRUE;
}

/* Results of a breathing lung. */
typedef struct {
  LusSegmentation segmentation[RESULTS];
  LusMask *mask[RESULTS];
} Results;

static void results_open(Results *results, DisplayScene *scene)
{
  for (int i = 0; i < RESULTS; i++) {
    display_scene_move(scene, i * 0.2);
    gsize n = (gsize)scene->result.width * (gsize)scene->result.height * (gsize)scene->result.n_classes;
    results->segmentation[i] = scene->result;
    results->segmentation[i].confidence = g_memdup2(scene->result.confidence, n);
    results->mask[i] = lus_mask_ref(scene->mask);
  }
}

static void results_close(Results *results)
{
  for (int i = 0; i < RESULTS; i++) {
    g_free(results->segmentation[i].confidence);
    lus_mask_unref(results->mask[i]);
  }
}

static void measure(const DisplayScene *scene, Results *results, const char *probe, LusFormat format,
                    LusOverlayStyle style, int every, int n)
{
  static const char *const styles[] = {"fill", "contour", "both"};
  LusImage frame;
  LusOverlayConfig config;
  LusExamView exam;
  gsize size;
  display_frame_open(&frame, format, scene->width, scene->height, &size);
  display_frame_fill(&frame, scene);
  g_autofree guint8 *clean = g_memdup2(frame.planes[0], size);
  g_autofree double *times = g_new(double, (gsize)n);
  LusOverlay *overlay = lus_overlay_new();
  lus_overlay_config_init(&config);
  config.style = style;
  lus_overlay_set_config(overlay, &config);
  for (int i = 0; i < n; i++) {
    int r = i / every % RESULTS;
    LusOverlayState state = {.status = every > 1 ? LUS_STATUS_SLOW : LUS_STATUS_LIVE, .mask_age_ns = 40000000,
                             .result_number = (guint64)(i / every + 1), .segmentation = &results->segmentation[r],
                             .mask = results->mask[r], .exam = &exam, .now_ns = i * G_GINT64_CONSTANT(33333333)};
    fill_exam(&exam, i);
    results->segmentation[r].pts_ns = i / every;
    memcpy(frame.planes[0], clean, size);
    double start = cpu_ms();
    lus_overlay_draw(overlay, &frame, &state);
    times[i] = cpu_ms() - start;
  }
  double first = times[0];
  qsort(times, (gsize)n, sizeof *times, compare_double);
  printf("%-7s %-5s %-8s result every %d frame(s)  p50 %.3f  p99 %.3f  max %.3f  first %.3f ms\n", probe,
         lus_format_name(format), styles[style], every, times[n / 2], times[n * 99 / 100], times[n - 1], first);
  lus_overlay_free(overlay);
  display_frame_close(&frame);
}

int main(int argc, char **argv)
{
  int n = argc > 1 ? atoi(argv[1]) : 600, width = argc > 3 ? atoi(argv[2]) : 1920, height = argc > 3 ? atoi(argv[3]) : 1080;
  static const struct { const char *name; LusProbe probe; guint64 stream; double water; } scenes[] = {
    {"convex", LUS_PROBE_CONVEX, 40, 0.7}, {"linear", LUS_PROBE_LINEAR, 17, 0.35}};
  if (n < 100 || width < 320 || height < 180 || width > 2048 || height > 2048 || width % 2 || height % 2) {
    fputs("usage: bench-display [FRAMES >= 100] [WIDTH HEIGHT, even, 320 x 180 to 2048 x 2048]\n", stderr);
    return 2;
  }
  for (gsize s = 0; s < G_N_ELEMENTS(scenes); s++) {
    DisplayScene scene;
    Results results;
    display_scene_open(&scene, scenes[s].probe, scenes[s].stream, scenes[s].water, width, height);
    results_open(&results, &scene);
    for (int every = 1; every <= 3; every += 2) {
      measure(&scene, &results, scenes[s].name, LUS_FORMAT_NV12, LUS_OVERLAY_CONTOUR, every, n);
      measure(&scene, &results, scenes[s].name, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, every, n);
      measure(&scene, &results, scenes[s].name, LUS_FORMAT_NV12, LUS_OVERLAY_BOTH, every, n);
      measure(&scene, &results, scenes[s].name, LUS_FORMAT_I420, LUS_OVERLAY_BOTH, every, n);
    }
    results_close(&results);
    display_scene_close(&scene);
  }
  return 0;
}
