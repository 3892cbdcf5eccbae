/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "api.h"

LUS_BEGIN_DECLS

/** Reads a whole regular file of at most @max_bytes bytes (never maps it). Newly allocated; *length set; a NUL byte that
 *  is not counted follows the content. Errors name the path and the remedy. */
LUS_API guint8 *lus_file_read(const char *path, gsize max_bytes, gsize *length, GError **error);
/** The length of the mark that some Windows programs write before UTF-8, 0 where there is none. */
LUS_API gsize lus_utf8_mark(const char *text, gsize length);
/** Writes @path atomically: temporary file beside it, fsync, rename, fsync of the folder. On failure nothing is left
 *  under either name and an older file stays as it was. */
LUS_API gboolean lus_file_write(const char *path, const void *data, gsize length, GError **error);
/** The end of lus_file_write() for a file written bit by bit: fsync of @temporary, rename to @path, fsync of the folder.
 *  @temporary must lie in the same folder; on failure it is removed. */
LUS_API gboolean lus_file_commit(const char *temporary, const char *path, GError **error);
/** The most memory that this process has had at once, in bytes; 0 where Linux's /proc does not tell. getrusage() would count
 *  what the process that started it had. */
LUS_API gsize lus_peak_memory(void);
/** SHA-256 as 64 hexadecimal digits; newly allocated. */
LUS_API char *lus_sha256(const void *data, gsize length);
/** Whether @text is such: 64 lower-case hexadecimal digits. */
gboolean lus_is_sha256(const char *text);

LUS_END_DECLS
