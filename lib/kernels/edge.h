/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include <stdint.h>

/** Distances from the edges of masks, and the bands of paint along them. All variants are made from one source whose
 *  operations on floats are rounded one by one: the same bits. */

/** Pixels that are worked on at once: rows have room for whole blocks. */
#define LUS_EDGE_BLOCK 8
/** Distance of pixels that no segment came near to. */
#define LUS_EDGE_FAR 1e30f

/** A segment from (x, y), in pixels from the first one of row 0, to (x + dx, y + dy); not shorter than 1e-3. */
typedef struct { float x, y, dx, dy; } LusEdgeSegment;

typedef struct {
  const char *name; /* "c", "avx2" */

  /** Of the pixels 0..n - 1 of the rows y0..y1 - 1: the squared distance from the segment, where that is less than the
   *  one at hand; negative on the side where (px - x) dy - (py - y) dx is. Row y is distance[(y & mask) stride], mask + 1
   *  a power of two; n is a multiple of LUS_EDGE_BLOCK.
   *  What lies beyond an end counts 1.001 times: where two segments meet, the one that is more nearly abeam knows the side. */
  void (*lower)(float *distance, ptrdiff_t stride, int mask, const LusEdgeSegment *segment, int y0, int y1, int n);
  /** alpha[i] = 255 opacity times what the band between the distances gap and gap + width covers of a pixel, 0 for
   *  negative distances; then distance[i] = LUS_EDGE_FAR. n is a multiple of LUS_EDGE_BLOCK. Returns 0 if all alphas
   *  are 0. */
  int (*band)(uint8_t *alpha, float *distance, float gap, float width, float opacity, int n);
} LusEdgeKernels;

/** The specification. */
extern const LusEdgeKernels lus_edge_c;

/** The best that this CPU runs; lus_edge_c with LUS_KERNELS=c. */
const LusEdgeKernels *lus_edge_kernels(void);
/** All that it runs, the specification first; NULL past the last. */
const LusEdgeKernels *lus_edge_nth(int i);
