/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "table.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_MAX ((gsize)1 << 20) /* a quote that is never closed must not fill the memory */
#define COLUMNS_MAX 4096

static gboolean refuse(const LusToolTable *table, GError **error, const char *problem)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: %s", table->path, table->line, problem);
  return FALSE;
}

/** Appends one line of the file to @text; FALSE at the end. */
static gboolean read_line(LusToolTable *table)
{
  char *line = NULL;
  size_t room = 0;
  gssize length = getline(&line, &room, table->file);
  if (length >= 0)
    g_string_append_len(table->text, line, length);
  free(line);
  table->next_line += length >= 0;
  return length >= 0;
}

static gboolean quotes_open(const GString *text)
{
  gboolean open = FALSE;
  for (gsize i = 0; i < text->len; i++)
    open ^= text->str[i] == '"';
  return open;
}

/** A whole row, which may go over several lines within quotes. FALSE at the end or with an error. */
static gboolean read_row(LusToolTable *table, GError **error)
{
  g_string_truncate(table->text, 0);
  table->line = table->next_line;
  if (!read_line(table))
    return ferror(table->file) ? refuse(table, error, g_strerror(errno)) : FALSE;
  while (table->text->str[0] != '#' && quotes_open(table->text)) {
    if (table->text->len > ROW_MAX || !read_line(table))
      return refuse(table, error, "a quote is opened but not closed");
  }
  GString *text = table->text;
  while (text->len > 0 && (text->str[text->len - 1] == '\n' || text->str[text->len - 1] == '\r'))
    g_string_truncate(text, text->len - 1);
  if (text->len > ROW_MAX)
    return refuse(table, error, "a row of more than a megabyte; is this a table?");
  if (strlen(text->str) != text->len || !g_utf8_validate(text->str, (gssize)text->len, NULL))
    return refuse(table, error, "not UTF-8 text; is this a table?");
  return TRUE;
}

/** One field from @at on; where it ends, or NULL: something stands behind a closing quote. */
static const char *cut_field(const char *at, GPtrArray *fields)
{
  g_autoptr(GString) field = g_string_new(NULL);
  if (*at != '"') {
    gsize length = strcspn(at, ",");
    g_string_append_len(field, at, (gssize)length);
    at += length;
  } else {
    for (at++; *at; at++) {
      if (*at == '"' && at[1] != '"')
        break;
      at += *at == '"';
      g_string_append_c(field, *at);
    }
    at++;
    if (*at && *at != ',')
      return NULL;
  }
  g_ptr_array_add(fields, g_strdup(field->str));
  return at;
}

static gboolean cut_row(LusToolTable *table, GError **error)
{
  g_ptr_array_set_size(table->fields, 0);
  for (const char *at = table->text->str;; at++) {
    at = cut_field(at, table->fields);
    if (!at)
      return refuse(table, error, "a field goes on behind its closing quote");
    if (!*at)
      return TRUE;
    if (table->fields->len >= COLUMNS_MAX)
      return refuse(table, error, "more than 4096 columns");
  }
}

static gboolean read_header(LusToolTable *table, GError **error)
{
  GError *problem = NULL;
  while (read_row(table, &problem)) {
    if (table->line == 1 && g_str_has_prefix(table->text->str, "\xEF\xBB\xBF"))
      g_string_erase(table->text, 0, 3);
    if (table->text->str[0] != '#') {
      if (strchr(table->text->str, ';') && !strchr(table->text->str, ','))
        return refuse(table, error, "columns are cut by ';'; save it with ',' between columns and '.' in numbers");
      if (!cut_row(table, error))
        return FALSE;
      table->columns = g_steal_pointer(&table->fields);
      table->fields = g_ptr_array_new_with_free_func(g_free);
      return TRUE;
    }
    g_string_append_printf(table->comments, "%s\n", table->text->str);
  }
  if (problem)
    g_propagate_error(error, problem);
  else
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: empty; a table begins with the names of its columns", table->path);
  return FALSE;
}

LusToolTable *lus_tool_table_open(const char *path, GError **error)
{
  g_autoptr(LusToolTable) table = g_new0(LusToolTable, 1);
  table->path = g_strdup(path);
  table->comments = g_string_new(NULL);
  table->text = g_string_new(NULL);
  table->fields = g_ptr_array_new_with_free_func(g_free);
  table->next_line = 1;
  table->file = g_fopen(path, "re");
  if (!table->file) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot open: %s", path, g_strerror(errno));
    return NULL;
  }
  return read_header(table, error) ? g_steal_pointer(&table) : NULL;
}

void lus_tool_table_free(LusToolTable *table)
{
  if (!table)
    return;
  if (table->file)
    fclose(table->file);
  g_clear_pointer(&table->columns, g_ptr_array_unref);
  g_ptr_array_unref(table->fields);
  g_string_free(table->comments, TRUE);
  g_string_free(table->text, TRUE);
  g_free(table->path);
  g_free(table);
}

gboolean lus_tool_table_next(LusToolTable *table, gboolean *end, GError **error)
{
  GError *problem = NULL;
  *end = FALSE;
  do {
    if (!read_row(table, &problem)) {
      *end = !problem;
      if (problem)
        g_propagate_error(error, problem);
      return FALSE;
    }
  } while (table->text->len == 0); /* empty lines at the end */
  if (!cut_row(table, error))
    return FALSE;
  if (table->fields->len == table->columns->len)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: %u fields where the header names %u columns", table->path,
              table->line, table->fields->len, table->columns->len);
  return FALSE;
}

int lus_tool_table_column(const LusToolTable *table, const char *name)
{
  for (guint i = 0; i < table->columns->len; i++)
    if (g_str_equal(table->columns->pdata[i], name))
      return (int)i;
  return -1;
}

const char *lus_tool_table_field(const LusToolTable *table, int column)
{
  return column >= 0 ? table->fields->pdata[column] : "";
}

void lus_tool_table_append(GString *out, const char *text)
{
  if (!strpbrk(text, ",\"\r\n#")) {
    g_string_append(out, text);
    return;
  }
  g_string_append_c(out, '"');
  for (; *text; text++) {
    if (*text == '"')
      g_string_append_c(out, '"');
    g_string_append_c(out, *text);
  }
  g_string_append_c(out, '"');
}
