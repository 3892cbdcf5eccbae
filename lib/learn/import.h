/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"
#include "region.h"

LUS_BEGIN_DECLS

/** Labels from other programs into a data set, and out of it again (docs/dataset.md). */

typedef struct {
  const char *annotator;  /* NULL: as the source tells */
  char *const *class_map; /* NULL-terminated "from=to"; "from=" leaves the class out. NULL: names as they are */
  double offset_x, offset_y; /* taken from coordinates: where the clip was cut out of the annotated picture [pixels] */
  double line_width;      /* of lines without a thickness [pixels]; 0: 6 */
  double mm_per_pixel;    /* slicer: 0: from the depth */
  double depth_mm;        /* slicer: from the probe to the sector's end; 0: unknown */
  GPtrArray *skipped;     /* of char *, which it frees: gets the files of a folder that hold something else; or NULL */
} LusImportConfig;

/** Reads one file of one format into regions. LUS_ERROR_UNSUPPORTED: the file is sound but of another kind. */
typedef struct {
  const char *name;    /* "cvat", ... */
  const char *summary; /* for --help and docs */
  const char *endings; /* of its files in a folder, in lower case, with a space between: ".xml .json" */
  gboolean (*read)(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error);
} LusImportFormat;

/** All formats; the last has no name. */
LUS_API const LusImportFormat *lus_import_formats(void);
/** Reads @path with the format called @format and applies class map, annotator and offset. A folder stands for all files
 *  in it and in its folders (8 levels) with one of the format's endings, in the order of their names; those that begin
 *  with a dot are left out, and so are JSON files of another kind, unless nothing else is there. */
LUS_API gboolean lus_import_read(LusRegions *regions, const char *format, const char *path,
                                 const LusImportConfig *config, GError **error);

/** Where regions go. */
typedef struct {
  const char *path;         /* the data set; made if it is not there */
  char *const *clips;       /* NULL-terminated: video files to add (already known ones may be named again); or NULL */
  const char *patient, *zone; /* of the only clip; NULL: from its file name */
  int day;                  /* 0: from the file name, else 1 */
  int split;                /* LusSplit of new patients; LUS_SPLIT_N: dealt out, 70 % train, 15 % validation, 15 % test */
  double mm_per_pixel;      /* of @clips; 0: unknown */
  const char *licence;      /* of a new data set; NULL: "unknown" */
  char *const *classes;     /* NULL-terminated: of a new data set, an old one must have the same; NULL: pleural_line, fascia_band,
                               vertical_line, and a_line if it is drawn */
  gboolean partial;         /* a class that isn't drawn on a frame is not labelled there; else it is absent (0 %) */
  gboolean replace;         /* labels that differ are replaced; else they are an error */
  LusFrameOpen open;
  gpointer user_data;
  LusProgress progress;
  gpointer progress_data;
  GPtrArray *unheeded;      /* of char *, which it frees: gets a line for each of patient, day, zone and licence that is another
                               than what the data set has, and keeps; or NULL */
} LusImportTarget;

typedef struct {
  int written, kept; /* label files; kept: they were there with the same content */
  int clips;         /* added */
  int frames;        /* labelled frames, each annotator's counted */
  int patients[LUS_SPLIT_N]; /* of the data set */
} LusImportResult;

/** Adds clips and labels. Clips are copied first, then dataset.json is written, then the labels, each atomically: an
 *  interrupted import is a valid data set and goes on when it is repeated. */
LUS_API gboolean lus_import_write(LusImportResult *result, const LusRegions *regions, const LusImportTarget *target,
                                  GError **error);

/** "coco", "cvat" or "layers" into the folder @path. */
LUS_API gboolean lus_export(const LusDataset *dataset, const char *format, const char *path, int *n_files,
                            LusProgress progress, gpointer progress_data, GError **error);

LUS_END_DECLS
