/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** Clips and labels into a data set. */
#include "dataset-internal.h"
#include "import-internal.h"
#include "learn/annotation.h"
#include "learn/labels.h"
#include "lung/exam.h"
#include "nn/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

static const char *const default_classes[] = {"pleural_line", "fascia_band", "vertical_line", NULL};

typedef struct {
  const LusImportTarget *target;
  LusImportResult *result;
  json_t *manifest;
  LusDataset *dataset;
  int *owner;     /* [regions]: index of the clip */
  const LusRegions *regions;
  guint8 *plane;  /* [height][width] of the clip being written */
  gboolean scaled; /* a clip that was there got its scale */
  int blank, outside; /* frames without anything drawn; regions beside the picture */
  const char *outside_place; /* the first one's */
  GError **error;
} Writer;

static gboolean make_folder(const char *path, GError **error)
{
  if (g_mkdir_with_parents(path, 0777) == 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make the folder: %s", path, g_strerror(errno));
  return FALSE;
}

/** The classes of a new data set: those asked for, else the usual ones and a_line if it is drawn. */
static void append_classes(const Writer *w, json_t *classes)
{
  const char *const *names = w->target->classes ? (const char *const *)w->target->classes : default_classes;
  for (int i = 0; names[i]; i++)
    json_array_append_new(classes, json_string(names[i]));
  for (guint i = 0; !w->target->classes && i < w->regions->list->len; i++)
    if (g_strcmp0(g_array_index(w->regions->list, LusRegion, i).class_name, "a_line") == 0) {
      json_array_append_new(classes, json_string("a_line"));
      return;
    }
}

static gboolean same_classes(const Writer *w)
{
  char *const *asked = w->target->classes;
  if (!asked || g_strv_equal((const char *const *)asked, (const char *const *)w->dataset->classes))
    return TRUE;
  g_autofree char *has = g_strjoinv(",", w->dataset->classes);
  return lus_import_refuse(w->error, w->target->path, "has the classes %s already; classes are those of a new data set",
                           has);
}

/** Of what is in the data set already, the data set's word holds. */
static void note_kept(const Writer *w, const char *place, const char *what, const char *given, const char *kept)
{
  if (w->target->unheeded && given && !g_str_equal(given, kept))
    g_ptr_array_add(w->target->unheeded, g_strdup_printf("%s: is there already, with %s '%s', which is kept; --%s '%s' is for "
                                                         "new ones (to change it, correct " LUS_DATASET_MANIFEST ")", place,
                                                         what, kept, what, given));
}

/** The data set's manifest, or a new one. */
static gboolean open_manifest(Writer *w)
{
  g_autofree char *file = g_build_filename(w->target->path, LUS_DATASET_MANIFEST, NULL);
  if (g_file_test(file, G_FILE_TEST_EXISTS)) {
    w->manifest = lus_dataset_parse(w->target->path, w->error);
    w->dataset = w->manifest ? lus_dataset_from_json(w->target->path, w->manifest, w->error) : NULL;
    if (w->dataset)
      note_kept(w, w->target->path, "licence", w->target->licence, w->dataset->licence);
    return w->dataset && same_classes(w);
  }
  const char *licence = w->target->licence ? w->target->licence : "unknown";
  w->manifest = json_pack("{s:i, s:s, s:[], s:[], s:{s:[], s:[], s:[]}, s:[]}", "version", LUS_DATASET_VERSION,
                          "licence", licence, "classes", "patients", "splits", "train", "validation", "test", "clips");
  if (!w->manifest)
    return lus_import_refuse(w->error, w->target->path, "licence '%s' is not UTF-8", licence);
  append_classes(w, json_object_get(w->manifest, "classes"));
  return TRUE;
}

static gboolean copy_stream(FILE *to, FILE *from)
{
  static const gsize size = 1 << 16;
  g_autofree guint8 *buffer = g_malloc(size);
  for (gsize n = fread(buffer, 1, size, from); n > 0; n = fread(buffer, 1, size, from))
    if (fwrite(buffer, 1, n, to) != n)
      return FALSE;
  return !ferror(from) && fflush(to) == 0;
}

static gboolean same_stream(FILE *a, FILE *b)
{
  int x, y;
  do {
    x = getc(a);
    y = getc(b);
  } while (x == y && x != EOF);
  return x == y;
}

/** Puts the clip under @to, atomically. One that is there already must be the same. */
static gboolean copy_clip(const Writer *w, const char *from, const char *to)
{
  FILE *in = fopen(from, "rbe"), *old = fopen(to, "rbe");
  gboolean ok = FALSE;
  if (!in) {
    g_set_error(w->error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot open: %s", from, g_strerror(errno));
  } else if (old) {
    ok = same_stream(in, old) ||
         lus_import_refuse(w->error, from, "another clip of this name is in the data set (%s); rename it", to);
  } else {
    g_autofree char *temporary = g_strconcat(to, ".part", NULL);
    FILE *out = fopen(temporary, "wbe");
    ok = out && copy_stream(out, in);
    if (out && fclose(out) != 0)
      ok = FALSE;
    if (!ok)
      g_set_error(w->error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", temporary, g_strerror(errno));
    if (ok)
      ok = lus_file_commit(temporary, to, w->error);
    else
      g_unlink(temporary);
  }
  if (in)
    fclose(in);
  if (old)
    fclose(old);
  return ok;
}

static char *clip_name(const char *path)
{
  char *stem = g_path_get_basename(path), *dot = strrchr(stem, '.');
  if (dot)
    *dot = 0;
  return stem;
}

static void add_patient(const Writer *w, const char *patient)
{
  json_t *patients = json_object_get(w->manifest, "patients");
  for (gsize i = 0; i < json_array_size(patients); i++)
    if (g_strcmp0(json_string_value(json_array_get(patients, i)), patient) == 0)
      return;
  json_array_append_new(patients, json_string(patient));
  if (w->target->split < LUS_SPLIT_N)
    json_array_append_new(json_object_get(json_object_get(w->manifest, "splits"),
                                          lus_split_name((LusSplit)w->target->split)), json_string(patient));
}

/** Whether a region tells this clip's name, or belongs to it as the only one. */
static gboolean is_labelled(const Writer *w, const char *clip)
{
  gboolean only = !w->target->clips[1];
  for (guint i = 0; !only && i < w->regions->list->len; i++)
    only = g_strcmp0(g_array_index(w->regions->list, LusRegion, i).clip, clip) == 0;
  return only;
}

/** Patient, day and zone, from the target or from the file's name, into the manifest. A labelled one's patient goes to
 *  @labelled. */
static gboolean describe_clip(const Writer *w, const char *path, const char *file, GHashTable *labelled)
{
  LusClipName name;
  g_autofree char *base = g_path_get_basename(path);
  lus_clip_name_parse(&name, base);
  g_autofree char *patient = g_strdup(w->target->patient ? w->target->patient : name.patient);
  const char *zone = w->target->zone ? w->target->zone : name.zone;
  int day = w->target->day > 0 ? w->target->day : name.day;
  if (!w->target->patient)
    g_strdelimit(patient, "_ ", '-');
  g_autofree char *stem = clip_name(path);
  if (!lus_dataset_is_clip_name(stem))
    return lus_import_refuse(w->error, path, "clips have names of letters, digits, '_', '-' and '.'; rename it, like "
                             "P001_d1_R2.mkv");
  if (!*patient || !*zone)
    return lus_import_refuse(w->error, path, "the name does not tell %s; name clips like P001_d1_R2.mkv, or give "
                             "--%s with this clip alone", *patient ? "the zone" : "the patient",
                             *patient ? "zone" : "patient");
  add_patient(w, patient);
  if (is_labelled(w, stem))
    g_hash_table_add(labelled, g_strdup(patient));
  json_t *clip = json_pack("{s:s, s:s, s:i, s:s}", "file", file, "patient", patient, "day", MAX(day, 1), "zone", zone);
  if (clip && w->target->mm_per_pixel > 0)
    json_object_set_new(clip, "mm_per_pixel", json_real(w->target->mm_per_pixel));
  return clip ? json_array_append_new(json_object_get(w->manifest, "clips"), clip) == 0
              : lus_import_refuse(w->error, path, "its name is not UTF-8");
}

static int find_clip(const LusDataset *dataset, const char *name)
{
  for (int i = 0; dataset && i < dataset->n_clips; i++)
    if (g_str_equal(dataset->clips[i].name, name))
      return i;
  return -1;
}

static void note_clip(const Writer *w, const char *path, const LusClip *clip)
{
  g_autofree char *given = w->target->day > 0 ? g_strdup_printf("%d", w->target->day) : NULL;
  g_autofree char *kept = g_strdup_printf("%d", clip->day);
  note_kept(w, path, "patient", w->target->patient, clip->patient);
  note_kept(w, path, "day", given, kept);
  note_kept(w, path, "zone", w->target->zone, clip->zone);
}

/** Of the @patients whose clips were given, those that are in another split than the one asked for. */
static void note_splits(const Writer *w, GHashTable *patients)
{
  for (int i = 0; w->target->split < LUS_SPLIT_N && i < LUS_SPLIT_N; i++) {
    const char *has = lus_split_name((LusSplit)i), *asked = lus_split_name((LusSplit)w->target->split);
    json_t *patient;
    gsize k;
    json_array_foreach(json_object_get(json_object_get(w->manifest, "splits"), has), k, patient) {
      g_autofree char *place = g_strdup_printf("%s: patient %s", w->target->path, json_string_value(patient));
      if (g_hash_table_contains(patients, json_string_value(patient)))
        note_kept(w, place, "split", asked, has);
    }
  }
}

/** A clip that is there gets the scale it lacks; another one than it has is an error. */
static gboolean keep_scale(Writer *w, const char *path, int index)
{
  double given = w->target->mm_per_pixel, has = w->dataset->clips[index].mm_per_pixel;
  if (given <= 0 || given == has)
    return TRUE;
  if (has > 0)
    return lus_import_refuse(w->error, path, "is in the data set with %g mm per pixel, not %g; give the right one, or "
                             "correct " LUS_DATASET_MANIFEST, has, given);
  json_t *clip = json_array_get(json_object_get(w->manifest, "clips"), (gsize)index);
  w->scaled = TRUE;
  return json_object_set_new(clip, "mm_per_pixel", json_real(given)) == 0;
}

/** Describes the given clips that are new and checks the manifest as it will be. */
static gboolean plan_clips(Writer *w)
{
  g_autoptr(GHashTable) given = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GHashTable) labelled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GHashTable) patients = g_hash_table_new(g_str_hash, g_str_equal);
  const json_t *clips = json_object_get(w->manifest, "clips");
  gsize first = json_array_size(json_object_get(w->manifest, "patients"));
  for (int i = 0; w->target->clips && w->target->clips[i]; i++) {
    const char *path = w->target->clips[i];
    g_autofree char *base = g_path_get_basename(path), *file = g_build_filename("clips", base, NULL);
    char *name = clip_name(path);
    int known = find_clip(w->dataset, name);
    if (!g_hash_table_add(given, name))
      return lus_import_refuse(w->error, path, "two clips of the same name; rename one");
    if (known >= 0)
      note_clip(w, path, &w->dataset->clips[known]);
    if (known < 0 ? !describe_clip(w, path, file, labelled) : !keep_scale(w, path, known))
      return FALSE;
    w->result->clips += known < 0;
    const json_t *clip = json_array_get(clips, known < 0 ? json_array_size(clips) - 1 : (gsize)known);
    g_hash_table_add(patients, (char *)json_string_value(json_object_get(clip, "patient")));
  }
  note_splits(w, patients);
  if (w->target->split >= LUS_SPLIT_N)
    lus_import_deal(w->manifest, first, labelled);
  json_t *splits = json_object_get(w->manifest, "splits");
  for (int i = 0; i < LUS_SPLIT_N; i++)
    w->result->patients[i] = (int)json_array_size(json_object_get(splits, lus_split_name((LusSplit)i)));
  lus_dataset_free(w->dataset);
  w->dataset = lus_dataset_from_json(w->target->path, w->manifest, w->error);
  return w->dataset != NULL;
}

static gboolean copy_clips(const Writer *w)
{
  g_autofree char *folder = g_build_filename(w->target->path, "clips", NULL);
  g_autofree char *file = g_build_filename(w->target->path, LUS_DATASET_MANIFEST, NULL);
  if (!make_folder(folder, w->error))
    return FALSE;
  for (int i = 0; w->target->clips && w->target->clips[i]; i++) {
    g_autofree char *name = clip_name(w->target->clips[i]);
    const LusClip *clip = &w->dataset->clips[find_clip(w->dataset, name)];
    g_autofree char *to = g_build_filename(w->target->path, clip->file, NULL);
    if (!copy_clip(w, w->target->clips[i], to))
      return FALSE;
  }
  if (w->result->clips == 0 && !w->scaled)
    return TRUE;
  char *text = json_dumps(w->manifest, JSON_INDENT(1));
  gboolean ok = text && lus_file_write(file, text, strlen(text), w->error);
  free(text);
  return ok;
}

/** The clip that regions without or with another name belong to: the only one given, if they all name the same. */
static int only_clip(const Writer *w)
{
  if (!w->target->clips || !w->target->clips[0] || w->target->clips[1])
    return -1;
  const char *seen = NULL;
  for (guint i = 0; i < w->regions->list->len; i++) {
    const char *name = g_array_index(w->regions->list, LusRegion, i).clip;
    if (name && *name && seen && !g_str_equal(name, seen))
      return -1;
    seen = name && *name ? name : seen;
  }
  g_autofree char *name = clip_name(w->target->clips[0]);
  return find_clip(w->dataset, name);
}

static gboolean is_annotator(const char *name)
{
  if (!*name || strlen(name) > 64 || *name == '.')
    return FALSE;
  for (; *name; name++)
    if (!g_ascii_isalnum(*name) && !strchr("-_.", *name))
      return FALSE;
  return TRUE;
}

/** Region @index belongs to no clip: says so, and how many more clips are missing. */
static gboolean refuse_absent(const Writer *w, guint index, const char *name)
{
  g_autoptr(GHashTable) absent = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = index; i < w->regions->list->len; i++) {
    const char *clip = g_array_index(w->regions->list, LusRegion, i).clip;
    if (clip && *clip && find_clip(w->dataset, clip) < 0)
      g_hash_table_add(absent, (gpointer)clip);
  }
  g_hash_table_remove(absent, name);
  guint more = g_hash_table_size(absent);
  g_autofree char *others = more ? g_strdup_printf(" (nor are %u other clips that have labels)", more) : g_strdup("");
  return lus_import_refuse(w->error, g_array_index(w->regions->list, LusRegion, index).place, "belongs to clip '%s', "
                           "which is neither in the data set nor among --clips%s; clips are matched by name, or the "
                           "only one given is meant", name, others);
}

