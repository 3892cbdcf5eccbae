/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/checkpoint.h"
#include "learn/train-settings.h"
#include "nn/error.h"
#include "nn/file.h"

#include <string.h>

/* The file, little endian: magic, u32 version, u32 length of the settings, the settings, u64 step, u64 n, u64 step of
 * the best weights, f64 their score, five times n floats (parameters, m, v, average, best), and the SHA-256 of all that
 * as 64 hexadecimal digits. */
#define MAGIC "LUSTRAIN"
#define MAGIC_BYTES 8
#define VERSION 2
#define HEADER_BYTES (MAGIC_BYTES + 4 + 4)
#define NUMBER_BYTES 32
#define ARRAYS 5
#define DIGEST_BYTES 64
#define MAX_BYTES ((gsize)4 << 30)

static void list_arrays(const LusTrainState *state, float *arrays[ARRAYS])
{
  float *all[ARRAYS] = {state->parameters, state->m, state->v, state->average, state->best};
  memcpy(arrays, all, sizeof all);
}

gboolean lus_train_state_alloc(LusTrainState *state, gsize n, GError **error)
{
  *state = (LusTrainState){.n = n};
  float **arrays[] = {&state->parameters, &state->m, &state->v, &state->average, &state->best};
  for (gsize i = 0; i < G_N_ELEMENTS(arrays); i++) {
    *arrays[i] = g_try_new0(float, n);
    if (*arrays[i])
      continue;
    lus_train_state_clear(state);
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for training %" G_GSIZE_FORMAT " parameters", n);
    return FALSE;
  }
  return TRUE;
}

void lus_train_state_clear(LusTrainState *state)
{
  g_free(state->parameters);
  g_free(state->m);
  g_free(state->v);
  g_free(state->average);
  g_free(state->best);
  *state = (LusTrainState){0};
}

static guint8 *put_u32(guint8 *at, guint32 value)
{
  value = GUINT32_TO_LE(value);
  memcpy(at, &value, 4);
  return at + 4;
}

static guint8 *put_u64(guint8 *at, guint64 value)
{
  value = GUINT64_TO_LE(value);
  memcpy(at, &value, 8);
  return at + 8;
}

static guint8 *put_floats(guint8 *at, const float *values, gsize n)
{
  for (gsize i = 0; i < n; i++) {
    guint32 bits;
    memcpy(&bits, &values[i], 4);
    at = put_u32(at, bits);
  }
  return at;
}

static guint32 get_u32(const guint8 *at)
{
  guint32 value;
  memcpy(&value, at, 4);
  return GUINT32_FROM_LE(value);
}

static guint64 get_u64(const guint8 *at)
{
  guint64 value;
  memcpy(&value, at, 8);
  return GUINT64_FROM_LE(value);
}

static const guint8 *get_floats(const guint8 *at, float *values, gsize n)
{
  for (gsize i = 0; i < n; i++, at += 4) {
    guint32 bits = get_u32(at);
    memcpy(&values[i], &bits, 4);
  }
  return at;
}

gboolean lus_checkpoint_write(const char *path, const LusTrainState *state, const char *settings, GError **error)
{
  gsize settings_bytes = strlen(settings);
  gsize content = HEADER_BYTES + settings_bytes + NUMBER_BYTES + 4 * ARRAYS * state->n;
  g_autofree guint8 *data = g_try_malloc(content + DIGEST_BYTES);
  if (!data) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory to write the checkpoint", path);
    return FALSE;
  }
  memcpy(data, MAGIC, MAGIC_BYTES);
  guint8 *at = put_u32(data + MAGIC_BYTES, VERSION);
  at = put_u32(at, (guint32)settings_bytes);
  memcpy(at, settings, settings_bytes);
  at = put_u64(at + settings_bytes, (guint64)state->step);
  at = put_u64(at, state->n);
  at = put_u64(at, (guint64)state->best_step);
  guint64 score;
  memcpy(&score, &state->best_score, 8);
  at = put_u64(at, score);
  float *arrays[ARRAYS];
  list_arrays(state, arrays);
  for (int i = 0; i < ARRAYS; i++)
    at = put_floats(at, arrays[i], state->n);
  g_autofree char *digest = lus_sha256(data, content);
  memcpy(at, digest, DIGEST_BYTES);
  return lus_file_write(path, data, content + DIGEST_BYTES, error);
}

static gboolean damaged(GError **error, const char *path, const char *what)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s; remove it to start anew", path, what);
  return FALSE;
}

/** Magic, version, digest. */
static gboolean check_frame(const char *path, const guint8 *data, gsize length, GError **error)
{
  if (length < MAGIC_BYTES || memcmp(data, MAGIC, MAGIC_BYTES) != 0)
    return damaged(error, path, "is not a training checkpoint");
  if (length < HEADER_BYTES + NUMBER_BYTES + DIGEST_BYTES)
    return damaged(error, path, "the checkpoint is cut off");
  if (get_u32(data + MAGIC_BYTES) != VERSION)
    return damaged(error, path, "is a checkpoint of another version of this software, which has to finish it");
  g_autofree char *digest = lus_sha256(data, length - DIGEST_BYTES);
  if (memcmp(digest, data + length - DIGEST_BYTES, DIGEST_BYTES) != 0)
    return damaged(error, path, "the checkpoint is damaged or cut off (its checksum differs)");
  return TRUE;
}

gboolean lus_checkpoint_read(const char *path, LusTrainState *state, const char *settings, GError **error)
{
  gsize length = 0;
  g_autofree guint8 *data = lus_file_read(path, MAX_BYTES, &length, error);
  if (!data || !check_frame(path, data, length, error))
    return FALSE;
  gsize content = length - HEADER_BYTES - NUMBER_BYTES - DIGEST_BYTES, settings_bytes = get_u32(data + MAGIC_BYTES + 4);
  if (settings_bytes > content)
    return damaged(error, path, "the checkpoint's settings are longer than the file");
  const guint8 *at = data + HEADER_BYTES;
  g_autofree char *found = g_strndup((const char *)at, settings_bytes);
  if (!g_str_equal(found, settings))
    return lus_train_settings_refuse(error, path, "is the checkpoint of another training", found, settings,
                                     "remove it to start anew, or repeat the command it belongs to");
  at += settings_bytes;
  guint64 step = get_u64(at), n = get_u64(at + 8), best_step = get_u64(at + 16), score = get_u64(at + 24);
  gsize array_bytes = content - settings_bytes;
  if (n != state->n || array_bytes / (4 * ARRAYS) != n || array_bytes % (4 * ARRAYS) != 0 || step > G_MAXINT32 ||
      best_step > step)
    return damaged(error, path, "the checkpoint does not fit the network");
  state->step = (gint64)step;
  state->best_step = (gint64)best_step;
  memcpy(&state->best_score, &score, 8);
  at += NUMBER_BYTES;
  float *arrays[ARRAYS];
  list_arrays(state, arrays);
  for (int i = 0; i < ARRAYS; i++)
    at = get_floats(at, arrays[i], n);
  return TRUE;
}
