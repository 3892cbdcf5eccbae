/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/target.h"
#include "nn/error.h"
#include "nn/plan.h"

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
               {"soft", LUS_TARGET_SOFT, 60, "soft"},
               {"weighted:50", LUS_TARGET_WEIGHTED, 50, "weighted:50"},
               {"ignore:10:70", LUS_TARGET_IGNORE, 70, "ignore:10:70"},
               {"ignore", LUS_TARGET_IGNORE, 60, "ignore:20:60"},
               {"smooth:40:2.5", LUS_TARGET_SMOOTH, 40, "smooth:40:2.5"},
               {"smooth:40", LUS_TARGET_SMOOTH, 40, "smooth:40:1"},
               {"expert", LUS_TARGET_EXPERT, 60, "expert:60"},
               {"ramp", LUS_TARGET_RAMP, 60, "ramp:60"},
               {"ordinal:4", LUS_TARGET_ORDINAL, 60, "ordinal:4"}};
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
  } cases[] = {{"", "known are: threshold:LEVEL, soft"},
               {"hard", "'hard' is unknown"},
               {"threshold:", "threshold:60"},
               {"threshold:101", "'101'"},
               {"threshold:-1", "'-1'"},
               {"threshold:60%", "'60%'"},
               {"threshold:nan", "'nan'"},
               {"thresholds:60", "is unknown"},
               {"soft:60", "too many numbers; write soft"},
               {"threshold:60:1", "write threshold:LEVEL"},
               {"ignore:70:60", "LOW lies above LEVEL"},
               {"smooth:60:0", "'0' is no SIGMA"},
               {"ordinal:2.5", "a whole number of 2 to 16"},
               {"ordinal:1", "'1' is no LEVELS"}};
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
    assert_near((double)w[i], (double)weight[i], 1e-7);
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
  apply("ramp:60", percents, 7, (float[]){0, 0.01f, 0.59f, 1, 1, 1, 0}, weight);
  apply("ramp:0", percents, 7, (float[]){0, 1, 1, 1, 1, 1, 0}, weight);
  apply("expert:60", percents, 7, (float[]){0, 0, 0, 1, 1, 1, 0}, weight);
  apply("weighted:60", percents, 7, (float[]){0, 0, 0, 1, 1, 1, 0},
        (float[]){1, 0.99f, 0.41f, 0.6f, 0.61f, 1, 0});
  apply("ignore:1:61", percents, 7, (float[]){0, 0, 0, 0, 1, 1, 0}, (float[]){1, 0, 0, 0, 1, 1, 0});
  apply("ignore:0:60", percents, 7, (float[]){0, 0, 0, 1, 1, 1, 0}, (float[]){1, 0, 0, 1, 1, 1, 0});
  apply("ordinal:5", percents, 7, (float[]){0, 0, 0.4f, 0.6f, 0.6f, 1, 0}, weight);
}

/** A step between columns 299 and 300 of a wide picture (more than one piece of a line), one pixel ignored: the
 *  Gaussian of sigma 1 has the taps 1, .60653, .13534, .01111. */
static void test_smooth(void)
{
  enum { W = 600, H = 5 };
  static guint8 percents[2][H][W];
  static float target[2][H][W], weight[2][H][W];
  memset(percents, 0, sizeof percents);
  for (int y = 0; y < H; y++)
    for (int x = 300; x < W; x++)
      percents[0][y][x] = 80;
  percents[0][2][299] = LUS_LABEL_IGNORE;
  percents[1][0][0] = 100;
  LusTarget method;
  g_assert_true(lus_target_parse(&method, "smooth:60:1", NULL));
  lus_target_planes(&target[0][0][0], &weight[0][0][0], &percents[0][0][0], 2, W, H, &method);
  const double sum = 1 + 2 * (0.60653066 + 0.13533528 + 0.01110900);
  const double edge = (1 + 0.60653066 + 0.13533528 + 0.01110900) / sum;
  assert_near((double)target[0][2][100], 0, 0);
  assert_near((double)target[0][2][500], 1, 1e-6);
  assert_near((double)target[0][2][299], 0, 0);
  assert_near((double)weight[0][2][299], 0, 0);
  g_assert_cmpfloat(target[0][2][300], >, (float)edge); /* a negative neighbour is not known */
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++) {
      g_assert_true(target[0][y][x] >= 0 && target[0][y][x] <= 1);
      if (x != 299 || y != 2)
        g_assert_true(weight[0][y][x] == 1);
    }
  /* Far from the ignored pixel's rows there is none: a plane without it. */
  percents[0][2][299] = 0;
  lus_target_planes(&target[0][0][0], &weight[0][0][0], &percents[0][0][0], 2, W, H, &method);
  assert_near((double)target[0][4][300], edge, 1e-5);
  assert_near((double)target[0][0][299], 1 - edge, 1e-5);
  /* In the corner only a quarter of the kernel lies inside: 1 / (1.75297)^2. */
  assert_near((double)target[1][0][0], 1 / (1.7529749 * 1.7529749), 1e-5);
}

