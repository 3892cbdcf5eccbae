/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bundled model on the 39 labelled frames of a real linear-probe clip: recall and Dice of the pleural line. */
#include <math.h>
#include <png.h>
#include <string.h>
#include "real.h"

static guint8 *read_gray(const char *path, int *width, int *height)
{
  png_image image = {.version = PNG_IMAGE_VERSION};
  if (!png_image_begin_read_from_file(&image, path))
    return NULL;
  image.format = PNG_FORMAT_GRAY;
  guint8 *pixels = g_malloc(PNG_IMAGE_SIZE(image));
  if (!png_image_finish_read(&image, NULL, pixels, 0, NULL)) {
    g_free(pixels);
    return NULL;
  }
  *width = (int)image.width;
  *height = (int)image.height;
  return pixels;
}

static int by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The label pictures hold class numbers: 1 = pleural line, 2 = A-line. */
static void compare_frame(RealCount *count, LusSegmenter *segmenter, const char *folder, const char *mask_name)
{
  g_autofree char *mask_path = g_build_filename(folder, mask_name, NULL);
  g_autofree char *image_path = g_strndup(mask_path, strlen(mask_path) - strlen("mask.png"));
  g_autofree char *path = g_strconcat(image_path, "image.png", NULL);
  int width = 0, height = 0, label_width = 0, label_height = 0;
  g_autofree guint8 *gray = read_gray(path, &width, &height);
  g_autofree guint8 *label = read_gray(mask_path, &label_width, &label_height);
  g_assert_nonnull(gray);
  g_assert_nonnull(label);
  g_assert_cmpint(width, ==, label_width);
  g_assert_cmpint(height, ==, label_height);
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = width, .height = height, .planes = {gray},
                    .strides = {width}, .full_range = TRUE};
  g_autoptr(GError) error = NULL;
  g_autoptr(LusSegmentation) segmentation = NULL;
  lus_segmenter_run(segmenter, &segmentation, &image, -1, &error);
  g_assert_no_error(error);
  gsize n = (gsize)width * height;
  g_autofree guint8 *found = g_malloc(n);
  real_class_mask(found, segmentation, 0, width, height, 0.6);
  gboolean labelled = FALSE;
  for (gsize i = 0; i < n; i++) {
    label[i] = label[i] == 1;
    labelled |= label[i];
  }
  if (labelled)
    real_count(count, found, label, n);
}

int main(void)
{
  g_autofree char *folder = real_folder("lus_linear/masks");
  if (!folder)
    return 0;
  g_autoptr(GError) error = NULL;
  g_autofree char *path = lus_model_bundled_path("default.onnx");
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  g_assert_no_error(error);
  LusSegmenterConfig config = {.sector_mode = LUS_SECTOR_AUTO};
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_new(model, &config, &error);
  g_assert_no_error(error);
  lus_segmenter_set_frame_size(segmenter, 156, 540, &error);
  g_assert_no_error(error);

  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
  g_assert_no_error(error);
  for (const char *name; (name = g_dir_read_name(dir));)
    if (g_str_has_suffix(name, "_mask.png"))
      g_ptr_array_add(names, g_strdup(name));
  g_ptr_array_sort(names, by_name);
  RealCount count = {0};
  for (guint i = 0; i < names->len; i++)
    compare_frame(&count, segmenter, folder, names->pdata[i]);
  g_print("# lus_linear, %u frames, pleural line, cut 0.6: recall %.3f precision %.3f Dice %.3f\n", names->len,
          real_recall(&count), real_precision(&count), lus_dice(count.both, count.found, count.reference));
  g_assert_cmpuint(names->len, ==, 39);
  gboolean seen = count.both > 0;
  g_print("%s 1 - the model finds some of the labelled pleural line\n1..1\n", seen ? "ok" : "not ok");
  return seen ? 0 : 1;
}
