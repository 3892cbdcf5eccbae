/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/report.h"

#include <cairo-pdf.h>
#include <string.h>

#include "lung/report-parts.h"
#include "nn/error.h"
#include "nn/file.h"

#define KEY_MAX_BYTES ((gsize)16 << 20)
#define PNG_DOTS 150.0 /* per inch */
#define INCH 25.4

/* ---- reading ---- */

typedef struct {
  const guint8 *data;
  gsize left;
} Bytes;

static cairo_status_t read_bytes(void *closure, unsigned char *data, unsigned length)
{
  Bytes *bytes = closure;
  if (length > bytes->left)
    return CAIRO_STATUS_READ_ERROR;
  memcpy(data, bytes->data, length);
  bytes->data += length;
  bytes->left -= length;
  return CAIRO_STATUS_SUCCESS;
}

char *lus_report_key_path(const char *exam_path, const char *zone)
{
  for (const char *c = zone; *c; c++)
    if (!g_ascii_isalnum(*c))
      return NULL;
  g_autofree char *folder = g_path_get_dirname(exam_path), *name = g_strdup_printf("key-%s.png", zone);
  return g_build_filename(folder, name, NULL);
}

static gboolean load_key(cairo_surface_t **key, const char *path, GError **error)
{
  gsize length;
  if (!g_file_test(path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autofree guint8 *data = lus_file_read(path, KEY_MAX_BYTES, &length, error);
  if (!data)
    return FALSE;
  Bytes bytes = {data, length};
  cairo_surface_t *surface = cairo_image_surface_create_from_png_stream(read_bytes, &bytes);
  if (cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS) {
    *key = surface;
    return TRUE;
  }
  cairo_surface_destroy(surface);
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: not a PNG picture; make it anew with 'lus exam --report'", path);
  return FALSE;
}

static gboolean load_keys(LusReportExam *exam, GError **error)
{
  for (int i = 0; i < exam->exam->n_zones; i++) {
    g_autofree char *path = lus_report_key_path(exam->exam->path, exam->exam->zones[i].name);
    if (path && exam->exam->zones[i].frames > 0 && !load_key(&exam->keys[i], path, error))
      return FALSE;
  }
  return TRUE;
}

/** Inserts the exam at its day. */
static gboolean insert(LusReport *report, LusExamFile *exam, GError **error)
{
  const char *problem = NULL;
  int at = report->n;
  for (int i = 0; i < report->n && !problem; i++) {
    const LusExamFile *other = report->exams[i].exam;
    if (g_strcmp0(exam->patient, other->patient) != 0)
      problem = "is of another patient";
    else if (exam->day < 0 || other->day < 0)
      problem = "or another one tells no day";
    else if (exam->day == other->day)
      problem = "is of the same day";
    else if (exam->day < other->day && at == report->n)
      at = i;
  }
  if (problem) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the exam %s; give one patient's exams, one for each day",
                exam->path, problem);
    return FALSE;
  }
  memmove(&report->exams[at + 1], &report->exams[at], (gsize)(report->n - at) * sizeof(report->exams[0]));
  report->exams[at] = (LusReportExam){.exam = exam};
  report->n++;
  return TRUE;
}

LusReport *lus_report_load(const char *const *paths, GError **error)
{
  g_autoptr(LusReport) report = g_new0(LusReport, 1);
  for (int i = 0; paths[i]; i++) {
    if (i == LUS_REPORT_MAX_EXAMS) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: more than %d exams; give the last ones", paths[i],
                  LUS_REPORT_MAX_EXAMS);
      return NULL;
    }
    g_autoptr(LusExamFile) exam = lus_exam_file_read(paths[i], error);
    if (!exam || !insert(report, exam, error))
      return NULL;
    exam = NULL;
  }
  g_return_val_if_fail(report->n > 0, NULL);
  return load_keys(&report->exams[report->n - 1], error) ? g_steal_pointer(&report) : NULL;
}

void lus_report_free(LusReport *report)
{
  for (int i = 0; report && i < report->n; i++) {
    lus_exam_file_free(report->exams[i].exam);
    for (int k = 0; k < LUS_MAX_ZONES; k++)
      cairo_surface_destroy(report->exams[i].keys[k]);
  }
  g_free(report);
}

/* ---- the page ---- */

#define LEFT LUS_PAPER_MARGIN
#define RIGHT (LUS_PAPER_WIDTH - LUS_PAPER_MARGIN)
#define COLUMN ((RIGHT - LEFT - 10) / 2)

static void draw_header(LusPaper *paper, const LusExamFile *exam)
{
  GString *line = g_string_new(NULL);
  int n = exam->n_zones, missing = 0;
  for (int i = 0; i < n; i++)
    missing += exam->missing[i];
  gboolean said = exam->patient && g_ascii_strncasecmp(exam->patient, "patient", 7) == 0;
  g_string_append_printf(line, "%s%s", said ? "" : "Patient ", exam->patient ? exam->patient : "not named");
  if (exam->day >= 0)
    g_string_append_printf(line, "  ·  day %d", exam->day);
  if (exam->exam_id)
    g_string_append_printf(line, "  ·  exam %s", exam->exam_id);
  g_string_append_printf(line, "  ·  %d of %d zones", n - missing, n);
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  lus_paper_text(paper, LEFT, 19, 6, LUS_PAPER_BOLD, 0, "Lung ultrasound exam");
  lus_paper_text(paper, LEFT, 26.5, 3.6, 0, RIGHT - LEFT, line->str);
  lus_paper_text(paper, RIGHT, 19, 3.2, LUS_PAPER_BOLD | LUS_PAPER_RIGHT, 0, LUS_NOTICE);
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  lus_paper_rule(paper, LEFT, RIGHT, 30);
  g_string_free(line, TRUE);
}

