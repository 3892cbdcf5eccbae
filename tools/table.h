/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"
#include <stdio.h>

/** Comma-separated tables (RFC 4180) read row by row, of any length: lines that begin with # before the header are comments,
 *  the header names the columns, every row has as many fields. Messages name file and line. */
typedef struct {
  char *path;
  GString *comments;  /* the comment lines */
  GPtrArray *columns; /* char*: their names */
  GPtrArray *fields;  /* char*: of the row now */
  GString *text;      /* the row now as it stands in the file, without its end of line */
  int line;           /* at which it begins */
  FILE *file;
  int next_line;
} LusToolTable;

/** Reads as far as the header. */
LusToolTable *lus_tool_table_open(const char *path, GError **error);
void lus_tool_table_free(LusToolTable *table);
/** The next row. FALSE with *end: there is none; without: error. */
gboolean lus_tool_table_next(LusToolTable *table, gboolean *end, GError **error);
/** Column by name, or -1. */
int lus_tool_table_column(const LusToolTable *table, const char *name);
/** Field of the row now; "" for column -1. */
const char *lus_tool_table_field(const LusToolTable *table, int column);
/** Appends @text as one field, quoted where needed. */
void lus_tool_table_append(GString *out, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusToolTable, lus_tool_table_free)
