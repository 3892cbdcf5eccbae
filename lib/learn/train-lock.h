/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Inside of learn: CHECKPOINT.lock, which one training holds while it uses the checkpoint. The system releases it when
 *  the process ends, in whatever way. */
typedef struct _LusTrainLock LusTrainLock;

/** Errors: BUSY if another process holds it; IO if the folder cannot be written to. */
LusTrainLock *lus_train_lock_new(const char *checkpoint, GError **error);
/** Removes the file. NULL is accepted. */
void lus_train_lock_free(LusTrainLock *lock);
