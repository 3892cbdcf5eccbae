/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <lus/lus.h>

/* DCMTK behind a C interface; dicom.cc is the only C++ of the project. */

LUS_BEGIN_DECLS

/** What is read of a DICOM file: nothing that tells who the patient is. */
typedef struct {
  int width, height; /* pixels, LUS_FRAME_MIN..LUS_FRAME_MAX */
  int frames;        /* that the file says it holds, >= 1 */
  int stored;        /* of these, how many are there; fewer where an uncompressed file is cut off */
  gboolean colour;   /* pictures are RGB, else GRAY8 */
  double frame_ms;   /* mean distance of frames; 0 = unknown */
  double *times_ms;  /* [frames], from FrameTimeVector, or NULL: evenly spread */
  double mm_per_pixel; /* 0 = unknown, or not the same in both directions */
  LusRect region;    /* the largest region of 2D tissue; empty = the file names none */
} LusDicomInfo;

/** An ultrasound image or clip (US and US multi-frame; retired forms and secondary captures of modality US too) in any transfer
 *  syntax that DCMTK decodes. Not thread-safe; several may be open. */
typedef struct _LusDicom LusDicom;

/** Errors: not DICOM, no ultrasound, a transfer syntax without decoder, sizes that disagree or are out of range. */
LusDicom *lus_dicom_open(const char *path, GError **error);
void lus_dicom_free(LusDicom *dicom);
/** Lives as long as @dicom. */
const LusDicomInfo *lus_dicom_info(const LusDicom *dicom);
/** The next picture, from the first on: [height][width] grey or [height][width][3] RGB, owned by @dicom until the next call; NULL
 *  with @error, also behind the last. Palettes, Y'CbCr and planes are resolved; more than 8 bits go through the file's first window,
 *  or are scaled from the stored bits' range where there is none. */
const guint8 *lus_dicom_read(LusDicom *dicom, GError **error);

/** One plane of a segmentation: class @segment of frame @frame of the source. */
typedef struct {
  int frame, segment; /* both from 0 */
} LusDicomPlane;

typedef struct {
  const char *planes;        /* file of planes [n_planes][height][width], u8, 255 = certain */
  const LusDicomPlane *list; /* [n_planes] */
  int n_planes;
  const char *const *classes; /* [n_classes] */
  int n_classes;
  const char *model_sha256;
} LusDicomSegmentation;

/** Writes @segmentation of @source as a DICOM Segmentation (fractional, probability) to @path, not atomically. It refers to the
 *  source by its UIDs, and holds nothing else of the patient, study or visit. */
gboolean lus_dicom_write_segmentation(const char *path, LusDicom *source, const LusDicomSegmentation *segmentation,
                                      GError **error);

#ifndef __cplusplus
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusDicom, lus_dicom_free)
#endif

LUS_END_DECLS
