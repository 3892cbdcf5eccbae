/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** Writes FOLDER/report.pdf and report.png on the exams at @paths (NULL-terminated) and prints their names. */
gboolean lus_tool_write_report(const char *folder, const char *const *paths, GError **error);
/** Writes the key frames of @exam's zones beside the exam.json at @path; those of an earlier exam there are removed. */
gboolean lus_tool_write_keys(const LusKeyFrames *keys, const LusExam *exam, const char *path, GError **error);
