/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/heads.h"
#include "lung/heads-file.h"
#include "nn/error.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define P LUS_EXAM_INPUT_N
#define COVERAGE 0.9
#define RANGE_MARGIN 1.0 /* sd an input may lie outside the range fitted on */
/* Penalties tried: 10^3, 10^2.5 ... 10^-3. The largest is the mean predictor in all but name. */
#define N_LAMBDAS 13

static double lambda_at(int index)
{
  return pow(10.0, 3.0 - 0.5 * index);
}

/** Standardisation and the normal equations of one set of exams. */
typedef struct {
  double mean[P], sd[P]; /* over the exams on which the input is known; sd 1 where it does not vary */
  double intercept;      /* mean S/F */
  double a[P][P], b[P];  /* Z'Z / n, Z'(y - intercept) / n */
} Normal;

typedef struct {
  const LusFitData *data;
  int p;
  int kept[P];           /* input indices */
  int n_groups;
  int *groups;           /* [n_groups] distinct ones */
  double *predicted;     /* [N_LAMBDAS][n], each by the other groups */
} Fit;

static double input_at(const Fit *fit, int exam, int k)
{
  return fit->data->inputs[exam][fit->kept[k]];
}

/** Means and standard deviations over the exams outside group number @left_out (no such group: all exams). */
static void standardise(Normal *normal, const Fit *fit, const int *left_out)
{
  for (int k = 0; k < fit->p; k++) {
    double sum = 0, squares = 0;
    int n = 0;
    for (int pass = 0; pass < 2; pass++)
      for (int i = 0; i < fit->data->n; i++) {
        double x = input_at(fit, i, k);
        if (isnan(x) || (left_out && fit->data->group[i] == *left_out))
          continue;
        if (pass == 0) {
          sum += x;
          n++;
        } else {
          squares += (x - sum / n) * (x - sum / n);
        }
      }
    normal->mean[k] = n ? sum / n : 0;
    double sd = n ? sqrt(squares / n) : 0;
    normal->sd[k] = sd > 1e-9 * (1 + fabs(normal->mean[k])) ? sd : 1;
  }
}

static double standardised(const Normal *normal, const Fit *fit, int exam, int k)
{
  double x = input_at(fit, exam, k);
  return isnan(x) ? 0 : (x - normal->mean[k]) / normal->sd[k];
}

static void build_normal(Normal *normal, const Fit *fit, const int *left_out)
{
  const LusFitData *data = fit->data;
  int n = 0;
  memset(normal, 0, sizeof(*normal));
  standardise(normal, fit, left_out);
  for (int i = 0; i < data->n; i++) {
    if (left_out && data->group[i] == *left_out)
      continue;
    normal->intercept += data->sf[i];
    n++;
  }
  normal->intercept /= n;
  for (int i = 0; i < data->n; i++) {
    if (left_out && data->group[i] == *left_out)
      continue;
    double z[P];
    for (int k = 0; k < fit->p; k++) {
      z[k] = standardised(normal, fit, i, k);
      normal->b[k] += z[k] * (data->sf[i] - normal->intercept) / n;
      for (int l = 0; l <= k; l++)
        normal->a[k][l] += z[k] * z[l] / n;
    }
  }
}

/** Solves (A + lambda I) w = b by Cholesky's decomposition; only A's lower triangle is read. */
static void solve(double *w, const Normal *normal, int p, double lambda)
{
  double l[P][P];
  for (int i = 0; i < p; i++) {
    for (int j = 0; j <= i; j++) {
      double sum = normal->a[i][j] + (i == j ? lambda : 0);
      for (int k = 0; k < j; k++)
        sum -= l[i][k] * l[j][k];
      l[i][j] = i == j ? sqrt(sum) : sum / l[j][j];
    }
    w[i] = normal->b[i];
    for (int k = 0; k < i; k++)
      w[i] -= l[i][k] * w[k];
    w[i] /= l[i][i];
  }
  for (int i = p - 1; i >= 0; i--) {
    for (int k = i + 1; k < p; k++)
      w[i] -= l[k][i] * w[k];
    w[i] /= l[i][i];
  }
}

/** Predicts every exam from the other patients' exams, for each penalty. */
static void leave_one_group_out(const Fit *fit)
{
  const LusFitData *data = fit->data;
  for (int g = 0; g < fit->n_groups; g++) {
    Normal normal;
    build_normal(&normal, fit, &fit->groups[g]);
    for (int l = 0; l < N_LAMBDAS; l++) {
      double w[P];
      solve(w, &normal, fit->p, lambda_at(l));
      for (int i = 0; i < data->n; i++) {
        if (data->group[i] != fit->groups[g])
          continue;
        double value = normal.intercept;
        for (int k = 0; k < fit->p; k++)
          value += w[k] * standardised(&normal, fit, i, k);
        fit->predicted[(gsize)l * (gsize)data->n + (gsize)i] = CLAMP(value, LUS_SF_MIN, LUS_SF_MAX);
      }
    }
  }
}

