/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/features.h"
#include "nn/error.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

enum { PLEURA, FASCIA, VERTICAL };

/** A drawn result: planes to paint on, of a model with the given classes. */
typedef struct {
  LusSegmentation segmentation;
  LusMask mask;
} Drawing;

/** A model is needed for its class names only. */
static LusModel *make_model(const char *const *classes, int n)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp("lus-features-XXXXXX", &error);
  g_assert_no_error(error);
  g_autofree char *path = g_build_filename(folder, "model.onnx", NULL);
  g_autoptr(LusGraph) graph = lus_graph_new();
  int input = lus_graph_add_input(graph, "luma");
  int weight = lus_graph_add_constant(graph, "weight", lus_tensor_new(4, (int[]){n, 1, 1, 1}, &error));
  LusOpAttrs attrs = lus_op_attrs_default();
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_CONV, "head", 2, (int[]){input, weight}, &attrs));
  LusModelInfo info;
  lus_model_info_init(&info);
  for (int i = 0; i < LUS_MAX_CLASSES; i++)
    g_clear_pointer(&info.classes[i], g_free);
  for (int i = 0; i < n; i++)
    info.classes[i] = g_strdup(classes[i]);
  info.n_classes = n;
  info.width = info.height = 32;
  info.channels = 1;
  lus_model_save(graph, &info, path, &error);
  g_assert_no_error(error);
  LusModel *model = lus_model_load(path, &error);
  g_assert_no_error(error);
  lus_model_info_clear(&info);
  g_remove(path);
  g_rmdir(folder);
  return model;
}

static void drawing_init(Drawing *d, LusModel *model, int width, int height)
{
  gsize pixels = (gsize)width * (gsize)height;
  int n = lus_model_info(model)->n_classes;
  memset(d, 0, sizeof(*d));
  d->segmentation = (LusSegmentation){.model = model, .n_classes = n, .frame_width = width, .frame_height = height,
                                      .rect = {0, 0, width, height}, .width = width, .height = height, .pts_ns = -1};
  d->segmentation.confidence = g_malloc0(pixels * (gsize)n);
  d->segmentation.sector = g_malloc0(pixels);
  d->mask = (LusMask){.n_classes = n, .width = width, .height = height};
  d->mask.planes = g_malloc0(pixels * (gsize)n);
}

static void drawing_clear(Drawing *d)
{
  g_free(d->segmentation.confidence);
  g_free(d->segmentation.sector);
  g_free(d->mask.planes);
}

/** Columns x0..x1 and rows y0..y1, both included. */
static void paint(guint8 *plane, const Drawing *d, int x0, int x1, int y0, int y1, guint8 value)
{
  for (int y = y0; y <= y1; y++)
    for (int x = x0; x <= x1; x++)
      plane[y * d->segmentation.width + x] = value;
}

static guint8 *plane_of(guint8 *planes, const Drawing *d, int index)
{
  return planes + (gsize)index * (gsize)d->segmentation.width * (gsize)d->segmentation.height;
}

static void draw(Drawing *d, int index, int x0, int x1, int y0, int y1)
{
  paint(plane_of(d->mask.planes, d, index), d, x0, x1, y0, y1, 255);
}

static void measure(double *out, const Drawing *d)
{
  g_autoptr(LusFeatureMeter) meter = lus_feature_meter_new();
  g_assert_true(lus_feature_meter_run(meter, out, &d->segmentation, &d->mask, NULL));
}

static void assert_near(double value, double expected)
{
  g_assert_cmpfloat_with_epsilon(value, expected, 1e-9);
}

/** Nothing that needs a pleural line is known; @all: nor anything else. */
static void assert_unknown(const double *out, gboolean all)
{
  for (int i = 0; i < LUS_FEATURE_N; i++)
    if (all || lus_feature_info(i)->needs_pleura)
      g_assert_true(isnan(out[i]));
}

static LusModel *standard_model;

/** 61 x 47, sector 50 columns x 40 rows from (5, 4). */
static void drawing_standard(Drawing *d)
{
  drawing_init(d, standard_model, 61, 47);
  paint(d->segmentation.sector, d, 5, 54, 4, 43, 255);
}

