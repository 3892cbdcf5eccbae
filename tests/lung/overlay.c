/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/overlay.h"

#include "overlay-scene.h"

/* Frames with a flat sector and boxes for masks, whose edges lie exactly between two pixels: the confidence is 255
 * inside and 50 outside, and half way is the threshold 153 - 0.5. */

/* --- masks --- */

static void test_contour(void)
{
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  frame_open(&frame, LUS_FORMAT_Y444, 640, 480);
  frame_fill(&frame, sector, 90);
  result_open(&result, 640, 480, sector);
  result_box(&result, 0, box, 255);
  LusOverlayState state = live(&result);
  draw(&frame, &config, &state);
  /* 1.5 px wide behind a gap of one: distances 0.5, 1.5, 2.5 of the rows above the box are covered 0, 1 and 0.5. */
  g_assert_cmpint(byte_at(&frame, 0, 320, 200), ==, 90);
  g_assert_cmpint(byte_at(&frame, 0, 320, 199), ==, 90);
  g_assert_cmpint(byte_at(&frame, 0, 320, 198), ==, 182);
  g_assert_cmpint(byte_at(&frame, 1, 320, 198), ==, 56);
  g_assert_cmpint(byte_at(&frame, 2, 320, 198), ==, 163);
  g_assert_cmpint(byte_at(&frame, 0, 320, 197), ==, 136);
  g_assert_cmpint(byte_at(&frame, 0, 320, 196), ==, 90);
  g_assert_cmpint(byte_at(&frame, 0, 258, 220), ==, 182);
  g_assert_cmpint(byte_at(&frame, 0, 381, 220), ==, 182);
  for (int y = box.y; y < box.y + box.height; y++)
    for (int x = box.x; x < box.x + box.width; x++)
      for (int p = 0; p < 3; p++)
        g_assert_cmpint(byte_at(&frame, p, x, y), ==, was_at(&frame, p, x, y)); /* the structure stays bare */
  result_close(&result);
  frame_close(&frame);
}

/* At the sector's border a contour stops, also where the planes go on. */
static void test_contour_clipped(void)
{
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  const LusRect wide = {sector.x - 20, sector.y, sector.width + 20, sector.height};
  frame_open(&frame, LUS_FORMAT_Y444, 640, 480);
  frame_fill(&frame, sector, 90);
  result_open(&result, 640, 480, wide);
  for (int y = 0; y < wide.height; y++)
    memset(result.segmentation.sector + (gsize)y * (gsize)wide.width, 0, 20);
  result_box(&result, 0, (LusRect){200, 200, 60, 40}, 255);
  LusOverlayState state = live(&result);
  draw(&frame, &config, &state);
  g_assert_cmpint(byte_at(&frame, 0, 230, 198), ==, 182);
  g_assert_cmpint(byte_at(&frame, 0, 201, 198), ==, 182);
  g_assert_cmpint(byte_at(&frame, 0, 200, 198), ==, 90); /* one sample of the plane beside the sector's border */
  for (int y = 150; y < 300; y++)
    for (int x = 180; x < 200; x++)
      g_assert_cmpint(byte_at(&frame, 0, x, y), ==, was_at(&frame, 0, x, y));
  result_close(&result);
  frame_close(&frame);
}

static void test_fill(void)
{
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  config.style = LUS_OVERLAY_FILL;
  frame_open(&frame, LUS_FORMAT_I420, 640, 480);
  for (int dark = 0; dark < 2; dark++) {
    frame_fill(&frame, sector, dark ? 57 : 126); /* full range 48 and 128: half and whole weight */
    result_open(&result, 640, 480, sector);
    result_box(&result, 0, box, 255);
    LusOverlayState state = live(&result);
    draw(&frame, &config, &state);
    /* Strength 0.5 at full confidence: Cb 128 + (56 - 128) / 2, Cr 128 + (163 - 128) / 2. */
    g_assert_cmpint(byte_at(&frame, 1, 160, 110), ==, dark ? 110 : 92);
    g_assert_cmpint(byte_at(&frame, 2, 160, 110), ==, dark ? 137 : 146);
    for (int y = box.y; y < box.y + box.height; y++)
      for (int x = box.x; x < box.x + box.width; x++)
        g_assert_cmpint(byte_at(&frame, 0, x, y), ==, was_at(&frame, 0, x, y)); /* luma is bit-identical */
    result_close(&result);
  }
  frame_close(&frame);
}