/** Whether a label's file was called as the clip is: the digits at the end of its name are no frame then. */
static gboolean is_named_as_clip(const LusRegion *r, const char *clip)
{
  gsize n = strlen(r->clip);
  if (n == 0 || strncmp(clip, r->clip, n) != 0)
    return FALSE;
  const char *digits = clip + n + strspn(clip + n, "_-.");
  return *digits && !digits[strspn(digits, "0123456789")] && g_ascii_strtoll(digits, NULL, 10) == r->frame;
}

/** Finds the clip of a region and checks its names. */
static gboolean resolve(Writer *w, guint index, int only)
{
  const LusRegion *r = &g_array_index(w->regions->list, LusRegion, index);
  const char *name = r->clip ? r->clip : "";
  int clip = *name ? find_clip(w->dataset, name) : -1;
  w->owner[index] = clip = clip < 0 ? only : clip;
  if (clip < 0)
    return refuse_absent(w, index, name);
  if (*name && !g_str_equal(name, w->dataset->clips[clip].name) && is_named_as_clip(r, w->dataset->clips[clip].name))
    return lus_import_refuse(w->error, r->place, "is named as the clip '%s' and tells no frame; name it like %s_frame%06d",
                             w->dataset->clips[clip].name, w->dataset->clips[clip].name, 0);
  if (!r->annotator)
    return lus_import_refuse(w->error, r->place, "does not tell who drew it; give --annotator");
  if (!is_annotator(r->annotator))
    return lus_import_refuse(w->error, r->place, "annotator '%s' cannot be a folder's name; give --annotator",
                             r->annotator);
  return TRUE;
}

