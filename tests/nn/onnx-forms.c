/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/plan.h"
#include "nn/rng.h"
#include "onnx-bytes.h"

#include <math.h>

/* The forms that operators had in older opsets, and both of GroupNormalization, run on numbers worked out by hand or by
 * the plainest loop. The ONNX project's own tests (conformance.c) know the latest form of their release alone. */

/** 1, 2, 3, ... */
static float *counting(int n)
{
  float *x = g_new(float, n);
  for (int i = 0; i < n; i++)
    x[i] = (float)(i + 1);
  return x;
}

/** Runs the graph (taken over) on @x [c][h][w] and expects @n numbers. */
static void expect(GByteArray *graph, int opset, const float *x, int c, int h, int w, const float *wanted, int n)
{
  g_autoptr(LusOnnx) onnx = test_parse(test_model(graph, opset));
  g_autoptr(GError) error = NULL;
  g_autoptr(LusPlan) plan = lus_plan_new(onnx->graph, c, h, w, LUS_PLAN_INFER, 1, &error);
  g_assert_no_error(error);
  int shape[3];
  lus_plan_output_shape(plan, shape);
  g_assert_cmpint(shape[0] * shape[1] * shape[2], ==, n);
  g_autofree float *y = g_new(float, n);
  lus_plan_forward(plan, y, x, NULL);
  for (int i = 0; i < n; i++)
    if (!(fabsf(y[i] - wanted[i]) <= 1e-5f * fmaxf(fabsf(wanted[i]), 1)))
      g_error("element %d is %.9g, not %.9g", i, (double)y[i], (double)wanted[i]);
}

static void add_ints(GByteArray *graph, const char *name, int n, const gint64 *values)
{
  test_add(graph, GRAPH_INITIALIZER, test_ints(name, n, values));
}

static void add_vector(GByteArray *graph, const char *name, gint64 n, const float *values)
{
  test_add(graph, GRAPH_INITIALIZER, test_floats(name, 1, &n, values, (gsize)n));
}

static void add_number(GByteArray *graph, const char *name, float value)
{
  test_add(graph, GRAPH_INITIALIZER, test_floats(name, 0, NULL, &value, 1));
}

/** ReduceMean, Unsqueeze and Squeeze with their axes as attributes: each picture times its mean. */
static void test_axes_attributes(void)
{
  GByteArray *graph = test_graph(2, 1, 3);
  GByteArray *mean = test_node("ReduceMean", "x", "mean");
  test_attribute_ints(mean, "axes", 2, (const gint64[]){2, -1});
  test_attribute_int(mean, "keepdims", 0);
  GByteArray *unsqueeze = test_node("Unsqueeze", "mean", "wide");
  test_attribute_ints(unsqueeze, "axes", 2, (const gint64[]){2, 3});
  GByteArray *squeeze = test_node("Squeeze", "wide", "narrow");
  test_attribute_ints(squeeze, "axes", 1, (const gint64[]){-1});
  GByteArray *again = test_node("Unsqueeze", "narrow", "factor");
  test_attribute_ints(again, "axes", 1, (const gint64[]){3});
  GByteArray *nodes[] = {mean, unsqueeze, squeeze, again, test_node("Mul", "x,factor", "y")};
  for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++)
    test_add(graph, GRAPH_NODE, nodes[i]);
  g_autofree float *x = counting(6);
  expect(graph, 11, x, 2, 1, 3, (const float[]){2, 4, 6, 20, 25, 30}, 6);
}

