/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/annotation.h"
#include "learn/dataset.h"
#include "nn/error.h"
#include "nn/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#define DAYS 2
#define FPS 25
#define MAX_PATIENTS 9999
#define MAX_FRAMES 10000
#define MAX_EXPERTS 64
#define SETTINGS "simulation.json" /* written first: what an interrupted run is to go on with */
#define LICENCE "LGPL-2.1-or-later (simulated)"
#define STREAM_SPLITS ((guint64)4 << 60)

static const char *const zones[LUS_PATIENT_ZONES] = {"R1", "R2", "R3", "L1", "L2", "L3"};
static const char *const classes[LUS_PHANTOM_CLASSES] = {"pleural_line", "fascia_band", "vertical_line"};

typedef struct {
  const char *path;
  const LusSimulateConfig *config;
  LusSplit *splits; /* [patients] */
  guint8 *gray;     /* [height][width] */
  guint8 *labels;   /* [2][LUS_PHANTOM_CLASSES][height][width]: the truth, and an expert's */
} Simulation;

static gboolean check_config(const LusSimulateConfig *c, GError **error)
{
  const struct {
    const char *what;
    int value, low, high;
  } limits[] = {{"patients", c->patients, 1, MAX_PATIENTS},
                {"frames per clip", c->frames, 1, MAX_FRAMES},
                {"experts", c->experts, 1, MAX_EXPERTS},
                {"pixels of width", c->width, LUS_FRAME_MIN, 2048},
                {"pixels of height", c->height, LUS_FRAME_MIN, 2048}};
  for (gsize i = 0; i < G_N_ELEMENTS(limits); i++) {
    if (limits[i].value >= limits[i].low && limits[i].value <= limits[i].high)
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "cannot simulate %d %s; give %d to %d", limits[i].value,
                limits[i].what, limits[i].low, limits[i].high);
    return FALSE;
  }
  return TRUE;
}

static gboolean make_folder(const char *path, GError **error)
{
  if (g_mkdir_with_parents(path, 0777) == 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make the folder: %s", path, g_strerror(errno));
  return FALSE;
}

static gboolean write_json(const char *path, json_t *root, GError **error)
{
  char *text = json_dumps(root, JSON_INDENT(1));
  gboolean ok = text && lus_file_write(path, text, strlen(text), error);
  if (!text)
    g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: cannot be written as JSON", path);
  free(text);
  return ok;
}

/** The arguments everything follows from; the seed as text, since JSON's numbers end at 2^53 for many readers. */
static json_t *settings_json(const LusSimulateConfig *c)
{
  g_autofree char *seed = g_strdup_printf("%" G_GUINT64_FORMAT, c->seed);
  return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "lus", lus_version(), "seed", seed, "patients", c->patients,
                   "frames", c->frames, "width", c->width, "height", c->height, "experts", c->experts);
}

static gboolean is_empty_folder(const char *path)
{
  GDir *dir = g_dir_open(path, 0, NULL);
  gboolean empty = !dir || !g_dir_read_name(dir);
  g_clear_pointer(&dir, g_dir_close);
  return empty;
}

/** A folder that is new or empty gets the settings; one that has the same settings is gone on with; any other is
 *  refused. */
static gboolean claim_folder(const Simulation *s, GError **error)
{
  if (!make_folder(s->path, error))
    return FALSE;
  g_autofree char *file = g_build_filename(s->path, SETTINGS, NULL);
  json_t *wanted = settings_json(s->config);
  gboolean ok = FALSE;
  if (!g_file_test(file, G_FILE_TEST_EXISTS)) {
    ok = is_empty_folder(s->path);
    if (!ok)
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                  "%s: is not empty and holds no simulation; choose another folder", s->path);
    ok = ok && write_json(file, wanted, error);
  } else {
    json_t *found = json_load_file(file, JSON_REJECT_DUPLICATES, NULL);
    ok = found && json_equal(found, wanted);
    if (!ok)
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                  "%s: belongs to a simulation with other settings (seed, size, version...); "
                  "choose another folder or remove this one",
                  file);
    json_decref(found);
  }
  json_decref(wanted);
  return ok;
}

/** Patients shuffled by the seed, then 15 % test, 15 % validation (at least one each from three patients on), the
 *  rest train. */
static void draw_splits(LusSplit *splits, int n, guint64 seed)
{
  LusRng rng;
  lus_rng_init(&rng, seed, STREAM_SPLITS);
  g_autofree int *order = g_new(int, n);
  for (int i = 0; i < n; i++) {
    int j = (int)lus_rng_below(&rng, (guint32)(i + 1));
    order[i] = order[j];
    order[j] = i;
  }
  int part = (int)lround(0.15 * n);
  if (n >= 3)
    part = MAX(part, 1);
  for (int i = 0; i < n; i++)
    splits[order[i]] = i < part ? LUS_SPLIT_TEST : i < 2 * part ? LUS_SPLIT_VALIDATION : LUS_SPLIT_TRAIN;
}

