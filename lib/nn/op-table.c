/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one table of operators: what each is called, takes, gives and how it runs. */
#include "nn/ops.h"

#define MANY LUS_NODE_MAX_INPUTS

/* Name, fewest and most inputs, learnable inputs first..end-1, inputs that are activations, whether
 * constants may stand for these, shape rule, step. */
const LusOpInfo lus_op_table[LUS_OP_N] = {
    [LUS_OP_CONV] = {"Conv", 2, 3, 1, 3, 1, FALSE, lus_shape_conv, &lus_step_conv},
    [LUS_OP_GROUP_NORM] = {"GroupNormalization", 3, 3, 1, 3, 1, FALSE, lus_shape_group_norm,
                           &lus_step_group_norm},
    [LUS_OP_BATCH_NORM] = {"BatchNormalization", 5, 5, 1, 1, 1, FALSE, lus_shape_batch_norm,
                           &lus_step_batch_norm},
    [LUS_OP_RELU] = {"Relu", 1, 1, 1, 1, 1, FALSE, lus_shape_same, &lus_step_identity},
    [LUS_OP_SIGMOID] = {"Sigmoid", 1, 1, 1, 1, 1, FALSE, lus_shape_same, &lus_step_sigmoid},
    [LUS_OP_ADD] = {"Add", 2, 2, 2, 2, 2, FALSE, lus_shape_add, &lus_step_identity},
    [LUS_OP_MAX_POOL] = {"MaxPool", 1, 1, 1, 1, 1, FALSE, lus_shape_pool, &lus_step_max_pool},
    [LUS_OP_RESIZE] = {"Resize", 1, 1, 1, 1, 1, FALSE, lus_shape_resize, &lus_step_resize},
    [LUS_OP_BROADCAST_ADD] = {"Add", 2, 2, 2, 2, 2, TRUE, lus_shape_broadcast, &lus_step_binary},
    [LUS_OP_SUB] = {"Sub", 2, 2, 2, 2, 2, TRUE, lus_shape_broadcast, &lus_step_binary},
    [LUS_OP_MUL] = {"Mul", 2, 2, 2, 2, 2, TRUE, lus_shape_broadcast, &lus_step_binary},
    [LUS_OP_DIV] = {"Div", 2, 2, 2, 2, 2, TRUE, lus_shape_broadcast, &lus_step_binary},
    [LUS_OP_POW] = {"Pow", 2, 2, 2, 2, 2, TRUE, lus_shape_broadcast, &lus_step_binary},
    [LUS_OP_PRELU] = {"PRelu", 2, 2, 2, 2, 2, TRUE, lus_shape_broadcast, &lus_step_binary},
    [LUS_OP_SQRT] = {"Sqrt", 1, 1, 1, 1, 1, FALSE, lus_shape_same, &lus_step_unary},
    [LUS_OP_TANH] = {"Tanh", 1, 1, 1, 1, 1, FALSE, lus_shape_same, &lus_step_unary},
    [LUS_OP_LEAKY_RELU] = {"LeakyRelu", 1, 1, 1, 1, 1, FALSE, lus_shape_same, &lus_step_unary},
    [LUS_OP_CLIP] = {"Clip", 1, 1, 1, 1, 1, FALSE, lus_shape_same, &lus_step_clip},
    [LUS_OP_HARD_SIGMOID] = {"HardSigmoid", 1, 1, 1, 1, 1, FALSE, lus_shape_same, &lus_step_unary},
    [LUS_OP_HARD_SWISH] = {"HardSwish", 1, 1, 1, 1, 1, FALSE, lus_shape_same, &lus_step_unary},
    [LUS_OP_SOFTMAX] = {"Softmax", 1, 1, 1, 1, 1, FALSE, lus_shape_same, &lus_step_softmax},
    [LUS_OP_REDUCE_MEAN] = {"ReduceMean", 1, 1, 1, 1, 1, FALSE, lus_shape_reduce, &lus_step_reduce},
    [LUS_OP_AVERAGE_POOL] = {"AveragePool", 1, 1, 1, 1, 1, FALSE, lus_shape_pool,
                             &lus_step_average_pool},
    [LUS_OP_CONV_TRANSPOSE] = {"ConvTranspose", 2, 3, 3, 3, 1, FALSE, lus_shape_conv_transpose,
                               &lus_step_conv_transpose},
    [LUS_OP_CONCAT] = {"Concat", 1, MANY, MANY, MANY, MANY, TRUE, lus_shape_concat,
                       &lus_step_concat},
    [LUS_OP_SLICE] = {"Slice", 1, 1, 1, 1, 1, FALSE, lus_shape_slice, &lus_step_gather},
    [LUS_OP_PAD] = {"Pad", 1, 1, 1, 1, 1, FALSE, lus_shape_pad, &lus_step_gather},
    [LUS_OP_RESHAPE] = {"Reshape", 1, 1, 1, 1, 1, FALSE, lus_shape_reshape, &lus_step_reshape},
    [LUS_OP_TRANSPOSE] = {"Transpose", 1, 1, 1, 1, 1, FALSE, lus_shape_transpose,
                          &lus_step_gather},
    [LUS_OP_MAT_MUL] = {"MatMul", 2, 2, 2, 2, 1, FALSE, lus_shape_mat_mul, &lus_step_mat_mul},
    [LUS_OP_BATCH_MAT_MUL] = {"MatMul", 2, 2, 2, 2, 2, TRUE, lus_shape_batch_mat_mul,
                              &lus_step_batch_mat_mul},
    [LUS_OP_EXPAND] = {"Expand", 1, 1, 1, 1, 1, FALSE, lus_shape_expand, &lus_step_gather},
    [LUS_OP_QUANTIZE] = {"QuantizeLinear", 1, 1, 1, 1, 1, FALSE, lus_shape_quantize,
                         &lus_step_quantize},
};
