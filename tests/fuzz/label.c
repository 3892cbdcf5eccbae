/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Confidence labels as PNG; what was read is written and read again. */
#include "import.h"
#include "learn/annotation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char path[32];
  int fd = fuzz_file(path, data, size), width, height;
  g_autofree guint8 *label = lus_label_read(path, &width, &height, NULL);
  close(fd);
  if (!label)
    return 0;
  g_autoptr(GError) error = NULL;
  g_autoptr(GByteArray) png = lus_png_encode("again.png", label, width, height, width, 1, &error);
  g_assert_no_error(error);
  g_autofree char *again = fuzz_named_file("again.png", png->data, png->len);
  int again_width, again_height;
  g_autofree guint8 *read = lus_png_read(again, 1, &again_width, &again_height, &error);
  g_assert_no_error(error);
  g_assert_true(again_width == width && again_height == height);
  g_assert_cmpmem(read, (gsize)width * height, label, (gsize)width * height);
  g_assert_null(lus_png_encode("again.png", label, width, height, width, 2, NULL));
  return 0;
}
