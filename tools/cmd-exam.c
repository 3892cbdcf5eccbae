/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clips.h"
#include "measure.h"
#include "report.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char description[] =
  "INPUT is a folder or the video files of one patient's exam, whose names tell the zones (p003_d1_R2.mkv),\n"
  "or one manifest (.json, docs/exam.md). Writes DIR/exam.json and prints a summary;\n"
  "--report adds a page with key frames (lus report adds earlier days).\n\n"
  "Example: lus exam clips/p003_d1_*.mkv -o exam";

#define NOT_GIVEN (-G_MAXDOUBLE)

typedef struct {
  char *output, *zone, *zones, *heads, *model, *exam_id, *baseline;
  int min_frames, threads;
  gboolean report;
  double spo2, fio2, o2_l_min;
} Options;

static gboolean is_given(double option)
{
  return !(option <= NOT_GIVEN); /* also NaN, to be refused */
}

/** Everything one exam consists of. */
typedef struct {
  const Options *options;
  GPtrArray *clips; /* LusToolClip* */
  char *exam_id, *patient, *zones; /* NULL: not known */
  int day;          /* -1 alike */
  LusHeads *heads;  /* NULL: no estimate */
  LusExam *exam;
  double sf_measured;    /* 0: unknown */
  LusExamNetworks *networks;
  LusExamFile *baseline; /* NULL: none */
  LusToolMeasure measure;
} Run;

static void run_clear(Run *run)
{
  if (run->clips)
    g_ptr_array_unref(run->clips);
  g_free(run->exam_id);
  g_free(run->patient);
  g_free(run->zones);
  lus_heads_unref(run->heads);
  lus_exam_free(run->exam);
  lus_exam_networks_free(run->networks);
  lus_clip_planes_free(run->measure.planes);
  lus_key_frames_free(run->measure.keys);
  lus_exam_file_free(run->baseline);
  lus_tool_measure_clear(&run->measure);
}

/** What the clips tell of patient and day; they must agree. */
static gboolean agree_on_patient(Run *run, GError **error)
{
  for (guint i = 0; i < run->clips->len; i++) {
    const LusToolClip *clip = g_ptr_array_index(run->clips, i);
    const LusClipName *told = &clip->told;
    if (told->patient[0] && !run->patient)
      run->patient = g_strdup(told->patient);
    if (told->day >= 0 && run->day < 0)
      run->day = told->day;
    if ((!told->patient[0] || g_str_equal(told->patient, run->patient)) && (told->day < 0 || told->day == run->day))
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: another patient or day than the clips before it; an exam is of one "
                "patient on one day, so give only its clips, such as %s_d%d_*",
                clip->path, run->patient ? run->patient : "p003", MAX(1, run->day));
    return FALSE;
  }
  return TRUE;
}

static gboolean find_by_names(Run *run, char *const *inputs, GError **error)
{
  run->clips = lus_tool_clips(inputs, error);
  if (!run->clips)
    return FALSE;
  if (run->options->zone && run->clips->len > 1) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "--zone names the zone of one clip, but there are %u; rename them or write a "
                "manifest (docs/exam.md)",
                run->clips->len);
    return FALSE;
  }
  for (guint i = 0; i < run->clips->len; i++) {
    LusToolClip *clip = g_ptr_array_index(run->clips, i);
    if (run->options->zone)
      g_strlcpy(clip->told.zone, run->options->zone, sizeof(clip->told.zone));
    if (clip->told.zone[0])
      continue;
    if (!g_file_test(clip->path, G_FILE_TEST_EXISTS)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: no such file", clip->path);
      return FALSE;
    }
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: the name tells no zone, or several; name it like exam_R1.mkv, say "
                "--zone for a single clip, or write a manifest (docs/exam.md)",
                clip->path);
    return FALSE;
  }
  return agree_on_patient(run, error);
}

