/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/heads-file.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/refuse.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OF_LEVEL "level"
#define OF_DIFFERENCE "difference"

#define refuse(error, path, place, ...) lus_refuse(error, path, place, "make the file anew with 'lus fit'", __VA_ARGS__)

static const char *const task_names[LUS_TASK_N] = {"sf", "change", "readmission"};

const char *lus_task_name(LusTask task)
{
  return task_names[task];
}

int lus_task_from_name(const char *name)
{
  for (int i = 0; i < LUS_TASK_N; i++)
    if (g_str_equal(task_names[i], name))
      return i;
  return -1;
}

int lus_change_class(double difference)
{
  return difference < -LUS_CHANGE_DEAD_BAND ? LUS_CHANGE_LOWER
         : difference > LUS_CHANGE_DEAD_BAND ? LUS_CHANGE_HIGHER
                                             : LUS_CHANGE_SAME;
}

static gboolean in_range(double value, double low, double high, const char *name, const char *place, const char *path,
                         GError **error)
{
  if (value >= low && value <= high)
    return TRUE;
  return refuse(error, path, place, "%s is %g, expected %g to %g", name, value, low, high);
}

static gboolean read_input(LusHead *head, json_t *json, const char *place, const char *path, GError **error)
{
  LusHeadInput *input = &head->inputs[head->n_inputs];
  const char *name, *of;
  json_error_t problem;
  if (json_unpack_ex(json, &problem, JSON_STRICT, "{s:s, s:s, s:F, s:F, s:F, s:F, s:F}", "name", &name, "of", &of, "mean",
                     &input->mean, "sd", &input->sd, "low", &input->low, "high", &input->high, "weight",
                     &input->weight) != 0)
    return refuse(error, path, place, "%s", problem.text);
  input->index = lus_exam_input_from_name(name);
  if (input->index < 0)
    return refuse(error, path, place, "unknown input '%s'", name);
  input->difference = g_str_equal(of, OF_DIFFERENCE);
  if (!input->difference && !g_str_equal(of, OF_LEVEL))
    return refuse(error, path, place, "of is '%s', expected " OF_LEVEL " or " OF_DIFFERENCE, of);
  for (int i = 0; i < head->n_inputs; i++)
    if (head->inputs[i].index == input->index && head->inputs[i].difference == input->difference)
      return refuse(error, path, place, "input '%s' stands there twice", name);
  head->n_inputs++;
  return in_range(input->mean, -1e6, 1e6, "mean", place, path, error) &&
         in_range(input->sd, 1e-12, 1e6, "sd", place, path, error) &&
         in_range(input->low, -1e6, 1e6, "low", place, path, error) &&
         in_range(input->high, input->low, 1e6, "high", place, path, error) &&
         in_range(input->weight, -1e6, 1e6, "weight", place, path, error);
}

