/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Video networks in a heads file, beside the interpretable heads. */
#include "learn/video.h"
#include "lung/heads-file.h"
#include "nn/error.h"
#include "nn/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

char *lus_heads_network_path(const char *heads, LusTask task)
{
  g_autofree char *stem = g_str_has_suffix(heads, ".json") ? g_strndup(heads, strlen(heads) - 5) : g_strdup(heads);
  return g_strdup_printf("%s.%s.onnx", stem, lus_task_name(task));
}

static gboolean check(json_t *root, LusTask task, const char *model_sha256, const char *heads, GError **error)
{
  const char *of = json_string_value(json_object_get(root, "model_sha256"));
  if (!json_is_object(root))
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no heads file; make it with 'lus fit' without --network", heads);
  else if (g_strcmp0(of, model_sha256) != 0)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: its heads were fitted on another model than the planes; repeat 'lus fit' with the same features",
                heads);
  else if (!json_object_get(json_object_get(root, "heads"), lus_task_name(task)))
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: has no head for '%s', by which a network's estimate is valid or not; make it with 'lus fit --task all'",
                heads, lus_task_name(task));
  else
    return TRUE;
  return FALSE;
}

/** The heads file; NULL where no such network can be entered. */
static json_t *load(const char *heads, LusTask task, const char *model_sha256, GError **error)
{
  gsize length;
  json_error_t problem;
  g_autofree guint8 *data = lus_file_read(heads, LUS_HEADS_MAX_BYTES, &length, error);
  if (!data)
    return NULL;
  json_t *root = json_loadb((const char *)data, length, JSON_REJECT_DUPLICATES, &problem);
  if (check(root, task, model_sha256, heads, error))
    return root;
  json_decref(root);
  return NULL;
}

static gboolean add(json_t *root, LusTask task, const char *path, GError **error)
{
  gsize length;
  g_autofree char *base = g_path_get_basename(path);
  g_autofree guint8 *data = lus_file_read(path, G_MAXINT, &length, error);
  if (!data)
    return FALSE;
  g_autofree char *sha256 = lus_sha256(data, length);
  json_t *networks = json_object_get(root, "networks");
  if (!json_is_object(networks)) {
    networks = json_object();
    json_object_set_new(root, "networks", networks);
  }
  return json_object_set_new(networks, lus_task_name(task),
                             json_pack("{s:s, s:s}", "file", base, "sha256", sha256)) == 0;
}

gboolean lus_heads_take_network(const char *heads, LusTask task, const char *model_sha256, GError **error)
{
  json_t *root = load(heads, task, model_sha256, error);
  gboolean taken = root != NULL;
  json_decref(root);
  return taken;
}

gboolean lus_heads_add_network(const char *heads, LusTask task, const char *path, const char *model_sha256,
                               GError **error)
{
  json_t *root = load(heads, task, model_sha256, error);
  if (!root)
    return FALSE;
  gboolean done = add(root, task, path, error);
  char *dumped = done ? json_dumps(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  if (done && dumped) {
    g_autofree char *text = g_strconcat(dumped, "\n", NULL);
    done = lus_file_write(heads, text, strlen(text), error);
  }
  free(dumped);
  return done;
}
