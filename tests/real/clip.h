/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "../../tools/tool.h"

/** The clip's next picture; FALSE at its end. */
static inline gboolean real_next(LusFrameSource *source, LusImage *image, gint64 *pts_ns)
{
  g_autoptr(GError) error = NULL;
  gboolean end = FALSE;
  source->next(source, image, pts_ns, &end, &error);
  g_assert_no_error(error);
  return !end;
}
