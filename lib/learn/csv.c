/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/csv.h"
#include "nn/error.h"
#include "nn/file.h"

#include <math.h>
#include <string.h>

#define MAX_BYTES ((gsize)16 << 20)
#define MAX_COLUMNS 256
#define MAX_ROWS 1000000

void lus_csv_free(LusCsv *csv)
{
  if (!csv)
    return;
  g_free(csv->path);
  g_free(csv->comments);
  g_free(csv->data);
  if (csv->fields)
    g_ptr_array_unref(csv->fields);
  if (csv->lines)
    g_array_unref(csv->lines);
  g_free(csv);
}

static gboolean refuse_line(const LusCsv *csv, int line, GError **error, const char *message)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: %s", csv->path, line, message);
  return FALSE;
}

gboolean lus_csv_refuse(const LusCsv *csv, int row, GError **error, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *message = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  return refuse_line(csv, g_array_index(csv->lines, int, row + 1), error, message);
}

/** Steps over the comment lines at the file's beginning; where the header begins. */
static char *take_comments(LusCsv *csv, int *line)
{
  char *at = csv->data;
  while (*at == '#') {
    char *end = strchr(at, '\n');
    at = end ? end + 1 : at + strlen(at);
    (*line)++;
  }
  csv->comments = g_strndup(csv->data, (gsize)(at - csv->data));
  return at;
}

/** Unquotes the field at @at in place; where it ends, or NULL when the closing quote is missing. */
static char *unquote(char *at, int *line)
{
  char *out = at++;
  for (; *at; at++) {
    if (*at == '"' && at[1] != '"')
      break;
    if (*at == '"')
      at++;
    *line += *at == '\n';
    *out++ = *at;
  }
  if (*at == 0)
    return NULL;
  *out = 0;
  return at + 1;
}

/** Cuts one record into fields. @at moves to the next record, @line counts on. */
static gboolean cut_record(LusCsv *csv, char **at, int *line, GError **error)
{
  int first_line = *line;
  char *p = *at, end;
  guint before = csv->fields->len;
  g_array_append_val(csv->lines, first_line);
  do {
    gboolean quoted = *p == '"';
    g_ptr_array_add(csv->fields, p);
    p = quoted ? unquote(p, line) : p + strcspn(p, ",\r\n\"");
    if (!p)
      return refuse_line(csv, first_line, error, "a quoted field has no closing quote");
    if (p[0] == '\r' && p[1] == '\n')
      *p++ = 0;
    end = *p;
    if (end != ',' && end != '\n' && end != 0)
      return refuse_line(csv, *line, error,
                         quoted ? "text follows a quoted field" : "a quote or a lone CR inside a field");
    if (end)
      *p++ = 0;
  } while (end == ',' && csv->fields->len - before <= MAX_COLUMNS);
  *line += end == '\n';
  *at = p;
  if (csv->fields->len - before > MAX_COLUMNS)
    return refuse_line(csv, first_line, error, "more than 256 columns");
  return TRUE;
}

static gboolean check_header(LusCsv *csv, int line, GError **error)
{
  if (csv->fields->len == 1 && strchr(g_ptr_array_index(csv->fields, 0), ';'))
    return refuse_line(csv, line, error, "columns are cut by ';'; save it with ',' between columns and '.' in numbers");
  csv->n_columns = (int)csv->fields->len;
  for (int i = 0; i < csv->n_columns; i++) {
    const char *name = g_ptr_array_index(csv->fields, i);
    if (*name == 0)
      return refuse_line(csv, line, error, "the header has a column without a name");
    for (int j = 0; j < i; j++)
      if (g_str_equal(name, g_ptr_array_index(csv->fields, j)))
        return refuse_line(csv, line, error, "the header names a column twice");
  }
  return TRUE;
}

static gboolean cut_file(LusCsv *csv, GError **error)
{
  int line = 1;
  char *at = take_comments(csv, &line);
  if (*at == 0)
    return refuse_line(csv, line, error, "there is no header line with the names of the columns");
  int header_line = line;
  if (!cut_record(csv, &at, &line, error) || !check_header(csv, header_line, error))
    return FALSE;
  while (*at) {
    guint before = csv->fields->len;
    if (csv->n_rows == MAX_ROWS)
      return refuse_line(csv, line, error, "more than a million rows");
    if (!cut_record(csv, &at, &line, error))
      return FALSE;
    csv->n_rows++;
    int n = (int)(csv->fields->len - before);
    if (n != csv->n_columns)
      return lus_csv_refuse(csv, csv->n_rows - 1, error, "%d fields, but the header in line %d has %d", n, header_line,
                            csv->n_columns);
  }
  return TRUE;
}

LusCsv *lus_csv_load(const char *path, GError **error)
{
  g_autoptr(LusCsv) csv = g_new0(LusCsv, 1);
  gsize length;
  csv->path = g_strdup(path);
  csv->data = (char *)lus_file_read(path, MAX_BYTES, &length, error);
  if (!csv->data)
    return NULL;
  if (!g_utf8_validate(csv->data, (gssize)length, NULL)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: not UTF-8 text; save the table as CSV in UTF-8", path);
    return NULL;
  }
  if (g_str_has_prefix(csv->data, "\xef\xbb\xbf")) /* spreadsheet programs begin UTF-8 files with a mark */
    memmove(csv->data, csv->data + 3, length - 2);
  csv->fields = g_ptr_array_new();
  csv->lines = g_array_new(FALSE, FALSE, sizeof(int));
  return cut_file(csv, error) ? g_steal_pointer(&csv) : NULL;
}

int lus_csv_column(const LusCsv *csv, const char *name)
{
  for (int i = 0; i < csv->n_columns; i++)
    if (g_str_equal(name, g_ptr_array_index(csv->fields, i)))
      return i;
  return -1;
}

gboolean lus_csv_require(int *column, const LusCsv *csv, const char *name, GError **error)
{
  *column = lus_csv_column(csv, name);
  return *column >= 0 || lus_csv_refuse(csv, -1, error, "there is no column '%s'", name);
}

const char *lus_csv_field(const LusCsv *csv, int row, int column)
{
  return g_ptr_array_index(csv->fields, (row + 1) * csv->n_columns + column);
}

gboolean lus_csv_number(double *out, const LusCsv *csv, int row, int column, double low, double high, GError **error)
{
  const char *text = column < 0 ? "" : lus_csv_field(csv, row, column);
  *out = NAN;
  if (*text == 0)
    return TRUE;
  char *end;
  double value = g_ascii_strtod(text, &end);
  const char *name = g_ptr_array_index(csv->fields, column);
  if (*end || end == text || strspn(text, "+-.0123456789eE") < strlen(text)) /* neither spaces, hexadecimal nor 'inf' */
    return lus_csv_refuse(csv, row, error, "%s: '%s' is not a number; leave unknown values empty", name, text);
  if (!(value >= low && value <= high))
    return lus_csv_refuse(csv, row, error, "%s: %s is outside %g to %g", name, text, low, high);
  *out = value;
  return TRUE;
}

void lus_csv_append(GString *out, const char *text)
{
  gboolean quoted = strpbrk(text, ",\"\r\n") || *text == '#';
  if (!quoted) {
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
