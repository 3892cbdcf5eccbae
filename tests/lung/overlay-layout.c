/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/overlay.h"

#include "overlay-scene.h"

/* Where the blocks stand and what they say. */

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
  static const int frames[][2] = {{1920, 1080}, {1280, 720}, {640, 480}, {800, 600}, {1024, 768}, {720, 576},
                                  {350, 350}, {156, 540}, {2560, 1080}, {320, 240}, {64, 48}};
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

/* A ruler at the right side: the exam's column moves in by 8 u (32 px) and keeps its order. */
static void test_layout_ruler(void)
{
  LusLayout layout = layout_for(1280, 720, (LusRect){500, 60, 280, 560}, (LusRect){1206, 100, 30, 540}, ALL_BLOCKS);
  static const LusBlockId column[] = {LUS_BLOCK_ZONE, LUS_BLOCK_THORAX, LUS_BLOCK_SF, LUS_BLOCK_OUTLOOK};
  g_assert_false(layout.compact);
  for (guint i = 0; i < G_N_ELEMENTS(column); i++)
    g_assert_cmpint(layout.slots[column[i]].rect.x, ==, 1014 - 32);
  g_assert_cmpint(layout.slots[LUS_BLOCK_SF].rect.y, ==, 332); /* 83 u */
  g_assert_cmpint(layout.slots[LUS_BLOCK_STATUS].rect.x, ==, 44);
}

/* One stroke is avoided where there is room beside it, else put up with. */
static void test_layout_stroke(void)
{
  const LusRect stroke = {1210, 200, 4, 2};
  LusLayout layout = layout_for(1280, 720, (LusRect){500, 60, 280, 560}, stroke, ALL_BLOCKS);
  g_assert_false(layout.compact);
  g_assert_cmpint(layout.slots[LUS_BLOCK_ZONE].rect.x, ==, 1014 - 32);
  layout = layout_for(1280, 720, (LusRect){300, 60, 705, 560}, stroke, ALL_BLOCKS);
  g_assert_false(layout.compact);
  g_assert_cmpint(layout.slots[LUS_BLOCK_ZONE].rect.x, ==, 1014);
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
  /* The scanner's text at the lower left, nothing to the right of it. */
  layout = layout_for(350, 350, (LusRect){0, 0, 350, 330}, (LusRect){4, 336, 40, 10}, ALL_BLOCKS);
  g_assert_cmpint(layout.slots[LUS_BLOCK_FOOTER].rect.x, >=, 44);
  layout = layout_for(156, 540, (LusRect){0, 0, 156, 540}, nothing, ALL_BLOCKS);
  g_assert_cmpint(layout.footer_lines, ==, 3);
  g_assert_cmpfloat(layout.min_px, ==, 14);
  layout = layout_for(16, 16, (LusRect){0, 0, 16, 16}, nothing, ALL_BLOCKS);
  for (int i = 0; i < LUS_BLOCK_N; i++)
    g_assert_false(layout.slots[i].shown);
  /* Everything bright, no sector: what must stay stands on plates. */
  layout = layout_for(1280, 720, nothing, (LusRect){0, 0, 1280, 720}, ALL_BLOCKS);
  static const LusBlockId stay[] = {LUS_BLOCK_STATUS, LUS_BLOCK_SF, LUS_BLOCK_NOTICE};
  for (guint i = 0; i < G_N_ELEMENTS(stay); i++)
    g_assert_true(layout.slots[stay[i]].shown && layout.slots[stay[i]].plate);
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
  g_test_add_func("/overlay-layout/sector", test_layout_sector);
  g_test_add_func("/overlay-layout/homes", test_layout_homes);
  g_test_add_func("/overlay-layout/scanner-text", test_layout_scanner_text);
  g_test_add_func("/overlay-layout/ruler", test_layout_ruler);
  g_test_add_func("/overlay-layout/stroke", test_layout_stroke);
  g_test_add_func("/overlay-layout/no-room", test_layout_no_room);
  g_test_add_func("/overlay-layout/notice", test_notice_lines);
  g_test_add_func("/overlay-layout/words/status", test_words_status);
  g_test_add_func("/overlay-layout/words/exam", test_words_exam);
  g_test_add_func("/overlay-layout/words/reasons", test_words_reasons);
  g_test_add_func("/overlay-layout/watch", test_watch);
  int failed = g_test_run();
  lus_canvas_close(&canvas);
  return failed;
}