/* Cb and Cr of the pixel (320, 220) in every layout: plane, byte, row. */
static void test_fill_chroma(void)
{
  static const struct { LusFormat format; int cb[3], cr[3]; } places[] = {
    {LUS_FORMAT_I420, {1, 160, 110}, {2, 160, 110}}, {LUS_FORMAT_YV12, {2, 160, 110}, {1, 160, 110}},
    {LUS_FORMAT_NV12, {1, 320, 110}, {1, 321, 110}}, {LUS_FORMAT_NV21, {1, 321, 110}, {1, 320, 110}},
    {LUS_FORMAT_Y42B, {1, 160, 220}, {2, 160, 220}}, {LUS_FORMAT_Y444, {1, 320, 220}, {2, 320, 220}},
    {LUS_FORMAT_YUY2, {0, 641, 220}, {0, 643, 220}}, {LUS_FORMAT_YVYU, {0, 643, 220}, {0, 641, 220}},
    {LUS_FORMAT_UYVY, {0, 640, 220}, {0, 642, 220}}, {LUS_FORMAT_VYUY, {0, 642, 220}, {0, 640, 220}},
  };
  Result result;
  LusOverlayConfig config = bare_config();
  config.style = LUS_OVERLAY_FILL;
  result_open(&result, 640, 480, sector);
  result_box(&result, 0, box, 255);
  LusOverlayState state = live(&result);
  for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
    Frame frame;
    frame_open(&frame, places[i].format, 640, 480);
    frame_fill(&frame, sector, 126);
    draw(&frame, &config, &state);
    g_assert_cmpint(byte_at(&frame, places[i].cb[0], places[i].cb[1], places[i].cb[2]), ==, 92);
    g_assert_cmpint(byte_at(&frame, places[i].cr[0], places[i].cr[1], places[i].cr[2]), ==, 146);
    frame_close(&frame);
  }
  result_close(&result);
}

/* RGB: amber tints 128 grey to 128 + (class - its luma 193) / 2, full strength above 96. */
static void test_fill_rgb(void)
{
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  config.style = LUS_OVERLAY_FILL;
  frame_open(&frame, LUS_FORMAT_BGRX, 640, 480);
  frame_fill(&frame, sector, 128);
  result_open(&result, 640, 480, sector);
  result_box(&result, 0, box, 255);
  LusOverlayState state = live(&result);
  draw(&frame, &config, &state);
  const int amber[] = {40, 190, 255}; /* B, G, R; premultiplied pixels round */
  for (int i = 0; i < 3; i++)
    g_assert_cmpint(ABS(byte_at(&frame, 0, 4 * 320 + i, 220) - (128 + (amber[i] - 193) / 2)), <=, 1);
  g_assert_cmpint(byte_at(&frame, 0, 4 * 320 + 3, 220), ==, 128);
  result_close(&result);
  frame_close(&frame);
}

static void test_gray(void)
{
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  config.style = LUS_OVERLAY_FILL; /* no chroma: contour */
  frame_open(&frame, LUS_FORMAT_GRAY8, 640, 480);
  frame_fill(&frame, sector, 90);
  result_open(&result, 640, 480, sector);
  result_box(&result, 0, box, 255);
  result_box(&result, 2, (LusRect){300, 300, 20, 60}, 255);
  LusOverlayState state = live(&result);
  draw(&frame, &config, &state);
  g_assert_cmpint(byte_at(&frame, 0, 320, 198), ==, 235);
  g_assert_cmpint(byte_at(&frame, 0, 320, 220), ==, 90);
  g_assert_cmpint(byte_at(&frame, 0, 298, 330), ==, 185); /* 190 at 0.95 over 90 */
  result_close(&result);
  frame_close(&frame);
}

static int changed_in(const Frame *frame, LusRect rect)
{
  int n = 0;
  for (int y = rect.y; y < rect.y + rect.height; y++)
    for (int x = rect.x; x < rect.x + rect.width; x++)
      n += byte_at(frame, 0, x, y) != was_at(frame, 0, x, y);
  return n;
}