/** Split by an attribute (opset 11) or an input (13): the parts joined the other way round. */
static void test_split(void)
{
  for (int opset = 11; opset <= 13; opset += 2) {
    GByteArray *graph = test_graph(3, 1, 2);
    GByteArray *split = test_node("Split", opset < 13 ? "x" : "x,parts", "first");
    lus_wire_put_string(split, NODE_OUTPUT, "rest");
    test_attribute_int(split, "axis", 1);
    if (opset < 13)
      test_attribute_ints(split, "split", 2, (const gint64[]){1, 2});
    else
      add_ints(graph, "parts", 2, (const gint64[]){1, 2});
    GByteArray *concat = test_node("Concat", "rest,first", "y");
    test_attribute_int(concat, "axis", 1);
    test_add(graph, GRAPH_NODE, split);
    test_add(graph, GRAPH_NODE, concat);
    g_autofree float *x = counting(6);
    expect(graph, opset, x, 3, 1, 2, (const float[]){3, 4, 5, 6, 1, 2}, 6);
  }
}

static void test_clip(void)
{
  static const float wanted[][4] = {{2, 2, 3, 3}, {1, 2, 3, 3}, {2, 2, 3, 4}, {1, 2, 3, 4}};
  static const char *const inputs[] = {"x,low,high", "x,,high", "x,low", "x"};
  g_autofree float *x = counting(4);
  for (gsize i = 0; i < G_N_ELEMENTS(inputs); i++) {
    GByteArray *graph = test_graph(1, 2, 2);
    add_number(graph, "low", 2);
    add_number(graph, "high", 3);
    test_add(graph, GRAPH_NODE, test_node("Clip", inputs[i], "y"));
    expect(graph, 11, x, 1, 2, 2, wanted[i], 4);
  }
}

/** One row above and one column to the right, of a given number. */
static void test_pad(void)
{
  GByteArray *graph = test_graph(1, 1, 2);
  add_ints(graph, "pads", 8, (const gint64[]){0, 0, 1, 0, 0, 0, 0, 1});
  add_number(graph, "fill", -7);
  test_add(graph, GRAPH_NODE, test_node("Pad", "x,pads,fill", "y"));
  expect(graph, 11, (const float[]){1, 2}, 1, 1, 2, (const float[]){-7, -7, -7, 1, 2, -7}, 6);
}

/** Zeros put around a convolution's source are its borders, which train; other numbers stay a Pad. */
static void test_pad_before_conv(void)
{
  const float ones[4] = {1, 1, 1, 1};
  for (int fill = 0; fill < 2; fill++) {
    GByteArray *graph = test_graph(1, 1, 2), *conv = test_node("Conv", "wide,w", "y");
    add_ints(graph, "pads", 8, (const gint64[]){0, 0, 1, 0, 0, 0, 0, 1});
    add_number(graph, "fill", (float)fill);
    test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, (const gint64[]){1, 1, 2, 2}, ones, 4));
    test_attribute_ints(conv, "pads", 4, (const gint64[]){0, 1, 0, 0});
    test_add(graph, GRAPH_NODE, test_node("Pad", "x,pads,fill", "wide"));
    test_add(graph, GRAPH_NODE, conv);
    GByteArray *copy = g_byte_array_new_take(g_memdup2(graph->data, graph->len), graph->len);
    g_autoptr(LusOnnx) onnx = test_parse(test_model(copy, 11));
    const LusNode *last = &onnx->graph->nodes[onnx->graph->n_nodes - 1];
    g_assert_cmpint(last->inputs[0] == onnx->graph->input, ==, fill == 0);
    g_assert_cmpint(last->attrs.pad[0], ==, fill ? 0 : 1);
    g_assert_cmpint(last->attrs.pad[1], ==, 1);
    g_assert_cmpint(last->attrs.pad[2], ==, 0);
    g_assert_cmpint(last->attrs.pad[3], ==, fill ? 0 : 1);
    expect(graph, 11, (const float[]){3, 5}, 1, 1, 2,
           fill ? (const float[]){4, 10, 8} : (const float[]){3, 8, 5}, 3);
  }
}

