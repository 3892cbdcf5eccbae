/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/dataset-internal.h"
#include "lung/exam.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/refuse.h"
#include "nn/model.h"

#include <string.h>

#define MANIFEST LUS_DATASET_MANIFEST
#define MANIFEST_VERSION LUS_DATASET_VERSION
#define MAX_MANIFEST_BYTES ((gsize)16 << 20)
#define MAX_NAME 64
#define MAX_DAY 10000

static const char *const split_names[LUS_SPLIT_N] = {"train", "validation", "test"};

const char *lus_split_name(LusSplit split)
{
  return split_names[split];
}

/** The manifest being read: where we are, for the messages. */
typedef struct {
  LusDataset *dataset;
  char *manifest;      /* path */
  GHashTable *splits;  /* patient -> GINT_TO_POINTER(split) */
  GHashTable *names;   /* clips seen */
  GError **error;
} Reader;

#define refuse(r, ...) lus_refuse((r)->error, (r)->manifest, NULL, NULL, __VA_ARGS__)

/** Letters, digits, '-' and, with @loose, '_' and '.': what may become part of a file name. */
static gboolean is_name(const char *text, const char *more)
{
  gsize n = strlen(text);
  if (n < 1 || n > MAX_NAME || text[0] == '.')
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if (!g_ascii_isalnum(text[i]) && !strchr(more, text[i]))
      return FALSE;
  return TRUE;
}

gboolean lus_dataset_is_clip_name(const char *name)
{
  return is_name(name, "-_.");
}

static gboolean is_class_name(const char *text)
{
  return is_name(text, "-_") && !g_str_equal(text, "ignore");
}

/** Every key of @object is one of @known. */
static gboolean check_keys(const Reader *r, json_t *object, const char *place, const char *const *known)
{
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value)
    if (!g_strv_contains(known, key))
      return refuse(r, "%s: unknown key '%s'; remove it or correct its name", place, key);
  return TRUE;
}

static const char *get_string(const Reader *r, json_t *object, const char *place, const char *key)
{
  json_t *value = json_object_get(object, key);
  if (json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value))
    return json_string_value(value);
  refuse(r, "%s: key '%s' is missing or not a text", place, key);
  return NULL;
}

static gboolean read_head(const Reader *r, json_t *root)
{
  static const char *const known[] = {"version", "classes", "patients",   "clips",
                                      "splits",  "licence", "simulation", NULL};
  if (!check_keys(r, root, "top level", known))
    return FALSE;
  json_t *version = json_object_get(root, "version");
  if (!json_is_integer(version))
    return refuse(r, "top level: key 'version' is missing or not a whole number");
  if (json_integer_value(version) != MANIFEST_VERSION)
    return refuse(r, "version %" JSON_INTEGER_FORMAT " is not known; this software reads version %d",
                  json_integer_value(version), MANIFEST_VERSION);
  const char *licence = get_string(r, root, "top level", "licence");
  r->dataset->version = MANIFEST_VERSION;
  r->dataset->licence = g_strdup(licence);
  return licence != NULL;
}

static gboolean read_classes(const Reader *r, json_t *root)
{
  json_t *classes = json_object_get(root, "classes");
  gsize n = json_array_size(classes);
  if (!json_is_array(classes) || n < 1 || n > LUS_MAX_CLASSES)
    return refuse(r, "key 'classes' must be a list of 1 to %d names", LUS_MAX_CLASSES);
  r->dataset->classes = g_new0(char *, n + 1);
  for (gsize i = 0; i < n; i++) {
    const char *name = json_string_value(json_array_get(classes, i));
    if (!name || !is_class_name(name))
      return refuse(r, "classes[%d]: must be a name of letters, digits, '_' and '-', but not 'ignore'", (int)i);
    if (g_strv_contains((const char *const *)r->dataset->classes, name))
      return refuse(r, "classes[%d]: '%s' is there twice", (int)i, name);
    r->dataset->classes[i] = g_strdup(name);
    r->dataset->n_classes++;
  }
  return TRUE;
}

static gboolean read_split(const Reader *r, json_t *splits, int split)
{
  json_t *patients = json_object_get(splits, split_names[split]);
  if (!json_is_array(patients))
    return refuse(r, "splits: key '%s' is missing or not a list of patients", split_names[split]);
  gsize i;
  json_t *value;
  json_array_foreach(patients, i, value) {
    const char *patient = json_string_value(value);
    gpointer other = NULL;
    if (!patient || !is_name(patient, "-."))
      return refuse(r, "splits.%s[%d]: must be a patient's name of letters, digits, '-' and '.'", split_names[split],
                    (int)i);
    if (g_hash_table_lookup_extended(r->splits, patient, NULL, &other))
      return refuse(
        r,
        "patient '%s' is in split '%s' and again in '%s'; a patient belongs to one split, else the test is "
        "worthless",
        patient, split_names[GPOINTER_TO_INT(other)], split_names[split]);
    g_hash_table_insert(r->splits, g_strdup(patient), GINT_TO_POINTER(split));
  }
  return TRUE;
}

