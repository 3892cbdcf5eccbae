/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** What both kinds of clips, GStreamer's and DICOM's, add to a LusFrameSource. */
typedef struct {
  LusFrameSource base;
  /** As lus_tool_clip_rate(). */
  void (*rate)(const LusFrameSource *source, int *fps_n, int *fps_d, gint64 *frames);
} LusToolSource;

/** TRUE if the file begins like DICOM ("DICM" behind 128 bytes), or has no such beginning but is named so (.dcm, .dicom). */
gboolean lus_tool_is_dicom(const char *path);
/** Ultrasound of a DICOM file (docs/dicom.md); an error where this program was built without DCMTK. Outside the region of 2D tissue
 *  that the file names, pictures are black. */
LusFrameSource *lus_tool_open_dicom(const char *path, GError **error);