static void test_table(void)
{
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    const LusFeatureInfo *info = lus_feature_info(i);
    g_assert_cmpint(lus_feature_from_name(info->name), ==, i);
    g_assert_true(g_str_equal(info->unit, "%") || g_str_equal(info->unit, "count") || g_str_equal(info->unit, "mm"));
    g_assert_cmpint(abs(info->water), <=, 1);
    g_assert_nonnull(info->source);
    g_assert_cmpfloat(info->low, <, info->high);
    g_assert_true(g_str_has_suffix(info->definition, "."));
  }
  g_assert_cmpstr(lus_feature_info(LUS_FEATURE_VERTICAL_PERCENT)->name, ==, "vertical_percent");
  g_assert_cmpint(lus_feature_from_name("vertical"), ==, -1);
  g_assert_null(lus_feature_info(LUS_FEATURE_N));
}

static void test_drawn(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_standard(&d);
  draw(&d, PLEURA, 10, 29, 12, 13); /* 20 + 15 columns, 2 rows thick, 8 rows below the top */
  draw(&d, PLEURA, 35, 49, 12, 13);
  paint(plane_of(d.segmentation.confidence, &d, PLEURA), &d, 0, 60, 12, 13, 204);
  draw(&d, FASCIA, 10, 24, 6, 7);   /* counts: 30 pixels of 35 x 8 */
  draw(&d, FASCIA, 5, 9, 6, 7);     /* no pleural line below it */
  draw(&d, FASCIA, 10, 24, 20, 21); /* below the pleural line */
  draw(&d, VERTICAL, 12, 15, 14, 43);
  draw(&d, VERTICAL, 20, 20, 14, 23); /* a third of the depth */
  draw(&d, VERTICAL, 25, 25, 14, 18); /* a sixth: too short */
  draw(&d, VERTICAL, 31, 33, 14, 43); /* under the gap */
  draw(&d, VERTICAL, 51, 53, 14, 43); /* beside the pleural line */
  draw(&d, VERTICAL, 36, 41, 20, 43);
  draw(&d, VERTICAL, 45, 49, 5, 11);  /* above */
  paint(plane_of(d.segmentation.confidence, &d, VERTICAL), &d, 0, 60, 14, 46, 51);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_COVERAGE], 70);
  assert_near(out[LUS_FEATURE_PLEURA_DEPTH], 20);
  assert_near(out[LUS_FEATURE_PLEURA_THICKNESS], 5);
  assert_near(out[LUS_FEATURE_PLEURA_CONFIDENCE], 80);
  assert_near(out[LUS_FEATURE_PLEURA_BREAKS], 1);
  assert_near(out[LUS_FEATURE_FASCIA_AREA], 100 * 30 / 280.0);
  assert_near(out[LUS_FEATURE_VERTICAL_COUNT], 3);
  assert_near(out[LUS_FEATURE_VERTICAL_PERCENT], 100 * 11 / 35.0);
  assert_near(out[LUS_FEATURE_VERTICAL_WIDEST], 100 * 6 / 35.0);
  assert_near(out[LUS_FEATURE_VERTICAL_AREA], 100 * 279 / 1050.0);
  assert_near(out[LUS_FEATURE_VERTICAL_CONFIDENCE], 20);
  drawing_clear(&d);
}

/** Six lines of two columns with three between: counts are exact, and each pixel of width counts. */
static void test_counts(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_standard(&d);
  draw(&d, PLEURA, 5, 54, 10, 10);
  for (int i = 0; i < 6; i++)
    draw(&d, VERTICAL, 7 + 5 * i, 8 + 5 * i, 11, 43);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_VERTICAL_COUNT], 6);
  assert_near(out[LUS_FEATURE_VERTICAL_PERCENT], 24);
  assert_near(out[LUS_FEATURE_VERTICAL_WIDEST], 4);
  assert_near(out[LUS_FEATURE_PLEURA_BREAKS], 0);
  draw(&d, VERTICAL, 9, 9, 11, 43); /* one column more */
  measure(out, &d);
  assert_near(out[LUS_FEATURE_VERTICAL_COUNT], 6);
  assert_near(out[LUS_FEATURE_VERTICAL_PERCENT], 26);
  assert_near(out[LUS_FEATURE_VERTICAL_WIDEST], 6);
  draw(&d, VERTICAL, 10, 11, 11, 43); /* joins two lines */
  measure(out, &d);
  assert_near(out[LUS_FEATURE_VERTICAL_COUNT], 5);
  drawing_clear(&d);
}

