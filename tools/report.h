/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** Writes FOLDER/report.pdf and report.png on the exams at @paths (NULL-terminated) and prints their names. */
gboolean lus_tool_write_report(const char *folder, const char *const *paths, GError **error);
/** Removes what an earlier exam left beside the exam.json at @path: report and key frames, of its zones and of
 *  @exam's. */
void lus_tool_remove_report(const LusExam *exam, const char *path);
/** Writes the key frames of @exam's zones beside the exam.json at @path. */
gboolean lus_tool_write_keys(const LusKeyFrames *keys, const LusExam *exam, const char *path, GError **error);
