/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Everything about a pair follows from how often one said a percent while the other said another: Dice, kappa and ICC at
 * any level, the scales, and the same again on the common scale. */
#include "learn/experts.h"
#include "learn/labels.h"
#include "learn/metrics.h"
#include "learn/target.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define STEPS 101 /* percents 0..100 */

/** [percent of the first][percent of the second] pixels. */
typedef struct {
  gint64 n[STEPS][STEPS];
} Joint;

/** How often each of a pair said each percent on one frame that both labelled, of the pixels that both know. */
typedef struct {
  guint32 n[2][STEPS];
} Histogram;

typedef struct {
  LusAgreement *result;
  int reference; /* -1: the mean of all */
  Joint *joints; /* [n_classes][n_pairs] */
  GArray **frames; /* [n_classes][n_pairs] of Histogram */
} Survey;

int lus_agreement_pair(const LusAgreement *agreement, int i, int j)
{
  return i * agreement->n_annotators - i * (i + 1) / 2 + j - i - 1;
}

void lus_agreement_free(LusAgreement *agreement)
{
  if (!agreement)
    return;
  g_strfreev(agreement->annotators);
  g_strfreev(agreement->classes);
  g_free(agreement->scales);
  g_free(agreement->own);
  g_free(agreement->common);
  g_free(agreement);
}

/* ---- Figures of one pair ---- */

typedef struct {
  double n, x, y, xx, yy, xy;
} Moments;

static void add_moment(Moments *m, double n, double x, double y)
{
  m->n += n;
  m->x += n * x;
  m->y += n * y;
  m->xx += n * x * x;
  m->yy += n * y * y;
  m->xy += n * x * y;
}

/** ICC(2,1) of two raters: two-way random effects, absolute agreement, single rating. */
static double intraclass(const Moments *m)
{
  if (m->n < 2)
    return NAN;
  double all = m->x + m->y, correction = all * all / (2 * m->n);
  double between = (m->xx + m->yy + 2 * m->xy) / 2 - correction;
  double raters = (m->x * m->x + m->y * m->y) / m->n - correction;
  double rest = m->xx + m->yy - correction - between - raters;
  double bms = between / (m->n - 1), ems = fmax(rest, 0) / (m->n - 1);
  double denominator = bms + ems + 2 * (raters - ems) / m->n;
  return denominator > 0 ? (bms - ems) / denominator : NAN;
}

/** Cohen 1960: agreement beyond what chance would give. */
static double cohen(double both, double a, double b, double all)
{
  double seen = (all - a - b + 2 * both) / all;
  double chance = (a * b + (all - a) * (all - b)) / (all * all);
  return chance < 1 ? (seen - chance) / (1 - chance) : NAN;
}

static void at_level(LusPairAgreement *out, const Joint *joint, int index)
{
  double level = 10.0 * index;
  gint64 both = 0, a = 0, b = 0, all = 0;
  for (int x = 0; x < STEPS; x++)
    for (int y = 0; y < STEPS; y++) {
      gint64 n = joint->n[x][y];
      gboolean first = lus_target_positive((guint8)x, level), second = lus_target_positive((guint8)y, level);
      all += n;
      a += first ? n : 0;
      b += second ? n : 0;
      both += first && second ? n : 0;
    }
  out->pixels = all;
  out->dice[index] = a + b > 0 ? lus_dice(both, a, b) : NAN;
  out->kappa[index] = all > 0 ? cohen((double)both, (double)a, (double)b, (double)all) : NAN;
}

static void summarise(LusPairAgreement *out, const Joint *joint)
{
  for (int i = 0; i < LUS_AGREEMENT_LEVELS; i++)
    at_level(out, joint, i);
  Moments m = {0};
  double difference = 0;
  for (int x = 1; x < STEPS; x++)
    for (int y = 1; y < STEPS; y++) {
      add_moment(&m, (double)joint->n[x][y], x, y);
      difference += (double)joint->n[x][y] * abs(x - y);
    }
  out->icc = intraclass(&m);
  out->difference = m.n > 0 ? difference / m.n : NAN;
}

/** The pair's pixels with both on the common scale. */
static void move(Joint *out, const Joint *joint, const LusScale *first, const LusScale *second)
{
  memset(out, 0, sizeof *out);
  for (int x = 0; x < STEPS; x++)
    for (int y = 0; y < STEPS; y++)
      out->n[first->to[x]][second->to[y]] += joint->n[x][y];
}

