/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the element tests share: a model whose answers are known, and pictures. */
#include "gstlusmeta.h"
#include "gstlusvideo.h"
#include <gst/check/gstharness.h>

/** Initialises GStreamer and GTest, makes the fixture folder, runs, removes the folder. */
int fixture_run(int *argc, char ***argv, void (*add_tests)(void));
/** A path in the fixture folder; newly allocated. */
char *fixture_path(const char *name);

/** Side of the model's input. Pictures of this size with sector=none are inferred pixel by pixel. */
#define FIXTURE_SIZE 64
/** A model without memory: with luma l, q of pleural_line is l, of fascia_band 255 - l, of vertical_line 128. */
const char *fixture_model(void);
/** Another one, for swapping: all of it reversed (pleural_line 255 - l, fascia_band l). */
const char *fixture_other_model(void);
/** The first one, whose first class is called "pleura". */
const char *fixture_renamed_model(void);
/** The first one for inputs of FIXTURE_LARGE pixels a side, as the bundled model has. */
#define FIXTURE_LARGE 256
const char *fixture_large_model(void);

/** Luma of a picture's pixel. */
typedef guint8 (*FixturePattern)(int x, int y);
/** Bright rows 20..23 (255) on grey (120): a pleural line over the whole width at the threshold 0.6, nothing else. */
guint8 fixture_line(int x, int y);
/** All 200. */
guint8 fixture_bright(int x, int y);
/** All 0. */
guint8 fixture_black(int x, int y);

/** Caps of @format at 25 frames per second. */
char *fixture_caps(const char *format, int width, int height);
/** Picture number @n (PTS n 40 ms) in the format of @caps. */
GstBuffer *fixture_picture(const char *caps, FixturePattern pattern, guint n);
/** Result of the fixture's model for a FIXTURE_SIZE GRAY8 picture; the caller unrefs it. */
LusSegmentation *fixture_segmentation(FixturePattern pattern);
/** Its masks at 0.6. */
LusMask *fixture_mask(LusSegmentation *segmentation);

/** A harness of gst_harness_new_parse(@line) whose "MODEL" is replaced by the fixture's model, with GRAY8 caps. Every
 *  picture waits for its result, unless @line says something of inference-mode. */
GstHarness *fixture_harness(const char *line, int width, int height);
/** Pushes picture @n with the pattern through it; the caller unrefs the result. */
GstBuffer *fixture_push(GstHarness *harness, const char *caps, FixturePattern pattern, guint n);
/** Sends "keywords=lus-zone:ZONE". */
void fixture_push_zone(GstHarness *harness, const char *zone);
/** An element on its own with a bus of its own; the next message of @type from it, or NULL. */
GstElement *fixture_element(const char *name, GstBus **bus);
/** The first WARNING on @bus, which is taken, holds @text. */
void fixture_assert_warning(GstBus *bus, const char *text);
/** Plays @line to its end. */
void fixture_play(const char *line);
/** TRUE if going to READY fails and the error message contains @text. */
gboolean fixture_fails_ready(const char *name, const char *property, const char *value, const char *text);
