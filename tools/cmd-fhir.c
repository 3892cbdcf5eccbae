/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#include <stdio.h>
#include <string.h>

#define EXAM_BYTES ((gsize)4 << 20)

static const char description[] =
  "EXAM is an exam.json of lus exam or lussfestimate, or its folder. Writes it as an HL7 FHIR R4 Observation; nothing is\n"
  "sent anywhere. docs/publishing.md tells the codes.\n\n"
  "Example: lus fhir exam/exam.json -o observation.json\n\n" LUS_NOTICE;

static gboolean convert(const char *input, const char *output, GError **error)
{
  g_autofree char *exam = lus_tool_exam_path(input);
  gsize length;
  g_autofree guint8 *data = lus_file_read(exam, EXAM_BYTES, &length, error);
  if (!data || !lus_tool_keeps(exam, output, error))
    return FALSE;
  g_autofree char *text = lus_fhir_from_exam((const char *)data, length, exam, error);
  return text && lus_file_write(output, text, strlen(text), error);
}

int lus_cmd_fhir(int argc, char **argv)
{
  char *output = NULL;
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "Observation to write (JSON)", "FILE"},
    G_OPTION_ENTRY_NULL};
  g_auto(GStrv) arguments = NULL;
  g_autoptr(GError) error = NULL;
  int code = lus_tool_parse(argc, argv, entries, "EXAM", description, 1, 1, &arguments);
  if (code == LUS_EXIT_DONE && !output)
    code = lus_tool_usage("fhir", "say where to write with -o FILE");
  else if (code == LUS_EXIT_DONE && !convert(arguments[0], output, &error))
    code = lus_tool_fail("fhir", g_steal_pointer(&error));
  g_free(output);
  return code;
}
