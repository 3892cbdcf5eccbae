/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/dataset.h"

#include <jansson.h>

#define LUS_DATASET_MANIFEST "dataset.json"
#define LUS_DATASET_VERSION 1

/** Reads DIR/dataset.json as a JSON object. */
json_t *lus_dataset_parse(const char *path, GError **error);
/** Checks a manifest's content as lus_dataset_load() does. */
LusDataset *lus_dataset_from_json(const char *path, json_t *root, GError **error);
/** Letters, digits, '_', '-' and '.', not first. */
gboolean lus_dataset_is_clip_name(const char *name);
/** Reads all pictures of a clip to tell their number and size. */
gboolean lus_clip_measure(int *frames, int *width, int *height, const char *path, LusFrameOpen open,
                          gpointer user_data, GError **error);
