/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* False alarms of the guards over every real clip there is, each seen as live, and depths changed in them. */
#include <gst/gst.h>
#include <math.h>
#include <string.h>
#include "clip.h"
#include "real.h"

#define N_SCALES 6
static const double scales[N_SCALES] = {0.6, 0.75, 0.87, 1.15, 1.35, 1.7};

typedef struct {
  LusModel *model;
  int clips, frames, alarms[LUS_GUARD_N];
  int tried, found[N_SCALES];
} Tally;

/* A screen that was recorded while it was frozen: 95 of its 99 steps change nothing. */
static gboolean is_frozen_recording(const char *path)
{
  return strstr(path, "sonosite-anon-eye1") != NULL;
}

/* Grey picture of @from about the middle of its upper border; what lies outside is black. */
static void rescale(guint8 *out, const LusImage *from, double scale)
{
  g_autofree guint8 *luma = g_malloc((gsize)from->width * from->height);
  for (int y = 0; y < from->height; y++)
    lus_image_luma_row(luma + (gsize)y * from->width, from, 0, y, from->width);
  for (int y = 0; y < from->height; y++)
    for (int x = 0; x < from->width; x++) {
      int fx = (int)floor(from->width / 2.0 + (x + 0.5 - from->width / 2.0) / scale), fy = (int)((y + 0.5) / scale);
      gboolean inside = fx >= 0 && fx < from->width && fy < from->height;
      out[(gsize)y * from->width + x] = inside ? luma[(gsize)fy * from->width + fx] : 0;
    }
}

static LusGuardState look(LusGuard *guard, LusSegmenter *segmenter, LusSegmenterJob *job, const LusImage *image,
                          gint64 pts)
{
  const LusGuardConfig all = {TRUE, TRUE, TRUE, TRUE};
  g_autoptr(GError) error = NULL;
  lus_segmenter_prepare(segmenter, job, image, pts, &error);
  g_assert_no_error(error);
  return lus_segmenter_job_is_filled(job) ? lus_guard_watch(guard, job, pts, &all) : LUS_GUARD_CLEAR;
}

/* The whole clip with @scale = 0, else its first 20 frames and one more at that scale. */
static gboolean run_clip(Tally *tally, const char *path, double scale)
{
  g_autoptr(GError) error = NULL;
  const LusSegmenterConfig config = {.threads = 1};
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_new(tally->model, &config, &error);
  g_autoptr(LusSegmenterJob) job = lus_segmenter_job_new();
  g_autoptr(LusGuard) guard = lus_guard_new();
  LusFrameSource *source = lus_tool_open_clip(path, NULL, &error);
  g_assert_no_error(error);
  LusGuardState state = LUS_GUARD_CLEAR;
  for (int frame = 0;; frame++) {
    LusImage image;
    gint64 pts;
    if (!real_next(source, &image, &pts))
      break;
    if (frame == 0)
      lus_segmenter_set_frame_size(segmenter, image.width, image.height, &error);
    g_autofree guint8 *grey = NULL;
    if (scale > 0 && frame == 20) {
      grey = g_malloc((gsize)image.width * image.height);
      rescale(grey, &image, scale);
      image = (LusImage){.format = LUS_FORMAT_GRAY8, .width = image.width, .height = image.height, .planes = {grey},
                         .strides = {image.width}, .full_range = TRUE};
    }
    state = look(guard, segmenter, job, &image, pts);
    if (grey)
      break;
    if (scale > 0)
      continue;
    tally->frames++;
    tally->alarms[state]++;
    if (state != LUS_GUARD_CLEAR && !is_frozen_recording(path))
      g_print("# %s, frame %d: %s\n", path, frame, lus_guard_name(state));
    g_assert_true(state == LUS_GUARD_CLEAR || (state == LUS_GUARD_FROZEN && is_frozen_recording(path)));
  }
  source->free(source);
  return state == LUS_GUARD_NEW_DEPTH;
}

static void run_folder(Tally *tally, const char *name, int every)
{
  g_autofree char *folder = real_folder(name);
  g_autoptr(GDir) dir = folder ? g_dir_open(folder, 0, NULL) : NULL;
  const char *file;
  for (int i = 0; dir && (file = g_dir_read_name(dir));) {
    if (!g_str_has_suffix(file, ".mp4"))
      continue;
    g_autofree char *path = g_build_filename(folder, file, NULL);
    tally->clips++;
    run_clip(tally, path, 0);
    if (is_frozen_recording(path) || i++ % every)
      continue;
    tally->tried++;
    for (int k = 0; k < N_SCALES; k++)
      tally->found[k] += run_clip(tally, path, scales[k]);
  }
}

int main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  g_autofree char *folder = real_folder("covid_blues"), *path = lus_model_bundled_path("default.onnx");
  g_autoptr(GError) error = NULL;
  if (!folder)
    return 0;
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  g_assert_no_error(error);
  Tally tally = {.model = model};
  run_folder(&tally, "covid_blues/videos", 6);
  run_folder(&tally, "us_other", 1);
  run_folder(&tally, "lus_linear", 1);
  g_print("# %d clips, %d frames:", tally.clips, tally.frames);
  for (int i = 0; i < LUS_GUARD_N; i++)
    g_print(" %s %d", lus_guard_name((LusGuardState)i), tally.alarms[i]);
  g_print("\n# depth changed in %d clips, found at scale", tally.tried);
  for (int k = 0; k < N_SCALES; k++)
    g_print(" %.2f: %d", scales[k], tally.found[k]);
  g_print("\n%s 1 - only the frozen recording is called frozen\n1..1\n", tally.frames > 0 ? "ok" : "not ok");
  return 0;
}
