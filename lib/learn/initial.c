/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/trainer.h"
#include "nn/error.h"

#include <stdlib.h>
#include <string.h>

/** As files have it, a scale of [c] may be [c][1][1]. */
static gboolean same_shape(const LusTensor *a, const LusTensor *b)
{
  for (int i = 0; i < MAX(a->rank, b->rank); i++)
    if ((i < a->rank ? a->dims[i] : 1) != (i < b->rank ? b->dims[i] : 1))
      return FALSE;
  return TRUE;
}

static const LusTensor *find(const LusGraph *graph, const char *name)
{
  for (int i = 0; i < graph->n_values; i++)
    if (graph->values[i].constant && g_str_equal(graph->values[i].name, name))
      return graph->values[i].constant;
  return NULL;
}

static gboolean refuse_missing(const char *name, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "has no weights '%s'; give a model of the same kind of network (encoder and widths)", name);
  return FALSE;
}

static gboolean refuse_shape(const char *name, const LusTensor *is, const LusTensor *wanted, const char *remedy,
                             GError **error)
{
  g_autofree char *wanted_text = lus_tensor_dims_string(wanted), *is_text = lus_tensor_dims_string(is);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "weights '%s' are %s but this network's are %s; %s", name, is_text,
              wanted_text, remedy);
  return FALSE;
}

/** Of the last convolution: one or the other of its constants. */
static gboolean is_head(const LusGraph *graph, int value)
{
  for (int i = graph->n_nodes - 1; i >= 0; i--) {
    const LusNode *node = &graph->nodes[i];
    if (node->type != LUS_OP_CONV)
      continue;
    for (int k = 1; k < node->n_inputs; k++)
      if (node->inputs[k] == value)
        return TRUE;
    return FALSE;
  }
  return FALSE;
}

/** Of a residual block after a stage's first ("encoder.stage2.block3.conv1.weight") that @from does not have. As it is
 *  initialised it changes nothing, so that a deeper network begins where the shallower one ended. */
static gboolean is_further_block(const LusGraph *from, const char *name)
{
  const char *block = strstr(name, ".block");
  if (!block || !g_str_has_prefix(name, "encoder.stage") || strtol(block + strlen(".block"), NULL, 10) < 2)
    return FALSE;
  const char *end = strchr(block + 1, '.');
  g_autofree char *first = g_strdup_printf("%.*s.conv1.weight", (int)(end ? end - name : (gssize)strlen(name)), name);
  return !find(from, first);
}

/** Checks one weight, and copies it with @copy; *new_head TRUE: a head's stays in any case. */
static gboolean take(LusGraph *graph, int value, const LusGraph *from, gboolean copy, gboolean *new_head,
                     GError **error)
{
  const char *name = graph->values[value].name;
  LusTensor *to = graph->values[value].constant;
  const LusTensor *found = find(from, name);
  if ((!found && is_further_block(from, name)) || (*new_head && is_head(graph, value)))
    return TRUE;
  if (!found)
    return refuse_missing(name, error);
  if (same_shape(to, found)) {
    if (copy)
      memcpy(to->data, found->data, to->count * sizeof(float));
    return TRUE;
  }
  if (is_head(graph, value) && to->dims[0] != found->dims[0] &&
      to->count / (gsize)to->dims[0] == found->count / (gsize)MAX(found->dims[0], 1)) {
    *new_head = TRUE;
    return TRUE;
  }
  return refuse_shape(name, found, to, "use the widths it was trained with", error);
}

gboolean lus_train_take_weights(LusGraph *graph, const LusGraph *from, gboolean other_classes, gboolean *new_head,
                                GError **error)
{
  gboolean other_head = other_classes;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < graph->n_values; i++)
      if (lus_graph_parameter_offset(graph, i) >= 0 && !take(graph, i, from, pass == 1, &other_head, error))
        return FALSE;
  if (new_head)
    *new_head = other_head;
  return TRUE;
}

/** Checks one weight, and averages it with @apply. */
static gboolean average(LusTensor *tensor, const char *name, const LusGraph *with, gboolean apply, GError **error)
{
  const LusTensor *other = find(with, name);
  if (!other)
    return refuse_missing(name, error);
  if (!same_shape(tensor, other))
    return refuse_shape(name, other, tensor, "only models of one network and the same classes have a mean", error);
  float *a = tensor->data;
  const float *b = other->data;
  for (gsize i = 0; apply && i < tensor->count; i++)
    a[i] = .5f * (a[i] + b[i]);
  return TRUE;
}

gboolean lus_train_average_weights(LusGraph *graph, const LusGraph *with, GError **error)
{
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < graph->n_values; i++)
      if (lus_graph_parameter_offset(graph, i) >= 0 &&
          !average(graph->values[i].constant, graph->values[i].name, with, pass == 1, error))
        return FALSE;
  return TRUE;
}
