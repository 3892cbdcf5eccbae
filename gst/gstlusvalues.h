/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Values of properties that are more than a number. */
#include <gst/gst.h>
#include <lus/lus.h>

/** A property that is a GstValueArray of strings, and its value as a NULL-terminated array (empty: no element). */
GParamSpec *gst_lus_param_spec_strings(const char *name, const char *nick, const char *blurb, const char *item_blurb);
char **gst_lus_strings_from_value(const GValue *value);
void gst_lus_strings_to_value(GValue *value, char *const *strings);

/** A rectangle as a GstValueArray of four ints: x, y, width, height. FALSE if it is none, or empty. */
gboolean gst_lus_rect_from_value(LusRect *rect, const GValue *value);
/** An empty rectangle gives an empty array. */
void gst_lus_rect_to_value(GValue *value, LusRect rect);

/** What a model says about itself; the caller frees it. */
GstStructure *gst_lus_model_to_structure(const LusModel *model);
