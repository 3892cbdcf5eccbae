/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"
#include <jansson.h>

/** One clip's results in a folder of their own: what `lus segment` and `lus mask` write and others read (docs/results.md).
 *  frames.jsonl has its name only when all else is complete. */

#define LUS_FRAMES_NAME "frames.jsonl"
#define LUS_OVERLAY_NAME "overlay.mkv"
#define LUS_WHOLE_NAME "overlay-whole-frame.mkv" /* with --keep-frame, instead */
#define LUS_SEGMENTATION_NAME "segmentation.dcm"
#define LUS_MASKS_NAME "masks.mkv"
#define LUS_CONFIDENCES_NAME "confidences.mkv"

typedef enum {
  LUS_PLANES_NONE,
  LUS_PLANES_PNG,  /* frame%06d.mask.png, frame%06d.<class>.png */
  LUS_PLANES_RLE,  /* masks only: COCO run lengths in frames.jsonl */
  LUS_PLANES_FFV1  /* masks.mkv, confidences.mkv */
} LusPlanesForm;

/** "png", "rle", "ffv1"; -1: none of these. */
int lus_tool_planes_form(const char *name);
const char *lus_tool_planes_name(LusPlanesForm form);
/** Makes "--option" followed by the name of a form "--option=FORM", and one that is not "--option=png", so that GOption
 *  takes no file's name for a form. @argv [argc + 1] is changed; the texts live until the end. Returns the new argc. */
int lus_tool_planes_arguments(int argc, char **argv, const char *option);

/** What frames.jsonl says first. */
typedef struct {
  const char *clip;        /* file's name */
  const char *clip_sha256; /* of the file; "": it is written at the same time */
  const char *model, *model_sha256, *kernels;
  int n_classes;
  const char *classes[LUS_MAX_CLASSES];
  int width, height;       /* most that planes can have: the model's input */
  double threshold;        /* 0..1, of all classes */
  double hysteresis, temporal_alpha; /* of masks, as in LusConfidenceConfig; temporal_alpha 1 = no smoothing */
  int min_area;
  double mm_per_pixel;     /* told beside the clip; 0: it was not */
  gboolean live;           /* of pictures as they came, whose results may be older */
  gboolean overlay;        /* overlay.mkv is written too, by somebody else */
  LusPlanesForm masks, confidences;
} LusResultsHeader;

/** Being written. */
typedef struct _LusResults LusResults;
/** Makes the folder and removes what older results of the clip are in it. @header is copied, its texts are borrowed until
 *  the end. */
LusResults *lus_results_begin(const char *folder, const LusResultsHeader *header, GError **error);
/** What is added frame by frame. */
typedef struct {
  const LusSegmentation *segmentation; /* NULL: no sector was seen yet */
  int width, height;  /* of the frame */
  gint64 pts_ns;      /* < 0: unknown */
  gint64 age_ns;      /* of the result */
  int rate[2];        /* of the clip, frames per second */
} LusResultsEntry;
/** The next frame. Returns its mask in *mask (NULL where there is no result), which lives until the next call. */
gboolean lus_results_add(LusResults *results, const LusMask **mask, const LusResultsEntry *entry, GError **error);
gboolean lus_results_finish(LusResults *results, GError **error);
/** Without finish(): nothing is left of this clip's results. */
void lus_results_free(LusResults *results);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusResults, lus_results_free)
