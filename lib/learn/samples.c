/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/samples.h"
#include "lung/preprocess.h"
#include "lung/sector.h"
#include "nn/error.h"

#include <math.h>
#include <string.h>

#define CHUNK 16            /* stills between two calls of progress */
#define STILL_MIN 220       /* sides of a still, pixels */
#define STILL_MAX 360
#define EXAM_SHARE 0.15     /* of the stills that are from simulated patients' exams */
#define SCREEN_SHARE 0.25   /* of the others that are whole scanner screens */
#define BREATH_SECONDS 5.0
#define STREAM_STILL ((guint64)3 << 60)

LusSamples *lus_samples_new(int n, int n_classes, int width, int height, GError **error)
{
  gsize pixels = (gsize)width * height;
  LusSamples *samples = g_new0(LusSamples, 1);
  *samples = (LusSamples){.n = n, .n_classes = n_classes, .width = width, .height = height};
  if ((samples->luma = g_try_malloc_n(n, pixels)) && (samples->labels = g_try_malloc_n(n, pixels * n_classes)) &&
      (samples->group = g_try_new0(int, n)) && (samples->names = g_try_new0(char *, n)) &&
      (samples->mm_per_pixel = g_try_new0(double, n)) && (samples->sector_height = g_try_new0(double, n)))
    return samples;
  lus_samples_free(samples);
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY,
              "no memory for %d samples of %d x %d pixels and %d classes (%.1f GB)", n, width, height, n_classes,
              (double)n * (double)pixels * (1 + n_classes) / 1e9);
  return NULL;
}

void lus_samples_free(LusSamples *samples)
{
  if (!samples)
    return;
  for (int i = 0; samples->names && i < samples->n; i++)
    g_free(samples->names[i]);
  g_free(samples->names);
  g_strfreev(samples->patients);
  g_free(samples->mm_per_pixel);
  g_free(samples->sector_height);
  g_free(samples->group);
  g_free(samples->luma);
  g_free(samples->labels);
  g_free(samples);
}

LusSamples *lus_samples_select(const LusSamples *samples, const int *indices, int n, GError **error)
{
  LusSamples *out = lus_samples_new(n, samples->n_classes, samples->width, samples->height, error);
  if (!out)
    return NULL;
  gsize pixels = (gsize)out->width * out->height, planes = pixels * out->n_classes;
  for (int i = 0; i < n; i++) {
    gsize from = (gsize)indices[i];
    memcpy(out->luma + i * pixels, samples->luma + from * pixels, pixels);
    memcpy(out->labels + i * planes, samples->labels + from * planes, planes);
    out->group[i] = samples->group[from];
    out->names[i] = g_strdup(samples->names[from]);
    out->mm_per_pixel[i] = samples->mm_per_pixel ? samples->mm_per_pixel[from] : 0;
    out->sector_height[i] = samples->sector_height ? samples->sector_height[from] : out->height;
  }
  out->patients = g_strdupv(samples->patients);
  return out;
}

gboolean lus_samples_scaled(const LusSamples *samples)
{
  gboolean known = samples->mm_per_pixel != NULL;
  for (int i = 0; known && i < samples->n; i++)
    known = samples->mm_per_pixel[i] > 0;
  return known;
}

gboolean lus_sample_luma(LusSamples *samples, int index, LusGeometry *geometry, const LusImage *image,
                         LusSector *sector, GError **error)
{
  LusRect rect = {0, 0, image->width, image->height};
  gboolean found = lus_sector_get_rect(sector, &rect);
  lus_geometry_fit(geometry, rect, samples->width, samples->height);
  g_autofree void *scratch = g_try_malloc(lus_preprocess_scratch_size(geometry));
  g_autofree guint8 *inside = g_try_malloc_n(geometry->width, geometry->height);
  if (!scratch || !inside) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory to scale a picture of %d x %d", image->width,
                image->height);
    return FALSE;
  }
  samples->sector_height[index] = geometry->height;
  samples->mm_per_pixel[index] = image->mm_per_pixel * geometry->crop.height / geometry->height;
  guint8 *luma = samples->luma + (gsize)index * samples->width * samples->height;
  lus_preprocess_luma(luma, image, geometry, scratch);
  if (found) {
    lus_sector_sample(sector, inside, rect, geometry->width, geometry->height);
    lus_preprocess_sector(luma, inside, geometry);
  }
  return TRUE;
}

/** One class of a sample, [height][width]. */
static guint8 *label_of(LusSamples *samples, int index, int class_index)
{
  gsize pixels = (gsize)samples->width * samples->height;
  return samples->labels + ((gsize)index * samples->n_classes + class_index) * pixels;
}

void lus_sample_label(LusSamples *samples, int index, int class_index, const LusGeometry *geometry,
                      const guint8 *plane, int frame_width)
{
  lus_preprocess_labels(label_of(samples, index, class_index), plane, frame_width, geometry);
}

void lus_sample_unlabelled(LusSamples *samples, int index, int class_index)
{
  memset(label_of(samples, index, class_index), 255, (gsize)samples->width * samples->height);
}

