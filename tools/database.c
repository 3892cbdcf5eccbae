/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "database.h"

#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>

#define SCHEMA 2
#define APPLICATION 0x4C757331 /* "Lus1" */
#define WAIT_MS 60000

struct _LusToolDatabase {
  char *path;
  sqlite3 *db;
};

static const char schema[] =
  "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
  "CREATE TABLE IF NOT EXISTS clip (name TEXT PRIMARY KEY, file TEXT NOT NULL, clip_sha256 TEXT,"
  " status TEXT NOT NULL CHECK (status IN ('done', 'failed')), error TEXT, model_sha256 TEXT, threshold REAL,"
  " hysteresis REAL, temporal_alpha REAL, min_area INTEGER, kernels TEXT, frames INTEGER, inferred INTEGER, width INTEGER, height INTEGER);"
  "CREATE TABLE IF NOT EXISTS clip_class (clip TEXT NOT NULL REFERENCES clip (name), class TEXT NOT NULL,"
  " area REAL, confidence REAL, frames INTEGER NOT NULL, PRIMARY KEY (clip, class));"
  "CREATE TABLE IF NOT EXISTS feature_clip (name TEXT PRIMARY KEY, file TEXT NOT NULL, clip_sha256 TEXT,"
  " status TEXT NOT NULL CHECK (status IN ('done', 'failed')), error TEXT, model_sha256 TEXT, threshold REAL,"
  " patient TEXT, day INTEGER, zone TEXT, frames INTEGER, pleura_frames INTEGER);"
  "CREATE TABLE IF NOT EXISTS feature (clip TEXT NOT NULL REFERENCES feature_clip (name), name TEXT NOT NULL,"
  " value REAL, PRIMARY KEY (clip, name));";

static gboolean fail(const LusToolDatabase *database, GError **error)
{
  int code = sqlite3_errcode(database->db);
  g_set_error(error, LUS_ERROR, code == SQLITE_NOTADB ? LUS_ERROR_INVALID : LUS_ERROR_IO, "%s: %s", database->path,
              code == SQLITE_NOTADB ? "not a SQLite database; give the name of one, or of a new file"
                                    : sqlite3_errmsg(database->db));
  return FALSE;
}

static gboolean run(LusToolDatabase *database, const char *sql, GError **error)
{
  return sqlite3_exec(database->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(database, error);
}

/** The number that a query gives; -1: error. */
static gint64 count(LusToolDatabase *database, const char *sql, GError **error)
{
  sqlite3_stmt *statement = NULL;
  gint64 number = -1;
  if (sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
    number = sqlite3_column_int64(statement, 0);
  else
    fail(database, error);
  sqlite3_finalize(statement);
  return number;
}

/** A database of ours, or an empty one. */
static gboolean check(LusToolDatabase *database, gboolean *empty, GError **error)
{
  gint64 tables = count(database, "SELECT count(*) FROM sqlite_master", error);
  gint64 application = tables >= 0 ? count(database, "PRAGMA application_id", error) : -1;
  gint64 version = application >= 0 ? count(database, "PRAGMA user_version", error) : -1;
  if (version < 0)
    return FALSE;
  *empty = tables == 0;
  if (*empty || (application == APPLICATION && version == SCHEMA))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: a database of another %s; give the name of a new file",
              database->path, application == APPLICATION ? "schema" : "program");
  return FALSE;
}

static gboolean make(LusToolDatabase *database, GError **error)
{
  g_autofree char *pragmas =
    g_strdup_printf("PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION, SCHEMA);
  return run(database, pragmas, error) && run(database, schema, error) &&
         lus_tool_database_put(database, "INSERT INTO meta VALUES ('notice', ?), ('lus', ?)", "ss", error, LUS_NOTICE,
                               lus_version());
}

LusToolDatabase *lus_tool_database_open(const char *path, GError **error)
{
  g_autoptr(LusToolDatabase) database = g_new0(LusToolDatabase, 1);
  gboolean empty = FALSE;
  database->path = g_strdup(path);
  if (sqlite3_open_v2(path, &database->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK) {
    fail(database, error);
    return NULL;
  }
  sqlite3_busy_timeout(database->db, WAIT_MS);
  if (!run(database, "BEGIN IMMEDIATE", error) || !check(database, &empty, error) || (empty && !make(database, error)))
    return NULL;
  return g_steal_pointer(&database);
}

void lus_tool_database_close(LusToolDatabase *database)
{
  if (!database)
    return;
  sqlite3_close(database->db); /* rolls back what was not committed */
  g_free(database->path);
  g_free(database);
}

gboolean lus_tool_database_commit(LusToolDatabase *database, GError **error)
{
  return run(database, "COMMIT", error);
}

static void bind_text(sqlite3_stmt *statement, int i, const char *text)
{
  if (!text) {
    sqlite3_bind_null(statement, i);
    return;
  }
  g_autofree char *valid = g_filename_display_name(text); /* file names need not be UTF-8 */
  sqlite3_bind_text(statement, i, valid, -1, SQLITE_TRANSIENT);
}

gboolean lus_tool_database_put(LusToolDatabase *database, const char *sql, const char *types, GError **error, ...)
{
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL) != SQLITE_OK)
    return fail(database, error);
  va_list values;
  va_start(values, error);
  for (int i = 1; types[i - 1]; i++) {
    if (types[i - 1] == 's') {
      bind_text(statement, i, va_arg(values, const char *));
    } else if (types[i - 1] == 'd') {
      sqlite3_bind_double(statement, i, va_arg(values, double)); /* SQLite stores NaN as NULL */
    } else {
      gint64 value = va_arg(values, gint64);
      if (value < 0)
        sqlite3_bind_null(statement, i);
      else
        sqlite3_bind_int64(statement, i, value);
    }
  }
  va_end(values);
  gboolean ok = sqlite3_step(statement) == SQLITE_DONE || fail(database, error);
  sqlite3_finalize(statement);
  return ok;
}

/** The names that a query gives; NULL: error. */
static GPtrArray *list(LusToolDatabase *database, const char *sql, GError **error)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  sqlite3_stmt *statement = NULL;
  int code = sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL);
  while (statement && (code = sqlite3_step(statement)) == SQLITE_ROW)
    g_ptr_array_add(names, g_strdup((const char *)sqlite3_column_text(statement, 0)));
  gboolean ok = code == SQLITE_DONE || fail(database, error);
  sqlite3_finalize(statement);
  return ok ? g_steal_pointer(&names) : NULL;
}

