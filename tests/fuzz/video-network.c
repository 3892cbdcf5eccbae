/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a video network's file says of itself (its metadata lus.video). The first character tells the network around it:
 * '0' reads 8 frames of one class and gives 2 + 1 numbers, '1' reads 16 frames of two planes and gives 4 + 1; '2': a whole
 * file instead. */
#include "../nn/onnx-bytes.h"
#include "import.h"
#include "lung/clip-network.h"

#include <math.h>

#define MAX_EMBEDDING 4

static GByteArray *make_network(int kind, const uint8_t *text, size_t size)
{
  int planes = kind ? 32 : 8, outputs = kind ? MAX_EMBEDDING + 1 : 3;
  const gint64 dims[4] = {outputs, planes, 1, 1};
  float weights[(MAX_EMBEDDING + 1) * 32];
  for (size_t i = 0; i < G_N_ELEMENTS(weights); i++)
    weights[i] = (float)(i % 7) - 3;
  GByteArray *graph = test_graph(planes, LUS_CLIP_PIXELS, LUS_CLIP_PIXELS);
  test_add(graph, GRAPH_INITIALIZER, test_floats("w", 4, dims, weights, (gsize)(outputs * planes)));
  test_add(graph, GRAPH_NODE, test_node("GlobalAveragePool", "x", "a"));
  test_add(graph, GRAPH_NODE, test_node("Conv", "a,w", "y"));
  GByteArray *model = test_model(graph, 17);
  g_autofree char *copy = g_strndup((const char *)text, size);
  test_add_metadata(model, "lus.video", copy);
  return model;
}

static void use(LusClipNetwork *network)
{
  const LusVideoHead *head = lus_clip_network_head(network);
  g_autofree guint8 *planes = g_malloc0(LUS_CLIP_SIZE(head->classes));
  for (gsize i = 0; i < LUS_CLIP_SIZE(head->classes); i++)
    planes[i] = (guint8)(i * 37);
  g_autofree float *clips = g_new0(float, 2 * ((gsize)head->embedding + 1)), *p = g_new0(float, head->embedding);
  const int zones[2] = {0, -1};
  float out[3] = {0};
  for (gsize i = 0; i < 2; i++)
    lus_clip_network_embed(network, clips + i * ((gsize)head->embedding + 1), planes, NULL);
  lus_video_attend(p, NULL, clips, zones, 2, head);
  lus_video_apply(out, p, p, head);
  for (int i = 0; i < lus_video_outputs(head->task); i++)
    g_assert_true(isfinite(out[i]));
}

/** Written and read again. */
static void save(const LusClipNetwork *network)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *path = fuzz_named_file("again.onnx", (const uint8_t *)"", 0);
  lus_clip_network_save(network, "{}", path, &error);
  g_assert_no_error(error);
  g_autoptr(LusClipNetwork) again = lus_clip_network_load(path, &error);
  g_assert_no_error(error);
  g_assert_cmpint(lus_clip_network_head(again)->task, ==, lus_clip_network_head(network)->task);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  g_autoptr(GError) error = NULL;
  int kind = (uint8_t)(data[0] - '0') % 3;
  g_autoptr(GByteArray) bytes = kind < 2 ? make_network(kind, data + 1, size - 1) : g_byte_array_new();
  if (kind == 2)
    g_byte_array_append(bytes, data + 1, (guint)(size - 1));
  g_autofree char *path = fuzz_named_file("n.onnx", bytes->data, bytes->len);
  g_autoptr(LusClipNetwork) network = lus_clip_network_load(path, &error);
  g_assert_true((network != NULL) == (error == NULL));
  if (error && !strstr(error->message, path))
    g_error("no place: %s", error->message);
  if (network && kind < 2) { /* a network of its own may give what it likes */
    use(network);
    save(network);
  }
  return 0;
}