/** Splits, and that they hold exactly the listed patients. */
static gboolean read_patients(const Reader *r, json_t *root)
{
  json_t *splits = json_object_get(root, "splits"), *patients = json_object_get(root, "patients");
  if (!json_is_object(splits))
    return refuse(r, "key 'splits' must be an object with the lists train, validation and test");
  static const char *const known[] = {"train", "validation", "test", NULL};
  if (!check_keys(r, splits, "splits", known))
    return FALSE;
  for (int i = 0; i < LUS_SPLIT_N; i++)
    if (!read_split(r, splits, i))
      return FALSE;
  if (!json_is_array(patients))
    return refuse(r, "key 'patients' must be a list of patients");
  gsize i;
  json_t *value;
  json_array_foreach(patients, i, value) {
    const char *patient = json_string_value(value);
    if (!patient || !g_hash_table_contains(r->splits, patient))
      return refuse(r, "patients[%d]: '%s' is in no split; add it to one", (int)i, patient ? patient : "?");
  }
  if (json_array_size(patients) != g_hash_table_size(r->splits))
    return refuse(r, "'patients' lists %d patients, the splits hold %d; make them the same",
                  (int)json_array_size(patients), (int)g_hash_table_size(r->splits));
  return TRUE;
}

/** A relative path that stays inside of the folder. */
static gboolean is_inside(const char *file)
{
  if (*file == 0 || g_path_is_absolute(file))
    return FALSE;
  g_auto(GStrv) parts = g_strsplit(file, "/", -1);
  return !g_strv_contains((const char *const *)parts, "..");
}

static gboolean check_clip(const Reader *r, const LusClip *clip, const char *place)
{
  if (!is_inside(clip->file))
    return refuse(r, "%s: file '%s' must be a path inside of the data set's folder", place, clip->file);
  if (!lus_dataset_is_clip_name(clip->name))
    return refuse(r, "%s: '%s' must have a name of letters, digits, '_', '-' and '.'", place, clip->file);
  if (!lus_zone_known(clip->zone))
    return refuse(r, "%s: zone '%s' is unknown; zones are named R1 to R6, L1 to L6, R4V, L4V", place, clip->zone);
  if (!g_hash_table_contains(r->splits, clip->patient))
    return refuse(r, "%s: patient '%s' is in no split; add it to one", place, clip->patient);
  if (!g_hash_table_add(r->names, clip->name))
    return refuse(r, "%s: clip '%s' is there twice", place, clip->name);
  return TRUE;
}

static gboolean read_clip(const Reader *r, json_t *object, LusClip *clip, int index)
{
  g_autofree char *place = g_strdup_printf("clips[%d]", index);
  static const char *const known[] = {"file", "patient", "day", "zone", "mm_per_pixel", NULL};
  if (!json_is_object(object))
    return refuse(r, "%s: must be an object with file, patient, day and zone", place);
  if (!check_keys(r, object, place, known))
    return FALSE;
  const char *file = get_string(r, object, place, "file");
  const char *patient = file ? get_string(r, object, place, "patient") : NULL;
  const char *zone = patient ? get_string(r, object, place, "zone") : NULL;
  json_t *day = json_object_get(object, "day"), *mm = json_object_get(object, "mm_per_pixel");
  if (!zone)
    return FALSE;
  if (mm && !lus_mm_per_pixel_is_valid(json_number_value(mm)))
    return refuse(r, "%s: key 'mm_per_pixel' must be a number of %g to %g; leave it out where it is unknown", place,
                  LUS_MM_PER_PIXEL_MIN, LUS_MM_PER_PIXEL_MAX);
  if (!json_is_integer(day) || json_integer_value(day) < 1 || json_integer_value(day) > MAX_DAY)
    return refuse(r, "%s: key 'day' is missing or not a whole number of 1 to %d", place, MAX_DAY);
  g_autofree char *stem = g_path_get_basename(file);
  char *dot = strrchr(stem, '.');
  if (dot)
    *dot = 0;
  *clip = (LusClip){.name = g_strdup(stem),
                    .file = g_strdup(file),
                    .patient = g_strdup(patient),
                    .zone = g_strdup(zone),
                    .day = (int)json_integer_value(day),
                    .mm_per_pixel = json_number_value(mm)};
  r->dataset->n_clips++;
  if (!check_clip(r, clip, place))
    return FALSE;
  clip->split = (LusSplit)GPOINTER_TO_INT(g_hash_table_lookup(r->splits, patient));
  return TRUE;
}

