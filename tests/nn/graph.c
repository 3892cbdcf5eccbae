/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "graph-fixture.h"
#include "nn/error.h"

#define SEED 11

static LusGraph *begin(LusRng *rng, int *x)
{
  LusGraph *graph = lus_graph_new();
  lus_rng_init(rng, SEED, 0);
  *x = lus_graph_add_input(graph, "x");
  return graph;
}

static void assert_shape(const LusGraph *graph, int value, int c, int h, int w)
{
  const int *shape = graph->values[value].shape;
  g_assert_cmpint(shape[0], ==, 1);
  g_assert_cmpint(shape[1], ==, c);
  g_assert_cmpint(shape[2], ==, h);
  g_assert_cmpint(shape[3], ==, w);
}

static void infer(LusGraph *graph, int c, int h, int w)
{
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_graph_infer_shapes(graph, c, h, w, &error));
  g_assert_no_error(error);
}

static void test_shapes(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.kernel[0] = attrs.kernel[1] = 7;
  attrs.stride[0] = attrs.stride[1] = 2;
  attrs.pad[0] = attrs.pad[1] = attrs.pad[2] = attrs.pad[3] = 3;
  int conv = fixture_conv(graph, &rng, x, 3, 16, TRUE, &attrs);
  int norm = fixture_group_norm(graph, &rng, conv, 16, 4);
  int pool = fixture_max_pool(graph, norm, 3, 2, 1);
  int up = fixture_resize(graph, pool, LUS_RESIZE_LINEAR, LUS_COORD_HALF_PIXEL, 2, 1.5f);
  int out = fixture_unary(graph, LUS_OP_SIGMOID, up);
  lus_graph_set_output(graph, out);
  infer(graph, 3, 65, 90);
  assert_shape(graph, conv, 16, 33, 45);
  assert_shape(graph, pool, 16, 17, 23);
  assert_shape(graph, out, 16, 34, 34);
  g_assert_cmpfloat_with_epsilon(lus_graph_flop(graph), 2.0 * 16 * 33 * 45 * 3 * 49, 0.5);
  infer(graph, 3, 7, 8);
  assert_shape(graph, conv, 16, 4, 4);
}

/* A factor like 7/3 as a float is a little less than 7/3. */
static void test_resize_rounding(void)
{
  for (int in = 1; in < 60; in++) {
    for (int out = 1; out < 60; out++) {
      LusRng rng;
      int x;
      g_autoptr(LusGraph) graph = begin(&rng, &x);
      float scale = (float)out / (float)in;
      lus_graph_set_output(
          graph, fixture_resize(graph, x, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, scale, scale));
      infer(graph, 1, in, in);
      assert_shape(graph, graph->output, 1, out, out);
    }
  }
}

static void test_parameters(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  LusOpAttrs attrs = lus_op_attrs_default();
  int conv = fixture_conv(graph, &rng, x, 3, 4, TRUE, &attrs);
  int batch = fixture_batch_norm(graph, &rng, conv, 4);
  lus_graph_set_output(graph, fixture_group_norm(graph, &rng, batch, 4, 2));
  g_assert_cmpuint(lus_graph_n_parameters(graph), ==, 12 + 4 + 4 + 4);
  const LusNode *nodes = graph->nodes;
  g_assert_cmpint(lus_graph_parameter_offset(graph, nodes[0].inputs[1]), ==, 0);
  g_assert_cmpint(lus_graph_parameter_offset(graph, nodes[0].inputs[2]), ==, 12);
  g_assert_cmpint(lus_graph_parameter_offset(graph, nodes[1].inputs[1]), ==,
                  -1); /* BatchNorm is not learnt */
  g_assert_cmpint(lus_graph_parameter_offset(graph, nodes[2].inputs[2]), ==, 20);
  g_assert_cmpint(lus_graph_parameter_offset(graph, x), ==, -1);
  float in[24], out[24];
  for (int i = 0; i < 24; i++)
    in[i] = (float)i;
  lus_graph_set_parameters(graph, in);
  g_assert_cmpfloat(graph->values[nodes[2].inputs[2]].constant->data[3], ==, 23);
  lus_graph_get_parameters(graph, out);
  g_assert_cmpmem(in, sizeof in, out, sizeof out);
}

static void test_copy(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  LusOpAttrs attrs = lus_op_attrs_default();
  lus_graph_set_output(graph, fixture_conv(graph, &rng, x, 2, 2, FALSE, &attrs));
  infer(graph, 2, 4, 5);
  g_autoptr(LusGraph) copy = lus_graph_copy(graph, NULL);
  float first = graph->values[1].constant->data[0];
  graph->values[1].constant->data[0] = 99;
  g_assert_cmpfloat(copy->values[1].constant->data[0], ==, first);
  g_assert_cmpstr(copy->nodes[0].name, ==, "conv");
  g_assert_true(copy->nodes[0].name != graph->nodes[0].name);
  g_assert_cmpint(copy->output, ==, graph->output);
  assert_shape(copy, copy->output, 2, 4, 5);
  int y = fixture_unary(copy, LUS_OP_RELU, copy->output); /* a copy can be added to */
  lus_graph_set_output(copy, y);
  infer(copy, 2, 3, 3);
  assert_shape(copy, y, 2, 3, 3);
}

