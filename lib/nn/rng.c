/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/rng.h"

#include <math.h>

static guint64 rotate_left(guint64 x, int bits)
{
  return (x << bits) | (x >> (64 - bits));
}

/* splitmix64 (Steele, Lea and Flood 2014): turns any counter into well mixed words. */
static guint64 splitmix64(guint64 *state)
{
  guint64 z = (*state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

void lus_rng_init(LusRng *rng, guint64 seed, guint64 stream)
{
  /* Both words are mixed before they meet, so that (seed, stream) and (seed + 1, stream - 1) have
   * nothing in common. */
  guint64 a = seed, b = ~stream;
  guint64 state = splitmix64(&a) ^ rotate_left(splitmix64(&b), 32);
  for (int i = 0; i < 4; i++)
    rng->s[i] = splitmix64(&state);
  rng->spare = 0;
  rng->has_spare = 0;
}

/* xoshiro256++ 1.0 (Blackman and Vigna 2019, "Scrambled linear pseudorandom number generators"). */
guint64 lus_rng_next(LusRng *rng)
{
  guint64 *s = rng->s;
  guint64 result = rotate_left(s[0] + s[3], 23) + s[0];
  guint64 t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 45);
  return result;
}

double lus_rng_uniform01(LusRng *rng)
{
  return (double)(lus_rng_next(rng) >> 11) * 0x1p-53;
}

double lus_rng_uniform(LusRng *rng, double low, double high)
{
  double x = low + (high - low) * lus_rng_uniform01(rng);
  return x < high || low >= high ? x : low; /* the product may round up to the excluded end */
}

double lus_rng_log_uniform(LusRng *rng, double low, double high)
{
  return exp(lus_rng_uniform(rng, log(low), log(high)));
}

double lus_rng_normal(LusRng *rng, double mean, double sd)
{
  if (rng->has_spare) {
    rng->has_spare = 0;
    return mean + sd * (double)rng->spare;
  }
  double u, v, r2;
  do {
    u = 2 * lus_rng_uniform01(rng) - 1;
    v = 2 * lus_rng_uniform01(rng) - 1;
    r2 = u * u + v * v;
  } while (r2 >= 1 || r2 == 0);
  double factor = sqrt(-2 * log(r2) / r2);
  rng->spare = (float)(v * factor);
  rng->has_spare = 1;
  return mean + sd * u * factor;
}

double lus_rng_exponential(LusRng *rng, double mean)
{
  return -mean * log1p(-lus_rng_uniform01(rng));
}

/* Multiply and reject (Lemire 2019, "Fast random integer generation in an interval"): without bias.
 */
guint32 lus_rng_below(LusRng *rng, guint32 n)
{
  guint64 product = (lus_rng_next(rng) >> 32) * (guint64)n;
  if ((guint32)product < n) {
    guint32 threshold = (guint32)(-n) % n;
    while ((guint32)product < threshold)
      product = (lus_rng_next(rng) >> 32) * (guint64)n;
  }
  return (guint32)(product >> 32);
}

void lus_rng_fill_normal(LusRng *rng, float *out, gsize n)
{
  for (gsize i = 0; i < n; i++)
    out[i] = (float)lus_rng_normal(rng, 0, 1);
}
