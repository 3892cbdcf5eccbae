/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of `lus live` by themselves: what belongs to one patient stays there. */
#include "fixture.h"
#include "live-record.h"
#include "live-terminal.h"
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#define SECOND 1000000000

/* --- recording --- */

static int remove_item(const char *path, const struct stat *item, int kind, struct FTW *place)
{
  (void)item, (void)kind, (void)place;
  return remove(path);
}

/* A picture of @exam comes by. */
static void pass(LusLiveRecord *record, LusSegmentation *segmentation, const char *exam, gint64 pts_ns)
{
  static const int fps[2] = {25, 1};
  static guint8 pixels[FIXTURE_SIZE * FIXTURE_SIZE];
  const LusImage image = {.format = LUS_FORMAT_GRAY8, .width = FIXTURE_SIZE, .height = FIXTURE_SIZE, .planes = {pixels},
                          .strides = {FIXTURE_SIZE}, .full_range = TRUE};
  LusMask *mask = fixture_mask(segmentation);
  GstBuffer *buffer = gst_buffer_new();
  const GstLusSegMeta *meta = gst_buffer_add_lus_seg_meta(buffer, segmentation, mask, FIXTURE_SIZE, FIXTURE_SIZE);

  lus_live_record_frame(record, &image, meta, exam, "R1", "c", pts_ns, fps);
  gst_buffer_unref(buffer);
  lus_mask_unref(mask);
}

/* Of the exam's clip in R1; 0 if there is none. */
static guint count_pictures(const char *folder, const char *exam)
{
  g_autofree char *path = g_strdup_printf("%s/%s/%s_d1_R1/frames.jsonl", folder, exam, exam), *text = NULL;
  guint lines = 0;

  if (!g_file_get_contents(path, &text, NULL, NULL))
    return 0;
  for (const char *c = text; *c; c++)
    lines += *c == '\n';
  return lines - 1; /* the header */
}

/* A picture that was on its way when the patient changed goes into neither folder, nor does one after the end. */
static void test_picture_in_flight(void)
{
  g_autofree char *folder = g_dir_make_tmp("lus-live-XXXXXX", NULL);
  static const char *const exams[] = {"first", "second"};
  LusLiveRecord *record = lus_live_record_new(folder);
  LusSegmentation *segmentation = fixture_segmentation(fixture_line);
  GError *error = NULL;
  guint64 lost = 0;

  for (guint i = 0; i < G_N_ELEMENTS(exams); i++) {
    g_autofree char *path = g_build_filename(folder, exams[i], NULL);
    g_assert_cmpint(g_mkdir_with_parents(path, 0777), ==, 0);
  }
  lus_live_record_exam(record, "first");
  pass(record, segmentation, "first", 0);
  pass(record, segmentation, "first", SECOND);
  lus_live_record_exam(record, NULL); /* finished */
  pass(record, segmentation, "first", 2 * (gint64)SECOND);
  lus_live_record_exam(record, "second");
  pass(record, segmentation, "first", 3 * (gint64)SECOND);
  pass(record, segmentation, "second", 4 * (gint64)SECOND);
  g_assert_true(lus_live_record_finish(record, &lost, &error));
  g_assert_no_error(error);
  g_assert_cmpuint(lost, ==, 0);
  g_assert_cmpuint(count_pictures(folder, "first"), ==, 2);
  g_assert_cmpuint(count_pictures(folder, "second"), ==, 1);
  lus_live_record_free(record);
  lus_segmentation_unref(segmentation);
  g_assert_cmpint(nftw(folder, remove_item, 8, FTW_DEPTH | FTW_PHYS), ==, 0);
}

/* --- questions --- */

static GString *keys, *answers;

static void on_key(const char *key, gpointer user_data)
{
  (void)user_data;
  g_string_append(keys, key);
}

static void on_answer(const char *text, gpointer user_data)
{
  (void)user_data;
  g_string_append_printf(answers, "%s;", text);
}

static void type(int fd, const char *text)
{
  g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
  while (g_main_context_iteration(NULL, FALSE))
    ;
}

/* What was typed for a question that is over is no part of the next answer, and what follows are keys again. */
static void test_question_withdrawn(void)
{
  int ends[2], before = dup(STDIN_FILENO);
  LusLiveTerminal *terminal;

  keys = g_string_new(NULL);
  answers = g_string_new(NULL);
  g_assert_cmpint(pipe(ends), ==, 0);
  g_assert_cmpint(dup2(ends[0], STDIN_FILENO), ==, STDIN_FILENO);
  terminal = lus_live_terminal_new(on_key, NULL);
  lus_live_terminal_ask(terminal, "SpO2 in %:", on_answer);
  type(ends[1], "9");
  lus_live_terminal_withdraw(terminal);
  type(ends[1], "7\n");
  g_assert_cmpstr(answers->str, ==, "");
  g_assert_cmpstr(keys->str, ==, "7");
  lus_live_terminal_ask(terminal, "SpO2 in %:", on_answer);
  type(ends[1], "88\n1");
  g_assert_cmpstr(answers->str, ==, "88;");
  g_assert_cmpstr(keys->str, ==, "71");
  lus_live_terminal_free(terminal);
  g_assert_cmpint(dup2(before, STDIN_FILENO), ==, STDIN_FILENO);
  close(before);
  close(ends[0]);
  close(ends[1]);
  g_string_free(keys, TRUE);
  g_string_free(answers, TRUE);
}

static void add_tests(void)
{
  g_test_add_func("/live-parts/picture-in-flight", test_picture_in_flight);
  g_test_add_func("/live-parts/question-withdrawn", test_question_withdrawn);
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
