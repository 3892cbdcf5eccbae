/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/model.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/onnx.h"
#include "nn/quantizer.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#define MODEL_INFO_MAX_BYTES ((gsize)1 << 20)
#define CLASS_NAME_MAX 48
#define SIZE_MAX_SIDE 4096

struct _LusModel {
  atomic_int references;
  char *path, *sha256, *producer;
  int opset;
  LusModelInfo info;
  LusGraph *graph;
};

/** Where settings come from: the model's metadata first, then the key file beside it. */
typedef struct {
  const char *path;
  GHashTable *metadata;
  GKeyFile *key_file; /* NULL = there is none */
} Settings;

void lus_model_info_init(LusModelInfo *info)
{
  static const char *const classes[] = {"pleural_line", "fascia_band", "vertical_line"};
  *info = (LusModelInfo){
    .version = g_strdup(lus_version()),
    .n_classes = G_N_ELEMENTS(classes),
    .threshold = 0.6f,
    .channels = 1,
    .width = 256,
    .height = 256,
    .normalise = {.mode = LUS_NORMALISE_LIT, .mean = 0, .std = 1},
    .logits = TRUE,
    .licence = g_strdup(""),
    .training = g_strdup(""),
    .probes = g_strdup(""),
  };
  for (int i = 0; i < info->n_classes; i++)
    info->classes[i] = g_strdup(classes[i]);
}

static void clear_classes(LusModelInfo *info)
{
  for (int i = 0; i < info->n_classes; i++)
    g_clear_pointer(&info->classes[i], g_free);
  info->n_classes = 0;
}

void lus_model_info_clear(LusModelInfo *info)
{
  clear_classes(info);
  g_clear_pointer(&info->version, g_free);
  g_clear_pointer(&info->licence, g_free);
  g_clear_pointer(&info->training, g_free);
  g_clear_pointer(&info->probes, g_free);
}

int lus_model_info_class(const LusModelInfo *info, const char *name)
{
  for (int i = 0; i < info->n_classes; i++)
    if (g_str_equal(info->classes[i], name))
      return i;
  return -1;
}

/** The text of setting @key, newly allocated, or NULL where nobody gives it. */
static char *get_setting(const Settings *settings, const char *key)
{
  g_autofree char *full = g_strconcat("lus.", key, NULL);
  const char *value = g_hash_table_lookup(settings->metadata, full);
  if (value)
    return g_strdup(value);
  return settings->key_file ? g_key_file_get_string(settings->key_file, "lus", key, NULL) : NULL;
}

static gboolean setting_error(GError **error, const Settings *settings, const char *key, const char *text,
                              const char *remedy)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: setting %s is '%s'; %s", settings->path, key, text, remedy);
  return FALSE;
}

/** Class names become parts of file names, so only letters, digits, '_' and '-' are taken. */
static gboolean class_name_ok(const char *name)
{
  gsize length = strlen(name);
  return length > 0 && length <= CLASS_NAME_MAX &&
         strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == length;
}

static gboolean read_classes(LusModelInfo *info, const Settings *settings, GError **error)
{
  g_autofree char *text = get_setting(settings, "classes");
  if (!text)
    return TRUE;
  g_auto(GStrv) names = g_strsplit(text, ",", LUS_MAX_CLASSES + 1);
  guint n = g_strv_length(names);
  if (n < 1 || n > LUS_MAX_CLASSES)
    return setting_error(error, settings, "classes", text, "give 1 to 16 names with commas between them");
  clear_classes(info);
  for (guint i = 0; i < n; i++) {
    g_strstrip(names[i]);
    if (!class_name_ok(names[i]) || lus_model_info_class(info, names[i]) >= 0)
      return setting_error(error, settings, "classes", text, "give different names of letters, digits, '_' and '-'");
    info->classes[info->n_classes++] = g_strdup(names[i]);
  }
  return TRUE;
}

/** Leaves *value where the setting is missing. */
static gboolean read_number(float *value, const Settings *settings, const char *key, double low, double high,
                            GError **error)
{
  g_autofree char *text = get_setting(settings, key);
  if (!text)
    return TRUE;
  char *end = NULL;
  double number = g_ascii_strtod(text, &end);
  if (end == text || *end || !isfinite(number) || number < low || number > high) {
    g_autofree char *remedy = g_strdup_printf("give a number from %g to %g", low, high);
    return setting_error(error, settings, key, text, remedy);
  }
  *value = (float)number;
  return TRUE;
}

