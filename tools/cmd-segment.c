/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inputs.h"
#include "segment-clip.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>

static const char description[] =
  "Segments every frame of the given video files; a folder stands for all video files in it. Each\n"
  "clip gets the folder DIR/<stem> with frames.jsonl: per frame and class the area of the mask and\n"
  "the mean confidence, as parts of the sector. --masks adds one grey PNG per frame with class ids,\n"
  "--confidences one per frame and class (255 = 100 %), --overlay a video for viewing.\n\n"
  "Example: lus segment clips/ -o results --overlay --resume\n\n" LUS_NOTICE;

typedef struct {
  char *output, *model, *precision;
  double percent;        /* < 0: the model's threshold */
  gboolean resume;
  int threads;
  LusSegmentOptions clip;
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  *o = (Options){.percent = -1};
  const GOptionEntry entries[] = {
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "Folder for the results", "DIR"},
      {"model", 'm', 0, G_OPTION_ARG_FILENAME, &o->model, "Model file (default: the bundled one)", "MODEL"},
      {"threshold", 't', 0, G_OPTION_ARG_DOUBLE, &o->percent,
       "Confidence at which a mask begins, 0..100 (default: the model's)", "PERCENT"},
      {"overlay", 0, 0, G_OPTION_ARG_NONE, &o->clip.overlay, "Write overlay.mkv", NULL},
      {"masks", 0, 0, G_OPTION_ARG_NONE, &o->clip.masks, "Write frameNNNNNN.mask.png: 0 none, else class number + 1",
       NULL},
      {"confidences", 0, 0, G_OPTION_ARG_NONE, &o->clip.confidences, "Write frameNNNNNN.CLASS.png", NULL},
      {"precision", 0, 0, G_OPTION_ARG_STRING, &o->precision,
       "auto, fp32 or int8 (default auto: int8 for a quantised model, else fp32)", "NAME"},
      {"resume", 0, 0, G_OPTION_ARG_NONE, &o->resume, "Skip clips whose results are complete", NULL},
      {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads, "Threads; the result does not depend on them (default: all)",
       "N"},
      {0}};
  int code = lus_tool_parse(argc, argv, entries, "INPUT...", description, 1, -1, arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  if (!o->output)
    return lus_tool_usage("segment", "--output is needed");
  if (o->percent > 100 || (o->percent < 0 && o->percent != -1))
    return lus_tool_usage("segment", "--threshold must be 0 to 100");
  if (o->threads < 0)
    return lus_tool_usage("segment", "--threads must be 0 or more");
  return LUS_EXIT_DONE;
}

static gboolean segment_input(const LusToolInput *input, const Options *o, LusModel *model, LusSegmenter *segmenter,
                              LusToolProgress *progress, GError **error)
{
  g_autofree char *folder = g_build_filename(o->output, input->name, NULL);
  if (o->resume && lus_tool_segment_done(input->path, folder, model, segmenter, &o->clip))
    return TRUE;
  if (g_mkdir_with_parents(folder, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make this folder: %s", folder, g_strerror(errno));
    return FALSE;
  }
  if (lus_tool_segment_clip(input->path, folder, model, segmenter, &o->clip, progress, error))
    return TRUE;
  g_rmdir(folder); /* unless an earlier run left something in it */
  return FALSE;
}

/** A clip that fails is told, and the others are still done. */
static int segment_all(const GPtrArray *inputs, const Options *o, LusModel *model, LusSegmenter *segmenter)
{
  LusToolProgress *progress = lus_tool_progress_new();
  int code = LUS_EXIT_DONE;
  for (guint i = 0; i < inputs->len && !lus_tool_interrupted(); i++) {
    GError *error = NULL;
    if (!segment_input(inputs->pdata[i], o, model, segmenter, progress, &error)) {
      lus_tool_progress_end(progress);
      code = lus_tool_fail("segment", error);
    }
  }
  lus_tool_progress_free(progress);
  return code;
}

static int run(Options *o, char **arguments)
{
  GError *error = NULL;
  g_autoptr(GPtrArray) inputs = lus_tool_inputs(arguments, &error);
  if (!inputs)
    return lus_tool_fail("segment", error);
  g_autofree char *path = o->model ? g_strdup(o->model) : lus_model_bundled_path("default.onnx");
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  LusSegmenterConfig config = {.threads = o->threads};
  gboolean ready = model && (!o->precision || lus_precision_parse(&config.precision, o->precision, &error));
  g_autoptr(LusSegmenter) segmenter = ready ? lus_segmenter_new(model, &config, &error) : NULL;
  if (!segmenter)
    return lus_tool_fail("segment", error);
  o->clip.threshold = o->percent < 0 ? (double)lus_model_info(model)->threshold : o->percent / 100;
  return segment_all(inputs, o, model, segmenter);
}

int lus_cmd_segment(int argc, char **argv)
{
  Options options;
  g_auto(GStrv) arguments = NULL;
  int code = parse(&options, argc, argv, &arguments);
  if (code == LUS_EXIT_DONE)
    code = run(&options, arguments);
  g_free(options.output);
  g_free(options.model);
  g_free(options.precision);
  return code;
}
