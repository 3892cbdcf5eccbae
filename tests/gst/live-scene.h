/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "fixture.h"
#include "slow.h"

/* What the live tests share: moving ultrasound pictures at 30 per second, and a time of their own. */

#define SCENE_WIDTH 320
#define SCENE_HEIGHT 240
#define SCENE_PICTURES 24
#define SCENE_CAPS "video/x-raw,format=GRAY8,width=320,height=240,framerate=30/1"
/** PTS of picture n, in ns. */
#define SCENE_TIME(n) ((GstClockTime)(n) * GST_SECOND / 30)

#define SCENE_SEED 6 /* of the scene that most tests look at */
/** Renders the pictures. */
void scene_open(int seed);
void scene_close(void);
/** A harness of @line, whose "MODEL" is replaced by the fixture's large model, for SCENE_CAPS, with a model that takes
 *  @duration_ns. */
GstHarness *scene_harness(const char *line, gint64 duration_ns);
/** Lets the model finish and stops the harness. */
void scene_teardown(GstHarness *harness);
/** Picture @n of a recording that goes on and on, with @time as PTS; the caller's. */
GstBuffer *scene_picture(guint n, GstClockTime time);
/** The time becomes the picture's; it is pushed, and what comes out is the caller's. */
GstBuffer *scene_push_buffer(GstHarness *harness, GstBuffer *picture);
GstBuffer *scene_push(GstHarness *harness, guint n, GstClockTime time);
/** The bus of the harness' lussegment; from then on its messages are there. */
GstBus *scene_bus(GstHarness *harness);
/** How many messages of @type wait on @bus; they are taken away. */
guint scene_count_messages(GstBus *bus, GstMessageType type);
/** TRUE if LUS_LIVE_FULL=1 asks for the figures in full. */
gboolean scene_full(void);
