/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "learn/optimizer.h"

/** Two steps of one parameter, worked out by hand from algorithm 2 of the paper. */
static void test_adamw(void)
{
  LusAdamW adamw;
  lus_adamw_init(&adamw);
  float parameter = 1, m = 0, v = 0;
  assert_near(lus_adamw_step(&parameter, &m, &v, (float[]){0.5f}, 1, &adamw, 0.1, 1, NULL), 0.5, 0);
  assert_near((double)m, 0.05, 1e-8);
  assert_near((double)v, 0.00025, 1e-9);
  assert_near((double)parameter, 0.8999, 1e-6); /* 1 - 0.1 (1 + 0.001) */
  assert_near(lus_adamw_step(&parameter, &m, &v, (float[]){-0.25f}, 1, &adamw, 0.1, 2, NULL), 0.25, 0);
  assert_near((double)m, 0.02, 1e-8);
  assert_near((double)v, 0.00031225, 1e-9);
  assert_near((double)parameter, 0.8731763, 2e-6); /* 0.89981001 - 0.1 (0.1052632 / 0.3952254) */
}

static void test_clipping(void)
{
  LusAdamW adamw;
  lus_adamw_init(&adamw);
  float parameters[2] = {0, 0}, m[2] = {0, 0}, v[2] = {0, 0};
  assert_near(lus_adamw_step(parameters, m, v, (float[]){3, -4}, 2, &adamw, 0.01, 1, NULL), 5, 1e-12);
  assert_near((double)m[0], 0.12, 1e-7); /* 0.1 x 3 x 2 / 5 */
  assert_near((double)m[1], -0.16, 1e-7);
  assert_near((double)v[0], 0.00144, 1e-8);
  assert_near((double)parameters[0], -0.01, 1e-7);
  assert_near((double)parameters[1], 0.01, 1e-7);
}

static void test_decay_alone(void)
{
  LusAdamW adamw;
  lus_adamw_init(&adamw);
  adamw.weight_decay = 0.5;
  float parameter = 8, m = 0, v = 0;
  lus_adamw_step(&parameter, &m, &v, (float[]){0}, 1, &adamw, 0.25, 1, NULL);
  assert_near((double)parameter, 7, 1e-6);
}

static void test_learning_rate(void)
{
  assert_near(lus_learning_rate(2e-3, 1, 50, 1050), 4e-5, 1e-12);
  assert_near(lus_learning_rate(2e-3, 25, 50, 1050), 1e-3, 1e-12);
  assert_near(lus_learning_rate(2e-3, 50, 50, 1050), 2e-3, 1e-12);
  assert_near(lus_learning_rate(2e-3, 550, 50, 1050), 2e-3 * (0.005 + 0.995 / 2), 1e-12);
  assert_near(lus_learning_rate(2e-3, 1050, 50, 1050), 1e-5, 1e-12);
  assert_near(lus_learning_rate(2e-3, 2000, 50, 1050), 1e-5, 1e-12);
  /* No warm-up; a training that is over before the warm-up is. */
  assert_near(lus_learning_rate(1, 5, 0, 10), 0.005 + 0.995 / 2, 1e-12);
  assert_near(lus_learning_rate(1, 10, 50, 10), 0.2, 1e-12);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/optimizer/adamw", test_adamw);
  g_test_add_func("/optimizer/clipping", test_clipping);
  g_test_add_func("/optimizer/decay_alone", test_decay_alone);
  g_test_add_func("/optimizer/learning_rate", test_learning_rate);
  return g_test_run();
}