/** "WxH"; 0 x 0 where the setting is missing. */
static gboolean read_input_size(int *width, int *height, const Settings *settings, GError **error)
{
  g_autofree char *text = get_setting(settings, "input_size");
  *width = *height = 0;
  if (!text)
    return TRUE;
  char *end = NULL;
  guint64 w = g_ascii_isdigit(*text) ? g_ascii_strtoull(text, &end, 10) : 0;
  guint64 h = end && *end == 'x' && g_ascii_isdigit(end[1]) ? g_ascii_strtoull(end + 1, &end, 10) : 0;
  if (!end || *end || w < 1 || h < 1 || w > SIZE_MAX_SIDE || h > SIZE_MAX_SIDE)
    return setting_error(error, settings, "input_size", text,
                         "give WIDTHxHEIGHT in pixels, 1 to 4096 each, like 256x256");
  *width = (int)w;
  *height = (int)h;
  return TRUE;
}

/** One of two words; leaves *second where the setting is missing. */
static gboolean read_choice(gboolean *second, const Settings *settings, const char *key, const char *a, const char *b,
                            GError **error)
{
  g_autofree char *text = get_setting(settings, key);
  if (!text)
    return TRUE;
  *second = g_str_equal(text, b);
  if (*second || g_str_equal(text, a))
    return TRUE;
  g_autofree char *remedy = g_strdup_printf("give %s or %s", a, b);
  return setting_error(error, settings, key, text, remedy);
}

static void read_text(char **out, const Settings *settings, const char *key)
{
  char *text = get_setting(settings, key);
  if (text) {
    g_free(*out);
    *out = text;
  }
}

static gboolean read_normalise(LusNormalise *normalise, const Settings *settings, GError **error)
{
  gboolean fixed = normalise->mode == LUS_NORMALISE_FIXED;
  if (!read_choice(&fixed, settings, "normalise", "lit", "fixed", error))
    return FALSE;
  normalise->mode = fixed ? LUS_NORMALISE_FIXED : LUS_NORMALISE_LIT;
  return !fixed || (read_number(&normalise->mean, settings, "mean", -1e3, 1e3, error) &&
                    read_number(&normalise->std, settings, "std", 1e-6, 1e6, error));
}

/** The output's kind; a network that ends in Sigmoid speaks for itself, and one whose last operator gives 0..1 as well unless it is
 *  told to be logits. */
static gboolean read_output(LusModelInfo *info, const Settings *settings, const LusGraph *graph, GError **error)
{
  gboolean ends_in_sigmoid = FALSE, ends_in_share = FALSE;
  for (int i = 0; i < graph->n_nodes; i++)
    if (graph->nodes[i].output == graph->output) {
      ends_in_sigmoid = graph->nodes[i].type == LUS_OP_SIGMOID;
      ends_in_share = graph->nodes[i].type == LUS_OP_SOFTMAX || graph->nodes[i].type == LUS_OP_HARD_SIGMOID;
    }
  info->logits = !ends_in_sigmoid && !ends_in_share;
  if (!read_choice(&info->logits, settings, "output", "sigmoid", "logits", error))
    return FALSE;
  if (info->logits && ends_in_sigmoid)
    return setting_error(error, settings, "output", "logits", "the network ends in Sigmoid: it must be sigmoid");
  return TRUE;
}

/** Input size from the file's dimensions and the setting, which must agree where both are given. */
static gboolean read_input(LusModelInfo *info, const Settings *settings, const LusOnnx *onnx, GError **error)
{
  int width, height;
  if (!read_input_size(&width, &height, settings, error))
    return FALSE;
  info->channels = onnx->input_channels;
  info->width = onnx->input_width ? onnx->input_width : width;
  info->height = onnx->input_height ? onnx->input_height : height;
  if (onnx->input_rank != 4) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "%s: the network's input has %d dimensions; [1][channels][height][width] is expected", settings->path,
                onnx->input_rank);
  } else if (info->channels != 1 && info->channels != 3) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: the network's input has %d channels; 1 or 3 (luma three "
                "times) can be used", settings->path, info->channels);
  } else if (info->width == 0 || info->height == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the network's input size is open; set input_size=WxH in the "
                "group [lus] of %s.modelinfo or export the model with a fixed size", settings->path, settings->path);
  } else if (info->width > SIZE_MAX_SIDE || info->height > SIZE_MAX_SIDE) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: the network's input is %dx%d; at most %dx%d can be used",
                settings->path, info->width, info->height, SIZE_MAX_SIDE, SIZE_MAX_SIDE);
  } else if (width && (width != info->width || height != info->height)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: setting input_size is %dx%d, but the network's input is fixed "
                "to %dx%d; make them agree",
                settings->path, width, height, info->width, info->height);
  } else {
    return TRUE;
  }
  return FALSE;
}