static gboolean find_by_manifest(Run *run, const char *path, GError **error)
{
  g_autoptr(LusManifest) manifest = lus_manifest_load(path, error);
  if (!manifest)
    return FALSE;
  g_autofree char **files = g_new0(char *, (gsize)manifest->n_clips + 1);
  for (int i = 0; i < manifest->n_clips; i++)
    files[i] = manifest->clips[i].file;
  run->clips = lus_tool_clips(files, error);
  if (!run->clips)
    return FALSE;
  if (run->clips->len != (guint)manifest->n_clips) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: clips must be files, not folders", path);
    return FALSE;
  }
  for (int i = 0; i < manifest->n_clips; i++) {
    LusToolClip *clip = g_ptr_array_index(run->clips, (guint)i);
    g_strlcpy(clip->told.zone, manifest->clips[i].zone, sizeof(clip->told.zone));
    clip->mm_per_pixel = manifest->clips[i].mm_per_pixel;
  }
  run->exam_id = g_steal_pointer(&manifest->exam_id);
  run->patient = g_steal_pointer(&manifest->patient);
  run->zones = g_steal_pointer(&manifest->zones);
  run->day = manifest->day;
  return TRUE;
}

static gboolean find_clips(Run *run, char *const *inputs, GError **error)
{
  run->day = -1;
  if (!(g_str_has_suffix(inputs[0], ".json") ? find_by_manifest(run, inputs[0], error)
                                             : find_by_names(run, inputs, error)))
    return FALSE;
  if (run->options->exam_id) {
    g_free(run->exam_id);
    run->exam_id = g_strdup(run->options->exam_id);
  }
  run->exam = lus_exam_new(run->options->zones ? run->options->zones : run->zones, error);
  return run->exam != NULL;
}

/** The bundled heads may be missing: then there is no estimate. Heads asked for must be there. */
static gboolean load_heads(Run *run, GError **error)
{
  g_autoptr(GError) problem = NULL;
  g_autofree char *bundled = lus_model_bundled_path("default.heads.json");
  run->heads = lus_heads_load(run->options->heads ? run->options->heads : bundled, &problem);
  if (run->heads)
    return TRUE;
  if (run->options->heads) {
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
  }
  fprintf(stderr, "lus exam: no S/F estimate: %s\n", problem->message);
  return TRUE;
}

/** The clip measured last, the newest of its zone, for the video networks. */
static gboolean add_to_networks(Run *run, int zone, const LusToolClip *clip, GError **error)
{
  if (!run->measure.planes)
    return TRUE;
  int classes, number = (int)g_strv_length((char **)lus_exam_clips(run->exam, zone));
  g_autofree guint8 *planes = lus_clip_planes_take(run->measure.planes, &classes);
  return !planes || lus_exam_networks_set_clip(run->networks, clip->told.zone, number, planes, classes, error);
}

/** Planes are needed where networks are at work. */
static gboolean open_planes(Run *run, GError **error)
{
  g_autoptr(GError) problem = NULL;
  if (lus_exam_networks_suit(run->networks, run->measure.model, &problem))
    run->measure.planes = lus_clip_planes_new(lus_exam_networks_read_grey(run->networks));
  if (!problem)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&problem));
  return FALSE;
}

static gboolean find_zone(int *zone, Run *run, const LusToolClip *clip, GError **error)
{
  *zone = lus_exam_zone(run->exam, clip->told.zone);
  if (*zone < 0 && lus_zone_known(clip->told.zone))
    g_set_error(error, LUS_ERROR, LUS_ERROR_LIMIT, "%s: no room for zone '%s', as an exam has at most %d; leave some out of "
                "those expected", clip->path, clip->told.zone, LUS_MAX_ZONES);
  else if (*zone < 0)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: '%s' is no zone; expected R1 to R6, L1 to L6, R4V or L4V",
                clip->path, clip->told.zone);
  return *zone >= 0;
}