static void test_no_vertical(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_standard(&d);
  draw(&d, PLEURA, 5, 54, 10, 10);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_VERTICAL_COUNT], 0);
  assert_near(out[LUS_FEATURE_VERTICAL_PERCENT], 0);
  assert_near(out[LUS_FEATURE_VERTICAL_WIDEST], 0);
  assert_near(out[LUS_FEATURE_FASCIA_AREA], 0);
  drawing_clear(&d);
}

/** The fill that makes a column a line: 20 % of 30 rows is 6. */
static void test_min_fill(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_standard(&d);
  draw(&d, PLEURA, 5, 54, 13, 13);
  draw(&d, VERTICAL, 20, 20, 30, 34);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_VERTICAL_COUNT], 0);
  draw(&d, VERTICAL, 20, 20, 35, 35);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_VERTICAL_COUNT], 1);
  drawing_clear(&d);
}

/** In 301 columns gaps of two are noise, gaps of three are breaks. */
static void test_gaps(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_init(&d, standard_model, 301, 33);
  paint(d.segmentation.sector, &d, 0, 300, 0, 32, 255);
  draw(&d, PLEURA, 10, 99, 8, 9);
  draw(&d, PLEURA, 102, 149, 8, 9);
  draw(&d, PLEURA, 153, 290, 8, 9);
  draw(&d, VERTICAL, 20, 30, 10, 32);
  draw(&d, VERTICAL, 33, 40, 10, 32);
  draw(&d, VERTICAL, 44, 50, 10, 32);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_BREAKS], 1);
  assert_near(out[LUS_FEATURE_PLEURA_COVERAGE], 100 * 276 / 301.0);
  assert_near(out[LUS_FEATURE_VERTICAL_COUNT], 2);
  assert_near(out[LUS_FEATURE_VERTICAL_WIDEST], 100 * 19 / 276.0);
  drawing_clear(&d);
}

/** Skin line, thick block and a run at the sector's bottom are no pleural line; of two runs the upper one is. */
static void test_plausible(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_standard(&d);
  draw(&d, PLEURA, 5, 54, 4, 4);   /* at the top */
  draw(&d, PLEURA, 5, 54, 6, 14);  /* 9 of 40 rows */
  draw(&d, PLEURA, 5, 54, 39, 40); /* 3 rows below are 7.5 % */
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_COVERAGE], 0);
  assert_unknown(out, FALSE);
  draw(&d, PLEURA, 5, 54, 20, 22);
  draw(&d, PLEURA, 5, 54, 30, 30);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_COVERAGE], 100);
  assert_near(out[LUS_FEATURE_PLEURA_DEPTH], 40);
  assert_near(out[LUS_FEATURE_PLEURA_THICKNESS], 7.5);
  drawing_clear(&d);
}

/** One of 50 columns is a speck, two are a line; a median of an even number lies between. */
static void test_detection_and_median(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_standard(&d);
  draw(&d, PLEURA, 20, 20, 12, 12);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_COVERAGE], 2);
  assert_unknown(out, FALSE);
  draw(&d, PLEURA, 21, 21, 12, 12);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_DEPTH], 20);
  draw(&d, PLEURA, 22, 22, 16, 18);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_COVERAGE], 6);
  assert_near(out[LUS_FEATURE_PLEURA_DEPTH], 20);
  assert_near(out[LUS_FEATURE_PLEURA_THICKNESS], 2.5);
  draw(&d, PLEURA, 23, 23, 18, 20);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_DEPTH], 100 * 10 / 40.0);
  assert_near(out[LUS_FEATURE_PLEURA_THICKNESS], 100 * 2 / 40.0);
  drawing_clear(&d);
}

/** Columns of different heights, as in a fan: depth counts from the sector's top, areas from each column's own rows. */
static void test_fan(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_init(&d, standard_model, 7, 41);
  paint(d.segmentation.sector, &d, 2, 4, 0, 39, 255);
  paint(d.segmentation.sector, &d, 1, 1, 10, 29, 255);
  paint(d.segmentation.sector, &d, 5, 5, 10, 29, 255);
  draw(&d, PLEURA, 1, 5, 12, 13);
  draw(&d, FASCIA, 1, 1, 10, 11);
  draw(&d, VERTICAL, 5, 5, 14, 29);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_COVERAGE], 100);
  assert_near(out[LUS_FEATURE_PLEURA_DEPTH], 30);
  assert_near(out[LUS_FEATURE_FASCIA_AREA], 100 * 2 / 40.0);
  assert_near(out[LUS_FEATURE_VERTICAL_AREA], 100 * 16 / 110.0);
  assert_near(out[LUS_FEATURE_VERTICAL_PERCENT], 20);
  drawing_clear(&d);
}

