/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/overlay.h"

#include <string.h>

#include "lung/overlay-parts.h"

/* Frames with a flat sector and boxes for masks, whose edges lie exactly between two pixels: the confidence is 255 inside
 * and 50 outside, and half way is the threshold 153 - 0.5. */

#define GUARD 0xa5
#define PAD 24 /* bytes behind every row */
#define MS G_GINT64_CONSTANT(1000000)

typedef struct {
  LusImage image;
  guint8 *memory[3], *before[3];
  gsize sizes[3];
} Frame;

typedef struct {
  LusSegmentation segmentation;
  LusMask mask;
} Result;

static int plane_bytes(LusFormat format, int width, int plane)
{
  int xs, ys;
  lus_format_subsampling(format, &xs, &ys);
  int chroma = (width + xs) >> xs;
  switch (format) {
  case LUS_FORMAT_GRAY8: case LUS_FORMAT_I420: case LUS_FORMAT_YV12: case LUS_FORMAT_Y42B: case LUS_FORMAT_Y444:
    return plane ? chroma : width;
  case LUS_FORMAT_NV12: case LUS_FORMAT_NV21:
    return plane ? 2 * chroma : width;
  case LUS_FORMAT_YUY2: case LUS_FORMAT_YVYU: case LUS_FORMAT_UYVY: case LUS_FORMAT_VYUY:
    return 4 * chroma;
  case LUS_FORMAT_RGB: case LUS_FORMAT_BGR:
    return 3 * width;
  default:
    return 4 * width;
  }
}

static int n_planes(LusFormat format)
{
  return format == LUS_FORMAT_NV12 || format == LUS_FORMAT_NV21 ? 2
         : format >= LUS_FORMAT_I420 && format <= LUS_FORMAT_Y444 ? 3 : 1;
}

/* Every byte of every plane is @luma or, for chroma, 128. */
static void frame_open(Frame *frame, LusFormat format, int width, int height)
{
  int xs, ys;
  memset(frame, 0, sizeof *frame);
  lus_format_subsampling(format, &xs, &ys);
  frame->image = (LusImage){.format = format, .width = width, .height = height, .matrix = LUS_MATRIX_BT709};
  for (int p = 0; p < n_planes(format); p++) {
    int rows = p ? (height + ys) >> ys : height;
    frame->image.strides[p] = plane_bytes(format, width, p) + PAD;
    frame->sizes[p] = (gsize)frame->image.strides[p] * (gsize)rows;
    frame->memory[p] = frame->image.planes[p] = g_malloc(frame->sizes[p]);
    frame->before[p] = g_malloc(frame->sizes[p]);
  }
}

static void frame_close(Frame *frame)
{
  for (int p = 0; p < 3; p++) {
    g_free(frame->memory[p]);
    g_free(frame->before[p]);
  }
}

/* A pattern whose luma is between 17 and 28 (below what counts as text), with @luma in @lit; all the rest is GUARD. */
static void frame_fill(Frame *frame, LusRect lit, guint8 luma)
{
  const LusImage *image = &frame->image;
  gboolean rgb = image->format >= LUS_FORMAT_RGB, packed = image->format >= LUS_FORMAT_YUY2 && !rgb;
  for (int p = 0; p < n_planes(image->format); p++) {
    int bytes = plane_bytes(image->format, image->width, p), rows = (int)(frame->sizes[p] / (gsize)image->strides[p]);
    memset(image->planes[p], GUARD, frame->sizes[p]);
    for (int y = 0; y < rows; y++)
      for (int i = 0; i < bytes; i++) {
        int x = rgb ? i * image->width / bytes : packed ? i / 2 : i;
        gboolean in = x >= lit.x && x < lit.x + lit.width && y >= lit.y && y < lit.y + lit.height;
        gboolean chroma = p > 0 || (packed && (i & 1) == (image->format == LUS_FORMAT_YUY2 || image->format == LUS_FORMAT_YVYU));
        image->planes[p][(gsize)y * (gsize)image->strides[p] + (gsize)i] =
          chroma ? 128 : in ? luma : (guint8)(17 + (x / 3 + y * 5) % 12);
      }
    memcpy(frame->before[p], image->planes[p], frame->sizes[p]);
  }
}

