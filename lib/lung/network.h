/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "segmenter.h"

/** Inside of lung: a model made ready to run, with its packed weights, threads and buffers. Reference counted and
 *  thread-safe; several streams take turns with one. */
typedef struct _LusNetwork LusNetwork;

/** Takes a reference to @model. @threads 0 = one per CPU. */
LusNetwork *lus_network_new(LusModel *model, int threads, LusPrecision precision, GError **error);
/** The one network that this process has of the file at @path with these settings: a new reference to it where there is
 *  one and the file has not been changed since, else it is loaded. */
LusNetwork *lus_network_open(const char *path, int threads, LusPrecision precision, GError **error);
LusNetwork *lus_network_ref(LusNetwork *network);
void lus_network_unref(LusNetwork *network);

LusModel *lus_network_model(const LusNetwork *network);
const char *lus_network_kernels(const LusNetwork *network);

/** Confidences [classes][height][width] at the place of @geometry, 0 where @inside [height][width] is 0, from the input's
 *  @luma. FALSE: the network computed NaN or infinity. */
gboolean lus_network_run(LusNetwork *network, guint8 *confidence, const guint8 *luma, const guint8 *inside,
                         const LusGeometry *geometry, GError **error);
/** Runs it over a black input, so that the first frame takes no longer than others. Time of one run in ns. */
gint64 lus_network_warm_up(LusNetwork *network);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusNetwork, lus_network_unref)
