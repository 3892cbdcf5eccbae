/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/labels.h"
#include "learn/check.h"
#include "dataset-internal.h"
#include "learn/annotation.h"
#include "tables-internal.h"
#include "nn/error.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  const LusDataset *dataset;
  LusCheckSummary *summary;
  LusCheckFound found;
  gpointer found_data;
  int findings;
  struct {
    int frames, width, height; /* 0: the clip could not be read */
  } *clips;
} Check;

static void G_GNUC_PRINTF(4, 5) report(Check *c, const char *place, const char *remedy, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *text = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  c->findings++;
  c->found(c->found_data, place, text, remedy);
}

/** Reports an error whose message names its place itself. */
static void report_error(Check *c, const char *place, const char *remedy, GError *error)
{
  gsize n = strlen(place);
  const char *text = error->message;
  if (strncmp(text, place, n) == 0 && text[n] == ':')
    text += n + 1 + strspn(text + n + 1, " ");
  report(c, place, remedy, "%s", text);
  g_error_free(error);
}

static void check_clip(Check *c, int index, GHashTable *files, LusFrameOpen open, gpointer user_data)
{
  const LusClip *clip = &c->dataset->clips[index];
  g_autofree char *path = g_build_filename(c->dataset->path, clip->file, NULL);
  GError *error = NULL;
  if (!g_hash_table_add(files, g_strdup(clip->file)))
    report(c, path, "list each file once in dataset.json", "the file belongs to two clips");
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    report(c, path, "put the file there or take the clip out of dataset.json", "the clip is listed, but there is no such file");
    return;
  }
  if (!lus_clip_measure(&c->clips[index].frames, &c->clips[index].width, &c->clips[index].height, path, open, user_data,
                        &error)) {
    c->clips[index].frames = 0;
    report_error(c, path, "convert the clip again, or take it out of dataset.json", error);
    return;
  }
  c->summary->pictures += c->clips[index].frames;
}

/** Files in clips/ that the manifest does not list. */
static void check_strays(Check *c, GHashTable *files)
{
  g_autofree char *folder = g_build_filename(c->dataset->path, "clips", NULL);
  g_autoptr(GPtrArray) names = lus_folder_names(folder);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *file = g_build_filename("clips", names->pdata[i], NULL);
    g_autofree char *path = g_build_filename(c->dataset->path, file, NULL);
    if (!g_hash_table_contains(files, file))
      report(c, path, "list it in dataset.json or remove it", "is not listed in dataset.json");
  }
}

static gboolean is_class(const LusDataset *dataset, const char *name)
{
  return g_strv_contains((const char *const *)dataset->classes, name);
}

/** frame000012.CLASS.png (or CLASS.ignore.png): frame, or -1 after a report. *@ignore: it belongs to a label. */
static int parse_name(Check *c, const char *path, const char *name, gboolean *ignore)
{
  static const char remedy[] = "labels are named frame000012.CLASS.png, six digits; rename or remove it";
  int frame = 0;
  for (int i = 5; i < 11; i++) {
    if (strncmp(name, "frame", 5) != 0 || !g_ascii_isdigit(name[i])) {
      report(c, path, remedy, "is not named like a label");
      return -1;
    }
    frame = frame * 10 + name[i] - '0';
  }
  if (name[11] != '.' || !g_str_has_suffix(name + 11, ".png")) {
    report(c, path, remedy, "is not named like a label");
    return -1;
  }
  g_autofree char *class_name = g_strndup(name + 12, MAX(strlen(name + 12), 4) - 4);
  *ignore = g_str_has_suffix(class_name, ".ignore");
  if (*ignore)
    class_name[strlen(class_name) - strlen(".ignore")] = 0;
  if (is_class(c->dataset, class_name))
    return frame;
  report(c, path, "add the class to dataset.json, or rename the file", "class '%s' is not one of the data set's", class_name);
  return -1;
}

static void check_ignore(Check *c, const char *path)
{
  g_autofree char *label = g_strndup(path, strlen(path) - strlen(".ignore.png"));
  g_autofree char *file = g_strconcat(label, ".png", NULL);
  if (!g_file_test(file, G_FILE_TEST_EXISTS))
    report(c, path, "add the label (0 everywhere if nothing was seen) or remove this file", "belongs to no label");
}

static void check_label(Check *c, const char *path, int clip, int frame)
{
  GError *error = NULL;
  int width = 0, height = 0;
  g_autofree guint8 *percent = lus_label_read(path, &width, &height, &error);
  c->summary->labels++;
  if (!percent) {
    report_error(c, path, "write it again as 8- or 16-bit grey PNG", error);
    return;
  }
  if (c->clips[clip].frames == 0)
    return; /* the clip's own finding tells */
  if (frame >= c->clips[clip].frames)
    report(c, path, "frames count from 0; remove it or label the right clip", "labels frame %d, but the clip has %d frames",
           frame, c->clips[clip].frames);
  if (width != c->clips[clip].width || height != c->clips[clip].height)
    report(c, path, "export it in the clip's own size", "has %d x %d pixels, the clip's frames have %d x %d", width, height,
           c->clips[clip].width, c->clips[clip].height);
}

static void check_labels(Check *c, const char *folder, int clip)
{
  g_autoptr(GPtrArray) names = lus_folder_names(folder);
  int last = -1;
  if (names->len == 0)
    report(c, folder, "remove the folder", "holds no labels");
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
    gboolean ignore = FALSE;
    int frame = parse_name(c, path, names->pdata[i], &ignore);
    if (frame < 0)
      continue;
    if (ignore) {
      check_ignore(c, path);
      continue;
    }
    c->summary->frames += frame != last;
    last = frame;
    check_label(c, path, clip, frame);
  }
}

