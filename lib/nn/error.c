/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"

G_DEFINE_QUARK(lus-error-quark, lus_error)

const char *lus_version(void)
{
  return LUS_VERSION;
}
