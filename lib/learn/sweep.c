/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/sweep-internal.h"
#include "learn/train-lock.h"
#include "learn/train-settings.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/rng.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define HELD_OUT_SHARE 0.15 /* of the patients that are not tested */
#define STREAM_FOLDS ((guint64)5 << 60)
#define MAX_SETTINGS ((gsize)1 << 20)

char *lus_sweep_file_name(const char *target)
{
  return g_strdelimit(g_strdup(target), ":", '-');
}

static void job_free(gpointer data)
{
  LusSweepJob *job = data;
  g_free(job->name);
  g_free(job);
}

GPtrArray *lus_sweep_jobs(const LusSweepConfig *c)
{
  GPtrArray *jobs = g_ptr_array_new_with_free_func(job_free);
  for (int s = 0; s < c->seeds; s++)
    for (int f = 0; f < c->folds; f++)
      for (int t = 0; t < c->n_targets; t++) {
        LusSweepJob *job = g_new0(LusSweepJob, 1);
        g_autofree char *target = lus_target_to_string(&c->targets[t]), *name = lus_sweep_file_name(target);
        *job = (LusSweepJob){.number = (int)jobs->len, .target = t, .fold = f, .seed = c->seed + (guint64)s};
        job->name = g_strdup_printf("%s_fold%d_seed%" G_GUINT64_FORMAT, name, f + 1, job->seed);
        g_ptr_array_add(jobs, job);
      }
  return jobs;
}

char *lus_sweep_job_path(const LusSweepConfig *config, const LusSweepJob *job, const char *file)
{
  return g_build_filename(config->path, "jobs", job->name, file, NULL);
}

/* --- folds --- */

static const char *patient_of(const LusSamples *s, int sample)
{
  return s->patients ? s->patients[s->group[sample]] : s->names[sample];
}

static int compare_names(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/** The patients' names, each once, shuffled by the seed; the strings are the samples'. */
static GPtrArray *shuffle_patients(const LusSamples *s, guint64 seed)
{
  g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
  GPtrArray *patients = g_ptr_array_new();
  for (int i = 0; i < s->n; i++)
    if (g_hash_table_add(known, (gpointer)patient_of(s, i)))
      g_ptr_array_add(patients, (gpointer)patient_of(s, i));
  g_ptr_array_sort(patients, compare_names);
  LusRng rng;
  lus_rng_init(&rng, seed, STREAM_FOLDS);
  for (guint i = patients->len; i > 1; i--) {
    guint j = lus_rng_below(&rng, i);
    gpointer other = patients->pdata[i - 1];
    patients->pdata[i - 1] = patients->pdata[j];
    patients->pdata[j] = other;
  }
  return patients;
}

static gboolean deal_patients(GHashTable *role_of, const LusSweepConfig *c, int fold, GError **error)
{
  g_autoptr(GPtrArray) patients = shuffle_patients(c->samples, c->seed);
  int n = (int)patients->len, tested = (n - fold + c->folds - 1) / c->folds;
  int held_out = MAX(1, (int)lround(HELD_OUT_SHARE * (n - tested)));
  if (n < c->folds || n - tested - held_out < 1) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %d patients are too few for %d folds; each must test one, "
                "calibrate on another and train on a third", c->data_name, n, c->folds);
    return FALSE;
  }
  for (int i = 0; i < n; i++) {
    LusSplit role = i % c->folds == fold ? LUS_SPLIT_TEST : held_out > 0 ? LUS_SPLIT_VALIDATION : LUS_SPLIT_TRAIN;
    held_out -= role == LUS_SPLIT_VALIDATION;
    g_hash_table_insert(role_of, patients->pdata[i], GINT_TO_POINTER(role));
  }
  return TRUE;
}

gboolean lus_sweep_roles(LusSplit *roles, const LusSweepConfig *c, int fold, GError **error)
{
  const LusSamples *s = c->samples;
  g_autoptr(GHashTable) role_of = g_hash_table_new(g_str_hash, g_str_equal);
  if (!c->splits && !deal_patients(role_of, c, fold, error))
    return FALSE;
  int n[LUS_SPLIT_N] = {0};
  for (int i = 0; i < s->n; i++) {
    roles[i] = c->splits ? c->splits[s->group[i]]
                         : (LusSplit)GPOINTER_TO_INT(g_hash_table_lookup(role_of, patient_of(s, i)));
    n[roles[i]]++;
  }
  for (int i = 0; i < LUS_SPLIT_N; i++)
    if (n[i] == 0) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no labelled frames in split '%s'; use --folds 2 or more",
                  c->data_name, lus_split_name((LusSplit)i));
      return FALSE;
    }
  return TRUE;
}

