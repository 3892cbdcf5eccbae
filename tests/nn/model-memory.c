/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** Each large allocation on the way from a file to the first result fails once: one clean error, and the next try works.
 *  GLib ends the process where a small one fails: those are left out. */
#include "../heap.h"
#include "lung/segmenter.h"
#include "nn/error.h"
#include "nn/fpn.h"

#include <glib/gstdio.h>

#define LARGE 65536
#define SIDE 96

static char *folder, *path;

static void make_model(void)
{
  LusFpnConfig config = lus_fpn_config_default();
  GError *error = NULL;
  LusModelInfo info;
  config.stem = config.pyramid = config.segmentation = config.detail = 64;
  for (int i = 0; i < 4; i++)
    config.widths[i] = 64;
  g_autoptr(LusGraph) graph = lus_fpn_new(&config, 11, &error);
  g_assert_no_error(error);
  lus_model_info_init(&info);
  info.width = info.height = 64;
  g_assert_true(lus_model_save(graph, &info, path, &error));
  lus_model_info_clear(&info);
}

/** The whole way once. */
static gboolean walk(GError **error)
{
  static guint8 pixels[SIDE * SIDE];
  const LusImage image = {.format = LUS_FORMAT_GRAY8, .width = SIDE, .height = SIDE, .planes = {pixels},
                          .strides = {SIDE}, .full_range = TRUE};
  const LusSegmenterConfig config = {.sector_mode = LUS_SECTOR_NONE, .threads = 2};
  LusSegmentation *segmentation = NULL;
  for (int i = 0; i < SIDE * SIDE; i++)
    pixels[i] = (guint8)(i * 31);
  g_autoptr(LusModel) model = lus_model_load(path, error);
  g_autoptr(LusSegmenter) segmenter = model ? lus_segmenter_new(model, &config, error) : NULL;
  if (!segmenter || !lus_segmenter_set_frame_size(segmenter, SIDE, SIDE, error) ||
      !lus_segmenter_run(segmenter, &segmentation, &image, 0, error))
    return FALSE;
  g_assert_nonnull(segmentation);
  lus_segmentation_unref(segmentation);
  return TRUE;
}

static void test_each(void)
{
  g_autoptr(GError) error = NULL;
  int failures = 0, survived = 0;
  g_assert_true(walk(&error)); /* warms what is made once per process */
  for (long n = 1;; n++) {
    heap_watch();
    heap_fail(n, LARGE);
    gboolean ok = walk(&error);
    gboolean reached = heap_failed();
    heap_stop();
    g_assert_true(ok == (error == NULL));
    if (!reached) {
      g_assert_no_error(error);
      break;
    }
    if (error)
      g_assert_error(error, LUS_ERROR, LUS_ERROR_MEMORY);
    failures += !ok;
    survived += ok;
    g_clear_error(&error);
  }
  g_test_message("%d errors, %d did without", failures, survived);
  g_assert_cmpint(failures, >, 20);
  g_assert_true(walk(&error));
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("lus-memory-XXXXXX", NULL);
  path = g_build_filename(folder, "model.onnx", NULL);
  make_model();
  g_test_add_func("/nn/model-memory/each", test_each);
  int failed = g_test_run();
  g_unlink(path);
  g_rmdir(folder);
  return failed;
}