/** An error if a query gives any names. */
static gboolean refuse_any(LusToolDatabase *database, const char *sql, const char *path, const char *problem, GError **error)
{
  g_autoptr(GPtrArray) names = list(database, sql, error);
  if (!names || names->len == 0)
    return names != NULL;
  g_autofree char *some = lus_tool_name_some(names);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s: %s; merge runs of one model, threshold and cleaning over one set "
              "of clips", path, problem, some);
  return FALSE;
}

/** One kind of clips with its values, both attached databases being of the same schema. @settings: columns in which all clips
 *  must agree. */
static gboolean merge_kind(LusToolDatabase *database, const char *clips, const char *values, const char *settings,
                           const char *path, GError **error)
{
  g_autofree char *failed = g_strdup_printf(
    "DELETE FROM main.%s WHERE status = 'failed' AND name IN (SELECT name FROM other.%s WHERE status = 'done')", clips, clips);
  g_autofree char *differ = g_strdup_printf(
    "SELECT name FROM (SELECT name, clip_sha256, %s FROM other.%s WHERE status = 'done' EXCEPT SELECT name, clip_sha256, %s"
    " FROM main.%s) WHERE name IN (SELECT name FROM main.%s WHERE status = 'done') ORDER BY name", settings, clips, settings,
    clips, clips);
  g_autofree char *take = g_strdup_printf("INSERT OR IGNORE INTO main.%s SELECT * FROM other.%s", clips, clips);
  g_autofree char *take_values = g_strdup_printf("INSERT OR IGNORE INTO main.%s SELECT * FROM other.%s", values, values);
  g_autofree char *others = g_strdup_printf(
    "SELECT name FROM main.%s WHERE status = 'done' AND (%s) IS NOT (SELECT %s FROM main.%s WHERE status = 'done'"
    " ORDER BY rowid LIMIT 1) ORDER BY name", clips, settings, settings, clips);
  return run(database, failed, error) &&
         refuse_any(database, differ, path, "clips with other results under the same name", error) &&
         run(database, take, error) && run(database, take_values, error) &&
         refuse_any(database, others, path, "clips with other settings than those before", error);
}

gboolean lus_tool_database_merge(LusToolDatabase *database, const char *path, GError **error)
{
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: no such file", path);
    return FALSE;
  }
  /* That it is one of ours is seen by opening it. ATTACH is not possible within a transaction. */
  g_autoptr(LusToolDatabase) other = lus_tool_database_open(path, error);
  if (!other)
    return FALSE;
  g_clear_pointer(&other, lus_tool_database_close);
  g_autofree char *name = g_strdup(path);
  if (!lus_tool_database_commit(database, error) ||
      !lus_tool_database_put(database, "ATTACH ? AS other", "s", error, name))
    return FALSE;
  gboolean ok = run(database, "BEGIN IMMEDIATE", error) &&
                merge_kind(database, "clip", "clip_class", "model_sha256, threshold, hysteresis, temporal_alpha, min_area", path,
                           error) &&
                merge_kind(database, "feature_clip", "feature", "model_sha256, threshold", path, error);
  if (!run(database, ok ? "COMMIT" : "ROLLBACK", ok ? error : NULL))
    ok = FALSE;
  return run(database, "DETACH other", ok ? error : NULL) && ok && run(database, "BEGIN IMMEDIATE", error);
}

gboolean lus_tool_database_names(LusToolDatabase *database, GHashTable *names, GHashTable *failed, GError **error)
{
  static const char sql[] = "SELECT name, status FROM clip UNION SELECT name, status FROM feature_clip";
  sqlite3_stmt *statement = NULL;
  gboolean ok = sqlite3_prepare_v2(database->db, sql, -1, &statement, NULL) == SQLITE_OK;
  int code = SQLITE_ERROR;
  while (ok && (code = sqlite3_step(statement)) == SQLITE_ROW) {
    const char *name = (const char *)sqlite3_column_text(statement, 0);
    g_hash_table_replace(names, g_strdup(name), NULL);
    if (g_str_equal(sqlite3_column_text(statement, 1), "failed"))
      g_hash_table_add(failed, g_strdup(name));
  }
  ok = (ok && code == SQLITE_DONE) || fail(database, error);
  sqlite3_finalize(statement);
  return ok;
}
