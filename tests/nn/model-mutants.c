/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** Damaged model files, the same ones each time: each is refused with one error that names the file, or runs and gives
 *  finite confidences. Loading takes at most 200 ms of processor time and memory for the file and 16 MB more.
 *  Without an argument a sample; --whole: 10,000 mutants, every truncation and every flip of a single bit. */
#include "../heap.h"
#include "lung/segmenter.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/rng.h"
#include "onnx-bytes.h"

#include <glib/gstdio.h>
#include <string.h>
#include <time.h>

#define MOST_SECONDS .2
#define MOST_BYTES ((gsize)16 << 20)
#define SIDE 24

static gboolean whole;
static char *folder, *path;

typedef struct {
  int refused, ran, broken;
  double slowest;
  gsize bytes; /* most, above the file's */
} Tally;

static double cpu_seconds(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- models ---- */

/** A convolution, a GroupNorm and a Resize: 230 bytes of weights and the reader's longest way. */
static GByteArray *tiny_model(void)
{
  g_autoptr(LusGraph) graph = lus_graph_new();
  LusOpAttrs attrs = lus_op_attrs_default();
  int x = lus_graph_add_input(graph, "x");
  LusTensor *weight = lus_tensor_new(4, (const int[]){2, 1, 3, 3}, NULL);
  LusTensor *scale = lus_tensor_new(1, (const int[]){2}, NULL);
  for (int i = 0; i < 18; i++)
    weight->data[i] = .1f * (float)(i - 7);
  scale->data[0] = scale->data[1] = 1;
  int inputs[3] = {x, lus_graph_add_constant(graph, "w", weight), -1};
  attrs.kernel[0] = attrs.kernel[1] = 3;
  attrs.stride[0] = attrs.stride[1] = 2;
  attrs.pad[0] = attrs.pad[1] = attrs.pad[2] = attrs.pad[3] = 1;
  int conv = lus_graph_add_node(graph, LUS_OP_CONV, "conv", 2, inputs, &attrs);
  attrs = lus_op_attrs_default();
  attrs.norm_groups = 2;
  int norm_inputs[3] = {conv, lus_graph_add_constant(graph, "s", scale),
                        lus_graph_add_constant(graph, "b", lus_tensor_new(1, (const int[]){2}, NULL))};
  int norm = lus_graph_add_node(graph, LUS_OP_GROUP_NORM, "norm", 3, norm_inputs, &attrs);
  attrs = lus_op_attrs_default();
  attrs.mode = LUS_RESIZE_LINEAR;
  attrs.coord = LUS_COORD_HALF_PIXEL;
  attrs.scale[0] = attrs.scale[1] = 2;
  lus_graph_set_output(graph, lus_graph_add_node(graph, LUS_OP_RESIZE, "up", 1, &norm, &attrs));
  g_autoptr(GHashTable) metadata = g_hash_table_new(g_str_hash, g_str_equal);
  g_hash_table_insert(metadata, (char *)"lus.classes", (char *)"pleural_line,vertical_line");
  g_hash_table_insert(metadata, (char *)"lus.threshold", (char *)"0.6");
  g_hash_table_insert(metadata, (char *)"lus.version", (char *)"1");
  return lus_onnx_write(graph, metadata, 1, SIDE, SIDE, NULL);
}

/** Arithmetic on constants, whose results are shapes and weights. */
static GByteArray *folding_model(void)
{
  const float third = 1 / 3.f;
  const gint64 quads[4] = {1, 1, 1, 1}, ends[2] = {1, 2}, flat[3] = {1, 1, -1};
  GByteArray *graph = test_graph(1, SIDE, SIDE);
  test_add(graph, GRAPH_INITIALIZER, test_ints("flat", 3, flat));
  test_add(graph, GRAPH_INITIALIZER, test_ints("shape", 4, quads));
  test_add(graph, GRAPH_INITIALIZER, test_ints("low", 1, ends));
  test_add(graph, GRAPH_INITIALIZER, test_floats("third", 0, NULL, &third, 1));
  test_add(graph, GRAPH_NODE, test_node("Expand", "third,shape", "w"));
  test_add(graph, GRAPH_NODE, test_node("Shape", "x", "size"));
  test_add(graph, GRAPH_NODE, test_node("Conv", "x,w", "a"));
  test_add(graph, GRAPH_NODE, test_node("Reshape", "a,flat", "b"));
  test_add(graph, GRAPH_NODE, test_node("Reshape", "b,size", "c"));
  GByteArray *concat = test_node("Concat", "c,a,x", "d");
  test_attribute_int(concat, "axis", 1);
  test_add(graph, GRAPH_NODE, concat);
  test_add(graph, GRAPH_NODE, test_node("Sigmoid", "d", "y"));
  return test_model(graph, 17);
}

static GByteArray *seed_model(void)
{
  g_autofree char *seed = g_build_filename(g_getenv("LUS_SOURCE_ROOT"), "tests/fuzz/seeds/onnx/small-fpn.onnx", NULL);
  gsize length = 0;
  GError *error = NULL;
  g_autofree guint8 *data = lus_file_read(seed, 1 << 20, &length, &error);
  g_assert_no_error(error);
  return g_byte_array_append(g_byte_array_new(), data, (guint)length);
}

/* ---- damage ---- */

/** What a message is, so that those within it are found. */
typedef enum { BYTES, MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, VALUE_INFO, TYPE, TENSOR_TYPE, SHAPE, ENTRY } Kind;

static Kind inner_kind(Kind kind, guint32 field)
{
  static const struct {
    Kind outer, inner;
    guint32 field;
  } table[] = {
    {MODEL, GRAPH, MODEL_GRAPH},        {MODEL, ENTRY, MODEL_OPSET_IMPORT},  {MODEL, ENTRY, MODEL_METADATA_PROPS},
    {GRAPH, NODE, GRAPH_NODE},          {GRAPH, TENSOR, GRAPH_INITIALIZER},  {GRAPH, VALUE_INFO, GRAPH_INPUT},
    {GRAPH, VALUE_INFO, GRAPH_OUTPUT},  {NODE, ATTRIBUTE, NODE_ATTRIBUTE},   {ATTRIBUTE, TENSOR, ATTRIBUTE_T},
    {VALUE_INFO, TYPE, VALUE_INFO_TYPE}, {TYPE, TENSOR_TYPE, TYPE_TENSOR},   {TENSOR_TYPE, SHAPE, TENSOR_TYPE_SHAPE},
    {SHAPE, ENTRY, SHAPE_DIM},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
    if (table[i].outer == kind && table[i].field == field)
      return table[i].inner;
  return BYTES;
}

static guint64 odd_number(LusRng *rng)
{
  static const guint64 numbers[] = {0, 1, 2, 3, 7, 8, 16, 17, 255, 1 << 16, 1 << 28, G_MAXINT32, G_MAXUINT32,
                                    G_MAXINT64, G_MAXUINT64, (guint64)1 << 63, (guint64)-2};
  return numbers[lus_rng_below(rng, G_N_ELEMENTS(numbers))];
}

/** Bytes in place: bits, whole bytes, numbers that are none. */
static void scratch(guint8 *data, gsize length, LusRng *rng)
{
  static const guint32 floats[] = {0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0x00000001, 0x80000000, 0xff7fffff};
  for (guint k = 0, n = 1 + lus_rng_below(rng, 4); k < n && length > 0; k++) {
    gsize at = lus_rng_below(rng, (guint32)length);
    guint32 number = GUINT32_TO_LE(floats[lus_rng_below(rng, G_N_ELEMENTS(floats))]);
    switch (lus_rng_below(rng, 4)) {
    case 0: data[at] = (guint8)lus_rng_next(rng); break;
    case 1: data[at] = lus_rng_below(rng, 2) ? 0xff : 0; break;
    case 2:
      if (length >= 4)
        memcpy(data + MIN(at / 4 * 4, length - 4), &number, 4);
      break;
    default: data[at] ^= (guint8)(1 << lus_rng_below(rng, 8));
    }
  }
}

/** One field of a message, changed; lengths around it stay right. @raw: its bytes with the tag. */
static void change_field(GByteArray *out, const LusWireField *field, const guint8 *raw, guint length, LusRng *rng)
{
  gsize n = field->type == LUS_WIRE_BYTES ? field->length : 0;
  g_autofree guint8 *copy = g_malloc(2 * n + 1);
  if (n > 0) {
    memcpy(copy, field->bytes, n);
    memcpy(copy + n, field->bytes, n);
  }
  switch (lus_rng_below(rng, 7)) {
  case 0: /* gone */
    break;
  case 1: /* twice */
    g_byte_array_append(out, raw, length);
    g_byte_array_append(out, raw, length);
    break;
  case 2: /* another field's */
    lus_wire_put_bytes(out, 1 + lus_rng_below(rng, 26), copy, n);
    break;
  case 3: /* another type */
    lus_wire_put_varint(out, field->number, odd_number(rng));
    break;
  case 4: /* longer or shorter */
    lus_wire_put_bytes(out, field->number, copy, lus_rng_below(rng, (guint32)(2 * n + 1)));
    break;
  default:
    if (field->type == LUS_WIRE_VARINT) {
      lus_wire_put_varint(out, field->number, odd_number(rng));
    } else if (field->type == LUS_WIRE_BYTES) {
      scratch(copy, n, rng);
      lus_wire_put_bytes(out, field->number, copy, n);
    }
  }
}

/** @message with one field changed, in it or further in. */
static GByteArray *change_message(const guint8 *data, gsize length, Kind kind, LusRng *rng)
{
  GByteArray *out = g_byte_array_new();
  LusWire wire = {.data = data, .length = length};
  LusWireField field;
  guint n = 0, target;
  while (lus_wire_next(&wire, &field, NULL))
    n++;
  target = lus_rng_below(rng, MAX(n, 1));
  wire.at = 0;
  for (gsize begin = 0; lus_wire_next(&wire, &field, NULL); begin = wire.at) {
    Kind inner = field.type == LUS_WIRE_BYTES ? inner_kind(kind, field.number) : BYTES;
    if (n != 0 && target-- != 0)
      g_byte_array_append(out, data + begin, (guint)(wire.at - begin));
    else if (inner != BYTES && lus_rng_below(rng, 8) != 0)
      lus_wire_put_message(out, field.number, change_message(field.bytes, field.length, inner, rng));
    else
      change_field(out, &field, data + begin, (guint)(wire.at - begin), rng);
  }
  return out;
}

static GByteArray *mutate(const GByteArray *good, LusRng *rng)
{
  GByteArray *bytes = NULL;
  if (lus_rng_below(rng, 8) == 0) { /* blindly */
    bytes = g_byte_array_append(g_byte_array_new(), good->data, good->len);
    scratch(bytes->data, bytes->len, rng);
    return bytes;
  }
  for (guint k = 0, n = lus_rng_below(rng, 3) ? 1 : 3; k < n; k++) {
    GByteArray *before = bytes;
    const GByteArray *from = before ? before : good;
    bytes = change_message(from->data, from->len, MODEL, rng);
    if (before)
      g_byte_array_unref(before);
  }
  return bytes;
}

/* ---- the question ---- */

static void put(const guint8 *data, gsize length)
{
  g_unlink(path); /* without fsync an older file would only be overwritten, not cut */
  g_assert_true(g_file_set_contents_full(path, (const char *)data, (gssize)length, G_FILE_SET_CONTENTS_NONE, 0666,
                                         NULL));
}

static void expect_error(const GError *error)
{
  if (!error || !g_str_has_prefix(error->message, path) || error->code == LUS_ERROR_MEMORY ||
      strchr(error->message, '\n'))
    g_error("'%s'", error ? error->message : "no error");
}

/** Runs the model once. The confidences are bytes: that the numbers behind them are finite is the segmenter's word,
 *  which the plan's output must bear out. */
static gboolean runs(LusModel *model)
{
  static guint8 pixels[SIDE * SIDE];
  const LusModelInfo *info = lus_model_info(model);
  const LusSegmenterConfig config = {.sector_mode = LUS_SECTOR_NONE, .threads = 1};
  const LusImage image = {.format = LUS_FORMAT_GRAY8, .width = SIDE, .height = SIDE, .planes = {pixels},
                          .strides = {SIDE}, .full_range = TRUE};
  g_autoptr(GError) error = NULL;
  LusSegmentation *segmentation = NULL;
  for (int i = 0; i < SIDE * SIDE; i++)
    pixels[i] = (guint8)(i * 37);
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_new(model, &config, &error);
  if (segmenter && lus_segmenter_set_frame_size(segmenter, SIDE, SIDE, &error) &&
      lus_segmenter_run(segmenter, &segmentation, &image, 0, &error)) {
    g_assert_no_error(error);
    g_assert_cmpint(segmentation->n_classes, ==, info->n_classes);
    lus_segmentation_unref(segmentation);
    return TRUE;
  }
  g_assert_null(segmentation);
  expect_error(error);
  return FALSE;
}

static void try(Tally *tally, const guint8 *data, gsize length)
{
  g_autoptr(GError) error = NULL;
  put(data, length);
  double start = cpu_seconds();
#ifdef HEAP
  heap_watch();
#endif
  g_autoptr(LusModel) model = lus_model_load(path, &error);
#ifdef HEAP
  heap_stop();
  tally->bytes = MAX(tally->bytes, heap_peak() - MIN(heap_peak(), length));
#endif
  tally->slowest = MAX(tally->slowest, cpu_seconds() - start);
  if (!model) {
    expect_error(error);
    tally->refused++;
  } else {
    g_assert_no_error(error);
    const LusModelInfo *info = lus_model_info(model);
    if ((whole || info->width * info->height <= 1 << 16) && !runs(model))
      tally->broken++;
    else
      tally->ran++;
  }
}

static void tell(const char *what, const Tally *tally)
{
  g_test_message("%s: %d refused, %d ran, %d refused when they ran; slowest %.1f ms, at most %.2f MB above the file",
                 what, tally->refused, tally->ran, tally->broken, 1e3 * tally->slowest, (double)tally->bytes / (1 << 20));
  g_assert_cmpfloat(tally->slowest, <=, MOST_SECONDS);
  g_assert_cmpuint(tally->bytes, <=, MOST_BYTES);
}

static void test_mutants(gconstpointer data)
{
  static GByteArray *(*const makers[])(void) = {tiny_model, folding_model, seed_model};
  g_autoptr(GByteArray) good = makers[GPOINTER_TO_INT(data)]();
  Tally tally = {0};
  try(&tally, good->data, good->len);
  g_assert_cmpint(tally.ran, ==, 1);
  for (int i = 0, n = whole ? 10000 : 700; i < n; i++) {
    LusRng rng;
    lus_rng_init(&rng, 8, (guint64)i);
    g_autoptr(GByteArray) bytes = mutate(good, &rng);
    try(&tally, bytes->data, bytes->len);
  }
  tell("mutants", &tally);
  g_assert_cmpint(tally.refused, >, 0);
  g_assert_cmpint(tally.ran, >, 1);
}

static void test_truncations(void)
{
  g_autoptr(GByteArray) good = tiny_model();
  Tally tally = {0};
  for (gsize n = 0; n < good->len; n += whole ? 1 : 3)
    try(&tally, good->data, n);
  tell("truncations", &tally);
  g_assert_cmpint(tally.ran, ==, 0);
}

static void test_bit_flips(void)
{
  g_autoptr(GByteArray) good = tiny_model();
  Tally tally = {0};
  for (guint i = 0; i < good->len * 8; i += whole ? 1 : 11) {
    good->data[i / 8] ^= (guint8)(1 << i % 8);
    try(&tally, good->data, good->len);
    good->data[i / 8] ^= (guint8)(1 << i % 8);
  }
  tell("bit flips", &tally);
  g_assert_cmpint(tally.ran, >, 0);
}

int main(int argc, char **argv)
{
  if (g_file_test("/dev/shm", G_FILE_TEST_IS_DIR))
    g_setenv("TMPDIR", "/dev/shm", TRUE);
  g_test_init(&argc, &argv, NULL);
  whole = argc > 1 && g_str_equal(argv[1], "--whole");
  folder = g_dir_make_tmp("lus-mutants-XXXXXX", NULL);
  path = g_build_filename(folder, "mutant.onnx", NULL);
  g_test_add_data_func("/nn/model-mutants/tiny", GINT_TO_POINTER(0), test_mutants);
  g_test_add_data_func("/nn/model-mutants/folding", GINT_TO_POINTER(1), test_mutants);
  g_test_add_data_func("/nn/model-mutants/fpn", GINT_TO_POINTER(2), test_mutants);
  g_test_add_func("/nn/model-mutants/truncations", test_truncations);
  g_test_add_func("/nn/model-mutants/bit-flips", test_bit_flips);
  int failed = g_test_run();
  g_unlink(path);
  g_rmdir(folder);
  return failed;
}
