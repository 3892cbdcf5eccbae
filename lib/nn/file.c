/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/file.h"
#include "nn/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_errno_error(GError **error, const char *path, const char *action, int number)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot %s: %s", path, action, g_strerror(number));
}

/** Opens a regular file and tells its size; -1 on error. O_NONBLOCK: a FIFO must not stop us before we can refuse it.
 */
static int open_regular(const char *path, gsize max_bytes, gsize *size, GError **error)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) {
    set_errno_error(error, path, "open", errno);
    return -1;
  }
  struct stat status;
  if (fstat(fd, &status) != 0) {
    set_errno_error(error, path, "look at", errno);
  } else if (!S_ISREG(status.st_mode)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: not a regular file; give the path of a file", path);
  } else if (status.st_size < 0 || (guint64)status.st_size > max_bytes) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: %" G_GINT64_FORMAT " bytes, at most %" G_GSIZE_FORMAT
                " are read; is this the right file?", path, (gint64)status.st_size, max_bytes);
  } else {
    *size = (gsize)status.st_size;
    return fd;
  }
  close(fd);
  return -1;
}

/** Bytes read, fewer than @length only at the file's end; -1 on error (errno set). */
static gssize read_fully(int fd, guint8 *data, gsize length)
{
  gsize done = 0;
  while (done < length) {
    gssize n = read(fd, data + done, length - done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -1;
    if (n == 0)
      break;
    done += (gsize)n;
  }
  return (gssize)done;
}

guint8 *lus_file_read(const char *path, gsize max_bytes, gsize *length, GError **error)
{
  gsize size = 0;
  int fd = open_regular(path, MIN(max_bytes, (gsize)G_MAXSSIZE - 1), &size, error);
  if (fd < 0)
    return NULL;
  g_autofree guint8 *data = g_try_malloc(size + 1);
  if (!data) {
    close(fd);
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for %" G_GSIZE_FORMAT " bytes", path, size);
    return NULL;
  }
  /* One byte more than expected is asked for, so that a file that grows meanwhile is noticed as well. */
  gssize n = read_fully(fd, data, size + 1);
  int number = errno;
  close(fd);
  if (n < 0) {
    set_errno_error(error, path, "read", number);
    return NULL;
  }
  if ((gsize)n != size) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: changed while it was read; try again when it is complete", path);
    return NULL;
  }
  data[size] = 0;
  *length = size;
  return g_steal_pointer(&data);
}

static gboolean write_fully(int fd, const guint8 *data, gsize length)
{
  while (length > 0) {
    gssize n = write(fd, data, length);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return FALSE;
    data += n;
    length -= (gsize)n;
  }
  return TRUE;
}

/** Makes a rename durable. File systems that cannot sync a folder say EINVAL: nothing more can be done there. */
static gboolean sync_folder(const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname(path);
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP)) {
    set_errno_error(error, folder, "make the new file durable in this folder", errno);
    if (fd >= 0)
      close(fd);
    return FALSE;
  }
  close(fd);
  return TRUE;
}

static gboolean rename_and_sync(const char *temporary, const char *path, GError **error)
{
  if (rename(temporary, path) != 0) {
    set_errno_error(error, path, "rename the finished file to this name", errno);
    return FALSE;
  }
  return sync_folder(path, error);
}

/* ---- temporary files: NAME.HOST-PID-N.part, locked (flock) as long as somebody writes them ---- */

/** Machines that share a folder see only their own locks for sure, and only their own temporary files are cleared away. */
static guint host_number(void)
{
  return g_str_hash(g_get_host_name());
}

/** Whether @name has the form that create_temporary() gives on this machine. */
static gboolean is_temporary(const char *name)
{
  g_autofree char *host = g_strdup_printf(".%08x-", host_number());
  const char *at = g_strrstr(name, host);
  if (!at || at == name)
    return FALSE;
  at += strlen(host);
  gsize pid = strspn(at, "0123456789"), number = at[pid] == '-' ? strspn(at + pid + 1, "0123456789") : 0;
  return pid > 0 && number > 0 && g_str_equal(at + pid + 1 + number, ".part");
}

/** Removes @path if it is a file of ours that nobody holds: whoever wrote it was killed. */
static void remove_if_left(const char *path)
{
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct stat status;
  if (fd < 0)
    return;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
    unlink(path);
  close(fd);
}

