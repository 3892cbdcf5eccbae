/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "info-heads.h"
#include "tool.h"

#include <jansson.h>
#include <stdio.h>

gboolean lus_info_is_heads(const char *path)
{
  FILE *file = fopen(path, "rbe");
  int c = ' ';
  while (file && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
    c = fgetc(file);
  if (file)
    fclose(file);
  return c == '{';
}

gboolean lus_info_is_video(const char *path)
{
  gsize length;
  g_autofree guint8 *data = lus_file_read(path, LUS_ONNX_MAX_BYTES, &length, NULL);
  g_autoptr(LusOnnx) onnx = data ? lus_onnx_parse(data, length, path, NULL) : NULL;
  return onnx && g_hash_table_contains(onnx->metadata, LUS_VIDEO_METADATA);
}

void lus_info_line(const char *name, const char *value)
{
  g_autofree char *text = g_strdup(value);
  for (char *c = text; *c; c++)
    if (g_ascii_iscntrl(*c))
      *c = ' ';
  printf("%-12s %s\n", name, text);
}

/** Takes @root. */
static gboolean print_json(json_t *root, GError **error)
{
  char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(7)) : NULL;
  json_decref(root);
  if (!text) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory");
    return FALSE;
  }
  puts(text);
  free(text);
  return TRUE;
}

gboolean lus_info_heads(const char *path, gboolean json, GError **error)
{
  g_autoptr(LusHeads) heads = lus_heads_load(path, error);
  if (!heads)
    return FALSE;
  if (json) {
    g_autofree char *name = g_filename_display_name(path);
    json_t *root = json_load_file(path, 0, NULL);
    json_object_update_new(root, json_pack("{s:s, s:s}", "file", name, "sha256", lus_heads_sha256(heads)));
    return print_json(root, error);
  }
  g_autofree char *text = lus_heads_describe(heads);
  printf("file         %s\nsha256       %s\n%snotice       %s\n", path, lus_heads_sha256(heads), text, LUS_NOTICE);
  return TRUE;
}

static gboolean print_video_json(const LusClipNetwork *network, const char *path, GError **error)
{
  const LusVideoHead *head = lus_clip_network_head(network);
  const char *training = lus_clip_network_training(network);
  json_t *record = training ? json_loads(training, JSON_REJECT_DUPLICATES, NULL) : NULL;
  g_autofree char *name = g_filename_display_name(path);
  return print_json(json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:b, s:i, s:i, s:i, s:I, s:s, s:o}", "notice",
                              LUS_NOTICE, "video_network", name, "sha256", lus_clip_network_sha256(network), "task",
                              lus_task_name(head->task), "frames", head->frames, "pixels", LUS_CLIP_PIXELS, "classes",
                              head->classes, "grey", head->grey, "embedding", head->embedding, "zones", head->zones,
                              "min_zones", head->min_zones, "parameters",
                              (json_int_t)lus_clip_network_n_parameters(network), "model_sha256", head->model_sha256,
                              "training", record ? record : json_null()),
                    error);
}

static void print_video(const LusClipNetwork *network, const char *path)
{
  const LusVideoHead *head = lus_clip_network_head(network);
  const char *training = lus_clip_network_training(network);
  printf("%-12s %s\n", "video", path);
  printf("%-12s %s\n", "sha256", lus_clip_network_sha256(network));
  printf("%-12s %s\n", "task", lus_task_name(head->task));
  printf("%-12s %d frames of %d x %d, %d classes%s\n", "input", head->frames, LUS_CLIP_PIXELS, LUS_CLIP_PIXELS,
         head->classes, head->grey ? " and the grey picture" : "");
  printf("%-12s %d numbers per clip; needs %d of %d zones\n", "embedding", head->embedding, head->min_zones, head->zones);
  if (head->task == LUS_TASK_SF)
    printf("%-12s learnt from S/F %.0f to %.0f; 90 %% interval +-%.0f\n", "range", head->low, head->high,
           head->half_width);
  printf("%-12s %" G_GSIZE_FORMAT "\n", "parameters", lus_clip_network_n_parameters(network));
  printf("%-12s %s\n", "of model", head->model_sha256);
  lus_info_line("training", training ? training : "(not told)");
  printf("%-12s %s\n", "notice", LUS_NOTICE);
}

gboolean lus_info_video(const char *path, gboolean json, GError **error)
{
  g_autoptr(LusClipNetwork) network = lus_clip_network_load(path, error);
  if (!network)
    return FALSE;
  if (json)
    return print_video_json(network, path, error);
  print_video(network, path);
  return TRUE;
}
