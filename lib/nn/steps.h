/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "ops.h"

/** From nodes to steps: what follows an operator is folded into it where nobody else looks at the
 * value in between. */

/** Steps in execution order, a GPtrArray of LusStep* that frees them; their maps are not set yet.
 * Needs the graph's shapes. Nodes that the output does not depend on are left out. @train:
 * BatchNorm stays a step of its own. */
GPtrArray *lus_steps_new(const LusGraph *graph, const gssize *offsets, gboolean train);