static char *patient_name(int patient)
{
  return g_strdup_printf("P%04d", patient + 1);
}

static char *clip_name(int patient, int day, int zone)
{
  return g_strdup_printf("P%04d_d%d_%s", patient + 1, day + 1, zones[zone]);
}

/** What each expert says of the clip's first frame, as label files. */
static gboolean write_labels(const Simulation *s, const char *clip, guint64 stream, GError **error)
{
  const LusSimulateConfig *c = s->config;
  gsize n = (gsize)c->width * c->height;
  guint8 *own = s->labels + LUS_PHANTOM_CLASSES * n;
  for (int expert = 0; expert < c->experts; expert++) {
    g_autofree char *annotator = g_strdup_printf("expert%d", expert + 1);
    g_autofree char *folder = g_build_filename(s->path, "labels", annotator, clip, NULL);
    if (!make_folder(folder, error))
      return FALSE;
    memcpy(own, s->labels, LUS_PHANTOM_CLASSES * n);
    lus_phantom_expert(own, LUS_PHANTOM_CLASSES, c->width, c->height, c->seed, stream, expert);
    for (int k = 0; k < LUS_PHANTOM_CLASSES; k++) {
      g_autofree char *name = g_strdup_printf("frame000000.%s.png", classes[k]);
      g_autofree char *path = g_build_filename(folder, name, NULL);
      if (!lus_label_write(path, own + k * n, c->width, c->height, error))
        return FALSE;
    }
  }
  return TRUE;
}

static gboolean write_frames(const Simulation *s, LusPhantom *phantom, const char *clip, const char *file,
                             guint64 stream, GError **error)
{
  const LusSimulateConfig *c = s->config;
  LusFrameSink *sink = c->create(file, LUS_FORMAT_GRAY8, c->width, c->height, FPS, 1, c->user_data, error);
  if (!sink)
    return FALSE;
  LusPhantomInfo info;
  lus_phantom_info(phantom, &info);
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = c->width, .height = c->height, .planes = {s->gray},
                    .strides = {c->width}, .full_range = TRUE, .mm_per_pixel = info.mm_per_pixel};
  gboolean ok = TRUE;
  for (int i = 0; ok && i < c->frames; i++) {
    lus_phantom_render(phantom, (double)i / FPS, s->gray, c->width, i == 0 ? s->labels : NULL);
    ok = sink->push(sink, &image, (gint64)i * 1000000000 / FPS, error);
    if (ok && i == 0)
      ok = write_labels(s, clip, stream, error);
  }
  /* The clip gets its name last: where it is, its labels are too. */
  ok = ok && sink->finish(sink, error);
  sink->free(sink);
  return ok;
}

static LusPhantomConfig clip_config(const LusSimulateConfig *c, const LusPatient *patient, int number, int day, int zone)
{
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  config.seed = c->seed;
  config.stream = (((guint64)number + 1) * DAYS + (guint64)day) * LUS_PATIENT_ZONES + (guint64)zone;
  config.width = c->width;
  config.height = c->height;
  config.water = patient->water[day][zone];
  config.screen = TRUE;
  config.patient = (guint64)number + 1;
  return config;
}

static gboolean simulate_clip(const Simulation *s, const LusPatient *patient, int number, int day, int zone,
                              GError **error)
{
  const LusSimulateConfig *c = s->config;
  g_autofree char *name = clip_name(number, day, zone);
  g_autofree char *base = g_strconcat(name, ".mkv", NULL);
  g_autofree char *file = g_build_filename(s->path, "clips", base, NULL);
  if (g_file_test(file, G_FILE_TEST_EXISTS))
    return TRUE;
  LusPhantomConfig config = clip_config(c, patient, number, day, zone);
  LusPhantom *phantom = lus_phantom_new(&config, error);
  gboolean ok = phantom && write_frames(s, phantom, name, file, config.stream, error);
  lus_phantom_free(phantom);
  return ok;
}

static gboolean simulate_clips(const Simulation *s, GError **error)
{
  const LusSimulateConfig *c = s->config;
  int total = c->patients * DAYS * LUS_PATIENT_ZONES;
  for (int i = 0; i < total; i++) {
    int number = i / (DAYS * LUS_PATIENT_ZONES);
    LusPatient patient;
    lus_patient_simulate(&patient, c->seed, (guint64)number + 1);
    if (!simulate_clip(s, &patient, number, i / LUS_PATIENT_ZONES % DAYS, i % LUS_PATIENT_ZONES, error))
      return FALSE;
    if (c->progress && !c->progress(c->progress_data, "simulating clips", i + 1, total)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED,
                  "%s: stopped after %d of %d clips; repeat the command to go on", s->path, i + 1, total);
      return FALSE;
    }
  }
  return TRUE;
}

static void append_number(GString *text, double value, const char *format)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_printf(text, ",%s", g_ascii_formatd(number, sizeof number, format, value));
}

