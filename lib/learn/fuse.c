/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/experts.h"
#include "learn/labels.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define IGNORE 255
#define TENTHS 10
#define MAX_ITERATIONS 100
#define CONVERGED 1e-4
#define SURE 1e-6 /* sensitivity and specificity stay so far from 0 and 1 */

static const char *const names[LUS_FUSE_N] = {"mean", "median", "maximum", "staple"};

const char *lus_fuse_name(LusFuseMethod method)
{
  return names[method];
}

gboolean lus_fuse_parse(LusFuseMethod *method, const char *text, GError **error)
{
  for (int i = 0; i < LUS_FUSE_N; i++) {
    *method = (LusFuseMethod)i;
    if (g_str_equal(text, names[i]))
      return TRUE;
  }
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "fusion '%s' is unknown; known are mean, median, maximum, staple",
              text);
  return FALSE;
}

/** One pixel's @n known percents, which are sorted on the way for the median. */
static guint8 fuse_pixel(guint8 *known, int n, LusFuseMethod method)
{
  int sum = 0, largest = 0;
  for (int i = 0; i < n; i++) {
    sum += known[i];
    largest = MAX(largest, known[i]);
  }
  if (method == LUS_FUSE_MAXIMUM)
    return (guint8)largest;
  if (method == LUS_FUSE_MEAN)
    return (guint8)((sum + n / 2) / n);
  for (int i = 1; i < n; i++)
    for (int k = i; k > 0 && known[k - 1] > known[k]; k--) {
      guint8 swap = known[k];
      known[k] = known[k - 1];
      known[k - 1] = swap;
    }
  return (guint8)((known[(n - 1) / 2] + known[n / 2] + 1) / 2);
}

static void fuse_pixels(guint8 *out, const guint8 *const *planes, int n, gsize pixels, LusFuseMethod method)
{
  for (gsize p = 0; p < pixels; p++) {
    guint8 known[LUS_MAX_ANNOTATORS];
    int m = 0;
    for (int i = 0; i < n; i++)
      if (planes[i][p] != IGNORE)
        known[m++] = planes[i][p];
    out[p] = m > 0 ? fuse_pixel(known, m, method) : IGNORE;
  }
}

/** One tenth of the scale. Most pixels of a label are 0 for everyone: they share one W and are only counted. */
typedef struct {
  int n;
  const guint8 *const *planes;
  const guint32 *some; /* the other pixels */
  gsize n_some;
  double n_none;
  double *w, w_none;   /* [n_some] */
  double percent;      /* at which the tenth begins */
  double share, sensitivity[LUS_MAX_ANNOTATORS], specificity[LUS_MAX_ANNOTATORS];
} Staple;

/** The decision, or -1 where the annotator ignored the pixel. */
static double decision(const Staple *s, int annotator, guint32 pixel)
{
  guint8 percent = s->planes[annotator][pixel];
  return percent == IGNORE ? -1 : CLAMP((percent - s->percent) / TENTHS, 0.0, 1.0);
}

static void begin(Staple *s)
{
  s->w_none = 0;
  for (gsize k = 0; k < s->n_some; k++) {
    double sum = 0;
    int known = 0;
    for (int i = 0; i < s->n; i++) {
      double c = decision(s, i, s->some[k]);
      sum += MAX(c, 0);
      known += c >= 0;
    }
    s->w[k] = known ? sum / known : 0;
  }
}

static void maximise(Staple *s)
{
  double all = s->w_none * s->n_none;
  for (gsize k = 0; k < s->n_some; k++)
    all += s->w[k];
  s->share = all / (s->n_none + (double)s->n_some);
  for (int i = 0; i < s->n; i++) {
    double positive = s->w_none * s->n_none, negative = (1 - s->w_none) * s->n_none;
    double hit = 0, rejected = negative;
    for (gsize k = 0; k < s->n_some; k++) {
      double c = decision(s, i, s->some[k]), w = s->w[k];
      if (c < 0)
        continue;
      positive += w;
      negative += 1 - w;
      hit += w * c;
      rejected += (1 - w) * (1 - c);
    }
    s->sensitivity[i] = positive > 0 ? CLAMP(hit / positive, SURE, 1 - SURE) : 0.5;
    s->specificity[i] = negative > 0 ? CLAMP(rejected / negative, SURE, 1 - SURE) : 0.5;
  }
}

/** W of a log odds. */
static double share_of(double odds)
{
  return 1 / (1 + exp(-odds));
}

/** The largest change of a W. */
static double expect(Staple *s)
{
  double hit[LUS_MAX_ANNOTATORS], miss[LUS_MAX_ANNOTATORS]; /* what a decision of 1, of 0 adds to the log odds */
  double prior = log(CLAMP(s->share, SURE * SURE, 1 - SURE)), none = 0, change = 0;
  prior -= log1p(-exp(prior));
  for (int i = 0; i < s->n; i++) {
    hit[i] = log(s->sensitivity[i]) - log1p(-s->specificity[i]);
    miss[i] = log1p(-s->sensitivity[i]) - log(s->specificity[i]);
    none += miss[i];
  }
  s->w_none = share_of(prior + none);
  for (gsize k = 0; k < s->n_some; k++) {
    double odds = prior;
    for (int i = 0; i < s->n; i++) {
      double c = decision(s, i, s->some[k]);
      if (c >= 0)
        odds += c * hit[i] + (1 - c) * miss[i];
    }
    double w = share_of(odds);
    change = MAX(change, fabs(w - s->w[k]));
    s->w[k] = w;
  }
  return change;
}

