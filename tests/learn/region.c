/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/region.h"
#include "nn/error.h"

#define W 7
#define H 5

static void assert_plane(const guint8 *plane, const char *expected)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (int y = 0; y < H; y++) {
    for (int x = 0; x < W; x++)
      g_string_append_c(text, plane[y * W + x] ? '#' : '.');
    g_string_append_c(text, '\n');
  }
  g_assert_cmpstr(text->str, ==, expected);
}

static void test_polygon(void)
{
  guint8 plane[W * H] = {0};
  const LusPoint box[] = {{1, 1}, {4, 1}, {4, 3}, {1, 3}}; /* edges between pixels: half-open */
  g_assert_true(lus_polygon_fill(plane, W, H, box, NULL, 0, 4, 60));
  assert_plane(plane, ".......\n.###...\n.###...\n.......\n.......\n");
  g_assert_cmpint(plane[W + 1], ==, 60);
  const LusPoint higher[] = {{0, 0}, {2, 0}, {2, 2}, {0, 2}};
  g_assert_true(lus_polygon_fill(plane, W, H, higher, NULL, 0, 4, 30));
  g_assert_cmpint(plane[0], ==, 30);
  g_assert_cmpint(plane[W + 1], ==, 60); /* the highest counts */
}

/** A centre on the edge belongs to one of two neighbours. */
static void test_shared_edge(void)
{
  guint8 left[W * H] = {0}, right[W * H] = {0};
  const LusPoint a[] = {{0.5, 0}, {3.5, 0}, {3.5, 5}, {0.5, 5}}, b[] = {{3.5, 0}, {6.5, 0}, {6.5, 5}, {3.5, 5}};
  g_assert_true(lus_polygon_fill(left, W, H, a, NULL, 0, 4, 1));
  g_assert_true(lus_polygon_fill(right, W, H, b, NULL, 0, 4, 1));
  int both = 0, sum = 0;
  for (int i = 0; i < W * H; i++) {
    both += left[i] && right[i];
    sum += left[i] + right[i];
  }
  g_assert_cmpint(both, ==, 0);
  g_assert_cmpint(sum, ==, 6 * H);
}

static void test_hole(void)
{
  guint8 plane[W * H] = {0};
  const LusPoint rings[] = {{0, 0}, {7, 0}, {7, 5}, {0, 5}, {2, 1}, {5, 1}, {5, 4}, {2, 4}};
  const int sizes[] = {4, 4};
  g_assert_true(lus_polygon_fill(plane, W, H, rings, sizes, 2, 8, 100));
  assert_plane(plane, "#######\n##...##\n##...##\n##...##\n#######\n");
}

static void test_outside(void)
{
  guint8 plane[W * H] = {0};
  const LusPoint huge[] = {{-1e6, -1e6}, {1e6, -1e6}, {1e6, 1e6}, {-1e6, 1e6}}, away[] = {{50, 50}, {60, 50}, {60, 60}};
  g_assert_true(lus_polygon_fill(plane, W, H, away, NULL, 0, 3, 9));
  assert_plane(plane, ".......\n.......\n.......\n.......\n.......\n");
  g_assert_true(lus_polygon_fill(plane, W, H, huge, NULL, 0, 4, 9));
  assert_plane(plane, "#######\n#######\n#######\n#######\n#######\n");
}

static void test_line(void)
{
  guint8 plane[W * H] = {0};
  const LusPoint line[] = {{1.5, 2.5}, {4.5, 2.5}};
  lus_line_fill(plane, W, H, line, 2, 2, 50);
  assert_plane(plane, ".......\n.####..\n######.\n.####..\n.......\n");
}

static LusRegion polygon(int frame, int last)
{
  const LusPoint box[] = {{0, 0}, {2, 0}, {2, 1}, {0, 1}};
  return (LusRegion){.kind = LUS_REGION_POLYGON, .place = "a.json: x", .class_name = "c", .frame = frame, .last = last,
                     .percent = 70, .n_points = 4, .points = g_memdup2(box, sizeof box)};
}

static void test_movement(void)
{
  g_autoptr(LusRegions) regions = lus_regions_new();
  LusRegion r = polygon(10, 13);
  const LusPoint to[] = {{4, 4}, {6, 4}, {6, 5}, {4, 5}}; /* on frame 14 */
  r.towards = g_memdup2(to, sizeof to);
  g_assert_true(lus_regions_add(regions, &r, NULL));
  guint8 plane[W * H] = {0};
  g_assert_true(lus_region_draw(&g_array_index(regions->list, LusRegion, 0), plane, W, H, 12, NULL));
  assert_plane(plane, ".......\n.......\n..##...\n.......\n.......\n");
}

static void test_runs(void)
{
  g_autoptr(LusRegions) regions = lus_regions_new();
  const guint32 runs[] = {1, 2, 3}; /* of 3 x 2 pixels, down the columns */
  LusRegion r = {.kind = LUS_REGION_RUNS, .place = "a", .class_name = "c", .percent = 1, .columns = TRUE, .left = 1,
                 .top = 2, .box_width = 3, .box_height = 2, .n_runs = 3, .runs = g_memdup2(runs, sizeof runs)};
  g_assert_true(lus_regions_add(regions, &r, NULL));
  guint8 plane[W * H] = {0};
  g_assert_true(lus_region_draw(&g_array_index(regions->list, LusRegion, 0), plane, W, H, 0, NULL));
  assert_plane(plane, ".......\n.......\n..#....\n.#.....\n.......\n");
}

