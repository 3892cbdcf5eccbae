/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#include <unistd.h>

static const char *const blas_variables[] = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"};

static gboolean agrees(int wanted, int found)
{
  return wanted == 0 || found == 0 || wanted == found;
}

LusOnnx *lus_tool_load_network(const char *path, const int chw[3], GError **error)
{
  gsize length = 0;
  g_autofree guint8 *data = lus_file_read(path, LUS_ONNX_MAX_BYTES, &length, error);
  g_autoptr(LusOnnx) onnx = data ? lus_onnx_parse_sized(data, length, path, chw[2], chw[1], error) : NULL;
  if (!onnx)
    return NULL;
  if (onnx->input_rank == 4 && agrees(chw[0], onnx->input_channels))
    return g_steal_pointer(&onnx);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "%s: the network takes %d dimensions and %d channels, but the tensor has 4 and %d", path,
              onnx->input_rank, onnx->input_channels, chw[0]);
  return NULL;
}

int lus_tool_compare_double(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

char *lus_tool_pinned_blas(void)
{
  g_autoptr(GString) text = g_string_new(NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(blas_variables); i++) {
    const char *value = g_getenv(blas_variables[i]);
    if (value)
      g_string_append_printf(text, "%s%s=%s", text->len ? " " : "", blas_variables[i], value);
  }
  return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

void lus_tool_unpin_blas(const char *command, char **argv)
{
  g_autofree char *pinned = lus_tool_pinned_blas();
  if (!pinned)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS(blas_variables); i++)
    g_unsetenv(blas_variables[i]);
  g_autoptr(GPtrArray) all = g_ptr_array_new();
  g_ptr_array_add(all, (gpointer) "lus");
  g_ptr_array_add(all, (gpointer)command);
  for (char **argument = argv + 1; *argument; argument++)
    g_ptr_array_add(all, *argument);
  g_ptr_array_add(all, NULL);
  execv("/proc/self/exe", (char **)all->pdata);
  g_printerr("lus %s: the program can't be started again; it runs with %s\n", command, pinned);
}