static void add_tenth(Staple *s, float *sum)
{
  begin(s);
  gboolean any = FALSE;
  for (gsize k = 0; k < s->n_some && !any; k++)
    any = s->w[k] > 0;
  if (!any)
    return; /* nobody reaches this tenth */
  for (int i = 0; i < MAX_ITERATIONS; i++) {
    maximise(s);
    if (expect(s) < CONVERGED)
      break;
  }
  for (gsize k = 0; k < s->n_some; k++)
    sum[k] += (float)s->w[k];
}

/** Nothing is where all who know a pixel call it 0, however little is thought of them. */
static gboolean is_drawn(const guint8 *const *planes, int n, gsize p)
{
  for (int i = 0; i < n; i++)
    if (planes[i][p] != 0 && planes[i][p] != IGNORE)
      return TRUE;
  return FALSE;
}

static gboolean fuse_staple(guint8 *out, const guint8 *const *planes, int n, gsize pixels, GError **error)
{
  g_autofree guint32 *some = g_try_new(guint32, pixels);
  g_autofree double *w = g_try_new(double, pixels);
  g_autofree float *sum = g_try_new0(float, pixels);
  if (!some || !w || !sum) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "fusion: no memory for %" G_GSIZE_FORMAT " pixels", pixels);
    return FALSE;
  }
  Staple s = {.n = n, .planes = planes, .some = some, .w = w};
  for (gsize p = 0; p < pixels; p++) {
    int known = 0, said = 0;
    for (int i = 0; i < n; i++) {
      known += planes[i][p] != IGNORE;
      said += planes[i][p] != 0;
    }
    out[p] = known ? 0 : IGNORE;
    if (known && said)
      some[s.n_some++] = (guint32)p;
    else
      s.n_none += known > 0;
  }
  for (int tenth = 0; tenth < TENTHS; tenth++) {
    s.percent = tenth * TENTHS;
    add_tenth(&s, sum);
  }
  for (gsize k = 0; k < s.n_some; k++)
    if (is_drawn(planes, n, some[k]))
      out[some[k]] = (guint8)CLAMP(TENTHS * sum[k] + 0.5f, 0.0f, 100.0f);
  return TRUE;
}

gboolean lus_fuse(guint8 *out, const guint8 *const *planes, int n, gsize pixels, LusFuseMethod method, GError **error)
{
  if (n < 1 || n > LUS_MAX_ANNOTATORS || pixels > G_MAXUINT32) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "fusion: %d annotators; there may be 1 to %d", n, LUS_MAX_ANNOTATORS);
    return FALSE;
  }
  if (method == LUS_FUSE_STAPLE)
    return fuse_staple(out, planes, n, pixels, error);
  fuse_pixels(out, planes, n, pixels, method);
  return TRUE;
}

void lus_scale_init(LusScale *scale)
{
  for (int q = 0; q < 256; q++)
    scale->to[q] = (guint8)q;
  scale->pixels = 0;
}

/** Pools adjacent violators: @value and @weight of @n blocks in, the fitted value of each out. */
static void pool(double *value, double *weight, int n)
{
  double mean[101], mass[101];
  int size[101], blocks = 0;
  for (int i = 0; i < n; i++) {
    mean[blocks] = value[i];
    mass[blocks] = weight[i];
    size[blocks++] = 1;
    for (; blocks > 1 && mean[blocks - 2] >= mean[blocks - 1]; blocks--) {
      double together = mass[blocks - 2] + mass[blocks - 1];
      mean[blocks - 2] = (mass[blocks - 2] * mean[blocks - 2] + mass[blocks - 1] * mean[blocks - 1]) / together;
      mass[blocks - 2] = together;
      size[blocks - 2] += size[blocks - 1];
    }
  }
  for (int b = 0, i = 0; b < blocks; b++)
    for (int k = 0; k < size[b]; k++)
      value[i++] = mean[b];
}

void lus_scale_fit(LusScale *scale, const double sum[101], const gint64 count[101])
{
  double at[102], value[101], weight[101], to[102] = {0};
  int n = 0;
  lus_scale_init(scale);
  for (int q = 1; q <= 100; q++) {
    if (count[q] <= 0)
      continue;
    at[n + 1] = q;
    value[n] = sum[q] / (double)count[q];
    weight[n++] = (double)count[q];
    scale->pixels += count[q];
  }
  if (n == 0)
    return;
  pool(value, weight, n);
  at[0] = 0;
  memcpy(to + 1, value, n * sizeof *value);
  if (at[n] < 100) {
    at[++n] = 100;
    to[n] = 100;
  }
  for (int q = 1, i = 1; q <= 100; q++) {
    while (at[i] < q)
      i++;
    double share = (q - at[i - 1]) / (at[i] - at[i - 1]);
    double percent = to[i - 1] + share * (to[i] - to[i - 1]);
    scale->to[q] = (guint8)CLAMP(percent + 0.5, 1.0, 100.0); /* who said something goes on saying it */
  }
}

void lus_scale_apply(guint8 *plane, gsize n, const LusScale *scale)
{
  for (gsize i = 0; i < n; i++)
    plane[i] = scale->to[plane[i]];
}