/** What killed processes left in @path's folder goes when this process first writes there: once, as the folder may be long.
 *  Of a batch that writes a folder per clip not all are remembered. */
static void clear_left(const char *path)
{
  enum { REMEMBERED = 1024 };
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static GHashTable *seen;
  g_autofree char *folder = g_path_get_dirname(path), *absolute = g_canonicalize_filename(folder, NULL);
  pthread_mutex_lock(&lock);
  if (!seen)
    seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  if (g_hash_table_size(seen) >= REMEMBERED)
    g_hash_table_remove_all(seen);
  gboolean first = g_hash_table_add(seen, g_steal_pointer(&absolute));
  pthread_mutex_unlock(&lock);
  g_autoptr(GDir) entries = first ? g_dir_open(folder, 0, NULL) : NULL;
  const char *name;
  while (entries && (name = g_dir_read_name(entries))) {
    g_autofree char *left = is_temporary(name) ? g_build_filename(folder, name, NULL) : NULL;
    if (left)
      remove_if_left(left);
  }
}

/** Locks the new file; FALSE: another process took it for one that was left, just before. Where a file system knows no
 *  locks there is nothing to be afraid of either. */
static gboolean hold(int fd)
{
  struct stat status;
  return flock(fd, LOCK_EX | LOCK_NB) == 0 ? fstat(fd, &status) != 0 || status.st_nlink > 0 : errno != EWOULDBLOCK;
}

/** A new file beside @path that nobody else uses, or -1. The number tells threads apart and steps over what an earlier
 *  process of the same id left behind. */
static int create_temporary(char **temporary, const char *path)
{
  static atomic_uint counter;
  clear_left(path);
  for (int attempt = 0; attempt < 100; attempt++) {
    g_autofree char *name = g_strdup_printf("%s.%08x-%ld-%u.part", path, host_number(), (long)getpid(),
                                            atomic_fetch_add(&counter, 1));
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST)
      return -1;
    if (fd >= 0 && hold(fd)) {
      *temporary = g_steal_pointer(&name);
      return fd;
    }
    if (fd >= 0)
      close(fd);
  }
  errno = EEXIST;
  return -1;
}

gboolean lus_file_write(const char *path, const void *data, gsize length, GError **error)
{
  g_autofree char *temporary = NULL;
  int fd = create_temporary(&temporary, path);
  if (fd < 0) {
    set_errno_error(error, path, "create", errno);
    return FALSE;
  }
  gboolean done = write_fully(fd, data, length) && fsync(fd) == 0;
  if (!done)
    set_errno_error(error, path, "write", errno);
  done = done && rename_and_sync(temporary, path, error); /* still locked, and all on the disk */
  if (!done)
    g_unlink(temporary);
  close(fd);
  return done;
}

gboolean lus_file_commit(const char *temporary, const char *path, GError **error)
{
  int fd = open(temporary, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  gboolean synced = fd >= 0 && fsync(fd) == 0;
  if (!synced)
    set_errno_error(error, temporary, "write", errno);
  if (fd >= 0)
    close(fd);
  if (!synced || !rename_and_sync(temporary, path, error)) {
    g_unlink(temporary);
    return FALSE;
  }
  return TRUE;
}

gsize lus_peak_memory(void)
{
  g_autofree char *text = NULL;
  const char *line = g_file_get_contents("/proc/self/status", &text, NULL, NULL) ? strstr(text, "VmHWM:") : NULL;
  return line ? (gsize)g_ascii_strtoull(line + strlen("VmHWM:"), NULL, 10) * 1024 : 0;
}

char *lus_sha256(const void *data, gsize length)
{
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
  /* In pieces: g_checksum_update() counts in gssize and old versions in 32 bit. */
  const guint8 *bytes = data;
  for (gsize at = 0; at < length;) {
    gsize n = MIN(length - at, (gsize)1 << 24);
    g_checksum_update(checksum, bytes + at, (gssize)n);
    at += n;
  }
  return g_strdup(g_checksum_get_string(checksum));
}

gboolean lus_is_sha256(const char *text)
{
  return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

gsize lus_utf8_mark(const char *text, gsize length)
{
  return length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}
