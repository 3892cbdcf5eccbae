/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "features-table.h"
#include "database.h"
#include "table.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/** A row that is done. */
typedef struct {
  LusZone measured;
  double mm_per_pixel; /* told then; 0: none was */
} Row;

struct _LusToolFeatures {
  char *path, *resume_path, *head; /* head: comment and header */
  char *model_sha256;
  double threshold;
  GHashTable *known; /* clip's SHA-256 -> Row* */
  GMutex lock;       /* guards the file */
  FILE *file;        /* FILE.resume, from the first row on */
};

static gboolean write_error(const LusToolFeatures *features, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", features->resume_path, g_strerror(errno));
  return FALSE;
}

static gboolean read_number(double *out, const LusToolTable *table, const char *column)
{
  const char *text = lus_tool_table_field(table, lus_tool_table_column(table, column));
  char *end = NULL;
  *out = *text ? g_ascii_strtod(text, &end) : (double)NAN;
  return !*text || (end != text && !*end && isfinite(*out));
}

static gboolean read_peak(double *out, const LusToolTable *table, const char *feature)
{
  g_autofree char *column = g_strconcat(feature, LUS_PEAK_SUFFIX, NULL);
  return read_number(out, table, column);
}

static void take_row(LusToolFeatures *features, const LusToolTable *table)
{
  const char *sha256 = lus_tool_table_field(table, lus_tool_table_column(table, "clip_sha256"));
  double frames, pleura_frames, mm;
  Row row = {.mm_per_pixel = 0};
  LusZone *measured = &row.measured;
  gboolean ok = strlen(sha256) == 64 && read_number(&frames, table, "frames") && frames >= 0 && frames < 1e9 &&
                read_number(&pleura_frames, table, "pleura_frames") && pleura_frames >= 0 && pleura_frames <= frames &&
                read_number(&mm, table, "mm_per_pixel");
  for (int i = 0; ok && i < LUS_FEATURE_N; i++)
    ok = read_number(&measured->features[i], table, lus_feature_info(i)->name) &&
         read_peak(&measured->peaks[i], table, lus_feature_info(i)->name);
  if (!ok)
    return;
  measured->frames = (int)frames;
  measured->pleura_frames = (int)pleura_frames;
  row.mm_per_pixel = mm > 0 ? mm : 0;
  g_hash_table_replace(features->known, g_strdup(sha256), g_memdup2(&row, sizeof row));
}

/** Rows as far as they are whole: the last one may be cut off. */
static void take_table(LusToolFeatures *features, const char *path)
{
  g_autoptr(LusToolTable) table = g_file_test(path, G_FILE_TEST_EXISTS) ? lus_tool_table_open(path, NULL) : NULL;
  g_autofree char *head = table ? g_strdup_printf("%s%s\n", table->comments->str, table->text->str) : NULL;
  if (!head || !g_str_equal(head, features->head))
    return;
  gboolean end = FALSE;
  while (lus_tool_table_next(table, &end, NULL))
    take_row(features, table);
}

LusToolFeatures *lus_tool_features_open(const char *path, const char *model_sha256, double threshold, gboolean resume,
                                        GError **error)
{
  g_autoptr(LusToolFeatures) features = g_new0(LusToolFeatures, 1);
  g_autoptr(GString) head = g_string_new(NULL);
  lus_features_csv_begin(head, model_sha256, threshold);
  g_mutex_init(&features->lock);
  features->head = g_strdup(head->str);
  features->model_sha256 = g_strdup(model_sha256);
  features->threshold = threshold;
  features->path = g_strdup(path);
  features->resume_path = g_strconcat(path, ".resume", NULL);
  features->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  if (resume) {
    take_table(features, path);
    take_table(features, features->resume_path);
  } else if (g_unlink(features->resume_path) != 0 && errno != ENOENT) {
    write_error(features, error);
    return NULL;
  }
  return g_steal_pointer(&features);
}

void lus_tool_features_free(LusToolFeatures *features)
{
  if (!features)
    return;
  if (features->file)
    fclose(features->file);
  g_hash_table_unref(features->known);
  g_mutex_clear(&features->lock);
  g_free(features->path);
  g_free(features->resume_path);
  g_free(features->head);
  g_free(features->model_sha256);
  g_free(features);
}

gboolean lus_tool_features_known(const LusToolFeatures *features, const LusToolClip *clip, const char *clip_sha256,
                                 LusZone *measured)
{
  const Row *known = g_hash_table_lookup(features->known, clip_sha256);
  if (!known || fabs(known->mm_per_pixel - clip->mm_per_pixel) > 1e-9 * clip->mm_per_pixel)
    return FALSE;
  *measured = known->measured;
  return TRUE;
}

