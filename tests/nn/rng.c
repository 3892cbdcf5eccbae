/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "nn/rng.h"

#define N 200000

/* The authors' state 1, 2, 3, 4 gives 41943041 first: rotl(1 + 4, 23) + 1. */
static void test_known_values(void)
{
  LusRng rng = {.s = {1, 2, 3, 4}};
  static const guint64 expected[] = {G_GUINT64_CONSTANT(41943041), G_GUINT64_CONSTANT(58720359),
                                     G_GUINT64_CONSTANT(3588806011781223),
                                     G_GUINT64_CONSTANT(3591011842654386)};
  for (gsize i = 0; i < G_N_ELEMENTS(expected); i++)
    g_assert_cmpuint(lus_rng_next(&rng), ==, expected[i]);
}

static void test_same_seed_same_numbers(void)
{
  LusRng a, b;
  lus_rng_init(&a, 7, 3);
  lus_rng_init(&b, 7, 3);
  for (int i = 0; i < 100; i++)
    g_assert_cmpfloat(lus_rng_normal(&a, 1, 2), ==, lus_rng_normal(&b, 1, 2));
  LusRng fork = a; /* also between the two deviates of a pair */
  lus_rng_normal(&a, 0, 1);
  lus_rng_normal(&fork, 0, 1);
  g_assert_cmpfloat(lus_rng_normal(&a, 0, 1), ==, lus_rng_normal(&fork, 0, 1));
}

static void test_streams_differ(void)
{
  guint64 first[64];
  for (int i = 0; i < 64; i++) {
    LusRng rng;
    lus_rng_init(&rng, (guint64)(i % 8), (guint64)(i / 8));
    first[i] = lus_rng_next(&rng);
    for (int j = 0; j < i; j++)
      g_assert_cmpuint(first[i], !=, first[j]);
  }
}

static void test_uniform(void)
{
  LusRng rng;
  lus_rng_init(&rng, 1, 0);
  double sum = 0, square = 0;
  for (int i = 0; i < N; i++) {
    double x = lus_rng_uniform(&rng, -1, 3);
    g_assert_true(x >= -1 && x < 3);
    sum += x;
    square += (x - 1) * (x - 1);
  }
  g_assert_cmpfloat_with_epsilon(sum / N, 1, 0.02);
  g_assert_cmpfloat_with_epsilon(square / N, 16.0 / 12, 0.02);
}

static void test_normal(void)
{
  LusRng rng;
  lus_rng_init(&rng, 2, 0);
  double sum = 0, square = 0, fourth = 0, product = 0, last = 0;
  for (int i = 0; i < N; i++) {
    double x = (lus_rng_normal(&rng, 5, 2) - 5) / 2;
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
    product += x * last;
    last = x;
  }
  g_assert_cmpfloat_with_epsilon(sum / N, 0, 0.01);
  g_assert_cmpfloat_with_epsilon(square / N, 1, 0.015);
  g_assert_cmpfloat_with_epsilon(fourth / N, 3, 0.1);
  g_assert_cmpfloat_with_epsilon(product / N, 0, 0.01);
}

static void test_fill_is_normal(void)
{
  LusRng a, b;
  float out[5];
  lus_rng_init(&a, 3, 1);
  lus_rng_init(&b, 3, 1);
  lus_rng_fill_normal(&a, out, 5);
  for (int i = 0; i < 5; i++)
    g_assert_cmpfloat(out[i], ==, (float)lus_rng_normal(&b, 0, 1));
}

static void test_exponential_and_log_uniform(void)
{
  LusRng rng;
  lus_rng_init(&rng, 4, 0);
  double sum = 0, log_sum = 0;
  for (int i = 0; i < N; i++) {
    double x = lus_rng_exponential(&rng, 3);
    g_assert_true(x >= 0 && isfinite(x));
    sum += x;
    double y = lus_rng_log_uniform(&rng, 0.1, 10);
    g_assert_true(y >= 0.1 * (1 - 1e-12) && y <= 10 * (1 + 1e-12));
    log_sum += log(y);
  }
  g_assert_cmpfloat_with_epsilon(sum / N, 3, 0.05);
  g_assert_cmpfloat_with_epsilon(log_sum / N, 0, 0.02);
}

static void test_below(void)
{
  LusRng rng;
  lus_rng_init(&rng, 5, 0);
  int counts[7] = {0};
  for (int i = 0; i < 70000; i++)
    counts[lus_rng_below(&rng, 7)]++;
  for (int i = 0; i < 7; i++)
    g_assert_cmpint(ABS(counts[i] - 10000), <, 500);
  for (int i = 0; i < 100; i++) {
    g_assert_cmpuint(lus_rng_below(&rng, 1), ==, 0);
    g_assert_cmpuint(lus_rng_below(&rng, 0xffffffffu), <, 0xffffffffu);
  }
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/rng/known-values", test_known_values);
  g_test_add_func("/rng/same-seed-same-numbers", test_same_seed_same_numbers);
  g_test_add_func("/rng/streams-differ", test_streams_differ);
  g_test_add_func("/rng/uniform", test_uniform);
  g_test_add_func("/rng/normal", test_normal);
  g_test_add_func("/rng/fill-is-normal", test_fill_is_normal);
  g_test_add_func("/rng/exponential-and-log-uniform", test_exponential_and_log_uniform);
  g_test_add_func("/rng/below", test_below);
  return g_test_run();
}
