/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/target.h"
#include "learn/samples.h"
#include "nn/error.h"
#include "nn/model.h"

#include <math.h>
#include <string.h>

#define DEFAULT_LEVEL 60.0
#define MAX_SIGMA 8
#define REACH 3 /* sigmas at which a Gaussian is cut off */
#define MAX_REACH (REACH * MAX_SIGMA)
#define PIECE 256 /* of a line being smoothed */
#define MAX_NUMBERS 2

/** Target and weight of a label of 0..100 percent. */
typedef struct {
  float value, weight;
} Pixel;

static Pixel hard(int percent, const LusTarget *t)
{
  return (Pixel){lus_target_positive((guint8)percent, t->level) ? 1.0f : 0.0f, 1.0f};
}

static Pixel soft(int percent, const LusTarget *t)
{
  (void)t;
  return (Pixel){(float)percent / 100.0f, 1.0f};
}

static Pixel weighted(int percent, const LusTarget *t)
{
  Pixel pixel = hard(percent, t);
  float share = (float)percent / 100.0f;
  pixel.weight = pixel.value > 0 ? share : 1.0f - share;
  return pixel;
}

static Pixel band(int percent, const LusTarget *t)
{
  Pixel pixel = hard(percent, t);
  if (pixel.value == 0 && percent > 0 && percent >= t->low)
    pixel.weight = 0;
  return pixel;
}

static Pixel ramp(int percent, const LusTarget *t)
{
  Pixel pixel = hard(percent, t);
  return pixel.value > 0 ? pixel : soft(percent, t);
}

/** The expected confidence in steps: the share of levels that the percent reaches. */
static Pixel steps(int percent, const LusTarget *t)
{
  return (Pixel){(float)(floor(percent * t->levels / 100) / t->levels), 1.0f};
}

typedef struct {
  const char *name; /* as written, upper case in the form */
  gsize offset;     /* of the double in LusTarget */
  double low, high, usual;
  gboolean whole;
} Number;

#define LEVEL {"LEVEL", G_STRUCT_OFFSET(LusTarget, level), 0, 100, DEFAULT_LEVEL, FALSE}
#define LOW {"LOW", G_STRUCT_OFFSET(LusTarget, low), 0, 100, 20, FALSE}
#define SIGMA {"SIGMA", G_STRUCT_OFFSET(LusTarget, sigma), 0.25, MAX_SIGMA, 1, FALSE}
#define LEVELS {"LEVELS", G_STRUCT_OFFSET(LusTarget, levels), 2, LUS_MAX_CLASSES, 5, TRUE}

static const struct {
  const char *name, *form, *summary;
  Number numbers[MAX_NUMBERS];
  Pixel (*pixel)(int percent, const LusTarget *target);
  gboolean graded;
} methods[LUS_TARGET_N] = {
  [LUS_TARGET_THRESHOLD] = {"threshold", "threshold:LEVEL", "1 where the label is at LEVEL percent or above, else 0",
                            {LEVEL}, hard, FALSE},
  [LUS_TARGET_SOFT] = {"soft", "soft", "the label's confidence itself", {{0}}, soft, TRUE},
  [LUS_TARGET_WEIGHTED] = {"weighted", "weighted:LEVEL",
                           "as threshold; each pixel weighs by how sure the label is of its side", {LEVEL}, weighted,
                           FALSE},
  [LUS_TARGET_IGNORE] = {"ignore", "ignore:LOW:LEVEL",
                         "1 from LEVEL percent up, 0 below LOW, what lies between is left out", {LOW, LEVEL}, band,
                         FALSE},
  [LUS_TARGET_SMOOTH] = {"smooth", "smooth:LEVEL:SIGMA",
                         "as threshold, borders softened by a Gaussian of SIGMA pixels", {LEVEL, SIGMA}, hard, FALSE},
  [LUS_TARGET_EXPERT] = {"expert", "expert:LEVEL",
                         "as threshold, each annotator's label a sample of its own instead of their mean", {LEVEL},
                         hard, FALSE},
  [LUS_TARGET_RAMP] = {"ramp", "ramp:LEVEL", "1 where the label is at LEVEL percent or above, else the label's confidence",
                       {LEVEL}, ramp, FALSE},
  [LUS_TARGET_ORDINAL] = {"ordinal", "ordinal:LEVELS",
                          "one output for each of LEVELS equal steps of confidence; the model gives their mean",
                          {LEVELS}, steps, TRUE},
};

const char *lus_target_form(LusTargetMethod method)
{
  return methods[method].form;
}

