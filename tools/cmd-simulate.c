/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "samples.h"

#include <stdio.h>
#include <string.h>

static const char description[] =
  "Writes a simulated data set: patients with six zones on two days, what several simulated\n"
  "experts say of each clip's first frame, and outcomes (docs/dataset.md). A stopped run goes on\n"
  "when it is repeated. With --stills: single pictures with their labels as PNG, to look at.\n\n"
  "Example: lus simulate --patients 20 --seed 1 -o data";

typedef struct {
  char *output, *size;
  int patients, stills, frames, experts;
  gint64 seed;
  gboolean preview;
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  *o = (Options){.seed = 1, .frames = 30, .experts = 2};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "Folder to write to", "DIR"},
    {"patients", 0, 0, G_OPTION_ARG_INT, &o->patients, "How many patients", "N"},
    {"stills", 0, 0, G_OPTION_ARG_INT, &o->stills, "Write N single pictures with labels instead", "N"},
    {"preview", 0, 0, G_OPTION_ARG_NONE, &o->preview,
     "Beside each single picture the same with its labels in colour, as strong as they are sure", NULL},
    {"seed", 0, 0, G_OPTION_ARG_INT64, &o->seed, "Everything follows from it (default 1)", "N"},
    {"frames", 0, 0, G_OPTION_ARG_INT, &o->frames, "Frames per clip, 25 a second (default 30)", "N"},
    {"size", 0, 0, G_OPTION_ARG_STRING, &o->size, "Frame size (default 350x350)", "WxH"},
    {"experts", 0, 0, G_OPTION_ARG_INT, &o->experts, "How many experts label (default 2)", "N"},
    {0}};
  return lus_tool_parse(argc, argv, entries, "", description, 0, 0, arguments);
}

/** The picture, and right of it the same with each class in its colour, mixed in by its confidence; where nobody could
 *  tell, white dots. */
static gboolean write_preview(const char *path, const guint8 *gray, const guint8 *labels, int width, int height,
                              GError **error)
{
  static const guint8 colours[LUS_PHANTOM_CLASSES][3] = {{255, 80, 60}, {80, 160, 255}, {255, 220, 0}};
  gsize n = (gsize)width * height;
  g_autofree guint8 *out = g_malloc_n(n, 6);
  for (gsize i = 0; i < n; i++) {
    gsize x = i % (gsize)width, y = i / (gsize)width;
    guint8 *plain = out + (y * 2 * (gsize)width + x) * 3, *coloured = plain + (gsize)width * 3;
    for (int c = 0; c < 3; c++)
      plain[c] = coloured[c] = gray[i];
    for (int k = 0; k < LUS_PHANTOM_CLASSES; k++) {
      int percent = labels[k * n + i];
      for (int c = 0; c < 3 && percent <= 100; c++)
        coloured[c] = (guint8)((coloured[c] * (100 - percent) + colours[k][c] * percent + 50) / 100);
      if (percent > 100 && x % 4 == 0 && y % 4 == 0)
        memset(coloured, 255, 3);
    }
  }
  return lus_png_write(path, out, 2 * width, height, 6 * width, 3, error);
}

static gboolean write_still(const Options *o, LusPhantomConfig *config, guint8 *memory, int number, GError **error)
{
  static const char *const classes[LUS_PHANTOM_CLASSES] = {"pleural_line", "fascia_band", "vertical_line"};
  config->stream = (guint64)number;
  LusPhantom *phantom = lus_phantom_new(config, error);
  if (!phantom)
    return FALSE;
  gsize n = (gsize)config->width * config->height;
  guint8 *labels = memory + n;
  lus_phantom_render(phantom, 0, memory, config->width, labels);
  lus_phantom_free(phantom);
  g_autofree char *name = g_strdup_printf("still%06d.png", number);
  g_autofree char *path = g_build_filename(o->output, name, NULL);
  if (!lus_png_write(path, memory, config->width, config->height, config->width, 1, error))
    return FALSE;
  g_autofree char *preview_name = g_strdup_printf("still%06d.preview.png", number);
  g_autofree char *preview = g_build_filename(o->output, preview_name, NULL);
  if (o->preview && !write_preview(preview, memory, labels, config->width, config->height, error))
    return FALSE;
  for (int k = 0; k < LUS_PHANTOM_CLASSES; k++) {
    g_autofree char *label_name = g_strdup_printf("still%06d.%s.png", number, classes[k]);
    g_autofree char *label_path = g_build_filename(o->output, label_name, NULL);
    if (!lus_label_write(label_path, labels + k * n, config->width, config->height, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean write_stills(const Options *o, int width, int height, LusToolProgress *progress, GError **error)
{
  if (g_mkdir_with_parents(o->output, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make the folder", o->output);
    return FALSE;
  }
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  config.seed = (guint64)o->seed;
  config.width = width;
  config.height = height;
  g_autofree guint8 *memory = g_malloc_n(1 + LUS_PHANTOM_CLASSES, (gsize)width * height);
  for (int i = 0; i < o->stills; i++) {
    if (!write_still(o, &config, memory, i, error))
      return FALSE;
    if (!lus_tool_progress(progress, "simulating", i + 1, o->stills)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "stopped after %d of %d stills", i + 1, o->stills);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean write_dataset(const Options *o, int width, int height, LusToolProgress *progress, GError **error)
{
  const LusSimulateConfig config = {.patients = o->patients,
                                    .seed = (guint64)o->seed,
                                    .frames = o->frames,
                                    .width = width,
                                    .height = height,
                                    .experts = o->experts,
                                    .create = lus_tool_create_clip,
                                    .progress = lus_tool_progress,
                                    .progress_data = progress};
  return lus_dataset_simulate(o->output, &config, error);
}

/** What is wrong with the options, or NULL. */
static const char *check(const Options *o, int *width, int *height)
{
  if (!o->output)
    return "no output; say where to write with -o DIR";
  if ((o->patients > 0) == (o->stills > 0))
    return "say either --patients N or --stills N";
  if (o->preview && o->stills <= 0)
    return "--preview is for --stills";
  if (o->seed < 0)
    return "--seed: must not be negative";
  if (o->frames < 1 || o->experts < 1)
    return "--frames and --experts are at least 1";
  *width = *height = 350;
  if (o->size && (!lus_tool_parse_size(o->size, width, height) || *width < LUS_FRAME_MIN || *height < LUS_FRAME_MIN ||
                  *width > 2048 || *height > 2048))
    return "--size: write for example 350x350; sides are 16 to 2048";
  return NULL;
}

int lus_cmd_simulate(int argc, char **argv)
{
  Options o;
  g_auto(GStrv) arguments = NULL;
  int width = 0, height = 0;
  int code = parse(&o, argc, argv, &arguments);
  const char *wrong = code == LUS_EXIT_DONE ? check(&o, &width, &height) : NULL;
  if (wrong) {
    code = lus_tool_usage("simulate", wrong);
  } else if (code == LUS_EXIT_DONE) {
    GError *error = NULL;
    LusToolProgress *progress = lus_tool_progress_new();
    gboolean ok = o.stills > 0 ? write_stills(&o, width, height, progress, &error)
                               : write_dataset(&o, width, height, progress, &error);
    lus_tool_progress_free(progress);
    if (ok)
      printf("%s: %d %s, seed %" G_GINT64_FORMAT "\n", o.output, MAX(o.stills, o.patients),
             o.stills > 0 ? "stills" : "patients", o.seed);
    else
      code = lus_tool_fail("simulate", error);
  }
  g_free(o.output);
  g_free(o.size);
  return code;
}
