/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activation functions in GCC/Clang vector extensions. Compiled once per instruction set with LUS_VECTOR_ACTIVATE (the
 * function's name) and LUS_VECTOR_LANES. What is left of a row after whole vectors is computed as one, so a number's result
 * does not depend on its place. No header with inline functions is included: they would be compiled for the wrong CPU. */
#include "kernels/activation.h"

#define LANES LUS_VECTOR_LANES

/* aligned(4): loads and stores through this type are unaligned ones. */
typedef float vector __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef int mask __attribute__((vector_size(LANES * 4)));
typedef unsigned bits __attribute__((vector_size(LANES * 4)));

#define INLINE static inline __attribute__((always_inline))

/* a where the mask is all ones, b where it is 0 */
INLINE vector pick(mask m, vector a, vector b)
{
  return (vector)(((mask)a & m) | ((mask)b & ~m));
}

INLINE vector clip(vector v, vector low, vector high)
{
  v = pick((mask)(v < low), low, v);
  return pick((mask)(v > high), high, v);
}

/* e^t = 2^n e^r with n = t / ln 2 rounded and r = t - n ln 2, |r| <= ln 2 / 2, whose series ends with r^7 / 7! (the rest is
 * below 6e-9). Adding 3 * 2^22 rounds to a whole number, which then stands in the lowest bits; ln 2 is taken off in two
 * parts, of which n times the first is exact. Below -87.3 the result is that of -87.3, from 88.4 on infinity. The relative
 * error is at most 1.5e-7. */
INLINE vector exponential(vector t)
{
  const vector zero = {0};
  t = clip(t, zero - 87.3f, zero + 88.73f);
  vector rounded = t * 1.44269504f + 12582912.0f, n = rounded - 12582912.0f;
  vector r = t - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  vector p = zero + 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1;
  p = p * r + 1;
  return p * (vector)(((bits)rounded << 23) + 0x3f800000u);
}

/* y = FORMULA of v = x for n numbers of each row. */
#define ROWS(FORMULA)                                                                              \
  for (size_t i = 0; i < rows; i++, x += pitch, y += pitch) {                                      \
    size_t j = 0;                                                                                  \
    for (; j + LANES <= n; j += LANES) {                                                           \
      vector v = *(const vector *)(x + j);                                                         \
      *(vector *)(y + j) = FORMULA;                                                                \
    }                                                                                              \
    if (j < n) {                                                                                   \
      float rest[LANES] = {0};                                                                     \
      for (size_t k = j; k < n; k++)                                                               \
        rest[k - j] = x[k];                                                                        \
      vector v = *(const vector *)rest;                                                            \
      *(vector *)rest = FORMULA;                                                                   \
      for (size_t k = j; k < n; k++)                                                               \
        y[k] = rest[k - j];                                                                        \
    }                                                                                              \
  }

void LUS_VECTOR_ACTIVATE(float *y, const float *x, const LusActivation *activation, size_t pitch, size_t rows, int c)
{
  size_t n = (size_t)c;
  if (pitch == n) { /* one long row */
    n *= rows;
    rows = rows > 0;
  }
  const vector zero = {0}, one = zero + 1;
  vector alpha = zero + activation->alpha, beta = zero + activation->beta;
  switch (activation->kind) {
  case LUS_ACTIVATION_CLIP:
    ROWS(clip(v, alpha, beta))
    break;
  case LUS_ACTIVATION_LEAKY_RELU:
    ROWS(pick((mask)(v < 0), alpha * v, v))
    break;
  case LUS_ACTIVATION_SIGMOID:
    ROWS(one / (one + exponential(-v)))
    break;
  case LUS_ACTIVATION_SWISH:
    ROWS(v / (one + exponential(-v)))
    break;
  case LUS_ACTIVATION_HARD_SIGMOID:
    ROWS(clip(alpha * v + beta, zero, one))
    break;
  case LUS_ACTIVATION_HARD_SWISH:
    ROWS(v * clip(alpha * v + beta, zero, one))
    break;
  case LUS_ACTIVATION_NONE:
  default:
    ROWS(v)
    break;
  }
}
