/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/sweep-internal.h"
#include "nn/error.h"
#include "nn/file.h"

#include <string.h>

/* The file, little endian: magic, u32 version, the settings; u32 classes, patients, samples, levels, mm; f64 cut,
 * levels; names of classes and patients; f64 cuts [classes][levels]; per class and patient u32 cells and u64 each; per
 * class, level and patient u32 samples, one-sided, f64 mean, Hausdorff; the SHA-256 of all that as 64 hexadecimal
 * digits. Texts are u32 length and bytes. */
#define MAGIC "LUSSWEEP"
#define MAGIC_BYTES 8
#define VERSION 1
#define DIGEST_BYTES 64
#define MAX_BYTES ((gsize)4 << 30)
#define MAX_TEXT (1 << 20)
#define MAX_PATIENTS 1000000

static void put_u32(GByteArray *out, guint32 value)
{
  value = GUINT32_TO_LE(value);
  g_byte_array_append(out, (const guint8 *)&value, 4);
}

static void put_u64(GByteArray *out, guint64 value)
{
  value = GUINT64_TO_LE(value);
  g_byte_array_append(out, (const guint8 *)&value, 8);
}

static void put_f64(GByteArray *out, double value)
{
  guint64 bits;
  memcpy(&bits, &value, 8);
  put_u64(out, bits);
}

static void put_text(GByteArray *out, const char *text)
{
  put_u32(out, (guint32)strlen(text));
  g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

static void put_evaluation(GByteArray *out, const LusEvaluation *e, const double *cuts)
{
  const int numbers[] = {e->n_classes, e->n_patients, e->n_samples, e->n_levels, e->mm};
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
    put_u32(out, (guint32)numbers[i]);
  put_f64(out, e->cut);
  for (int i = 0; i < e->n_levels; i++)
    put_f64(out, e->levels[i]);
  for (int i = 0; i < e->n_classes; i++)
    put_text(out, e->classes[i]);
  for (int i = 0; i < e->n_patients; i++)
    put_text(out, e->patients[i]);
  for (int i = 0; i < e->n_classes * e->n_levels; i++)
    put_f64(out, cuts[i]);
  for (int i = 0; i < e->n_classes * e->n_patients; i++) {
    put_u32(out, (guint32)e->histograms[i].n);
    for (int j = 0; j < e->histograms[i].n; j++)
      put_u64(out, e->histograms[i].cells[j]);
  }
  for (int i = 0; i < e->n_classes * e->n_levels * e->n_patients; i++) {
    put_u32(out, (guint32)e->distances[i].n);
    put_u32(out, (guint32)e->distances[i].one_sided);
    put_f64(out, e->distances[i].mean);
    put_f64(out, e->distances[i].hausdorff95);
  }
}

gboolean lus_sweep_result_write(const char *path, const LusSweepResult *result, const char *settings, GError **error)
{
  GByteArray *out = g_byte_array_new();
  g_byte_array_append(out, (const guint8 *)MAGIC, MAGIC_BYTES);
  put_u32(out, VERSION);
  put_text(out, settings);
  put_evaluation(out, result->evaluation, result->cuts);
  g_autofree char *digest = lus_sha256(out->data, out->len);
  g_byte_array_append(out, (const guint8 *)digest, DIGEST_BYTES);
  gboolean ok = lus_file_write(path, out->data, out->len, error);
  g_byte_array_unref(out);
  return ok;
}

/** Reads on until something does not fit. */
typedef struct {
  const guint8 *at, *end;
  gboolean bad;
} Reader;

static const guint8 *take(Reader *r, gsize n)
{
  const guint8 *at = r->at;
  if (r->bad || (gsize)(r->end - r->at) < n) {
    r->bad = TRUE;
    return NULL;
  }
  r->at += n;
  return at;
}

static guint32 get_u32(Reader *r)
{
  guint32 value = 0;
  const guint8 *at = take(r, 4);
  if (at)
    memcpy(&value, at, 4);
  return GUINT32_FROM_LE(value);
}

static guint64 get_u64(Reader *r)
{
  guint64 value = 0;
  const guint8 *at = take(r, 8);
  if (at)
    memcpy(&value, at, 8);
  return GUINT64_FROM_LE(value);
}

static double get_f64(Reader *r)
{
  guint64 bits = get_u64(r);
  double value;
  memcpy(&value, &bits, 8);
  return value;
}

static int get_count(Reader *r, int low, int high)
{
  guint32 value = get_u32(r);
  r->bad = r->bad || value > (guint32)high || value < (guint32)low;
  return r->bad ? 0 : (int)value;
}

static char *get_text(Reader *r)
{
  int n = get_count(r, 0, MAX_TEXT);
  const guint8 *at = take(r, (gsize)n);
  return g_strndup(at ? (const char *)at : "", at ? (gsize)n : 0);
}

static char **get_texts(Reader *r, int n)
{
  char **texts = g_new0(char *, n + 1);
  for (int i = 0; i < n; i++)
    texts[i] = get_text(r);
  return texts;
}

static void get_histogram(Reader *r, LusHistogram *h)
{
  int n = get_count(r, 0, (int)MIN(256 * 101, (r->end - r->at) / 8));
  h->cells = g_new(guint64, MAX(n, 1));
  for (h->n = 0; h->n < n && !r->bad; h->n++)
    h->cells[h->n] = get_u64(r);
}

static void get_evaluation(Reader *r, LusSweepResult *result)
{
  LusEvaluation *e = result->evaluation = g_new0(LusEvaluation, 1);
  e->n_classes = get_count(r, 1, LUS_MAX_CLASSES);
  e->n_patients = get_count(r, 1, MAX_PATIENTS);
  e->n_samples = get_count(r, 1, G_MAXINT32);
  e->n_levels = get_count(r, 1, LUS_EVALUATION_LEVELS);
  e->mm = get_count(r, 0, 1);
  e->cut = get_f64(r);
  /* What follows takes so many bytes at least: memory is asked for what is there alone. */
  if ((guint64)e->n_classes * e->n_patients * (4 + 24 * (guint64)e->n_levels) > (guint64)(r->end - r->at))
    r->bad = TRUE;
  if (r->bad)
    e->n_classes = e->n_patients = e->n_levels = 0;
  gsize kl = (gsize)e->n_classes * e->n_levels, kp = (gsize)e->n_classes * e->n_patients;
  e->levels = g_new(double, e->n_levels + 1);
  result->cuts = g_new(double, kl + 1);
  for (int i = 0; i < e->n_levels; i++)
    e->levels[i] = get_f64(r);
  e->classes = get_texts(r, e->n_classes);
  e->patients = get_texts(r, e->n_patients);
  for (gsize i = 0; i < kl; i++)
    result->cuts[i] = get_f64(r);
  e->histograms = g_new0(LusHistogram, kp + 1);
  for (gsize i = 0; i < kp && !r->bad; i++)
    get_histogram(r, &e->histograms[i]);
  e->distances = g_new0(LusDistances, kl * e->n_patients + 1);
  for (gsize i = 0; i < kl * e->n_patients && !r->bad; i++) {
    LusDistances *d = &e->distances[i];
    d->n = get_count(r, 0, G_MAXINT32);
    d->one_sided = get_count(r, 0, G_MAXINT32);
    d->mean = get_f64(r);
    d->hausdorff95 = get_f64(r);
  }
}

static gboolean refuse(GError **error, const char *path, const char *what)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s; remove it, and the sweep does the job again", path, what);
  return FALSE;
}