const char *lus_target_summary(LusTargetMethod method)
{
  return methods[method].summary;
}

gboolean lus_target_is_graded(const LusTarget *target)
{
  return methods[target->method].graded;
}

gboolean lus_target_positive(guint8 percent, double level)
{
  return percent > 0 && percent <= 100 && percent >= level;
}

static double *number_of(LusTarget *target, const Number *number)
{
  return G_STRUCT_MEMBER_P(target, number->offset);
}

static gboolean parse_number(LusTarget *target, const Number *number, const char *text, const char *part,
                             GError **error)
{
  char *end = NULL;
  double value = g_ascii_strtod(part, &end);
  gboolean fraction = number->high == 100 && value > 0 && value < 1; /* of percents: 0.6 was meant as 60 */
  if (!fraction && end != part && *end == 0 && value >= number->low && value <= number->high &&
      (!number->whole || value == floor(value))) {
    *number_of(target, number) = value;
    return TRUE;
  }
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "target '%s': '%s' is no %s, a %snumber of %g to %g; write for example %s:%g", text, part, number->name,
              number->whole ? "whole " : "", number->low, number->high, methods[target->method].name, number->usual);
  return FALSE;
}

static gboolean parse_numbers(LusTarget *target, const char *text, char **parts, GError **error)
{
  const Number *numbers = methods[target->method].numbers;
  for (int i = 0; parts[i]; i++) {
    if (i == MAX_NUMBERS || !numbers[i].name) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "target '%s': too many numbers; write %s", text,
                  methods[target->method].form);
      return FALSE;
    }
    if (!parse_number(target, &numbers[i], text, parts[i], error))
      return FALSE;
  }
  if (target->method == LUS_TARGET_IGNORE && target->low > target->level) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "target '%s': LOW lies above LEVEL; write for example ignore:20:60",
                text);
    return FALSE;
  }
  return TRUE;
}

gboolean lus_target_parse(LusTarget *target, const char *text, GError **error)
{
  g_auto(GStrv) parts = g_strsplit(text, ":", -1);
  g_autoptr(GString) known = g_string_new(NULL);
  for (int i = 0; i < LUS_TARGET_N; i++) {
    g_string_append_printf(known, "%s%s", i ? ", " : "", methods[i].form);
    if (!parts[0] || !g_str_equal(parts[0], methods[i].name))
      continue;
    *target = (LusTarget){.method = (LusTargetMethod)i, .level = DEFAULT_LEVEL};
    for (int k = 0; k < MAX_NUMBERS && methods[i].numbers[k].name; k++)
      *number_of(target, &methods[i].numbers[k]) = methods[i].numbers[k].usual;
    return parse_numbers(target, text, parts + 1, error);
  }
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "target '%s' is unknown; known are: %s", text, known->str);
  return FALSE;
}

char *lus_target_to_string(const LusTarget *target)
{
  GString *text = g_string_new(methods[target->method].name);
  LusTarget copy = *target;
  for (int k = 0; k < MAX_NUMBERS && methods[target->method].numbers[k].name; k++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(number, sizeof number, "%.6g", *number_of(&copy, &methods[target->method].numbers[k]));
    g_string_append_printf(text, ":%s", number);
  }
  return g_string_free(text, FALSE);
}

void lus_target_apply(float *target, float *weight, const guint8 *percents, gsize n, const LusTarget *method)
{
  Pixel of[256] = {{0}};
  for (int p = 0; p <= 100; p++)
    of[p] = methods[method->method].pixel(p, method);
  for (gsize i = 0; i < n; i++) {
    target[i] = of[percents[i]].value;
    weight[i] = of[percents[i]].weight;
  }
}

/** One line of @n values, @stride apart, becomes its convolution with half a kernel of @reach + 1 taps. What lies
 *  beyond the ends counts as nothing; lines are cut into pieces, so that the copy has a fixed size. */
static void blur_line(float *line, int n, gsize stride, const float *kernel, int reach)
{
  float copy[PIECE + 2 * MAX_REACH], before[MAX_REACH] = {0};
  for (int start = 0; start < n; start += PIECE) {
    int length = MIN(PIECE, n - start);
    for (int i = 0; i < reach; i++)
      copy[i] = before[i];
    for (int i = 0; i < length + reach; i++)
      copy[reach + i] = start + i < n ? line[(gsize)(start + i) * stride] : 0;
    for (int i = 0; i < reach; i++)
      before[i] = length >= reach ? copy[length + i] : 0; /* a short piece is the last one */
    for (int i = 0; i < length; i++) {
      const float *c = copy + reach + i;
      float sum = kernel[0] * c[0];
      for (int k = 1; k <= reach; k++)
        sum += kernel[k] * (c[-k] + c[k]);
      line[(gsize)(start + i) * stride] = sum;
    }
  }
}

