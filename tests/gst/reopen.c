/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A model that is being loaded when lussegment is closed and opened again is not the one to use any more. */
#include "fixture.h"
#include <dlfcn.h>

static GMutex lock;
static GCond changed;
static const char *held; /* path of the model whose load waits */
static gboolean waiting;
static guint opened;

/* Stands before that of liblus. */
LUS_API LusSegmenter *lus_segmenter_open(const char *path, const LusSegmenterConfig *config, GError **error)
{
  LusSegmenter *(*open)(const char *, const LusSegmenterConfig *, GError **);

  *(void **)&open = dlsym(RTLD_NEXT, "lus_segmenter_open");
  g_mutex_lock(&lock);
  waiting = g_strcmp0(path, held) == 0;
  g_cond_broadcast(&changed);
  while (g_strcmp0(path, held) == 0)
    g_cond_wait(&changed, &lock);
  opened++;
  g_mutex_unlock(&lock);
  return open(path, config, error);
}

static char *model_in_use(GstElement *seg)
{
  GstStructure *info;
  char *path;

  g_object_get(seg, "model-info", &info, NULL);
  path = g_strdup(gst_structure_get_string(info, "path"));
  gst_structure_free(info);
  return path;
}

static void hold(const char *path)
{
  g_mutex_lock(&lock);
  held = path;
  g_cond_broadcast(&changed);
  g_mutex_unlock(&lock);
}

static void wait_for_load(void)
{
  g_mutex_lock(&lock);
  while (!waiting)
    g_cond_wait(&changed, &lock);
  g_mutex_unlock(&lock);
}

static guint count_opened(void)
{
  guint count;

  g_mutex_lock(&lock);
  count = opened;
  g_mutex_unlock(&lock);
  return count;
}

static void test_reopened(void)
{
  GstElement *pipeline = gst_parse_launch("lustestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=100/1 ! lussegment name=seg "
                                          "threads=1 ! fakesink", NULL);
  GstElement *seg = gst_bin_get_by_name(GST_BIN(pipeline), "seg");
  g_autofree char *used = NULL;

  g_object_set(seg, "model-file", fixture_model(), NULL);
  g_assert_cmpint(gst_element_set_state(pipeline, GST_STATE_PLAYING), !=, GST_STATE_CHANGE_FAILURE);
  hold(fixture_other_model());
  g_object_set(seg, "model-file", fixture_other_model(), NULL);
  wait_for_load();
  gst_element_set_state(pipeline, GST_STATE_NULL);
  g_object_set(seg, "model-file", fixture_large_model(), NULL);
  g_assert_cmpint(gst_element_set_state(pipeline, GST_STATE_PLAYING), !=, GST_STATE_CHANGE_FAILURE);
  hold(NULL);
  while (count_opened() < 4) { /* fixture, large, other: too late, large instead */
    g_autofree char *now = model_in_use(seg);
    g_assert_cmpstr(now, ==, fixture_large_model());
    g_usleep(1000);
  }
  used = model_in_use(seg);
  g_assert_cmpstr(used, ==, fixture_large_model());
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(seg);
  gst_object_unref(pipeline);
}

static void add_tests(void)
{
  g_test_add_func("/reopen/reopened", test_reopened);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
