/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Heads files (JSON), and an estimate from whatever was accepted. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char path[32];
  int fd = fuzz_file(path, data, size);
  g_autoptr(LusHeads) heads = lus_heads_load(path, NULL);
  close(fd);
  if (heads) {
    g_autoptr(LusExam) exam = lus_exam_new(NULL, NULL);
    double features[LUS_FEATURE_N];
    for (int i = 0; i < LUS_FEATURE_N; i++)
      features[i] = i;
    for (int zone = 0; zone < 6; zone++)
      lus_exam_add_frame(exam, zone, features);
    LusEstimate estimate;
    const LusEstimateQuery query = {.exam = exam, .model_sha256 = NULL, .min_frames = 1};
    lus_estimate(&estimate, heads, &query);
    g_free(lus_heads_describe(heads));
  }
  return 0;
}
