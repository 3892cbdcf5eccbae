/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Simulated experts: what one clinician makes of the confidences that an unbiased one would give. */
#include "lung/phantom.h"

#include <math.h>
#include <string.h>

typedef struct {
  float exponent, gain; /* personal scale: 100 gain (percent / 100)^exponent, limited to 100 */
  int blur;             /* radius of softened borders [pixels], 0: none */
  float steepness;      /* > 1: sharpened borders */
  float faint;          /* objects that reach less than this percent may be missed */
  float miss;           /* with this probability */
} Expert;

static Expert draw_expert(LusRng *r, int width, int height)
{
  Expert e;
  e.exponent = (float)lus_rng_log_uniform(r, .6, 1.7);
  e.gain = (float)lus_rng_uniform(r, .85, 1.1);
  e.blur = lus_rng_uniform01(r) < .5 ? 1 + (int)lus_rng_below(r, (guint32)MAX(MIN(width, height) / 100, 1)) : 0;
  e.steepness = lus_rng_uniform01(r) < .5 ? (float)lus_rng_uniform(r, 1, 3) : 1;
  e.faint = (float)lus_rng_uniform(r, 30, 70);
  e.miss = (float)lus_rng_uniform(r, .2, .8);
  return e;
}

/* Confidence as a share of the object's own best: steeper means that the border's halftones vanish. */
static guint8 personal(const Expert *e, guint8 label, guint8 best)
{
  float share = (float)label / (float)best;
  share = powf(share, e->steepness);
  float percent = 100 * e->gain * powf(share * (float)best / 100, e->exponent);
  return (guint8)MIN(percent + .5f, 100);
}

static gboolean is_object(guint8 label)
{
  return label && label <= 100;
}

/* Collects in @member the pixels of the object that holds @start (4-neighbours) and marks them seen;
 * gives their number. */
static gsize collect(const guint8 *plane, guint8 *seen, gsize *member, gsize start, int width, int height)
{
  gsize n = 0;
  member[n++] = start;
  seen[start] = 1;
  for (gsize done = 0; done < n; done++) {
    int x = (int)(member[done] % (gsize)width), y = (int)(member[done] / (gsize)width);
    const gsize i = member[done];
    const gsize next[4] = { i - 1, i + 1, i - (gsize)width, i + (gsize)width };
    const gboolean within[4] = { x > 0, x < width - 1, y > 0, y < height - 1 };
    for (int k = 0; k < 4; k++)
      if (within[k] && !seen[next[k]] && is_object(plane[next[k]])) {
        seen[next[k]] = 1;
        member[n++] = next[k];
      }
  }
  return n;
}

/* Each object is missed as a whole or rescaled as a whole. */
static void judge_objects(const Expert *e, LusRng *slips, guint8 *plane, guint8 *seen, gsize *member, int width,
                          int height)
{
  gsize n = (gsize)width * height;
  memset(seen, 0, n);
  for (gsize start = 0; start < n; start++) {
    if (seen[start] || !is_object(plane[start]))
      continue;
    gsize size = collect(plane, seen, member, start, width, height);
    guint8 best = 1;
    for (gsize k = 0; k < size; k++)
      best = MAX(best, plane[member[k]]);
    gboolean missed = lus_rng_uniform01(slips) < e->miss && best < e->faint;
    for (gsize k = 0; k < size; k++)
      plane[member[k]] = missed ? 0 : personal(e, plane[member[k]], best);
  }
}

/* Softens borders by the mean over a square; pixels to be ignored stay so and do not count. */
static void soften(guint8 *plane, guint8 *copy, int radius, int width, int height)
{
  memcpy(copy, plane, (gsize)width * height);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      guint sum = 0, n = 0;
      if (copy[(gsize)y * width + x] == LUS_LABEL_IGNORE)
        continue;
      for (int j = MAX(y - radius, 0); j <= MIN(y + radius, height - 1); j++)
        for (int i = MAX(x - radius, 0); i <= MIN(x + radius, width - 1); i++) {
          guint8 label = copy[(gsize)j * width + i];
          if (label != LUS_LABEL_IGNORE) {
            sum += label;
            n++;
          }
        }
      plane[(gsize)y * width + x] = (guint8)((sum + n / 2) / n);
    }
}

void lus_phantom_expert(guint8 *labels, int n_classes, int width, int height, guint64 seed, guint64 stream, int expert)
{
  LusRng person, slips;
  if (expert == 0)
    return;
  lus_rng_init(&person, seed, (guint64)expert);
  lus_rng_init(&slips, seed ^ G_GUINT64_CONSTANT(0x736c697073), stream * 64 + (guint64)expert);
  Expert e = draw_expert(&person, width, height);
  gsize n = (gsize)width * height;
  g_autofree guint8 *copy = g_new(guint8, n);
  g_autofree gsize *member = g_new(gsize, n);
  for (int c = 0; c < n_classes; c++) {
    guint8 *plane = labels + c * n;
    judge_objects(&e, &slips, plane, copy, member, width, height);
    if (e.blur)
      soften(plane, copy, e.blur, width, height);
  }
}
