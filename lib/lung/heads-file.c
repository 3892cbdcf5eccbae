/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/heads-file.h"
#include "nn/error.h"
#include "nn/file.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/** Sets LUS_ERROR_INVALID: the file, the place in it, what is wrong, and what to do. */
G_GNUC_PRINTF(4, 5)
static gboolean refuse(GError **error, const char *path, const char *place, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *problem = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s: %s; make the file anew with 'lus fit'", path, place,
              problem);
  return FALSE;
}

static gboolean in_range(double value, double low, double high, const char *name, const char *place, const char *path,
                         GError **error)
{
  if (value >= low && value <= high)
    return TRUE;
  return refuse(error, path, place, "%s is %g, expected %g to %g", name, value, low, high);
}

static int input_from_name(const char *name)
{
  for (int i = 0; i < LUS_EXAM_INPUT_N; i++)
    if (g_str_equal(lus_exam_input_name(i), name))
      return i;
  return -1;
}

static gboolean read_input(LusHead *head, json_t *json, const char *place, const char *path, GError **error)
{
  LusHeadInput *input = &head->inputs[head->n_inputs];
  const char *name;
  json_error_t problem;
  if (json_unpack_ex(json, &problem, JSON_STRICT, "{s:s, s:F, s:F, s:F, s:F, s:F}", "name", &name, "mean", &input->mean,
                     "sd", &input->sd, "low", &input->low, "high", &input->high, "weight", &input->weight) != 0)
    return refuse(error, path, place, "%s", problem.text);
  input->index = input_from_name(name);
  if (input->index < 0)
    return refuse(error, path, place, "unknown input '%s'", name);
  for (int i = 0; i < head->n_inputs; i++)
    if (head->inputs[i].index == input->index)
      return refuse(error, path, place, "input '%s' stands there twice", name);
  head->n_inputs++;
  return in_range(input->mean, -1e6, 1e6, "mean", place, path, error) &&
         in_range(input->sd, 1e-12, 1e6, "sd", place, path, error) &&
         in_range(input->low, -1e6, 1e6, "low", place, path, error) &&
         in_range(input->high, input->low, 1e6, "high", place, path, error) &&
         in_range(input->weight, -1e6, 1e6, "weight", place, path, error);
}

static gboolean read_inputs(LusHead *head, json_t *inputs, const char *path, GError **error)
{
  gsize n = json_array_size(inputs);
  if (!json_is_array(inputs) || n < 1 || n > LUS_EXAM_INPUT_N)
    return refuse(error, path, "heads.sf.inputs", "expected an array of 1 to %d inputs", LUS_EXAM_INPUT_N);
  for (gsize i = 0; i < n; i++) {
    g_autofree char *place = g_strdup_printf("heads.sf.inputs[%" G_GSIZE_FORMAT "]", i);
    if (!read_input(head, json_array_get(inputs, i), place, path, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_sf(LusHead *head, json_t *json, const char *path, GError **error)
{
  const char *place = "heads.sf";
  json_t *inputs, *fit;
  json_int_t zones, min_zones;
  json_error_t problem;
  if (json_unpack_ex(json, &problem, JSON_STRICT, "{s:o, s:F, s:F, s:F, s:I, s:I, s:o}", "inputs", &inputs, "intercept",
                     &head->intercept, "half_width", &head->half_width, "range_margin", &head->range_margin, "zones",
                     &zones, "min_zones", &min_zones, "fit", &fit) != 0)
    return refuse(error, path, place, "%s", problem.text);
  head->zones = (int)CLAMP(zones, 0, LUS_MAX_ZONES + 1);
  head->min_zones = (int)CLAMP(min_zones, 0, LUS_MAX_ZONES + 1);
  return in_range(head->intercept, LUS_SF_MIN, LUS_SF_MAX, "intercept", place, path, error) &&
         in_range(head->half_width, 0, LUS_SF_MAX, "half_width", place, path, error) &&
         in_range(head->range_margin, 0, 10, "range_margin", place, path, error) &&
         in_range((double)zones, 1, LUS_MAX_ZONES, "zones", place, path, error) &&
         in_range((double)min_zones, 1, head->zones, "min_zones", place, path, error) &&
         read_inputs(head, inputs, path, error);
}

static gboolean is_sha256(const char *text)
{
  return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static gboolean read_heads(LusHeads *heads, json_t *json, const char *path, GError **error)
{
  json_int_t schema;
  const char *notice, *version, *command, *model;
  json_t *sf;
  json_error_t problem;
  /* The schema first: a file of another one fails for that reason, not for its keys. */
  if (json_unpack_ex(json, &problem, 0, "{s:I}", "schema", &schema) != 0)
    return refuse(error, path, "schema", "%s", problem.text);
  if (schema != LUS_HEADS_SCHEMA)
    return refuse(error, path, "schema", "%" JSON_INTEGER_FORMAT " is another version than %d", schema,
                  LUS_HEADS_SCHEMA);
  if (json_unpack_ex(json, &problem, JSON_STRICT, "{s:I, s:s, s:s, s:s, s:s, s:F, s:{s:o!}}", "schema", &schema,
                     "notice", &notice, "version", &version, "command", &command, "model_sha256", &model, "threshold",
                     &heads->threshold, "heads", "sf", &sf) != 0)
    return refuse(error, path, "top level", "%s", problem.text);
  if (!is_sha256(model))
    return refuse(error, path, "model_sha256", "expected 64 hexadecimal digits");
  heads->model_sha256 = g_strdup(model);
  return in_range(heads->threshold, 0, 1, "threshold", "top level", path, error) &&
         read_sf(&heads->sf, sf, path, error);
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
