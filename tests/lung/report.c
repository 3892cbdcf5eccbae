/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#include "lung/key-frames.h"
#include "lung/recycler.h"
#include "lung/report-parts.h"
#include "lung/report.h"
#include "nn/error.h"
#include "nn/file.h"

typedef struct {
  char *folder;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
  (void)data;
  f->folder = g_dir_make_tmp("lus-report-XXXXXX", NULL);
}

static void tear_down(Fixture *f, gconstpointer data)
{
  (void)data;
  GDir *dir = g_dir_open(f->folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name(dir));) {
    g_autofree char *path = g_build_filename(f->folder, name, NULL);
    g_unlink(path);
  }
  g_dir_close(dir);
  g_rmdir(f->folder);
  g_free(f->folder);
}

static char *path_of(const Fixture *f, const char *name)
{
  return g_build_filename(f->folder, name, NULL);
}

/* An exam whose zones R1 and L3 have 40 frames, L2 only 3, the others none. */
static LusExam *make_exam(double percent)
{
  LusExam *exam = lus_exam_new(NULL, NULL);
  LusZone zone = {.frames = 40, .pleura_frames = 40};
  for (int i = 0; i < LUS_FEATURE_N; i++) {
    zone.features[i] = MIN(1 + i, lus_feature_info((LusFeature)i)->high);
    zone.peaks[i] = MIN(2 + i, lus_feature_info((LusFeature)i)->high);
  }
  zone.features[LUS_FEATURE_VERTICAL_PERCENT] = percent;
  zone.peaks[LUS_FEATURE_VERTICAL_PERCENT] = 61;
  lus_exam_add_measured(exam, lus_exam_zone(exam, "L3"), &zone);
  lus_exam_add_measured(exam, lus_exam_zone(exam, "R1"), &zone);
  zone.frames = zone.pleura_frames = 3;
  lus_exam_add_measured(exam, lus_exam_zone(exam, "L2"), &zone);
  return exam;
}

static void make_estimate(LusEstimate *estimate, gboolean valid)
{
  *estimate = (LusEstimate){.sf = {287, 236, 338, valid, ""}, .readmission = {.18, .09, .31, valid, ""},
                            .change_class = 1, .change_probability = {.1, .3, .6}, .change_valid = valid};
  if (!valid) {
    g_strlcpy(estimate->sf.reason, "Zones missing R2 R3", sizeof(estimate->sf.reason));
    g_strlcpy(estimate->readmission.reason, "No estimator", sizeof(estimate->readmission.reason));
    g_strlcpy(estimate->change_reason, "No baseline", sizeof(estimate->change_reason));
  }
}

static char *write_exam(const Fixture *f, const char *name, const char *patient, int day, double percent,
                        gboolean valid)
{
  LusEstimate estimate;
  LusExamRecord record = {.patient = patient, .day = day, .model_sha256 = "abc", .min_frames = 30};
  g_autoptr(LusExam) exam = make_exam(percent);
  make_estimate(&estimate, valid);
  g_autofree char *text = lus_exam_to_json(exam, &estimate, &record);
  char *path = path_of(f, name);
  g_assert_true(lus_file_write(path, text, strlen(text), NULL));
  return path;
}

/* ---- reading ---- */

