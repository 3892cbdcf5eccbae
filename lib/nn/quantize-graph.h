/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "graph.h"

/** A copy of @graph, whose shapes are set for [1][@c][@h][@w], with a Quantize node on every activation that is to become
 * codes, and BatchNorm folded into convolutions. The nodes' steps are still to be set. */
LusGraph *lus_quantize_graph(const LusGraph *graph, int c, int h, int w, GError **error);