/** PyTorch writes allowzero = 1, which says nothing where no size is 0. */
static void test_allowzero(void)
{
  for (gint64 rows = 0; rows < 2; rows++) {
    GByteArray *graph = test_graph(2, 1, 3), *reshape = test_node("Reshape", "x,shape", "flat");
    test_attribute_int(reshape, "allowzero", 1);
    add_ints(graph, "shape", 4, (const gint64[]){1, rows, 2, 3});
    test_add(graph, GRAPH_NODE, reshape);
    test_add(graph, GRAPH_NODE, test_node("Relu", "flat", "y"));
    g_autofree float *x = counting(6);
    if (rows > 0)
      expect(graph, 18, x, 2, 1, 3, x, 6);
    else
      test_refuse(test_model(graph, 18), LUS_ERROR_UNSUPPORTED, "'allowzero' to a size of 0");
  }
}

/** Before opset 13 the exponentials of all dimensions from the axis on are taken together. */
static void test_softmax(void)
{
  const float x[] = {0, 1, 2, 3};
  float wanted[2][4];
  double all = exp(0) + exp(1) + exp(2) + exp(3);
  for (int i = 0; i < 4; i++) {
    wanted[0][i] = (float)(exp(i) / all);
    wanted[1][i] = (float)(exp(i) / (exp(i % 2) + exp(i % 2 + 2))); /* over the two channels */
  }
  for (int k = 0; k < 2; k++) {
    GByteArray *graph = test_graph(2, 1, 2), *softmax = test_node("Softmax", "x", "y");
    test_attribute_int(softmax, "axis", 1);
    test_add(graph, GRAPH_NODE, softmax);
    expect(graph, k == 0 ? 12 : 13, x, 2, 1, 2, wanted[k], 4);
  }
  GByteArray *graph = test_graph(2, 1, 2); /* axis 1 is the default, the last one from 13 on */
  test_add(graph, GRAPH_NODE, test_node("Softmax", "x", "y"));
  expect(graph, 11, x, 2, 1, 2, wanted[0], 4);
}

static void test_dropout(void)
{
  for (int opset = 11; opset <= 12; opset++) {
    GByteArray *graph = test_graph(1, 1, 2);
    GByteArray *dropout = test_node("Dropout", opset == 11 ? "x" : "x,ratio", "same");
    if (opset == 11)
      test_attribute_float(dropout, "ratio", .4f);
    else
      add_number(graph, "ratio", .4f);
    test_add(graph, GRAPH_NODE, dropout);
    test_add(graph, GRAPH_NODE, test_node("Relu", "same", "y"));
    expect(graph, opset, (const float[]){-1, 2}, 1, 1, 2, (const float[]){0, 2}, 2);
  }
}

/** (x - mean) / sqrt(variance + epsilon) scale + bias; momentum is of training, training_mode came with opset 14. */
static void test_batch_norm(void)
{
  for (int opset = 11; opset <= 15; opset += 2) {
    GByteArray *graph = test_graph(2, 1, 1), *norm = test_node("BatchNormalization", "x,s,b,m,v", "y");
    add_vector(graph, "s", 2, (const float[]){2, 3});
    add_vector(graph, "b", 2, (const float[]){1, -1});
    add_vector(graph, "m", 2, (const float[]){.5f, 4});
    add_vector(graph, "v", 2, (const float[]){3, 8});
    test_attribute_float(norm, "epsilon", 1);
    test_attribute_float(norm, "momentum", .9f);
    if (opset >= 14)
      test_attribute_int(norm, "training_mode", 0);
    test_add(graph, GRAPH_NODE, norm);
    expect(graph, opset, (const float[]){1.5f, 7}, 2, 1, 1, (const float[]){2, 2}, 2);
  }
}

