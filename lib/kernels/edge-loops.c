/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/edge.h"

#include <math.h>

/* Compiled once per instruction set: LUS_EDGE_NAME and its string. The loops over a block become vectors. */

static void lower(float *distance, ptrdiff_t stride, int mask, const LusEdgeSegment *segment, int y0, int y1, int n)
{
  float dx = segment->dx, dy = segment->dy, length = dx * dx + dy * dy, inverse = 1 / length;
  for (int y = y0; y < y1; y++) {
    float *restrict row = distance + (y & mask) * stride;
    float ry = (float)y - segment->y, ry_dx = ry * dx, ry_dy = ry * dy;
    for (int x = 0; x < n; x += LUS_EDGE_BLOCK)
      for (int i = x; i < x + LUS_EDGE_BLOCK; i++) {
        float fx = (float)i - segment->x, dot = fx * dx + ry_dy, cross = fx * dy - ry_dx, past = dot - length;
        float beyond = (dot < 0 ? dot : 0) + (past > 0 ? past : 0);
        float d = (cross * cross + 1.001f * beyond * beyond) * inverse, old = row[i];
        float signed_d = cross < 0 ? -d : d, size = old < 0 ? -old : old;
        row[i] = d < size ? signed_d : old;
      }
  }
}

static float clamped(float v)
{
  float positive = v > 0 ? v : 0;
  return positive < 1 ? positive : 1;
}

static int band(uint8_t *restrict alpha, float *restrict distance, float gap, float width, float opacity, int n)
{
  float scale = 255 * opacity;
  int any = 0;
  for (int x = 0; x < n; x += LUS_EDGE_BLOCK) {
    int values[LUS_EDGE_BLOCK];
    for (int i = 0; i < LUS_EDGE_BLOCK; i++) {
      float d = distance[x + i], root = sqrtf(d > 0 ? d : 0);
      float cover = clamped(root - gap + 0.5f) - clamped(root - gap - width + 0.5f);
      values[i] = (int)(scale * cover + 0.5f);
      any |= values[i];
    }
    for (int i = 0; i < LUS_EDGE_BLOCK; i++)
      alpha[x + i] = (uint8_t)values[i];
    for (int i = 0; i < LUS_EDGE_BLOCK; i++)
      distance[x + i] = LUS_EDGE_FAR;
  }
  return any;
}

const LusEdgeKernels LUS_EDGE_NAME = {LUS_EDGE_NAME_STRING, lower, band};
