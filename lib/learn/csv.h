/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Strict reader of comma-separated tables (RFC 4180): lines that begin with # before the header are comments, the
 *  header names the columns, every row has as many fields. Bounded: 16 MiB, 256 columns, a million rows. Messages name
 *  file and line. */
typedef struct {
  char *path;
  char *comments;     /* the comment lines, "" if none */
  int n_columns, n_rows;
  char *data;         /* the file's text, cut into fields */
  GPtrArray *fields;  /* char* into data: header, then rows */
  GArray *lines;      /* int, line number of header and rows */
} LusCsv;

LusCsv *lus_csv_load(const char *path, GError **error);
void lus_csv_free(LusCsv *csv);
/** Column by name, or -1. */
int lus_csv_column(const LusCsv *csv, const char *name);
/** The same, but a missing column is an error. */
gboolean lus_csv_require(int *column, const LusCsv *csv, const char *name, GError **error);
const char *lus_csv_field(const LusCsv *csv, int row, int column);
/** NaN for an empty field or column -1; else a number low..high. */
gboolean lus_csv_number(double *out, const LusCsv *csv, int row, int column, double low, double high, GError **error);
/** Sets LUS_ERROR_INVALID "path:line: message"; always FALSE. */
gboolean lus_csv_refuse(const LusCsv *csv, int row, GError **error, const char *format, ...) G_GNUC_PRINTF(4, 5);
/** Appends @text as one field, quoted where needed. */
void lus_csv_append(GString *out, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusCsv, lus_csv_free)