static void test_stale(void)
{
  static const struct { LusStatus status; gint64 age; LusStalePolicy policy; gboolean drawn, whole; } cases[] = {
    {LUS_STATUS_LIVE, 300 * MS, LUS_STALE_DIM, TRUE, TRUE},
    {LUS_STATUS_LIVE, 301 * MS, LUS_STALE_DIM, TRUE, FALSE},
    {LUS_STATUS_STALE, 900 * MS, LUS_STALE_DIM, TRUE, FALSE},
    {LUS_STATUS_STALE, 901 * MS, LUS_STALE_DIM, FALSE, FALSE},
    {LUS_STATUS_SLOW, 301 * MS, LUS_STALE_HIDE, FALSE, FALSE},
    {LUS_STATUS_SLOW, -1, LUS_STALE_HIDE, TRUE, TRUE},
    {LUS_STATUS_STARTING, 0, LUS_STALE_DIM, FALSE, FALSE},
    {LUS_STATUS_FROZEN, 0, LUS_STALE_DIM, FALSE, FALSE},
    {LUS_STATUS_NO_CONTACT, 0, LUS_STALE_DIM, FALSE, FALSE},
  };
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  frame_open(&frame, LUS_FORMAT_I420, 640, 480);
  result_open(&result, 640, 480, sector);
  result_box(&result, 0, box, 255);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    LusOverlayState state = live(&result);
    state.status = cases[i].status;
    state.mask_age_ns = cases[i].age;
    config.stale_policy = cases[i].policy;
    frame_fill(&frame, sector, 90);
    draw(&frame, &config, &state);
    int n = changed_in(&frame, (LusRect){280, 198, 80, 1}), marks = changed_in(&frame, (LusRect){190, 30, 10, 10});
    g_assert_cmpint(marks > 0, ==, cases[i].drawn); /* "this is analysed" */
    if (cases[i].whole)
      g_assert_cmpint(n, ==, 80);
    else if (cases[i].drawn)
      g_assert_true(n > 30 && n < 50); /* broken: as much on as off */
    else
      g_assert_cmpint(n, ==, 0);
  }
  result_close(&result);
  frame_close(&frame);
}

static void test_selected_classes(void)
{
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  config.class_mask = 4;
  frame_open(&frame, LUS_FORMAT_I420, 640, 480);
  frame_fill(&frame, sector, 90);
  result_open(&result, 640, 480, sector);
  result_box(&result, 0, box, 255);
  result_box(&result, 2, (LusRect){300, 300, 20, 60}, 255);
  LusOverlayState state = live(&result);
  draw(&frame, &config, &state);
  g_assert_cmpint(changed_in(&frame, (LusRect){250, 190, 140, 60}), ==, 0);
  g_assert_cmpint(changed_in(&frame, (LusRect){290, 290, 40, 80}), >, 0);
  result_close(&result);
  frame_close(&frame);
}

/* A new result replaces the contour of the one before; a lower threshold is a new result too. */
static void test_new_result(void)
{
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  g_autoptr(LusOverlay) overlay = lus_overlay_new();
  lus_overlay_set_config(overlay, &config);
  frame_open(&frame, LUS_FORMAT_I420, 640, 480);
  result_open(&result, 640, 480, sector);
  result_box(&result, 0, box, 255);
  LusOverlayState state = live(&result);
  frame_fill(&frame, sector, 90);
  lus_overlay_draw(overlay, &frame.image, &state);
  g_assert_cmpint(byte_at(&frame, 0, 320, 198), ==, 182);
  memset(result.mask.planes, 0, 3 * 240 * 360);
  memset(result.segmentation.confidence, 50, 3 * 240 * 360);
  result_box(&result, 0, (LusRect){260, 300, 120, 40}, 255);
  state.result_number++;
  frame_fill(&frame, sector, 90);
  lus_overlay_draw(overlay, &frame.image, &state);
  g_assert_cmpint(byte_at(&frame, 0, 320, 198), ==, 90);
  g_assert_cmpint(byte_at(&frame, 0, 320, 298), ==, 182);
  result_close(&result);
  frame_close(&frame);
}

/* Planes finer than the frame: a unit of the chroma is partly in the mask while its middle is samples away from it. What the
 * result before had there must not be seen. */
