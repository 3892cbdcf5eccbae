/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "report.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>

#define PDF_NAME "report.pdf"
#define PNG_NAME "report.png"

static const char description[] =
  "EXAM is an exam.json, or a folder with one, as 'lus exam' writes it with the key frames beside it\n"
  "(--report). Of several exams, which must be one patient's on different days, the latest is\n"
  "reported and the others give the trend. Writes DIR/report.pdf and DIR/report.png.\n\n"
  "Example: lus report day1 day2 -o day2";

static void remove_keys(const LusExam *exam, const char *path)
{
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    lus_exam_get_zone(exam, i, &zone);
    g_autofree char *key = lus_report_key_path(path, zone.name);
    if (key)
      g_unlink(key);
  }
}

void lus_tool_remove_report(const LusExam *exam, const char *path)
{
  static const char *const names[] = {PDF_NAME, PNG_NAME};
  g_autofree char *folder = g_path_get_dirname(path);
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *file = g_build_filename(folder, names[i], NULL);
    g_unlink(file);
  }
  g_autoptr(LusExamFile) earlier = lus_exam_file_read(path, NULL);
  if (earlier)
    remove_keys(earlier->exam, path); /* @exam may lack its zones */
  remove_keys(exam, path);
}

gboolean lus_tool_write_keys(const LusKeyFrames *keys, const LusExam *exam, const char *path, GError **error)
{
  for (int i = 0; i < lus_exam_n_zones(exam); i++) {
    LusZone zone;
    GByteArray *png;
    lus_exam_get_zone(exam, i, &zone);
    g_autofree char *key = lus_report_key_path(path, zone.name);
    if (!key)
      continue;
    if (!lus_key_frames_png(keys, &png, i, zone.features, error))
      return FALSE;
    if (!png)
      continue;
    gboolean done = lus_file_write(key, png->data, png->len, error);
    g_byte_array_unref(png);
    if (!done)
      return FALSE;
  }
  return TRUE;
}

static gboolean write_bytes(const char *folder, const char *name, GByteArray *bytes, GError **error)
{
  if (!bytes)
    return FALSE;
  g_autofree char *path = g_build_filename(folder, name, NULL);
  gboolean done = lus_file_write(path, bytes->data, bytes->len, error);
  g_byte_array_unref(bytes);
  if (done)
    printf("%s\n", path);
  return done;
}

gboolean lus_tool_write_report(const char *folder, const char *const *paths, GError **error)
{
  g_autoptr(LusReport) report = lus_report_load(paths, error);
  return report && write_bytes(folder, PDF_NAME, lus_report_pdf(report, error), error) &&
         write_bytes(folder, PNG_NAME, lus_report_png(report, error), error);
}

static gboolean report(const char *folder, char *const *inputs, GError **error)
{
  g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
  for (int i = 0; inputs[i]; i++)
    g_ptr_array_add(paths, lus_tool_exam_path(inputs[i]));
  g_ptr_array_add(paths, NULL);
  if (g_mkdir_with_parents(folder, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot create the folder: %s; give another one with -o", folder,
                g_strerror(errno));
    return FALSE;
  }
  if (!lus_tool_write_report(folder, (const char *const *)paths->pdata, error))
    return FALSE;
  printf("%s\n", LUS_NOTICE);
  return TRUE;
}

int lus_cmd_report(int argc, char **argv)
{
  char *output = NULL;
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Folder for report.pdf and report.png", "DIR"},
    G_OPTION_ENTRY_NULL};
  g_auto(GStrv) inputs = NULL;
  g_autoptr(GError) error = NULL;
  int code = lus_tool_parse(argc, argv, entries, "EXAM...", description, 1, -1, &inputs);
  if (code == LUS_EXIT_DONE && !output)
    code = lus_tool_usage("report", "say where to write with -o DIR");
  else if (code == LUS_EXIT_DONE && !report(output, inputs, &error))
    code = lus_tool_fail("report", g_steal_pointer(&error));
  g_free(output);
  return code;
}
