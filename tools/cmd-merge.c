/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "database.h"
#include "inputs.h"
#include "table.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

static const char description[] =
  "Makes one table out of those that several runs wrote, on one machine or many: PART are the summaries of\n"
  "lus segment or the tables of lus features (.csv), or databases (.db). They must be of the same model,\n"
  "threshold and cleaning of masks. A clip may be in several: if one run failed on it and another did not, the latter counts. With\n"
  "--expect, clips that are in no part are told. Ends with 1 where clips failed or are missing.\n\n"
  "Example: lus merge results/summary-*.csv -o results/summary.csv --expect clips.csv\n\n" LUS_NOTICE;

typedef struct {
  char *output;
  char **expect;
  GHashTable *rows;  /* of CSV: clip -> text, or "name" -> NULL of databases */
  GHashTable *failed; /* names */
  char *comments, *header; /* of the first table */
  const char *first;       /* its name */
} Merge;

/** The words of the first line @of that are not in @other: "threshold=0.5 min_area=20". */
static char *other_words(const char *of, const char *other)
{
  GString *text = g_string_new(NULL);
  g_auto(GStrv) words = g_strsplit_set(of, " \n", -1), known = g_strsplit_set(other, " \n", -1);
  for (char **word = words; *word; word++)
    if (!g_strv_contains((const char *const *)known, *word))
      g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", *word);
  return g_string_free(text, FALSE);
}

/** Of a table of other settings than the first one's. */
static gboolean refuse_settings(const Merge *merge, LusToolTable *table, GError **error)
{
  g_autofree char *here = other_words(table->comments->str, merge->comments);
  g_autofree char *there = other_words(merge->comments, table->comments->str);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  int column = lus_tool_table_column(table, "clip");
  gboolean end = FALSE;
  while (lus_tool_table_next(table, &end, NULL))
    g_ptr_array_add(names, g_strdup(lus_tool_table_field(table, column)));
  g_autofree char *some = lus_tool_name_some(names);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: its clips (%s) were done with %s, those of %s with %s; do them with the "
              "same settings, or keep the tables apart", table->path, some, *here ? here : "less", merge->first,
              *there ? there : "less");
  return FALSE;
}

static gboolean take_header(Merge *merge, LusToolTable *table, const char *path, GError **error)
{
  if (!merge->header) {
    merge->header = g_strdup(table->text->str);
    merge->comments = g_strdup(table->comments->str);
    merge->first = path;
  }
  if (g_str_equal(merge->header, table->text->str))
    return g_str_equal(merge->comments, table->comments->str) || refuse_settings(merge, table, error);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: other columns than in %s; merge tables of one command and model",
              table->path, merge->first);
  return FALSE;
}

static gboolean take_row(Merge *merge, const LusToolTable *table, int name_column, int status_column, GError **error)
{
  const char *name = lus_tool_table_field(table, name_column), *text = table->text->str;
  gboolean failed = g_str_equal(lus_tool_table_field(table, status_column), "failed");
  const char *before = g_hash_table_lookup(merge->rows, name);
  if (before && failed)
    return TRUE;
  if (before && !g_hash_table_contains(merge->failed, name)) {
    if (g_str_equal(before, text))
      return TRUE;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: %s has other results in a table before", table->path, table->line,
                name);
    return FALSE;
  }
  g_hash_table_replace(merge->rows, g_strdup(name), g_strdup(text));
  if (failed)
    g_hash_table_add(merge->failed, g_strdup(name));
  else
    g_hash_table_remove(merge->failed, name);
  return TRUE;
}

static gboolean take_table(Merge *merge, const char *path, GError **error)
{
  g_autoptr(LusToolTable) table = lus_tool_table_open(path, error);
  if (!table || !take_header(merge, table, path, error))
    return FALSE;
  int name = lus_tool_table_column(table, "clip"), status = lus_tool_table_column(table, "status");
  if (name < 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: has no column 'clip'; is it a table of lus segment or lus features?",
                path);
    return FALSE;
  }
  gboolean end = FALSE;
  while (lus_tool_table_next(table, &end, error))
    if (!take_row(merge, table, name, status, error))
      return FALSE;
  return end;
}