/** Area on one frame, each pixel counting by its percent; negative: no pixel. */
static double area(const guint32 histogram[STEPS], const LusScale *scale)
{
  double sum = 0, n = 0;
  for (int q = 0; q < STEPS; q++) {
    sum += (double)histogram[q] * scale->to[q] / 100;
    n += histogram[q];
  }
  return n > 0 ? sum : -1;
}

static void compare_areas(LusPairAgreement *out, const GArray *frames, const LusScale *first, const LusScale *second)
{
  Moments m = {0};
  for (guint f = 0; f < frames->len; f++) {
    const Histogram *pair = &g_array_index(frames, Histogram, f);
    double x = area(pair->n[0], first), y = area(pair->n[1], second);
    if (x >= 0)
      add_moment(&m, 1, x, y);
  }
  out->frames = (gint64)m.n;
  out->icc_area = intraclass(&m);
}

/* ---- Scales ---- */

/** What the second of a pair, or the first, said where the other said q, summed up. */
static void add_pair(double sum[STEPS], gint64 count[STEPS], const Joint *joint, gboolean transposed)
{
  for (int q = 1; q < STEPS; q++)
    for (int other = 1; other < STEPS; other++) {
      gint64 n = transposed ? joint->n[other][q] : joint->n[q][other];
      sum[q] += (double)n * other;
      count[q] += n;
    }
}

static void fit_scale(const Survey *s, int annotator)
{
  LusAgreement *r = s->result;
  double sum[STEPS] = {0};
  gint64 count[STEPS] = {0};
  lus_scale_init(&r->scales[annotator]);
  if (annotator == s->reference)
    return;
  for (int other = 0; other < r->n_annotators; other++) {
    if (other == annotator || (s->reference >= 0 && other != s->reference))
      continue;
    int pair = lus_agreement_pair(r, MIN(annotator, other), MAX(annotator, other));
    for (int k = 0; k < r->n_classes; k++)
      add_pair(sum, count, &s->joints[k * r->n_pairs + pair], annotator > other);
  }
  /* The mean of all n holds the annotator himself with 1 / n. */
  double own = s->reference < 0 ? 1.0 / r->n_annotators : 0;
  for (int q = 1; q < STEPS; q++)
    sum[q] = own * q * (double)count[q] + (1 - own) * sum[q];
  lus_scale_fit(&r->scales[annotator], sum, count);
}

/* ---- Reading ---- */

static void add_pair_frame(Joint *joint, GArray *frames, const guint8 *first, const guint8 *second, gsize pixels)
{
  g_array_set_size(frames, frames->len + 1);
  Histogram *histogram = &g_array_index(frames, Histogram, frames->len - 1);
  for (gsize p = 0; p < pixels; p++)
    if (first[p] < STEPS && second[p] < STEPS) {
      joint->n[first[p]][second[p]]++;
      histogram->n[0][first[p]]++;
      histogram->n[1][second[p]]++;
    }
}

static void add_frame(const Survey *s, int class_index, guint8 *const *planes, gsize pixels)
{
  const LusAgreement *r = s->result;
  for (int i = 0; i < r->n_annotators; i++)
    for (int j = i + 1; j < r->n_annotators; j++) {
      int index = class_index * r->n_pairs + lus_agreement_pair(r, i, j);
      if (planes[i] && planes[j])
        add_pair_frame(&s->joints[index], s->frames[index], planes[i], planes[j], pixels);
    }
}

static gboolean read_frame(const Survey *s, const LusDataset *dataset, const LusLabelled *labelled, gboolean *shared,
                           GError **error)
{
  const LusAgreement *r = s->result;
  guint8 *planes[LUS_AGREEMENT_MAX];
  for (int k = 0; k < r->n_classes; k++) {
    int width, height, labels = 0;
    if (!lus_labels_read(planes, &width, &height, dataset, r->annotators, labelled, k, error))
      return FALSE;
    for (int i = 0; i < r->n_annotators; i++)
      labels += planes[i] != NULL;
    if (labels > 1) {
      add_frame(s, k, planes, (gsize)width * height);
      *shared = TRUE;
    }
    lus_labels_clear(planes, r->n_annotators);
  }
  return TRUE;
}