/** Opset 11 wants a region of interest and scales even where they say nothing. */
static void test_resize_11(void)
{
  static const char *const inputs[] = {"x,none,scales", "x,none,none,sizes", "x,,scales", "x,,,sizes"};
  g_autofree float *x = counting(2);
  for (gsize i = 0; i < G_N_ELEMENTS(inputs); i++) {
    GByteArray *graph = test_graph(1, 1, 2), *resize = test_node("Resize", inputs[i], "y");
    add_vector(graph, "none", 0, NULL);
    add_vector(graph, "scales", 4, (const float[]){1, 1, 2, 2});
    add_ints(graph, "sizes", 4, (const gint64[]){1, 1, 2, 4});
    test_attribute_string(resize, "mode", "linear");
    test_attribute_string(resize, "coordinate_transformation_mode", "align_corners");
    test_attribute_float(resize, "cubic_coeff_a", -.75f);
    test_add(graph, GRAPH_NODE, resize);
    expect(graph, i % 2 && i > 1 ? 13 : 11, x, 1, 1, 2,
           (const float[]){1, 4 / 3.f, 5 / 3.f, 2, 1, 4 / 3.f, 5 / 3.f, 2}, 8);
  }
}

/** Half way between two pixels, which the division of floats misses: 2 / (4 / 7) = 3.5 and 9.5 / (19 / 14) - .5 = 6.5. */
static void test_resize_half_way(void)
{
  static const struct {
    const char *place, *nearest;
    int from, to;
    float wanted[19];
  } cases[] = {
    {"asymmetric", "round_prefer_ceil", 7, 4, {1, 3, 5, 6}},
    {"half_pixel", "round_prefer_floor", 14, 19, {1, 2, 2, 3, 4, 5, 5, 6, 7, 7, 8, 9, 10, 10, 11, 12, 13, 13, 14}},
  };
  g_autofree float *x = counting(14);
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    GByteArray *graph = test_graph(1, 1, cases[i].from), *resize = test_node("Resize", "x,,,sizes", "y");
    add_ints(graph, "sizes", 4, (const gint64[]){1, 1, 1, cases[i].to});
    test_attribute_string(resize, "coordinate_transformation_mode", cases[i].place);
    test_attribute_string(resize, "nearest_mode", cases[i].nearest);
    test_add(graph, GRAPH_NODE, resize);
    expect(graph, 13, x, 1, 1, cases[i].from, cases[i].wanted, cases[i].to);
  }
}

/** Upsample (opset 9) and Resize-10 name the mode alone: nearest is the pixel at floor(i / scale). */
static void test_upsample(void)
{
  static const char *const types[] = {"Upsample", "Resize"};
  for (int k = 0; k < 2; k++) {
    GByteArray *graph = test_graph(1, 1, 2), *up = test_node(types[k], "x,scales", "y");
    add_vector(graph, "scales", 4, (const float[]){1, 1, 2, 2.5f});
    test_attribute_string(up, "mode", "nearest");
    test_add(graph, GRAPH_NODE, up);
    expect(graph, 9 + k, (const float[]){3, 8}, 1, 1, 2, (const float[]){3, 3, 3, 8, 8, 3, 3, 3, 8, 8}, 10);
  }
}

/** Resize-10 to fewer pixels takes the one at ceil(i / scale). */
static void test_resize_10(void)
{
  GByteArray *graph = test_graph(1, 2, 4), *resize = test_node("Resize", "x,scales", "y");
  g_autofree float *x = counting(8);
  add_vector(graph, "scales", 4, (const float[]){1, 1, 1, 0.6f});
  test_attribute_string(resize, "mode", "nearest");
  test_add(graph, GRAPH_NODE, resize);
  expect(graph, 10, x, 1, 2, 4, (const float[]){1, 3, 5, 7}, 4);
}

