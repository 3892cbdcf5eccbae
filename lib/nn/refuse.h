/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** Sets LUS_ERROR_INVALID: "PATH: PLACE: what is wrong; REMEDY", where @place and @remedy may be NULL. Returns FALSE. */
gboolean lus_refuse(GError **error, const char *path, const char *place, const char *remedy, const char *format, ...)
  G_GNUC_PRINTF(5, 6);
