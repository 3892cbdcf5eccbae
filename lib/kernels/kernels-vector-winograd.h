/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The part of kernels-vector.c that transforms Winograd's tiles; included there alone, behind its types and loops. */

/* ---- Winograd F(4x4, 3x3), F(2x2, 3x3) and F(5x5, 2x2), windows of 6, 4 and 6: the matrices of kernels-c.c, common
 * terms computed once. Numbers in names are m, but those of input6, input4: windows ---- */

#define WINOGRAD(type)                                                                             \
  /* B^T */                                                                                        \
  INLINE void input6_##type(type *d)                                                                \
  {                                                                                                \
    type a = d[0], b = d[1], c = d[2], e = d[3], f = d[4], g = d[5];                               \
    type p = f - 4 * c, q = e - 4 * b, r = f - c, s = 2 * (e - b);                                 \
    d[0] = 4 * a - 5 * c + f;                                                                      \
    d[1] = p + q;                                                                                  \
    d[2] = p - q;                                                                                  \
    d[3] = r + s;                                                                                  \
    d[4] = r - s;                                                                                  \
    d[5] = 4 * b - 5 * e + g;                                                                      \
  }                                                                                                \
                                                                                                   \
  /* A^T */                                                                                        \
  INLINE void output4_##type(type *y, const type *m)                                                \
  {                                                                                                \
    type p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];                       \
    y[0] = m[0] + p + r;                                                                           \
    y[1] = q + 2 * s;                                                                              \
    y[2] = p + 4 * r;                                                                              \
    y[3] = q + 8 * s + m[5];                                                                       \
  }                                                                                                \
                                                                                                   \
  /* G */                                                                                          \
  INLINE void weights4_##type(type *u, const type *g)                                               \
  {                                                                                                \
    type p = g[0] + g[2], q = g[0] + 4 * g[2];                                                     \
    u[0] = g[0] * (1.0f / 4);                                                                      \
    u[1] = (p + g[1]) * (-1.0f / 6);                                                               \
    u[2] = (p - g[1]) * (-1.0f / 6);                                                               \
    u[3] = (q + 2 * g[1]) * (1.0f / 24);                                                           \
    u[4] = (q - 2 * g[1]) * (1.0f / 24);                                                           \
    u[5] = g[2];                                                                                   \
  }                                                                                                \
                                                                                                   \
  INLINE void output5_##type(type *y, const type *m)                                               \
  {                                                                                                \
    type p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];                       \
    y[0] = m[0] + p + r;                                                                           \
    y[1] = q + 2 * s;                                                                              \
    y[2] = p + 4 * r;                                                                              \
    y[3] = q + 8 * s;                                                                              \
    y[4] = p + 16 * r + m[5];                                                                      \
  }                                                                                                \
                                                                                                   \
  INLINE void weights5_##type(type *u, const type *g)                                              \
  {                                                                                                \
    u[0] = g[0] * (1.0f / 4);                                                                      \
    u[1] = (g[0] + g[1]) * (-1.0f / 6);                                                            \
    u[2] = (g[0] - g[1]) * (-1.0f / 6);                                                            \
    u[3] = (g[0] + 2 * g[1]) * (1.0f / 24);                                                        \
    u[4] = (g[0] - 2 * g[1]) * (1.0f / 24);                                                        \
    u[5] = g[1];                                                                                   \
  }                                                                                                \
                                                                                                   \
  /* A */                                                                                          \
  INLINE void spread_##type(type *w, const type *y)                                                \
  {                                                                                                \
    type p = y[0] + y[2], q = y[1] + y[3], r = y[0] + 4 * y[2], s = 2 * y[1] + 8 * y[3];           \
    w[0] = y[0];                                                                                   \
    w[1] = p + q;                                                                                  \
    w[2] = p - q;                                                                                  \
    w[3] = r + s;                                                                                  \
    w[4] = r - s;                                                                                  \
    w[5] = y[3];                                                                                   \
  }                                                                                                \
                                                                                                   \
  /* G^T */                                                                                        \
  INLINE void gather_##type(type *g, const type *u)                                                \
  {                                                                                                \
    type p = (u[1] + u[2]) * (1.0f / 6), q = (u[2] - u[1]) * (1.0f / 6),                           \
         r = (u[3] + u[4]) * (1.0f / 24), s = (u[3] - u[4]) * (1.0f / 12);                         \
    g[0] = u[0] * (1.0f / 4) - p + r;                                                              \
    g[1] = q + s;                                                                                  \
    g[2] = 4 * r - p + u[5];                                                                       \
  }                                                                                                \
                                                                                                   \
  INLINE void input4_##type(type *d)                                                               \
  {                                                                                                \
    type a = d[0], b = d[1], c = d[2], e = d[3];                                                   \
    d[0] = a - c;                                                                                  \
    d[1] = b + c;                                                                                  \
    d[2] = c - b;                                                                                  \
    d[3] = b - e;                                                                                  \
  }                                                                                                \
                                                                                                   \
  INLINE void output2_##type(type *y, const type *m)                                               \
  {                                                                                                \
    y[0] = m[0] + m[1] + m[2];                                                                     \
    y[1] = m[1] - m[2] - m[3];                                                                     \
  }                                                                                                \
                                                                                                   \
  INLINE void weights2_##type(type *u, const type *g)                                              \
  {                                                                                                \
    type p = 0.5f * (g[0] + g[2]), q = 0.5f * g[1];                                                \
    u[0] = g[0];                                                                                   \
    u[1] = p + q;                                                                                  \
    u[2] = p - q;                                                                                  \
    u[3] = g[2];                                                                                   \
  }