static void test_finer_planes(void)
{
  static const LusFormat formats[] = {LUS_FORMAT_Y42B, LUS_FORMAT_I420};
  const LusRect rect = {8, 8, 24, 24};
  LusOverlayConfig config = bare_config();
  config.style = LUS_OVERLAY_FILL;
  for (guint k = 0; k < 2 * 64; k++) {
    Frame frame, alone;
    Result before, after;
    g_autoptr(LusOverlay) overlay = lus_overlay_new();
    const LusRect part = {24 + (int)k % 8, 24 + (int)k / 8 % 8, 30, 30};
    lus_overlay_set_config(overlay, &config);
    frame_open(&frame, formats[k / 64], 40, 40);
    frame_open(&alone, formats[k / 64], 40, 40);
    result_open(&before, 40, 40, (LusRect){0, 0, 96, 96});
    result_open(&after, 40, 40, (LusRect){0, 0, 96, 96});
    result_box(&before, 0, (LusRect){0, 0, 96, 96}, 255);
    result_box(&after, 0, part, 200);
    before.segmentation.rect = after.segmentation.rect = rect;
    LusOverlayState first = live(&before), second = live(&after);
    second.result_number++;
    frame_fill(&frame, rect, 126);
    lus_overlay_draw(overlay, &frame.image, &first);
    frame_fill(&frame, rect, 126);
    frame_fill(&alone, rect, 126);
    lus_overlay_draw(overlay, &frame.image, &second);
    draw(&alone, &config, &second);
    for (int p = 0; p < 3; p++)
      g_assert_cmpmem(frame.memory[p], frame.sizes[p], alone.memory[p], alone.sizes[p]);
    result_close(&before);
    result_close(&after);
    frame_close(&frame);
    frame_close(&alone);
  }
}

/* --- all formats --- */

static const int sizes[][2] = {{641, 481}, {1023, 575}, {97, 131}, {33, 17}, {16, 16}};

/* What may change: the blocks, the sector's contours and the marks around it. */
typedef struct {
  const LusLayout *layout;
  LusRect analysed;
} Allowed;

static gboolean may_change(gconstpointer data, int x, int y)
{
  const Allowed *allowed = data;
  LusRect analysed = allowed->analysed;
  LusRect around = {analysed.x - 20, analysed.y - 20, analysed.width + 40, analysed.height + 40};
  if (x >= around.x && x < around.x + around.width && y >= around.y && y < around.y + around.height)
    return TRUE;
  for (int i = 0; i < LUS_BLOCK_N; i++) {
    LusRect r = allowed->layout->slots[i].rect;
    if (allowed->layout->slots[i].shown && x >= r.x && x < r.x + r.width && y >= r.y && y < r.y + r.height)
      return TRUE;
  }
  return FALSE;
}

static void test_formats(void)
{
  LusOverlayConfig config;
  LusExamView exam;
  g_autoptr(LusOverlay) overlay = lus_overlay_new();
  lus_overlay_config_init(&config);
  config.style = LUS_OVERLAY_BOTH;
  lus_overlay_set_config(overlay, &config);
  fill_exam(&exam);
  for (guint k = 0; k < G_N_ELEMENTS(sizes); k++) {
    int width = sizes[k][0], height = sizes[k][1];
    LusRect rect = {width / 3, height / 8, MAX(width / 3, 1), MAX(height * 3 / 4, 1)};
    g_autofree guint8 *map = sector_map(width, height, rect);
    for (int format = 0; format < LUS_FORMAT_N; format++) {
      Frame frame;
      Result result;
      LusLayout layout;
      frame_open(&frame, format, width, height);
      frame_fill(&frame, rect, 90);
      result_open(&result, width, height, rect);
      result_box(&result, 0, (LusRect){rect.x + 1, rect.y + rect.height / 2, rect.width - 2, 3}, 230);
      result_box(&result, 2, (LusRect){rect.x + rect.width / 2, rect.y + rect.height / 2, 2, rect.height / 3}, 200);
      find_layout(&layout, &frame, map, rect, ALL_BLOCKS);
      LusOverlayState state = live(&result);
      state.exam = &exam;
      lus_overlay_draw(overlay, &frame.image, &state); /* another format or size is a new stream */
      check_changed(&frame, may_change, &(Allowed){&layout, rect});
      if (height > 400)
        g_assert_true(memcmp(frame.memory[0], frame.before[0], frame.sizes[0]) != 0);
      result_close(&result);
      frame_close(&frame);
    }
  }
}

