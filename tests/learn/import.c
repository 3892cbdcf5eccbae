/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "annotations.h"
#include "clips.h"
#include "folder.h"
#include "learn/import-internal.h"
#include "learn/annotation.h"

#include <unistd.h>

static char *put(const Fixture *f, const char *name, const void *data, gsize length)
{
  char *path = g_build_filename(f->folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname(path);
  g_assert_cmpint(g_mkdir_with_parents(parent, 0777), ==, 0);
  g_unlink(path); /* without fsync an older file would only be overwritten, not cut */
  g_assert_true(g_file_set_contents_full(path, data, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0666, NULL));
  return path;
}

static LusRegions *read_text(const Fixture *f, const char *format, const char *name, const char *text,
                             LusImportConfig config, GError **error)
{
  g_autofree char *path = put(f, name, text, strlen(text));
  LusRegions *regions = lus_regions_new();
  config.mm_per_pixel = 0.5;
  if (!lus_import_read(regions, format, path, &config, error))
    g_clear_pointer(&regions, lus_regions_free);
  return regions;
}

/** Pixels of a class at @percent on a frame of 40 x 32. */
static int count(const LusRegions *regions, const char *class_name, int frame, guint8 percent)
{
  guint8 plane[40 * 32] = {0};
  for (guint i = 0; i < regions->list->len; i++) {
    const LusRegion *r = &g_array_index(regions->list, LusRegion, i);
    if (r->class_name && g_str_equal(r->class_name, class_name) && frame >= r->frame && frame <= r->last)
      g_assert_true(lus_region_draw(r, plane, 40, 32, frame, NULL));
  }
  int n = 0;
  for (gsize i = 0; i < sizeof plane; i++)
    n += plane[i] == percent;
  return n;
}

static LusRegions *read_source(const Fixture *f, int index)
{
  GError *error = NULL;
  LusRegions *regions =
    read_text(f, sources[index].format, sources[index].file, sources[index].text, (LusImportConfig){0}, &error);
  g_assert_no_error(error);
  return regions;
}

static void test_cvat_xml(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusRegions) r = read_source(f, 0);
  g_assert_cmpstr(g_array_index(r->list, LusRegion, 0).clip, ==, "P1_d1_R1");
  g_assert_cmpint(count(r, "pleural_line", 3, 60), ==, 12);
  g_assert_cmpint(count(r, "vertical_line", 3, 100), ==, 24);
  g_assert_cmpint(count(r, "fascia_band", 3, LUS_REGION_IGNORE), ==, 2);
  g_assert_cmpint(count(r, "vertical_line", 4, 40), ==, 16);
  g_assert_cmpint(count(r, "vertical_line", 5, 40), ==, 16);
  g_assert_cmpint(count(r, "vertical_line", 6, 0), ==, 40 * 32); /* outside */
  g_assert_cmpint(count(r, "vertical_line", 8, 40), >, 4);
  g_assert_cmpint(count(r, "vertical_line", 9, 40), >, 4); /* up to the task's end */
  g_assert_cmpint(count(r, "vertical_line", 10, 0), ==, 40 * 32);
}

static void test_cvat_json(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusRegions) r = read_source(f, 1);
  g_assert_cmpint(count(r, "pleural_line", 2, 35), >, 3);
  g_assert_cmpint(count(r, "fascia_band", 2, 80), ==, 2);
  g_assert_cmpint(count(r, "vertical_line", 5, 100), ==, 16);
  g_assert_cmpint(count(r, "vertical_line", 7, 100), ==, 0);
  g_free(put(f, "task.json", cvat_task, strlen(cvat_task)));
  g_autoptr(LusRegions) moved = read_source(f, 1);
  g_assert_cmpstr(g_array_index(moved->list, LusRegion, 0).clip, ==, "P1_d1_R1");
  g_assert_cmpint(g_array_index(moved->list, LusRegion, 0).frame, ==, 14);
}

/** Frames of its XML are the clip's own, whatever the task begins with; a mark before UTF-8 is no content. */
static void test_cvat_absolute(Fixture *f, gconstpointer data)
{
  (void)data;
  GError *error = NULL;
  g_autoptr(LusRegions) r = read_text(
    f, "cvat", "b.xml",
    "\xef\xbb\xbf<annotations><meta><task><name>P1_d1_R1.mp4</name><start_frame>4</start_frame><stop_frame>10</stop_frame>"
    "<frame_filter>step=2</frame_filter></task></meta><track label=\"vertical_line\">"
    "<polygon frame=\"4\" outside=\"0\" points=\"0,0;4,0;4,4;0,4\"/>"
    "<polygon frame=\"6\" outside=\"1\" points=\"0,0;4,0;4,4;0,4\"/></track></annotations>",
    (LusImportConfig){0}, &error);
  g_assert_no_error(error);
  g_assert_cmpint(count(r, "vertical_line", 4, 100), ==, 16);
  g_assert_cmpint(count(r, "vertical_line", 6, 100), ==, 0);
}

