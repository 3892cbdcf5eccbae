/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Confidence labels as PNG. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char path[32];
  int fd = fuzz_file(path, data, size), width, height;
  g_free(lus_label_read(path, &width, &height, NULL));
  close(fd);
  return 0;
}
