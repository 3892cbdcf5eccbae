/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inputs.h"
#include "tool.h"

#include <jansson.h>
#include <stdio.h>

static const char description[] =
  "Labels drawn in another program become those of a data set (docs/dataset.md), which is made or\n"
  "added to: nothing in it is lost or changed. SOURCE is a file, or a folder of them. Formats of --from:\n"
  "  cvat      XML for images or video, or a task's annotations.json; attribute 'confidence'\n"
  "  labelme   a JSON per frame; confidence as label@60 or in the description\n"
  "  coco      polygons and run lengths; confidence as attribute or score\n"
  "  slicer    AnnotateUltrasound's lines; needs --mm-per-pixel or --depth\n"
  "  layers    transparent PNG, opacity = confidence: CLIP_frame000012.CLASS.png\n"
  "  masks     grey PNG, the same names, or without class and a number per class\n"
  "  polygons  JSON of clip, frame, regions with class, confidence, polygon\n\n"
  "Example: lus import --from cvat annotations.xml --clips clips/ -o data --annotator anna --class-map bline=vertical_line";

typedef struct {
  char *from, *output, *annotator, *class_map, *offset, *patient, *zone, *split, *licence, *classes;
  char **clips;
  double line_width, mm_per_pixel, depth_cm;
  int day;
  gboolean partial, replace, dry_run, json;
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  const GOptionEntry entries[] = {
    {"from", 'f', 0, G_OPTION_ARG_STRING, &o->from, "cvat, labelme, coco, slicer, layers, masks or polygons", "FORMAT"},
    {"clips", 'c', 0, G_OPTION_ARG_FILENAME_ARRAY, &o->clips, "video file or folder; may be repeated", "PATH"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "the data set", "DATASET"},
    {"annotator", 'a', 0, G_OPTION_ARG_STRING, &o->annotator, "who drew it (default: as the source tells)", "NAME"},
    {"class-map", 'm', 0, G_OPTION_ARG_STRING, &o->class_map, "from=to,...; from= leaves a class out", "MAP"},
    {"partial", 0, 0, G_OPTION_ARG_NONE, &o->partial, "what isn't drawn is not labelled, instead of absent", NULL},
    {"replace", 0, 0, G_OPTION_ARG_NONE, &o->replace, "replace labels that differ, instead of an error", NULL},
    {"offset", 0, 0, G_OPTION_ARG_STRING, &o->offset, "where the clip was cut out of the picture drawn on", "X,Y"},
    {"line-width", 0, 0, G_OPTION_ARG_DOUBLE, &o->line_width, "pixels of lines without thickness (default 6)", "PIXELS"},
    {"mm-per-pixel", 0, 0, G_OPTION_ARG_DOUBLE, &o->mm_per_pixel,
     "Scale of the clips, kept in the data set; slicer needs it or --depth", "MM"},
    {"depth", 0, 0, G_OPTION_ARG_DOUBLE, &o->depth_cm, "slicer: depth of the fan, for the scale", "CM"},
    {"patient", 0, 0, G_OPTION_ARG_STRING, &o->patient, "patient of the only clip (default: from its name)", "NAME"},
    {"day", 0, 0, G_OPTION_ARG_INT, &o->day, "day of the only clip (default: from its name, else 1)", "DAY"},
    {"zone", 0, 0, G_OPTION_ARG_STRING, &o->zone, "zone of the only clip (default: from its name)", "ZONE"},
    {"split", 0, 0, G_OPTION_ARG_STRING, &o->split, "train, validation or test: split of new patients (default: dealt out, 70, 15 and 15 %)", "SPLIT"},
    {"classes", 0, 0, G_OPTION_ARG_STRING, &o->classes,
     "of a new data set (default: pleural_line,fascia_band,vertical_line, and a_line if it is drawn)", "A,B,..."},
    {"licence", 0, 0, G_OPTION_ARG_STRING, &o->licence, "licence of a new data set", "TEXT"},
    {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &o->dry_run, "only read the sources and count", NULL},
    {"json", 0, 0, G_OPTION_ARG_NONE, &o->json, "print the counts as JSON", NULL},
    G_OPTION_ENTRY_NULL};
  return lus_tool_parse(argc, argv, entries, "SOURCE...", description, 1, -1, arguments);
}