/** The format has no end mark. What this program writes ends with its settings, of which the version is the last. */
static gboolean check_end(const Settings *settings, const LusOnnx *onnx, GError **error)
{
  g_autofree char *version = get_setting(settings, "version");
  if (version || !g_str_equal(onnx->producer, LUS_ONNX_PRODUCER))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the file was cut: it ends before its settings; copy it again",
              settings->path);
  return FALSE;
}

static gboolean read_info(LusModelInfo *info, const Settings *settings, const LusOnnx *onnx, GError **error)
{
  lus_model_info_init(info);
  g_free(info->version);
  info->version = g_strdup("");
  if (!check_end(settings, onnx, error))
    return FALSE;
  read_text(&info->version, settings, "version");
  read_text(&info->licence, settings, "licence");
  read_text(&info->training, settings, "training");
  read_text(&info->probes, settings, "probes");
  return read_classes(info, settings, error) && read_input(info, settings, onnx, error) &&
         read_number(&info->threshold, settings, "threshold", 0, 1, error) &&
         read_normalise(&info->normalise, settings, error) && read_output(info, settings, onnx->graph, error);
}

/** The key file beside the model; *key_file stays NULL where there is none. */
static gboolean load_key_file(GKeyFile **key_file, const char *model_path, GError **error)
{
  g_autofree char *path = g_strconcat(model_path, ".modelinfo", NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return TRUE;
  gsize length = 0;
  g_autofree guint8 *text = lus_file_read(path, MODEL_INFO_MAX_BYTES, &length, error);
  if (!text)
    return FALSE;
  g_autoptr(GKeyFile) loaded = g_key_file_new();
  g_autoptr(GError) cause = NULL;
  if (!g_key_file_load_from_data(loaded, (const char *)text, length, G_KEY_FILE_NONE, &cause)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s", path, cause->message);
    return FALSE;
  }
  *key_file = g_steal_pointer(&loaded);
  return TRUE;
}

/** The key file's input size, for a network whose file leaves it open; 0 x 0 where it tells none. */
static gboolean key_file_size(int *width, int *height, GKeyFile *key_file, const char *model_path, GError **error)
{
  g_autoptr(GHashTable) no_metadata = g_hash_table_new(g_str_hash, g_str_equal);
  const Settings settings = {.path = model_path, .metadata = no_metadata, .key_file = key_file};
  return read_input_size(width, height, &settings, error);
}

/** What the network makes of its input must be one plane per class, as large as the input. */
static gboolean check_output(LusGraph *graph, const LusModelInfo *info, const char *path, GError **error)
{
  if (!lus_graph_infer_shapes(graph, info->channels, info->height, info->width, error)) {
    g_prefix_error(error, "%s: ", path);
    return FALSE;
  }
  const int *shape = graph->values[graph->output].shape;
  if (shape[1] != info->n_classes) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the network has %d outputs but %d classes are named; set "
                "classes=NAME,... in the group [lus] of %s.modelinfo", path, shape[1], info->n_classes, path);
    return FALSE;
  }
  if (shape[2] != info->height || shape[3] != info->width) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                "%s: the network's output is %dx%d for an input of %dx%d; they "
                "must be equal",
                path, shape[3], shape[2], info->width, info->height);
    return FALSE;
  }
  return TRUE;
}

/** Nobody named the bundled model's path: one who misses it must hear what it is and how it is found. */
static void explain_missing_bundled(const char *path, GError *error)
{
  g_autofree char *bundled = lus_model_bundled_path("default.onnx");
  if (strcmp(path, bundled) != 0 || g_file_test(path, G_FILE_TEST_EXISTS))
    return;
  char *message = g_strdup_printf("%s; this is the bundled model's place: install Lus, or run this in 'meson devenv -C "
                                  "BUILD -w .', or set LUS_MODEL_DIR to the folder with default.onnx, or name a model",
                                  error->message);
  g_free(error->message);
  error->message = message;
}

