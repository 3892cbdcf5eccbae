/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "samples.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

static const char description[] =
  "Tells how far a data set's annotators agree, per class and pair of them: Dice and Cohen's\n"
  "kappa of the masks at each level, ICC of the confidences; then again with everyone on a\n"
  "common scale, fitted on the frames that several have labelled (docs/experts.md).\n\n"
  "Example: lus agree data --json > agreement.json";

typedef struct {
  char *experts, *reference;
  gboolean json;
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  const GOptionEntry entries[] = {
    {"experts", 0, 0, G_OPTION_ARG_STRING, &o->experts, "Annotators to compare (default: all that are not fused)",
     "A,B,..."},
    {"reference", 0, 0, G_OPTION_ARG_STRING, &o->reference,
     "Whose scale is the common one (default: the annotators' mean)", "NAME"},
    {"json", 0, 0, G_OPTION_ARG_NONE, &o->json, "Print JSON", NULL},
    {0}};
  return lus_tool_parse(argc, argv, entries, "DATASET", description, 1, 1, arguments);
}

static json_t *figure(double value)
{
  return isnan(value) ? json_null() : json_real(value);
}

static json_t *pair_json(const LusPairAgreement *p)
{
  json_t *dice = json_array(), *kappa = json_array();
  for (int i = 0; i < LUS_AGREEMENT_LEVELS; i++) {
    json_array_append_new(dice, figure(p->dice[i]));
    json_array_append_new(kappa, figure(p->kappa[i]));
  }
  return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "frames", (json_int_t)p->frames, "pixels",
                   (json_int_t)p->pixels, "dice", dice, "kappa", kappa, "icc", figure(p->icc), "icc_area",
                   figure(p->icc_area), "difference_percent", figure(p->difference));
}

static json_t *scales_json(const LusAgreement *a)
{
  json_t *scales = json_object();
  for (int i = 0; i < a->n_annotators; i++) {
    json_t *to = json_array();
    for (int q = 0; q <= 100; q++)
      json_array_append_new(to, json_integer(a->scales[i].to[q]));
    json_object_set_new(scales, a->annotators[i],
                        json_pack("{s:I, s:o}", "pixels", (json_int_t)a->scales[i].pixels, "to_percent", to));
  }
  return scales;
}

static void print_json(const LusAgreement *a, const char *data, const char *reference)
{
  json_t *classes = json_object(), *levels = json_array();
  for (int i = 0; i < LUS_AGREEMENT_LEVELS; i++)
    json_array_append_new(levels, json_integer(100 / (LUS_AGREEMENT_LEVELS - 1) * i));
  for (int k = 0; k < a->n_classes; k++) {
    json_t *pairs = json_array();
    for (int i = 0; i < a->n_annotators; i++)
      for (int j = i + 1; j < a->n_annotators; j++) {
        int index = k * a->n_pairs + lus_agreement_pair(a, i, j);
        json_array_append_new(pairs, json_pack("{s:[s,s], s:o, s:o}", "annotators", a->annotators[i], a->annotators[j],
                                               "own_scales", pair_json(&a->own[index]), "common_scale",
                                               pair_json(&a->common[index])));
      }
    json_object_set_new(classes, a->classes[k], pairs);
  }
  g_autofree char *name = g_filename_display_name(data);
  json_t *root = json_pack("{s:s, s:s, s:s, s:s?, s:o, s:o, s:o}", "lus", lus_version(), "notice", LUS_NOTICE, "data",
                           name, "reference", reference, "levels_percent", levels, "classes", classes, "scales",
                           scales_json(a));
  char *text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
  puts(text);
  free(text);
  json_decref(root);
}

static void print_figure(double value, int decimals)
{
  if (isnan(value))
    printf(" %8s", "-");
  else
    printf(" %8.*f", decimals, value);
}

static void print_pair(const char *name, const char *pair, const char *scale, const LusPairAgreement *p)
{
  static const int shown[] = {0, 2, 6, 10};
  printf("%-15s %-21s %-6s %6" G_GINT64_FORMAT, name, pair, scale, p->frames);
  for (gsize i = 0; i < G_N_ELEMENTS(shown); i++)
    print_figure(p->dice[shown[i]], 3);
  print_figure(p->kappa[6], 3);
  print_figure(p->icc, 3);
  print_figure(p->icc_area, 3);
  print_figure(p->difference, 1);
  putchar('\n');
}

static void print_table(const LusAgreement *a)
{
  printf("%-15s %-21s %-6s %6s %8s %8s %8s %8s %8s %8s %8s %8s\n", "class", "annotators", "scale", "frames", "dice@0",
         "dice@20", "dice@60", "dice@100", "kappa@60", "icc", "icc area", "differ");
  for (int k = 0; k < a->n_classes; k++)
    for (int i = 0; i < a->n_annotators; i++)
      for (int j = i + 1; j < a->n_annotators; j++) {
        int index = k * a->n_pairs + lus_agreement_pair(a, i, j);
        g_autofree char *pair = g_strdup_printf("%s %s", a->annotators[i], a->annotators[j]);
        print_pair(a->classes[k], pair, "own", &a->own[index]);
        print_pair("", "", "common", &a->common[index]);
      }
  printf("\n%-21s %9s", "what they call", "pixels");
  for (int q = 10; q <= 100; q += 10)
    printf(" %4d", q);
  puts("  is on the common scale");
  for (int i = 0; i < a->n_annotators; i++) {
    printf("%-21s %9" G_GINT64_FORMAT, a->annotators[i], a->scales[i].pixels);
    for (int q = 10; q <= 100; q += 10)
      printf(" %4d", a->scales[i].to[q]);
    putchar('\n');
  }
}

static gboolean agree(const Options *o, const char *data, GError **error)
{
  g_autoptr(LusDataset) dataset = lus_dataset_load(data, error);
  if (!dataset || !lus_tool_select_experts(dataset, o->experts, error))
    return FALSE;
  LusToolProgress *progress = lus_tool_progress_new();
  g_autoptr(LusAgreement) a = lus_agreement_measure(dataset, o->reference, lus_tool_progress, progress, error);
  lus_tool_progress_free(progress);
  if (!a)
    return FALSE;
  if (o->json)
    print_json(a, data, o->reference);
  else
    print_table(a);
  return TRUE;
}

int lus_cmd_agree(int argc, char **argv)
{
  Options o = {0};
  g_auto(GStrv) arguments = NULL;
  int code = parse(&o, argc, argv, &arguments);
  GError *error = NULL;
  if (code == LUS_EXIT_DONE && !agree(&o, arguments[0], &error))
    code = lus_tool_fail("agree", error);
  g_free(o.experts);
  g_free(o.reference);
  return code;
}