static void options_clear(Options *o)
{
  char *texts[] = {o->from, o->output, o->annotator, o->class_map, o->offset, o->patient, o->zone, o->split, o->licence, o->classes};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
  g_strfreev(o->clips);
}

static gboolean parse_split(int *split, const char *name)
{
  for (int i = 0; i < LUS_SPLIT_N; i++)
    if (g_str_equal(name, lus_split_name((LusSplit)i))) {
      *split = i;
      return TRUE;
    }
  return FALSE;
}

static gboolean parse_offset(LusImportConfig *config, const char *text)
{
  char *end = NULL;
  config->offset_x = g_ascii_strtod(text, &end);
  if (end == text || *end != ',')
    return FALSE;
  const char *second = end + 1;
  config->offset_y = g_ascii_strtod(second, &end);
  return end != second && *end == 0 && ABS(config->offset_x) < 1e5 && ABS(config->offset_y) < 1e5;
}

/** What is wrong with the options, or NULL. */
static const char *check(const Options *o, LusImportConfig *config, int *split)
{
  const LusImportFormat *f = lus_import_formats();
  while (o->from && f->name && !g_str_equal(f->name, o->from))
    f++;
  if (!o->from || !f->name)
    return "--from: is one of cvat, labelme, coco, slicer, layers, masks, polygons";
  if (!o->output && !o->dry_run)
    return "--output is needed";
  if (o->offset && !parse_offset(config, o->offset))
    return "--offset: give X,Y in pixels";
  if (o->split && !parse_split(split, o->split))
    return "--split: is one of train, validation, test";
  if (o->mm_per_pixel != 0 && !lus_mm_per_pixel_is_valid(o->mm_per_pixel))
    return "--mm-per-pixel is 0.001 to 10";
  if (o->mm_per_pixel != 0 && !o->clips && !o->dry_run && !g_str_equal(o->from, "slicer"))
    return "--mm-per-pixel is the scale of the clips in --clips; give them";
  if (o->split && !o->clips && !o->dry_run)
    return "--split is for new patients of the clips in --clips; give them";
  if (o->depth_cm != 0 && !g_str_equal(o->from, "slicer"))
    return "--depth is for --from slicer";
  if (o->line_width != 0 && !g_str_equal(o->from, "cvat") && !g_str_equal(o->from, "labelme"))
    return "--line-width is for --from cvat and labelme";
  if (!(o->line_width >= 0 && o->line_width <= 1000) || !(o->depth_cm >= 0 && o->depth_cm <= 100) || o->day < 0)
    return "--line-width is up to 1000 pixels, --depth up to 100 cm, --day not negative";
  return NULL;
}

static int count_names(const LusRegions *regions, json_t *classes, json_t *annotators)
{
  int drawn = 0;
  for (guint i = 0; i < regions->list->len; i++) {
    const LusRegion *r = &g_array_index(regions->list, LusRegion, i);
    json_t *objects[] = {classes, annotators};
    const char *names[] = {r->class_name, r->class_name ? r->annotator : NULL};
    for (int k = 0; k < 2; k++)
      if (names[k])
        json_object_set_new(objects[k], names[k],
                            json_integer(json_integer_value(json_object_get(objects[k], names[k])) + 1));
    drawn += r->class_name != NULL;
  }
  return drawn;
}

static void print_result(const Options *o, const LusRegions *regions, const LusImportResult *result)
{
  json_t *classes = json_object(), *annotators = json_object();
  int drawn = count_names(regions, classes, annotators);
  if (o->json) {
    json_t *root = json_pack("{s:s, s:i, s:o, s:o, s:i, s:i, s:i, s:i}", "notice", LUS_NOTICE, "regions", drawn,
                             "classes", classes, "annotators", annotators, "frames", result->frames, "clips_added",
                             result->clips, "labels_written", result->written, "labels_kept", result->kept);
    char *text = json_dumps(root, JSON_INDENT(1));
    puts(text ? text : "{}");
    free(text);
    json_decref(root);
    return;
  }
  printf("%d regions\n", drawn);
  const char *name;
  json_t *value;
  json_object_foreach(classes, name, value)
    printf("  %s: %d\n", name, (int)json_integer_value(value));
  if (!o->dry_run)
    printf("%s: %d clips added, %d frames, %d labels written, %d were there already\n"
           "patients: %d train, %d validation, %d test\n", o->output, result->clips, result->frames, result->written,
           result->kept, result->patients[LUS_SPLIT_TRAIN], result->patients[LUS_SPLIT_VALIDATION],
           result->patients[LUS_SPLIT_TEST]);
  json_decref(classes);
  json_decref(annotators);
}