static gboolean read_all(const Survey *s, const LusDataset *dataset, LusProgress progress, gpointer progress_data,
                         GError **error)
{
  gboolean shared = FALSE;
  for (int i = 0; i < dataset->n_clips; i++) {
    g_autoptr(GArray) labelled = g_array_new(FALSE, FALSE, sizeof(LusLabelled));
    lus_labels_find(labelled, dataset, s->result->annotators, &dataset->clips[i], FALSE);
    for (guint f = 0; f < labelled->len; f++)
      if (!read_frame(s, dataset, &g_array_index(labelled, LusLabelled, f), &shared, error))
        return FALSE;
    if (progress && !progress(progress_data, "comparing labels", i + 1, dataset->n_clips)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "comparing labels: stopped");
      return FALSE;
    }
  }
  if (!shared)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: no frame was labelled by two annotators; agreement and a common scale need some", dataset->path);
  return shared;
}

static gboolean survey_init(Survey *s, const LusDataset *dataset, const char *reference, GError **error)
{
  LusAgreement *r = s->result;
  r->annotators = lus_dataset_annotators(dataset, error);
  if (!r->annotators)
    return FALSE;
  r->n_annotators = (int)g_strv_length(r->annotators);
  r->n_classes = dataset->n_classes;
  r->classes = g_strdupv(dataset->classes);
  if (r->n_annotators < 2 || r->n_annotators > LUS_AGREEMENT_MAX) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %d annotators; agreement is among 2 to %d, chosen with --experts",
                dataset->path, r->n_annotators, LUS_AGREEMENT_MAX);
    return FALSE;
  }
  s->reference = -1;
  for (int i = 0; reference && i < r->n_annotators; i++)
    if (g_str_equal(reference, r->annotators[i]))
      s->reference = i;
  if (reference && s->reference < 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "reference '%s' is not among the annotators", reference);
    return FALSE;
  }
  r->n_pairs = r->n_annotators * (r->n_annotators - 1) / 2;
  gsize n = (gsize)r->n_classes * r->n_pairs;
  r->scales = g_new0(LusScale, r->n_annotators);
  r->own = g_new0(LusPairAgreement, n);
  r->common = g_new0(LusPairAgreement, n);
  s->frames = g_new0(GArray *, n);
  for (gsize k = 0; k < n; k++)
    s->frames[k] = g_array_new(FALSE, TRUE, sizeof(Histogram));
  s->joints = g_try_new0(Joint, n);
  if (!s->joints)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "agreement: no memory for %d pairs", r->n_pairs);
  return s->joints != NULL;
}

static void summarise_pair(const Survey *s, Joint *moved, int class_index, int i, int j)
{
  LusAgreement *r = s->result;
  int index = class_index * r->n_pairs + lus_agreement_pair(r, i, j);
  LusScale same;
  lus_scale_init(&same);
  summarise(&r->own[index], &s->joints[index]);
  compare_areas(&r->own[index], s->frames[index], &same, &same);
  move(moved, &s->joints[index], &r->scales[i], &r->scales[j]);
  summarise(&r->common[index], moved);
  compare_areas(&r->common[index], s->frames[index], &r->scales[i], &r->scales[j]);
}

LusAgreement *lus_agreement_measure(const LusDataset *dataset, const char *reference, LusProgress progress,
                                    gpointer progress_data, GError **error)
{
  Survey s = {.result = g_new0(LusAgreement, 1)};
  LusAgreement *r = s.result;
  g_autofree Joint *moved = g_new(Joint, 1);
  gboolean ok = survey_init(&s, dataset, reference, error) && read_all(&s, dataset, progress, progress_data, error);
  for (int i = 0; ok && i < r->n_annotators; i++)
    fit_scale(&s, i);
  for (int k = 0; ok && k < r->n_classes; k++)
    for (int i = 0; i < r->n_annotators; i++)
      for (int j = i + 1; j < r->n_annotators; j++)
        summarise_pair(&s, moved, k, i, j);
  for (int k = 0; s.frames && k < r->n_classes * r->n_pairs; k++)
    g_array_unref(s.frames[k]);
  g_free(s.frames);
  g_free(s.joints);
  if (!ok)
    g_clear_pointer(&s.result, lus_agreement_free);
  return s.result;
}
