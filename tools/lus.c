/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static const LusCommand commands[] = {
  {"simulate", "write a simulated data set with ground truth and expert labels", lus_cmd_simulate},
  {"import", "labels of CVAT, LabelMe, COCO, 3D Slicer, paint programs into a data set", lus_cmd_import},
  {"export", "a data set's labels as COCO, CVAT or layers", lus_cmd_export},
  {"check", "look for everything that is wrong with a data set", lus_cmd_check},
  {"train", "train a segmentation network on a data set", lus_cmd_train},
  {"evaluate", "compare a model with a data set's labels", lus_cmd_evaluate},
  {"sweep", "train and compare target methods over folds of patients, with a report", lus_cmd_sweep},
  {"quantize", "make a model of 8-bit integers from one in floats", lus_cmd_quantize},
  {"agree", "tell how far a data set's annotators agree, and their scales", lus_cmd_agree},
  {"fuse", "make one annotator out of several", lus_cmd_fuse},
  {"fpn", "write a segmentation network with random weights, for measuring", lus_cmd_fpn},
  {"live", "conduct an exam at the bedside: window, zones, results, recording", lus_cmd_live},
  {"segment", "segment video files: frames.jsonl, masks, confidences, overlay", lus_cmd_segment},
  {"mask", "masks at another threshold from stored confidences, without the model", lus_cmd_mask},
  {"merge", "one table out of those of several runs", lus_cmd_merge},
  {"features", "measure lung features of video files into a table", lus_cmd_features},
  {"fit", "fit the S/F estimator on features and outcomes", lus_cmd_fit},
  {"exam", "make an exam with its S/F estimate from the clips of one patient and day", lus_cmd_exam},
  {"report", "draw a page on an exam and its trend, as PDF and PNG", lus_cmd_report},
  {"fhir", "write an exam as an HL7 FHIR R4 Observation", lus_cmd_fhir},
  {"info", "tell what a model file holds", lus_cmd_info},
  {"infer", "run a model's network on a tensor in an NPY file", lus_cmd_infer},
  {"bench", "measure a network's speed, memory and loading time", lus_cmd_bench},
};

static void print_help(FILE *out)
{
  fputs("Usage: lus COMMAND [OPTION...] [ARGUMENT...]\n\n"
        "Lung-ultrasound segmentation, learning and lung features.\n\nCommands:\n", out);
  for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
    fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
  fputs("\n'lus COMMAND --help' tells a command's options and shows an example:\n"
        "  lus segment clip.mp4 -o results --overlay\n\n"
        "Exit codes: 0 done, 1 input or run error, 2 usage.\n" LUS_NOTICE "\n", out);
}

/** Levenshtein distance of two short words. */
static guint edit_distance(const char *a, const char *b)
{
  gsize n = strlen(b);
  guint row[32];
  if (n >= G_N_ELEMENTS(row))
    return G_MAXUINT;
  for (guint j = 0; j <= n; j++)
    row[j] = j;
  for (guint i = 1; *a; a++, i++) {
    guint diagonal = row[0];
    row[0] = i;
    for (gsize j = 1; j <= n; j++) {
      guint replaced = diagonal + (*a != b[j - 1]);
      diagonal = row[j];
      row[j] = MIN(replaced, MIN(row[j], row[j - 1]) + 1);
    }
  }
  return row[n];
}

static int unknown_command(const char *name)
{
  const char *nearest = NULL;
  guint best = 3; /* further away, a suggestion would be noise */
  for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
    guint distance = edit_distance(name, commands[i].name);
    if (distance < best) {
      best = distance;
      nearest = commands[i].name;
    }
  }
  fprintf(stderr, "lus: unknown command '%s'", name);
  if (nearest)
    fprintf(stderr, "; did you mean '%s'?", nearest);
  fputs("\nTry 'lus --help'.\n", stderr);
  return LUS_EXIT_USAGE;
}

static int run(int argc, char **argv)
{
  if (argc < 2) {
    print_help(stderr);
    return LUS_EXIT_USAGE;
  }
  const char *name = argv[1];
  if (g_str_equal(name, "--help") || g_str_equal(name, "-h") || g_str_equal(name, "help")) {
    print_help(stdout);
    return LUS_EXIT_DONE;
  }
  if (g_str_equal(name, "--version")) {
    printf("lus %s\n%s\n", lus_version(), LUS_NOTICE);
    return LUS_EXIT_DONE;
  }
  for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
    if (!g_str_equal(name, commands[i].name))
      continue;
    g_autofree char *full_name = g_strdup_printf("lus %s", name);
    argv[1] = full_name;
    return commands[i].run(argc - 1, argv + 1);
  }
  return unknown_command(name);
}

int main(int argc, char **argv)
{
  /* The terminal's characters, but not its decimal comma. */
  setlocale(LC_CTYPE, "");
  int code = run(argc, argv);
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout))
    return code;
  g_printerr("lus: standard output: cannot write: %s\n", errno ? g_strerror(errno) : "an earlier write failed");
  return MAX(code, LUS_EXIT_ERROR);
}
