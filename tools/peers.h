/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** The other processes of `mpirun -n N lus train`; NULL where this one runs alone. Errors: started by mpirun, but built
 *  without MPI. */
gboolean lus_tool_peers_open(const LusTrainPeers **peers, GError **error);
/** Before the program ends; with a @code other than 0 the other processes are ended too. */
void lus_tool_peers_close(int code);