/** A box far larger than the plane: only what lies on it is looked at, along the rows and down the columns. */
static void test_large_runs(void)
{
  for (int columns = 0; columns < 2; columns++) {
    g_autoptr(LusRegions) regions = lus_regions_new();
    const guint32 side = 8192, runs[] = {side * 4003 + 4000, 3, side * 997 - 4003, side * 3192};
    LusRegion r = {.kind = LUS_REGION_RUNS, .place = "a", .class_name = "c", .percent = 1, .columns = columns, .left = -4000,
                   .top = -4000, .box_width = (int)side, .box_height = (int)side, .n_runs = 4,
                   .runs = g_memdup2(runs, sizeof runs)};
    g_assert_true(lus_regions_add(regions, &r, NULL));
    guint8 plane[W * H] = {0};
    gint64 start = g_get_monotonic_time();
    for (int i = 0; i < 100; i++)
      g_assert_true(lus_region_draw(&g_array_index(regions->list, LusRegion, 0), plane, W, H, 0, NULL));
    g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC); /* pixel by pixel: 20 s and more */
    assert_plane(plane, columns ? "...#...\n...#...\n...#...\n.......\n.......\n"
                                : ".......\n.......\n.......\n###....\n.......\n");
  }
}

static void test_limits(void)
{
  g_autoptr(LusRegions) regions = lus_regions_new();
  GError *error = NULL;
  LusRegion r = polygon(-1, 0);
  g_assert_false(lus_regions_add(regions, &r, &error));
  assert_error(error, LUS_ERROR_INVALID, "a.json: x: frames -1 to 0");
  r = polygon(0, 0);
  r.points[1].x = NAN;
  g_assert_false(lus_regions_add(regions, &r, &error));
  assert_error(error, LUS_ERROR_INVALID, "point 1 lies at nan");
  r = polygon(0, 0);
  r.n_points = 2;
  g_assert_false(lus_regions_add(regions, &r, &error));
  assert_error(error, LUS_ERROR_INVALID, "a polygon of 2 points");
  r = polygon(0, 0);
  r.percent = 101;
  g_assert_false(lus_regions_add(regions, &r, &error));
  assert_error(error, LUS_ERROR_INVALID, "confidence 101");
  r = (LusRegion){.kind = LUS_REGION_RUNS, .place = "a", .box_width = 9000, .box_height = 1};
  g_assert_false(lus_regions_add(regions, &r, &error));
  assert_error(error, LUS_ERROR_LIMIT, "mask of 9000 x 1");
  r = (LusRegion){.kind = LUS_REGION_RUNS, .place = "a", .box_width = 2, .box_height = 1};
  g_assert_false(lus_regions_add(regions, &r, &error));
  assert_error(error, LUS_ERROR_INVALID, "add up to 0 pixels");
}

static void test_names(void)
{
  const struct {
    const char *name, *clip;
    int frame;
    const char *rest;
  } cases[] = {
    {"P1_d1_R2_frame000012.pleural_line.png", "P1_d1_R2", 12, "pleural_line"},
    {"labels/P1_d1_R2/frame000003.a2_line.png", "P1_d1_R2", 3, "a2_line"},
    {"frame002_mask.png", "", 2, "mask"},
    {"/x/clip A/frame_7.PNG", "clip A", 7, ""},
    {"clip 3/00044.json", "clip 3", 44, ""},
    {"P1_R1_0007.jpg", "P1_R1", 7, ""},
    {"frame000001.b.ignore.png", "", 1, "b.ignore"},
    {"P1_frame000003.frame_line.png", "P1", 3, "frame_line"},
    {"frame_a_frame_4.frame2.png", "frame_a", 4, "frame2"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *clip = NULL, *rest = NULL;
    int frame = -1;
    g_assert_true(lus_picture_name_parse(cases[i].name, &clip, &frame, &rest));
    g_assert_cmpstr(clip, ==, cases[i].clip);
    g_assert_cmpint(frame, ==, cases[i].frame);
    g_assert_cmpstr(rest, ==, cases[i].rest);
  }
  g_autofree char *clip = NULL, *rest = NULL;
  int frame;
  g_assert_false(lus_picture_name_parse("clip.png", &clip, &frame, &rest));
  g_assert_false(lus_picture_name_parse("frame.png", &clip, &frame, &rest));
  g_assert_false(lus_picture_name_parse("frame12345678901.png", &clip, &frame, &rest));
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/region/polygon", test_polygon);
  g_test_add_func("/region/shared-edge", test_shared_edge);
  g_test_add_func("/region/hole", test_hole);
  g_test_add_func("/region/outside", test_outside);
  g_test_add_func("/region/line", test_line);
  g_test_add_func("/region/movement", test_movement);
  g_test_add_func("/region/runs", test_runs);
  g_test_add_func("/region/large-runs", test_large_runs);
  g_test_add_func("/region/limits", test_limits);
  g_test_add_func("/region/names", test_names);
  return g_test_run();
}