/** FILE.resume begins with all that is known, so that a row that was cut off is gone. */
static gboolean begin_resume(LusToolFeatures *features, GError **error)
{
  g_autoptr(GString) text = g_string_new(features->head);
  const LusClipName nobody = {.day = -1};
  GHashTableIter each;
  gpointer sha256, value;
  g_hash_table_iter_init(&each, features->known);
  while (g_hash_table_iter_next(&each, &sha256, &value)) {
    const Row *known = value;
    lus_features_csv_add(text, "", &nobody, &known->measured, known->mm_per_pixel, sha256);
  }
  if (!lus_file_write(features->resume_path, text->str, text->len, error))
    return FALSE;
  features->file = g_fopen(features->resume_path, "ae");
  return features->file || write_error(features, error);
}

gboolean lus_tool_features_keep(LusToolFeatures *features, const LusToolClip *clip, const LusZone *measured,
                                const char *clip_sha256, GError **error)
{
  g_autoptr(GString) row = g_string_new(NULL);
  lus_features_csv_add(row, clip->name, &clip->told, measured, clip->mm_per_pixel, clip_sha256);
  g_mutex_lock(&features->lock);
  gboolean ok = features->file || begin_resume(features, error);
  if (ok && (fputs(row->str, features->file) < 0 || fflush(features->file) != 0))
    ok = write_error(features, error);
  g_mutex_unlock(&features->lock);
  return ok;
}

gboolean lus_tool_features_write(LusToolFeatures *features, const GPtrArray *clips, const LusZone *measured,
                                 char *const *clip_sha256, GError **error)
{
  g_autoptr(GString) text = g_string_new(features->head);
  gboolean all = TRUE;
  for (guint i = 0; i < clips->len; i++) {
    const LusToolClip *clip = clips->pdata[i];
    all = all && clip_sha256[i];
    if (clip_sha256[i])
      lus_features_csv_add(text, clip->name, &clip->told, &measured[i], clip->mm_per_pixel, clip_sha256[i]);
  }
  if (!lus_file_write(features->path, text->str, text->len, error))
    return FALSE;
  if (all)
    g_unlink(features->resume_path);
  return TRUE;
}

static gboolean store_clip(LusToolDatabase *database, const LusToolFeatures *features, const LusToolClip *clip,
                           const LusZone *measured, const char *clip_sha256, const char *message, GError **error)
{
  const LusClipName *told = &clip->told;
  gboolean ok =
    lus_tool_database_put(database, "DELETE FROM feature WHERE clip = ?", "s", error, clip->name) &&
    lus_tool_database_put(database, "INSERT OR REPLACE INTO feature_clip VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", "ssssssdsisii",
                          error, clip->name, clip->path, clip_sha256, message ? "failed" : "done", message,
                          message ? NULL : features->model_sha256, message ? (double)NAN : features->threshold,
                          *told->patient ? told->patient : NULL, (gint64)told->day, *told->zone ? told->zone : NULL,
                          message ? (gint64)-1 : (gint64)measured->frames,
                          message ? (gint64)-1 : (gint64)measured->pleura_frames);
  for (int i = 0; ok && !message && i < LUS_FEATURE_N; i++) {
    g_autofree char *peak = g_strconcat(lus_feature_info(i)->name, LUS_PEAK_SUFFIX, NULL);
    ok = lus_tool_database_put(database, "INSERT INTO feature VALUES (?,?,?)", "ssd", error, clip->name,
                               lus_feature_info(i)->name, measured->features[i]) &&
         lus_tool_database_put(database, "INSERT INTO feature VALUES (?,?,?)", "ssd", error, clip->name, peak,
                               measured->peaks[i]);
  }
  return ok;
}

gboolean lus_tool_features_store(const LusToolFeatures *features, const char *path, const GPtrArray *clips,
                                 const LusZone *measured, char *const *clip_sha256, char *const *errors, GError **error)
{
  g_autoptr(LusToolDatabase) database = lus_tool_database_open(path, error);
  gboolean ok = database != NULL;
  for (guint i = 0; ok && i < clips->len; i++)
    ok = (!clip_sha256[i] && !errors[i]) ||
         store_clip(database, features, clips->pdata[i], &measured[i], clip_sha256[i], errors[i], error);
  return ok && lus_tool_database_commit(database, error);
}
