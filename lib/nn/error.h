/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "api.h"

LUS_BEGIN_DECLS

/** The sentence that stands on screen, in --version and in every result file. */
#define LUS_NOTICE "Research software - not for diagnosis or treatment"

/** Error domain of the whole library. Messages name the file, the place in it and the remedy. */
#define LUS_ERROR (lus_error_quark())

typedef enum {
  LUS_ERROR_FAILED,      /* anything else */
  LUS_ERROR_IO,          /* cannot open, read or write a file */
  LUS_ERROR_INVALID,     /* a file's or argument's content is wrong */
  LUS_ERROR_UNSUPPORTED, /* well-formed, but something this library does not do */
  LUS_ERROR_LIMIT,       /* a documented size limit was exceeded */
  LUS_ERROR_MEMORY,      /* out of memory */
  LUS_ERROR_CANCELLED,   /* the caller asked to stop */
  LUS_ERROR_BUSY         /* another process is using the file */
} LusError;

LUS_API GQuark lus_error_quark(void);

/** For messages that quote a file: characters that steer terminals or break lines become "\x0a" and the like. NULL, or a
 *  pointer to NULL, is accepted. */
LUS_API void lus_error_make_printable(GError **error);

/** Library version, "MAJOR.MINOR.PATCH". Static string. */
LUS_API const char *lus_version(void);

LUS_END_DECLS
