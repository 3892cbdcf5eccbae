/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"

/** Inside of learn: which frames of a data set are labelled, by whom, and where the files lie. */

#define LUS_FUSION_BEGUN "fusion.begun" /* from before the record until the last fused label is there */
#define LUS_MAX_ANNOTATORS 255 /* what a count of guint8 holds */

/** The names in a folder, sorted, in a new array that frees them; empty if there is no such folder. */
GPtrArray *lus_folder_names(const char *path);
/** The folders of labels/ by name, fused ones too, in such an array; files, hidden folders and those without labels are no
 *  annotators. */
GPtrArray *lus_labels_annotators(const LusDataset *dataset);
/** Whether an annotator's folder holds anything but what a fusion that was stopped early leaves. */
gboolean lus_labels_any(const char *folder);
/** Whether lus_dataset_fuse() wrote the annotator's folder: it holds no one's opinion of its own. */
gboolean lus_labels_fused(const LusDataset *dataset, const char *annotator);

/** One labelled frame of a clip; @annotator -1: all who labelled it. */
typedef struct {
  const LusClip *clip;
  int frame, annotator;
} LusLabelled;

/** Appends LusLabelled: the clip's frames that any of @annotators labelled for one of the data set's classes, ascending;
 *  @each: one entry per annotator who did. */
void lus_labels_find(GArray *labelled, const LusDataset *dataset, char *const *annotators, const LusClip *clip,
                     gboolean each);
char *lus_labels_path(const LusDataset *dataset, const char *annotator, const char *clip, int frame, int class_index);
/** One class of a frame as each of @annotators labelled it: @planes [n], newly allocated, NULL for who did not. Errors: files
 *  that cannot be read, sizes that differ; then @planes are all NULL. */
gboolean lus_labels_read(guint8 **planes, int *width, int *height, const LusDataset *dataset, char *const *annotators,
                         const LusLabelled *labelled, int class_index, GError **error);
void lus_labels_clear(guint8 **planes, int n);
