/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/sector-profile.h"
#include "lung/sector-internal.h"

#include <glib/gstdio.h>

/* One group per size of picture. A sector is convex: rows from its first to its last, with the borders of each, tell all of
 * it; between two rows the borders run straight. */

#define FILE_GROUP "lus-scanner-profile"
#define VERSION 1
#define ROWS 65          /* written at most */
#define SIZE_MAX_BYTES (1 << 20)

static void bad_file(GError **error, const char *path, const char *what)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s; delete it, it is made again", path, what);
}

/* *file stays NULL where there is none. */
static gboolean read_file(GKeyFile **file, const char *path, GError **error)
{
  GStatBuf info;
  if (g_stat(path, &info) != 0)
    return TRUE;
  if (!S_ISREG(info.st_mode) || info.st_size > SIZE_MAX_BYTES) {
    bad_file(error, path, "no scanner profile: not a file of up to 1 MB");
    return FALSE;
  }
  g_autoptr(GKeyFile) loaded = g_key_file_new();
  g_autoptr(GError) cause = NULL;
  if (!g_key_file_load_from_file(loaded, path, G_KEY_FILE_KEEP_COMMENTS, &cause)) {
    if (cause->domain == G_FILE_ERROR)
      g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: %s", path, cause->message);
    else
      bad_file(error, path, cause->message);
    return FALSE;
  }
  if (g_key_file_get_integer(loaded, FILE_GROUP, "version", NULL) != VERSION) {
    bad_file(error, path, "no scanner profile of version 1");
    return FALSE;
  }
  *file = g_steal_pointer(&loaded);
  return TRUE;
}

static char *group_name(const LusSector *sector)
{
  return g_strdup_printf("%dx%d", sector->width, sector->height);
}

/* The borders between two rows that are known. */
static void draw_between(LusSpan *spans, int y0, int y1)
{
  LusSpan a = spans[y0], b = spans[y1];
  for (int y = y0 + 1; y < y1; y++)
    spans[y] = (LusSpan){a.left + (b.left - a.left) * (y - y0) / (y1 - y0),
                         a.right + (b.right - a.right) * (y - y0) / (y1 - y0)};
}

static gboolean read_spans(LusSpan *spans, GKeyFile *file, const char *group, const LusSector *sector)
{
  gsize n = 0, n_left = 0, n_right = 0;
  g_autofree int *rows = g_key_file_get_integer_list(file, group, "rows", &n, NULL);
  g_autofree int *left = g_key_file_get_integer_list(file, group, "left", &n_left, NULL);
  g_autofree int *right = g_key_file_get_integer_list(file, group, "right", &n_right, NULL);
  if (!rows || !left || !right || n < 2 || n_left != n || n_right != n)
    return FALSE;
  for (gsize i = 0; i < n; i++) {
    if (rows[i] < 0 || rows[i] >= sector->height || (i > 0 && rows[i] <= rows[i - 1]) || left[i] < 0 ||
        left[i] >= right[i] || right[i] > sector->width)
      return FALSE;
    spans[rows[i]] = (LusSpan){left[i], right[i]};
    if (i > 0)
      draw_between(spans, rows[i - 1], rows[i]);
  }
  return rows[n - 1] - rows[0] >= MIN(sector->height, LUS_FRAME_MIN) - 1;
}

gboolean lus_sector_profile_load(LusSector *sector, const char *path, GError **error)
{
  g_autoptr(GKeyFile) file = NULL;
  if (sector->mode != LUS_SECTOR_AUTO)
    return TRUE;
  if (!read_file(&file, path, error))
    return FALSE;
  g_autofree char *group = group_name(sector);
  if (!file || !g_key_file_has_group(file, group))
    return TRUE;
  g_autofree LusSpan *spans = g_new0(LusSpan, (gsize)sector->height);
  if (!read_spans(spans, file, group, sector)) {
    g_autofree char *what = g_strdup_printf("[%s] needs rows, left and right: as many numbers each, rows ascending, all "
                                            "within the picture", group);
    bad_file(error, path, what);
    return FALSE;
  }
  return lus_sector_remember(sector, spans, error);
}

static void write_spans(GKeyFile *file, const LusSector *sector)
{
  int rows[ROWS], left[ROWS], right[ROWS], first = sector->height, last = -1;
  for (int y = 0; y < sector->height; y++)
    if (!lus_span_is_empty(sector->spans[y])) {
      first = MIN(first, y);
      last = y;
    }
  int n = MIN(last - first + 1, ROWS);
  for (int i = 0; i < n; i++) {
    rows[i] = first + (n > 1 ? (int)((gint64)(last - first) * i / (n - 1)) : 0);
    left[i] = sector->spans[rows[i]].left;
    right[i] = sector->spans[rows[i]].right;
  }
  g_autofree char *group = group_name(sector);
  g_key_file_set_integer_list(file, group, "rows", rows, (gsize)n);
  g_key_file_set_integer_list(file, group, "left", left, (gsize)n);
  g_key_file_set_integer_list(file, group, "right", right, (gsize)n);
}

gboolean lus_sector_profile_save(LusSector *sector, const char *path, GError **error)
{
  g_autoptr(GKeyFile) file = NULL;
  if (sector->mode != LUS_SECTOR_AUTO || !sector->known || sector->trusted)
    return TRUE;
  if (!read_file(&file, path, error))
    return FALSE;
  if (!file) {
    file = g_key_file_new();
    g_key_file_set_integer(file, FILE_GROUP, "version", VERSION);
    g_key_file_set_string(file, FILE_GROUP, "notice", LUS_NOTICE);
  }
  write_spans(file, sector);
  g_autoptr(GError) cause = NULL;
  if (!g_key_file_save_to_file(file, path, &cause)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: %s", path, cause->message);
    return FALSE;
  }
  return lus_sector_remember(sector, sector->spans, error);
}
