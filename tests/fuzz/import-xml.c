/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CVAT's XML. */
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autofree char *path = fuzz_named_file("annotations.xml", data, size);
  fuzz_import("cvat", path, 0);
  return 0;
}