static void test_many_nodes(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  for (int i = 0; i < 1000; i++)
    x = fixture_unary(graph, LUS_OP_RELU, x);
  lus_graph_set_output(graph, x);
  infer(graph, 1, 2, 2);
  g_assert_cmpint(graph->n_nodes, ==, 1000);
}

/* ---- errors ---- */

static void assert_error(LusGraph *graph, int c, int h, int w, LusError code, const char *pattern)
{
  g_autoptr(GError) error = NULL;
  g_assert_false(lus_graph_infer_shapes(graph, c, h, w, &error));
  g_assert_error(error, LUS_ERROR, (int)code);
  if (!g_pattern_match_simple(pattern, error->message))
    g_error("\"%s\" does not match \"%s\"", error->message, pattern);
}

static void test_error_ends(void)
{
  g_autoptr(LusGraph) graph = lus_graph_new();
  assert_error(graph, 1, 1, 1, LUS_ERROR_INVALID, "*no input*");
  int x = lus_graph_add_input(graph, "x");
  assert_error(graph, 1, 1, 1, LUS_ERROR_INVALID, "*no output*");
  lus_graph_set_output(graph, x + 1);
  assert_error(graph, 1, 1, 1, LUS_ERROR_INVALID, "*no output*");
  lus_graph_set_output(graph, x);
  infer(graph, 1, 1, 1);
  assert_error(graph, 0, 1, 1, LUS_ERROR_INVALID, "the input*");
  assert_error(graph, 1, -3, 1, LUS_ERROR_INVALID, "the input*");
  assert_error(graph, 1 << 14, 1 << 14, 2, LUS_ERROR_LIMIT, "the input*");
  lus_graph_add_input(graph, "loose");
  lus_graph_set_output(graph, graph->input);
  graph->input = x;
  assert_error(graph, 1, 1, 1, LUS_ERROR_INVALID, "*\"loose\" is never computed*");
}

static void test_error_inputs(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  int constant = fixture_constant(graph, &rng, "k", 0, 1, 1, (int[]){4});
  int y = lus_graph_add_node(graph, LUS_OP_ADD, "sum", 2, (int[]){x, constant}, NULL);
  lus_graph_set_output(graph, y);
  assert_error(graph, 4, 3, 3, LUS_ERROR_UNSUPPORTED, "node \"sum\" (Add)*\"k\"*constant*");
  graph->nodes[0].inputs[1] = y;
  assert_error(graph, 4, 3, 3, LUS_ERROR_INVALID, "node \"sum\" (Add)*before it is computed*");
  graph->nodes[0].inputs[1] = 77;
  assert_error(graph, 4, 3, 3, LUS_ERROR_INVALID, "node \"sum\" (Add)*missing*");
  graph->nodes[0].n_inputs = 1;
  assert_error(graph, 4, 3, 3, LUS_ERROR_INVALID, "node \"sum\" (Add)*takes 2 to 2*");
  graph->nodes[0].type = LUS_OP_CONV;
  graph->nodes[0].n_inputs = 2;
  graph->nodes[0].inputs[1] = x;
  assert_error(graph, 4, 3, 3, LUS_ERROR_UNSUPPORTED, "node \"sum\" (Conv)*only constants*");
}

static LusGraph *one_conv(int in, int out, const LusOpAttrs *attrs)
{
  LusRng rng;
  int x;
  LusGraph *graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_conv(graph, &rng, x, in, out, TRUE, attrs));
  return graph;
}

static void test_error_conv(void)
{
  LusOpAttrs attrs = lus_op_attrs_default();
  attrs.kernel[0] = attrs.kernel[1] = 3;
  g_autoptr(LusGraph) graph = one_conv(4, 6, &attrs);
  assert_error(graph, 3, 8, 8, LUS_ERROR_INVALID,
               "node \"conv\" (Conv)*6x4x3x3 for 3 input channels*");
  assert_error(graph, 4, 2, 8, LUS_ERROR_INVALID, "*\"conv\"*6x0x6*too small*");
  LusOpAttrs *a = &graph->nodes[0].attrs;
  a->kernel[1] = 5;
  assert_error(graph, 4, 8, 8, LUS_ERROR_INVALID, "*6x4x3x3*kernel_shape is 3x5*");
  a->kernel[1] = 3;
  a->groups = 3;
  assert_error(graph, 4, 8, 8, LUS_ERROR_INVALID, "*3 groups*");
  a->groups = 0;
  assert_error(graph, 4, 8, 8, LUS_ERROR_INVALID, "*0 groups*");
  a->groups = 1;
  a->stride[0] = 0;
  assert_error(graph, 4, 8, 8, LUS_ERROR_INVALID, "*stride 0x1*");
  a->stride[0] = 1;
  a->dilation[1] = 5000;
  assert_error(graph, 4, 8, 8, LUS_ERROR_INVALID, "*dilation 1x5000*");
  a->dilation[1] = 4096;
  assert_error(graph, 4, 8, 8, LUS_ERROR_INVALID, "*too small*");
  a->dilation[1] = 1;
  a->pad[2] = -1;
  assert_error(graph, 4, 8, 8, LUS_ERROR_INVALID, "*pad -1*");
  a->pad[2] = 0;
  graph->values[graph->nodes[0].inputs[2]].constant->dims[0] = 5;
  assert_error(graph, 4, 8, 8, LUS_ERROR_INVALID, "*bias is 5 but should be 6*");
  graph->values[graph->nodes[0].inputs[1]].constant->rank = 3;
  assert_error(graph, 4, 8, 8, LUS_ERROR_INVALID, "*6x4x3 but should have 4 dimensions*");
}

