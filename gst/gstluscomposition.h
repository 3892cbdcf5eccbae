/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/video/video-overlay-composition.h>
#include <gst/video/video.h>
#include <lus/lus.h>

/** The display's texts as a GstVideoOverlayComposition. Rectangles are kept while their pixels stay, so that a sink uploads them
 *  once. Zeroed: empty. */
typedef struct {
  int n;
  guint64 serials[LUS_OVERLAY_TEXTS];
  GstVideoOverlayRectangle *rectangles[LUS_OVERLAY_TEXTS];
  GstVideoOverlayComposition *composition; /* of all of them; NULL: none yet, or no text */
} GstLusComposition;

void gst_lus_composition_clear(GstLusComposition *composition);
/** Attaches what @overlay left out of the picture to @buffer, which is writable. */
void gst_lus_composition_attach(GstLusComposition *composition, GstBuffer *buffer, const LusOverlay *overlay);

/** Takes @caps; the same with or without the feature meta:GstVideoOverlayComposition. */
GstCaps *gst_lus_composition_add_feature(GstCaps *caps);
GstCaps *gst_lus_composition_remove_feature(GstCaps *caps);
gboolean gst_lus_composition_has_feature(const GstCaps *caps);
/** Whether what is linked to @pad takes @caps, which have the feature, and the metadata with them. Sends the caps. */
gboolean gst_lus_composition_accepted(GstPad *pad, GstCaps *caps);
