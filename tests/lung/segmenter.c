/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/segmenter.h"

#include <glib/gstdio.h>
#include <string.h>

#include "kernels/kernels.h"
#include "nn/error.h"
#include "nn/fpn.h"

/* A small FPN with random weights and a network of one 1x1 convolution whose results can be told by hand. */

enum { WIDTH = 131, HEIGHT = 97, STRIDE = 140 };

static char *folder;

static LusModel *save_and_load(LusGraph *graph, LusModelInfo *info, const char *name)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = g_build_filename(folder, name, NULL);
  lus_model_save(graph, info, path, &error);
  g_assert_no_error(error);
  lus_model_info_clear(info);
  LusModel *model = lus_model_load(path, &error);
  g_assert_no_error(error);
  return model;
}

static LusModel *fpn_model(void)
{
  g_autoptr(GError) error = NULL;
  const LusFpnConfig config = {.in_channels = 1, .classes = 3, .stem = 8, .widths = {8, 8, 8, 8},
                               .blocks = {1, 1, 1, 1}, .pyramid = 8, .segmentation = 8, .detail = 8, .head_bias = 0};
  g_autoptr(LusGraph) graph = lus_fpn_new(&config, 7, &error);
  g_assert_no_error(error);
  LusModelInfo info;
  lus_model_info_init(&info);
  info.channels = 1;
  info.width = 64;
  info.height = 64;
  info.logits = TRUE;
  return save_and_load(graph, &info, "fpn.onnx");
}

/* One class, confidence = luma / 255 at 32 x 32. */
static LusModel *copy_model(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusGraph) graph = lus_graph_new();
  LusTensor *weight = lus_tensor_new(4, (const int[]){1, 1, 1, 1}, &error);
  LusTensor *bias = lus_tensor_new(1, (const int[]){1}, &error);
  weight->data[0] = 1;
  LusOpAttrs attrs = lus_op_attrs_default();
  int inputs[3] = {lus_graph_add_input(graph, "luma"), lus_graph_add_constant(graph, "weight", weight),
                   lus_graph_add_constant(graph, "bias", bias)};
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_CONV, "copy", 3, inputs, &attrs));
  LusModelInfo info;
  lus_model_info_init(&info);
  for (int i = 1; i < info.n_classes; i++)
    g_clear_pointer(&info.classes[i], g_free);
  info.n_classes = 1;
  info.channels = 1;
  info.width = 32;
  info.height = 32;
  info.logits = FALSE;
  info.normalise = (LusNormalise){.mode = LUS_NORMALISE_FIXED, .mean = 0, .std = 1};
  return save_and_load(graph, &info, "copy.onnx");
}

static LusSegmenter *segmenter_new(LusModel *model, LusSectorMode mode, int threads)
{
  g_autoptr(GError) error = NULL;
  const LusSegmenterConfig config = {.sector_mode = mode, .threads = threads};
  LusSegmenter *segmenter = lus_segmenter_new(model, &config, &error);
  g_assert_no_error(error);
  return segmenter;
}

static void set_size(LusSegmenter *segmenter, int width, int height)
{
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_segmenter_set_frame_size(segmenter, width, height, &error));
  g_assert_no_error(error);
}

static LusSegmentation *run(LusSegmenter *segmenter, const LusImage *image, gint64 pts)
{
  g_autoptr(GError) error = NULL;
  LusSegmentation *segmentation = NULL;
  g_assert_true(lus_segmenter_run(segmenter, &segmentation, image, pts, &error));
  g_assert_no_error(error);
  return segmentation;
}

/* A bright rectangle of noise, wider with @number. */
static LusImage frame(guint8 *pixels, int number)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)number);
  memset(pixels, 0, STRIDE * HEIGHT);
  for (int y = 5; y < 90; y++)
    for (int x = 30; x < 90 + 3 * number; x++)
      pixels[y * STRIDE + x] = (guint8)g_rand_int_range(rand, 20, 200);
  return (LusImage){.format = LUS_FORMAT_GRAY8, .width = WIDTH, .height = HEIGHT, .planes = {pixels},
                    .strides = {STRIDE}, .mm_per_pixel = 0.25};
}

static void check_equal(const LusSegmentation *a, const LusSegmentation *b)
{
  g_assert_cmpint(a->width, ==, b->width);
  g_assert_cmpint(a->height, ==, b->height);
  g_assert_cmpint(a->rect.width, ==, b->rect.width);
  gsize n = (gsize)a->width * a->height;
  g_assert_cmpmem(a->confidence, a->n_classes * n, b->confidence, b->n_classes * n);
  g_assert_cmpmem(a->sector, n, b->sector, n);
}