static void test_read_back(Fixture *f, gconstpointer data)
{
  (void)data;
  static const char *const order[] = {"R1", "R2", "R3", "L1", "L2", "L3"};
  static const gboolean missing[] = {FALSE, TRUE, TRUE, TRUE, TRUE, FALSE};
  static const int frames[] = {40, 0, 0, 0, 3, 40};
  g_autoptr(GError) error = NULL;
  g_autofree char *path = write_exam(f, "exam.json", "p1", 2, 34.5, TRUE);
  g_autoptr(LusExamFile) exam = lus_exam_file_read(path, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(exam->patient, ==, "p1");
  g_assert_null(exam->exam_id);
  g_assert_cmpint(exam->day, ==, 2);
  g_assert_cmpstr(exam->model_sha256, ==, "abc");
  g_assert_cmpint(exam->n_zones, ==, 6);
  for (int i = 0; i < 6; i++) {
    g_assert_cmpstr(exam->zones[i].name, ==, order[i]);
    g_assert_cmpint(exam->missing[i], ==, missing[i]);
    g_assert_cmpint(exam->zones[i].frames, ==, frames[i]);
  }
  g_assert_cmpfloat(exam->zones[5].features[LUS_FEATURE_VERTICAL_PERCENT], ==, 34.5);
  g_assert_true(isnan(exam->zones[1].features[LUS_FEATURE_PLEURA_COVERAGE]));
  g_assert_cmpfloat(exam->estimate.sf.low, ==, 236);
  g_assert_cmpint(exam->estimate.change_class, ==, 1);
  g_assert_cmpfloat(exam->estimate.change_probability[2], ==, .6);
  g_assert_cmpfloat(exam->estimate.readmission.value, ==, .18);
  g_assert_true(isnan(exam->measured_sf));
}

/* As the exam was measured: the same numbers for the heads, and no zone that was not scanned. */
static void test_exam_of_file(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(LusExam) exam = make_exam(34.5);
  g_autofree char *path = write_exam(f, "exam.json", "p1", 2, 34.5, TRUE);
  g_autoptr(LusExamFile) file = lus_exam_file_read(path, NULL);
  double before[LUS_EXAM_INPUT_N], after[LUS_EXAM_INPUT_N];
  g_assert_cmpint(lus_zones_count(lus_exam_at_hand(file->exam, 30)), ==, 2);
  lus_exam_inputs(before, exam, NULL, G_MAXUINT, 1);
  lus_exam_inputs(after, file->exam, NULL, G_MAXUINT, 1);
  for (int i = 0; i < LUS_EXAM_INPUT_N; i++)
    g_assert_true(before[i] == after[i] || (isnan(before[i]) && isnan(after[i])));
  int here = lus_exam_input_from_name("vertical_percent.peak"), missing = lus_exam_input_from_name("missing.R2");
  g_assert_cmpfloat(after[here], ==, 61);
  g_assert_cmpfloat(after[missing], ==, 1);
}

static void test_read_invalid(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *path = write_exam(f, "exam.json", "p1", 2, 34.5, FALSE);
  g_autoptr(LusExamFile) exam = lus_exam_file_read(path, NULL);
  g_assert_nonnull(exam);
  g_assert_false(exam->estimate.sf.valid);
  g_assert_cmpstr(exam->estimate.sf.reason, ==, "Zones missing R2 R3");
  g_assert_true(isnan(exam->estimate.sf.value));
}

static void test_refuse(Fixture *f, gconstpointer data)
{
  (void)data;
  static const struct {
    const char *from, *to, *message;
  } cases[] = {
    {"{", "[", "not valid JSON"},
    {"\"schema\": 1", "\"schema\": 2", "schema is 2"},
    {"\"schema\": 1", "\"other\": 1", "is this an exam.json?"},
    {"\"value\": 287", "\"value\": 487", "sf: value is 487"},
    {"\"value\": 287.0", "\"value\": null", "sf: it is valid but has no value"},
    {"\"value\": 287.0", "\"value\": \"287\"", "sf: value is not a number"},
    {"\"class\": \"higher\"", "\"class\": \"up\"", "none of lower, same, higher"},
    {"\"missing_zones\"", "\"missing\"", "missing_zones must be there"},
    {"\"R1\"", "\"R1 or so\"", "too long"},
    {"\"frames\": 40", "\"frames\": -1", "frames is -1"},
    {"\"pleura_frames\": 40", "\"pleura_frames\": 41", "pleura_frames is 41, expected 0 to 40"},
    {"\"frames\": 40", "\"frames\": 40.5", "frames is not there, or is no whole number"},
    {"\"vertical_percent\": 34.5", "\"vertical_percent\": 134.5", "vertical_percent is 134.5, expected 0 to 100"},
    {"\"features_p90\"", "\"peaks\"", "zones.R1: features_p90 must be there"},
    {"\"R1\"", "\"R,1\"", "a comma in it"},
    {"\"R1\"", "\" L3\"", "a name stands there twice"},
    {"\"patient\": \"p1\"", "\"patient\": 1", "patient is not a text"},
  };
  g_autofree char *path = write_exam(f, "exam.json", "p1", 2, 34.5, TRUE), *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    char *at = strstr(text, cases[i].from);
    g_assert_nonnull(at);
    g_autofree char *changed =
      g_strdup_printf("%.*s%s%s", (int)(at - text), text, cases[i].to, at + strlen(cases[i].from));
    g_assert_true(lus_file_write(path, changed, strlen(changed), NULL));
    g_assert_null(lus_exam_file_read(path, &error));
    g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, path));
    g_assert_nonnull(strstr(error->message, cases[i].message));
  }
}