/** torch.stack(...).sum(0) of x, x + x and (x + x)^2, whose five dimensions are read as a chain of additions. */
static void test_stack(void)
{
  for (int opset = 11; opset <= 13; opset += 2) {
    static const char *const parts[] = {"x", "two", "square"};
    GByteArray *graph = test_graph(1, 1, 3);
    const gint64 axis = 0;
    add_ints(graph, "axis", 1, &axis);
    test_add(graph, GRAPH_NODE, test_node("Add", "x,x", "two"));
    test_add(graph, GRAPH_NODE, test_node("Mul", "two,two", "square"));
    for (int i = 0; i < 3; i++) {
      g_autofree char *inputs = g_strconcat(parts[i], opset < 13 ? NULL : ",axis", NULL);
      g_autofree char *output = g_strconcat(parts[i], "_wide", NULL);
      GByteArray *unsqueeze = test_node("Unsqueeze", inputs, output);
      if (opset < 13)
        test_attribute_ints(unsqueeze, "axes", 1, &axis);
      test_add(graph, GRAPH_NODE, unsqueeze);
    }
    GByteArray *concat = test_node("Concat", "x_wide,two_wide,square_wide", "stack");
    test_attribute_int(concat, "axis", 0);
    test_add(graph, GRAPH_NODE, concat);
    GByteArray *sum = test_node("ReduceSum", opset < 13 ? "stack" : "stack,axis", "y");
    if (opset < 13)
      test_attribute_ints(sum, "axes", 1, &axis);
    test_attribute_int(sum, "keepdims", 0);
    test_add(graph, GRAPH_NODE, sum);
    expect(graph, opset, (const float[]){1, -2, 3}, 1, 1, 3, (const float[]){7, 10, 45}, 3);
  }
}

/** A stack is good for a sum and for nothing else. */
static void test_stack_refused(void)
{
  static const char *const last[] = {"Relu", "ReduceSum"};
  static const char *const why[] = {"can only be summed up", "a single picture"};
  for (int k = 0; k < 2; k++) {
    GByteArray *graph = test_graph(1, 1, 3);
    add_ints(graph, "axis", 1, (const gint64[]){0});
    test_add(graph, GRAPH_NODE, test_node("Unsqueeze", "x,axis", "wide"));
    GByteArray *node = test_node(last[k], k ? "wide,axis" : "wide", "y");
    if (k)
      test_attribute_int(node, "keepdims", 0);
    test_add(graph, GRAPH_NODE, node);
    test_refuse(test_model(graph, 13), LUS_ERROR_UNSUPPORTED, why[k]);
  }
}

#define CHANNELS 6
#define GROUPS 3
#define PIXELS 20

/** Scale and bias of one number per group before opset 21, per channel from then on. */
static void test_group_normalization(void)
{
  LusRng rng;
  float x[CHANNELS * PIXELS], wanted[CHANNELS * PIXELS], scale[CHANNELS], bias[CHANNELS];
  lus_rng_init(&rng, 3, 0);
  lus_rng_fill_normal(&rng, x, G_N_ELEMENTS(x));
  lus_rng_fill_normal(&rng, scale, CHANNELS);
  lus_rng_fill_normal(&rng, bias, CHANNELS);
  const int channels = CHANNELS / GROUPS;
  for (int opset = 18; opset <= 21; opset += 3) {
    for (int g = 0; g < GROUPS; g++) {
      const float *group = x + g * channels * PIXELS;
      double mean = 0, variance = 0;
      for (int i = 0; i < channels * PIXELS; i++)
        mean += (double)group[i] / (channels * PIXELS);
      for (int i = 0; i < channels * PIXELS; i++)
        variance += ((double)group[i] - mean) * ((double)group[i] - mean) / (channels * PIXELS);
      for (int i = 0; i < channels * PIXELS; i++) {
        int at = g * channels * PIXELS + i, k = opset < 21 ? g : at / PIXELS;
        wanted[at] = (float)(((double)x[at] - mean) / sqrt(variance + .125) * (double)scale[k] + (double)bias[k]);
      }
    }
    GByteArray *graph = test_graph(CHANNELS, 4, 5), *norm = test_node("GroupNormalization", "x,s,b", "y");
    add_vector(graph, "s", opset < 21 ? GROUPS : CHANNELS, scale);
    add_vector(graph, "b", opset < 21 ? GROUPS : CHANNELS, bias);
    test_attribute_int(norm, "num_groups", GROUPS);
    test_attribute_float(norm, "epsilon", .125f);
    test_add(graph, GRAPH_NODE, norm);
    expect(graph, opset, x, CHANNELS, 4, 5, wanted, CHANNELS * PIXELS);
  }
}

