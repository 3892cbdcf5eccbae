/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>

/** Activation functions of one number, other than ReLU. NaN stays NaN. */
typedef enum {
  LUS_ACTIVATION_NONE,         /* x */
  LUS_ACTIVATION_CLIP,         /* x, at least alpha, at most beta */
  LUS_ACTIVATION_LEAKY_RELU,   /* x < 0 ? alpha x : x */
  LUS_ACTIVATION_SIGMOID,      /* 1 / (1 + e^-x) */
  LUS_ACTIVATION_SWISH,        /* x / (1 + e^-x) */
  LUS_ACTIVATION_HARD_SIGMOID, /* alpha x + beta, clipped to 0..1 */
  LUS_ACTIVATION_HARD_SWISH    /* x times that */
} LusActivationKind;

typedef struct {
  LusActivationKind kind;
  float alpha, beta;
} LusActivation;

/** The kernels of each table; see activate in kernels.h. */
void lus_activate_c(float *y, const float *x, const LusActivation *activation, size_t pitch, size_t rows, int c);
void lus_activate_generic(float *y, const float *x, const LusActivation *activation, size_t pitch, size_t rows, int c);
void lus_activate_avx2(float *y, const float *x, const LusActivation *activation, size_t pitch, size_t rows, int c);
void lus_activate_avx512(float *y, const float *x, const LusActivation *activation, size_t pitch, size_t rows, int c);