/* Bit-equal, whatever the number of threads. */
static void test_equal(void)
{
  g_autoptr(LusModel) model = fpn_model();
  g_autoptr(LusSegmenter) one = segmenter_new(model, LUS_SECTOR_AUTO, 1);
  g_autoptr(LusSegmenter) two = segmenter_new(model, LUS_SECTOR_AUTO, 3);
  set_size(one, WIDTH, HEIGHT);
  set_size(two, WIDTH, HEIGHT);
  guint8 pixels[STRIDE * HEIGHT];
  for (int i = 0; i < 6; i++) {
    LusImage image = frame(pixels, i);
    g_autoptr(LusSegmentation) a = run(one, &image, i), b = run(two, &image, i);
    check_equal(a, b);
    g_assert_cmpint(a->pts_ns, ==, i);
    g_assert_cmpfloat(a->mm_per_pixel, ==, 0.25);
    g_assert_cmpint(a->n_classes, ==, 3);
    g_assert_cmpint(a->rect.x, ==, 30);
    g_assert_cmpint(a->rect.height, ==, 85);
  }
  g_assert_cmpstr(lus_segmenter_kernels(one), ==, lus_kernels_description());
}

/* The results themselves: confidence = luma / 255 inside the sector. */
static void test_values(void)
{
  g_autoptr(LusModel) model = copy_model();
  g_autoptr(LusSegmenter) segmenter = segmenter_new(model, LUS_SECTOR_NONE, 1);
  guint8 pixels[16 * 32];
  for (int i = 0; i < 16 * 32; i++)
    pixels[i] = (guint8)(i / 2);
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = 32, .height = 16, .planes = {pixels}, .strides = {32}};
  set_size(segmenter, 32, 16);
  g_autoptr(LusSegmentation) segmentation = run(segmenter, &image, -1);
  g_assert_cmpint(segmentation->width, ==, 32);
  g_assert_cmpint(segmentation->height, ==, 16);
  g_assert_cmpmem(segmentation->confidence, 512, pixels, 512);
  for (int i = 0; i < 512; i++)
    g_assert_cmpint(segmentation->sector[i], ==, 255);
}

static void test_outside_is_zero(void)
{
  g_autoptr(LusModel) model = fpn_model();
  g_autoptr(LusSegmenter) segmenter = segmenter_new(model, LUS_SECTOR_AUTO, 2);
  set_size(segmenter, WIDTH, HEIGHT);
  guint8 pixels[STRIDE * HEIGHT] = {0};
  for (int y = 4; y < 90; y++) /* a triangle */
    memset(pixels + y * STRIDE + 65 - y * 2 / 3, 120, (gsize)(y * 4 / 3 + 1));
  LusImage image = frame((guint8[STRIDE * HEIGHT]){0}, 0);
  image.planes[0] = pixels;
  g_autoptr(LusSegmentation) segmentation = run(segmenter, &image, 0);
  gsize n = (gsize)segmentation->width * segmentation->height;
  int outside = 0, nonzero = 0;
  for (gsize i = 0; i < n; i++)
    for (int k = 0; k < 3; k++) {
      guint8 q = segmentation->confidence[k * n + i];
      outside += !segmentation->sector[i];
      nonzero += q != 0;
      g_assert_true(segmentation->sector[i] || q == 0);
    }
  g_assert_cmpint(outside, >, (int)n);
  g_assert_cmpint(nonzero, >, (int)n / 2);
}

static void test_black(void)
{
  g_autoptr(LusModel) model = fpn_model();
  g_autoptr(LusSegmenter) segmenter = segmenter_new(model, LUS_SECTOR_AUTO, 1);
  set_size(segmenter, WIDTH, HEIGHT);
  guint8 pixels[STRIDE * HEIGHT];
  LusImage lit = frame(pixels, 1), black = lit;
  guint8 nothing[STRIDE * HEIGHT] = {0};
  black.planes[0] = nothing;
  g_assert_null(run(segmenter, &black, 0));
  g_autoptr(LusSegmentation) first = run(segmenter, &lit, 1), after = run(segmenter, &black, 2);
  g_assert_nonnull(first);
  g_assert_nonnull(after); /* the sector is known by now */
  lus_segmenter_reset(segmenter);
  g_assert_null(run(segmenter, &black, 3));
}