static void test_error_norms(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  int y = fixture_group_norm(graph, &rng, x, 6, 3);
  lus_graph_set_output(graph, fixture_batch_norm(graph, &rng, y, 6));
  infer(graph, 6, 2, 2);
  assert_error(graph, 9, 2, 2, LUS_ERROR_INVALID,
               "*(GroupNormalization)*scale is 6 but should be 9*");
  graph->nodes[0].attrs.norm_groups = 4;
  assert_error(graph, 6, 2, 2, LUS_ERROR_INVALID, "*4 groups do not divide 6*");
  graph->nodes[0].attrs.norm_groups = 1;
  graph->nodes[0].attrs.epsilon = NAN;
  assert_error(graph, 6, 2, 2, LUS_ERROR_INVALID, "*epsilon*");
  graph->nodes[0].attrs.epsilon = 1e-5f;
  graph->values[graph->nodes[1].inputs[4]].constant->data[2] = -1;
  assert_error(graph, 6, 2, 2, LUS_ERROR_INVALID,
               "*(BatchNormalization)*variance -1 of channel 2*");
}

static void test_error_add(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  int half = fixture_max_pool(graph, x, 2, 2, 0);
  int up = fixture_resize(graph, half, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 2, 2);
  lus_graph_set_output(graph, fixture_add(graph, x, up));
  infer(graph, 3, 8, 6);
  assert_error(graph, 3, 9, 6, LUS_ERROR_INVALID,
               "*(Add): shapes 3x9x6 and 3x8x6 differ*multiples*");
}

static void test_error_pool(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  lus_graph_set_output(graph, fixture_max_pool(graph, x, 2, 2, 2));
  assert_error(graph, 3, 8, 8, LUS_ERROR_INVALID, "*(MaxPool)*pad 2 must be smaller*");
  LusOpAttrs *a = &graph->nodes[0].attrs;
  for (int i = 0; i < 4; i++)
    a->pad[i] = 1;
  a->dilation[0] = 3; /* rows -1 and 2 of two */
  assert_error(graph, 3, 2, 8, LUS_ERROR_INVALID, "*dilation 3 lies in the pads alone*");
}

static void test_error_resize(void)
{
  LusRng rng;
  int x;
  g_autoptr(LusGraph) graph = begin(&rng, &x);
  lus_graph_set_output(graph,
                       fixture_resize(graph, x, LUS_RESIZE_NEAREST, LUS_COORD_ASYMMETRIC, 2, -1));
  assert_error(graph, 3, 8, 8, LUS_ERROR_INVALID, "*(Resize)*scale -1*");
  graph->nodes[0].attrs.scale[1] = INFINITY;
  assert_error(graph, 3, 8, 8, LUS_ERROR_INVALID, "*(Resize)*scale inf*");
  graph->nodes[0].attrs.scale[1] = 1e30f;
  assert_error(graph, 3, 8, 8, LUS_ERROR_LIMIT, "*(Resize)*too large*");
  graph->nodes[0].attrs.scale[1] = 1e7f;
  assert_error(graph, 3, 8, 8, LUS_ERROR_LIMIT, "*(Resize)*smaller input*");
  graph->nodes[0].attrs.scale[1] = 0.1f;
  assert_error(graph, 3, 8, 8, LUS_ERROR_INVALID, "*(Resize)*too small*");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/graph/shapes", test_shapes);
  g_test_add_func("/graph/resize-rounding", test_resize_rounding);
  g_test_add_func("/graph/parameters", test_parameters);
  g_test_add_func("/graph/copy", test_copy);
  g_test_add_func("/graph/many-nodes", test_many_nodes);
  g_test_add_func("/graph/error/ends", test_error_ends);
  g_test_add_func("/graph/error/inputs", test_error_inputs);
  g_test_add_func("/graph/error/conv", test_error_conv);
  g_test_add_func("/graph/error/norms", test_error_norms);
  g_test_add_func("/graph/error/add", test_error_add);
  g_test_add_func("/graph/error/pool", test_error_pool);
  g_test_add_func("/graph/error/resize", test_error_resize);
  return g_test_run();
}
