/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Annotations in JSON; the first character tells the format: '0' CVAT, '1' task.json of CVAT, '2' LabelMe, '3' COCO,
 * '4' AnnotateUltrasound, '5' polygons; the rest are variants. */
#include "import.h"

static const struct {
  const char *format, *file;
  double depth_mm;
} kinds[] = {
  {"cvat", "annotations.json", 0}, {"cvat", "task.json", 0},   {"labelme", "P1_d1_R1_frame000002.json", 0},
  {"coco", "coco.json", 0},        {"slicer", "P1.json", 0},   {"polygons", "polygons.json", 0},
  {"slicer", "depth.json", 14},    {"labelme", "a.json", 0},   {"cvat", "alone.json", 0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char shapes[] =
    "[{\"shapes\": [{\"type\": \"polygon\", \"points\": [1, 1, 5, 1, 5, 4], \"frame\": 2, \"label\": \"a\"}]}]";
  static const char task[] = "{\"name\": \"P1_d1_R1.mp4\", \"data\": {\"stop_frame\": 40}}";
  if (size == 0)
    return 0;
  size_t kind = (uint8_t)(data[0] - '0') % G_N_ELEMENTS(kinds);
  g_autofree char *path = fuzz_named_file(kinds[kind].file, data + 1, size - 1), *second = NULL;
  if (kind == 0)
    second = fuzz_named_file("task.json", (const uint8_t *)task, strlen(task));
  if (kind == 1)
    second = fuzz_named_file("annotations.json", (const uint8_t *)shapes, strlen(shapes));
  fuzz_import(kinds[kind].format, kind == 1 ? second : path, kinds[kind].depth_mm);
  return 0;
}