static void draw_footer(LusPaper *paper, const LusExamFile *exam)
{
  g_autofree char *base = g_path_get_basename(exam->path);
  g_autofree char *model = g_strdup_printf("model %s", exam->model_sha256 ? exam->model_sha256 : "not known");
  g_autofree char *heads = g_strdup_printf("heads %s", exam->heads_sha256 ? exam->heads_sha256 : "none");
  g_autofree char *made = g_strdup_printf("Lus %s from %s  ·  SHA-256:", lus_version(), base);
  lus_paper_ink(paper, LUS_PAPER_RULE, 1);
  lus_paper_rule(paper, LEFT, RIGHT, 277);
  lus_paper_ink(paper, LUS_PAPER_TEXT, 1);
  lus_paper_text(paper, LEFT, 281.5, 3, LUS_PAPER_BOLD, 0, LUS_NOTICE);
  lus_paper_ink(paper, LUS_PAPER_LABEL, 1);
  lus_paper_text(paper, RIGHT, 281.5, 2.3, LUS_PAPER_RIGHT, 80, made);
  lus_paper_text(paper, RIGHT, 284.9, 2.3, LUS_PAPER_RIGHT, 0, model);
  lus_paper_text(paper, RIGHT, 288.1, 2.3, LUS_PAPER_RIGHT, 0, heads);
  lus_paper_text(paper, LEFT, 284.9, 2.3, 0, 80, "Numbers are read from pictures by a network and may be wrong.");
  lus_paper_text(paper, LEFT, 288.1, 2.3, 0, 80, "B-lines count below a detected pleural line alone.");
}

static void draw_page(cairo_t *cr, const LusReport *report)
{
  const LusReportExam *last = &report->exams[report->n - 1];
  LusPaper paper;
  double y = 107, bottom = 274 - lus_report_table_height(last->exam->n_zones);
  lus_paper_open(&paper, cr);
  lus_paper_ink(&paper, LUS_PAPER_WHITE, 1);
  cairo_paint(cr);
  draw_header(&paper, last->exam);
  lus_report_thorax(&paper, last->exam, LEFT, 36, COLUMN);
  lus_report_results(&paper, last->exam, LEFT + COLUMN + 10, 36, COLUMN);
  if (report->n > 1) {
    lus_report_trend(&paper, report->exams, report->n, LEFT, y, RIGHT - LEFT, 40);
    y += 45;
  }
  lus_report_keys(&paper, last, LEFT, y, RIGHT - LEFT, bottom - 3 - y);
  lus_report_table(&paper, last->exam, LEFT, bottom, RIGHT - LEFT);
  draw_footer(&paper, last->exam);
  lus_paper_close(&paper);
}

/* ---- files ---- */

static GByteArray *fail(GByteArray *bytes, GError **error)
{
  if (bytes)
    g_byte_array_unref(bytes);
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "no memory for the report's page");
  return NULL;
}

static cairo_status_t append(void *closure, const unsigned char *data, unsigned length)
{
  g_byte_array_append(closure, data, length);
  return CAIRO_STATUS_SUCCESS;
}

GByteArray *lus_report_pdf(const LusReport *report, GError **error)
{
  const double points = 72 / INCH;
  GByteArray *pdf = g_byte_array_new();
  cairo_surface_t *surface =
    cairo_pdf_surface_create_for_stream(append, pdf, LUS_PAPER_WIDTH * points, LUS_PAPER_HEIGHT * points);
  cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_TITLE, "Lung ultrasound exam");
  cairo_pdf_surface_set_metadata(surface, CAIRO_PDF_METADATA_SUBJECT, LUS_NOTICE);
  cairo_t *cr = cairo_create(surface);
  cairo_scale(cr, points, points);
  draw_page(cr, report);
  cairo_destroy(cr);
  cairo_surface_finish(surface);
  gboolean done = cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS && pdf->len > 0;
  cairo_surface_destroy(surface);
  return done ? pdf : fail(pdf, error);
}

GByteArray *lus_report_png(const LusReport *report, GError **error)
{
  const double dots = PNG_DOTS / INCH;
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(LUS_PAPER_WIDTH * dots + 0.5),
                                                        (int)(LUS_PAPER_HEIGHT * dots + 0.5));
  cairo_t *cr = cairo_create(surface);
  cairo_scale(cr, dots, dots);
  draw_page(cr, report);
  gboolean done = cairo_status(cr) == CAIRO_STATUS_SUCCESS;
  cairo_destroy(cr);
  GByteArray *png = done ? lus_surface_png(surface) : NULL;
  cairo_surface_destroy(surface);
  return png ? png : fail(NULL, error);
}
