/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/video.h"

/** Inside of learn: one training step's clips and what is to be learnt from them. */

typedef struct {
  int first, n; /* slots */
} LusVideoRange;

typedef struct {
  LusVideoRange last, earlier; /* earlier: n 0 where there is none */
  double target;               /* S/F in sd around the mean; class 0..2; 0 or 1 */
} LusVideoItem;

typedef struct {
  int n_slots, n_items;
  LusVideoItem *items;
  int *zone, *exam, *pair;  /* [n_slots]: zone's place; exam; slot of the same clip seen otherwise, -1 none or not used */
  float *clips, *d_clips;   /* [n_slots][embedding + 1] */
} LusVideoBatch;

/** The head's learnable numbers: zone biases, weights, biases. */
int lus_video_head_parameters(const LusVideoHead *head);
void lus_video_head_get(float *out, const LusVideoHead *head);
void lus_video_head_set(LusVideoHead *head, const float *in);

/** Mean loss of the items (S/F: Huber's with 1 sd; change and readmission: cross entropy) plus @contrast times the
 *  contrastive loss: NT-Xent (Chen et al. 2020, eq. 1) of each clip seen twice, temperature 0.2, other exams' clips being
 *  the others. Writes batch->d_clips, adds to @d_head. */
double lus_video_loss(LusVideoBatch *batch, float *d_head, const LusVideoHead *head, double contrast);

/** Trains on the samples whose patient is not @held_out[patient] (NULL: all). @head: task, sizes, mean and sd; its
 *  learnable numbers are the result's. @name: for the progress. */
LusGraph *lus_video_train(const LusVideoConfig *config, const LusVideoData *data, const LusVideoSample *samples, int n,
                          const gboolean *held_out, LusVideoHead *head, const char *name, const char *checkpoint,
                          GError **error);