static LusModel *load(const char *path, GError **error)
{
  gsize length = 0;
  GError *problem = NULL;
  g_autofree guint8 *data = lus_file_read(path, LUS_ONNX_MAX_BYTES, &length, &problem);
  if (!data) {
    explain_missing_bundled(path, problem);
    g_propagate_error(error, problem);
    return NULL;
  }
  g_autoptr(GKeyFile) key_file = NULL;
  int width = 0, height = 0;
  if (!load_key_file(&key_file, path, error) || !key_file_size(&width, &height, key_file, path, error))
    return NULL;
  g_autoptr(LusOnnx) onnx = lus_onnx_parse_sized(data, length, path, width, height, error);
  if (!onnx)
    return NULL;
  LusModel *model = g_new0(LusModel, 1);
  atomic_init(&model->references, 1);
  model->path = g_strdup(path);
  model->sha256 = lus_sha256(data, length);
  model->opset = onnx->opset;
  model->producer = g_strdup(onnx->producer);
  Settings settings = {.path = path, .metadata = onnx->metadata, .key_file = key_file};
  if (!read_info(&model->info, &settings, onnx, error) || !check_output(onnx->graph, &model->info, path, error)) {
    lus_model_unref(model);
    return NULL;
  }
  model->graph = g_steal_pointer(&onnx->graph);
  return model;
}

LusModel *lus_model_load(const char *path, GError **error)
{
  LusModel *model = load(path, error);
  if (!model)
    lus_error_make_printable(error);
  return model;
}

LusModel *lus_model_ref(LusModel *model)
{
  atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
  return model;
}

void lus_model_unref(LusModel *model)
{
  if (!model || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) != 1)
    return;
  lus_model_info_clear(&model->info);
  lus_graph_free(model->graph);
  g_free(model->path);
  g_free(model->sha256);
  g_free(model->producer);
  g_free(model);
}

const LusModelInfo *lus_model_info(const LusModel *model)
{
  return &model->info;
}

const char *lus_model_path(const LusModel *model)
{
  return model->path;
}

const char *lus_model_sha256(const LusModel *model)
{
  return model->sha256;
}

int lus_model_opset(const LusModel *model)
{
  return model->opset;
}

const char *lus_model_producer(const LusModel *model)
{
  return model->producer;
}

LusGraph *lus_model_graph(const LusModel *model, GError **error)
{
  return lus_graph_copy(model->graph, error);
}

gboolean lus_model_is_quantized(const LusModel *model)
{
  return lus_graph_n_quantized(model->graph) > 0;
}

static void set_setting(GHashTable *metadata, const char *key, char *value)
{
  g_hash_table_insert(metadata, g_strconcat("lus.", key, NULL), value);
}

/** Shortest decimal that gives the same float again. */
static char *float_text(float value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  for (int digits = 1; digits <= 9; digits++) {
    char format[8];
    g_snprintf(format, sizeof format, "%%.%dg", digits);
    g_ascii_formatd(text, sizeof text, format, (double)value);
    if ((float)g_ascii_strtod(text, NULL) == value)
      break;
  }
  return g_strdup(text);
}

static GHashTable *info_to_metadata(const LusModelInfo *info)
{
  GHashTable *metadata = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr(GString) classes = g_string_new(NULL);
  for (int i = 0; i < info->n_classes; i++)
    g_string_append_printf(classes, "%s%s", i ? "," : "", info->classes[i]);
  set_setting(metadata, "version", g_strdup(lus_version()));
  set_setting(metadata, "classes", g_strdup(classes->str));
  set_setting(metadata, "threshold", float_text(info->threshold));
  set_setting(metadata, "input_size", g_strdup_printf("%dx%d", info->width, info->height));
  set_setting(metadata, "normalise", g_strdup(info->normalise.mode == LUS_NORMALISE_LIT ? "lit" : "fixed"));
  if (info->normalise.mode == LUS_NORMALISE_FIXED) {
    set_setting(metadata, "mean", float_text(info->normalise.mean));
    set_setting(metadata, "std", float_text(info->normalise.std));
  }
  set_setting(metadata, "output", g_strdup(info->logits ? "logits" : "sigmoid"));
  set_setting(metadata, "licence", g_strdup(info->licence ? info->licence : ""));
  set_setting(metadata, "training", g_strdup(info->training ? info->training : ""));
  set_setting(metadata, "probes", g_strdup(info->probes ? info->probes : ""));
  return metadata;
}

gboolean lus_model_save(const LusGraph *graph, const LusModelInfo *info, const char *path, GError **error)
{
  g_autoptr(GHashTable) metadata = info_to_metadata(info);
  g_autoptr(GByteArray) bytes = lus_onnx_write(graph, metadata, info->channels, info->height, info->width, error);
  if (!bytes) {
    g_prefix_error(error, "%s: ", path);
    return FALSE;
  }
  return lus_file_write(path, bytes->data, bytes->len, error);
}

char *lus_model_bundled_path(const char *name)
{
  const char *folder = g_getenv("LUS_MODEL_DIR");
  return g_build_filename(folder && *folder ? folder : LUS_MODEL_DIR_INSTALLED, name, NULL);
}
