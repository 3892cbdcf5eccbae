/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "peers.h"

#include <stdlib.h>

#define CHUNK ((gsize)1 << 26) /* counts of MPI are int */

/** How many processes the launcher (Open MPI; MPICH and Slurm by PMI) says there are. Without a launcher MPI is not even
 *  started. */
static int count_processes(void)
{
  static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
  for (gsize i = 0; i < G_N_ELEMENTS(variables); i++) {
    const char *text = g_getenv(variables[i]);
    if (text)
      return atoi(text);
  }
  return 1;
}

#ifdef LUS_HAVE_MPI
#include <mpi.h>

/* Summed by one process and handed out, so that everybody has the same bits. */
static void sum(void *values, gsize n, gsize size, MPI_Datatype type)
{
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  for (gsize at = 0; at < n; at += CHUNK) {
    void *part = (char *)values + at * size;
    int count = (int)MIN(n - at, CHUNK);
    MPI_Reduce(rank == 0 ? MPI_IN_PLACE : part, part, count, type, MPI_SUM, 0, MPI_COMM_WORLD);
    MPI_Bcast(part, count, type, 0, MPI_COMM_WORLD);
  }
}

static void sum_floats(gpointer data, float *values, gsize n)
{
  (void)data;
  sum(values, n, sizeof *values, MPI_FLOAT);
}

static void sum_doubles(gpointer data, double *values, gsize n)
{
  (void)data;
  sum(values, n, sizeof *values, MPI_DOUBLE);
}

static void broadcast(gpointer data, void *bytes, gsize n)
{
  (void)data;
  for (gsize at = 0; at < n; at += CHUNK)
    MPI_Bcast((char *)bytes + at, (int)MIN(n - at, CHUNK), MPI_BYTE, 0, MPI_COMM_WORLD);
}

static LusTrainPeers peers = {.sum_floats = sum_floats, .sum_doubles = sum_doubles, .broadcast = broadcast};

gboolean lus_tool_peers_open(const LusTrainPeers **opened, GError **error)
{
  *opened = NULL;
  if (count_processes() < 2)
    return TRUE;
  int provided = 0;
  MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &peers.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &peers.count);
  if (provided < MPI_THREAD_FUNNELED) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "this MPI does not allow threads");
    return FALSE;
  }
  *opened = &peers;
  return TRUE;
}

void lus_tool_peers_close(int code)
{
  int started = 0;
  MPI_Initialized(&started);
  if (started && code != 0)
    MPI_Abort(MPI_COMM_WORLD, code);
  if (started)
    MPI_Finalize();
}

#else

gboolean lus_tool_peers_open(const LusTrainPeers **opened, GError **error)
{
  *opened = NULL;
  if (count_processes() < 2)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
              "there are %d processes, but this program was built without MPI; build with -Dmpi=enabled",
              count_processes());
  return FALSE;
}

void lus_tool_peers_close(int code)
{
  (void)code;
}

#endif