static void test_ordinal(void)
{
  guint8 labels[2][2][2] = {{{0, 100}, {33, 34}}, {{66, 67}, {255, 1}}}, luma[4] = {1, 2, 3, 4};
  int group[2] = {7, 9};
  char *names[2] = {(char *)"a/0", (char *)"b/1"};
  const LusSamples given = {.n = 2, .n_classes = 2, .width = 2, .height = 1, .luma = luma,
                            .labels = &labels[0][0][0], .group = group, .names = names};
  g_autoptr(GError) error = NULL;
  g_assert_null(lus_target_expand(&given, 9, &error));
  assert_error(error, LUS_ERROR_LIMIT, "write ordinal:8");
  g_autoptr(LusSamples) s = lus_target_expand(&given, 3, &error);
  g_assert_no_error(error);
  g_assert_cmpint(s->n_classes, ==, 6);
  g_assert_cmpint(s->group[1], ==, 9);
  g_assert_cmpstr(s->names[1], ==, "b/1");
  g_assert_cmpmem(s->luma, 4, luma, 4);
  const guint8 expected[2][6][2] = {{{0, 100}, {0, 100}, {0, 100}, {0, 100}, {0, 0}, {0, 0}},
                                    {{100, 100}, {0, 100}, {0, 0}, {255, 0}, {255, 0}, {255, 0}}};
  g_assert_cmpmem(s->labels, sizeof expected, expected, sizeof expected);
}

/** Two classes of three levels: the graph gives the mean of their sigmoids. */
static void test_fold(void)
{
  g_autoptr(GError) error = NULL;
  LusGraph *graph = lus_graph_new();
  graph->input = lus_graph_add_input(graph, "x");
  lus_graph_set_output(graph, graph->input);
  g_assert_true(lus_target_fold(graph, 2, 3, &error));
  LusPlan *plan = lus_plan_new(graph, 6, 1, 2, LUS_PLAN_INFER, 1, &error);
  g_assert_no_error(error);
  const float in[12] = {0, 50, 0, 50, 0, -50, -50, 1, 50, 1, 50, 1};
  float out[4];
  lus_plan_forward(plan, out, in, NULL);
  const double expected[4] = {0.5, 2.0 / 3, 2.0 / 3, 0.7310586};
  for (int i = 0; i < 4; i++)
    assert_near((double)out[i], expected[i], 1e-5);
  lus_plan_free(plan);
  lus_graph_free(graph);
}

/** Every method of the table is documented as it is written. */
static void test_docs(void)
{
  g_autofree char *path = g_build_filename(g_getenv("LUS_SOURCE_ROOT"), "docs", "learning.md", NULL);
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  for (int i = 0; i < LUS_TARGET_N; i++) {
    g_autofree char *row = g_strdup_printf("| `%s` | %s |", lus_target_form((LusTargetMethod)i),
                                           lus_target_summary((LusTargetMethod)i));
    if (!strstr(text, row))
      g_test_message("docs/learning.md lacks: %s", row);
    g_assert_nonnull(strstr(text, row));
  }
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
  g_test_add_func("/target/smooth", test_smooth);
  g_test_add_func("/target/ordinal", test_ordinal);
  g_test_add_func("/target/fold", test_fold);
  g_test_add_func("/target/docs", test_docs);
  return g_test_run();
}
