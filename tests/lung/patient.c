/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Simulated patients: outcomes follow from lung water, and stay within what wards see. */
#include "lung/phantom.h"

#include <math.h>
#include <string.h>

enum { PATIENTS = 2000 };

static double mean_water(const LusPatient *p, int day)
{
  double sum = 0;
  for (int z = 0; z < LUS_PATIENT_ZONES; z++)
    sum += p->water[day][z] / LUS_PATIENT_ZONES;
  return sum;
}

static void test_determinism(void)
{
  LusPatient a, b;
  memset(&a, 0xa5, sizeof a);
  memset(&b, 0x5a, sizeof b);
  lus_patient_simulate(&a, 3, 17);
  lus_patient_simulate(&b, 3, 17);
  for (int day = 0; day < 2; day++) {
    for (int z = 0; z < LUS_PATIENT_ZONES; z++)
      g_assert_cmpfloat(a.water[day][z], ==, b.water[day][z]);
    g_assert_cmpfloat(a.sf[day], ==, b.sf[day]);
  }
  g_assert_cmpfloat(a.readmission_risk, ==, b.readmission_risk);
  g_assert_cmpint(a.readmitted_30d, ==, b.readmitted_30d);
  lus_patient_simulate(&b, 3, 18);
  g_assert_cmpfloat(a.readmission_risk, !=, b.readmission_risk);
  lus_patient_simulate(&b, 4, 17);
  g_assert_cmpfloat(a.readmission_risk, !=, b.readmission_risk);
}

static void test_ranges(void)
{
  for (guint64 n = 0; n < PATIENTS; n++) {
    LusPatient p;
    lus_patient_simulate(&p, 1, n);
    g_assert_cmpfloat(p.readmission_risk, >, 0);
    g_assert_cmpfloat(p.readmission_risk, <, 1);
    for (int day = 0; day < 2; day++) {
      for (int z = 0; z < LUS_PATIENT_ZONES; z++) {
        g_assert_cmpfloat(p.water[day][z], >=, 0);
        g_assert_cmpfloat(p.water[day][z], <=, 1);
      }
      g_assert_cmpfloat(p.o2_l_min[day], >=, 0);
      g_assert_cmpfloat(p.o2_l_min[day], <=, 15);
      g_assert_cmpfloat_with_epsilon(p.fio2[day], .21 + .04 * p.o2_l_min[day], 1e-9);
      g_assert_cmpfloat(p.spo2_percent[day], >=, 60);
      g_assert_cmpfloat(p.spo2_percent[day], <=, p.o2_l_min[day] > 0 ? 97 : 100);
      g_assert_cmpfloat_with_epsilon(p.sf[day], p.spo2_percent[day] / p.fio2[day], 1e-9);
      g_assert_cmpfloat(p.sf[day], >=, 40);
      g_assert_cmpfloat(p.sf[day], <=, 480);
    }
  }
}

static void test_readmission(void)
{
  double risk = 0, readmitted = 0, wet = 0, dry = 0, n_wet = 0, n_dry = 0;
  for (guint64 n = 0; n < PATIENTS; n++) {
    LusPatient p;
    lus_patient_simulate(&p, 2, n);
    risk += p.readmission_risk / PATIENTS;
    readmitted += p.readmitted_30d / (double)PATIENTS;
    gboolean is_wet = mean_water(&p, 1) > .4;
    wet += is_wet && p.readmitted_30d;
    dry += !is_wet && p.readmitted_30d;
    n_wet += is_wet;
    n_dry += !is_wet;
  }
  g_assert_cmpfloat(risk, >, .13);
  g_assert_cmpfloat(risk, <, .26);
  g_assert_cmpfloat_with_epsilon(readmitted, risk, .03);
  g_assert_cmpfloat(wet / n_wet, >, 1.5 * dry / n_dry);
}

static void test_water(void)
{
  double lower = 0, upper = 0, fell = 0, sx = 0, sy = 0, sxx = 0, syy = 0, sxy = 0, m = 2 * PATIENTS, asymmetry = 0;
  for (guint64 n = 0; n < PATIENTS; n++) {
    LusPatient p;
    lus_patient_simulate(&p, 5, n);
    fell += mean_water(&p, 1) < mean_water(&p, 0);
    for (int day = 0; day < 2; day++) {
      double x = mean_water(&p, day), y = p.sf[day];
      sx += x;
      sy += y;
      sxx += x * x;
      syy += y * y;
      sxy += x * y;
      upper += p.water[day][0] + p.water[day][3];
      lower += p.water[day][2] + p.water[day][5];
      double right = p.water[day][0] + p.water[day][1] + p.water[day][2];
      double left = p.water[day][3] + p.water[day][4] + p.water[day][5];
      asymmetry += fabs(right - left);
    }
  }
  double r = (sxy - sx * sy / m) / sqrt((sxx - sx * sx / m) * (syy - sy * sy / m));
  g_assert_cmpfloat(r, <, -.7);
  g_assert_cmpfloat(r, >, -.99);
  g_assert_cmpfloat(lower / m, >, upper / m + .2);
  g_assert_cmpfloat(fell / PATIENTS, >, .65);
  g_assert_cmpfloat(fell / PATIENTS, <, .95);
  g_assert_cmpfloat(asymmetry / m, >, .1);
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/patient/determinism", test_determinism);
  g_test_add_func("/patient/ranges", test_ranges);
  g_test_add_func("/patient/readmission", test_readmission);
  g_test_add_func("/patient/water", test_water);
  return g_test_run();
}