/** What Pad does that no border of a convolution can do stays a Pad: the picture mirrored, or cut off. */
static void test_pad_stays(void)
{
  static const struct {
    const char *mode;
    gint64 pads[8];
    float wanted[4];
    int n;
  } cases[] = {{"reflect", {0, 0, 0, 1, 0, 0, 0, 0}, {4, 2, 4, 6}, 4}, {"constant", {0, 0, 0, -1, 0, 0, 0, 0}, {4, 6}, 2}};
  const float two = 2;
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    GByteArray *graph = test_graph(1, 1, 3), *pad = test_node("Pad", "x,pads", "other");
    add_ints(graph, "pads", 8, cases[i].pads);
    test_attribute_string(pad, "mode", cases[i].mode);
    test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, (const gint64[]){1, 1, 1, 1}, &two, 1));
    test_add(graph, GRAPH_NODE, pad);
    test_add(graph, GRAPH_NODE, test_node("Conv", "other,w", "y"));
    expect(graph, 11, (const float[]){1, 2, 3}, 1, 1, 3, cases[i].wanted, cases[i].n);
  }
}

/** Opset 18 names the axes that scales or sizes are for. */
static GByteArray *resize_axes(const char *inputs, int n, const gint64 *axes)
{
  GByteArray *graph = test_graph(1, 1, 2), *resize = test_node("Resize", inputs, "y");
  add_vector(graph, "scales", 2, (const float[]){3, 2});
  add_ints(graph, "sizes", 2, (const gint64[]){6, 2});
  test_attribute_ints(resize, "axes", n, axes);
  test_add(graph, GRAPH_NODE, resize);
  return graph;
}

static void test_resize_axes(void)
{
  const float *x = (const float[]){3, 8};
  expect(resize_axes("x,,scales", 2, (const gint64[]){3, -2}), 18, x, 1, 1, 2,
         (const float[]){3, 3, 3, 8, 8, 8, 3, 3, 3, 8, 8, 8}, 12);
  expect(resize_axes("x,,,sizes", 2, (const gint64[]){-1, 2}), 18, x, 1, 1, 2,
         (const float[]){3, 3, 3, 8, 8, 8, 3, 3, 3, 8, 8, 8}, 12);
  test_refuse(test_model(resize_axes("x,,scales", 1, (const gint64[]){3}), 18), LUS_ERROR_INVALID, "different lengths");
  test_refuse(test_model(resize_axes("x,,scales", 2, (const gint64[]){3, 4}), 18), LUS_ERROR_INVALID, "not there");
  test_refuse(test_model(resize_axes("x,,,sizes", 2, (const gint64[]){3, 1}), 18), LUS_ERROR_INVALID, "impossible");
}

/** Layers that need the picture's size are refused where the file leaves it open, with the remedy. */
static void test_open_size(void)
{
  static const char *const types[] = {"GroupNormalization", "Resize", "Conv"};
  for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
    GByteArray *graph = test_graph(2, -1, -1);
    GByteArray *node = test_node(types[i], i == 0 ? "x,s,s" : i == 1 ? "x,,,sizes" : "x,w", "y");
    add_vector(graph, "s", 2, (const float[]){1, 2});
    add_ints(graph, "sizes", 4, (const gint64[]){1, 2, 8, 8});
    test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, (const gint64[]){1, 2, 1, 1}, (const float[]){1, 2}, 2));
    if (i == 0)
      test_attribute_int(node, "num_groups", 2);
    if (i == 2) {
      test_attribute_string(node, "auto_pad", "SAME_LOWER");
      test_attribute_ints(node, "strides", 2, (const gint64[]){2, 2});
    }
    test_add(graph, GRAPH_NODE, node);
    test_refuse(test_model(graph, 18), LUS_ERROR_UNSUPPORTED, "export the model with a fixed size");
  }
}

