/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/video-head.h"

#include <math.h>

int lus_video_zone(const char *name)
{
  if (!lus_zone_known(name))
    return -1;
  int side = name[0] == 'L';
  return name[2] == 'V' ? 12 + side : 6 * side + name[1] - '1';
}

int lus_video_outputs(LusTask task)
{
  return task == LUS_TASK_CHANGE ? 3 : 1;
}

int lus_video_inputs(const LusVideoHead *head)
{
  return head->task == LUS_TASK_READMISSION ? 2 * head->embedding : head->embedding;
}

void lus_video_attend(float *p, float *attention, const float *clips, const int *zones, int n, const LusVideoHead *head)
{
  int e = head->embedding;
  double largest = -INFINITY, sum = 0;
  for (int pass = 0; pass < 3; pass++) {
    for (int k = 0; pass == 2 && k < e; k++)
      p[k] = 0;
    for (int i = 0; i < n; i++) {
      const float *clip = clips + (gsize)i * ((gsize)e + 1);
      double score = (double)clip[e] + (zones[i] >= 0 ? (double)head->zone_bias[zones[i]] : 0);
      if (pass == 0)
        largest = MAX(largest, score);
      double weight = exp(score - largest);
      if (pass == 1)
        sum += weight;
      float share = pass == 2 ? (float)(weight / sum) : 0;
      for (int k = 0; pass == 2 && k < e; k++)
        p[k] += share * clip[k];
      if (pass == 2 && attention)
        attention[i] = share;
    }
  }
}

void lus_video_apply(float out[3], const float *p, const float *earlier, const LusVideoHead *head)
{
  int e = head->embedding;
  for (int o = 0; o < lus_video_outputs(head->task); o++) {
    const float *w = head->weight[o];
    float sum = head->bias[o];
    for (int k = 0; k < e; k++) {
      float difference = earlier ? p[k] - earlier[k] : 0;
      if (head->task == LUS_TASK_READMISSION)
        sum += w[k] * p[k] + w[e + k] * difference;
      else
        sum += w[k] * (head->task == LUS_TASK_SF ? p[k] : difference);
    }
    out[o] = sum;
  }
}
