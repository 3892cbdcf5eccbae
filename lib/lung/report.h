/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "exam-file.h"

LUS_BEGIN_DECLS

/** One page (A4) on one exam: zones on a sketch of the thorax, estimates with intervals or the reason why there is none,
 *  trend over earlier exams, key frames, numbers, notice and hashes (docs/exam.md). */
typedef struct _LusReport LusReport;

/** @paths: NULL-terminated, exam.json files of one patient on different days, at most 64; the latest day is reported.
 *  Key frames are read from beside it (lus_report_key_path()); where one is missing the report says so. Errors: those of
 *  lus_exam_file_read(); two patients; a day twice, or unknown among several; a key frame that is no PNG. */
LUS_API LusReport *lus_report_load(const char *const *paths, GError **error);
LUS_API void lus_report_free(LusReport *report);

/** The page as a file's bytes, PNG at 150 dots per inch. Errors: out of memory. */
LUS_API GByteArray *lus_report_pdf(const LusReport *report, GError **error);
LUS_API GByteArray *lus_report_png(const LusReport *report, GError **error);

/** Where the key frame of a zone lies beside an exam.json: "key-R1.png". Newly allocated; NULL for a zone whose name is
 *  not made of letters and digits. */
LUS_API char *lus_report_key_path(const char *exam_path, const char *zone);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LusReport, lus_report_free)

LUS_END_DECLS