typedef struct {
  LusSamples *samples;
  guint64 seed, first;
  int begin;
  GError *errors[CHUNK];
} Job;

/** One zone of a patient of whom there is no other still. */
static void draw_exam(LusPhantomConfig *config, guint64 seed, guint64 number, LusRng *rng)
{
  LusPatient patient;
  lus_patient_simulate(&patient, seed, STREAM_STILL | number);
  config->patient = STREAM_STILL | (number + 1); /* no patient of lus_simulate() */
  config->screen = TRUE;
  config->water = patient.water[lus_rng_below(rng, 2)][lus_rng_below(rng, LUS_PATIENT_ZONES)];
}

/** Draws the still with number @number: size, screen, moment; all else follows inside the phantom. */
static LusPhantomConfig draw_still(guint64 seed, guint64 number, double *seconds)
{
  LusRng rng;
  lus_rng_init(&rng, seed, STREAM_STILL ^ number);
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  config.seed = seed;
  config.stream = number;
  config.width = (int)lround(lus_rng_uniform(&rng, STILL_MIN, STILL_MAX));
  config.height = (int)lround(lus_rng_uniform(&rng, STILL_MIN, STILL_MAX));
  config.screen = lus_rng_uniform01(&rng) < SCREEN_SHARE;
  config.water = -1;
  if (lus_rng_uniform01(&rng) < EXAM_SHARE)
    draw_exam(&config, seed, number, &rng);
  *seconds = lus_rng_uniform(&rng, 0, BREATH_SECONDS);
  return config;
}

static gboolean make_still(LusSamples *samples, int index, guint64 seed, guint64 number, GError **error)
{
  double seconds = 0;
  LusPhantomConfig config = draw_still(seed, number, &seconds);
  LusPhantom *phantom = lus_phantom_new(&config, error);
  if (!phantom)
    return FALSE;
  gsize pixels = (gsize)config.width * config.height;
  g_autofree guint8 *memory = g_try_malloc_n(1 + LUS_PHANTOM_CLASSES, pixels);
  LusSector *sector = lus_sector_new(config.width, config.height, LUS_SECTOR_AUTO, (LusRect){0});
  gboolean ok = FALSE;
  if (memory && sector) {
    guint8 *gray = memory, *labels = memory + pixels;
    lus_phantom_render(phantom, seconds, gray, config.width, labels);
    LusImage image = {.format = LUS_FORMAT_GRAY8, .width = config.width, .height = config.height, .planes = {gray},
                      .strides = {config.width}, .full_range = TRUE};
    lus_sector_update(sector, &image);
    LusGeometry geometry;
    ok = lus_sample_luma(samples, index, &geometry, &image, sector, error);
    for (int k = 0; ok && k < LUS_PHANTOM_CLASSES; k++)
      lus_sample_label(samples, index, k, &geometry, labels + k * pixels, config.width);
  } else {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for a phantom still of %d x %d", config.width,
                config.height);
  }
  lus_sector_free(sector);
  lus_phantom_free(phantom);
  return ok;
}

static void still_body(void *data, int item, int thread)
{
  (void)thread;
  Job *job = data;
  int index = job->begin + item;
  guint64 number = job->first + (guint64)index;
  make_still(job->samples, index, job->seed, number, &job->errors[item]);
  job->samples->group[index] = index;
  job->samples->names[index] = g_strdup_printf("phantom/%" G_GUINT64_FORMAT, number);
}

/** Hands the first of @n errors on and drops the others. */
static gboolean first_error(GError **errors, int n, GError **error)
{
  gboolean any = FALSE;
  for (int i = 0; i < n; i++) {
    if (!errors[i])
      continue;
    if (!any)
      g_propagate_error(error, errors[i]);
    else
      g_error_free(errors[i]);
    any = TRUE;
  }
  return any;
}

LusSamples *lus_samples_simulate(int n, guint64 seed, guint64 first, int width, int height, LusParallel *pool,
                                 LusProgress progress, gpointer progress_data, GError **error)
{
  if (n < 1 || width < LUS_FRAME_MIN || height < LUS_FRAME_MIN || width > LUS_FRAME_MAX || height > LUS_FRAME_MAX) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "cannot simulate %d stills of %d x %d pixels; sides are %d to %d", n, width, height, LUS_FRAME_MIN,
                LUS_FRAME_MAX);
    return NULL;
  }
  g_autoptr(LusSamples) samples = lus_samples_new(n, LUS_PHANTOM_CLASSES, width, height, error);
  if (!samples)
    return NULL;
  Job job = {.samples = samples, .seed = seed, .first = first};
  for (job.begin = 0; job.begin < n; job.begin += CHUNK) {
    int items = MIN(CHUNK, n - job.begin);
    lus_parallel_for(pool, items, still_body, &job);
    if (first_error(job.errors, items, error))
      return NULL;
    if (progress && !progress(progress_data, "simulating", job.begin + items, n)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "simulation: stopped");
      return NULL;
    }
  }
  return g_steal_pointer(&samples);
}