static gboolean measure_clips(Run *run, GError **error)
{
  int zone;

  if (!lus_tool_measure_open(&run->measure, run->options->model, -1, run->options->threads, error) ||
      !open_planes(run, error))
    return FALSE;
  if (run->heads && lus_heads_suit(run->heads, lus_model_sha256(run->measure.model))) /* cut where they were for the fit */
    lus_tool_measure_cut(&run->measure, lus_heads_threshold(run->heads));
  run->measure.keys = run->options->report ? lus_key_frames_new() : NULL;
  for (guint i = 0; i < run->clips->len; i++) {
    const LusToolClip *clip = g_ptr_array_index(run->clips, i);
    if (!find_zone(&zone, run, clip, error))
      return FALSE;
    g_autofree char *what = g_strdup_printf("clip %u/%u %s", i + 1, run->clips->len, clip->name);
    lus_exam_add_clip(run->exam, zone, clip->name);
    if (!lus_tool_measure_clip(&run->measure, run->exam, zone, clip, what, error) ||
        !add_to_networks(run, zone, clip, error))
      return FALSE;
  }
  return TRUE;
}

static void print_number(double value)
{
  if (isnan(value))
    printf(" %10s", "-");
  else
    printf(" %10.1f", value);
}

static void print_zones(const Run *run)
{
  static const LusFeature shown[] = {LUS_FEATURE_PLEURA_COVERAGE, LUS_FEATURE_PLEURA_DEPTH, LUS_FEATURE_VERTICAL_COUNT,
                                     LUS_FEATURE_VERTICAL_PERCENT};
  printf("%-6s %8s %10s %10s %10s %10s\n", "zone", "frames", "pleura %", "depth %", "B-lines", "B/pleura %");
  for (int i = 0; i < lus_exam_n_zones(run->exam); i++) {
    LusZone zone;
    lus_exam_get_zone(run->exam, i, &zone);
    printf("%-6s %8d", zone.name, zone.frames);
    for (gsize k = 0; k < G_N_ELEMENTS(shown); k++)
      print_number(zone.features[shown[k]]);
    printf("%s\n", zone.frames >= run->options->min_frames ? "" : zone.frames > 0 ? "  too few frames" : "  missing");
  }
}

static gboolean write_report(const Run *run, const char *path, GError **error)
{
  const char *const paths[] = {path, NULL};
  return lus_tool_write_keys(run->measure.keys, run->exam, path, error) &&
         lus_tool_write_report(run->options->output, paths, error);
}

static void print_value(const char *what, const LusEstimateValue *value, double scale, const char *unit)
{
  if (value->valid)
    printf("%s %.0f%s, 90 %% interval %.0f to %.0f%s\n", what, scale * value->value, unit, scale * value->low,
           scale * value->high, unit);
  else
    printf("%s --: %s\n", what, value->reason);
}

static void print_estimate(const Run *run, const LusEstimate *e)
{
  static const char *const names[LUS_CHANGE_N] = {"lower", "same", "higher"};
  print_value("S/F estimate", &e->sf, 1, "");
  if (run->sf_measured > 0)
    printf("S/F measured %.0f%s\n", run->sf_measured, run->options->spo2 > 97 ? " (SpO2 above 97 %)" : "");
  if (e->change_valid)
    printf("S/F change: %s (likely %s %.0f %%, %s %.0f %%, %s %.0f %%)\n", names[e->change_class + 1], names[0],
           100 * e->change_probability[0], names[1], 100 * e->change_probability[1], names[2],
           100 * e->change_probability[2]);
  else
    printf("S/F change --: %s\n", e->change_reason);
  print_value("Readmission within 30 days", &e->readmission, 100, " %");
}

/** What each zone contributes, against the average exam of the fit. */
static void print_contributions(const Run *run, const LusEstimateQuery *query)
{
  LusContributions c;
  if (!run->heads || !lus_heads_contributions(&c, run->heads, LUS_TASK_SF, query))
    return;
  printf("S/F by zone, against the average exam:");
  for (int i = 0; i < lus_exam_n_zones(run->exam); i++) {
    LusZone zone;
    lus_exam_get_zone(run->exam, i, &zone);
    printf(" %s %+.0f", zone.name, c.zones[i]);
  }
  printf(", other %+.0f\n", c.other);
}

