/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Part of kernels-vector.c: an affine map and a 1x1 convolution of few outputs behind it, as sums along each row. */

#define OUTPUTS_AT_ONCE 4
/* Rows that share a load of scale, shift and weights: as many as registers hold sums of. */
#if LUS_VECTOR_LANES == 16
#define ROWS_AT_ONCE 4
#else
#define ROWS_AT_ONCE 2
#endif

/* Halved until four are left. */
INLINE float lanes_sum_full(full v)
{
#if LUS_VECTOR_LANES == 16
  const half eight = ((const half *)&v)[0] + ((const half *)&v)[1];
  const quarter four = ((const quarter *)&eight)[0] + ((const quarter *)&eight)[1];
#elif LUS_VECTOR_LANES == 8
  const half four = ((const half *)&v)[0] + ((const half *)&v)[1];
#else
  const full four = v;
#endif
  return (four[0] + four[2]) + (four[1] + four[3]);
}

INLINE float lanes_sum_half(half v)
{
  float sum = 0;
  UNROLL for (size_t l = 0; l < HALF; l++)
    sum += v[l];
  return sum;
}

typedef struct {
  const float *scale, *shift, *w, *bias;
  size_t c, k;
  int relu;
} Projection;

#define PROJECT_COLUMNS(type, sums)                                                                \
  {                                                                                                \
    type a = LOAD(type, p.scale + j), b = LOAD(type, p.shift + j), weight[OUTPUTS_AT_ONCE] = {0};  \
    UNROLL for (size_t o = 0; o < outputs; o++) weight[o] = LOAD(type, p.w + o * p.c + j);         \
    UNROLL for (size_t i = 0; i < rows; i++)                                                       \
    {                                                                                              \
      type v = a * LOAD(type, x + i * p.c + j) + b;                                                \
      v = p.relu ? relu_##type(v) : v;                                                             \
      UNROLL for (size_t o = 0; o < outputs; o++) sums[i][o] += weight[o] * v;                     \
    }                                                                                              \
  }

/* @rows x @outputs results from y on, constants where it is called: columns in vectors, then single ones. */
#define PROJECT(type)                                                                              \
  INLINE void project_block_##type(float *y, const float *x, Projection p, size_t rows, size_t outputs) \
  {                                                                                                \
    const size_t lanes = sizeof(type) / sizeof(float);                                             \
    type sum[ROWS_AT_ONCE][OUTPUTS_AT_ONCE] = {{{0}}};                                             \
    float rest[ROWS_AT_ONCE][OUTPUTS_AT_ONCE] = {{0}};                                             \
    size_t j = 0;                                                                                  \
    for (; j + lanes <= p.c; j += lanes)                                                           \
      PROJECT_COLUMNS(type, sum)                                                                   \
    for (; j < p.c; j++)                                                                           \
      PROJECT_COLUMNS(single, rest)                                                                \
    UNROLL for (size_t i = 0; i < rows; i++)                                                       \
      UNROLL for (size_t o = 0; o < outputs; o++)                                                  \
        y[i * p.k + o] = lanes_sum_##type(sum[i][o]) + rest[i][o] + (p.bias ? p.bias[o] : 0);      \
  }                                                                                                \
                                                                                                   \
  INLINE void project_rows_##type(float *y, const float *x, Projection p, size_t rows, size_t outputs) \
  {                                                                                                \
    size_t i = 0;                                                                                  \
    for (; i + ROWS_AT_ONCE <= rows; i += ROWS_AT_ONCE)                                            \
      project_block_##type(y + i * p.k, x + i * p.c, p, ROWS_AT_ONCE, outputs);                    \
    for (; i < rows; i++)                                                                          \
      project_block_##type(y + i * p.k, x + i * p.c, p, 1, outputs);                               \
  }                                                                                                \
                                                                                                   \
  static void project_##type(float *y, const float *x, Projection p, size_t rows)                  \
  {                                                                                                \
    size_t left = p.k;                                                                             \
    for (; left >= OUTPUTS_AT_ONCE; left -= OUTPUTS_AT_ONCE) {                                     \
      project_rows_##type(y, x, p, rows, OUTPUTS_AT_ONCE);                                         \
      y += OUTPUTS_AT_ONCE;                                                                        \
      p.w += OUTPUTS_AT_ONCE * p.c;                                                                \
      p.bias += p.bias ? OUTPUTS_AT_ONCE : 0;                                                      \
    }                                                                                              \
    if (left == 3)                                                                                 \
      project_rows_##type(y, x, p, rows, 3);                                                       \
    else if (left == 2)                                                                            \
      project_rows_##type(y, x, p, rows, 2);                                                       \
    else if (left == 1)                                                                            \
      project_rows_##type(y, x, p, rows, 1);                                                       \
  }

PROJECT(full)
PROJECT(half)

static void project(float *y, const float *x, const float *scale, const float *shift, int relu, const float *w,
                    const float *bias, size_t rows, int c, int k)
{
  const Projection p = {scale, shift, w, bias, (size_t)c, (size_t)k, relu};
  if (p.c % FULL >= HALF) /* long vectors would leave many columns over */
    project_half(y, x, p, rows);
  else
    project_full(y, x, p, rows);
}
