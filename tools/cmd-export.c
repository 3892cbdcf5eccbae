/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#include <stdio.h>

static const char description[] =
  "Writes a data set's labels for other programs (docs/dataset.md), a file per annotator, for layers a\n"
  "folder per annotator and clip. 'lus import --from' reads each of them back without a change.\n\n"
  "Example: lus export data --to coco -o exported";

int lus_cmd_export(int argc, char **argv)
{
  g_autofree char *to = NULL, *output = NULL;
  const GOptionEntry entries[] = {{"to", 't', 0, G_OPTION_ARG_STRING, &to, "coco, cvat or layers", "FORMAT"},
                                  {"output", 'o', 0, G_OPTION_ARG_FILENAME, &output, "folder", "DIR"},
                                  G_OPTION_ENTRY_NULL};
  g_auto(GStrv) arguments = NULL;
  int code = lus_tool_parse(argc, argv, entries, "DATASET", description, 1, 1, &arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  if (!to || !output)
    return lus_tool_usage("export", "--to and --output are needed");
  GError *error = NULL;
  int n = 0;
  g_autoptr(LusDataset) dataset = lus_dataset_load(arguments[0], &error);
  LusToolProgress *progress = lus_tool_progress_new();
  gboolean ok = dataset && lus_export(dataset, to, output, &n, lus_tool_progress, progress, &error);
  lus_tool_progress_free(progress);
  if (!ok)
    return lus_tool_fail("export", error);
  printf("%s: %d files\n", output, n);
  return LUS_EXIT_DONE;
}
