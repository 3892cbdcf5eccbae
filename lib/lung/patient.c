/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A simulated patient in heart failure: one latent lung water per day, spread over the zones, and the oxygenation and readmission
 * that follow from it. Base rates and ranges: docs/phantom.md. */
#include "lung/phantom.h"

#include <math.h>

/* S/F beyond what water explains, 22 together: other lung disease, anaemia and age stay with the patient; an oximeter is right to
 * within about 2 % saturation (ISO 80601-2-61 allows 4 root mean square), 10 in S/F on room air, from day to day. */
#define OWN_SD 19.6
#define DAILY_SD 10.0

static double clampd(double x, double low, double high)
{
  return x < low ? low : x > high ? high : x;
}

/* Water of the whole lung: day 1 at admission, day 2 after treatment, which mostly helps. */
static void draw_latent(LusRng *r, double latent[2])
{
  latent[0] = clampd(lus_rng_normal(r, .5, .22), .02, .98);
  double kept = lus_rng_uniform01(r) < .82 ? lus_rng_uniform(r, .3, .95) : lus_rng_uniform(r, 1, 1.4);
  latent[1] = clampd(latent[0] * kept + lus_rng_normal(r, 0, .03), .01, .98);
}

/* Zones R1 R2 R3 L1 L2 L3: water gathers below (3), one side holds more, and each zone has its own share. */
static void spread(LusRng *r, LusPatient *p, const double latent[2])
{
  double gravity = lus_rng_uniform(r, .1, .3), side = lus_rng_normal(r, .03, .06), own[LUS_PATIENT_ZONES];
  for (int z = 0; z < LUS_PATIENT_ZONES; z++)
    own[z] = lus_rng_normal(r, 0, .06);
  for (int day = 0; day < 2; day++)
    for (int z = 0; z < LUS_PATIENT_ZONES; z++) {
      double height = z % 3 - 1, right = z < 3 ? 1 : -1;
      double local = 2 * latent[day] * (gravity * height + side * right + own[z]); /* a dry lung has no gradient */
      p->water[day][z] = clampd(latent[day] + local + lus_rng_normal(r, 0, .03), 0, 1);
    }
}

static double mean_water(const LusPatient *p, int day)
{
  double sum = 0;
  for (int z = 0; z < LUS_PATIENT_ZONES; z++)
    sum += p->water[day][z];
  return sum / LUS_PATIENT_ZONES;
}

/* Whole litres per minute until the saturation is one that wards accept. S/F is what the rounded readings give, as in practice:
 * FiO2 = .21 + .04 per l/min of a nasal cannula, up to 15 l/min of a mask. @own: what the patient's lungs do apart from water, the
 * same on both days. */
static void breathe(LusRng *r, LusPatient *p, int day, double own)
{
  double wanted = clampd(465 - 330 * pow(mean_water(p, day), 1.1) + own + lus_rng_normal(r, 0, DAILY_SD), 60, 474);
  double target = lus_rng_uniform(r, 90, 96), flow = 0;
  while (flow < 15 && wanted * (.21 + .04 * flow) < target)
    flow++;
  p->o2_l_min[day] = flow;
  p->fio2[day] = .21 + .04 * flow;
  p->spo2_percent[day] = clampd(round(wanted * p->fio2[day]), 60, flow > 0 ? 97 : 99);
  p->sf[day] = p->spo2_percent[day] / p->fio2[day];
}

void lus_patient_simulate(LusPatient *patient, guint64 seed, guint64 number)
{
  LusRng r;
  double latent[2];
  *patient = (LusPatient){ .readmitted_30d = FALSE };
  lus_rng_init(&r, seed ^ G_GUINT64_CONSTANT(0x70617469656e74), number);
  draw_latent(&r, latent);
  spread(&r, patient, latent);
  double own = lus_rng_normal(&r, 0, OWN_SD);
  for (int day = 0; day < 2; day++)
    breathe(&r, patient, day, own);
  double left = mean_water(patient, 1), change = left - mean_water(patient, 0);
  patient->readmission_risk = 1 / (1 + exp(-(-2.65 + 3.6 * left + 3 * change)));
  patient->readmitted_30d = lus_rng_uniform01(&r) < patient->readmission_risk;
}
