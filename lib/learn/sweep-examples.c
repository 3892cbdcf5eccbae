/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/annotation.h"
#include "learn/predict.h"
#include "learn/sweep-internal.h"
#include "lung/confidence.h"
#include "lung/overlay-palette.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define LEVEL 60      /* percent: a class shows when so much of it... */
#define SHOWN 30      /* ... is there, pixels */
#define FILL 0.38     /* opacity inside of a mask; its border is opaque */
#define STRENGTH 0.85 /* opacity of a label of 100 % */

/** How many classes show in a sample. */
static int richness(const LusSamples *s, int sample)
{
  gsize pixels = (gsize)s->width * s->height;
  int n = 0;
  for (int k = 0; k < s->n_classes; k++) {
    const guint8 *percent = s->labels + ((gsize)sample * s->n_classes + k) * pixels;
    int positive = 0;
    for (gsize i = 0; i < pixels; i++)
      positive += percent[i] <= 100 && percent[i] >= LEVEL;
    n += positive >= SHOWN;
  }
  return n;
}

/** The first of the richest samples, each of another patient. Returns how many. */
static int choose(int *chosen, const LusSamples *s)
{
  int n = 0;
  for (int rich = s->n_classes; rich >= 0 && n < LUS_SWEEP_EXAMPLES; rich--)
    for (int i = 0; i < s->n && n < LUS_SWEEP_EXAMPLES; i++) {
      gboolean taken = richness(s, i) != rich;
      for (int j = 0; j < n; j++)
        taken = taken || s->group[chosen[j]] == s->group[i];
      if (!taken)
        chosen[n++] = i;
    }
  return n;
}

static void blend(guint8 *pixel, const guint8 *rgb, double opacity)
{
  for (int c = 0; c < 3; c++)
    pixel[c] = (guint8)lround(pixel[c] + opacity * (rgb[c] - pixel[c]));
}

static void paint_labels(guint8 *picture, const guint8 *percent, int n_classes, gsize pixels, char *const *classes)
{
  for (int k = 0; k < n_classes; k++) {
    guint8 rgb[3];
    lus_class_colour(rgb, classes[k]);
    for (gsize i = 0; i < pixels; i++)
      if (percent[k * pixels + i] <= 100)
        blend(picture + 3 * i, rgb, STRENGTH * percent[k * pixels + i] / 100);
  }
}

static void paint_masks(guint8 *picture, const float *confidence, const LusSamples *s, const LusModelInfo *info)
{
  int w = s->width, h = s->height;
  gsize pixels = (gsize)w * h;
  guint8 cut = lus_confidence_cut((double)info->threshold);
  for (int k = 0; k < s->n_classes; k++) {
    const float *plane = confidence + k * pixels;
    guint8 rgb[3];
    lus_class_colour(rgb, info->classes[k]);
    for (gsize i = 0; i < pixels; i++) {
      if (lus_confidence_quantise(plane[i]) < cut)
        continue;
      int x = (int)(i % (gsize)w), y = (int)(i / (gsize)w);
      gboolean border = x == 0 || y == 0 || x == w - 1 || y == h - 1 || lus_confidence_quantise(plane[i - 1]) < cut ||
                        lus_confidence_quantise(plane[i + 1]) < cut || lus_confidence_quantise(plane[i - w]) < cut ||
                        lus_confidence_quantise(plane[i + w]) < cut;
      blend(picture + 3 * i, rgb, border ? 1 : FILL);
    }
  }
}

typedef struct {
  float *memory; /* [samples][n] */
  gsize n;
} Kept;

static void keep_output(gpointer data, int sample, const float *output, int thread)
{
  (void)thread;
  const Kept *kept = data;
  memcpy(kept->memory + sample * kept->n, output, kept->n * sizeof(float));
}

static gboolean write_picture(const char *folder, int number, const char *what, const guint8 *picture,
                              const LusSamples *s, GError **error)
{
  g_autofree char *name = g_strdup_printf("example%d.%s.png", number + 1, what);
  g_autofree char *path = g_build_filename(folder, name, NULL);
  return lus_png_write(path, picture, s->width, s->height, 3 * s->width, 3, error);
}

static gboolean write_pictures(const char *folder, const LusModelInfo *info, const LusSamples *s, int number,
                               const float *confidence, GError **error)
{
  gsize pixels = (gsize)s->width * s->height;
  const guint8 *luma = s->luma + number * pixels, *percent = s->labels + number * pixels * s->n_classes;
  g_autofree guint8 *frame = g_malloc(3 * pixels), *picture = g_malloc(3 * pixels);
  for (gsize i = 0; i < 3 * pixels; i++)
    frame[i] = luma[i / 3];
  memcpy(picture, frame, 3 * pixels);
  paint_labels(picture, percent, s->n_classes, pixels, info->classes);
  if (!write_picture(folder, number, "frame", frame, s, error) ||
      !write_picture(folder, number, "label", picture, s, error))
    return FALSE;
  memcpy(picture, frame, 3 * pixels);
  paint_masks(picture, confidence, s, info);
  return write_picture(folder, number, "mask", picture, s, error);
}

gboolean lus_sweep_write_examples(const char *folder, LusModel *model, const LusSamples *test, GError **error)
{
  int chosen[LUS_SWEEP_EXAMPLES], n = choose(chosen, test);
  g_autoptr(LusSamples) samples = lus_samples_select(test, chosen, n, error);
  if (!samples)
    return FALSE;
  Kept kept = {.n = (gsize)test->width * test->height * test->n_classes};
  g_autofree float *memory = kept.memory = g_try_malloc_n(n * kept.n, sizeof(float));
  if (!memory) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for example pictures", folder);
    return FALSE;
  }
  gboolean ok = lus_predict_model(model, samples, NULL, keep_output, &kept, NULL, NULL, "examples", error);
  for (int i = 0; ok && i < n; i++)
    ok = write_pictures(folder, lus_model_info(model), samples, i, memory + i * kept.n, error);
  return ok;
}
