/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "matroska.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Element ids with the length of their value, as EBML writes them (RFC 9559, Matroska). */
static const guint8 segment_uid[] = {0x73, 0xA4, 0x90}, track_uid[] = {0x73, 0xC5, 0x88}, tag_track_uid[] = {0x63, 0xC5, 0x88};

#define PART 65536 /* of the file's beginning and end: where such elements are */
#define SEGMENT_UID_BYTES 16
#define TRACK_UID_BYTES 8

typedef struct {
  guint8 bytes[PART];
  gsize length;
  off_t at; /* in the file */
} Part;

/** The value behind @id, or NULL. */
static guint8 *find(Part *part, const guint8 id[3], gsize value_bytes)
{
  guint8 *at = part->length > 3 + value_bytes ? memmem(part->bytes, part->length - value_bytes, id, 3) : NULL;
  return at ? at + 3 : NULL;
}

static gboolean read_part(int fd, Part *part, off_t at)
{
  part->at = at;
  gssize n = pread(fd, part->bytes, PART, at);
  part->length = n > 0 ? (gsize)n : 0;
  return n > 0;
}

static gboolean write_part(int fd, const Part *part)
{
  return pwrite(fd, part->bytes, part->length, part->at) == (gssize)part->length;
}

/** Makes the track's random number 1 in its entry, and in the tags that name it by that number, here or at the file's end. */
static gboolean settle_track(int fd, Part *part, off_t size)
{
  static const guint8 one[TRACK_UID_BYTES] = {0, 0, 0, 0, 0, 0, 0, 1};
  guint8 tag[sizeof tag_track_uid + TRACK_UID_BYTES];
  guint8 *entry = find(part, track_uid, TRACK_UID_BYTES);
  if (!entry)
    return TRUE;
  memcpy(tag, tag_track_uid, sizeof tag_track_uid);
  memcpy(tag + sizeof tag_track_uid, entry, TRACK_UID_BYTES);
  memcpy(entry, one, sizeof one);
  g_autofree Part *last = size > PART ? g_new(Part, 1) : NULL;
  if (last && !read_part(fd, last, MAX(size - PART, (off_t)PART)))
    return FALSE;
  Part *places[] = {part, last};
  for (int i = 0; i < 2 && places[i]; i++) {
    guint8 *at = memmem(places[i]->bytes, places[i]->length, tag, sizeof tag);
    if (at)
      memcpy(at + sizeof tag_track_uid, one, sizeof one);
  }
  return !last || write_part(fd, last);
}

static gboolean settle(int fd, off_t size)
{
  g_autofree Part *part = g_new(Part, 1);
  if (!read_part(fd, part, 0) || !settle_track(fd, part, size))
    return FALSE;
  guint8 *uid = find(part, segment_uid, SEGMENT_UID_BYTES);
  if (uid) {
    memset(uid, 0, SEGMENT_UID_BYTES);
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 digest[32];
    gsize n = sizeof digest;
    g_checksum_update(checksum, part->bytes, (gssize)part->length);
    g_checksum_get_digest(checksum, digest, &n);
    memcpy(uid, digest, SEGMENT_UID_BYTES);
  }
  return write_part(fd, part);
}

gboolean lus_tool_matroska_settle(const char *path, GError **error)
{
  struct stat status;
  int fd = g_open(path, O_RDWR | O_CLOEXEC, 0);
  gboolean ok = fd >= 0 && fstat(fd, &status) == 0 && settle(fd, status.st_size);
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", path, g_strerror(errno));
  if (fd >= 0)
    close(fd);
  return ok;
}
