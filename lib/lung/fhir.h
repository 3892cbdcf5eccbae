/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include "../nn/api.h"

LUS_BEGIN_DECLS

/** The code system of the Observation's codes: local, since no public one has them. */
#define LUS_FHIR_SYSTEM "urn:lus:codes"

/** An exam.json as an HL7 FHIR R4 Observation (JSON, to be freed with g_free()): the S/F estimate with its interval, change and
 *  readmission, and each zone's frames and features as components with local codes and UCUM units; a value that is not valid has a
 *  dataAbsentReason and its reason in words. The subject is the exam's patient name, as an identifier, if it has one. @name is that
 *  of the exam's file, for messages. Error: @json is no exam of schema 1. */
LUS_API char *lus_fhir_from_exam(const char *json, gsize length, const char *name, GError **error);

LUS_END_DECLS