static gboolean read_clips(const Reader *r, json_t *root)
{
  json_t *clips = json_object_get(root, "clips");
  if (!json_is_array(clips))
    return refuse(r, "key 'clips' must be a list of clips");
  gsize n = json_array_size(clips);
  r->dataset->clips = g_new0(LusClip, n);
  for (gsize i = 0; i < n; i++)
    if (!read_clip(r, json_array_get(clips, i), &r->dataset->clips[i], (int)i))
      return FALSE;
  return TRUE;
}

json_t *lus_dataset_parse(const char *path, GError **error)
{
  gsize length = 0;
  g_autofree char *manifest = g_build_filename(path, MANIFEST, NULL);
  g_autofree guint8 *text = lus_file_read(manifest, MAX_MANIFEST_BYTES, &length, error);
  if (!text) {
    g_prefix_error(error, "a data set is a folder with a %s: ", MANIFEST);
    return NULL;
  }
  json_error_t problem;
  gsize mark = lus_utf8_mark((const char *)text, length);
  json_t *root = json_loadb((const char *)text + mark, length - mark, JSON_REJECT_DUPLICATES, &problem);
  if (root && json_is_object(root))
    return root;
  if (root)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: must hold a JSON object", manifest);
  else
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: line %d, column %d: %s", manifest, problem.line,
                problem.column, problem.text);
  json_decref(root);
  return NULL;
}

LusDataset *lus_dataset_from_json(const char *path, json_t *root, GError **error)
{
  g_autofree char *manifest = g_build_filename(path, MANIFEST, NULL);
  LusDataset *dataset = g_new0(LusDataset, 1);
  dataset->path = g_strdup(path);
  Reader r = {.dataset = dataset, .manifest = manifest, .error = error};
  r.splits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  r.names = g_hash_table_new(g_str_hash, g_str_equal);
  gboolean ok = read_head(&r, root) && read_classes(&r, root) && read_patients(&r, root) && read_clips(&r, root);
  g_hash_table_unref(r.splits);
  g_hash_table_unref(r.names);
  if (!ok)
    g_clear_pointer(&dataset, lus_dataset_free);
  return dataset;
}

LusDataset *lus_dataset_load(const char *path, GError **error)
{
  json_t *root = lus_dataset_parse(path, error);
  LusDataset *dataset = root ? lus_dataset_from_json(path, root, error) : NULL;
  json_decref(root);
  return dataset;
}

gboolean lus_clip_measure(int *frames, int *width, int *height, const char *path, LusFrameOpen open,
                          gpointer user_data, GError **error)
{
  LusFrameSource *source = open(path, user_data, error);
  gboolean end = FALSE, ok = source != NULL;
  for (*frames = 0; ok && !end;) {
    LusImage image;
    gint64 pts = 0;
    ok = source->next(source, &image, &pts, &end, error);
    if (!ok || end)
      break;
    if (*frames > 0 && (image.width != *width || image.height != *height)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED,
                  "%s: the picture's size changes at frame %d; cut the clip there", path, *frames);
      ok = FALSE;
    }
    *width = image.width;
    *height = image.height;
    ++*frames;
  }
  if (ok && *frames == 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: has no pictures", path);
    ok = FALSE;
  }
  if (source)
    source->free(source);
  return ok;
}

void lus_dataset_free(LusDataset *dataset)
{
  if (!dataset)
    return;
  for (int i = 0; i < dataset->n_clips; i++) {
    LusClip *clip = &dataset->clips[i];
    g_free(clip->name);
    g_free(clip->file);
    g_free(clip->patient);
    g_free(clip->zone);
  }
  g_free(dataset->clips);
  g_strfreev(dataset->classes);
  g_strfreev(dataset->annotators);
  g_free(dataset->licence);
  g_free(dataset->path);
  g_free(dataset);
}

gboolean lus_dataset_select_classes(LusDataset *dataset, int n, char *const *classes, GError **error)
{
  for (int i = 0; i < n; i++) {
    if (is_class_name(classes[i]))
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "class name '%s' cannot be part of a label file's name",
                classes[i]);
    return FALSE;
  }
  g_strfreev(dataset->classes);
  dataset->classes = g_new0(char *, n + 1);
  for (int i = 0; i < n; i++)
    dataset->classes[i] = g_strdup(classes[i]);
  dataset->n_classes = n;
  return TRUE;
}