static void blur(float *plane, int width, int height, const float *kernel, int reach)
{
  for (int y = 0; y < height; y++)
    blur_line(plane + (gsize)y * width, width, 1, kernel, reach);
  for (int x = 0; x < width; x++)
    blur_line(plane + x, height, (gsize)width, kernel, reach);
}

/** Normalised convolution: the mean over the known neighbours, G * (w t) / G * w. */
static void smooth(float *target, float *weight, const guint8 *percents, int width, int height, double sigma)
{
  float kernel[MAX_REACH + 1];
  int reach = (int)ceil(REACH * sigma);
  for (int k = 0; k <= reach; k++)
    kernel[k] = (float)exp(-0.5 * k * k / (sigma * sigma));
  blur(target, width, height, kernel, reach);
  blur(weight, width, height, kernel, reach);
  for (gsize i = 0; i < (gsize)width * height; i++) {
    gboolean known = percents[i] <= 100;
    target[i] = known ? fminf(target[i] / weight[i], 1.0f) : 0.0f;
    weight[i] = known ? 1.0f : 0.0f;
  }
}

void lus_target_planes(float *target, float *weight, const guint8 *percents, int planes, int width, int height,
                       const LusTarget *method)
{
  gsize pixels = (gsize)width * height;
  lus_target_apply(target, weight, percents, pixels * planes, method);
  for (int k = 0; method->method == LUS_TARGET_SMOOTH && k < planes; k++)
    smooth(target + k * pixels, weight + k * pixels, percents + k * pixels, width, height, method->sigma);
}

static gboolean check_levels(int n_classes, int levels, GError **error)
{
  if (n_classes >= 1 && levels >= 1 && n_classes <= LUS_MAX_CLASSES / levels)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT,
              "%d classes of %d levels are %d outputs; a network has at most %d, so write ordinal:%d", n_classes, levels,
              n_classes * levels, LUS_MAX_CLASSES, MAX(LUS_MAX_CLASSES / MAX(n_classes, 1), 2));
  return FALSE;
}

LusSamples *lus_target_expand(const LusSamples *samples, int levels, GError **error)
{
  if (!check_levels(samples->n_classes, levels, error))
    return NULL;
  LusSamples *expanded = lus_samples_new(samples->n, samples->n_classes * levels, samples->width, samples->height, error);
  if (!expanded)
    return NULL;
  gsize pixels = (gsize)samples->width * samples->height, planes = (gsize)samples->n * samples->n_classes;
  memcpy(expanded->luma, samples->luma, samples->n * pixels);
  memcpy(expanded->group, samples->group, samples->n * sizeof *samples->group);
  for (int i = 0; i < samples->n; i++)
    expanded->names[i] = g_strdup(samples->names[i]);
  for (gsize plane = 0; plane < planes; plane++)
    for (int j = 1; j <= levels; j++) {
      const guint8 *in = samples->labels + plane * pixels;
      guint8 *out = expanded->labels + (plane * levels + j - 1) * pixels;
      for (gsize i = 0; i < pixels; i++)
        out[i] = in[i] > 100 ? in[i] : in[i] * levels >= 100 * j ? 100 : 0;
    }
  return expanded;
}

gboolean lus_target_fold(LusGraph *graph, int n_classes, int levels, GError **error)
{
  if (!check_levels(n_classes, levels, error))
    return FALSE;
  LusTensor *mean = lus_tensor_new(4, (int[]){n_classes, n_classes * levels, 1, 1}, error);
  if (!mean)
    return FALSE;
  for (int k = 0; k < n_classes; k++)
    for (int i = 0; i < n_classes * levels; i++)
      mean->data[k * n_classes * levels + i] = i / levels == k ? 1.0f / (float)levels : 0.0f;
  LusOpAttrs attrs = lus_op_attrs_default();
  int shares = lus_graph_add_node(graph, LUS_OP_SIGMOID, "levels", 1, (int[]){graph->output}, &attrs);
  attrs.kernel[0] = attrs.kernel[1] = 1;
  int weight = lus_graph_add_constant(graph, "levels.mean", mean);
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_CONV, "confidence", 2, (int[]){shares, weight}, &attrs));
  return TRUE;
}