/* Planes of the rectangle's own size: one sample per pixel. */
static void result_open(Result *result, int width, int height, LusRect rect)
{
  gsize n = (gsize)rect.width * (gsize)rect.height;
  memset(result, 0, sizeof *result);
  result->segmentation = (LusSegmentation){.n_classes = 3, .frame_width = width, .frame_height = height, .rect = rect,
                                           .width = rect.width, .height = rect.height, .pts_ns = -1};
  result->mask = (LusMask){.n_classes = 3, .width = rect.width, .height = rect.height};
  result->segmentation.confidence = g_malloc(3 * n);
  result->segmentation.sector = g_malloc(n);
  result->mask.planes = g_malloc0(3 * n);
  result->mask.ids = g_malloc0(n);
  memset(result->segmentation.confidence, 50, 3 * n);
  memset(result->segmentation.sector, 255, n);
  memset(result->mask.cut, 153, 3);
}

static void result_close(Result *result)
{
  g_free(result->segmentation.confidence);
  g_free(result->segmentation.sector);
  g_free(result->mask.planes);
  g_free(result->mask.ids);
}

/* A box, frame pixels, of class @c. */
static void result_box(Result *result, int c, LusRect box, guint8 q)
{
  const LusSegmentation *s = &result->segmentation;
  gsize n = (gsize)s->width * (gsize)s->height;
  for (int y = box.y; y < box.y + box.height; y++)
    for (int x = box.x; x < box.x + box.width; x++) {
      gsize at = (gsize)c * n + (gsize)(y - s->rect.y) * (gsize)s->width + (gsize)(x - s->rect.x);
      s->confidence[at] = q;
      result->mask.planes[at] = 255;
    }
}

static LusOverlayState live(const Result *result)
{
  return (LusOverlayState){.status = LUS_STATUS_LIVE, .mask_age_ns = 46 * MS, .result_number = 1,
                           .segmentation = &result->segmentation, .mask = &result->mask};
}

static void draw(Frame *frame, const LusOverlayConfig *config, const LusOverlayState *state)
{
  g_autoptr(LusOverlay) overlay = lus_overlay_new();
  lus_overlay_set_config(overlay, config);
  lus_overlay_draw(overlay, &frame->image, state);
}

static LusOverlayConfig bare_config(void)
{
  LusOverlayConfig config;
  lus_overlay_config_init(&config);
  config.show_legend = config.show_status = config.show_estimate = FALSE;
  return config;
}

static guint8 byte_at(const Frame *frame, int plane, int x, int y)
{
  return frame->image.planes[plane][(gsize)y * (gsize)frame->image.strides[plane] + (gsize)x];
}

static guint8 was_at(const Frame *frame, int plane, int x, int y)
{
  return frame->before[plane][(gsize)y * (gsize)frame->image.strides[plane] + (gsize)x];
}

/* --- masks --- */

static const LusRect sector = {200, 40, 240, 360}, box = {260, 200, 120, 40};

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