static gboolean write_exam(const Run *run, GError **error)
{
  LusEstimate estimate;
  const char *model = lus_model_sha256(run->measure.model);
  const LusEstimateQuery query = {.exam = run->exam, .baseline = run->baseline ? run->baseline->exam : NULL,
                                  .baseline_model = run->baseline ? run->baseline->model_sha256 : NULL,
                                  .model_sha256 = model, .min_frames = run->options->min_frames};
  lus_estimate(&estimate, run->heads, &query);
  g_auto(GStrv) zones = lus_exam_zones_at_hand(run->exam, run->options->min_frames);
  lus_exam_networks_estimate(run->networks, &estimate, run->baseline, (const char *const *)zones);
  g_autofree char *embeddings = lus_exam_networks_to_json(run->networks, (const char *const *)zones);
  LusExamRecord record = {run->exam_id, run->patient, run->day, model, run->heads ? lus_heads_sha256(run->heads) : NULL,
                          run->options->min_frames, run->options->baseline, run->sf_measured, embeddings};
  g_autofree char *text = lus_exam_to_json(run->exam, &estimate, &record);
  g_autofree char *path = g_build_filename(run->options->output, "exam.json", NULL);
  if (!text) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for the exam's text");
    return FALSE;
  }
  lus_tool_remove_report(run->exam, path);
  if (!lus_file_write(path, text, strlen(text), error))
    return FALSE;
  print_zones(run);
  print_estimate(run, &estimate);
  if (estimate.sf.valid)
    print_contributions(run, &query);
  printf("%s\n", path);
  if (run->options->report && !write_report(run, path, error))
    return FALSE;
  printf("%s\n", LUS_NOTICE);
  return TRUE;
}

/** An exam of another patient, or a later one, would give a change that means nothing. */
static gboolean check_baseline(const Run *run, GError **error)
{
  const char *path = run->options->baseline, *patient = run->baseline->patient;
  if (patient && run->patient && !g_str_equal(patient, run->patient))
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: --baseline is of patient %s, these clips are of %s; give an "
                "exam of the same patient", path, patient, run->patient);
  else if (run->day >= 0 && run->baseline->day > run->day)
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: --baseline is of day %d, these clips are of day %d; give an "
                "earlier exam", path, run->baseline->day, run->day);
  else
    return TRUE;
  return FALSE;
}

/** The earlier exam, and the S/F that was measured. */
static gboolean load_comparison(Run *run, GError **error)
{
  const Options *o = run->options;
  double fio2 = is_given(o->o2_l_min) ? lus_fio2_from_flow(o->o2_l_min) : is_given(o->fio2) ? o->fio2 : 0.21;
  if (is_given(o->spo2) && !lus_sf_ratio(&run->sf_measured, o->spo2, fio2, error))
    return FALSE;
  run->networks = lus_exam_networks_new(run->heads, error);
  if (!run->networks || !o->baseline)
    return run->networks != NULL;
  g_autofree char *path = lus_tool_exam_path(o->baseline);
  run->baseline = lus_exam_file_read(path, error);
  return run->baseline && check_baseline(run, error);
}

