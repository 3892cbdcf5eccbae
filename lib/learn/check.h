/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "dataset.h"

LUS_BEGIN_DECLS

/** What a data set holds, as far as it could be read. */
typedef struct {
  int clips, annotators, labels; /* label files */
  int frames;                    /* labelled frames, each annotator's counted */
  int pictures;                  /* frames of all clips */
} LusCheckSummary;

/** Called for each finding: @place is a path (and what in it), @text what is wrong, @remedy what to do. */
typedef void (*LusCheckFound)(gpointer user_data, const char *place, const char *text, const char *remedy);

/** Looks at all of a data set: the manifest, every clip (all its pictures), every label file, outcomes.csv. Goes on after
 *  a finding; only a manifest that cannot be read ends it, which is a finding too. Returns the number of findings, or -1
 *  with @error when stopped by @progress. */
LUS_API int lus_dataset_check(LusCheckSummary *summary, const char *path, LusFrameOpen open, gpointer user_data,
                              LusCheckFound found, gpointer found_data, LusProgress progress, gpointer progress_data,
                              GError **error);

LUS_END_DECLS