/** A key without the attribute keeps that of the key before; a job's tracks end with it. */
static void test_cvat_keys(Fixture *f, gconstpointer data)
{
  (void)data;
  GError *error = NULL;
  const char *task = "{\"name\": \"P1_d1_R1.mp4\", \"data\": {\"start_frame\": 0, \"stop_frame\": 11}, \"jobs\": "
                     "[{\"start_frame\": 0, \"stop_frame\": 5}, {\"start_frame\": 6, \"stop_frame\": 11}]}";
  g_free(put(f, "task.json", task, strlen(task)));
  g_autoptr(LusRegions) r = read_text(
    f, "cvat", "annotations.json",
    "[{\"shapes\": [], \"tracks\": [{\"frame\": 0, \"label\": \"vertical_line\", \"attributes\": [], \"shapes\": ["
    "{\"type\": \"rectangle\", \"frame\": 0, \"outside\": false, \"points\": [0, 0, 4, 4], \"attributes\": "
    "[{\"name\": \"confidence\", \"value\": \"40\"}]},"
    "{\"type\": \"rectangle\", \"frame\": 3, \"outside\": false, \"points\": [0, 0, 4, 4], \"attributes\": []}]}]}, "
    "{\"shapes\": []}]",
    (LusImportConfig){0}, &error);
  g_assert_no_error(error);
  g_assert_cmpint(count(r, "vertical_line", 2, 40), ==, 16);
  g_assert_cmpint(count(r, "vertical_line", 5, 40), ==, 16);
  g_assert_cmpint(count(r, "vertical_line", 6, 0), ==, 40 * 32);
  g_autoptr(LusRegions) xml = read_text(
    f, "cvat", "keys.xml",
    "<annotations><meta><task><name>P1_d1_R1.mp4</name><size>8</size></task></meta><track label=\"vertical_line\">"
    "<box frame=\"0\" outside=\"0\" xtl=\"0\" ytl=\"0\" xbr=\"4\" ybr=\"4\"><attribute name=\"confidence\">40</attribute></box>"
    "<box frame=\"3\" outside=\"0\" xtl=\"0\" ytl=\"0\" xbr=\"4\" ybr=\"4\"/></track><track label=\"pleural_line@70\">"
    "<box frame=\"0\" outside=\"0\" xtl=\"0\" ytl=\"0\" xbr=\"4\" ybr=\"4\"/>"
    "<box frame=\"3\" outside=\"0\" xtl=\"0\" ytl=\"0\" xbr=\"4\" ybr=\"4\"/></track></annotations>",
    (LusImportConfig){0}, &error);
  g_assert_no_error(error);
  g_assert_cmpint(count(xml, "vertical_line", 2, 40), ==, 16);
  g_assert_cmpint(count(xml, "vertical_line", 5, 40), ==, 16);
  g_assert_cmpint(count(xml, "pleural_line", 5, 70), ==, 16);
  g_free(put(f, "task.json", "{\"jobs\": [{\"stop_frame\": \"5\"}]}", strlen("{\"jobs\": [{\"stop_frame\": \"5\"}]}")));
  g_assert_null(read_text(f, "cvat", "annotations.json", "[{\"shapes\": [], \"tracks\": []}]", (LusImportConfig){0}, &error));
  assert_error(error, LUS_ERROR_INVALID, "task.json: jobs[0]");
}

static void test_labelme(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusRegions) r = read_source(f, 2);
  g_assert_cmpint(count(r, "pleural_line", 2, 45), >, 3);
  g_assert_cmpint(count(r, "vertical_line", 2, 70), ==, 24);
  g_assert_cmpint(count(r, "fascia_band", 2, 100), >, 60); /* 10 x 6 and round ends */
}

static void test_coco(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusRegions) r = read_source(f, 3);
  g_assert_cmpint(count(r, "pleural_line", 5, 25), >, 8);
  g_assert_cmpint(count(r, "vertical_line", 5, 90), ==, 0); /* under the next one, of 100 */
  g_assert_cmpint(count(r, "vertical_line", 5, 100), ==, 4 + 1264);
}

static void test_slicer(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusRegions) list = read_source(f, 4), object = read_source(f, 5);
  g_assert_cmpstr(g_array_index(list->list, LusRegion, 1).annotator, ==, "anna");
  g_assert_null(g_array_index(object->list, LusRegion, 1).annotator);
  g_assert_cmpint(count(list, "pleural_line", 3, 100), >, 70); /* 20 pixels of 4 */
  g_assert_cmpint(count(list, "vertical_line", 3, 100), >, 60);
  g_assert_cmpint(count(list, "pleural_line", 3, 100), ==, count(object, "pleural_line", 3, 100));
  g_assert_cmpint(count(list, "vertical_line", 3, 100), ==, count(object, "vertical_line", 3, 100));
  GError *error = NULL;
  g_autofree char *path = put(f, "s.json", slicer_list, strlen(slicer_list));
  LusImportConfig config = {0};
  g_assert_false(lus_import_read(list, "slicer", path, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "give --mm-per-pixel");
  config.depth_mm = 14; /* 28 pixels */
  g_assert_true(lus_import_read(list, "slicer", path, &config, NULL));
}

static void test_polygons(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusRegions) r = read_source(f, 6);
  g_assert_cmpint(count(r, "pleural_line", 1, 40), ==, 64 - 16);
  g_assert_cmpint(count(r, "pleural_line", 1, 25), ==, 3); /* what of the triangle lies in the hole */
}

