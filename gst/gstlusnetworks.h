/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include <lus/lus.h>

/* The video networks of one exam beside its stream: the planes of clips are gathered frame by frame, and handed over in
 * rounds to a thread that runs the networks. Not thread-safe but for gst_lus_round_run(); the owner locks. */
typedef struct _GstLusNetworks GstLusNetworks;

/** What is to be done at one go, and then what came of it. */
typedef struct {
  gboolean has_estimate;  /* else only clips are looked at */
  LusEstimate estimate;   /* before: by the heads; after: by the networks too */
  gboolean final;         /* of a finished exam */
  char *embeddings;       /* after a final one: for exam.json; NULL: none */
  GError *problem;        /* after, the first time that the networks fail */
  char **zones;           /* at hand */
  GPtrArray *clips;       /* those that are new or went on */
} GstLusRound;

/** Takes @networks. */
GstLusNetworks *gst_lus_networks_new(LusExamNetworks *networks);
void gst_lus_networks_free(GstLusNetworks *networks);
/** See lus_exam_networks_suit(). */
gboolean gst_lus_networks_suit(const GstLusNetworks *networks, const LusModel *model, GError **error);
/** See lus_exam_networks_fail(). */
void gst_lus_networks_fail(const GstLusNetworks *networks, LusEstimate *estimate);

/** Adds a frame to clip @number of the zone at @index of the exam, called @zone; another number than before ends the clip
 *  before. @image: NULL if it cannot be read. FALSE: out of memory. */
gboolean gst_lus_networks_add(GstLusNetworks *networks, int index, const char *zone, int number, const LusImage *image,
                              const LusSegmentation *segmentation);
/** The zone at @index pauses or ends: its clip is for the next round. FALSE: out of memory. */
gboolean gst_lus_networks_pause(GstLusNetworks *networks, int index);
/** Puts @estimate, which the heads made, into the next round, with the clips of @zones (taken) as far as they got. It
 *  replaces an estimate that still waits. */
void gst_lus_networks_ask(GstLusNetworks *networks, const LusEstimate *estimate, char **zones, gboolean final);
/** Whether an estimate waits or is being made. */
gboolean gst_lus_networks_asked(const GstLusNetworks *networks);
/** Whether there is anything to be done. */
gboolean gst_lus_networks_waits(const GstLusNetworks *networks);
/** The next round, or NULL: nothing is to be done. One at a time. */
GstLusRound *gst_lus_networks_begin(GstLusNetworks *networks);
/** Runs the networks; in any thread, without the owner's lock. @earlier: for the change, or NULL. */
void gst_lus_round_run(GstLusRound *round, GstLusNetworks *networks, const LusExamFile *earlier);
/** Frees the round. */
void gst_lus_networks_end(GstLusNetworks *networks, GstLusRound *round);