/* ---- key frames ---- */

static void offer(LusKeyFrames *keys, LusSegmentation *segmentation, LusMask *mask, guint8 luma, double percent,
                  double coverage)
{
  guint8 pixels[48 * 32];
  double features[LUS_FEATURE_N];
  LusImage image = {.format = LUS_FORMAT_GRAY8, .width = 48, .height = 32, .planes = {pixels}, .strides = {48},
                    .full_range = TRUE};
  memset(pixels, luma, sizeof(pixels));
  for (int i = 0; i < LUS_FEATURE_N; i++)
    features[i] = NAN;
  features[LUS_FEATURE_VERTICAL_PERCENT] = percent;
  features[LUS_FEATURE_PLEURA_COVERAGE] = coverage;
  g_assert_true(lus_key_frames_offer(keys, 2, &image, segmentation, mask, features));
}

static cairo_status_t read_png(void *closure, unsigned char *data, unsigned length)
{
  GByteArray *bytes = closure;
  if (length > bytes->len)
    return CAIRO_STATUS_READ_ERROR;
  memcpy(data, bytes->data, length);
  g_byte_array_remove_range(bytes, 0, length);
  return CAIRO_STATUS_SUCCESS;
}

static cairo_surface_t *decode(GByteArray *png)
{
  g_assert_nonnull(png);
  cairo_surface_t *surface = cairo_image_surface_create_from_png_stream(read_png, png);
  g_assert_cmpint(cairo_surface_status(surface), ==, CAIRO_STATUS_SUCCESS);
  g_byte_array_unref(png);
  return surface;
}

static guint32 pixel_at(cairo_surface_t *surface, int x, int y)
{
  guint32 pixel;
  const guint8 *data = cairo_image_surface_get_data(surface);
  memcpy(&pixel, data + (gsize)y * (gsize)cairo_image_surface_get_stride(surface) + 4 * (gsize)x, 4);
  return pixel & 0xffffff;
}

static guint32 key_pixel(const LusKeyFrames *keys, double mean)
{
  GByteArray *png;
  double means[LUS_FEATURE_N] = {0};
  means[LUS_FEATURE_VERTICAL_PERCENT] = mean;
  g_assert_true(lus_key_frames_png(keys, &png, 2, means, NULL));
  cairo_surface_t *surface = decode(png);
  g_assert_cmpint(cairo_image_surface_get_width(surface), ==, LUS_KEY_FRAME_PIXELS);
  g_assert_cmpint(cairo_image_surface_get_height(surface), ==, LUS_KEY_FRAME_PIXELS / 2);
  guint32 pixel = pixel_at(surface, 320, 40), outside = pixel_at(surface, 320, 310), line = pixel_at(surface, 320, 160);
  g_assert_cmphex(outside, ==, 0); /* below the sector */
  g_assert_cmphex(pixel_at(surface, 320, 234), ==, pixel); /* its last row of samples */
  g_assert_cmphex(line, !=, 0);
  cairo_surface_destroy(surface);
  return pixel;
}