static void test_new_size(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(LusModel) model = fpn_model();
  g_autoptr(LusSegmenter) segmenter = segmenter_new(model, LUS_SECTOR_NONE, 1);
  guint8 pixels[STRIDE * HEIGHT];
  LusImage image = frame(pixels, 2);
  LusSegmentation *out = NULL;
  g_assert_false(lus_segmenter_run(segmenter, &out, &image, 0, &error)); /* nothing announced yet */
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_clear_error(&error);
  set_size(segmenter, WIDTH, HEIGHT);
  g_autoptr(LusSegmentation) whole = run(segmenter, &image, 0);
  g_assert_cmpint(whole->rect.width, ==, WIDTH);
  g_assert_cmpint(whole->height, ==, 47); /* 97 * 64 / 131 = 47.4 */
  image.width = 77;
  g_assert_false(lus_segmenter_run(segmenter, &out, &image, 0, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_assert_nonnull(strstr(error->message, "77x97"));
  g_clear_error(&error);
  set_size(segmenter, 77, HEIGHT);
  g_autoptr(LusSegmentation) narrow = run(segmenter, &image, 0);
  g_assert_cmpint(narrow->width, ==, 51); /* 77 * 64 / 97 = 50.8 */
  g_assert_false(lus_segmenter_set_frame_size(segmenter, 15, 97, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_LIMIT);
  g_clear_error(&error);
  g_assert_false(lus_segmenter_set_frame_size(segmenter, 16, 8193, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_LIMIT);
}

/* After a change of size the results are those of a segmenter that never saw anything else. */
static void test_a_then_b(void)
{
  g_autoptr(LusModel) model = fpn_model();
  g_autoptr(LusSegmenter) both = segmenter_new(model, LUS_SECTOR_AUTO, 2);
  g_autoptr(LusSegmenter) alone = segmenter_new(model, LUS_SECTOR_AUTO, 2);
  guint8 first[STRIDE * HEIGHT], second[STRIDE * HEIGHT];
  LusImage a = frame(first, 8), b = frame(second, 3);
  b.height = 71;
  set_size(both, WIDTH, HEIGHT);
  lus_segmentation_unref(run(both, &a, 0));
  set_size(both, WIDTH, 71);
  set_size(alone, WIDTH, 71);
  g_autoptr(LusSegmentation) from_both = run(both, &b, 1), from_alone = run(alone, &b, 1);
  check_equal(from_both, from_alone);
  lus_segmenter_reset(both);
  lus_segmenter_reset(alone);
  g_autoptr(LusSegmentation) again = run(both, &b, 2);
  check_equal(again, from_alone);
}

/* Results live on after the segmenter and the model; memory is used again but never under a reference. */
static void test_references(void)
{
  LusModel *model = fpn_model();
  LusSegmenter *segmenter = segmenter_new(model, LUS_SECTOR_NONE, 1);
  set_size(segmenter, WIDTH, HEIGHT);
  guint8 pixels[STRIDE * HEIGHT];
  LusImage image = frame(pixels, 2);
  LusSegmentation *kept = run(segmenter, &image, 11);
  g_assert_true(lus_segmentation_ref(kept) == kept);
  lus_segmentation_unref(kept);
  gsize bytes = 3 * (gsize)kept->width * kept->height;
  g_autofree guint8 *copy = g_memdup2(kept->confidence, bytes);
  LusImage other = frame((guint8[STRIDE * HEIGHT]){0}, 5);
  LusSegmentation *idle = run(segmenter, &other, 12);
  g_assert_true(idle != kept);
  lus_segmentation_unref(idle);
  g_assert_true(run(segmenter, &other, 13) == idle);
  lus_segmenter_free(segmenter);
  lus_model_unref(model);
  g_assert_cmpmem(kept->confidence, bytes, copy, bytes);
  g_assert_cmpint(kept->pts_ns, ==, 11);
  g_assert_cmpstr(lus_model_info(kept->model)->classes[0], ==, "pleural_line");
  lus_segmentation_unref(idle);
  lus_segmentation_unref(kept);
  lus_segmentation_unref(NULL);
  lus_segmenter_free(NULL);
}

static gpointer drop(gpointer segmentation)
{
  lus_segmentation_unref(segmentation);
  return NULL;
}

/* References go in other threads while the segmenter works and after it is gone. */
static void test_threads(void)
{
  g_autoptr(LusModel) model = copy_model();
  LusSegmenter *segmenter = segmenter_new(model, LUS_SECTOR_NONE, 2);
  set_size(segmenter, WIDTH, HEIGHT);
  guint8 pixels[STRIDE * HEIGHT];
  LusImage image = frame(pixels, 2);
  GThread *threads[40];
  for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
    threads[i] = g_thread_new("drop", drop, run(segmenter, &image, 0));
  lus_segmenter_free(segmenter);
  for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
    g_thread_join(threads[i]);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("lus-segmenter-XXXXXX", NULL);
  g_test_add_func("/segmenter/equal", test_equal);
  g_test_add_func("/segmenter/values", test_values);
  g_test_add_func("/segmenter/outside-is-zero", test_outside_is_zero);
  g_test_add_func("/segmenter/black", test_black);
  g_test_add_func("/segmenter/new-size", test_new_size);
  g_test_add_func("/segmenter/a-then-b", test_a_then_b);
  g_test_add_func("/segmenter/references", test_references);
  g_test_add_func("/segmenter/threads", test_threads);
  int result = g_test_run();
  for (int i = 0; i < 2; i++) {
    g_autofree char *path = g_build_filename(folder, i ? "copy.onnx" : "fpn.onnx", NULL);
    g_remove(path);
  }
  g_rmdir(folder);
  g_free(folder);
  return result;
}
