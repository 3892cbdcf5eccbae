/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Warnings that lussfestimate posts about an exam: what is wrong with it, and the remedy. */
#include "gstlusexam.h"

/** Why gst_lus_exam_set_zone() refused a zone: no vocabulary has it, or the exam has no room. */
void gst_lus_warn_zone(GstElement *element, const char *zone);
/** At the start of an exam: the one before had @unwritten frames and was not finished (0: it was, or has no file); @kept:
 * the file that it is in and the next one will be in, or NULL; @problem: why none begins, NULL: one does. */
void gst_lus_warn_begun(GstElement *element, guint64 unwritten, const char *kept, const GError *problem);
/** Frames that do not fit those before, or the estimator: GST_LUS_EXAM_OTHER_MODEL or GST_LUS_EXAM_OTHER_THRESHOLD. */
void gst_lus_warn_mismatch(GstElement *element, GstLusExamAdded added);
/** Why the video networks cannot be used; NULL: they can. */
void gst_lus_warn_networks(GstElement *element, const GError *problem);
/** No frame was added although a file is wanted; @saw_masks: in any picture. */
void gst_lus_warn_nothing(GstElement *element, gboolean saw_masks);
/** Why the measured S/F is none; NULL: it is one, or was not given. */
void gst_lus_warn_measured(GstElement *element, const GError *problem);