/* The same picture in all formats: luma as I420 has it, or the RGB that it means. */
static void test_formats_agree(void)
{
  LusOverlayConfig config;
  g_autofree guint8 *row = g_malloc(641), *expected = g_malloc(641);
  lus_overlay_config_init(&config);
  Frame reference;
  Result result;
  result_open(&result, 641, 481, sector);
  result_box(&result, 0, box, 255);
  LusOverlayState state = live(&result);
  frame_open(&reference, LUS_FORMAT_I420, 641, 481);
  frame_fill(&reference, (LusRect){0, 0, 0, 0}, 0);
  memset(reference.image.planes[0], 16, reference.sizes[0]);
  draw(&reference, &config, &state);
  for (int format = LUS_FORMAT_I420; format < LUS_FORMAT_N; format++) {
    Frame frame;
    int worst = 0;
    frame_open(&frame, format, 641, 481);
    for (int p = 0; p < n_planes(format); p++)
      memset(frame.memory[p], p ? 128 : format >= LUS_FORMAT_RGB ? 0 : 16, frame.sizes[p]);
    draw(&frame, &config, &state);
    for (int y = 0; y < 481; y++) {
      lus_image_luma_row(row, &frame.image, 0, y, 641);
      lus_image_luma_row(expected, &reference.image, 0, y, 641);
      for (int x = 0; x < 641; x++)
        worst = MAX(worst, ABS(row[x] - expected[x]));
    }
    g_assert_cmpint(worst, <=, format >= LUS_FORMAT_RGB ? 2 : 0);
    frame_close(&frame);
  }
  frame_close(&reference);
  result_close(&result);
}

/* No result: the sector's place is unknown, the picture is left alone, status and notice stand. */
static void test_no_mask(void)
{
  Frame frame;
  LusOverlayConfig config;
  lus_overlay_config_init(&config);
  frame_open(&frame, LUS_FORMAT_NV12, 1280, 720);
  frame_fill(&frame, (LusRect){480, 60, 320, 560}, 90);
  LusOverlayState state = {.status = LUS_STATUS_NO_MODEL, .mask_age_ns = -1};
  draw(&frame, &config, &state);
  g_assert_cmpint(changed_in(&frame, (LusRect){440, 0, 840, 640}), ==, 0);
  g_assert_cmpint(changed_in(&frame, (LusRect){44, 56, 220, 122}), >, 1000);
  g_assert_cmpint(changed_in(&frame, (LusRect){44, 666, 460, 28}), >, 1000);
  config.show_status = FALSE;
  frame_fill(&frame, (LusRect){480, 60, 320, 560}, 90);
  draw(&frame, &config, &state);
  g_assert_cmpint(changed_in(&frame, (LusRect){0, 0, 1280, 660}), ==, 0);
  frame_close(&frame);
}

/* A result of another frame size is none; nothing is drawn on the picture. */
static void test_foreign_result(void)
{
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  frame_open(&frame, LUS_FORMAT_I420, 640, 480);
  frame_fill(&frame, (LusRect){0, 0, 0, 0}, 0);
  result_open(&result, 720, 576, sector);
  result_box(&result, 0, box, 255);
  LusOverlayState state = live(&result);
  draw(&frame, &config, &state);
  g_assert_cmpint(changed_in(&frame, sector), ==, 0);
  result_close(&result);
  frame_close(&frame);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  lus_canvas_open(&canvas);
  g_test_add_func("/overlay/contour", test_contour);
  g_test_add_func("/overlay/contour/clipped", test_contour_clipped);
  g_test_add_func("/overlay/fill", test_fill);
  g_test_add_func("/overlay/fill/chroma", test_fill_chroma);
  g_test_add_func("/overlay/fill/rgb", test_fill_rgb);
  g_test_add_func("/overlay/gray", test_gray);
  g_test_add_func("/overlay/stale", test_stale);
  g_test_add_func("/overlay/selected-classes", test_selected_classes);
  g_test_add_func("/overlay/new-result", test_new_result);
  g_test_add_func("/overlay/finer-planes", test_finer_planes);
  g_test_add_func("/overlay/formats", test_formats);
  g_test_add_func("/overlay/formats/agree", test_formats_agree);
  g_test_add_func("/overlay/no-mask", test_no_mask);
  g_test_add_func("/overlay/foreign-result", test_foreign_result);
  int failed = g_test_run();
  lus_canvas_close(&canvas);
  return failed;
}