static gboolean read_inputs(LusHead *head, json_t *inputs, const char *place, const char *path, GError **error)
{
  gsize n = json_array_size(inputs);
  if (!json_is_array(inputs) || n < 1 || n > 2 * LUS_EXAM_INPUT_N)
    return refuse(error, path, "heads", "%s.inputs: expected an array of 1 to %d inputs", place, 2 * LUS_EXAM_INPUT_N);
  head->inputs = g_new0(LusHeadInput, n);
  for (gsize i = 0; i < n; i++) {
    g_autofree char *at = g_strdup_printf("%s.inputs[%" G_GSIZE_FORMAT "]", place, i);
    if (!read_input(head, json_array_get(inputs, i), at, path, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_zones_line(LusHeadZones *zones, LusTask task, json_t *json, const char *place, const char *path,
                                GError **error)
{
  json_error_t problem;
  int failed;
  if (task == LUS_TASK_SF)
    failed = json_unpack_ex(json, &problem, JSON_STRICT, "{s:F, s:F, s:F}", "offset", &zones->offset, "slope",
                            &zones->slope, "half_width", &zones->half_width);
  else if (task == LUS_TASK_CHANGE)
    failed = json_unpack_ex(json, &problem, JSON_STRICT, "{s:[F, F!], s:F, s?:[F, F!]}", "cuts", &zones->cuts[0],
                            &zones->cuts[1], "slope", &zones->slope, "borders", &zones->borders[0], &zones->borders[1]);
  else
    failed = json_unpack_ex(json, &problem, JSON_STRICT, "{s:F, s:F, s:[F, F, F!]}", "offset", &zones->offset, "slope",
                            &zones->slope, "variance", &zones->variance[0], &zones->variance[1], &zones->variance[2]);
  if (failed)
    return refuse(error, path, place, "%s", problem.text);
  zones->has_borders = json_object_get(json, "borders") != NULL;
  gboolean done = in_range(zones->offset, -1e4, 1e4, "offset", place, path, error) &&
                  in_range(zones->slope, -1e3, 1e3, "slope", place, path, error) &&
                  in_range(zones->half_width, 0, LUS_SF_MAX, "half_width", place, path, error) &&
                  in_range(zones->cuts[0], -1e3, 1e3, "cuts", place, path, error) &&
                  in_range(zones->cuts[1], zones->cuts[0], 1e3, "cuts", place, path, error) &&
                  in_range(zones->borders[0], -1e6, 1e6, "borders", place, path, error) &&
                  in_range(zones->borders[1], zones->borders[0], 1e6, "borders", place, path, error);
  for (int i = 0; done && i < 3; i++)
    done = in_range(zones->variance[i], -1e6, 1e6, "variance", place, path, error);
  return done;
}

static gboolean read_by_zones(LusHead *head, LusTask task, json_t *lines, const char *place, const char *path,
                              GError **error)
{
  if (!json_is_array(lines) || json_array_size(lines) != (gsize)head->zones)
    return refuse(error, path, place, "by_zones: expected one line for each of %d zones", head->zones);
  for (int i = 0; i < head->zones; i++) {
    g_autofree char *at = g_strdup_printf("%s.by_zones[%d]", place, i);
    if (!read_zones_line(&head->by_zones[i], task, json_array_get(lines, (gsize)i), at, path, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_head(LusHead *head, LusTask task, json_t *json, const char *path, GError **error)
{
  g_autofree char *place = g_strdup_printf("heads.%s", lus_task_name(task));
  json_t *inputs, *by_zones, *fit;
  json_int_t zones, min_zones;
  json_error_t problem;
  if (json_unpack_ex(json, &problem, JSON_STRICT, "{s:o, s:F, s:F, s:I, s:I, s:o, s:o}", "inputs", &inputs, "intercept",
                     &head->intercept, "range_margin", &head->range_margin, "zones", &zones, "min_zones", &min_zones,
                     "by_zones", &by_zones, "fit", &fit) != 0)
    return refuse(error, path, place, "%s", problem.text);
  head->zones = (int)CLAMP(zones, 0, LUS_MAX_ZONES + 1);
  head->min_zones = (int)CLAMP(min_zones, 0, LUS_MAX_ZONES + 1);
  char *text = json_dumps(fit, JSON_ENCODE_ANY | JSON_COMPACT);
  head->fit = g_strdup(text);
  free(text);
  return in_range(head->intercept, -1e4, 1e4, "intercept", place, path, error) &&
         in_range(head->range_margin, 0, 100, "range_margin", place, path, error) &&
         in_range((double)zones, 1, LUS_MAX_ZONES, "zones", place, path, error) &&
         in_range((double)min_zones, 1, head->zones, "min_zones", place, path, error) &&
         read_by_zones(head, task, by_zones, place, path, error) && read_inputs(head, inputs, place, path, error);
}

static gboolean read_profile_values(double out[LUS_FEATURE_N], json_t *json, const char *place, const char *path,
                                    GError **error)
{
  const char *name;
  json_t *value;
  for (int f = 0; f < LUS_FEATURE_N; f++)
    out[f] = NAN;
  if (!json_is_object(json))
    return refuse(error, path, place, "expected an object of features");
  json_object_foreach(json, name, value) {
    int f = lus_feature_from_name(name);
    if (f < 0 || !json_is_number(value))
      return refuse(error, path, place, "'%s' is no feature, or its value no number", name);
    out[f] = json_number_value(value);
    if (!in_range(out[f], -1e6, 1e6, name, place, path, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_profile(LusZoneProfile *profile, json_t *json, const char *path, GError **error)
{
  const char *zone;
  json_t *object, *features, *peaks;
  json_error_t problem;
  if (!json_is_object(json) || json_object_size(json) > LUS_MAX_ZONES)
    return refuse(error, path, "profile", "expected an object of at most %d zones", LUS_MAX_ZONES);
  json_object_foreach(json, zone, object) {
    g_autofree char *place = g_strdup_printf("profile.%s", zone);
    int i = profile->n++;
    if (strlen(zone) >= LUS_ZONE_LENGTH)
      return refuse(error, path, place, "the zone's name is longer than %d letters", LUS_ZONE_LENGTH - 1);
    g_strlcpy(profile->zones[i], zone, LUS_ZONE_LENGTH);
    if (json_unpack_ex(object, &problem, JSON_STRICT, "{s:o, s:o}", "features", &features, "features_p90", &peaks) != 0)
      return refuse(error, path, place, "%s", problem.text);
    if (!read_profile_values(profile->features[i], features, place, path, error) ||
        !read_profile_values(profile->peaks[i], peaks, place, path, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_tasks(LusHeads *heads, json_t *json, const char *path, GError **error)
{
  const char *name;
  json_t *object;
  if (!json_is_object(json) || json_object_size(json) == 0)
    return refuse(error, path, "heads", "expected one of sf, change and readmission at least");
  json_object_foreach(json, name, object) {
    int task = lus_task_from_name(name);
    if (task < 0)
      return refuse(error, path, "heads", "unknown task '%s'", name);
    if (!read_head(&heads->heads[task], (LusTask)task, object, path, error))
      return FALSE;
  }
  return TRUE;
}

/** Video networks lie beside the file. */
static gboolean read_networks(LusHeads *heads, json_t *json, const char *path, GError **error)
{
  const char *name, *file, *sha256;
  json_t *object;
  json_error_t problem;
  g_autofree char *folder = g_path_get_dirname(path);
  if (json && !json_is_object(json))
    return refuse(error, path, "networks", "expected an object");
  json_object_foreach(json, name, object) {
    int task = lus_task_from_name(name);
    if (task < 0)
      return refuse(error, path, "networks", "unknown task '%s'", name);
    if (json_unpack_ex(object, &problem, JSON_STRICT, "{s:s, s:s}", "file", &file, "sha256", &sha256) != 0)
      return refuse(error, path, "networks", "%s", problem.text);
    if (!lus_is_sha256(sha256) || strchr(file, G_DIR_SEPARATOR))
      return refuse(error, path, "networks", "expected a file's name without folder, and 64 hexadecimal digits");
    heads->networks[task].path = g_build_filename(folder, file, NULL);
    heads->networks[task].sha256 = g_strdup(sha256);
  }
  return TRUE;
}

static gboolean read_heads(LusHeads *heads, json_t *json, const char *path, GError **error)
{
  json_int_t schema;
  const char *notice, *version, *command, *model;
  json_t *tasks, *profile, *networks = NULL;
  json_error_t problem;
  if (!json_object_get(json, "heads")) /* such as an exam.json, which has a schema too */
    return refuse(error, path, "top level", "no 'heads': this is no heads file");
  /* The schema before the rest: a file of another one fails for that reason, not for its keys. */
  if (json_unpack_ex(json, &problem, 0, "{s:I}", "schema", &schema) != 0)
    return refuse(error, path, "schema", "%s", problem.text);
  if (schema != LUS_HEADS_SCHEMA)
    return refuse(error, path, "schema", "%" JSON_INTEGER_FORMAT " is another version than %d", schema,
                  LUS_HEADS_SCHEMA);
  if (json_unpack_ex(json, &problem, JSON_STRICT, "{s:I, s:s, s:s, s:s, s:s, s:F, s:o, s:o, s?o}", "schema", &schema, "notice",
                     &notice, "version", &version, "command", &command, "model_sha256", &model, "threshold",
                     &heads->threshold, "profile", &profile, "heads", &tasks, "networks", &networks) != 0)
    return refuse(error, path, "top level", "%s", problem.text);
  if (!lus_is_sha256(model))
    return refuse(error, path, "model_sha256", "expected 64 hexadecimal digits");
  heads->model_sha256 = g_strdup(model);
  return in_range(heads->threshold, 0, 1, "threshold", "top level", path, error) &&
         read_profile(&heads->profile, profile, path, error) && read_tasks(heads, tasks, path, error) &&
         read_networks(heads, networks, path, error);
}

LusHeads *lus_heads_load(const char *path, GError **error)
{
  gsize length;
  g_autofree guint8 *data = lus_file_read(path, LUS_HEADS_MAX_BYTES, &length, error);
  if (!data)
    return NULL;
  json_error_t problem;
  json_t *json = json_loadb((const char *)data, length, JSON_REJECT_DUPLICATES, &problem);
  if (!json) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: not valid JSON: %s; make the file anew with 'lus fit'",
                path, problem.line, problem.text);
    return NULL;
  }
  g_autoptr(LusHeads) heads = g_new0(LusHeads, 1);
  atomic_init(&heads->references, 1);
  heads->sha256 = lus_sha256(data, length);
  gboolean done = read_heads(heads, json, path, error);
  json_decref(json);
  return done ? g_steal_pointer(&heads) : NULL;
}

LusHeads *lus_heads_ref(LusHeads *heads)
{
  atomic_fetch_add_explicit(&heads->references, 1, memory_order_relaxed);
  return heads;
}

void lus_heads_unref(LusHeads *heads)
{
  if (!heads || atomic_fetch_sub_explicit(&heads->references, 1, memory_order_acq_rel) != 1)
    return;
  for (int i = 0; i < LUS_TASK_N; i++) {
    g_free(heads->heads[i].inputs);
    g_free(heads->heads[i].fit);
    g_free(heads->networks[i].path);
    g_free(heads->networks[i].sha256);
  }
  g_free(heads->sha256);
  g_free(heads->model_sha256);
  g_free(heads);
}

const char *lus_heads_sha256(const LusHeads *heads)
{
  return heads->sha256;
}

double lus_heads_threshold(const LusHeads *heads)
{
  return heads->threshold;
}

gboolean lus_heads_suit(const LusHeads *heads, const char *model_sha256)
{
  return g_str_equal(heads->model_sha256, model_sha256);
}

/** Heaviest first. */
static int compare_inputs(const void *a, const void *b)
{
  const LusHeadInput *x = *(LusHeadInput *const *)a, *y = *(LusHeadInput *const *)b;
  return fabs(x->weight) > fabs(y->weight) ? -1 : fabs(x->weight) < fabs(y->weight);
}

static void describe_inputs(GString *out, const LusHead *head)
{
  g_autofree const LusHeadInput **order = g_new(const LusHeadInput *, head->n_inputs);
  for (int i = 0; i < head->n_inputs; i++)
    order[i] = &head->inputs[i];
  qsort(order, (gsize)head->n_inputs, sizeof(*order), compare_inputs);
  g_string_append_printf(out, "  %-32s %-10s %10s %10s %10s\n", "input", "of", "weight", "mean", "sd");
  for (int i = 0; i < head->n_inputs; i++)
    g_string_append_printf(out, "  %-32s %-10s %10.4g %10.4g %10.4g\n", lus_exam_input_name(order[i]->index),
                           order[i]->difference ? OF_DIFFERENCE : OF_LEVEL, order[i]->weight, order[i]->mean,
                           order[i]->sd);
}

static void describe_change(GString *out, const LusHeadZones *z)
{
  g_string_append_printf(out, "cuts %.3g, %.3g, slope %.3g", z->cuts[0], z->cuts[1], z->slope);
  if (z->has_borders)
    g_string_append_printf(out, "; lower up to slope e = %.3g, higher from %.3g on", z->borders[0], z->borders[1]);
  g_string_append_c(out, '\n');
}

static void describe_zones(GString *out, const LusHead *head, LusTask task)
{
  for (int i = 0; i < head->zones; i++) {
    const LusHeadZones *z = &head->by_zones[i];
    g_string_append_printf(out, "  %d of %d zones: ", i + 1, head->zones);
    if (task == LUS_TASK_SF)
      g_string_append_printf(out, "%.4g + %.3g e, 90 %% interval +-%.3g\n", z->offset, z->slope, z->half_width);
    else if (task == LUS_TASK_CHANGE)
      describe_change(out, z);
    else
      g_string_append_printf(out, "log odds %.3g + %.3g e\n", z->offset, z->slope);
  }
}

char *lus_heads_describe(const LusHeads *heads)
{
  static const char *const titles[LUS_TASK_N] = {
    "S/F value; e: sum of weight (input - mean) / sd, and the intercept",
    "S/F change; log odds of a class no higher: cut - slope e",
    "readmission within 30 days; log odds"};
  GString *out = g_string_new(NULL);
  g_string_append_printf(out, "heads of model %s, masks at %g\n", heads->model_sha256, heads->threshold);
  for (int i = 0; i < LUS_TASK_N; i++) {
    const LusHead *head = &heads->heads[i];
    if (head->n_inputs == 0)
      continue;
    g_string_append_printf(out, "\n%s: %s (intercept %.4g)\n", lus_task_name((LusTask)i), titles[i], head->intercept);
    describe_inputs(out, head);
    describe_zones(out, head, (LusTask)i);
    g_string_append_printf(out, "  needs %d of %d zones\n  fit: %s\n", head->min_zones, head->zones, head->fit);
  }
  for (int i = 0; i < LUS_TASK_N; i++)
    if (heads->networks[i].path)
      g_string_append_printf(out, "\n%s: video network %s, SHA-256 %s\n", lus_task_name((LusTask)i),
                             heads->networks[i].path, heads->networks[i].sha256);
  return g_string_free(out, FALSE);
}