/** A drawn fan: apex at (100.5, -40), sides at 30 degrees, 160 rows; structures by angle and row. */
typedef struct {
  double from, to; /* tangent */
  int first, last; /* rows */
} Wedge;

static void draw_wedge(guint8 *plane, const Drawing *d, Wedge w, guint8 value)
{
  for (int y = w.first; y <= w.last; y++)
    for (int x = 0; x < d->segmentation.width; x++) {
      double tangent = (x + 0.5 - 100.5) / (y + 0.5 + 40);
      if (tangent >= w.from && tangent < w.to)
        plane[y * d->segmentation.width + x] = value;
    }
}

/** Slanting lines are counted where they begin; percentages are of angle, and right to one beam. */
static void test_fan_beams(void)
{
  static const Wedge lines[] = {{-0.5, -0.45, 40, 159}, {-0.2, -0.1, 40, 159}, {0.3, 0.5, 40, 159}};
  const double side = tan(G_PI / 6), beam = 2 * side / 232;
  Drawing d;
  double out[LUS_FEATURE_N], wide = 0, whole = 2 * atan(0.55);
  drawing_init(&d, standard_model, 232, 160);
  d.segmentation.mm_per_pixel = 0.5;
  draw_wedge(d.segmentation.sector, &d, (Wedge){-side, side, 0, 159}, 255);
  draw_wedge(plane_of(d.mask.planes, &d, PLEURA), &d, (Wedge){-0.55, 0.55, 32, 39}, 255);
  for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
    draw_wedge(plane_of(d.mask.planes, &d, VERTICAL), &d, lines[i], 255);
    wide += atan(lines[i].to) - atan(lines[i].from);
  }
  measure(out, &d);
  g_assert_cmpfloat(out[LUS_FEATURE_VERTICAL_COUNT], ==, 3);
  g_assert_cmpfloat_with_epsilon(out[LUS_FEATURE_VERTICAL_PERCENT], 100 * wide / whole, 3 * 100 * beam / whole);
  g_assert_cmpfloat_with_epsilon(out[LUS_FEATURE_VERTICAL_WIDEST], 100 * (atan(0.5) - atan(0.3)) / whole,
                                 100 * beam / whole);
  g_assert_cmpfloat_with_epsilon(out[LUS_FEATURE_PLEURA_COVERAGE], 100 * whole / (G_PI / 3), 3 * 100 * beam);
  g_assert_cmpfloat(out[LUS_FEATURE_PLEURA_BREAKS], ==, 0);
  /* Median depth along the beams: 32 rows over the cosine, in the middle half of the tangents about 1.04. */
  g_assert_cmpfloat_with_epsilon(out[LUS_FEATURE_PLEURA_DEPTH_MM], 16 * 1.04, 0.7);
  drawing_clear(&d);
}

/** Bands above the pleural line: how many, how deep, how thick; and in mm. */
static void test_fascia(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_standard(&d);
  d.segmentation.mm_per_pixel = 0.5;
  draw(&d, PLEURA, 5, 54, 24, 25);
  draw(&d, FASCIA, 5, 54, 8, 9);
  draw(&d, FASCIA, 5, 54, 14, 17);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_FASCIA_COUNT], 2);
  assert_near(out[LUS_FEATURE_FASCIA_DEPTH], 10);
  assert_near(out[LUS_FEATURE_FASCIA_DEPTH_MM], 2);
  assert_near(out[LUS_FEATURE_FASCIA_THICKNESS_MM], 1.5);
  assert_near(out[LUS_FEATURE_PLEURA_DEPTH_MM], 10);
  assert_near(out[LUS_FEATURE_PLEURA_THICKNESS_MM], 1);
  drawing_clear(&d);
}

