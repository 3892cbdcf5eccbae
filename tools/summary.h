/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "results-read.h"

/** One row per clip of a run, as a table and as a database (docs/results.md). What is not known is empty. */
typedef struct {
  char *name, *file;   /* NULL name: the clip was not begun, there is no row */
  char *clip_sha256, *model_sha256, *kernels; /* NULL after a failure */
  char *error;         /* NULL: done */
  double threshold, hysteresis, temporal_alpha; /* 0..1, of the masks; NaN after a failure */
  gint64 min_area;     /* -1 after a failure */
  gint64 frames, inferred; /* pictures; those with a sector */
  int width, height;   /* of the first picture, pixels */
  int n_classes;
  struct {
    char *name;
    double area, confidence; /* means over the pictures inferred, NaN: none */
    gint64 frames;           /* in whose mask there is anything */
  } classes[LUS_MAX_CLASSES];
} LusToolRow;

/** Fills a row from a folder of results; clears it first. */
gboolean lus_tool_row_read(LusToolRow *row, const char *name, const char *file, const char *folder, GError **error);
void lus_tool_row_fail(LusToolRow *row, const char *name, const char *file, const char *message);
void lus_tool_row_clear(LusToolRow *row);

/** Writes the rows that have a name as CSV, atomically; @header: of the run. */
gboolean lus_tool_summary_write(const char *path, const LusToolRow *rows, guint n, const LusResultsHeader *header,
                                GError **error);
/** Puts them into a database, which is made if need be, in one transaction: rows of the same name are replaced. */
gboolean lus_tool_summary_store(const char *path, const LusToolRow *rows, guint n, GError **error);