/* A crop of 40 x 20 pixels whose lowest quarter is outside the sector, with one class that has a line in the middle. */
static void test_key_frames(void)
{
  LusRecycler *recycler = lus_recycler_new(NULL);
  LusSegmentation *made = lus_recycler_take(recycler, sizeof(*made));
  g_autoptr(LusKeyFrames) keys = lus_key_frames_new();
  g_autoptr(LusMasker) masker = lus_masker_new();
  LusConfidenceConfig config = {.thresholds = {.6}};
  guint8 confidence[40 * 20] = {0}, sector[40 * 20] = {0};
  GByteArray *png;
  *made = (LusSegmentation){.n_classes = 1, .frame_width = 48, .frame_height = 32, .rect = {4, 6, 40, 20}, .width = 40,
                            .height = 20, .confidence = confidence, .sector = sector};
  memset(sector, 255, 40 * 15);
  memset(confidence + 40 * 9, 255, 80);
  g_autoptr(LusMask) mask = lus_masker_run(masker, made, &config);
  double none[LUS_FEATURE_N] = {0};
  g_assert_true(lus_key_frames_png(keys, &png, 2, none, NULL));
  g_assert_null(png);
  offer(keys, made, mask, 50, 14, 30);
  offer(keys, made, mask, 60, 12, 40);
  offer(keys, made, mask, 70, 19, 35);
  offer(keys, made, mask, 200, 55, 20);
  g_assert_cmphex(key_pixel(keys, 22), ==, 0x3c3c3c);
  g_assert_cmphex(key_pixel(keys, 50), ==, 0xc8c8c8);
  lus_segmentation_unref(made);
  lus_recycler_close(recycler);
}

/* ---- the page ---- */

static cairo_surface_t *page(const char *first, const char *second)
{
  g_autoptr(GError) error = NULL;
  const char *paths[] = {first, second, NULL};
  g_autoptr(LusReport) report = lus_report_load(paths, &error);
  g_assert_no_error(error);
  cairo_surface_t *surface = decode(lus_report_png(report, &error));
  g_assert_no_error(error);
  g_assert_cmpint(cairo_image_surface_get_width(surface), ==, 1240);
  g_assert_cmpint(cairo_image_surface_get_height(surface), ==, 1754);
  return surface;
}

/* Pixels of a box, in mm, that differ between two pages. */
static int differing(cairo_surface_t *a, cairo_surface_t *b, double x, double y, double width, double height)
{
  const double dots = 150 / 25.4;
  int n = 0;
  for (int j = (int)(y * dots); j < (int)((y + height) * dots); j++)
    for (int i = (int)(x * dots); i < (int)((x + width) * dots); i++)
      n += pixel_at(a, i, j) != pixel_at(b, i, j);
  return n;
}

static void write_key(const Fixture *f, const char *name)
{
  g_autofree char *path = path_of(f, name);
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 64, 64);
  cairo_t *cr = cairo_create(surface);
  cairo_set_source_rgb(cr, 1, 0, 1);
  cairo_paint(cr);
  cairo_destroy(cr);
  g_assert_cmpint(cairo_surface_write_to_png(surface, path), ==, CAIRO_STATUS_SUCCESS);
  cairo_surface_destroy(surface);
}

static int count_pixels(cairo_surface_t *surface, guint32 colour)
{
  int n = 0;
  for (int j = 0; j < 1754; j++)
    for (int i = 0; i < 1240; i++)
      n += pixel_at(surface, i, j) == colour;
  return n;
}