static void test_pictures(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 numbers[40 * 32] = {0}, rgba[40 * 32 * 4] = {0};
  memset(numbers, 1, 50);
  memset(numbers + 100, 2, 30);
  for (int i = 0; i < 20; i++)
    rgba[4 * i + 3] = 128;
  g_autofree char *mask = g_build_filename(f->folder, "frame003_mask.png", NULL);
  g_autofree char *layer = g_build_filename(f->folder, "P1_d1_R1_frame000003.pleural_line.png", NULL);
  g_assert_true(lus_png_write(mask, numbers, 40, 32, 40, 1, NULL));
  char *map[] = {(char *)"1=pleural_line", (char *)"2=", NULL};
  LusImportConfig config = {.class_map = map, .annotator = "b"};
  g_autoptr(LusRegions) r = lus_regions_new();
  g_assert_true(lus_import_read(r, "masks", mask, &config, NULL));
  g_assert_cmpint(r->list->len, ==, 2);
  g_assert_cmpint(count(r, "pleural_line", 3, 100), ==, 50);
  g_assert_true(lus_png_write(layer, rgba, 40, 32, 160, 4, NULL));
  g_autoptr(LusRegions) l = lus_regions_new();
  g_assert_true(lus_import_read(l, "layers", layer, &config, NULL));
  g_assert_cmpint(count(l, "pleural_line", 3, 50), ==, 20);
  memset(rgba, 255, sizeof rgba);
  g_assert_true(lus_png_write(layer, rgba, 40, 32, 160, 4, NULL));
  GError *error = NULL;
  memset(numbers, 0, sizeof numbers);
  numbers[41] = 60; /* confidences of 16 bits are no numbers of classes */
  g_assert_true(lus_label_write(mask, numbers, 40, 32, NULL));
  g_assert_false(lus_import_read(l, "masks", mask, &config, &error));
  assert_error(error, LUS_ERROR_LIMIT, "number 39321 at pixel 1, 1; numbers are 0 to 255");
  g_assert_false(lus_import_read(l, "layers", layer, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "is opaque everywhere");
}

static void test_errors(Fixture *f, gconstpointer data)
{
  (void)data;
  static const struct {
    const char *format, *text, *part;
  } cases[] = {
    {"cvat", "", "line 1, column 0"},
    {"cvat", "{}", "has no key 'shapes'"},
    {"cvat", "<a/>", "begins with 'annotations'"},
    {"cvat", "<annotations><image id='0' name='a.png' width='9' height='9'><ellipse label='b' points=''/></image>"
             "</annotations>", "line 1: ellipse: a shape of type 'ellipse' is not read"},
    {"cvat", "<annotations><image id='0' name='a.png' width='9' height='9'><polygon label='b' points='1,2;x'/></image>"
             "</annotations>", "number 2, 'x', is none"},
    {"cvat", "<annotations><image id='0' name='a.png' width='9' height='9'><polygon label='b' points='1,2;3,4;5,6'>"
             "<attribute name='confidence'>101</attribute></polygon></image></annotations>", "confidence 101 is not"},
    {"cvat", "<annotations>", "export the file again"},
    {"cvat", "<annotations><meta><project><tasks><task><name>a.mp4</name></task><task><name>b.mp4</name></task></tasks>"
             "</project></meta><track label='b'/></annotations>", "is of a project of 2 tasks; export each task by itself"},
    {"labelme", "{\"shapes\": []}", "ends with a frame number"},
    {"coco", "{\"images\": [], \"categories\": []}", "'annotations' is missing"},
    {"coco", "{\"images\": [], \"categories\": [], \"annotations\": [{\"image_id\": 1, \"category_id\": 1}]}",
     "annotations[0]: its image_id is not in the list"},
    {"coco", "{\"images\": [{\"id\": 1, \"file_name\": \"x.png\", \"width\": 9, \"height\": 9}]}", "file_name 'x.png'"},
    {"slicer", "{}", "frame_annotations"},
    {"polygons", "{\"regions\": [], \"regions\": []}", "duplicate"},
    {"polygons", "{\"clip\": \"c\", \"frame\": -1, \"regions\": []}", "'frame' is missing or not a whole number"},
    {"polygons", "{\"clip\": \"c\", \"frame\": 1, \"regions\": [{\"class\": \"a\", \"confidence\": 9, \"polygon\": [[1]]}]}",
     "regions[0]: point 0"},
    {"polygons", "{\"clip\": \"c\", \"frame\": 1, \"regions\": [{\"class\": \"a\", \"confidence\": 9, \"polygon\": "
                 "[[0, 0], [9, 0], [9, 9]], \"holes\": {}}]}", "regions[0]: 'holes' is not a list"},
    {"polygons", "{\"clip\": \"c\", \"frame\": 1, \"regions\": [{\"class\": \"a\", \"confidence\": 9, \"polygon\": "
                 "[[0, 0], [9, 0], [9, 9]], \"holes\": [[[1, 1], [2, 2]]]}]}", "regions[0]: ring 1 has 2 points"},
    {"polygons", "{\"clip\": \"c\", \"frame\": 1, \"regions\": [{\"class\": \"a\", \"confidence\": 1.0}]}",
     "regions[0]: confidence 1.0 may mean 1 or 100 %"},
    {"polygons", "{\"clip\": \"c\", \"frame\": 1, \"regions\": [{\"class\": \"a\", \"confidence\": \"1.0\"}]}",
     "regions[0]: confidence 1.0 may mean 1 or 100 %"},
    {"unknown", "", "'unknown' is not known"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    GError *error = NULL;
    g_assert_null(read_text(f, cases[i].format, "x.file", cases[i].text, (LusImportConfig){0}, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, cases[i].part))
      g_test_message("'%s' does not contain '%s'", error->message, cases[i].part);
    g_assert_nonnull(strstr(error->message, cases[i].part));
    g_clear_error(&error);
  }
}

/** What looks harmless, but took seconds, or was taken for less than it said. */
static void test_excess(Fixture *f, gconstpointer data)
{
  (void)data;
  GError *error = NULL;
  g_autoptr(GString) deep = g_string_new("<annotations>"), holes = g_string_new(NULL);
  for (int i = 0; i < 100000; i++)
    g_string_append(deep, "<a>");
  g_assert_null(read_text(f, "cvat", "a.xml", deep->str, (LusImportConfig){0}, &error));
  assert_error(error, LUS_ERROR_INVALID, "more than 16 elements in each other");
  g_string_assign(holes, "{\"clip\": \"c\", \"frame\": 1, \"regions\": [{\"class\": \"a\", \"confidence\": 9, "
                         "\"polygon\": [[0, 0], [9, 0], [9, 9]], \"holes\": [[[1, 1], [2, 1], [2, 2]]");
  for (int i = 0; i < 1000; i++)
    g_string_append(holes, ", [[1, 1], [2, 1], [2, 2]]");
  g_string_append(holes, "]}]}");
  g_assert_null(read_text(f, "polygons", "p.json", holes->str, (LusImportConfig){0}, &error));
  assert_error(error, LUS_ERROR_INVALID, "'holes' is not a list of at most 1000");
}

/** What can't be told comes from a paint program as a layer of any colour, from lus export as grey. */
static void test_ignore_layers(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 grey[40 * 32] = {0}, rgba[40 * 32 * 4] = {0};
  memset(grey, 255, 30);
  for (int i = 0; i < 50; i++)
    rgba[4 * i + 3] = i < 20 ? 255 : i < 27 ? 128 : 127; /* black */
  g_autofree char *painted = g_build_filename(f->folder, "P1_d1_R1_frame000003.pleural_line.ignore.png", NULL);
  g_autofree char *written = g_build_filename(f->folder, "P1_d1_R1_frame000004.pleural_line.ignore.png", NULL);
  g_assert_true(lus_png_write(painted, rgba, 40, 32, 160, 4, NULL));
  g_assert_true(lus_png_write(written, grey, 40, 32, 40, 1, NULL));
  static const char *const formats[] = {"layers", "masks"};
  for (int i = 0; i < 2; i++) {
    g_autoptr(LusRegions) r = lus_regions_new();
    LusImportConfig config = {0};
    GError *error = NULL;
    g_assert_true(lus_import_read(r, formats[i], f->folder, &config, &error));
    g_assert_no_error(error);
    g_assert_cmpint(count(r, "pleural_line", 3, LUS_REGION_IGNORE), ==, 27);
    g_assert_cmpint(count(r, "pleural_line", 4, LUS_REGION_IGNORE), ==, 30);
  }
}

static const char *const classes[] = {"pleural_line", "fascia_band", "vertical_line", NULL};

static char *docs_file(const char *name)
{
  return g_build_filename(g_getenv("LUS_SOURCE_ROOT"), "docs", "annotation", name, NULL);
}

/** What the protocol gives to CVAT: its confidences are read, but for the one that stands there until somebody chooses. */
static void test_cvat_labels(Fixture *f, gconstpointer data)
{
  (void)f;
  (void)data;
  g_autofree char *path = docs_file("cvat-labels.json");
  json_t *root = lus_import_json(path, NULL), *label;
  gsize i;
  g_assert_cmpint(json_array_size(root), ==, 3);
  json_array_foreach(root, i, label) {
    json_t *attribute = json_array_get(json_object_get(label, "attributes"), 0);
    json_t *values = json_object_get(attribute, "values"), *first = json_object_get(attribute, "default_value");
    g_assert_cmpstr(json_string_value(json_object_get(label, "name")), ==, classes[i]);
    g_assert_cmpint(strlen(json_string_value(json_object_get(label, "color"))), ==, 7);
    g_assert_cmpstr(json_string_value(json_object_get(attribute, "name")), ==, "confidence");
    g_assert_cmpstr(json_string_value(json_object_get(attribute, "input_type")), ==, "select");
    g_assert_true(json_is_false(json_object_get(attribute, "mutable")));
    g_assert_cmpint(json_array_size(values), ==, 12);
    g_assert_true(json_equal(json_array_get(values, 0), first));
    guint8 percent = 0;
    g_assert_false(lus_import_json_percent(&percent, first, "", NULL));
    for (gsize k = 1; k < 12; k++) {
      g_assert_true(lus_import_json_percent(&percent, json_array_get(values, k), "", NULL));
      g_assert_cmpint(percent, ==, k == 11 ? LUS_REGION_IGNORE : 110 - 10 * (int)k);
    }
  }
  json_decref(root);
}

/** What it gives to LabelMe: a label per class and confidence. */
static void test_labelme_labels(Fixture *f, gconstpointer data)
{
  (void)f;
  (void)data;
  static const guint8 percents[] = {100, 80, 60, 40, 20, LUS_REGION_IGNORE};
  g_autofree char *path = docs_file("labelme-labels.txt"), *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_auto(GStrv) lines = g_strsplit(g_strstrip(text), "\n", -1);
  g_assert_cmpint(g_strv_length(lines), ==, 18);
  for (int i = 0; i < 18; i++) {
    guint8 percent = 0;
    g_autofree char *name = lus_import_label(&percent, lines[i], "", NULL);
    g_assert_cmpstr(name, ==, classes[i / 6]);
    g_assert_cmpint(percent, ==, percents[i % 6]);
  }
}

/** Regions that are left out, then an error. */
static void test_left_out(Fixture *f, gconstpointer data)
{
  (void)data;
  guint8 numbers[40 * 32] = {0}, rgba[40 * 32 * 4] = {0};
  for (int i = 0; i < 40 * 32; i++)
    numbers[i] = (guint8)(i / 400);
  g_autofree char *mask = g_build_filename(f->folder, "frame003_mask.png", NULL);
  g_autofree char *layer = g_build_filename(f->folder, "P1_d1_R1_frame000003.pleural_line.png", NULL);
  g_assert_true(lus_png_write(mask, numbers, 40, 32, 40, 1, NULL));
  g_assert_true(lus_png_write(layer, rgba, 40, 32, 160, 4, NULL));
  char *map[] = {(char *)"1=", (char *)"2=", (char *)"pleural_line=", NULL};
  GError *error = NULL;
  g_autoptr(LusRegions) r = lus_regions_new();
  LusImportConfig config = {.class_map = map, .offset_x = 3};
  g_assert_true(lus_import_read(r, "layers", layer, &config, NULL));
  g_assert_cmpint(r->list->len, ==, 0);
  g_assert_false(lus_import_read(r, "masks", mask, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "an offset is not for pictures");
}

/** A damaged mask is refused before anything is written, not when it is drawn. */
static void test_damaged_mask(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *path = put(f, "P1_d1_R1_frame000003.pleural_line.png", "\x89PNG\r\n\x1a\nxx", 10);
  g_autofree char *ignore = put(f, "P1_d1_R1_frame000003.pleural_line.ignore.png", "x", 1);
  g_autoptr(LusRegions) r = lus_regions_new();
  GError *error = NULL;
  LusImportConfig config = {0};
  g_assert_false(lus_import_read(r, "masks", path, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "damaged PNG");
  g_assert_false(lus_import_read(r, "masks", ignore, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "ignore.png: not a PNG");
}

/** A clip of 12 frames of 40 x 32, and where its labels go. */
static LusImportTarget target_new(const Fixture *f, char **clips)
{
  clips[0] = put(f, "in/P1_d1_R1.mkv", "40x32 12", 8);
  LusImportTarget target = {.path = g_build_filename(f->folder, "data", NULL), .clips = clips, .open = text_source_open};
  return target;
}

static void target_clear(LusImportTarget *target)
{
  g_free((char *)target->path);
  g_free(target->clips[0]);
}

static guint8 *label(const LusImportTarget *target, const char *annotator, int frame, const char *class_name)
{
  g_autofree char *name = g_strdup_printf("frame%06d.%s.png", frame, class_name);
  g_autofree char *path = g_build_filename(target->path, "labels", annotator, "P1_d1_R1", name, NULL);
  int width, height;
  return g_file_test(path, G_FILE_TEST_EXISTS) ? lus_label_read(path, &width, &height, NULL) : NULL;
}

static void test_write(Fixture *f, gconstpointer data)
{
  (void)data;
  char *clips[2] = {NULL};
  GError *error = NULL;
  LusImportTarget target = target_new(f, clips);
  LusImportResult result;
  g_autoptr(LusRegions) r = read_text(f, "cvat", "a.xml", cvat_xml, (LusImportConfig){.annotator = "anna"}, NULL);
  g_assert_true(lus_import_write(&result, r, &target, &error));
  g_assert_no_error(error);
  g_assert_cmpint(result.clips, ==, 1);
  g_assert_cmpint(result.frames, ==, 5); /* 3, 4, 5, 8, 9 */
  g_assert_cmpint(result.written, ==, 15);
  g_autofree guint8 *pleura = label(&target, "anna", 3, "pleural_line"), *absent = label(&target, "anna", 4, "pleural_line");
  g_assert_cmpint(pleura[40 + 1], ==, 60);
  g_assert_cmpint(pleura[0], ==, 0);
  g_assert_nonnull(absent);
  g_autoptr(LusDataset) d = lus_dataset_load(target.path, &error);
  g_assert_no_error(error);
  g_assert_cmpint(d->n_clips, ==, 1);
  g_assert_cmpstr(d->clips[0].patient, ==, "P1");
  g_assert_cmpint(d->clips[0].split, ==, LUS_SPLIT_TRAIN);
  /* Once more: nothing to do; another label: refused, unless it is to be replaced. */
  g_assert_true(lus_import_write(&result, r, &target, NULL));
  g_assert_cmpint(result.written, ==, 0);
  g_assert_cmpint(result.kept, ==, 15);
  g_array_index(r->list, LusRegion, 1).percent = 61;
  g_assert_false(lus_import_write(&result, r, &target, &error));
  assert_error(error, LUS_ERROR_INVALID, "another label is there already");
  target.replace = TRUE;
  g_assert_true(lus_import_write(&result, r, &target, NULL));
  g_assert_cmpint(result.written, ==, 1);
  /* What is said anew of a clip that is there is not heeded, and told. */
  g_autoptr(GPtrArray) unheeded = g_ptr_array_new_with_free_func(g_free);
  LusImportTarget other = target;
  other.unheeded = unheeded;
  other.patient = "P2";
  other.day = 3;
  other.zone = "R1"; /* as it is */
  other.licence = "secret";
  other.split = LUS_SPLIT_TEST;
  g_assert_true(lus_import_write(&result, r, &other, NULL));
  g_assert_cmpuint(unheeded->len, ==, 4);
  g_assert_nonnull(strstr(unheeded->pdata[0], "with licence 'unknown', which is kept; --licence 'secret'"));
  g_assert_nonnull(strstr(unheeded->pdata[1], "P1_d1_R1.mkv: is there already, with patient 'P1', which is kept"));
  g_assert_nonnull(strstr(unheeded->pdata[2], "with day '1', which is kept; --day '3'"));
  g_assert_nonnull(strstr(unheeded->pdata[3], "patient P1: is there already, with split 'train', which is kept; --split 'test'"));
  /* A second rater; only what was drawn. */
  target.partial = TRUE;
  g_autoptr(LusRegions) second = read_text(f, "polygons", "p.json", polygons, (LusImportConfig){0}, NULL);
  g_assert_true(lus_import_write(&result, second, &target, NULL));
  g_assert_cmpint(result.written, ==, 1);
  g_autofree guint8 *kept = label(&target, "anna", 3, "vertical_line"), *none = label(&target, "m", 1, "vertical_line");
  g_assert_nonnull(kept);
  g_assert_null(none);
  /* The clip gets the scale it lacks, and no other one then. */
  g_assert_cmpfloat(d->clips[0].mm_per_pixel, ==, 0);
  target.mm_per_pixel = 0.3;
  g_assert_true(lus_import_write(&result, second, &target, NULL));
  g_autoptr(LusDataset) scaled = lus_dataset_load(target.path, NULL);
  g_assert_cmpfloat(scaled->clips[0].mm_per_pixel, ==, 0.3);
  g_assert_true(lus_import_write(&result, second, &target, NULL));
  target.mm_per_pixel = 0.4;
  g_assert_false(lus_import_write(&result, second, &target, &error));
  assert_error(error, LUS_ERROR_INVALID, "P1_d1_R1.mkv: is in the data set with 0.3 mm per pixel, not 0.4");
  target_clear(&target);
}

/** What may not be meant is told; what cannot be meant is refused. */
static void test_doubts(Fixture *f, gconstpointer data)
{
  (void)data;
  char *clips[2] = {NULL};
  GError *error = NULL;
  LusImportTarget target = target_new(f, clips);
  LusImportResult result;
  g_autoptr(GPtrArray) told = g_ptr_array_new_with_free_func(g_free);
  target.unheeded = told;
  g_autoptr(LusRegions) r = read_text(
    f, "cvat", "a.xml",
    "<annotations><image id=\"0\" name=\"frame_000000\" width=\"40\" height=\"32\"><box label=\"vertical_line\" xtl=\"40\" "
    "ytl=\"3\" xbr=\"46\" ybr=\"9\"/></image><image id=\"1\" name=\"frame_000001\" width=\"40\" height=\"32\"/></annotations>",
    (LusImportConfig){.annotator = "b"}, &error);
  g_assert_no_error(error);
  g_assert_true(lus_import_write(&result, r, &target, &error));
  g_assert_cmpuint(told->len, ==, 2);
  g_assert_nonnull(strstr(told->pdata[0], "box: 1 regions, this one first, lie beside the clip's picture"));
  g_assert_nonnull(strstr(told->pdata[1], "on 1 of 2 frames nothing is drawn"));
  target.unheeded = NULL;
  g_autoptr(LusRegions) named = read_text(f, "labelme", "P1_d1_R1.json", "{\"shapes\": [], \"imageWidth\": 40, \"imageHeight\": 32}",
                                          (LusImportConfig){.annotator = "c"}, &error);
  g_assert_no_error(error);
  g_free((char *)target.path);
  target.path = g_build_filename(f->folder, "more", NULL);
  g_assert_false(lus_import_write(&result, named, &target, &error));
  assert_error(error, LUS_ERROR_INVALID, "is named as the clip 'P1_d1_R1' and tells no frame");
  g_free(clips[0]);
  clips[0] = put(f, "in/P1 d1 R1.mkv", "40x32 12", 8);
  g_assert_false(lus_import_write(&result, named, &target, &error));
  assert_error(error, LUS_ERROR_INVALID, "P1 d1 R1.mkv: clips have names of letters, digits");
  target_clear(&target);
}

static void test_write_errors(Fixture *f, gconstpointer data)
{
  (void)data;
  char *clips[2] = {NULL};
  GError *error = NULL;
  LusImportTarget target = target_new(f, clips);
  LusImportResult result;
  static const struct {
    const char *from, *to, *part;
  } cases[] = {
    {"\"frame\": 1", "\"frame\": 12", "lies on frame 12, but clips/P1_d1_R1.mkv has 12 frames"},
    {"\"pleural_line\"", "\"pleura\"", "regions[0]: class 'pleura' is not in the data set, which has pleural_line, fascia_band, vertical_line; give --class-map pleura=CLASS"},
    {"\"m\"", "\"../m\"", "annotator '../m' cannot be a folder's name"},
    {"\"annotator\": \"m\",", "", "give --annotator"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_auto(GStrv) parts = g_strsplit(polygons, cases[i].from, 2);
    g_autofree char *text = g_strjoinv(cases[i].to, parts);
    g_autoptr(LusRegions) r = read_text(f, "polygons", "p.json", text, (LusImportConfig){0}, &error);
    g_assert_no_error(error);
    g_assert_false(lus_import_write(&result, r, &target, &error));
    assert_error(error, LUS_ERROR_INVALID, cases[i].part);
  }
  g_autoptr(LusRegions) r = read_text(f, "polygons", "p.json", polygons, (LusImportConfig){0}, &error);
  g_free(put(f, "data/labels/m/fusion.json", "{}", 2));
  g_assert_false(lus_import_write(&result, r, &target, &error));
  assert_error(error, LUS_ERROR_INVALID, "annotator 'm' was made by lus fuse");
  target.clips = NULL;
  target.path = (g_free((char *)target.path), g_build_filename(f->folder, "other", NULL));
  g_assert_false(lus_import_write(&result, r, &target, &error));
  assert_error(error, LUS_ERROR_INVALID, "belongs to clip 'P1_d1_R1', which is neither");
  g_autofree char *folder = g_build_filename(f->folder, "other", NULL);
  g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS)); /* refused before anything is written */
  target.clips = clips;
  target_clear(&target);
}

/** A clip that cannot be copied to its end, as on a full disk, leaves no data set. */
static void test_full_disk(Fixture *f, gconstpointer data)
{
  (void)data;
  char *clips[2] = {NULL};
  GError *error = NULL;
  LusImportTarget target = target_new(f, clips);
  LusImportResult result;
  g_autofree char *folder = g_build_filename(target.path, "clips", NULL);
  g_autofree char *part = g_build_filename(folder, "P1_d1_R1.mkv.part", NULL);
  g_autofree char *manifest = g_build_filename(target.path, "dataset.json", NULL);
  g_autoptr(LusRegions) r = read_text(f, "polygons", "p.json", polygons, (LusImportConfig){0}, NULL);
  g_assert_cmpint(g_mkdir_with_parents(folder, 0777), ==, 0);
  g_assert_cmpint(symlink("/dev/full", part), ==, 0);
  g_assert_false(lus_import_write(&result, r, &target, &error));
  assert_error(error, LUS_ERROR_IO, "P1_d1_R1.mkv.part: cannot write: No space left on device");
  g_assert_false(g_file_test(part, G_FILE_TEST_EXISTS | G_FILE_TEST_IS_SYMLINK));
  g_assert_false(g_file_test(manifest, G_FILE_TEST_EXISTS));
  g_assert_true(lus_import_write(&result, r, &target, &error));
  g_assert_no_error(error);
  target_clear(&target);
}

/** A folder stands for its files of the format; others are left out, unless nothing else is there. */
static void test_folder(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *folder = g_build_filename(f->folder, "anna", NULL);
  g_free(put(f, "anna/b.json", polygons, strlen(polygons)));
  g_free(put(f, "anna/deeper/a.JSON", polygons, strlen(polygons)));
  g_free(put(f, "anna/._b.json", "\0\1", 2));
  g_free(put(f, "anna/settings.json", "{\"colour\": 1}", 13));
  g_free(put(f, "anna/picture.png", "x", 1));
  g_autoptr(LusRegions) one = read_text(f, "polygons", "p.json", polygons, (LusImportConfig){0}, NULL);
  g_autoptr(LusRegions) r = lus_regions_new();
  g_autoptr(GPtrArray) skipped = g_ptr_array_new_with_free_func(g_free);
  LusImportConfig config = {.skipped = skipped};
  GError *error = NULL;
  g_assert_true(lus_import_read(r, "polygons", folder, &config, &error));
  g_assert_no_error(error);
  g_assert_cmpint(r->list->len, ==, 2 * one->list->len);
  g_assert_cmpint(skipped->len, ==, 1);
  g_assert_true(g_str_has_suffix(skipped->pdata[0], "anna/settings.json"));
  g_assert_false(lus_import_read(r, "labelme", folder, &config, &error));
  assert_error(error, LUS_ERROR_UNSUPPORTED, "settings.json: has no key 'shapes'");
  g_free(put(f, "anna/c.json", "{\"regions\": 3}", 14)); /* a damaged one of the format is no other kind */
  g_assert_false(lus_import_read(r, "polygons", folder, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "c.json: key 'regions' is missing or not a list");
  g_assert_false(lus_import_read(r, "masks", f->folder, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "picture.png");
  g_autofree char *none = g_build_filename(folder, "none", NULL);
  g_assert_cmpint(g_mkdir_with_parents(none, 0777), ==, 0);
  g_assert_false(lus_import_read(r, "cvat", none, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "no file of this format in this folder (.xml .json)");
  g_autofree char *zip = put(f, "task.zip", "PK\3\4xxxx", 8);
  g_assert_false(lus_import_read(r, "cvat", zip, &config, &error));
  assert_error(error, LUS_ERROR_INVALID, "task.zip: is a ZIP archive; unpack it");
  g_autofree char *marked = g_strconcat("\xef\xbb\xbf", polygons, NULL);
  g_autoptr(LusRegions) windows = read_text(f, "polygons", "w.json", marked, (LusImportConfig){0}, &error);
  g_assert_no_error(error);
  g_assert_cmpint(windows->list->len, ==, one->list->len);
}

/** New patients are dealt out; those with labels apart from those without. */
static void test_deal(Fixture *f, gconstpointer data)
{
  (void)data;
  char *clips[23] = {NULL};
  for (int i = 0; i < 22; i++) {
    g_autofree char *name = g_strdup_printf("in/Q%d_d1_R1.mkv", i);
    clips[i] = put(f, name, "40x32 12", 8);
  }
  g_autoptr(LusRegions) r = lus_regions_new();
  for (int i = 0; i < 4; i++) {
    g_autofree char *clip = g_strdup_printf("Q%d_d1_R1", i);
    LusRegion empty = {.clip = clip, .annotator = "anna", .place = "here", .frame = 1, .last = 1};
    g_assert_true(lus_regions_add(r, &empty, NULL));
  }
  char *own[] = {(char *)"rib", (char *)"pleura", NULL};
  LusImportTarget target = {.path = g_build_filename(f->folder, "data", NULL), .clips = clips, .split = LUS_SPLIT_N,
                            .classes = own, .open = text_source_open};
  LusImportResult result;
  GError *error = NULL;
  g_assert_true(lus_import_write(&result, r, &target, &error));
  g_assert_no_error(error);
  g_assert_cmpint(result.patients[LUS_SPLIT_TRAIN], ==, 14); /* 2 of 4 and 12 of 18 */
  g_assert_cmpint(result.patients[LUS_SPLIT_VALIDATION], ==, 4);
  g_assert_cmpint(result.patients[LUS_SPLIT_TEST], ==, 4);
  g_autoptr(LusDataset) d = lus_dataset_load(target.path, NULL);
  int labelled[LUS_SPLIT_N] = {0};
  for (int i = 0; i < d->n_clips; i++)
    labelled[d->clips[i].split] += d->clips[i].patient[1] < '4' && strlen(d->clips[i].patient) == 2;
  g_assert_cmpint(labelled[LUS_SPLIT_VALIDATION], ==, 1);
  g_assert_cmpint(labelled[LUS_SPLIT_TEST], ==, 1);
  g_assert_cmpint(d->n_classes, ==, 2);
  g_assert_cmpstr(d->classes[0], ==, "rib");
  target.classes = (char *[]){(char *)"pleura", NULL};
  g_assert_false(lus_import_write(&result, r, &target, &error));
  assert_error(error, LUS_ERROR_INVALID, "has the classes rib,pleura already");
  for (int i = 0; i < 22; i++)
    g_free(clips[i]);
  g_free((char *)target.path);
}

/** Every value a label can have, in one of the labels. */
static void write_all_values(const LusImportTarget *target)
{
  guint8 percent[40 * 32];
  for (int i = 0; i < 40 * 32; i++)
    percent[i] = (guint8)(i * 7 % 102 == 101 ? LUS_REGION_IGNORE : i * 7 % 102);
  g_autofree char *path =
    g_build_filename(target->path, "labels", "anna", "P1_d1_R1", "frame000003.pleural_line.png", NULL);
  g_assert_true(lus_label_write(path, percent, 40, 32, NULL));
}

static gboolean stop(gpointer data, const char *what, gint64 done, gint64 total)
{
  (void)what;
  *(int *)data += 1;
  g_assert_cmpint(done, ==, 1);
  g_assert_cmpint(total, ==, 1);
  return FALSE;
}

/** The data set @target with what anna drew, and with labels of all values. */
static LusDataset *annas_data(Fixture *f, const LusImportTarget *target)
{
  LusImportResult result;
  g_autoptr(LusRegions) r = read_text(f, "cvat", "a.xml", cvat_xml, (LusImportConfig){.annotator = "anna"}, NULL);
  g_assert_true(lus_import_write(&result, r, target, NULL));
  write_all_values(target);
  return lus_dataset_load(target->path, NULL);
}

/** A second export into the same folder leaves no ignored pixels of the first. */
static void test_export_again(Fixture *f, gconstpointer data)
{
  (void)data;
  char *clips[2] = {NULL};
  guint8 percent[40 * 32] = {0};
  LusImportTarget target = target_new(f, clips);
  g_autoptr(LusDataset) d = annas_data(f, &target);
  g_autofree char *out = g_build_filename(f->folder, "out", NULL);
  g_autofree char *folder = g_build_filename(out, "anna", "P1_d1_R1", NULL);
  g_autofree char *ignore = g_build_filename(folder, "frame000003.pleural_line.ignore.png", NULL);
  g_autofree char *label = g_build_filename(target.path, "labels", "anna", "P1_d1_R1", "frame000003.pleural_line.png", NULL);
  int n = 0;
  g_assert_true(lus_export(d, "layers", out, &n, NULL, NULL, NULL));
  g_assert_true(g_file_test(ignore, G_FILE_TEST_EXISTS));
  g_assert_true(lus_label_write(label, percent, 40, 32, NULL));
  g_assert_true(lus_export(d, "layers", out, &n, NULL, NULL, NULL));
  g_assert_false(g_file_test(ignore, G_FILE_TEST_EXISTS));
  GError *error = NULL;
  int calls = 0;
  g_assert_false(lus_export(d, "cvat", out, &n, stop, &calls, &error));
  assert_error(error, LUS_ERROR_CANCELLED, "stopped");
  g_assert_cmpint(calls, ==, 1);
  g_assert_cmpint(n, ==, 0);
  target_clear(&target);
}

/** Exported and imported again, every label is the same. The label files themselves are masks. */
static void test_round_trip(Fixture *f, gconstpointer data)
{
  const char *format = data;
  char *clips[2] = {NULL};
  GError *error = NULL;
  LusImportTarget target = target_new(f, clips);
  g_autoptr(LusDataset) d = annas_data(f, &target);
  LusImportResult result;
  gboolean masks = g_str_equal(format, "masks");
  g_autofree char *out = g_build_filename(masks ? target.path : f->folder, masks ? "labels" : "out", NULL);
  int n = 0;
  g_assert_true(masks || lus_export(d, format, out, &n, NULL, NULL, &error));
  g_assert_no_error(error);
  g_assert_cmpint(n, ==, masks ? 0 : g_str_equal(format, "layers") ? 17 : 1); /* 15 labels, two with ignored pixels */
  g_autofree char *source = g_strdup_printf("%s/anna%s", out, g_str_equal(format, "coco")   ? ".json"
                                                              : g_str_equal(format, "cvat") ? ".xml"
                                                                                            : "");
  g_autoptr(LusRegions) again = lus_regions_new();
  LusImportConfig config = {.annotator = "anna"};
  g_assert_true(lus_import_read(again, format, source, &config, &error));
  g_assert_no_error(error);
  g_assert_true(lus_import_write(&result, again, &target, &error));
  g_assert_no_error(error);
  g_assert_cmpint(result.written, ==, 0);
  g_assert_cmpint(result.kept, ==, 15);
  g_assert_false(lus_export(d, "pdf", out, &n, NULL, NULL, &error));
  assert_error(error, LUS_ERROR_UNSUPPORTED, "'pdf' is not written");
  target_clear(&target);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(path, data, function) g_test_add(path, Fixture, data, set_up, function, tear_down)
  ADD("/import/cvat-xml", NULL, test_cvat_xml);
  ADD("/import/cvat-json", NULL, test_cvat_json);
  ADD("/import/cvat-absolute", NULL, test_cvat_absolute);
  ADD("/import/cvat-keys", NULL, test_cvat_keys);
  ADD("/import/labelme", NULL, test_labelme);
  ADD("/import/coco", NULL, test_coco);
  ADD("/import/slicer", NULL, test_slicer);
  ADD("/import/polygons", NULL, test_polygons);
  ADD("/import/pictures", NULL, test_pictures);
  ADD("/import/errors", NULL, test_errors);
  ADD("/import/excess", NULL, test_excess);
  ADD("/import/ignore-layers", NULL, test_ignore_layers);
  ADD("/import/cvat-labels", NULL, test_cvat_labels);
  ADD("/import/labelme-labels", NULL, test_labelme_labels);
  ADD("/import/left-out", NULL, test_left_out);
  ADD("/import/damaged-mask", NULL, test_damaged_mask);
  ADD("/import/write", NULL, test_write);
  ADD("/import/doubts", NULL, test_doubts);
  ADD("/import/write-errors", NULL, test_write_errors);
  ADD("/import/full-disk", NULL, test_full_disk);
  ADD("/import/folder", NULL, test_folder);
  ADD("/import/deal", NULL, test_deal);
  ADD("/export/again", NULL, test_export_again);
  ADD("/export/coco", "coco", test_round_trip);
  ADD("/export/cvat", "cvat", test_round_trip);
  ADD("/export/layers", "layers", test_round_trip);
  ADD("/export/masks", "masks", test_round_trip);
  return g_test_run();
}