/** Weights of a shape that the layer cannot have, or that are no constants. */
static void test_odd_weights(void)
{
  static const struct {
    const char *type, *inputs, *text;
  } cases[] = {{"InstanceNormalization", "x,square,s", "no vector"},
               {"GroupNormalization", "x,s,s", "one number per group"},
               {"Conv", "x,x", "must be a constant"},
               {"Dropout", "x,number,train", "training mode"}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    GByteArray *graph = test_graph(4, 2, 2), *node = test_node(cases[i].type, cases[i].inputs, "same");
    add_vector(graph, "s", 3, (const float[]){1, 2, 3});
    add_number(graph, "number", .5f);
    add_ints(graph, "train", 1, (const gint64[]){1});
    test_add(graph, GRAPH_INITIALIZER, test_floats("square", 2, (const gint64[]){2, 2}, (const float[]){1, 2, 3, 4}, 4));
    if (i == 1)
      test_attribute_int(node, "num_groups", 2);
    test_add(graph, GRAPH_NODE, node);
    test_add(graph, GRAPH_NODE, test_node("Relu", "same", "y"));
    test_refuse(test_model(graph, 18), i < 2 ? LUS_ERROR_INVALID : LUS_ERROR_UNSUPPORTED, cases[i].text);
  }
  GByteArray *graph = test_graph(1, 8, 8), *conv = test_node("Conv", "x,w", "y");
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, (const gint64[]){1, 1, 1, 3}, (const float[]){1, 2, 3}, 3));
  test_attribute_ints(conv, "dilations", 2, (const gint64[]){1, 4000});
  test_attribute_string(conv, "auto_pad", "SAME_UPPER");
  test_add(graph, GRAPH_NODE, conv);
  test_refuse(test_model(graph, 18), LUS_ERROR_INVALID, "too large a border");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/nn/onnx-forms/axes-attributes", test_axes_attributes);
  g_test_add_func("/nn/onnx-forms/split", test_split);
  g_test_add_func("/nn/onnx-forms/clip", test_clip);
  g_test_add_func("/nn/onnx-forms/pad", test_pad);
  g_test_add_func("/nn/onnx-forms/pad-before-conv", test_pad_before_conv);
  g_test_add_func("/nn/onnx-forms/allowzero", test_allowzero);
  g_test_add_func("/nn/onnx-forms/softmax", test_softmax);
  g_test_add_func("/nn/onnx-forms/dropout", test_dropout);
  g_test_add_func("/nn/onnx-forms/batch-norm", test_batch_norm);
  g_test_add_func("/nn/onnx-forms/resize-11", test_resize_11);
  g_test_add_func("/nn/onnx-forms/resize-half-way", test_resize_half_way);
  g_test_add_func("/nn/onnx-forms/upsample", test_upsample);
  g_test_add_func("/nn/onnx-forms/resize-10", test_resize_10);
  g_test_add_func("/nn/onnx-forms/stack", test_stack);
  g_test_add_func("/nn/onnx-forms/stack-refused", test_stack_refused);
  g_test_add_func("/nn/onnx-forms/group-normalization", test_group_normalization);
  g_test_add_func("/nn/onnx-forms/pad-stays", test_pad_stays);
  g_test_add_func("/nn/onnx-forms/resize-axes", test_resize_axes);
  g_test_add_func("/nn/onnx-forms/open-size", test_open_size);
  g_test_add_func("/nn/onnx-forms/odd-weights", test_odd_weights);
  return g_test_run();
}