/** Made before anything is measured, which may take minutes. */
static gboolean make_folder(const char *path, GError **error)
{
  if (g_mkdir_with_parents(path, 0777) == 0 && g_access(path, W_OK) == 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write in this folder: %s", path, g_strerror(errno));
  return FALSE;
}

static gboolean conduct(const Options *options, char *const *inputs, GError **error)
{
  Run run = {.options = options};
  gboolean done = find_clips(&run, inputs, error) && load_heads(&run, error) && load_comparison(&run, error) &&
                  make_folder(options->output, error) &&
                  measure_clips(&run, error) && write_exam(&run, error);
  run_clear(&run);
  return done;
}

static int check_options(Options *options, char *const *inputs)
{
  for (char *c = options->zone; c && *c; c++)
    *c = g_ascii_toupper(*c);
  if (!options->output)
    return lus_tool_usage("exam", "say where to write with -o DIR");
  if (options->min_frames < 1)
    return lus_tool_usage("exam", "--min-frames must be 1 or more");
  if (options->zone && !lus_zone_known(options->zone))
    return lus_tool_usage("exam", "--zone must be one of R1 to R6, L1 to L6, R4V, L4V");
  if (!is_given(options->spo2) && (is_given(options->fio2) || is_given(options->o2_l_min)))
    return lus_tool_usage("exam", "--fio2 and --o2-flow are for --spo2, which is missing");
  if (is_given(options->fio2) && is_given(options->o2_l_min))
    return lus_tool_usage("exam", "--fio2 and --o2-flow exclude each other");
  if (is_given(options->o2_l_min) && !(options->o2_l_min >= 0 && options->o2_l_min <= 60))
    return lus_tool_usage("exam", "--o2-flow is in litres a minute, 0 to 60");
  if (g_str_has_suffix(inputs[0], ".json") && inputs[1])
    return lus_tool_usage("exam", "a manifest stands alone");
  if (g_str_has_suffix(inputs[0], ".json") && options->zone)
    return lus_tool_usage("exam", "--zone is for a clip whose name tells none; a manifest tells its clips' zones itself");
  return LUS_EXIT_DONE;
}

int lus_cmd_exam(int argc, char **argv)
{
  Options o = {.min_frames = LUS_EXAM_MIN_FRAMES, .spo2 = NOT_GIVEN, .fio2 = NOT_GIVEN, .o2_l_min = NOT_GIVEN};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o.output, "Folder for exam.json", "DIR"},
    {"zone", 0, 0, G_OPTION_ARG_STRING, &o.zone, "Zone of a single clip", "ZONE"},
    {"zones", 0, 0, G_OPTION_ARG_STRING, &o.zones, "Expected zones (default R1,R2,R3,L1,L2,L3)", "LIST"},
    {"min-frames", 0, 0, G_OPTION_ARG_INT, &o.min_frames, "Frames that make a zone count (default 30)", "N"},
    {"heads", 0, 0, G_OPTION_ARG_FILENAME, &o.heads, "S/F estimator (default: the bundled one)", "FILE"},
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &o.model, "Model to segment with (default: the bundled one)", "MODEL"},
    {"exam-id", 0, 0, G_OPTION_ARG_STRING, &o.exam_id, "Name of the exam in exam.json", "TEXT"},
    {"report", 0, 0, G_OPTION_ARG_NONE, &o.report, "Key frames, report.pdf and report.png as well", NULL},
    {"baseline", 0, 0, G_OPTION_ARG_FILENAME, &o.baseline, "An earlier exam (exam.json or its folder), for the change", "EXAM"},
    {"spo2", 0, 0, G_OPTION_ARG_DOUBLE, &o.spo2, "Measured oxygen saturation, to compare", "PERCENT"},
    {"fio2", 0, 0, G_OPTION_ARG_DOUBLE, &o.fio2, "Fraction of inspired oxygen 0.21..1 (default 0.21)", "FRACTION"},
    {"o2-flow", 0, 0, G_OPTION_ARG_DOUBLE, &o.o2_l_min, "Instead: flow of a nasal cannula, FiO2 = 0.21 + 0.04 per l/min", "L_PER_MIN"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o.threads, "Threads, 0 = one per CPU", "N"},
    G_OPTION_ENTRY_NULL};
  g_auto(GStrv) inputs = NULL;
  g_autoptr(GError) error = NULL;
  int code = lus_tool_parse(argc, argv, entries, "INPUT...", description, 1, -1, &inputs);
  if (code == LUS_EXIT_DONE)
    code = check_options(&o, inputs);
  if (code == LUS_EXIT_DONE && !conduct(&o, inputs, &error))
    code = lus_tool_fail("exam", g_steal_pointer(&error));
  char *texts[] = {o.output, o.zone, o.zones, o.heads, o.model, o.exam_id, o.baseline};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
  return code;
}
