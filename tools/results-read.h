/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "results.h"
#include <stdio.h>

/** A finished frames.jsonl, read line by line; messages name file and line. */
typedef struct {
  char *path;
  LusResultsHeader header;  /* its texts live as long as the reader */
  json_t *first;            /* the first line */
  FILE *file;
  GByteArray *line;
  int number;               /* of the line */
} LusResultsReader;

LusResultsReader *lus_results_open(const char *folder, GError **error);
void lus_results_close(LusResultsReader *reader);

typedef struct {
  gint64 frame, pts_ns;     /* -1: none */
  int width, height;        /* of the frame, pixels */
  gboolean inferred;        /* else only these are known */
  LusRect rect;             /* of the crop, frame pixels */
  int plane_width, plane_height;
  double area[LUS_MAX_CLASSES], confidence[LUS_MAX_CLASSES]; /* 0..1, parts of the sector */
} LusResultsFrame;

/** FALSE with *end: no more frames; without: error. */
gboolean lus_results_next(LusResultsReader *reader, LusResultsFrame *frame, gboolean *end, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusResultsReader, lus_results_close)
