/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/refuse.h"

G_DEFINE_QUARK(lus-error-quark, lus_error)

void lus_error_make_printable(GError **error)
{
  if (!error || !*error)
    return;
  GString *text = g_string_new(NULL);
  for (const char *at = (*error)->message; *at;) {
    gunichar c = g_utf8_get_char_validated(at, -1);
    gboolean valid = c < (gunichar)-2;
    if (!valid || g_unichar_isprint(c)) /* other bytes are the path's, which is told as it is */
      g_string_append_len(text, at, valid ? g_unichar_to_utf8(c, NULL) : 1);
    else
      g_string_append_printf(text, "\\x%02x", c);
    at += valid ? g_unichar_to_utf8(c, NULL) : 1;
  }
  g_free((*error)->message);
  (*error)->message = g_string_free(text, FALSE);
}

gboolean lus_refuse(GError **error, const char *path, const char *place, const char *remedy, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *problem = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s%s%s%s%s", path, place ? place : "", place ? ": " : "", problem,
              remedy ? "; " : "", remedy ? remedy : "");
  return FALSE;
}

const char *lus_version(void)
{
  return LUS_VERSION;
}
