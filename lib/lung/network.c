/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/network.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "kernels/kernels.h"
#include "lung/confidence.h"
#include "nn/error.h"
#include "nn/parallel.h"
#include "nn/plan.h"

/* What tells one state of a file from another; all 0 where there is no such file. */
typedef struct {
  guint64 device, inode, size;
  gint64 modified_s, modified_ns, changed_s, changed_ns;
} FileState;

/* What a shared network was made from. */
typedef struct {
  char *path;
  FileState model, info; /* info: the key file beside the model */
  int threads;
  LusPrecision precision;
} Origin;

struct _LusNetwork {
  LusModel *model;
  const LusModelInfo *info;
  LusParallel *pool;
  LusGraph *graph;
  LusPlan *plan;
  char *kernels;
  float *input;  /* [channels][h][w] */
  float *output; /* [classes][h][w] */
  pthread_mutex_t turn; /* of the threads that run it */
  gboolean warm;        /* guarded by turn */

  int references;   /* these three are guarded by the registry's mutex */
  Origin origin;    /* path NULL: not shared */
  LusNetwork *next; /* in the registry */
};

static pthread_mutex_t registry_mutex = PTHREAD_MUTEX_INITIALIZER;
static LusNetwork *registry; /* all shared networks; holds no references */

static gboolean no_memory(GError **error, const char *what)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for %s; close other programs or use a smaller model",
              what);
  return FALSE;
}

static void free_network(LusNetwork *network)
{
  lus_plan_free(network->plan);
  lus_graph_free(network->graph);
  lus_parallel_free(network->pool);
  lus_model_unref(network->model);
  pthread_mutex_destroy(&network->turn);
  g_free(network->kernels);
  g_free(network->input);
  g_free(network->output);
  g_free(network->origin.path);
  g_free(network);
}

/* That the network's output has its input's size and one plane per class, was checked when the model was loaded. */
static gboolean prepare(LusNetwork *network, LusPrecision precision, GError **error)
{
  const LusModelInfo *info = network->info;
  gsize pixels = (gsize)info->width * info->height;
  network->graph = lus_model_graph(network->model, error);
  LusPlanMode mode;
  if (!network->graph ||
      !lus_precision_mode(&mode, precision, network->graph, lus_model_path(network->model), error))
    return FALSE;
  network->plan = lus_plan_new(network->graph, info->channels, info->height, info->width, mode,
                               lus_parallel_threads(network->pool), error);
  if (!network->plan)
    return FALSE;
  gboolean integers = mode == LUS_PLAN_INFER && lus_graph_n_quantized(network->graph) > 0;
  network->kernels = g_strconcat(integers ? "int8, " : "", lus_kernels_description(), NULL);
  network->input = g_try_malloc0_n(pixels, sizeof(float) * (gsize)info->channels);
  network->output = g_try_malloc_n(pixels, sizeof(float) * (gsize)info->n_classes);
  return network->input && network->output ? TRUE : no_memory(error, "the network's input and output");
}

LusNetwork *lus_network_new(LusModel *model, int threads, LusPrecision precision, GError **error)
{
  LusNetwork *network = g_try_new0(LusNetwork, 1);
  if (!network || pthread_mutex_init(&network->turn, NULL) != 0) {
    g_free(network);
    no_memory(error, "a network");
    return NULL;
  }
  network->references = 1;
  network->model = lus_model_ref(model);
  network->info = lus_model_info(model);
  network->pool = lus_parallel_new(MAX(threads, 0));
  if (network->pool ? prepare(network, precision, error) : no_memory(error, "the threads"))
    return network;
  free_network(network);
  return NULL;
}

/* ---- one network per file and settings ---- */

static FileState file_state(const char *path)
{
  struct stat s;
  if (stat(path, &s) != 0)
    return (FileState){0};
  return (FileState){(guint64)s.st_dev,     (guint64)s.st_ino,   (guint64)s.st_size,   s.st_mtim.tv_sec,
                     s.st_mtim.tv_nsec,     s.st_ctim.tv_sec,    s.st_ctim.tv_nsec};
}

/* Its path is the caller's. */
static Origin origin_of(const char *path, int threads, LusPrecision precision)
{
  g_autofree char *info = g_strconcat(path, ".modelinfo", NULL);
  return (Origin){(char *)path, file_state(path), file_state(info), threads, precision};
}

static gboolean is_same(const Origin *a, const Origin *b)
{
  return strcmp(a->path, b->path) == 0 && memcmp(&a->model, &b->model, sizeof(FileState)) == 0 &&
         memcmp(&a->info, &b->info, sizeof(FileState)) == 0 && a->threads == b->threads &&
         a->precision == b->precision;
}

