/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pictures of the display: draw-display FOLDER. Every state, layout and style on simulated screens with the phantom's
 * own labels as masks; docs/images/display-*.png are among them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display-scene.h"

#define MS G_GINT64_CONSTANT(1000000)

typedef struct {
  const char *name;
  LusProbe probe;
  guint64 stream;
  double water;
  int width, height;
  LusFormat format;
  LusOverlayStyle style;
  LusStatus status;
  gint64 age_ms;
  enum { EXAM_NONE, EXAM_PART, EXAM_WHOLE, EXAM_INVALID, EXAM_FINISHED } exam;
  gboolean depth;
} Shot;

static const Shot shots[] = {
  {"live-linear", LUS_PROBE_LINEAR, 17, 0.2, 1920, 1080, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_LIVE, 46, EXAM_PART, FALSE},
  {"complete", LUS_PROBE_CONVEX, 40, 0.7, 1920, 1080, LUS_FORMAT_I420, LUS_OVERLAY_BOTH, LUS_STATUS_LIVE, 46, EXAM_WHOLE, FALSE},
  {"stale", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_LIVE, 560, EXAM_PART, FALSE},
  {"frozen", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_FROZEN, 46, EXAM_PART, FALSE},
  {"invalid", LUS_PROBE_LINEAR, 17, 0.2, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_FILL, LUS_STATUS_LIVE, 36, EXAM_INVALID, TRUE},
  {"slow", LUS_PROBE_PHASED, 32, 0.5, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_SLOW, 66, EXAM_PART, TRUE},
  {"no-signal", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_NO_SIGNAL, -1, EXAM_PART, FALSE},
  {"no-model", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_NO_MODEL, -1, EXAM_NONE, FALSE},
  {"no-contact", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_NO_CONTACT, 46, EXAM_PART, FALSE},
  {"no-masks", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_NO_MASKS, 46, EXAM_PART, FALSE},
  {"new-depth", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_NEW_DEPTH, 46, EXAM_PART, FALSE},
  {"starting", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_STARTING, -1, EXAM_PART, FALSE},
  {"finished", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_FROZEN, 46, EXAM_FINISHED, FALSE},
  {"compact", LUS_PROBE_CONVEX, 40, 0.7, 640, 480, LUS_FORMAT_I420, LUS_OVERLAY_CONTOUR, LUS_STATUS_LIVE, 46, EXAM_WHOLE, FALSE},
  {"compact-invalid", LUS_PROBE_LINEAR, 17, 0.2, 640, 480, LUS_FORMAT_I420, LUS_OVERLAY_BOTH, LUS_STATUS_NO_CONTACT, 46, EXAM_PART, FALSE},
  {"gray", LUS_PROBE_CONVEX, 40, 0.7, 1280, 720, LUS_FORMAT_GRAY8, LUS_OVERLAY_BOTH, LUS_STATUS_LIVE, 46, EXAM_WHOLE, FALSE},
};

static void fill_exam(LusExamView *exam, const Shot *shot)
{
  gboolean part = shot->exam == EXAM_PART || shot->exam == EXAM_FINISHED;
  memset(exam, 0, sizeof *exam);
  exam->present = exam->has_estimate = TRUE;
  exam->n_zones = 6;
  exam->min_frames = 30;
  for (int i = 0; i < 6; i++) {
    g_snprintf(exam->zones[i], LUS_ZONE_LENGTH, "%c%d", i < 3 ? 'R' : 'L', i % 3 + 1);
    exam->frames[i] = !part || i < 4 ? 30 : i == 4 ? 12 : 0;
  }
  g_strlcpy(exam->zone, part ? "L2" : "L3", LUS_ZONE_LENGTH);
  exam->has_baseline = shot->exam != EXAM_INVALID;
  g_strlcpy(exam->baseline_date, exam->has_baseline ? "21 Nov" : "", sizeof exam->baseline_date);
  exam->baseline_sf = 336;
  g_strlcpy(exam->estimate.sf.reason, part ? "Zones missing L2, L3" : "Outside trained range",
            sizeof exam->estimate.sf.reason);
  exam->finished = shot->exam == EXAM_FINISHED;
  if (exam->finished)
    g_strlcpy(exam->finished_at, "14:31", sizeof exam->finished_at);
  if (shot->exam != EXAM_WHOLE && !exam->finished)
    return;
  exam->estimate.sf = (LusEstimateValue){.value = 287, .low = 251, .high = 323, .valid = TRUE};
  exam->estimate.readmission = (LusEstimateValue){.value = 0.18, .low = 0.09, .high = 0.31, .valid = TRUE};
  exam->estimate.change_class = -1;
  exam->estimate.change_probability[0] = 0.81;
  exam->estimate.change_valid = TRUE;
}

/* Three seconds of the state, after one of live pictures that teach the overlay sector and room. */
static void shoot(const Shot *shot, const char *folder)
{
  DisplayScene scene;
  LusImage frame;
  LusOverlayConfig config;
  LusExamView exam;
  gsize size;
  g_autofree char *file = g_strdup_printf("display-%s.png", shot->name), *path = g_build_filename(folder, file, NULL);
  g_autoptr(LusOverlay) overlay = lus_overlay_new();
  display_scene_open(&scene, shot->probe, shot->stream, shot->water, shot->width, shot->height);
  display_frame_open(&frame, shot->format, shot->width, shot->height, &size);
  frame.mm_per_pixel = shot->depth ? scene.mm_per_pixel : 0;
  lus_overlay_config_init(&config);
  config.style = shot->style;
  lus_overlay_set_config(overlay, &config);
  fill_exam(&exam, shot);
  for (int i = 0; i < 100; i += i < 40 ? 1 : 3) {
    gboolean before = i < 40 && shot->status != LUS_STATUS_NO_MODEL;
    gboolean result = before || shot->age_ms >= 0;
    LusOverlayState state = {.status = before ? LUS_STATUS_LIVE : shot->status,
                             .mask_age_ns = before ? 46 * MS : shot->age_ms < 0 ? -1 : shot->age_ms * MS,
                             .result_number = (guint64)(before ? i : shot->status == LUS_STATUS_SLOW ? i / 9 + 40 : 40) + 1,
                             .segmentation = result ? &scene.result : NULL, .mask = result ? scene.mask : NULL,
                             .exam = shot->exam == EXAM_NONE ? NULL : &exam, .now_ns = i * 34 * MS};
    display_frame_fill(&frame, &scene);
    if (shot->status == LUS_STATUS_NO_SIGNAL && !before)
      memset(frame.planes[0], 16, (gsize)shot->width * (gsize)shot->height);
    lus_overlay_draw(overlay, &frame, &state);
  }
  display_frame_save(&frame, path);
  puts(path);
  display_frame_close(&frame);
  display_scene_close(&scene);
}

int main(int argc, char **argv)
{
  if (argc < 2) {
    fputs("usage: draw-display FOLDER [NAME...]\n", stderr);
    return 2;
  }
  for (gsize i = 0; i < G_N_ELEMENTS(shots); i++) {
    gboolean wanted = argc == 2;
    for (int k = 2; k < argc; k++)
      wanted = wanted || strcmp(argv[k], shots[i].name) == 0;
    if (wanted)
      shoot(&shots[i], argv[1]);
  }
  return 0;
}