/** Copies of the samples of one role, without their scales where one of all is unknown: every fold has the same unit of
 *  length. */
static LusSamples *select_role(const LusSamples *from, const LusSplit *roles, LusSplit role, GError **error)
{
  g_autoptr(GArray) indices = g_array_new(FALSE, FALSE, sizeof(int));
  for (int i = 0; i < from->n; i++)
    if (roles[i] == role)
      g_array_append_val(indices, i);
  LusSamples *out = lus_samples_select(from, (const int *)(const void *)indices->data, (int)indices->len, error);
  if (out && !lus_samples_scaled(from))
    memset(out->mm_per_pixel, 0, (gsize)out->n * sizeof *out->mm_per_pixel);
  return out;
}

/** Training samples with each annotator's label by itself: those of the patients that train. */
static LusSamples *select_each(const LusSweepConfig *c, const LusSplit *roles, GError **error)
{
  g_autoptr(GHashTable) training = g_hash_table_new(g_str_hash, g_str_equal);
  for (int i = 0; i < c->samples->n; i++)
    if (roles[i] == LUS_SPLIT_TRAIN)
      g_hash_table_add(training, (gpointer)patient_of(c->samples, i));
  g_autofree LusSplit *each = g_new(LusSplit, c->each->n);
  for (int i = 0; i < c->each->n; i++)
    each[i] = g_hash_table_contains(training, patient_of(c->each, i)) ? LUS_SPLIT_TRAIN : LUS_SPLIT_TEST;
  return select_role(c->each, each, LUS_SPLIT_TRAIN, error);
}

static gboolean needs_each(const LusTarget *target)
{
  return target->method == LUS_TARGET_EXPERT;
}

/* --- what a job depends on --- */

static void add_samples(GChecksum *sum, const LusSamples *s, int sample)
{
  gsize pixels = (gsize)s->width * s->height, planes = pixels * s->n_classes;
  double mm = s->mm_per_pixel ? s->mm_per_pixel[sample] : 0;
  g_checksum_update(sum, (const guchar *)s->names[sample], -1);
  g_checksum_update(sum, (const guchar *)&mm, sizeof mm);
  g_checksum_update(sum, s->luma + sample * pixels, (gssize)pixels);
  g_checksum_update(sum, s->labels + sample * planes, (gssize)planes);
}

static void append_fingerprint(GString *text, const char *what, const LusSamples *s, const LusSplit *roles, int role)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  int n = 0;
  for (int i = 0; i < s->n; i++)
    if (role < 0 || (int)roles[i] == role) {
      add_samples(sum, s, i);
      n++;
    }
  g_string_append_printf(text, "%s %d samples %s\n", what, n, g_checksum_get_string(sum));
}

char *lus_sweep_data(const LusSweepConfig *c, const LusSplit *roles)
{
  GString *text = g_string_new(NULL);
  g_string_append_printf(text, "size %d x %d\n", c->samples->width, c->samples->height);
  for (int i = 0; i < LUS_SPLIT_N; i++)
    append_fingerprint(text, lus_split_name((LusSplit)i), c->samples, roles, i);
  return g_string_free(text, FALSE);
}

char *lus_sweep_settings(const LusSweepConfig *c, const LusSweepJob *job, const char *data)
{
  g_autofree char *target = lus_target_to_string(&c->targets[job->target]);
  GString *text = g_string_new(NULL);
  g_string_append_printf(text, "lus %s\ntarget %s\nfold %d of %d\nseed %" G_GUINT64_FORMAT "\n%s", lus_version(),
                         target, job->fold + 1, c->folds, job->seed, c->settings);
  g_string_append(text, "levels");
  for (int i = 0; i < c->n_levels; i++)
    g_string_append_printf(text, " %g", c->levels[i]);
  g_string_append_printf(text, "\n%s", data);
  if (needs_each(&c->targets[job->target]))
    append_fingerprint(text, "each annotator", c->each, NULL, -1);
  return g_string_free(text, FALSE);
}