static void tell_unheeded(const GPtrArray *unheeded)
{
  for (guint i = 0; i < unheeded->len; i++)
    fprintf(stderr, "lus import: %s\n", (const char *)unheeded->pdata[i]);
}

static gboolean write_out(LusImportResult *result, const Options *o, const LusRegions *regions, int split,
                          GError **error)
{
  g_autoptr(GPtrArray) inputs = o->clips ? lus_tool_inputs(o->clips, error) : NULL;
  if (o->clips && !inputs)
    return FALSE;
  guint n = inputs ? inputs->len : 0;
  g_autofree char **clips = g_new0(char *, n + 1); /* the paths are the inputs' */
  for (guint i = 0; i < n; i++)
    clips[i] = ((LusToolInput *)inputs->pdata[i])->path;
  if ((o->patient || o->zone || o->day) && n != 1) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "--patient, --zone and --day are for a single clip in --clips");
    return FALSE;
  }
  g_auto(GStrv) classes = o->classes ? g_strsplit(o->classes, ",", -1) : NULL;
  g_autoptr(GPtrArray) unheeded = g_ptr_array_new_with_free_func(g_free);
  LusToolProgress *progress = lus_tool_progress_new();
  LusImportTarget target = {.path = o->output, .clips = clips, .patient = o->patient, .zone = o->zone, .day = o->day,
                            .split = split, .mm_per_pixel = o->mm_per_pixel, .licence = o->licence,
                            .classes = classes, .partial = o->partial, .replace = o->replace,
                            .open = lus_tool_open_clip, .progress = lus_tool_progress, .progress_data = progress, .unheeded = unheeded};
  gboolean ok = lus_import_write(result, regions, &target, error);
  lus_tool_progress_free(progress);
  tell_unheeded(unheeded);
  return ok;
}

static void tell_skipped(const Options *o, const GPtrArray *skipped)
{
  if (skipped->len > 0)
    fprintf(stderr, "lus import: %s%s: left out, not of format %s\n", (const char *)skipped->pdata[0],
            skipped->len > 1 ? " and others" : "", o->from);
}

/** A pattern behind --clips that the shell has taken apart leaves all but the first clip among the sources. */
static gboolean check_sources(char **sources, GError **error)
{
  for (; *sources; sources++)
    if (lus_tool_is_video(*sources)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: is a clip, not labels; give --clips a folder, a pattern in "
                  "quotes, or each clip with a --clips of its own", *sources);
      return FALSE;
    }
  return TRUE;
}

static gboolean import(const Options *o, LusImportConfig *config, int split, char **sources, GError **error)
{
  g_auto(GStrv) map = o->class_map ? g_strsplit(o->class_map, ",", -1) : NULL;
  config->annotator = o->annotator;
  config->class_map = map;
  config->line_width = o->line_width;
  config->mm_per_pixel = o->mm_per_pixel;
  config->depth_mm = o->depth_cm * 10;
  g_autoptr(LusRegions) regions = lus_regions_new();
  g_autoptr(GPtrArray) skipped = g_ptr_array_new_with_free_func(g_free);
  LusImportResult result = {0};
  config->skipped = skipped;
  if (!check_sources(sources, error))
    return FALSE;
  for (int i = 0; sources[i]; i++)
    if (!lus_import_read(regions, o->from, sources[i], config, error))
      return FALSE;
  tell_skipped(o, skipped);
  if (!o->dry_run && !write_out(&result, o, regions, split, error))
    return FALSE;
  print_result(o, regions, &result);
  return TRUE;
}

int lus_cmd_import(int argc, char **argv)
{
  Options o = {0};
  LusImportConfig config = {0};
  int split = LUS_SPLIT_N;
  g_auto(GStrv) arguments = NULL;
  int code = parse(&o, argc, argv, &arguments);
  const char *wrong = code == LUS_EXIT_DONE ? check(&o, &config, &split) : NULL;
  if (wrong) {
    code = lus_tool_usage("import", wrong);
  } else if (code == LUS_EXIT_DONE) {
    GError *error = NULL;
    if (!import(&o, &config, split, arguments, &error))
      code = lus_tool_fail("import", error);
  }
  options_clear(&o);
  return code;
}
