/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/clip-network-file.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "nn/file.h"
#include "nn/onnx.h"
#include "nn/refuse.h"

#define MAX_BYTES ((gsize)64 << 20)
#define KEY LUS_VIDEO_METADATA
#define TRAINING "lus.training"

#define refuse(error, path, ...) lus_refuse(error, path, NULL, "make the file anew with 'lus fit --network'", __VA_ARGS__)

static json_t *numbers(const float *values, int n)
{
  json_t *array = json_array();
  for (int i = 0; i < n; i++)
    json_array_append_new(array, json_real((double)values[i]));
  return array;
}

static json_t *head_to_json(const LusVideoHead *head)
{
  json_t *weights = json_array();
  for (int o = 0; o < lus_video_outputs(head->task); o++)
    json_array_append_new(weights, numbers(head->weight[o], lus_video_inputs(head)));
  return json_pack(
    "{s:s, s:i, s:i, s:i, s:b, s:o, s:o, s:o, s:[f,f], s:f, s:[f,f], s:[f,f], s:[f,f,f], s:f, s:i, s:i, s:s}", "task",
    lus_task_name(head->task), "embedding", head->embedding, "frames", head->frames, "classes", head->classes,
    "grey", head->grey, "zone_bias", numbers(head->zone_bias, LUS_VIDEO_ZONES), "weight", weights, "bias",
    numbers(head->bias, lus_video_outputs(head->task)), "scale", head->mean, head->sd, "half_width", head->half_width,
    "range", head->low, head->high, "calibration", head->slope, head->intercept, "covariance", head->covariance[0],
    head->covariance[1], head->covariance[2], "dead_band", LUS_CHANGE_DEAD_BAND, "zones", head->zones, "min_zones",
    head->min_zones, "model_sha256", head->model_sha256);
}

gboolean lus_clip_network_write(const LusGraph *graph, const LusVideoHead *head, const char *record, const char *path,
                                GError **error)
{
  json_t *json = head_to_json(head);
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  if (!text) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the network's head holds numbers that are not finite", path);
    return FALSE;
  }
  g_autoptr(GHashTable) metadata = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
  g_hash_table_insert(metadata, (gpointer)KEY, g_strdup(text));
  g_hash_table_insert(metadata, (gpointer)"lus.version", g_strdup(lus_version()));
  g_hash_table_insert(metadata, (gpointer)"lus.notice", g_strdup(LUS_NOTICE));
  if (record)
    g_hash_table_insert(metadata, (gpointer)TRAINING, g_strdup(record));
  free(text);
  GByteArray *bytes = lus_onnx_write(graph, metadata, head->frames * (head->classes + (head->grey ? 1 : 0)),
                                     LUS_CLIP_PIXELS, LUS_CLIP_PIXELS, error);
  gboolean done = bytes && lus_file_write(path, bytes->data, bytes->len, error);
  if (bytes)
    g_byte_array_unref(bytes);
  return done;
}

static gboolean read_numbers(float *out, json_t *array, int n)
{
  if (!json_is_array(array) || (int)json_array_size(array) != n)
    return FALSE;
  for (int i = 0; i < n; i++) {
    json_t *value = json_array_get(array, (gsize)i);
    if (!json_is_number(value) || fabs(json_number_value(value)) > 1e6)
      return FALSE;
    out[i] = (float)json_number_value(value);
  }
  return TRUE;
}

static gboolean check_sizes(const LusVideoHead *head, const char *path, GError **error)
{
  if (head->embedding < 1 || head->embedding > LUS_VIDEO_MAX_EMBEDDING)
    return refuse(error, path, "the embedding has %d elements, expected 1 to %d", head->embedding, LUS_VIDEO_MAX_EMBEDDING);
  if (head->frames != 8 && head->frames != 16)
    return refuse(error, path, "it reads %d frames, expected 8 or 16", head->frames);
  if (head->classes < 1 || head->classes > LUS_MAX_CLASSES)
    return refuse(error, path, "%d classes, expected 1 to %d", head->classes, LUS_MAX_CLASSES);
  if (head->zones < 1 || head->zones > LUS_MAX_ZONES || head->min_zones < 1 || head->min_zones > head->zones)
    return refuse(error, path, "min_zones %d of %d zones", head->min_zones, head->zones);
  return TRUE;
}