WINOGRAD(full)
WINOGRAD(half)
#if HAS_QUARTER
WINOGRAD(quarter)
#endif
WINOGRAD(single)

/* clang-format off */
#define WEIGHTS_BODY(type, M, N, T)                                                                \
  {                                                                                                \
    type half_way[T][N];                                                                           \
    UNROLL for (size_t b = 0; b < T; b++) {                                                        \
      type column[T];                                                                              \
      UNROLL for (size_t a = 0; a < T; a++)                                                        \
        column[a] = LOAD(type, w + (T * a + b) * pitch + j);                                       \
      weights##M##_##type(half_way[b], column);                                                    \
    }                                                                                              \
    UNROLL for (size_t i = 0; i < N; i++) {                                                        \
      type row[T], out[N];                                                                         \
      UNROLL for (size_t b = 0; b < T; b++)                                                        \
        row[b] = half_way[b][i];                                                                   \
      weights##M##_##type(out, row);                                                               \
      UNROLL for (size_t k = 0; k < N; k++)                                                        \
        STORE(type, u + (N * i + k) * plane + j, out[k]);                                          \
    }                                                                                              \
  }

#define INPUT_BODY(type, N)                                                                        \
  {                                                                                                \
    type d[N][N];                                                                                  \
    UNROLL for (size_t k = 0; k < N; k++) {                                                        \
      type column[N];                                                                              \
      UNROLL for (size_t i = 0; i < N; i++)                                                        \
        column[i] = LOAD(type, x + i * row + k * n + j);                                           \
      input##N##_##type(column);                                                                   \
      UNROLL for (size_t i = 0; i < N; i++)                                                        \
        d[i][k] = column[i];                                                                       \
    }                                                                                              \
    UNROLL for (size_t i = 0; i < N; i++) {                                                        \
      input##N##_##type(d[i]);                                                                     \
      UNROLL for (size_t k = 0; k < N; k++)                                                        \
        STORE(type, v + (N * i + k) * plane + j, d[i][k]);                                         \
    }                                                                                              \
  }

