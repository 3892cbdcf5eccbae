/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layers, masks, and masks with a number per class; the first character tells which (0, 1, 2), 3 is a mask's ignored
 * pixels, read with all of the folder; the rest are other names. The chunks' checksums are made right, else hardly an input
 * would get past them. A label that was read is written and read again. */
#include "import.h"
#include "learn/annotation.h"

#include <zlib.h>

static const struct {
  const char *format, *file;
} kinds[] = {
  {"layers", "P1_frame000002.pleural_line.png"},
  {"masks", "P1_frame000003.pleural_line.png"},
  {"masks", "P1_frame000004_mask.png"},
  {"masks", "P1_frame000003.pleural_line.ignore.png"},
  {"layers", "P1_frame000005.vertical_line.ignore.png"},
  {"layers", "P1_frame000006.png"},
  {"layers", "unnumbered.png"},
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

static void write_again(const char *path)
{
  int width = 0, height = 0, w = 0, h = 0;
  g_autofree guint8 *label = lus_label_read(path, &width, &height, NULL);
  if (!label || width * height > 1 << 16)
    return;
  g_autofree char *copy = fuzz_named_file("copy.png", label, 0), *ignore = fuzz_named_file("copy.ignore.png", label, 0);
  g_assert_true(lus_label_write(copy, label, width, height, NULL));
  g_autofree guint8 *again = lus_label_read(copy, &w, &h, NULL);
  g_assert_cmpmem(again, (gsize)w * h, label, (gsize)width * height);
  g_unlink(copy);
  g_unlink(ignore);
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
  fuzz_import(kinds[kind].format, path, 0);
  if (kind == 3) { /* read together with the label it belongs to */
    g_autofree char *label = fuzz_named_file(kinds[1].file, png, 0);
    lus_png_write(label, grey, FUZZ_WIDTH, FUZZ_HEIGHT, FUZZ_WIDTH, 1, NULL);
    fuzz_import("masks", fuzz_folder, 0);
    write_again(label);
    g_unlink(label);
    g_unlink(path);
    fuzz_import("layers", fuzz_folder, 0); /* nothing in it */
  } else if (kind == 1) {
    write_again(path);
  }
  g_unlink(path);
  return 0;
}