/* At the sector's border a contour stops: nothing is drawn beyond. */
static void test_contour_clipped(void)
{
  Frame frame;
  Result result;
  LusOverlayConfig config = bare_config();
  frame_open(&frame, LUS_FORMAT_Y444, 640, 480);
  frame_fill(&frame, sector, 90);
  result_open(&result, 640, 480, sector);
  result_box(&result, 0, (LusRect){200, 200, 60, 40}, 255);
  LusOverlayState state = live(&result);
  draw(&frame, &config, &state);
  g_assert_cmpint(byte_at(&frame, 0, 230, 198), ==, 182);
  for (int y = 150; y < 300; y++)
    for (int x = 190; x < 200; x++)
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

/* --- all formats --- */

static const int sizes[][2] = {{641, 481}, {1023, 575}, {97, 131}, {33, 17}, {16, 16}};

static void fill_exam(LusExamView *exam)
{
  static const char *const zones[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  memset(exam, 0, sizeof *exam);
  exam->present = exam->has_estimate = exam->has_baseline = TRUE;
  exam->n_zones = 6;
  exam->min_frames = 10;
  for (int i = 0; i < 6; i++) {
    g_strlcpy(exam->zones[i], zones[i], LUS_ZONE_LENGTH);
    exam->frames[i] = 10;
  }
  g_strlcpy(exam->zone, "L3", LUS_ZONE_LENGTH);
  g_strlcpy(exam->baseline_date, "21 Nov", sizeof exam->baseline_date);
  exam->baseline_sf = 336;
  exam->estimate.sf = (LusEstimateValue){.value = 287, .low = 251, .high = 323, .valid = TRUE};
  exam->estimate.readmission = (LusEstimateValue){.value = 0.18, .low = 0.09, .high = 0.31, .valid = TRUE};
  exam->estimate.change_class = -1;
  exam->estimate.change_probability[0] = 0.81;
  exam->estimate.change_valid = TRUE;
}

/* What may change: the blocks, the sector's contours and the marks around it. */
static gboolean may_change(const LusLayout *layout, LusRect analysed, int x, int y)
{
  LusRect around = {analysed.x - 20, analysed.y - 20, analysed.width + 40, analysed.height + 40};
  if (x >= around.x && x < around.x + around.width && y >= around.y && y < around.y + around.height)
    return TRUE;
  for (int i = 0; i < LUS_BLOCK_N; i++) {
    LusRect r = layout->slots[i].rect;
    if (layout->slots[i].shown && x >= r.x && x < r.x + r.width && y >= r.y && y < r.y + r.height)
      return TRUE;
  }
  return FALSE;
}

static LusCanvas canvas; /* measures texts; open while tests run */

static void find_layout(LusLayout *layout, const Frame *frame, const guint8 *inside, LusRect rect, unsigned wanted)
{
  LusRoom room;
  lus_room_init(&room);
  g_assert_true(lus_room_set_size(&room, frame->image.width, frame->image.height));
  lus_room_look(&room, &frame->image);
  lus_room_sum(&room, inside);
  LusLayoutInput input = {frame->image.width, frame->image.height, wanted, 3, TRUE, rect, &canvas};
  lus_layout_find(layout, &input, &room);
  lus_room_clear(&room);
}

#define ALL_BLOCKS (1u << LUS_BLOCK_STATUS | 1u << LUS_BLOCK_SF | 1u << LUS_BLOCK_NOTICE | 1u << LUS_BLOCK_ZONE | \
  1u << LUS_BLOCK_OUTLOOK | 1u << LUS_BLOCK_THORAX | 1u << LUS_BLOCK_LEGEND)

static guint8 *sector_map(int width, int height, LusRect rect)
{
  guint8 *map = g_malloc0((gsize)width * (gsize)height);
  for (int y = rect.y; y < rect.y + rect.height; y++)
    memset(map + (gsize)y * (gsize)width + rect.x, 255, (gsize)rect.width);
  return map;
}

static void check_untouched(const Frame *frame, const LusLayout *layout, LusRect analysed)
{
  int xs, ys;
  LusFormat format = frame->image.format;
  lus_format_subsampling(format, &xs, &ys);
  for (int p = 0; p < n_planes(format); p++) {
    int bytes = plane_bytes(format, frame->image.width, p), per_unit = bytes / ((frame->image.width + xs) >> xs);
    gboolean whole = p == 0 && n_planes(format) > 1; /* a luma plane: a byte is a pixel */
    for (gsize i = 0; i < frame->sizes[p]; i++) {
      int x = (int)(i % (gsize)frame->image.strides[p]), y = (int)(i / (gsize)frame->image.strides[p]);
      if (frame->memory[p][i] == frame->before[p][i])
        continue;
      g_assert_cmpint(x, <, bytes); /* padding */
      g_assert_true(may_change(layout, analysed, whole ? x : (x / per_unit) << xs, p ? y << ys : y));
    }
  }
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
      check_untouched(&frame, &layout, rect);
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

/* --- layout --- */

static gboolean hits(const guint8 *map, int width, LusRect rect)
{
  for (int y = rect.y; y < rect.y + rect.height; y++)
    if (memchr(map + (gsize)y * (gsize)width + rect.x, 255, (gsize)rect.width))
      return TRUE;
  return FALSE;
}

static void fan(guint8 *map, int width, int height, double apex, double radius, double slope)
{
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      double dx = x - width / 2.0, dy = y - apex * height, r = dx * dx + dy * dy;
      map[(gsize)y * (gsize)width + (gsize)x] =
        ABS(dx) < slope * dy && r > 0.05 * height * height && r < radius * radius * height * height ? 255 : 0;
    }
}

static void check_layout(const LusLayout *layout, const guint8 *map, int width, int height)
{
  for (int i = 0; i < LUS_BLOCK_MARK; i++) {
    const LusSlot *slot = &layout->slots[i];
    if (!slot->shown)
      continue;
    g_assert_true(slot->rect.x >= 0 && slot->rect.y >= 0);
    g_assert_cmpint(slot->rect.x % 2 + slot->rect.y % 2, ==, 0);
    if (i == LUS_BLOCK_FOOTER)
      continue;
    g_assert_true(slot->rect.x + slot->rect.width <= width && slot->rect.y + slot->rect.height <= height);
    g_assert_false(hits(map, width, slot->rect));
    for (int k = 0; k < i; k++) {
      LusRect a = slot->rect, b = layout->slots[k].rect;
      if (layout->slots[k].shown)
        g_assert_false(a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height);
    }
  }
}

static void test_layout_sector(void)
{
  static const int frames[][2] = {{1920, 1080}, {1280, 720}, {640, 480}, {800, 600}, {1024, 768}, {720, 576}, {350, 350},
                                  {156, 540}, {2560, 1080}, {320, 240}, {64, 48}};
  static const double fans[][3] = {{-0.25, 1.14, 0.5}, {-0.1, 1.05, 0.7}, {0.1, 0.8, 0.6}, {-0.3, 1.3, 1.2}};
  for (guint k = 0; k < G_N_ELEMENTS(frames); k++)
    for (guint f = 0; f < G_N_ELEMENTS(fans); f++) {
      int width = frames[k][0], height = frames[k][1];
      Frame frame;
      LusLayout layout;
      g_autofree guint8 *map = g_malloc0((gsize)width * (gsize)height);
      frame_open(&frame, LUS_FORMAT_GRAY8, width, height);
      frame_fill(&frame, (LusRect){0, 0, 0, 0}, 0);
      fan(map, width, height, fans[f][0], fans[f][1], fans[f][2]);
      find_layout(&layout, &frame, map, (LusRect){0, 0, width, height}, ALL_BLOCKS);
      check_layout(&layout, map, width, height);
      frame_close(&frame);
    }
}

static LusLayout layout_for(int width, int height, LusRect rect, LusRect lit, unsigned wanted)
{
  Frame frame;
  LusLayout layout;
  g_autofree guint8 *map = sector_map(width, height, rect);
  frame_open(&frame, LUS_FORMAT_I420, width, height);
  frame_fill(&frame, lit, 200);
  find_layout(&layout, &frame, map, rect, wanted);
  check_layout(&layout, map, width, height);
  frame_close(&frame);
  return layout;
}

static void test_layout_homes(void)
{
  LusLayout layout = layout_for(1280, 720, (LusRect){500, 60, 280, 560}, (LusRect){0, 0, 0, 0}, ALL_BLOCKS);
  g_assert_false(layout.compact);
  g_assert_cmpint(layout.slots[LUS_BLOCK_STATUS].rect.x, ==, 44);   /* 11 u of 4 px */
  g_assert_cmpint(layout.slots[LUS_BLOCK_STATUS].rect.y, ==, 56);
  g_assert_cmpint(layout.slots[LUS_BLOCK_SF].rect.x, ==, 1014);     /* 253.5 u */
  g_assert_cmpint(layout.slots[LUS_BLOCK_NOTICE].rect.y, ==, 666);
  for (int i = 0; i < LUS_BLOCK_DEPTH; i++)
    g_assert_true(layout.slots[i].shown && !layout.slots[i].plate);
  layout = layout_for(640, 480, (LusRect){230, 60, 180, 320}, (LusRect){0, 0, 0, 0}, ALL_BLOCKS);
  g_assert_true(layout.compact);
  g_assert_cmpint(layout.slots[LUS_BLOCK_STATUS].rect.x, ==, 16);   /* 5 u of 3.2 px */
  g_assert_false(layout.slots[LUS_BLOCK_OUTLOOK].shown);
  g_assert_true(layout.slots[LUS_BLOCK_SF].shown && layout.slots[LUS_BLOCK_LEGEND].shown);
}

/* The scanner's own text where the status stands: it moves down the same column. */
static void test_layout_scanner_text(void)
{
  LusRect text = {60, 66, 150, 30};
  LusLayout layout = layout_for(1280, 720, (LusRect){500, 60, 280, 560}, text, ALL_BLOCKS);
  LusRect status = layout.slots[LUS_BLOCK_STATUS].rect;
  g_assert_false(layout.compact);
  g_assert_true(layout.slots[LUS_BLOCK_STATUS].shown);
  g_assert_cmpint(status.x, ==, 44);
  g_assert_cmpint(status.y, >=, text.y + text.height);
}

static void test_layout_no_room(void)
{
  LusRect nothing = {0, 0, 0, 0};
  LusLayout layout = layout_for(350, 350, (LusRect){0, 0, 350, 350}, nothing, ALL_BLOCKS);
  g_assert_true(layout.slots[LUS_BLOCK_FOOTER].shown && layout.slots[LUS_BLOCK_FOOTER].plate);
  g_assert_cmpint(layout.footer_lines, ==, 1);
  g_assert_true(layout.slots[LUS_BLOCK_MARK].shown);
  g_assert_false(layout.slots[LUS_BLOCK_STATUS].shown);
  g_assert_cmpint(layout.slots[LUS_BLOCK_FOOTER].rect.y, >, 300);
  layout = layout_for(156, 540, (LusRect){0, 0, 156, 540}, nothing, ALL_BLOCKS);
  g_assert_cmpint(layout.footer_lines, ==, 3);
  g_assert_cmpfloat(layout.min_px, ==, 14);
  layout = layout_for(16, 16, (LusRect){0, 0, 16, 16}, nothing, ALL_BLOCKS);
  for (int i = 0; i < LUS_BLOCK_N; i++)
    g_assert_false(layout.slots[i].shown);
  /* Everything bright, no sector: what must stay stands on plates. */
  layout = layout_for(1280, 720, nothing, (LusRect){0, 0, 1280, 720}, ALL_BLOCKS);
  g_assert_true(layout.slots[LUS_BLOCK_STATUS].plate && layout.slots[LUS_BLOCK_SF].plate && layout.slots[LUS_BLOCK_NOTICE].plate);
  g_assert_false(layout.slots[LUS_BLOCK_LEGEND].shown || layout.slots[LUS_BLOCK_THORAX].shown);
}

static void test_notice_lines(void)
{
  g_assert_cmpstr(lus_notice_line(1, 0), ==, "Research software - not for diagnosis or treatment");
  static const int choices[] = {1, 2, 3, 5};
  for (guint i = 0; i < G_N_ELEMENTS(choices); i++) {
    g_autoptr(GString) text = g_string_new(lus_notice_line(choices[i], 0));
    for (int k = 1; k < choices[i]; k++)
      g_string_append_printf(text, " %s", lus_notice_line(choices[i], k));
    g_assert_cmpstr(text->str, ==, "Research software - not for diagnosis or treatment");
    g_assert_null(lus_notice_line(choices[i], choices[i]));
  }
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

/* --- words --- */

static void content_of(LusContent *content, LusStatus status, const LusExamView *exam, int age_ms)
{
  LusOverlayConfig config;
  LusWatch watch;
  LusLegendSource known = {0};
  LusOverlayState state = {.status = status, .mask_age_ns = age_ms * MS, .exam = exam};
  lus_overlay_config_init(&config);
  lus_watch_reset(&watch);
  lus_watch_update(&watch, &state, status);
  lus_content_fill(content, &state, &config, &watch, &known, FALSE);
}

static void test_words_status(void)
{
  LusContent content;
  content_of(&content, LUS_STATUS_LIVE, NULL, 41);
  g_assert_cmpstr(content.status.lines[0], ==, "Mask 50 ms old");
  content_of(&content, LUS_STATUS_LIVE, NULL, 50);
  g_assert_cmpstr(content.status.lines[0], ==, "Mask 50 ms old");
  content_of(&content, LUS_STATUS_STALE, NULL, 580);
  g_assert_cmpstr(content.status.lines[0], ==, "Mask 0.6 s old");
  content_of(&content, LUS_STATUS_NO_SIGNAL, NULL, 0);
  g_assert_cmpstr(content.status.lines[0], ==, "Check cable and");
  g_assert_cmpstr(content.status.lines[1], ==, "scanner output");
}

static void test_words_exam(void)
{
  LusContent content;
  LusExamView exam;
  fill_exam(&exam);
  content_of(&content, LUS_STATUS_LIVE, &exam, 40);
  g_assert_cmpstr(content.sf.label, ==, "S/F estimate");
  g_assert_cmpstr(content.sf.note, ==, "inputs ok");
  g_assert_true(content.sf.valid && content.sf.tick);
  g_assert_cmpint(content.sf.value, ==, 287);
  g_assert_cmpstr(content.outlook.change_label, ==, "Change since 21 Nov");
  g_assert_cmpstr(content.outlook.change_note, ==, "81\302\240% likely");
  g_assert_cmpstr(content.outlook.readmission, ==, "18\302\240%");
  g_assert_cmpstr(content.outlook.readmission_note, ==, "9 to 31\302\240%");
  exam.frames[2] = exam.frames[4] = 6;
  exam.estimate.readmission.value = 0.004;
  exam.estimate.readmission.high = 0.996;
  content_of(&content, LUS_STATUS_LIVE, &exam, 40);
  g_assert_cmpstr(content.sf.note, ==, "4 of 6 zones");
  g_assert_cmpint(content.thorax.parts[4], ==, 60);
  g_assert_cmpstr(content.outlook.readmission, ==, "< 1\302\240%");
  g_assert_cmpstr(content.outlook.readmission_note, ==, "9 to > 99\302\240%");
}

static void test_words_reasons(void)
{
  static const struct { LusStatus status; gboolean finished, valid; const char *given, *first, *second; } cases[] = {
    {LUS_STATUS_LIVE, FALSE, FALSE, "Zones missing R3 L2", "Zones missing", "R3  L2"},
    {LUS_STATUS_LIVE, FALSE, FALSE, "Too few frames R1, R2", "Too few frames", "R1  R2"},
    {LUS_STATUS_LIVE, FALSE, FALSE, "Outside trained range", "Outside", "trained range"},
    {LUS_STATUS_STALE, FALSE, TRUE, "", "Masks stale", ""},
    {LUS_STATUS_STALE, FALSE, FALSE, "No estimator", "No estimator", ""},
    {LUS_STATUS_FROZEN, FALSE, TRUE, "", "Picture frozen", ""},
    {LUS_STATUS_NO_SIGNAL, FALSE, TRUE, "", "No signal", ""},
    {LUS_STATUS_FROZEN, TRUE, TRUE, "", "", ""},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    LusContent content;
    LusExamView exam;
    fill_exam(&exam);
    exam.finished = cases[i].finished;
    g_strlcpy(exam.finished_at, "14:31", sizeof exam.finished_at);
    exam.estimate.sf.valid = cases[i].valid;
    g_strlcpy(exam.estimate.sf.reason, cases[i].given, sizeof exam.estimate.sf.reason);
    content_of(&content, cases[i].status, &exam, 500);
    g_assert_cmpstr(content.sf.reason[0], ==, cases[i].first);
    g_assert_cmpstr(content.sf.reason[1], ==, cases[i].second);
    g_assert_cmpint(content.sf.valid, ==, cases[i].finished);
    g_assert_cmpstr(content.sf.label, ==, cases[i].finished ? "S/F at 14:31" : "S/F estimate");
  }
}

/* Texts change twice a second, the mark steps with results and four times a second, at most. */
static void test_watch(void)
{
  LusWatch watch;
  Result result;
  result_open(&result, 640, 480, sector);
  result_box(&result, 0, box, 204); /* 80 % */
  lus_watch_reset(&watch);
  LusOverlayState state = live(&result);
  int steps = 0, changes = 0, step = 0, age = -1;
  for (int i = 0; i < 60; i++) { /* two seconds at 30 fps, a result per two frames */
    state.now_ns = i * 1000 * MS / 30;
    state.result_number = (guint64)(i / 2);
    state.mask_age_ns = (20 + i) * MS;
    lus_watch_update(&watch, &state, LUS_STATUS_LIVE);
    steps += watch.step != step;
    changes += watch.age_ms != age;
    step = watch.step;
    age = watch.age_ms;
  }
  g_assert_cmpint(steps, >=, 7);
  g_assert_cmpint(steps, <=, 8);
  g_assert_cmpint(changes, ==, 4); /* at once, then after 0.5, 1 and 1.5 s */
  g_assert_cmpint(watch.percent[0], ==, 80);
  g_assert_cmpint(watch.percent[1], ==, LUS_PERCENT_NOT_SEEN);
  g_assert_cmpint(watch.every, ==, 2);
  result_close(&result);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  lus_canvas_open(&canvas);
  g_test_add_func("/overlay/contour", test_contour);
  g_test_add_func("/overlay/contour/clipped", test_contour_clipped);
  g_test_add_func("/overlay/fill", test_fill);
  g_test_add_func("/overlay/fill/rgb", test_fill_rgb);
  g_test_add_func("/overlay/gray", test_gray);
  g_test_add_func("/overlay/stale", test_stale);
  g_test_add_func("/overlay/selected-classes", test_selected_classes);
  g_test_add_func("/overlay/new-result", test_new_result);
  g_test_add_func("/overlay/formats", test_formats);
  g_test_add_func("/overlay/formats/agree", test_formats_agree);
  g_test_add_func("/overlay/layout/sector", test_layout_sector);
  g_test_add_func("/overlay/layout/homes", test_layout_homes);
  g_test_add_func("/overlay/layout/scanner-text", test_layout_scanner_text);
  g_test_add_func("/overlay/layout/no-room", test_layout_no_room);
  g_test_add_func("/overlay/notice", test_notice_lines);
  g_test_add_func("/overlay/no-mask", test_no_mask);
  g_test_add_func("/overlay/foreign-result", test_foreign_result);
  g_test_add_func("/overlay/words/status", test_words_status);
  g_test_add_func("/overlay/words/exam", test_words_exam);
  g_test_add_func("/overlay/words/reasons", test_words_reasons);
  g_test_add_func("/overlay/watch", test_watch);
  int failed = g_test_run();
  lus_canvas_close(&canvas);
  return failed;
}
