/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "summary.h"
#include "database.h"
#include "table.h"

#include <math.h>
#include <string.h>

void lus_tool_row_clear(LusToolRow *row)
{
  g_free(row->name);
  g_free(row->file);
  g_free(row->clip_sha256);
  g_free(row->model_sha256);
  g_free(row->kernels);
  g_free(row->error);
  for (int i = 0; i < row->n_classes; i++)
    g_free(row->classes[i].name);
  memset(row, 0, sizeof *row);
}

void lus_tool_row_fail(LusToolRow *row, const char *name, const char *file, const char *message)
{
  lus_tool_row_clear(row);
  row->name = g_strdup(name);
  row->file = g_strdup(file);
  row->error = g_strdup(message);
  row->threshold = row->hysteresis = row->temporal_alpha = NAN;
  row->min_area = -1;
}

static void take_header(LusToolRow *row, const LusResultsHeader *header)
{
  row->clip_sha256 = g_strdup(header->clip_sha256);
  row->model_sha256 = g_strdup(header->model_sha256);
  row->kernels = g_strdup(header->kernels);
  row->threshold = header->threshold;
  row->hysteresis = header->hysteresis;
  row->temporal_alpha = header->temporal_alpha;
  row->min_area = header->min_area;
  row->n_classes = header->n_classes;
  for (int i = 0; i < row->n_classes; i++)
    row->classes[i].name = g_strdup(header->classes[i]);
}

static void take_frame(LusToolRow *row, const LusResultsFrame *frame)
{
  if (row->frames++ == 0) {
    row->width = frame->width;
    row->height = frame->height;
  }
  if (!frame->inferred)
    return;
  row->inferred++;
  for (int i = 0; i < row->n_classes; i++) {
    row->classes[i].area += frame->area[i];
    row->classes[i].confidence += frame->confidence[i];
    row->classes[i].frames += frame->area[i] > 0;
  }
}

gboolean lus_tool_row_read(LusToolRow *row, const char *name, const char *file, const char *folder, GError **error)
{
  lus_tool_row_clear(row);
  g_autoptr(LusResultsReader) reader = lus_results_open(folder, error);
  if (!reader)
    return FALSE;
  take_header(row, &reader->header);
  LusResultsFrame frame;
  gboolean end = FALSE;
  while (lus_results_next(reader, &frame, &end, error))
    take_frame(row, &frame);
  for (int i = 0; i < row->n_classes; i++) {
    row->classes[i].area /= (double)row->inferred; /* NaN without any */
    row->classes[i].confidence /= (double)row->inferred;
  }
  if (!end) {
    lus_tool_row_clear(row);
    return FALSE;
  }
  row->name = g_strdup(name);
  row->file = g_strdup(file);
  return TRUE;
}

static void append_number(GString *out, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE] = "";
  if (!isnan(value))
    g_ascii_formatd(number, sizeof number, "%.7g", value);
  g_string_append_printf(out, ",%s", number);
}

static void append_text(GString *out, const char *text)
{
  g_autofree char *valid = text ? g_filename_display_name(text) : g_strdup("");
  g_string_append_c(out, ',');
  lus_tool_table_append(out, valid);
}

static void append_row(GString *out, const LusToolRow *row, const LusResultsHeader *header)
{
  g_autofree char *name = g_filename_display_name(row->name);
  lus_tool_table_append(out, name);
  append_text(out, row->file);
  append_text(out, row->clip_sha256);
  append_text(out, row->error ? "failed" : "done");
  append_text(out, row->error);
  append_text(out, row->kernels);
  if (row->error) {
    for (int i = 0; i < 4 + 3 * header->n_classes; i++)
      g_string_append_c(out, ',');
  } else {
    g_string_append_printf(out, ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%d,%d", row->frames, row->inferred,
                           row->width, row->height);
    for (int i = 0; i < row->n_classes; i++) {
      append_number(out, row->classes[i].area);
      append_number(out, row->classes[i].confidence);
      append_number(out, (double)row->classes[i].frames);
    }
  }
  g_string_append_c(out, '\n');
}

/** Of the first line; lus merge tells runs of other settings by it. */
static void append_setting(GString *out, const char *name, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf(out, " %s=%s", name, g_ascii_formatd(number, sizeof number, "%.6g", value));
}

gboolean lus_tool_summary_write(const char *path, const LusToolRow *rows, guint n, const LusResultsHeader *header,
                                GError **error)
{
  g_autoptr(GString) out = g_string_new(NULL);
  g_string_append_printf(out, "# lus %s segment model_sha256=%s", lus_version(), header->model_sha256);
  append_setting(out, "threshold", header->threshold);
  append_setting(out, "hysteresis", header->hysteresis);
  append_setting(out, "temporal_alpha", header->temporal_alpha);
  g_string_append_printf(out, " min_area=%d - " LUS_NOTICE "\n", header->min_area);
  g_string_append(out, "clip,file,clip_sha256,status,error,kernels,frames,inferred,width,height");
  for (int i = 0; i < header->n_classes; i++)
    g_string_append_printf(out, ",%s_area,%s_confidence,%s_frames", header->classes[i], header->classes[i],
                           header->classes[i]);
  g_string_append_c(out, '\n');
  for (guint i = 0; i < n; i++)
    if (rows[i].name)
      append_row(out, &rows[i], header);
  return lus_file_write(path, out->str, out->len, error);
}

static gboolean store_row(LusToolDatabase *database, const LusToolRow *row, GError **error)
{
  if (!lus_tool_database_put(database, "DELETE FROM clip_class WHERE clip = ?", "s", error, row->name) ||
      !lus_tool_database_put(database, "INSERT OR REPLACE INTO clip VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                             "ssssssdddisiiii", error, row->name, row->file, row->clip_sha256,
                             row->error ? "failed" : "done", row->error, row->model_sha256, row->threshold,
                             row->hysteresis, row->temporal_alpha, row->min_area, row->kernels, row->error ? (gint64)-1 : row->frames,
                             row->error ? (gint64)-1 : row->inferred, row->error ? (gint64)-1 : (gint64)row->width,
                             row->error ? (gint64)-1 : (gint64)row->height))
    return FALSE;
  for (int i = 0; i < row->n_classes; i++)
    if (!lus_tool_database_put(database, "INSERT INTO clip_class VALUES (?,?,?,?,?)", "ssddi", error, row->name,
                               row->classes[i].name, row->classes[i].area, row->classes[i].confidence,
                               row->classes[i].frames))
      return FALSE;
  return TRUE;
}

gboolean lus_tool_summary_store(const char *path, const LusToolRow *rows, guint n, GError **error)
{
  g_autoptr(LusToolDatabase) database = lus_tool_database_open(path, error);
  gboolean ok = database != NULL;
  for (guint i = 0; ok && i < n; i++)
    ok = !rows[i].name || store_row(database, &rows[i], error);
  return ok && lus_tool_database_commit(database, error);
}