/** Labels among those of lus fuse would be nobody's, and be gone when it is repeated. */
static gboolean check_annotators(const Writer *w)
{
  const char *last = NULL;
  for (guint i = 0; i < w->regions->list->len; i++) {
    const LusRegion *r = &g_array_index(w->regions->list, LusRegion, i);
    if (g_strcmp0(r->annotator, last) != 0 && lus_labels_fused(w->dataset, r->annotator))
      return lus_import_refuse(w->error, r->place, "annotator '%s' was made by lus fuse (%s/labels/%s); give another "
                               "--annotator", r->annotator, w->target->path, r->annotator);
    last = r->annotator;
  }
  return TRUE;
}

/** Names all classes that the data set hasn't, so that one map can be written for them. */
static gboolean check_classes(const Writer *w)
{
  g_autoptr(GPtrArray) unknown = g_ptr_array_new();
  const char *place = NULL;
  for (guint i = 0; i < w->regions->list->len; i++) {
    const LusRegion *r = &g_array_index(w->regions->list, LusRegion, i);
    if (!r->class_name || g_strv_contains((const char *const *)w->dataset->classes, r->class_name) ||
        g_ptr_array_find_with_equal_func(unknown, r->class_name, g_str_equal, NULL))
      continue;
    place = place ? place : r->place;
    if (unknown->len < 32)
      g_ptr_array_add(unknown, (gpointer)r->class_name);
  }
  if (!place)
    return TRUE;
  g_autoptr(GString) map = g_string_new(NULL);
  g_ptr_array_add(unknown, NULL);
  g_autofree char *names = g_strjoinv("', '", (char **)unknown->pdata), *has = g_strjoinv(", ", w->dataset->classes);
  for (guint i = 0; i + 1 < unknown->len; i++)
    g_string_append_printf(map, "%s%s=CLASS", i ? "," : "", (const char *)unknown->pdata[i]);
  return lus_import_refuse(w->error, place, "%s '%s' %s not in the data set, which has %s; give --class-map %s, where "
                           "nothing behind the = leaves a class out", unknown->len > 2 ? "classes" : "class", names,
                           unknown->len > 2 ? "are" : "is", has, map->str);
}