static int compare_text(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static gboolean write_table(const Merge *merge, GError **error)
{
  guint n = 0;
  g_autofree char **names = (char **)g_hash_table_get_keys_as_array(merge->rows, &n);
  qsort(names, n, sizeof *names, compare_text);
  g_autoptr(GString) out = g_string_new(merge->comments);
  g_string_append_printf(out, "%s\n", merge->header);
  for (guint i = 0; i < n; i++)
    g_string_append_printf(out, "%s\n", (char *)g_hash_table_lookup(merge->rows, names[i]));
  return lus_file_write(merge->output, out->str, out->len, error);
}

static gboolean merge_tables(Merge *merge, char **parts, GError **error)
{
  for (; *parts; parts++)
    if (!take_table(merge, *parts, error))
      return FALSE;
  return write_table(merge, error);
}

static gboolean merge_databases(Merge *merge, char **parts, GError **error)
{
  g_autofree char *temporary = g_strconcat(merge->output, ".part", NULL);
  g_unlink(temporary);
  g_autoptr(LusToolDatabase) database = lus_tool_database_open(temporary, error);
  gboolean ok = database != NULL;
  for (; ok && *parts; parts++)
    ok = lus_tool_database_merge(database, *parts, error);
  ok = ok && lus_tool_database_names(database, merge->rows, merge->failed, error) &&
       lus_tool_database_commit(database, error);
  g_clear_pointer(&database, lus_tool_database_close);
  if (ok)
    return lus_file_commit(temporary, merge->output, error);
  g_unlink(temporary);
  return FALSE;
}

/** Lists what was expected and is in no part; how many. -1: error. */
static int tell_missing(const Merge *merge, GError **error)
{
  if (!merge->expect)
    return 0;
  g_autoptr(GPtrArray) inputs = lus_tool_inputs(merge->expect, error);
  int missing = inputs ? 0 : -1;
  for (guint i = 0; inputs && i < inputs->len; i++) {
    const LusToolInput *input = inputs->pdata[i];
    g_autofree char *shown = g_filename_display_name(input->name); /* as tables have it */
    if (g_hash_table_contains(merge->rows, input->name) || g_hash_table_contains(merge->rows, shown))
      continue;
    if (missing++ == 0)
      fputs("missing:\n", stderr);
    fprintf(stderr, "  %-24s  %s\n", input->name, input->path);
  }
  return missing;
}

static int run(Merge *merge, char **parts)
{
  GError *error = NULL;
  gboolean tables = g_str_has_suffix(merge->output, ".csv");
  for (char **part = parts; *part; part++)
    if (g_str_has_suffix(*part, ".csv") != tables)
      return lus_tool_usage("merge", "PART and FILE must be all tables (.csv) or all databases");
  if (!(tables ? merge_tables(merge, parts, &error) : merge_databases(merge, parts, &error)))
    return lus_tool_fail("merge", error);
  int missing = tell_missing(merge, &error);
  if (missing < 0)
    return lus_tool_fail("merge", error);
  guint n = g_hash_table_size(merge->rows), failed = g_hash_table_size(merge->failed);
  printf("%s: %u clips, %u failed, %d missing\n", merge->output, n, failed, missing);
  return failed > 0 || missing > 0 ? LUS_EXIT_ERROR : LUS_EXIT_DONE;
}

int lus_cmd_merge(int argc, char **argv)
{
  Merge merge = {0};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &merge.output, "Table or database to write", "FILE"},
    {"expect", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &merge.expect,
     "What the runs were given (manifest, list, folder); may be repeated", "INPUT"},
    G_OPTION_ENTRY_NULL};
  g_auto(GStrv) parts = NULL;
  int code = lus_tool_parse(argc, argv, entries, "PART...", description, 1, -1, &parts);
  if (code == LUS_EXIT_DONE && !merge.output)
    code = lus_tool_usage("merge", "--output is needed");
  merge.rows = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  merge.failed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  if (code == LUS_EXIT_DONE)
    code = run(&merge, parts);
  g_hash_table_unref(merge.rows);
  g_hash_table_unref(merge.failed);
  g_free(merge.comments);
  g_free(merge.header);
  g_free(merge.output);
  g_strfreev(merge.expect);
  return code;
}