/* The registry's mutex is held while loading, so that two who want the same do not both load it. */
static LusNetwork *find_or_load(const Origin *wanted, GError **error)
{
  for (LusNetwork *network = registry; network; network = network->next)
    if (is_same(&network->origin, wanted)) {
      network->references++;
      return network;
    }
  g_autoptr(LusModel) model = lus_model_load(wanted->path, error);
  LusNetwork *network = model ? lus_network_new(model, wanted->threads, wanted->precision, error) : NULL;
  Origin now = origin_of(wanted->path, wanted->threads, wanted->precision);
  if (!network || !is_same(&now, wanted)) /* a file that is being written is nobody else's */
    return network;
  network->origin = now;
  network->origin.path = g_strdup(wanted->path);
  network->next = registry;
  registry = network;
  return network;
}

LusNetwork *lus_network_open(const char *path, int threads, LusPrecision precision, GError **error)
{
  Origin wanted = origin_of(path, threads, precision);
  pthread_mutex_lock(&registry_mutex);
  LusNetwork *network = find_or_load(&wanted, error);
  pthread_mutex_unlock(&registry_mutex);
  return network;
}

LusNetwork *lus_network_ref(LusNetwork *network)
{
  pthread_mutex_lock(&registry_mutex);
  network->references++;
  pthread_mutex_unlock(&registry_mutex);
  return network;
}

static void forget(const LusNetwork *network)
{
  LusNetwork **link = &registry;
  while (*link && *link != network)
    link = &(*link)->next;
  if (*link)
    *link = network->next;
}

void lus_network_unref(LusNetwork *network)
{
  if (!network)
    return;
  pthread_mutex_lock(&registry_mutex);
  gboolean last = --network->references == 0;
  if (last)
    forget(network);
  pthread_mutex_unlock(&registry_mutex);
  if (last)
    free_network(network);
}

LusModel *lus_network_model(const LusNetwork *network)
{
  return network->model;
}

const char *lus_network_kernels(const LusNetwork *network)
{
  return network->kernels;
}

/* ---- running ---- */

typedef struct {
  const LusNetwork *network;
  const LusGeometry *geometry;
  const guint8 *inside;
  guint8 *confidence;
  atomic_bool broken; /* NaN or infinity was seen */
} Quantisation;

/* Whether none is NaN or infinite. */
static gboolean are_finite(const float *x, int n)
{
  guint32 found = 0;
  for (int i = 0; i < n; i++) {
    guint32 bits;
    memcpy(&bits, &x[i], sizeof bits);
    found |= (bits & 0x7fffffff) >= 0x7f800000;
  }
  return found == 0;
}

/* One row of all classes: out of the network's output, which is overwritten, to the crop's place, as confidences, 0 outside
 * the sector. */
static void quantise_row(void *data, int y, int thread)
{
  (void)thread;
  static const LusActivation sigmoid = {.kind = LUS_ACTIVATION_SIGMOID};
  Quantisation *job = data;
  gboolean finite = TRUE;
  const LusModelInfo *info = job->network->info;
  const LusGeometry *geometry = job->geometry;
  const guint8 *inside = job->inside + (gsize)y * geometry->width;
  gsize plane = (gsize)geometry->width * geometry->height;
  for (int k = 0; k < info->n_classes; k++) {
    float *row = job->network->output + geometry->x +
                 ((gsize)k * geometry->input_height + geometry->y + y) * geometry->input_width;
    finite &= are_finite(row, geometry->width);
    if (info->logits)
      lus_kernels()->activate(row, row, &sigmoid, (gsize)geometry->width, 1, geometry->width);
    lus_kernels()->int8->confidence(job->confidence + k * plane + (gsize)y * geometry->width, row, inside,
                                    (gsize)geometry->width);
  }
  if (!finite)
    atomic_store_explicit(&job->broken, true, memory_order_relaxed);
}

gboolean lus_network_run(LusNetwork *network, guint8 *confidence, const guint8 *luma, const guint8 *inside,
                         const LusGeometry *geometry, GError **error)
{
  const LusModelInfo *info = network->info;
  Quantisation job = {.network = network, .geometry = geometry, .inside = inside, .confidence = confidence};
  pthread_mutex_lock(&network->turn);
  lus_preprocess_normalise(network->input, luma, info->width, info->height, info->channels, &info->normalise);
  lus_plan_forward(network->plan, network->output, network->input, network->pool);
  lus_parallel_for(network->pool, geometry->height, quantise_row, &job);
  network->warm = TRUE;
  pthread_mutex_unlock(&network->turn);
  if (!atomic_load_explicit(&job.broken, memory_order_relaxed))
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the network computed NaN or infinity from this frame, so "
              "there is no mask; its weights are damaged or too large: use another model",
              lus_model_path(network->model));
  return FALSE;
}

gint64 lus_network_warm_up(LusNetwork *network)
{
  gint64 before = 0;
  pthread_mutex_lock(&network->turn);
  for (int run = network->warm ? 1 : 0; run < 2; run++) {
    before = g_get_monotonic_time();
    lus_plan_forward(network->plan, network->output, network->input, network->pool);
  }
  gint64 time = g_get_monotonic_time() - before;
  network->warm = TRUE;
  pthread_mutex_unlock(&network->turn);
  return time * 1000;
}