/** Writes a label file unless the same is there. */
static gboolean write_label(Writer *w, const char *path, int width, int height)
{
  if (g_file_test(path, G_FILE_TEST_EXISTS)) {
    int old_width = 0, old_height = 0;
    g_autofree guint8 *old = lus_label_read(path, &old_width, &old_height, w->target->replace ? NULL : w->error);
    if (!old && !w->target->replace)
      return FALSE;
    if (old && old_width == width && old_height == height &&
        memcmp(old, w->plane, (gsize)width * height) == 0) {
      w->result->kept++;
      return TRUE;
    }
    if (!w->target->replace)
      return lus_import_refuse(w->error, path, "another label is there already; give another --annotator, or "
                               "--replace to replace it (with --partial too, only classes that are drawn)");
  }
  w->result->written++;
  return lus_label_write(path, w->plane, width, height, w->error);
}

/** One annotator's regions on a clip. */
typedef struct {
  const LusClip *clip;
  const char *annotator;
  GPtrArray *regions; /* of LusRegion */
  int frames, width, height;
} Sheet;

static gboolean write_frame(Writer *w, const Sheet *s, const char *folder, int frame)
{
  int all = 0;
  for (int k = 0; k < w->dataset->n_classes; k++) {
    int drawn = 0;
    memset(w->plane, 0, (gsize)s->width * s->height);
    for (guint i = 0; i < s->regions->len; i++) {
      const LusRegion *r = g_ptr_array_index(s->regions, i);
      if (frame < r->frame || frame > r->last || !r->class_name ||
          !g_str_equal(r->class_name, w->dataset->classes[k]))
        continue;
      drawn++;
      all++;
      if (!lus_region_draw(r, w->plane, s->width, s->height, frame, w->error))
        return FALSE;
    }
    if (w->target->partial && drawn == 0)
      continue;
    g_autofree char *name = g_strdup_printf("frame%06d.%s.png", frame, w->dataset->classes[k]);
    g_autofree char *path = g_build_filename(folder, name, NULL);
    if (!write_label(w, path, s->width, s->height))
      return FALSE;
  }
  w->result->frames++;
  w->blank += all == 0;
  return TRUE;
}

