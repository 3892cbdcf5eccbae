/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "inputs.h"

/** Many clips at once: one worker per processor takes clip after clip, each in a thread of its own, while the clip's decoder
 *  runs ahead in another. Large files come first, so that none is left over at the end. */
typedef struct _LusToolWorker LusToolWorker;

typedef struct {
  const char *command;     /* for messages: "segment" */
  const GPtrArray *inputs; /* LusToolInput* */
  int threads;             /* in all, 0: one per processor */
  gboolean keep_going;     /* do the others after one failed */
  gboolean resumes;        /* the command has --resume */
  /** What a worker needs for itself, with so many threads; called in its thread. NULL: error. */
  gpointer (*open)(gpointer data, int threads, GError **error);
  void (*close)(gpointer opened);
  /** Does clip @index of @inputs. */
  gboolean (*clip)(gpointer data, gpointer opened, guint index, LusToolWorker *worker, GError **error);
  gpointer data;
} LusToolBatch;

/** Returns an exit code. Tells failures as they come, in the end as a table with @keep_going. After Ctrl-C the workers stop at
 *  their next frame. @errors [inputs->len] gets the messages of clips that failed, to be freed; NULL: not one of these. */
int lus_tool_batch_run(const LusToolBatch *batch, char **errors);

/** To be called once per frame, of about @total (-1: unknown). FALSE with an error: stop, as the user wants. */
gboolean lus_tool_worker_frame(LusToolWorker *worker, gint64 frame, gint64 total, GError **error);
/** The clip was done before: it does not count in the rate. */
void lus_tool_worker_skip(LusToolWorker *worker);
/** SHA-256 of a file, read piece by piece, as 64 hexadecimal digits; can be interrupted as frames can. */
char *lus_tool_clip_hash(const char *path, GError **error);