void lus_sweep_result_clear(LusSweepResult *result)
{
  lus_evaluation_free(result->evaluation);
  g_free(result->cuts);
  *result = (LusSweepResult){0};
}

gboolean lus_sweep_result_read(LusSweepResult *result, const char *path, const char *settings, GError **error)
{
  gsize length = 0;
  g_autofree guint8 *data = lus_file_read(path, MAX_BYTES, &length, error);
  *result = (LusSweepResult){0};
  if (!data)
    return FALSE;
  if (length < MAGIC_BYTES + DIGEST_BYTES || memcmp(data, MAGIC, MAGIC_BYTES) != 0)
    return refuse(error, path, "is no result of a sweep");
  g_autofree char *digest = lus_sha256(data, length - DIGEST_BYTES);
  if (memcmp(digest, data + length - DIGEST_BYTES, DIGEST_BYTES) != 0)
    return refuse(error, path, "is damaged or cut off (its checksum differs)");
  Reader r = {data + MAGIC_BYTES, data + length - DIGEST_BYTES, FALSE};
  if (get_u32(&r) != VERSION)
    return refuse(error, path, "is of another version of this software");
  g_autofree char *found = get_text(&r);
  if (!g_str_equal(found, settings))
    return refuse(error, path, "is the result of other settings");
  get_evaluation(&r, result);
  if (!r.bad && r.at == r.end)
    return TRUE;
  lus_sweep_result_clear(result);
  return refuse(error, path, "does not hold what it should");
}
