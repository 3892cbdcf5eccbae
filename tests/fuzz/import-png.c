/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layers, masks, and masks with a number per class; the first character tells which (0, 1, 2), 3 is a mask's ignored
 * pixels. The chunks' checksums are made right, else hardly an input would get past them. */
#include "import.h"

#include <zlib.h>

static const struct {
  const char *format, *file;
} kinds[] = {
  {"layers", "P1_frame000002.pleural_line.png"},
  {"masks", "P1_frame000003.pleural_line.png"},
  {"masks", "P1_frame000004_mask.png"},
  {"masks", "P1_frame000003.pleural_line.ignore.png"},
};

static void mend_checksums(uint8_t *png, size_t size)
{
  for (size_t at = 8; at + 12 <= size;) {
    size_t n = (size_t)png[at] << 24 | (size_t)png[at + 1] << 16 | (size_t)png[at + 2] << 8 | png[at + 3];
    if (n > size - at - 12)
      return;
    guint32 sum = GUINT32_TO_BE((guint32)crc32(0, png + at + 4, (uInt)n + 4));
    memcpy(png + at + 8 + n, &sum, 4);
    at += n + 12;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static guint8 grey[FUZZ_WIDTH * FUZZ_HEIGHT];
  if (size == 0)
    return 0;
  size_t kind = (uint8_t)(data[0] - '0') % G_N_ELEMENTS(kinds);
  g_autofree uint8_t *png = g_memdup2(data + 1, size - 1);
  mend_checksums(png, size - 1);
  g_autofree char *path = fuzz_named_file(kinds[kind].file, png, size - 1);
  fuzz_import(kinds[kind].format, path);
  if (kind == 3) { /* read together with the label it belongs to */
    g_autofree char *label = fuzz_named_file(kinds[1].file, png, 0);
    lus_png_write(label, grey, FUZZ_WIDTH, FUZZ_HEIGHT, FUZZ_WIDTH, 1, NULL);
    fuzz_import("masks", label);
  }
  g_unlink(path);
  return 0;
}
