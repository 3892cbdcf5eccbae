/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "lung/estimate.h"
#include "lung/heads-file.h"

/** What the fit needs of an estimate's steps. */

/** Bits of the exam's zones that are at hand in both exams. */
guint lus_query_common_zones(const LusEstimateQuery *query);
/** Of the exam's zones in @mask, for the change those that are at hand in both exams; zone number @replaced (-1: none) as the
 *  profile has it. */
void lus_head_values(LusHeadValues *values, const LusHeads *heads, const LusEstimateQuery *query, guint mask,
                     int replaced);
/** Linear predictor; an unknown input counts as the mean of the fit, one outside low..high as the nearest of both. */
double lus_head_predict(const LusHead *head, const LusHeadValues *values);
/** FALSE if a weighty input lies too far outside the range fitted on. */
gboolean lus_head_in_range(const LusHead *head, const LusHeadValues *values);
/** The line for @at_hand zones. */
const LusHeadZones *lus_head_zones(const LusHead *head, int at_hand);
/** Class probabilities of a change; the class that is said, from 0 on. */
int lus_head_change(double probability[LUS_CHANGE_N], const LusHeadZones *zones, double predictor);
