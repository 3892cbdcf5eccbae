/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/target.h"
#include "nn/error.h"

static void test_parse(void)
{
  const struct {
    const char *text;
    LusTargetMethod method;
    double level;
    const char *back;
  } cases[] = {{"threshold:60", LUS_TARGET_THRESHOLD, 60, "threshold:60"},
               {"threshold:0", LUS_TARGET_THRESHOLD, 0, "threshold:0"},
               {"threshold:33.5", LUS_TARGET_THRESHOLD, 33.5, "threshold:33.5"},
               {"threshold", LUS_TARGET_THRESHOLD, 60, "threshold:60"},
               {"soft", LUS_TARGET_SOFT, 60, "soft"}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    LusTarget target;
    g_autoptr(GError) error = NULL;
    g_assert_true(lus_target_parse(&target, cases[i].text, &error));
    g_assert_no_error(error);
    g_assert_cmpint(target.method, ==, cases[i].method);
    assert_near(target.level, cases[i].level, 0);
    g_autofree char *back = lus_target_to_string(&target);
    g_assert_cmpstr(back, ==, cases[i].back);
  }
}

static void test_parse_errors(void)
{
  const struct {
    const char *text, *part;
  } cases[] = {{"", "known are: threshold:PERCENT, soft"},
               {"hard", "'hard' is unknown"},
               {"threshold:", "threshold:60"},
               {"threshold:101", "'101'"},
               {"threshold:-1", "'-1'"},
               {"threshold:60%", "'60%'"},
               {"threshold:nan", "'nan'"},
               {"thresholds:60", "is unknown"},
               {"soft:60", "takes no level"}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    LusTarget target;
    g_autoptr(GError) error = NULL;
    g_assert_false(lus_target_parse(&target, cases[i].text, &error));
    assert_error(error, LUS_ERROR_INVALID, cases[i].part);
  }
}

static void apply(const char *text, const guint8 *percents, int n, const float *target, const float *weight)
{
  LusTarget method;
  g_assert_true(lus_target_parse(&method, text, NULL));
  float t[8], w[8];
  lus_target_apply(t, w, percents, n, &method);
  for (int i = 0; i < n; i++) {
    assert_near((double)t[i], (double)target[i], 1e-7);
    assert_near((double)w[i], (double)weight[i], 0);
  }
}

static void test_apply(void)
{
  const guint8 percents[7] = {0, 1, 59, 60, 61, 100, 255};
  const float weight[7] = {1, 1, 1, 1, 1, 1, 0};
  apply("threshold:60", percents, 7, (float[]){0, 0, 0, 1, 1, 1, 0}, weight);
  apply("threshold:59.5", percents, 7, (float[]){0, 0, 0, 1, 1, 1, 0}, weight);
  apply("threshold:0", percents, 7, (float[]){0, 1, 1, 1, 1, 1, 0}, weight);
  apply("threshold:100", percents, 7, (float[]){0, 0, 0, 0, 0, 1, 0}, weight);
  apply("soft", percents, 7, (float[]){0, 0.01f, 0.59f, 0.6f, 0.61f, 1, 0}, weight);
}

static void test_positive(void)
{
  g_assert_true(lus_target_positive(60, 60));
  g_assert_false(lus_target_positive(59, 60));
  g_assert_false(lus_target_positive(0, 0));
  g_assert_true(lus_target_positive(1, 0));
  g_assert_false(lus_target_positive(255, 60));
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/target/parse", test_parse);
  g_test_add_func("/target/parse_errors", test_parse_errors);
  g_test_add_func("/target/apply", test_apply);
  g_test_add_func("/target/positive", test_positive);
  return g_test_run();
}