/** The penalty of least squared error; of equal ones the largest. */
static int best_lambda(const Fit *fit)
{
  int best = 0;
  double best_error = INFINITY;
  for (int l = 0; l < N_LAMBDAS; l++) {
    double error = 0;
    for (int i = 0; i < fit->data->n; i++) {
      double residual = fit->predicted[(gsize)l * (gsize)fit->data->n + (gsize)i] - fit->data->sf[i];
      error += residual * residual;
    }
    if (error < best_error) {
      best_error = error;
      best = l;
    }
  }
  return best;
}

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/** Copies what lies outside one group (NULL: everything) to @out, sorted; how many there are. */
static int sorted_others(double *out, const double *values, const Fit *fit, const int *left_out)
{
  int n = 0;
  for (int i = 0; i < fit->data->n; i++)
    if (!left_out || fit->data->group[i] != *left_out)
      out[n++] = values[i];
  qsort(out, (gsize)n, sizeof(double), compare_doubles);
  return n;
}

/** The ceil(0.9 (n + 1))-th smallest of @n sorted residuals, as in split conformal prediction (Lei et al. 2018). */
static double interval_half_width(const double *sorted, int n)
{
  int rank = (int)ceil(COVERAGE * (n + 1));
  return sorted[MIN(rank, n) - 1];
}

static void make_report(LusFitReport *report, double *residuals, double *scratch, const Fit *fit, int lambda)
{
  const LusFitData *data = fit->data;
  *report = (LusFitReport){.groups = fit->n_groups, .inputs = fit->p, .lambda = lambda_at(lambda)};
  for (int i = 0; i < data->n; i++) {
    residuals[i] = fabs(fit->predicted[(gsize)lambda * (gsize)data->n + (gsize)i] - data->sf[i]);
    report->mae += residuals[i] / data->n;
  }
  for (int g = 0; g < fit->n_groups; g++) {
    int n = sorted_others(scratch, data->sf, fit, &fit->groups[g]);
    double median = (scratch[(n - 1) / 2] + scratch[n / 2]) / 2;
    n = sorted_others(scratch, residuals, fit, &fit->groups[g]);
    double half_width = interval_half_width(scratch, n);
    for (int i = 0; i < data->n; i++) {
      if (data->group[i] != fit->groups[g])
        continue;
      report->mae_median_predictor += fabs(data->sf[i] - median) / data->n;
      report->coverage += (residuals[i] <= half_width ? 1.0 : 0.0) / data->n;
    }
  }
  report->half_width = interval_half_width(scratch, sorted_others(scratch, residuals, fit, NULL));
}

static json_t *input_object(const Fit *fit, const Normal *normal, int k, double weight)
{
  double low = INFINITY, high = -INFINITY;
  for (int i = 0; i < fit->data->n; i++) {
    double x = input_at(fit, i, k);
    if (isnan(x))
      continue;
    low = MIN(low, x);
    high = MAX(high, x);
  }
  return json_pack("{s:s, s:f, s:f, s:f, s:f, s:f}", "name", lus_exam_input_name(fit->kept[k]), "mean", normal->mean[k],
                   "sd", normal->sd[k], "low", low, "high", high, "weight", weight);
}

/** The head on all exams, as JSON text. */
static char *write_heads(const Fit *fit, const LusFitReport *report)
{
  const LusFitData *data = fit->data;
  Normal normal;
  double w[P];
  build_normal(&normal, fit, NULL);
  solve(w, &normal, fit->p, report->lambda);
  json_t *inputs = json_array();
  for (int k = 0; k < fit->p; k++)
    json_array_append_new(inputs, input_object(fit, &normal, k, w[k]));
  json_t *record = json_pack("{s:i, s:i, s:f, s:f, s:f, s:f}", "exams", data->n, "patients", report->groups, "lambda",
                             report->lambda, "mae", report->mae, "mae_median_predictor", report->mae_median_predictor,
                             "coverage", report->coverage);
  json_t *sf = json_pack("{s:o, s:f, s:f, s:f, s:i, s:i, s:o}", "inputs", inputs, "intercept", normal.intercept,
                         "half_width", report->half_width, "range_margin", RANGE_MARGIN, "zones", data->zones,
                         "min_zones", MIN(LUS_FIT_MIN_ZONES, data->zones), "fit", record);
  g_autofree char *command = g_utf8_make_valid(data->command ? data->command : "", -1);
  json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:s, s:f, s:{s:o}}", "schema", LUS_HEADS_SCHEMA, "notice", LUS_NOTICE,
                           "version", lus_version(), "command", command, "model_sha256", data->model_sha256,
                           "threshold", data->threshold, "heads", "sf", sf);
  char *dumped = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  char *text = dumped ? g_strconcat(dumped, "\n", NULL) : NULL;
  free(dumped);
  return text;
}

