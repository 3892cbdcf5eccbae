/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dicom-seg.h"

/* In place of dicom-seg.c where the program is built without DCMTK. */

gboolean lus_tool_seg_possible(const char *source, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: --dicom-seg: this program was built without DCMTK; build it with "
              "-Ddicom=enabled (Debian: libdcmtk-dev, g++)", source);
  return FALSE;
}

LusToolSeg *lus_tool_seg_new(const char *source, const char *folder, const LusModel *model, GError **error)
{
  (void)source, (void)folder, (void)model, (void)error;
  g_return_val_if_reached(NULL);
}

gboolean lus_tool_seg_add(LusToolSeg *seg, gint64 frame, const LusSegmentation *segmentation, GError **error)
{
  (void)seg, (void)frame, (void)segmentation, (void)error;
  g_return_val_if_reached(FALSE);
}

gboolean lus_tool_seg_finish(LusToolSeg *seg, GError **error)
{
  (void)seg, (void)error;
  g_return_val_if_reached(FALSE);
}

void lus_tool_seg_free(LusToolSeg *seg)
{
  (void)seg;
}