static int find_clip(const LusDataset *dataset, const char *name)
{
  for (int i = 0; i < dataset->n_clips; i++)
    if (g_str_equal(dataset->clips[i].name, name))
      return i;
  return -1;
}

static void check_annotator(Check *c, const char *folder)
{
  if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
    report(c, folder, "labels lie in labels/ANNOTATOR/CLIP/; move or remove it", "is not an annotator's folder");
    return;
  }
  g_autoptr(GPtrArray) names = lus_folder_names(folder);
  c->summary->annotators += names->len > 0;
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename(folder, names->pdata[i], NULL);
    int clip = find_clip(c->dataset, names->pdata[i]);
    if (g_str_equal(names->pdata[i], LUS_FUSION_RECORD))
      continue;
    if (g_str_equal(names->pdata[i], LUS_FUSION_BEGUN))
      report(c, folder, "repeat lus fuse", "lus fuse was stopped before all labels were there");
    else if (clip < 0)
      report(c, path, "add the clip to dataset.json, or remove the labels", "labels without a clip");
    else
      check_labels(c, path, clip);
  }
}

static gboolean knows_patient(const LusDataset *dataset, const char *patient)
{
  for (int i = 0; i < dataset->n_clips; i++)
    if (g_str_equal(dataset->clips[i].patient, patient))
      return TRUE;
  return FALSE;
}

static void check_outcome_row(Check *c, const LusCsv *csv, int row, const LusOutcomeColumns *columns, GHashTable *seen)
{
  GError *error = NULL;
  LusOutcomeExam unused;
  const char *patient = lus_csv_field(csv, row, columns->patient);
  char *key = lus_outcome_key(csv, row, columns->patient, columns->day, &error);
  if (!key || !lus_outcome_read(&unused, csv, columns, row, &error))
    report_error(c, csv->path, "correct the row", error);
  if (!knows_patient(c->dataset, patient)) {
    GError *unknown = NULL;
    lus_csv_refuse(csv, row, &unknown, "patient '%s' has no clip", patient);
    report_error(c, csv->path, "correct the name, or remove the row", unknown);
  }
  if (key && !g_hash_table_add(seen, key)) {
    GError *twice = NULL;
    lus_csv_refuse(csv, row, &twice, "patient '%s', day %d is there twice", patient, atoi(key));
    report_error(c, csv->path, "keep one of the rows", twice);
  }
}

static void check_outcomes(Check *c)
{
  g_autofree char *path = g_build_filename(c->dataset->path, "outcomes.csv", NULL);
  GError *error = NULL;
  LusOutcomeColumns columns;
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return;
  g_autoptr(LusCsv) csv = lus_csv_load(path, &error);
  if (!csv || !lus_outcome_columns_find(&columns, csv, &error)) {
    report_error(c, path, "its columns are patient,day,spo2_percent,fio2,o2_l_min,readmitted_30d", error);
    return;
  }
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (int row = 0; row < csv->n_rows; row++)
    check_outcome_row(c, csv, row, &columns, seen);
}

static gboolean check_all(Check *c, LusFrameOpen open, gpointer user_data, LusProgress progress,
                          gpointer progress_data, GError **error)
{
  g_autoptr(GHashTable) files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *labels = g_build_filename(c->dataset->path, "labels", NULL);
  c->summary->clips = c->dataset->n_clips;
  for (int i = 0; i < c->dataset->n_clips; i++) {
    check_clip(c, i, files, open, user_data);
    if (progress && !progress(progress_data, "checking clips", i + 1, c->dataset->n_clips)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped", c->dataset->path);
      return FALSE;
    }
  }
  check_strays(c, files);
  if (c->dataset->n_clips == 0)
    report(c, c->dataset->path, "lus import --clips adds some", "the data set has no clips");
  g_autoptr(GPtrArray) names = lus_folder_names(labels);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *folder = g_build_filename(labels, names->pdata[i], NULL);
    check_annotator(c, folder);
  }
  if (c->summary->labels == 0)
    report(c, labels, "lus import adds some", "the data set has no labels");
  check_outcomes(c);
  return TRUE;
}

int lus_dataset_check(LusCheckSummary *summary, const char *path, LusFrameOpen open, gpointer user_data,
                      LusCheckFound found, gpointer found_data, LusProgress progress, gpointer progress_data,
                      GError **error)
{
  *summary = (LusCheckSummary){0};
  Check c = {.summary = summary, .found = found, .found_data = found_data};
  GError *problem = NULL;
  g_autoptr(LusDataset) dataset = lus_dataset_load(path, &problem);
  g_autofree char *manifest = g_build_filename(path, LUS_DATASET_MANIFEST, NULL);
  if (!dataset) {
    gboolean there = g_file_test(manifest, G_FILE_TEST_EXISTS);
    report_error(&c, manifest, there ? "correct dataset.json first; the rest is checked then"
                                     : "give the folder of a data set, as lus import and lus simulate write it", problem);
    return c.findings;
  }
  c.dataset = dataset;
  g_autofree gpointer clips = g_malloc0((gsize)(dataset->n_clips + 1) * sizeof *c.clips);
  c.clips = clips;
  return check_all(&c, open, user_data, progress, progress_data, error) ? c.findings : -1;
}
