/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nn/error.h"
#include "nn/file.h"
#include "nn/tensor.h"

#include <string.h>

/* The NPY format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */

#define MAGIC "\x93NUMPY"
#define MAGIC_LENGTH 6
#define HEADER_MAX 65536

typedef struct {
  gsize item;     /* bytes per element: 4 ('<f4') or 1 ('|u1') */
  int rank;
  int dims[LUS_TENSOR_MAX_RANK];
  gsize count;
  gsize data_at;  /* offset of the first element */
} NpyHeader;

static gboolean npy_error(GError **error, const char *path, const char *problem)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
              "%s: %s; write it with numpy.save() as float32 or uint8 in C order", path, problem);
  return FALSE;
}

/** Value text of @key in the header's Python dictionary, or NULL. */
static const char *find_value(const char *dictionary, const char *key)
{
  g_autofree char *quoted = g_strdup_printf("'%s'", key);
  const char *at = strstr(dictionary, quoted);
  if (!at)
    return NULL;
  at += strlen(quoted);
  at += strspn(at, " ");
  if (*at != ':')
    return NULL;
  at++;
  return at + strspn(at, " ");
}

/** Reads "(2, 3)", "(2,)" or "()". */
static gboolean parse_shape(NpyHeader *header, const char *path, const char *text, GError **error)
{
  if (!text || *text != '(')
    return npy_error(error, path, "no 'shape' in the header");
  text++;
  header->count = 1;
  for (text += strspn(text, " "); *text != ')'; text += strspn(text, " ,")) {
    char *end = NULL;
    if (!g_ascii_isdigit(*text))
      return npy_error(error, path, "a dimension of 'shape' is not a number");
    if (header->rank == LUS_TENSOR_MAX_RANK)
      return npy_error(error, path, "more than 8 dimensions");
    guint64 dim = g_ascii_strtoull(text, &end, 10);
    if (dim > LUS_TENSOR_MAX_COUNT || (dim > 0 && header->count > LUS_TENSOR_MAX_COUNT / dim)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: more than %" G_GSIZE_FORMAT " elements", path,
                  LUS_TENSOR_MAX_COUNT);
      return FALSE;
    }
    header->dims[header->rank++] = (int)dim;
    header->count *= (gsize)dim;
    text = end;
    if (*text != ',' && *text != ' ' && *text != ')')
      return npy_error(error, path, "'shape' is malformed");
  }
  return TRUE;
}

static gboolean parse_dictionary(NpyHeader *header, const char *path, const char *dictionary, GError **error)
{
  const char *descr = find_value(dictionary, "descr");
  const char *order = find_value(dictionary, "fortran_order");
  if (descr && g_str_has_prefix(descr, "'<f4'"))
    header->item = 4;
  else if (descr && g_str_has_prefix(descr, "'|u1'"))
    header->item = 1;
  else
    return npy_error(error, path, "elements are neither float32 ('<f4') nor uint8 ('|u1')");
  if (!order || !g_str_has_prefix(order, "False"))
    return npy_error(error, path, "the array is in Fortran order");
  return parse_shape(header, path, find_value(dictionary, "shape"), error);
}

static gboolean parse_header(NpyHeader *header, const char *path, const guint8 *data, gsize length, GError **error)
{
  if (length < MAGIC_LENGTH + 4 || memcmp(data, MAGIC, MAGIC_LENGTH) != 0)
    return npy_error(error, path, "not an NPY file");
  gsize prefix, dictionary_length;
  if (data[6] == 1) {
    prefix = 10;
    dictionary_length = (gsize)data[8] | (gsize)data[9] << 8;
  } else if (data[6] == 2 && length >= 12) {
    prefix = 12;
    dictionary_length = (gsize)data[8] | (gsize)data[9] << 8 | (gsize)data[10] << 16 | (gsize)data[11] << 24;
  } else {
    return npy_error(error, path, "unknown NPY version");
  }
  if (dictionary_length > length - prefix)
    return npy_error(error, path, "the file ends within its header");
  if (dictionary_length > HEADER_MAX)
    return npy_error(error, path, "the header is too long");
  g_autofree char *dictionary = g_strndup((const char *)data + prefix, dictionary_length);
  header->data_at = prefix + dictionary_length;
  return parse_dictionary(header, path, dictionary, error);
}

LusTensor *lus_tensor_read_npy(const char *path, GError **error)
{
  gsize length = 0;
  g_autofree guint8 *data = lus_file_read(path, LUS_TENSOR_MAX_COUNT * 4 + HEADER_MAX + 12, &length, error);
  NpyHeader header = {0};
  if (!data || !parse_header(&header, path, data, length, error))
    return NULL;
  if (length - header.data_at != header.count * header.item) {
    npy_error(error, path, "the data is shorter or longer than its shape says");
    return NULL;
  }
  LusTensor *tensor = lus_tensor_new(header.rank, header.dims, error);
  if (!tensor) {
    g_prefix_error(error, "%s: ", path);
    return NULL;
  }
  const guint8 *in = data + header.data_at;
  if (header.item == 4) {
    for (gsize i = 0; i < header.count; i++, in += 4) {
      guint32 bits = (guint32)in[0] | (guint32)in[1] << 8 | (guint32)in[2] << 16 | (guint32)in[3] << 24;
      memcpy(&tensor->data[i], &bits, 4);
    }
  } else {
    for (gsize i = 0; i < header.count; i++)
      tensor->data[i] = in[i];
  }
  return tensor;
}

gboolean lus_tensor_write_npy(const LusTensor *tensor, const char *path, GError **error)
{
  g_autoptr(GString) text = g_string_new("{'descr': '<f4', 'fortran_order': False, 'shape': (");
  for (int i = 0; i < tensor->rank; i++)
    g_string_append_printf(text, "%s%d%s", i > 0 ? ", " : "", tensor->dims[i], tensor->rank == 1 ? "," : "");
  g_string_append(text, "), }");
  /* Padding puts the data on a multiple of 64 bytes; the header ends with a new line. */
  while ((10 + text->len + 1) % 64 != 0)
    g_string_append_c(text, ' ');
  g_string_append_c(text, '\n');

  gsize data_at = 10 + text->len, length = data_at + tensor->count * 4;
  g_autofree guint8 *bytes = g_try_malloc(length);
  if (!bytes) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for %" G_GSIZE_FORMAT " bytes", path, length);
    return FALSE;
  }
  memcpy(bytes, MAGIC "\x01\x00", 8);
  bytes[8] = (guint8)(text->len & 255);
  bytes[9] = (guint8)(text->len >> 8);
  memcpy(bytes + 10, text->str, text->len);
  for (gsize i = 0; i < tensor->count; i++) {
    guint32 bits;
    memcpy(&bits, &tensor->data[i], 4);
    bits = GUINT32_TO_LE(bits);
    memcpy(bytes + data_at + i * 4, &bits, 4);
  }
  return lus_file_write(path, bytes, length, error);
}
