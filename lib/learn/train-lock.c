/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/train-lock.h"
#include "learn/trainer.h"
#include "nn/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRIES 100

struct _LusTrainLock {
  char *path;
  int fd;
};

/** Whether the open file is still the one of that name: its last owner may have removed it meanwhile. */
static gboolean is_current(const LusTrainLock *lock)
{
  struct stat open_file, named;
  return fstat(lock->fd, &open_file) == 0 && stat(lock->path, &named) == 0 && open_file.st_ino == named.st_ino &&
         open_file.st_dev == named.st_dev;
}

static gboolean set_busy(GError **error, const LusTrainLock *lock, const char *checkpoint)
{
  char owner[32] = "";
  gssize n = pread(lock->fd, owner, sizeof owner - 1, 0);
  owner[MAX(n, 0)] = '\0';
  g_set_error(error, LUS_ERROR, LUS_ERROR_BUSY,
              "%s: another training%s%s is using it; wait for that one, or choose another checkpoint", checkpoint,
              *owner ? " with process number " : "", g_strchomp(owner));
  return FALSE;
}

/** One attempt; TRUE with lock->fd -1: try again. */
static gboolean try_lock(LusTrainLock *lock, const char *checkpoint, GError **error)
{
  lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock->fd < 0 || (flock(lock->fd, LOCK_EX | LOCK_NB) != 0 && errno != EWOULDBLOCK)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot lock: %s", lock->path, g_strerror(errno));
    return FALSE;
  }
  if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0)
    return set_busy(error, lock, checkpoint);
  if (is_current(lock))
    return TRUE;
  close(lock->fd);
  lock->fd = -1;
  return TRUE;
}

LusTrainLock *lus_train_lock_new(const char *checkpoint, GError **error)
{
  LusTrainLock *lock = g_new0(LusTrainLock, 1);
  lock->path = g_strconcat(checkpoint, ".lock", NULL);
  lock->fd = -1;
  gboolean ok = TRUE;
  for (int i = 0; ok && lock->fd < 0 && i < TRIES; i++)
    ok = try_lock(lock, checkpoint, error);
  if (ok && lock->fd >= 0) {
    char text[32];
    g_snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (ftruncate(lock->fd, 0) == 0 && pwrite(lock->fd, text, strlen(text), 0) == (gssize)strlen(text))
      return lock;
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", lock->path, g_strerror(errno));
    lus_train_lock_free(lock);
    return NULL;
  }
  if (ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot lock: it is removed again and again", lock->path);
  if (lock->fd >= 0)
    close(lock->fd);
  g_free(lock->path);
  g_free(lock);
  return NULL;
}

void lus_train_lock_free(LusTrainLock *lock)
{
  if (!lock)
    return;
  g_unlink(lock->path);
  close(lock->fd);
  g_free(lock->path);
  g_free(lock);
}

gboolean lus_train_checkpoint_is_free(const char *checkpoint, GError **error)
{
  LusTrainLock *lock = lus_train_lock_new(checkpoint, error);
  lus_train_lock_free(lock);
  return lock != NULL;
}