/** One dent of four rows in a straight line. */
static void test_edge(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_standard(&d);
  draw(&d, PLEURA, 5, 54, 14, 15);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_ROUGHNESS], 0);
  assert_near(out[LUS_FEATURE_PLEURA_INDENTATIONS], 0);
  assert_near(out[LUS_FEATURE_PLEURA_CONTINUITY], 100);
  paint(plane_of(d.mask.planes, &d, PLEURA), &d, 30, 30, 14, 15, 0);
  draw(&d, PLEURA, 30, 30, 18, 19);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_INDENTATIONS], 1);
  g_assert_cmpfloat(out[LUS_FEATURE_PLEURA_ROUGHNESS], >, 1);
  drawing_clear(&d);
}

/** Half of a confident line's beams: mean, peak, spread. The sector's lower half: 20 rows. */
static void test_confidences(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_standard(&d);
  draw(&d, PLEURA, 5, 54, 13, 13);
  paint(plane_of(d.segmentation.confidence, &d, PLEURA), &d, 5, 29, 13, 13, 204);
  paint(plane_of(d.segmentation.confidence, &d, VERTICAL), &d, 5, 14, 14, 43, 102);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_VISIBILITY], 40);
  assert_near(out[LUS_FEATURE_VERTICAL_CONFIDENCE], 8);
  assert_near(out[LUS_FEATURE_VERTICAL_SPREAD], 20);
  assert_near(out[LUS_FEATURE_VERTICAL_PEAK], 40);
  assert_near(out[LUS_FEATURE_VERTICAL_DEEP], 8);
  assert_near(out[LUS_FEATURE_VERTICAL_OVERALL], 8);
  assert_near(out[LUS_FEATURE_VERTICAL_OVERALL_PEAK], 40);
  assert_near(out[LUS_FEATURE_VERTICAL_VISIBILITY], 8);
  drawing_clear(&d);
}

static void test_no_sector(void)
{
  Drawing d;
  double out[LUS_FEATURE_N];
  drawing_init(&d, standard_model, 17, 19);
  draw(&d, PLEURA, 0, 16, 5, 6);
  measure(out, &d);
  assert_unknown(out, TRUE);
  drawing_clear(&d);
}

/** Other models: classes in another order, or missing. */
static void test_classes(void)
{
  static const char *const turned[] = {"vertical_line", "a_line", "pleural_line"};
  static const char *const no_pleura[] = {"fascia_band", "vertical_line"};
  Drawing d;
  double out[LUS_FEATURE_N];
  g_autoptr(LusModel) model = make_model(turned, 3);
  drawing_init(&d, model, 20, 20);
  paint(d.segmentation.sector, &d, 0, 19, 0, 19, 255);
  draw(&d, 2, 0, 19, 5, 5);
  draw(&d, 0, 3, 4, 6, 19);
  measure(out, &d);
  assert_near(out[LUS_FEATURE_PLEURA_DEPTH], 25);
  assert_near(out[LUS_FEATURE_VERTICAL_PERCENT], 10);
  g_assert_true(isnan(out[LUS_FEATURE_FASCIA_AREA]));
  drawing_clear(&d);
  g_autoptr(LusModel) other = make_model(no_pleura, 2);
  drawing_init(&d, other, 20, 20);
  paint(d.segmentation.sector, &d, 0, 19, 0, 19, 255);
  draw(&d, 0, 0, 19, 5, 5);
  measure(out, &d);
  assert_unknown(out, FALSE);
  drawing_clear(&d);
}

int main(int argc, char **argv)
{
  static const char *const classes[] = {"pleural_line", "fascia_band", "vertical_line"};
  g_test_init(&argc, &argv, NULL);
  standard_model = make_model(classes, 3);
  g_test_add_func("/features/table", test_table);
  g_test_add_func("/features/drawn", test_drawn);
  g_test_add_func("/features/counts", test_counts);
  g_test_add_func("/features/no-vertical", test_no_vertical);
  g_test_add_func("/features/min-fill", test_min_fill);
  g_test_add_func("/features/gaps", test_gaps);
  g_test_add_func("/features/plausible", test_plausible);
  g_test_add_func("/features/detection-and-median", test_detection_and_median);
  g_test_add_func("/features/fan", test_fan);
  g_test_add_func("/features/fan-beams", test_fan_beams);
  g_test_add_func("/features/fascia", test_fascia);
  g_test_add_func("/features/edge", test_edge);
  g_test_add_func("/features/confidences", test_confidences);
  g_test_add_func("/features/no-sector", test_no_sector);
  g_test_add_func("/features/classes", test_classes);
  int result = g_test_run();
  lus_model_unref(standard_model);
  return result;
}