static gboolean check_numbers(const LusVideoHead *head, const char *path, GError **error)
{
  const double values[] = {head->mean, head->sd, head->half_width, head->low, head->high, head->slope, head->intercept,
                           head->covariance[0], head->covariance[1], head->covariance[2]};
  for (gsize i = 0; i < G_N_ELEMENTS(values); i++)
    if (!(fabs(values[i]) <= 1e6))
      return refuse(error, path, "a number of the head is %g", values[i]);
  if (!(head->sd > 0 && head->half_width >= 0 && head->low <= head->high && head->covariance[0] >= 0 &&
        head->covariance[2] >= 0))
    return refuse(error, path, "scale, interval, range or covariance are impossible");
  return TRUE;
}

static gboolean head_from_json(LusVideoHead *head, json_t *json, const char *path, GError **error)
{
  const char *task, *model;
  int grey;
  double dead_band;
  json_t *zone_bias, *weight, *bias;
  json_error_t problem;
  memset(head, 0, sizeof *head);
  if (json_unpack_ex(json, &problem, JSON_STRICT,
                     "{s:s, s:i, s:i, s:i, s:b, s:o, s:o, s:o, s:[F,F!], s:F, s:[F,F!], s:[F,F!], s:[F,F,F!], s:F, s:i, "
                     "s:i, s:s}",
                     "task", &task, "embedding", &head->embedding, "frames", &head->frames, "classes", &head->classes,
                     "grey", &grey, "zone_bias", &zone_bias, "weight", &weight, "bias", &bias, "scale", &head->mean,
                     &head->sd, "half_width", &head->half_width, "range", &head->low, &head->high, "calibration",
                     &head->slope, &head->intercept, "covariance", &head->covariance[0], &head->covariance[1],
                     &head->covariance[2], "dead_band", &dead_band, "zones", &head->zones, "min_zones",
                     &head->min_zones, "model_sha256", &model) != 0)
    return refuse(error, path, "metadata " KEY ": %s", problem.text);
  head->grey = grey != 0;
  if (!lus_is_sha256(model))
    return refuse(error, path, "model_sha256 is not 64 hexadecimal digits");
  g_strlcpy(head->model_sha256, model, sizeof head->model_sha256);
  int found = lus_task_from_name(task);
  if (found < 0)
    return refuse(error, path, "unknown task '%s'", task);
  if (found == LUS_TASK_CHANGE && fabs(dead_band - LUS_CHANGE_DEAD_BAND) > 0)
    return refuse(error, path, "it calls S/F the same within %g, not %g", dead_band, LUS_CHANGE_DEAD_BAND);
  head->task = (LusTask)found;
  if (!check_sizes(head, path, error) || !check_numbers(head, path, error))
    return FALSE;
  gboolean done = read_numbers(head->zone_bias, zone_bias, LUS_VIDEO_ZONES) &&
                  read_numbers(head->bias, bias, lus_video_outputs(head->task)) && json_is_array(weight) &&
                  (int)json_array_size(weight) == lus_video_outputs(head->task);
  for (int o = 0; done && o < lus_video_outputs(head->task); o++)
    done = read_numbers(head->weight[o], json_array_get(weight, (gsize)o), lus_video_inputs(head));
  return done || refuse(error, path, "zone_bias, weight or bias are no lists of numbers of the right length");
}

LusGraph *lus_clip_network_read(const char *path, LusVideoHead *head, char **sha256, char **training, GError **error)
{
  gsize length;
  g_autofree guint8 *data = lus_file_read(path, MAX_BYTES, &length, error);
  if (!data)
    return NULL;
  g_autoptr(LusOnnx) onnx = lus_onnx_parse(data, length, path, error);
  if (!onnx)
    return NULL;
  const char *text = g_hash_table_lookup(onnx->metadata, KEY);
  if (!text) {
    refuse(error, path, "it has no metadata " KEY ": no video network of this program");
    return NULL;
  }
  json_error_t problem;
  json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
  gboolean done = json ? head_from_json(head, json, path, error)
                       : refuse(error, path, "metadata " KEY ": %s", problem.text);
  json_decref(json);
  if (!done)
    return NULL;
  int channels = head->frames * (head->classes + (head->grey ? 1 : 0));
  if (onnx->input_channels != channels || onnx->input_height != LUS_CLIP_PIXELS ||
      onnx->input_width != LUS_CLIP_PIXELS) {
    refuse(error, path, "its input is %dx%dx%d, expected %dx%dx%d", onnx->input_channels, onnx->input_height,
           onnx->input_width, channels, LUS_CLIP_PIXELS, LUS_CLIP_PIXELS);
    return NULL;
  }
  *sha256 = lus_sha256(data, length);
  *training = g_strdup(g_hash_table_lookup(onnx->metadata, TRAINING));
  return g_steal_pointer(&onnx->graph);
}