/** Whether no point of it lies in the picture's columns, or none in its rows. */
static gboolean lies_outside(const LusRegion *r, int width, int height)
{
  double x0 = G_MAXDOUBLE, y0 = G_MAXDOUBLE, x1 = -G_MAXDOUBLE, y1 = -G_MAXDOUBLE;
  for (int i = 0; i < r->n_points; i++)
    for (int k = 0; k < (r->towards ? 2 : 1); k++) {
      LusPoint p = k ? r->towards[i] : r->points[i];
      x0 = MIN(x0, p.x);
      x1 = MAX(x1, p.x);
      y0 = MIN(y0, p.y);
      y1 = MAX(y1, p.y);
    }
  if (r->kind == LUS_REGION_RUNS) {
    x0 = r->left;
    y0 = r->top;
    x1 = x0 + r->box_width;
    y1 = y0 + r->box_height;
  } else if (r->kind != LUS_REGION_POLYGON && r->kind != LUS_REGION_LINE) {
    return FALSE;
  }
  return x1 <= 0 || y1 <= 0 || x0 >= width || y0 >= height;
}

/** Marks the frames anything is known about. */
static gboolean mark_frames(Writer *w, const Sheet *s, guint8 *marked)
{
  for (guint i = 0; i < s->regions->len; i++) {
    const LusRegion *r = g_ptr_array_index(s->regions, i);
    if (r->frame >= s->frames)
      return lus_import_refuse(w->error, r->place, "lies on frame %d, but %s has %d frames", r->frame, s->clip->file,
                               s->frames);
    if ((r->width && r->width != s->width) || (r->height && r->height != s->height))
      return lus_import_refuse(w->error, r->place, "was drawn on a picture of %d x %d, but %s has %d x %d; where the "
                               "clip was cut out of it, give --offset", r->width, r->height, s->clip->file, s->width,
                               s->height);
    if (lies_outside(r, s->width, s->height) && w->outside++ == 0)
      w->outside_place = r->place;
    if (!w->target->partial || r->class_name)
      memset(marked + r->frame, 1, (gsize)(MIN(r->last, s->frames - 1) - r->frame + 1));
  }
  return TRUE;
}