static gboolean write_outcomes(const Simulation *s, GError **error)
{
  g_autoptr(GString) text = g_string_new("patient,day,spo2_percent,fio2,o2_l_min,readmitted_30d,readmission_risk\n");
  for (int i = 0; i < s->config->patients; i++) {
    LusPatient patient;
    lus_patient_simulate(&patient, s->config->seed, (guint64)i + 1);
    for (int day = 0; day < DAYS; day++) {
      g_autofree char *name = patient_name(i);
      g_string_append_printf(text, "%s,%d", name, day + 1);
      append_number(text, patient.spo2_percent[day], "%.6g");
      append_number(text, patient.fio2[day], "%.6g");
      append_number(text, patient.o2_l_min[day], "%.6g");
      g_string_append_printf(text, ",%d", patient.readmitted_30d ? 1 : 0);
      append_number(text, patient.readmission_risk, "%.4g");
      g_string_append_c(text, '\n');
    }
  }
  g_autofree char *path = g_build_filename(s->path, "outcomes.csv", NULL);
  return lus_file_write(path, text->str, text->len, error);
}

/** The scale of a patient's pictures, which all have the same view (phantom-scene.h: anatomy); 0 when the phantom cannot
 *  be made. */
static double patient_mm(const LusSimulateConfig *c, int number)
{
  LusPatient patient;
  lus_patient_simulate(&patient, c->seed, (guint64)number + 1);
  LusPhantomConfig config = clip_config(c, &patient, number, 0, 0);
  LusPhantom *phantom = lus_phantom_new(&config, NULL);
  LusPhantomInfo info = {0};
  if (phantom)
    lus_phantom_info(phantom, &info);
  lus_phantom_free(phantom);
  return info.mm_per_pixel;
}

static json_t *clips_json(const Simulation *s)
{
  json_t *clips = json_array();
  double mm = 0;
  for (int i = 0; i < s->config->patients * DAYS * LUS_PATIENT_ZONES; i++) {
    int patient = i / (DAYS * LUS_PATIENT_ZONES), day = i / LUS_PATIENT_ZONES % DAYS, zone = i % LUS_PATIENT_ZONES;
    g_autofree char *name = clip_name(patient, day, zone);
    g_autofree char *file = g_strdup_printf("clips/%s.mkv", name);
    g_autofree char *owner = patient_name(patient);
    if (day == 0 && zone == 0)
      mm = patient_mm(s->config, patient);
    json_array_append_new(clips, json_pack("{s:s, s:s, s:i, s:s, s:f}", "file", file, "patient", owner, "day", day + 1,
                                           "zone", zones[zone], "mm_per_pixel", mm));
  }
  return clips;
}

static gboolean write_manifest(const Simulation *s, GError **error)
{
  json_t *names = json_array(), *patients = json_array(), *splits = json_object();
  for (int k = 0; k < LUS_PHANTOM_CLASSES; k++)
    json_array_append_new(names, json_string(classes[k]));
  for (int i = 0; i < LUS_SPLIT_N; i++)
    json_object_set_new(splits, lus_split_name((LusSplit)i), json_array());
  for (int i = 0; i < s->config->patients; i++) {
    g_autofree char *name = patient_name(i);
    json_array_append_new(patients, json_string(name));
    json_array_append_new(json_object_get(splits, lus_split_name(s->splits[i])), json_string(name));
  }
  json_t *root = json_pack("{s:i, s:o, s:s, s:o, s:o, s:o, s:o}", "version", 1, "classes", names, "licence", LICENCE,
                           "patients", patients, "splits", splits, "clips", clips_json(s), "simulation",
                           settings_json(s->config));
  g_autofree char *path = g_build_filename(s->path, "dataset.json", NULL);
  gboolean ok = write_json(path, root, error);
  json_decref(root);
  return ok;
}

gboolean lus_dataset_simulate(const char *path, const LusSimulateConfig *config, GError **error)
{
  LusSimulateConfig c = *config;
  c.frames = c.frames ? c.frames : 30;
  c.width = c.width ? c.width : 350;
  c.height = c.height ? c.height : 350;
  c.experts = c.experts ? c.experts : 2;
  if (!check_config(&c, error))
    return FALSE;
  gsize n = (gsize)c.width * c.height;
  g_autofree guint8 *memory = g_try_malloc_n(1 + 2 * LUS_PHANTOM_CLASSES, n);
  g_autofree LusSplit *splits = g_try_new(LusSplit, c.patients);
  if (!memory || !splits) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "simulation: no memory for frames of %d x %d", c.width, c.height);
    return FALSE;
  }
  Simulation s = {.path = path, .config = &c, .splits = splits, .gray = memory, .labels = memory + n};
  draw_splits(splits, c.patients, c.seed);
  g_autofree char *clips = g_build_filename(path, "clips", NULL);
  return claim_folder(&s, error) && make_folder(clips, error) && simulate_clips(&s, error) &&
         write_outcomes(&s, error) && write_manifest(&s, error);
}
