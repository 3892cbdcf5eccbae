/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/csv.h"
#include "learn/tables.h"

/** Columns of outcomes.csv, -1: not there. */
typedef struct {
  int patient, day, spo2, fio2, flow, readmitted, severity, risk;
} LusOutcomeColumns;

/** Patient, day and one outcome there must be. */
gboolean lus_outcome_columns_find(LusOutcomeColumns *columns, const LusCsv *csv, GError **error);
/** Patient and day of a row as a key, to be freed; both must be there. */
char *lus_outcome_key(const LusCsv *csv, int row, int patient_column, int day_column, GError **error);
/** What a row says of an exam, beyond patient and day. */
gboolean lus_outcome_read(LusOutcomeExam *exam, const LusCsv *csv, const LusOutcomeColumns *columns, int row, GError **error);