#define OUTPUT_BODY(type, M, N)                                                                    \
  {                                                                                                \
    type d[M][N], shift = {0};                                                                     \
    if (bias)                                                                                      \
      shift = LOAD(type, bias + j);                                                                \
    UNROLL for (size_t k = 0; k < N; k++) {                                                        \
      type lines[N], out[M];                                                                       \
      UNROLL for (size_t i = 0; i < N; i++)                                                        \
        lines[i] = LOAD(type, m + (N * i + k) * plane + j);                                        \
      output##M##_##type(out, lines);                                                              \
      UNROLL for (size_t i = 0; i < M; i++)                                                        \
        d[i][k] = out[i];                                                                          \
    }                                                                                              \
    for (size_t i = 0; i < (size_t)rows; i++) {                                                    \
      type out[M];                                                                                 \
      output##M##_##type(out, d[i]);                                                               \
      for (size_t k = 0; k < (size_t)columns; k++) {                                               \
        type sum = out[k] + shift;                                                                 \
        if (r)                                                                                     \
          sum += LOAD(type, r + i * row + k * column + j);                                         \
        STORE(type, y + i * row + k * column + j, relu ? relu_##type(sum) : sum);                  \
      }                                                                                            \
    }                                                                                              \
  }

#define WINOGRAD_INPUT(name, N)                                                                    \
  static void name##_input(float *v, const float *x, size_t plane, size_t row, int c)              \
  {                                                                                                \
    size_t n = (size_t)c;                                                                          \
    FOR_LANES(n, INPUT_BODY_##N);                                                                  \
  }

#define WINOGRAD_KERNELS(name, M)                                                                  \
  static void name##_weights(float *u, const float *w, size_t plane, size_t n, size_t pitch)       \
  {                                                                                                \
    FOR_LANES(n, WEIGHTS_BODY_##M);                                                                \
  }                                                                                                \
                                                                                                   \
  static void name##_output(float *y, const float *m, const float *bias, const float *r, int relu, \
                            size_t plane, size_t row, size_t column, int rows, int columns, int c) \
  {                                                                                                \
    size_t n = (size_t)c;                                                                          \
    FOR_LANES(n, OUTPUT_BODY_##M);                                                                 \
  }
/* clang-format on */

#define WEIGHTS_BODY_4(type) WEIGHTS_BODY(type, 4, 6, 3)
#define WEIGHTS_BODY_2(type) WEIGHTS_BODY(type, 2, 4, 3)
#define WEIGHTS_BODY_5(type) WEIGHTS_BODY(type, 5, 6, 2)
#define INPUT_BODY_6(type) INPUT_BODY(type, 6)
#define INPUT_BODY_4(type) INPUT_BODY(type, 4)
#define OUTPUT_BODY_4(type) OUTPUT_BODY(type, 4, 6)
#define OUTPUT_BODY_2(type) OUTPUT_BODY(type, 2, 4)
#define OUTPUT_BODY_5(type) OUTPUT_BODY(type, 5, 6)
WINOGRAD_INPUT(winograd4, 6)
WINOGRAD_INPUT(winograd2, 4)
WINOGRAD_KERNELS(winograd4, 4)
WINOGRAD_KERNELS(winograd2, 2)
WINOGRAD_KERNELS(winograd5, 5)

/* ---- Winograd's way back to the weights ---- */

static void winograd4_result_gradient(float *w, const float *dy, size_t plane, size_t row, int rows,
                                      int columns, int c)
{
  size_t n = (size_t)c, height = (size_t)rows, width = (size_t)columns;
#define BODY(type)                                                                                 \
  {                                                                                                \
    type d[6][4];                                                                                  \
    UNROLL for (size_t k = 0; k < 4; k++) {                                                        \
      type column[4], out[6];                                                                      \
      UNROLL for (size_t i = 0; i < 4; i++)                                                        \
        column[i] = i < height && k < width ? LOAD(type, dy + i * row + k * n + j) : (type){0};    \
      spread_##type(out, column);                                                                  \
      UNROLL for (size_t i = 0; i < 6; i++)                                                        \
        d[i][k] = out[i];                                                                          \
    }                                                                                              \
    UNROLL for (size_t i = 0; i < 6; i++) {                                                        \
      type out[6];                                                                                 \
      spread_##type(out, d[i]);                                                                    \
      UNROLL for (size_t k = 0; k < 6; k++)                                                        \
        STORE(type, w + (6 * i + k) * plane + j, out[k]);                                          \
    }                                                                                              \
  }
  FOR_LANES(n, BODY);
#undef BODY
}

static void winograd4_weights_gradient(float *g, const float *u, size_t plane, size_t n,
                                       size_t pitch)
{
#define BODY(type)                                                                                 \
  {                                                                                                \
    type d[3][6];                                                                                  \
    UNROLL for (size_t k = 0; k < 6; k++) {                                                        \
      type column[6], out[3];                                                                      \
      UNROLL for (size_t i = 0; i < 6; i++)                                                        \
        column[i] = LOAD(type, u + (6 * i + k) * plane + j);                                       \
      gather_##type(out, column);                                                                  \
      UNROLL for (size_t a = 0; a < 3; a++)                                                        \
        d[a][k] = out[a];                                                                          \
    }                                                                                              \
    UNROLL for (size_t a = 0; a < 3; a++) {                                                        \
      type out[3];                                                                                 \
      gather_##type(out, d[a]);                                                                    \
      UNROLL for (size_t b = 0; b < 3; b++)                                                        \
        STORE(type, g + (3 * a + b) * pitch + j, out[b]);                                          \
    }                                                                                              \
  }
  FOR_LANES(n, BODY);
#undef BODY
}