/** Makes the job's folder, or checks that it is this job's. */
static gboolean claim(const LusSweepConfig *c, const LusSweepJob *job, const char *settings, GError **error)
{
  g_autofree char *folder = lus_sweep_job_path(c, job, ""), *path = lus_sweep_job_path(c, job, "settings.txt");
  if (g_mkdir_with_parents(folder, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make this folder: %s", folder, g_strerror(errno));
    return FALSE;
  }
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return lus_file_write(path, settings, strlen(settings), error);
  gsize length = 0;
  g_autofree char *found = (char *)lus_file_read(path, MAX_SETTINGS, &length, error);
  return found && (g_str_equal(found, settings) ||
                   lus_train_settings_refuse(error, path, "belongs to another sweep", found, settings,
                                             "choose another folder with -o, or repeat the command it belongs to"));
}

/* --- a job --- */

/** The best cut of each class and level on the patients that calibrate. */
static gboolean fit_cuts(double *cuts, LusModel *model, const LusSamples *held_out, const LusEvaluateConfig *config,
                         GError **error)
{
  g_autoptr(LusEvaluation) e = lus_evaluate(model, held_out, config, error);
  for (int k = 0; e && k < e->n_classes; k++)
    for (int l = 0; l < e->n_levels; l++)
      cuts[k * e->n_levels + l] = lus_evaluation_best_cut(e, k, e->levels[l]);
  return e != NULL;
}

static gboolean evaluate(const LusSweepConfig *c, const LusSweepJob *job, LusModel *model, const LusSamples *held_out,
                         const LusSamples *test, const char *settings, GError **error)
{
  LusEvaluateConfig config = {.levels = c->levels, .n_levels = c->n_levels,
                              .cut = round((double)lus_model_info(model)->threshold * 1e6) / 1e6, .threads = c->threads,
                              .progress = c->progress, .progress_data = c->progress_data};
  g_autofree char *folder = lus_sweep_job_path(c, job, ""), *path = lus_sweep_job_path(c, job, "result.bin");
  LusSweepResult result = {.cuts = g_new(double, (gsize)test->n_classes * c->n_levels)};
  gboolean ok = fit_cuts(result.cuts, model, held_out, &config, error) &&
                (result.evaluation = lus_evaluate(model, test, &config, error)) != NULL;
  if (ok && job->fold == 0 && job->seed == c->seed)
    ok = lus_sweep_write_examples(folder, model, test, error);
  ok = ok && lus_sweep_result_write(path, &result, settings, error);
  lus_sweep_result_clear(&result);
  return ok;
}

static gboolean do_job(const LusSweepConfig *c, const LusSweepJob *job, const LusSplit *roles, const char *settings,
                       GError **error)
{
  const LusTarget *target = &c->targets[job->target];
  g_autofree char *path = lus_sweep_job_path(c, job, "model.onnx");
  g_autofree char *checkpoint = lus_sweep_job_path(c, job, "checkpoint");
  g_autoptr(LusSamples) training = needs_each(target) ? select_each(c, roles, error)
                                                      : select_role(c->samples, roles, LUS_SPLIT_TRAIN, error);
  g_autoptr(LusSamples) held_out = training ? select_role(c->samples, roles, LUS_SPLIT_VALIDATION, error) : NULL;
  if (!held_out || !c->train(c->user_data, target, job->seed, training, held_out, path, checkpoint, error))
    return FALSE;
  g_autoptr(LusModel) model = lus_model_load(path, error);
  g_autoptr(LusSamples) test = model ? select_role(c->samples, roles, LUS_SPLIT_TEST, error) : NULL;
  if (!test || !evaluate(c, job, model, held_out, test, settings, error))
    return FALSE;
  g_unlink(checkpoint);
  return TRUE;
}

/* --- features for the outcomes --- */

#define FEATURES "features.csv"
#define CLIPS "clips.txt" /* what they were measured on; written last */

static gboolean is_measured(const LusSweepConfig *c, const LusSweepJob *job)
{
  if (!c->measure)
    return TRUE;
  g_autofree char *table = lus_sweep_job_path(c, job, FEATURES), *path = lus_sweep_job_path(c, job, CLIPS), *clips = NULL;
  return g_file_test(table, G_FILE_TEST_EXISTS) && g_file_get_contents(path, &clips, NULL, NULL) &&
         g_str_equal(clips, c->clips);
}

/** The clips of the patients whom the job's model has not seen. */
static gboolean measure(const LusSweepConfig *c, const LusSweepJob *job, const LusSplit *roles, GError **error)
{
  g_autoptr(GHashTable) tested = g_hash_table_new(g_str_hash, g_str_equal);
  g_autoptr(GPtrArray) patients = g_ptr_array_new();
  g_autofree char *model = lus_sweep_job_path(c, job, "model.onnx"), *path = lus_sweep_job_path(c, job, FEATURES);
  g_autofree char *clips = lus_sweep_job_path(c, job, CLIPS);
  for (int i = 0; i < c->samples->n; i++)
    if (roles[i] == LUS_SPLIT_TEST && g_hash_table_add(tested, (gpointer)patient_of(c->samples, i)))
      g_ptr_array_add(patients, (gpointer)patient_of(c->samples, i));
  g_ptr_array_add(patients, NULL);
  g_unlink(clips);
  return c->measure(c->user_data, model, (const char *const *)patients->pdata, path, error) &&
         lus_file_write(clips, c->clips, strlen(c->clips), error);
}

static gboolean is_done(const LusSweepConfig *c, const LusSweepJob *job, const char *settings)
{
  g_autofree char *path = lus_sweep_job_path(c, job, "result.bin");
  LusSweepResult result = {0};
  gboolean done = lus_sweep_result_read(&result, path, settings, NULL);
  lus_sweep_result_clear(&result);
  return done;
}

static void G_GNUC_PRINTF(3, 4) note(const LusSweepConfig *c, const LusSweepJob *job, const char *format, ...)
{
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *what = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_autofree char *line = g_strdup_printf("%d/%d %s: %s", job->number + 1, c->n_targets * c->folds * c->seeds,
                                          job->name, what);
  if (c->note)
    c->note(c->progress_data, line);
}

/** One job: found done, left to another process, not of this shard or only to @look at, or done now. *done: it is done. */
static gboolean visit_job(const LusSweepConfig *c, const LusSweepJob *job, const LusSplit *roles, const char *data,
                          gboolean look, gboolean *done, GError **error)
{
  g_autofree char *settings = lus_sweep_settings(c, job, data);
  gboolean mine = !look && job->number % c->shards == c->shard;
  if (!claim(c, job, settings, error))
    return FALSE;
  *done = is_done(c, job, settings) && is_measured(c, job);
  if (*done && mine)
    note(c, job, "was done before");
  if (*done || !mine)
    return TRUE;
  g_autofree char *path = lus_sweep_job_path(c, job, "job");
  GError *refused = NULL;
  LusTrainLock *held = lus_train_lock_new(path, &refused); /* whoever holds it works on the job */
  if (g_error_matches(refused, LUS_ERROR, LUS_ERROR_BUSY)) {
    g_clear_error(&refused);
    note(c, job, "another process is at it");
    return TRUE;
  }
  if (!held) {
    g_propagate_error(error, refused);
    return FALSE;
  }
  gint64 start = g_get_monotonic_time();
  note(c, job, "begins");
  *done = (is_done(c, job, settings) || do_job(c, job, roles, settings, error)) &&
          (is_measured(c, job) || measure(c, job, roles, error));
  lus_train_lock_free(held);
  if (!*done) {
    g_prefix_error(error, "%s: ", job->name);
    return FALSE;
  }
  note(c, job, "done in %.0f s", (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC);
  return TRUE;
}

static gboolean visit_jobs(const LusSweepConfig *c, gboolean look, int *missing, GError **error)
{
  g_autoptr(GPtrArray) jobs = lus_sweep_jobs(c);
  g_autofree LusSplit *roles = g_new(LusSplit, c->samples->n);
  g_autofree char *data = NULL;
  int fold = -1;
  *missing = 0;
  for (guint i = 0; i < jobs->len; i++) {
    const LusSweepJob *job = jobs->pdata[i];
    gboolean done = FALSE;
    if (job->fold != fold) {
      if (!lus_sweep_roles(roles, c, job->fold, error))
        return FALSE;
      g_free(data);
      data = lus_sweep_data(c, roles);
      fold = job->fold;
    }
    if (!visit_job(c, job, roles, data, look, &done, error))
      return FALSE;
    *missing += !done;
  }
  return TRUE;
}

gboolean lus_sweep_run(const LusSweepConfig *c, int *missing, GError **error)
{
  /* Jobs of others that were missing when they were passed may be done by now: the last to end finds none missing. */
  return visit_jobs(c, FALSE, missing, error) && (*missing == 0 || visit_jobs(c, TRUE, missing, error));
}