static void test_page(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *good = write_exam(f, "a.json", "p1", 1, 10, TRUE), *bad = write_exam(f, "b.json", "p1", 2, 10, FALSE);
  g_autofree char *wet = write_exam(f, "c.json", "p1", 1, 50, TRUE);
  cairo_surface_t *with = page(good, NULL), *without = page(bad, NULL), *shaded = page(wet, NULL);
  g_assert_cmpint(differing(with, without, 106, 36, 90, 60), >, 2000); /* estimates, and the reasons in their place */
  g_assert_cmpint(differing(with, without, 14, 36, 84, 50), ==, 0);    /* the same zones */
  g_assert_cmpint(differing(with, shaded, 14, 36, 84, 50), >, 2000);   /* darker ones */
  g_assert_cmpint(differing(with, shaded, 106, 36, 90, 60), ==, 0);
  g_assert_cmpint(count_pixels(with, 0xff00ff), ==, 0);
  write_key(f, "key-R1.png");
  write_key(f, "key-R2.png"); /* of a zone without frames: not shown */
  cairo_surface_t *keys = page(good, NULL);
  int n = count_pixels(keys, 0xff00ff);
  g_assert_cmpint(n, >, 30000);
  g_assert_cmpint(n, <, 120000);
  cairo_surface_t *trend = page(bad, good); /* whichever comes first */
  g_assert_cmpint(differing(trend, without, 14, 12, 182, 15), ==, 0); /* the last day's header */
  g_assert_cmpint(differing(trend, without, 14, 100, 182, 40), >, 2000);
  cairo_surface_t *surfaces[] = {with, without, shaded, keys, trend};
  for (gsize i = 0; i < G_N_ELEMENTS(surfaces); i++)
    cairo_surface_destroy(surfaces[i]);
}

static void test_pdf(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autoptr(GError) error = NULL;
  g_autofree char *path = write_exam(f, "exam.json", NULL, -1, 10, TRUE);
  const char *paths[] = {path, NULL};
  g_autoptr(LusReport) report = lus_report_load(paths, &error);
  g_assert_no_error(error);
  GByteArray *pdf = lus_report_pdf(report, &error);
  g_assert_no_error(error);
  g_assert_cmpint(memcmp(pdf->data, "%PDF-", 5), ==, 0);
  g_assert_cmpuint(pdf->len, >, 1000);
  g_assert_cmpint(memcmp(pdf->data + pdf->len - 6, "%%EOF\n", 6), ==, 0);
  g_byte_array_unref(pdf);
}

static void refused(const char *first, const char *second, const char *message)
{
  g_autoptr(GError) error = NULL;
  const char *paths[] = {first, second, NULL};
  g_assert_null(lus_report_load(paths, &error));
  g_assert_error(error, LUS_ERROR, LUS_ERROR_INVALID);
  g_assert_nonnull(strstr(error->message, message));
}

static void test_refused(Fixture *f, gconstpointer data)
{
  (void)data;
  g_autofree char *a = write_exam(f, "a.json", "p1", 1, 10, TRUE), *b = write_exam(f, "b.json", "p2", 2, 10, TRUE);
  g_autofree char *c = write_exam(f, "c.json", "p1", 1, 10, TRUE), *d = write_exam(f, "d.json", "p1", -1, 10, TRUE);
  g_autofree char *key = path_of(f, "key-R1.png");
  refused(a, b, "is of another patient");
  refused(a, c, "is of the same day");
  refused(a, d, "tells no day");
  g_assert_true(lus_file_write(key, "no PNG", 6, NULL));
  refused(a, NULL, "key-R1.png: not a PNG picture");
}

int main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add("/exam-file/back", Fixture, NULL, set_up, test_read_back, tear_down);
  g_test_add("/exam-file/exam", Fixture, NULL, set_up, test_exam_of_file, tear_down);
  g_test_add("/exam-file/invalid", Fixture, NULL, set_up, test_read_invalid, tear_down);
  g_test_add("/exam-file/refuse", Fixture, NULL, set_up, test_refuse, tear_down);
  g_test_add_func("/key-frames", test_key_frames);
  g_test_add("/report/page", Fixture, NULL, set_up, test_page, tear_down);
  g_test_add("/report/pdf", Fixture, NULL, set_up, test_pdf, tear_down);
  g_test_add("/report/refused", Fixture, NULL, set_up, test_refused, tear_down);
  return g_test_run();
}
