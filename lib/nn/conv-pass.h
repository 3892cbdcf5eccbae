/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "direct.h"
#include "winograd.h"

/** One grid of taps, forward or backward, and the method by which it is computed. */

typedef enum {
  LUS_CONV_GEMM,      /* patches of a few rows times the weights, by OpenBLAS; any grid */
  LUS_CONV_DIRECT,    /* the same product without patches, by the own kernel; one group */
  LUS_CONV_WINOGRAD4, /* 3x3 with step 1, one group */
  LUS_CONV_WINOGRAD2,
  LUS_CONV_WINOGRAD5, /* 2x2 with step 1, one group */
  LUS_CONV_DEPTHWISE, /* one channel per group */
  LUS_CONV_N
} LusConvMethod;

typedef struct {
  LusTapGrid grid;
  LusMapSize source, target;
  int groups, in, out; /* channels per group of source and target */
  LusConvMethod method;
  int rows_per_item;
  float *weights; /* GEMM: [groups][taps][in][out]; depthwise: [taps][channels] */
  LusWinograd winograd;
  LusDirect direct;
} LusConvPass;

/** A method's name, "winograd 4x4" say. */
const char *lus_conv_method_name(const LusConvPass *pass);

/** Whether the method can compute the pass, whose grid, sizes and groups are set. */
gboolean lus_conv_pass_can(const LusConvPass *pass, LusConvMethod method);
/** The method that the environment variable LUS_CONV names, if it can, else the rule's: Winograd with
 * the larger tiles that leave enough of them, else direct. */
LusConvMethod lus_conv_pass_rule(const LusConvPass *pass);

/** Prepares @pass, whose grid is set and which then must stay where it is, for one method; adds to
 * the step's needs. FALSE: out of memory. */
gboolean lus_conv_pass_init(LusConvPass *pass, LusStep *step, LusMapSize source, LusMapSize target,
                            int groups, LusConvMethod method);
void lus_conv_pass_clear(LusConvPass *pass);
/** From weights [groups][taps][in][out]. */
void lus_conv_pass_set_weights(LusConvPass *pass, const float *weights);
/** Winograd and depthwise passes take no r of half size. */
void lus_conv_pass_run(const LusConvPass *pass, const LusRun *run, const LusConvCall *call);