static gboolean refuse(GError **error, LusError code, const char *message)
{
  g_set_error_literal(error, LUS_ERROR, code, message);
  return FALSE;
}

static gboolean check_exam(const LusFitData *data, int exam, GError **error)
{
  if (!(data->sf[exam] >= LUS_SF_MIN && data->sf[exam] <= LUS_SF_MAX)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "exam %d: S/F %g lies outside %g to %g", exam, data->sf[exam],
                LUS_SF_MIN, LUS_SF_MAX);
    return FALSE;
  }
  for (int k = 0; k < P; k++) {
    if (isnan(data->inputs[exam][k]) || fabs(data->inputs[exam][k]) <= 1e6)
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "exam %d: input %s is %g, expected -1e6 to 1e6", exam,
                lus_exam_input_name(k), data->inputs[exam][k]);
    return FALSE;
  }
  return TRUE;
}

static gboolean check_data(const LusFitData *data, GError **error)
{
  if (data->n < LUS_FIT_MIN_EXAMS) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%d exams with features and outcome, at least %d are needed",
                data->n, LUS_FIT_MIN_EXAMS);
    return FALSE;
  }
  if (data->zones < 1 || data->zones > LUS_MAX_ZONES || !(data->threshold >= 0 && data->threshold <= 1))
    return refuse(error, LUS_ERROR_INVALID, "zones must be 1 to 16, the threshold 0 to 1");
  if (!data->model_sha256 || strlen(data->model_sha256) != 64)
    return refuse(error, LUS_ERROR_INVALID, "the SHA-256 of the model that measured the features is not known");
  for (int i = 0; i < data->n; i++)
    if (!check_exam(data, i, error))
      return FALSE;
  return TRUE;
}

/** Keeps the inputs that are known on half of the exams or more and vary; the others say nothing. */
static gboolean choose_inputs(Fit *fit, GError **error)
{
  const LusFitData *data = fit->data;
  for (int k = 0; k < P; k++) {
    int known = 0;
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < data->n; i++) {
      double x = data->inputs[i][k];
      if (isnan(x))
        continue;
      known++;
      low = MIN(low, x);
      high = MAX(high, x);
    }
    if (2 * known >= data->n && high - low > 1e-6 * (1 + fabs(low)))
      fit->kept[fit->p++] = k;
  }
  return fit->p > 0 ||
         refuse(error, LUS_ERROR_INVALID, "no input differs between the exams: there is nothing to learn from");
}

static int compare_ints(const void *a, const void *b)
{
  int x = *(const int *)a, y = *(const int *)b;
  return (x > y) - (x < y);
}

static gboolean find_groups(Fit *fit, GError **error)
{
  memcpy(fit->groups, fit->data->group, (gsize)fit->data->n * sizeof(int));
  qsort(fit->groups, (gsize)fit->data->n, sizeof(int), compare_ints);
  for (int i = 0; i < fit->data->n; i++)
    if (i == 0 || fit->groups[i] != fit->groups[fit->n_groups - 1])
      fit->groups[fit->n_groups++] = fit->groups[i];
  if (fit->n_groups >= LUS_FIT_MIN_GROUPS)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "exams of %d patients, at least %d are needed", fit->n_groups,
              LUS_FIT_MIN_GROUPS);
  return FALSE;
}

char *lus_heads_fit(const LusFitData *data, LusFitReport *report, GError **error)
{
  Fit fit = {.data = data};
  if (!check_data(data, error) || !choose_inputs(&fit, error))
    return NULL;
  gsize n = (gsize)data->n;
  g_autofree int *groups = fit.groups = g_try_malloc_n(n, sizeof(int));
  g_autofree double *predicted = fit.predicted = g_try_malloc_n(n * N_LAMBDAS, sizeof(double));
  g_autofree double *residuals = g_try_malloc_n(2 * n, sizeof(double));
  if (!groups || !predicted || !residuals) {
    refuse(error, LUS_ERROR_MEMORY, "no memory for the exams' residuals");
    return NULL;
  }
  if (!find_groups(&fit, error))
    return NULL;
  leave_one_group_out(&fit);
  make_report(report, residuals, residuals + n, &fit, best_lambda(&fit));
  char *text = write_heads(&fit, report);
  if (!text)
    refuse(error, LUS_ERROR_MEMORY, "no memory for the heads file");
  return text;
}
