/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#define DEFAULT_SIZE 256
#define SIZE_UNIT 32 /* the deepest map is at 1/32 */
#define MAX_SIZE 4096

static const char description[] =
  "Writes a segmentation network with random weights: for measuring this engine and others, and as a\n"
  "start for experiments. NAME is a reference network: r18gn (FPN over ResNet-18), r18h (the same of\n"
  "half the width) or mbv2 (FPN over MobileNetV2). --encoder and --width give others in its place.\n\n"
  "Example: lus fpn r18gn -o r18gn.onnx --size 256";

typedef struct {
  char *output, *encoder;
  int size, width, classes, channels;
  gint64 seed;
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  *o = (Options){.size = DEFAULT_SIZE, .classes = 3, .channels = 1, .seed = 1};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "Where to write the network (ONNX)", "MODEL"},
    {"encoder", 0, 0, G_OPTION_ARG_STRING, &o->encoder, "resnet18, resnet34 or mobilenet_v2, without NAME", "ENCODER"},
    {"width", 0, 0, G_OPTION_ARG_INT, &o->width,
     "With --encoder: width of its stem, a multiple of 16 (default 64 for resnets, 32 for mobilenet_v2)", "N"},
    {"size", 0, 0, G_OPTION_ARG_INT, &o->size, "Width and height of the input, a multiple of 32 (default 256)", "N"},
    {"classes", 0, 0, G_OPTION_ARG_INT, &o->classes, "Outputs (default 3)", "N"},
    {"channels", 0, 0, G_OPTION_ARG_INT, &o->channels, "Input channels, 1 or 3 (default 1)", "N"},
    {"seed", 0, 0, G_OPTION_ARG_INT64, &o->seed, "Seed of the weights (default 1)", "N"},
    {0}};
  int code = lus_tool_parse(argc, argv, entries, "[NAME]", description, 0, 1, arguments);
  if (code != LUS_EXIT_DONE)
    return code;
  if (!o->output)
    return lus_tool_usage("fpn", "no output; say where to write the network with -o MODEL");
  if ((**arguments != NULL) == (o->encoder != NULL))
    return lus_tool_usage("fpn", "give either NAME (r18gn, r18h, mbv2) or --encoder");
  if (o->width != 0 && !o->encoder)
    return lus_tool_usage("fpn", "--width needs --encoder");
  if (o->size < SIZE_UNIT || o->size > MAX_SIZE || o->size % SIZE_UNIT != 0)
    return lus_tool_usage("fpn", "--size must be a multiple of 32 up to 4096");
  if (o->classes < 1 || o->classes > LUS_MAX_CLASSES)
    return lus_tool_usage("fpn", "--classes must be 1 to 16");
  if (o->channels != 1 && o->channels != 3)
    return lus_tool_usage("fpn", "--channels must be 1 or 3");
  if (o->seed < 0)
    return lus_tool_usage("fpn", "--seed must not be negative");
  return LUS_EXIT_DONE;
}

static gboolean choose(LusEncoderFpnConfig *config, const Options *o, const char *name, GError **error)
{
  *config = (LusEncoderFpnConfig){.in_channels = o->channels, .classes = o->classes};
  if (name)
    return lus_encoder_fpn_named(config, name, error);
  if (!lus_encoder_parse(&config->encoder, o->encoder, error))
    return FALSE;
  config->width = o->width != 0 ? o->width : lus_encoder_usual_width(config->encoder);
  return TRUE;
}

/** The standard class names as far as they go, then class_4 and so on. */
static void set_classes(LusModelInfo *info, int n)
{
  for (int i = n; i < info->n_classes; i++)
    g_clear_pointer(&info->classes[i], g_free);
  for (int i = info->n_classes; i < n; i++)
    info->classes[i] = g_strdup_printf("class_%d", i + 1);
  info->n_classes = n;
}

static void set_text(char **text, const char *value)
{
  g_free(*text);
  *text = g_strdup(value);
}

static gboolean save(LusGraph *graph, const Options *o, GError **error)
{
  LusModelInfo info;
  lus_model_info_init(&info);
  set_classes(&info, o->classes);
  info.channels = o->channels;
  info.width = info.height = o->size;
  info.logits = TRUE;
  set_text(&info.licence, "LGPL-2.1-or-later");
  set_text(&info.training, "random weights");
  gboolean ok = lus_model_save(graph, &info, o->output, error);
  lus_model_info_clear(&info);
  return ok;
}

static gboolean make(const Options *o, const char *name, GError **error)
{
  LusEncoderFpnConfig config;
  if (!lus_tool_can_write(o->output, error) || !choose(&config, o, name, error))
    return FALSE;
  g_autoptr(LusGraph) graph = lus_encoder_fpn_new(&config, (guint64)o->seed, error);
  if (!graph || !lus_graph_infer_shapes(graph, o->channels, o->size, o->size, error) || !save(graph, o, error))
    return FALSE;
  g_print("%s: random weights, input %dx%dx%d, %.2f GFLOP\n", o->output, o->channels, o->size, o->size,
          lus_graph_flop(graph) / 1e9);
  return TRUE;
}

int lus_cmd_fpn(int argc, char **argv)
{
  Options o;
  g_auto(GStrv) arguments = NULL;
  int code = parse(&o, argc, argv, &arguments);
  GError *error = NULL;
  if (code == LUS_EXIT_DONE && !make(&o, arguments[0], &error))
    code = lus_tool_fail("fpn", error);
  g_free(o.output);
  g_free(o.encoder);
  return code;
}