static gboolean write_sheet(Writer *w, Sheet *s)
{
  g_autofree char *folder = g_build_filename(w->target->path, "labels", s->annotator, s->clip->name, NULL);
  g_autofree guint8 *marked = g_malloc0((gsize)s->frames);
  if (!mark_frames(w, s, marked) || !make_folder(folder, w->error))
    return FALSE;
  for (int frame = 0; frame < s->frames; frame++)
    if (marked[frame] && !write_frame(w, s, folder, frame))
      return FALSE;
  return TRUE;
}

/** All annotators of one clip. */
static gboolean write_clip(Writer *w, int index)
{
  const LusClip *clip = &w->dataset->clips[index];
  g_autoptr(GHashTable) sheets = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                                       (GDestroyNotify)g_ptr_array_unref);
  for (guint i = 0; i < w->regions->list->len; i++) {
    LusRegion *r = &g_array_index(w->regions->list, LusRegion, i);
    if (w->owner[i] != index)
      continue;
    GPtrArray *list = g_hash_table_lookup(sheets, r->annotator);
    if (!list)
      g_hash_table_insert(sheets, (gpointer)r->annotator, list = g_ptr_array_new());
    g_ptr_array_add(list, r);
  }
  if (g_hash_table_size(sheets) == 0)
    return TRUE;
  Sheet sheet = {.clip = clip};
  g_autofree char *path = g_build_filename(w->target->path, clip->file, NULL);
  if (!lus_clip_measure(&sheet.frames, &sheet.width, &sheet.height, path, w->target->open, w->target->user_data,
                        w->error))
    return FALSE;
  g_free(w->plane);
  w->plane = g_try_malloc((gsize)sheet.width * sheet.height);
  if (!w->plane)
    return lus_import_refuse(w->error, path, "no memory for a label");
  GHashTableIter iter;
  gpointer key, value;
  g_hash_table_iter_init(&iter, sheets);
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    sheet.annotator = key;
    sheet.regions = value;
    if (!write_sheet(w, &sheet))
      return FALSE;
  }
  return TRUE;
}

