/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "samples.h"

#include <stdio.h>

static const char description[] =
  "Makes one annotator out of several: NAME becomes a folder of DATASET's labels/ that holds the\n"
  "fused confidences and, in fusion.json, how they came about (docs/experts.md). Other commands\n"
  "use it when it is named, for example lus train DATASET --experts NAME.\n\n"
  "Example: lus fuse data --method staple --standardise -o consensus";

typedef struct {
  char *output, *method, *experts, *reference;
  gboolean standardise;
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_STRING, &o->output, "Name of the fused annotator", "NAME"},
    {"method", 0, 0, G_OPTION_ARG_STRING, &o->method, "mean, median, maximum or staple (default mean)", "METHOD"},
    {"standardise", 0, 0, G_OPTION_ARG_NONE, &o->standardise, "Put everyone on a common scale first", NULL},
    {"experts", 0, 0, G_OPTION_ARG_STRING, &o->experts, "Annotators to fuse (default: all that are not fused)",
     "A,B,..."},
    {"reference", 0, 0, G_OPTION_ARG_STRING, &o->reference,
     "Whose scale is the common one (default: the annotators' mean)", "NAME"},
    {0}};
  return lus_tool_parse(argc, argv, entries, "DATASET", description, 1, 1, arguments);
}

static gboolean fuse(const Options *o, const LusFuseConfig *config, const char *data, int *frames, GError **error)
{
  g_autoptr(LusDataset) dataset = lus_dataset_load(data, error);
  return dataset && lus_tool_select_experts(dataset, o->experts, error) &&
         lus_dataset_fuse(dataset, o->output, config, frames, error);
}

int lus_cmd_fuse(int argc, char **argv)
{
  Options o = {0};
  g_auto(GStrv) arguments = NULL;
  g_autofree char *command = lus_tool_command_text(argc, argv);
  int code = parse(&o, argc, argv, &arguments);
  g_autoptr(GError) error = NULL;
  LusFuseConfig config = {.standardise = o.standardise, .reference = o.reference, .command = command};
  if (code == LUS_EXIT_DONE && !o.output)
    code = lus_tool_usage("fuse", "no output; name the fused annotator with -o NAME");
  if (code == LUS_EXIT_DONE && o.reference && !o.standardise)
    code = lus_tool_usage("fuse", "--reference is for --standardise");
  if (code == LUS_EXIT_DONE && !lus_fuse_parse(&config.method, o.method ? o.method : "mean", &error))
    code = lus_tool_usage("fuse", error->message);
  if (code == LUS_EXIT_DONE) {
    int frames = 0;
    LusToolProgress *progress = lus_tool_progress_new();
    config.progress = lus_tool_progress;
    config.progress_data = progress;
    gboolean ok = fuse(&o, &config, arguments[0], &frames, &error);
    lus_tool_progress_free(progress);
    if (ok)
      printf("%s/labels/%s: %d frames, %s\n", arguments[0], o.output, frames, lus_fuse_name(config.method));
    else
      code = lus_tool_fail("fuse", g_steal_pointer(&error));
  }
  g_free(o.output);
  g_free(o.method);
  g_free(o.experts);
  g_free(o.reference);
  return code;
}
