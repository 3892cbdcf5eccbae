/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#include <jansson.h>
#include <stdio.h>

static const char description[] =
  "Looks at all of a data set (docs/dataset.md): patients in two splits, labels without clip, of the\n"
  "wrong size, of an unknown class or beyond the clip's end, clips that cannot be read, duplicates,\n"
  "damaged tables. Each finding is told with its place and remedy; exit 1 if there is any.\n\n"
  "Example: lus check data";

/** Findings go out as they come, or into a list for JSON. */
typedef struct {
  LusToolProgress *progress;
  json_t *list;
} Findings;

static void found(gpointer user_data, const char *place, const char *text, const char *remedy)
{
  Findings *f = user_data;
  if (f->list) {
    json_t *one = json_pack("{s:s, s:s, s:s}", "place", place, "finding", text, "remedy", remedy);
    json_array_append_new(f->list, one ? one : json_pack("{s:s, s:s, s:s}", "place", "a name that is not UTF-8",
                                                         "finding", "cannot be told", "remedy", remedy));
    return;
  }
  lus_tool_progress_end(f->progress);
  printf("%s: %s; %s\n", place, text, remedy);
}

static void print_json(json_t *findings, const LusCheckSummary *s)
{
  json_t *root = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:O}", "notice", LUS_NOTICE, "clips", s->clips, "pictures",
                           s->pictures, "annotators", s->annotators, "labelled_frames", s->frames, "labels", s->labels,
                           "findings", findings);
  char *text = json_dumps(root, JSON_INDENT(1));
  puts(text ? text : "{}");
  free(text);
  json_decref(root);
}

int lus_cmd_check(int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {{"json", 0, 0, G_OPTION_ARG_NONE, &json, "print JSON", NULL}, G_OPTION_ENTRY_NULL};
  g_auto(GStrv) arguments = NULL;
  int code = lus_tool_parse(argc, argv, entries, "DATASET", description, 1, 1, &arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  GError *error = NULL;
  LusCheckSummary summary;
  Findings findings = {.progress = lus_tool_progress_new(), .list = json ? json_array() : NULL};
  int n = lus_dataset_check(&summary, arguments[0], lus_tool_open_clip, NULL, found, &findings, lus_tool_progress,
                            findings.progress, &error);
  lus_tool_progress_free(findings.progress);
  if (n >= 0 && json)
    print_json(findings.list, &summary);
  else if (n >= 0)
    printf("%s: %d clips of %d pictures, %d annotators, %d labelled frames, %d labels; %d findings\n", arguments[0],
           summary.clips, summary.pictures, summary.annotators, summary.frames, summary.labels, n);
  json_decref(findings.list);
  if (n < 0)
    return lus_tool_fail("check", error);
  return n > 0 ? LUS_EXIT_ERROR : LUS_EXIT_DONE;
}