/** What is right as it stands but may not be meant. */
static void note_doubts(const Writer *w)
{
  if (!w->target->unheeded)
    return;
  if (w->outside > 0)
    g_ptr_array_add(w->target->unheeded, g_strdup_printf("%s: %d regions, this one first, lie beside the clip's picture and "
                                                         "leave no label; where the clip was cut out of the picture drawn on, "
                                                         "give --offset", w->outside_place, w->outside));
  if (w->blank > 0)
    g_ptr_array_add(w->target->unheeded, g_strdup_printf("%s: on %d of %d frames nothing is drawn, and all classes are absent "
                                                         "there; if nobody looked at them, leave them out of the export, or "
                                                         "give --partial", w->target->path, w->blank, w->result->frames));
}

static gboolean write_all(Writer *w)
{
  if (!open_manifest(w) || !plan_clips(w))
    return FALSE;
  int only = only_clip(w);
  for (guint i = 0; i < w->regions->list->len; i++)
    if (!resolve(w, i, only))
      return FALSE;
  if (!check_annotators(w) || !check_classes(w) || !copy_clips(w))
    return FALSE;
  for (int i = 0; i < w->dataset->n_clips; i++) {
    if (!write_clip(w, i))
      return FALSE;
    if (w->target->progress &&
        !w->target->progress(w->target->progress_data, "importing labels", i + 1, w->dataset->n_clips)) {
      g_set_error(w->error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped; repeat the command to go on",
                  w->target->path);
      return FALSE;
    }
  }
  note_doubts(w);
  return TRUE;
}

gboolean lus_import_write(LusImportResult *result, const LusRegions *regions, const LusImportTarget *target,
                          GError **error)
{
  *result = (LusImportResult){0};
  Writer w = {.target = target, .result = result, .regions = regions, .error = error};
  w.owner = g_new(int, MAX(regions->list->len, 1));
  gboolean ok = write_all(&w);
  g_free(w.owner);
  g_free(w.plane);
  lus_dataset_free(w.dataset);
  json_decref(w.manifest);
  return ok;
}
