/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "lung/confidence.h"
#include "lung/overlay.h"
#include "lung/phantom.h"

/** A simulated scanner screen with the phantom's own labels as result, at the resolution of a model of 256 x 256: what
 *  the overlay is measured and shown with. */
typedef struct {
  int width, height;
  LusPhantom *phantom;
  LusSector *sector;
  LusMasker *masker;
  guint8 *gray, *labels; /* the picture, and [LUS_PHANTOM_CLASSES][height][width] in percent */
  LusSegmentation result;
  LusMask *mask; /* of result, at 60 % */
  double mm_per_pixel;
} DisplayScene;

/** Picture and result at 0 s. @stream chooses the scene. Exits with a message when it cannot. */
void display_scene_open(DisplayScene *scene, LusProbe probe, guint64 stream, double water, int width, int height);
void display_scene_close(DisplayScene *scene);
/** Picture and result at @seconds. */
void display_scene_move(DisplayScene *scene, double seconds);

/** A frame of its own memory, limited-range BT.709 where it is Y'CbCr. */
void display_frame_open(LusImage *frame, LusFormat format, int width, int height, gsize *size);
void display_frame_close(LusImage *frame);
/** The scene's picture, in any 4:2:0 or GRAY8 format. */
void display_frame_fill(LusImage *frame, const DisplayScene *scene);
/** As 8-bit RGB to a PNG file, through the frame's own colorimetry. */
void display_frame_save(const LusImage *frame, const char *path);
