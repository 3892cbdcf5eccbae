/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sector that is found on real clips beside one fitted to the maximum over all frames: IoU at the end of the clip, and from
 * which frame on it is at least 0.95. A fan's sides can lie in the dark all through a clip, so it is also compared with one
 * fitted to the maximum over all clips of the patient, which were made with one probe at one depth. With an argument DIR
 * also DIR/sector-N.png to check all of them by eye: the maximum of each clip, the reference in green, the patient's in
 * blue, what was found in red. Further arguments are clips to look at instead. */
#include <cairo.h>
#include <gst/gst.h>
#include <math.h>
#include <string.h>
#include "clip.h"
#include "real.h"
#include "sector-reference.h"

enum { TILE = 400, ACROSS = 4, DOWN = 3 };
#define NEEDED 0.95

/* Looked at: their own maxima show one side of the fan alone, so that a fit to them is a guess and the patient's counts. */
static const char *const in_the_dark[] = {"patient_23_L2.mp4", "patient_23_L3.mp4", "patient_23_R3.mp4",
                                          "patient_56_R1.mp4", "patient_62_L2.mp4", NULL};

typedef struct {
  char *name, *patient;
  int width, height, frames;
  guint8 *maximum;    /* [height][width] */
  GPtrArray *sectors; /* guint8 [height][width] */
  GArray *since;      /* int, the frame each of them was found in */
} Clip;

static void clip_free(gpointer data)
{
  Clip *clip = data;
  g_free(clip->name);
  g_free(clip->patient);
  g_free(clip->maximum);
  g_ptr_array_unref(clip->sectors);
  g_array_unref(clip->since);
  g_free(clip);
}

static void add_maximum(Clip *clip, const LusImage *image)
{
  g_autofree guint8 *row = g_malloc((gsize)clip->width);
  for (int y = 0; y < clip->height; y++) {
    guint8 *maximum = clip->maximum + (gsize)y * clip->width;
    lus_image_luma_row(row, image, 0, y, clip->width);
    for (int x = 0; x < clip->width; x++)
      maximum[x] = MAX(maximum[x], row[x]);
  }
}

static void look(Clip *clip, LusSector *sector, const LusImage *image)
{
  add_maximum(clip, image);
  if (lus_sector_update(sector, image)) {
    guint8 *found = g_malloc((gsize)clip->width * clip->height);
    lus_sector_sample(sector, found, (LusRect){0, 0, clip->width, clip->height}, clip->width, clip->height);
    g_ptr_array_add(clip->sectors, found);
    g_array_append_val(clip->since, clip->frames);
  }
  clip->frames++;
}

static Clip *watch(const char *path)
{
  g_autoptr(GError) error = NULL;
  Clip *clip = g_new0(Clip, 1);
  clip->name = g_path_get_basename(path);
  const char *zone = g_str_has_prefix(clip->name, "patient_") ? strchr(clip->name + strlen("patient_"), '_') : NULL;
  clip->patient = zone ? g_strndup(clip->name, (gsize)(zone - clip->name)) : g_strdup(clip->name);
  clip->sectors = g_ptr_array_new_with_free_func(g_free);
  clip->since = g_array_new(FALSE, FALSE, sizeof(int));
  LusFrameSource *source = lus_tool_open_clip(path, NULL, &error);
  g_assert_no_error(error);
  LusSector *sector = NULL;
  for (;;) {
    LusImage image;
    gint64 pts;
    if (!real_next(source, &image, &pts))
      break;
    if (!sector) {
      clip->width = image.width;
      clip->height = image.height;
      clip->maximum = g_malloc0((gsize)image.width * image.height);
      sector = lus_sector_new(image.width, image.height, LUS_SECTOR_AUTO, (LusRect){0});
      g_assert_nonnull(sector);
    }
    look(clip, sector, &image);
  }
  lus_sector_free(sector);
  source->free(source);
  return clip;
}

static double iou(const guint8 *a, const guint8 *b, gsize n)
{
  gsize both = 0, either = 0;
  for (gsize i = 0; i < n; i++) {
    both += a[i] && b[i];
    either += a[i] || b[i];
  }
  return either ? (double)both / (double)either : 0;
}

static gboolean on_border(const guint8 *mask, int width, int height, int x, int y)
{
  if (!mask || !mask[(gsize)y * width + x])
    return FALSE;
  return x == 0 || y == 0 || x == width - 1 || y == height - 1 || !mask[(gsize)y * width + x - 1] ||
         !mask[(gsize)y * width + x + 1] || !mask[(gsize)(y - 1) * width + x] || !mask[(gsize)(y + 1) * width + x];
}

/* The maximum, dark parts lifted, with both borders, as a picture of the clip's size. */
static cairo_surface_t *draw_clip(const Clip *clip, const guint8 *reference, const guint8 *whole)
{
  int width = clip->width, height = clip->height;
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  const guint8 *found = clip->sectors->len ? g_ptr_array_index(clip->sectors, clip->sectors->len - 1) : NULL;
  for (int y = 0; y < height; y++) {
    guint32 *row = (guint32 *)(gpointer)(cairo_image_surface_get_data(surface) +
                                         (gsize)y * cairo_image_surface_get_stride(surface));
    for (int x = 0; x < width; x++) {
      guint32 grey = (guint32)lround(sqrt(clip->maximum[(gsize)y * width + x] * 255.0));
      guint32 border = (on_border(found, width, height, x, y) ? 0xff0000u : 0) |
                       (on_border(reference, width, height, x, y) ? 0xff00u : 0) |
                       (on_border(whole, width, height, x, y) ? 0xffu : 0);
      row[x] = border ? border : grey << 16 | grey << 8 | grey;
    }
  }
  cairo_surface_mark_dirty(surface);
  return surface;
}

static void draw_tile(cairo_surface_t *sheet, int at, const Clip *clip, cairo_surface_t *picture, const char *caption)
{
  cairo_t *cr = cairo_create(sheet);
  double scale = (double)TILE / MAX(clip->width, clip->height);
  cairo_translate(cr, at % ACROSS * TILE, at / ACROSS * TILE);
  cairo_save(cr);
  cairo_scale(cr, scale, scale);
  cairo_set_source_surface(cr, picture, 0, 0);
  cairo_paint(cr);
  cairo_restore(cr);
  cairo_set_source_rgb(cr, 1, 1, 0.6);
  cairo_set_font_size(cr, 12);
  cairo_move_to(cr, 4, 12);
  cairo_show_text(cr, caption);
  cairo_destroy(cr);
}

typedef struct {
  const char *folder; /* for pictures; NULL: none */
  cairo_surface_t *sheet;
  int n, failed;
} Report;

static void end_sheet(Report *report)
{
  g_autofree char *name = g_strdup_printf("sector-%d.png", (report->n + ACROSS * DOWN - 1) / (ACROSS * DOWN));
  g_autofree char *path = g_build_filename(report->folder, name, NULL);
  g_assert_cmpint(cairo_surface_write_to_png(report->sheet, path), ==, CAIRO_STATUS_SUCCESS);
  cairo_surface_destroy(report->sheet);
  report->sheet = NULL;
}

typedef struct {
  double last; /* IoU at the end */
  int good;    /* from this frame on it suffices; -1: never */
} Score;

static Score score_clip(const Clip *clip, const guint8 *reference)
{
  Score score = {0, -1};
  for (guint i = 0; i < clip->sectors->len; i++) {
    score.last = iou(g_ptr_array_index(clip->sectors, i), reference, (gsize)clip->width * clip->height);
    score.good = score.last < NEEDED ? -1 : score.good < 0 ? g_array_index(clip->since, int, i) : score.good;
  }
  return score;
}

static guint8 *make_reference(const guint8 *maximum, int width, int height)
{
  RealOutline outline;
  guint8 *reference = g_malloc((gsize)width * height);
  real_outline_fit(&outline, maximum, width, height);
  real_outline_fill(&outline, reference, width, height);
  return reference;
}

static void report_clip(Report *report, const Clip *clip, const guint8 *whole)
{
  g_autofree guint8 *reference = make_reference(clip->maximum, clip->width, clip->height);
  Score own = score_clip(clip, reference), all = score_clip(clip, whole);
  gboolean dark = g_strv_contains(in_the_dark, clip->name), ok = (dark ? all.last : own.last) >= NEEDED;
  g_autofree char *line = g_strdup_printf("%s%s: IoU %.3f, patient's %.3f, from frame %d of %d, %u sectors", clip->name,
                                          dark ? " (dark)" : "", own.last, all.last, dark ? all.good : own.good, clip->frames,
                                          clip->sectors->len);
  if (report->folder) {
    if (!report->sheet)
      report->sheet = cairo_image_surface_create(CAIRO_FORMAT_RGB24, ACROSS * TILE, DOWN * TILE);
    cairo_surface_t *picture = draw_clip(clip, reference, whole);
    draw_tile(report->sheet, report->n % (ACROSS * DOWN), clip, picture, line);
    cairo_surface_destroy(picture);
  }
  report->n++;
  report->failed += !ok;
  g_print("%s %d - %s\n", ok ? "ok" : "not ok", report->n, line);
  if (report->sheet && report->n % (ACROSS * DOWN) == 0)
    end_sheet(report);
}

/* Clips of one patient follow each other. */
static void report_clips(Report *report, const GPtrArray *clips)
{
  for (guint i = 0, end; i < clips->len; i = end) {
    const Clip *first = g_ptr_array_index(clips, i);
    gsize n = (gsize)first->width * first->height;
    g_autofree guint8 *maximum = g_malloc0(n);
    for (end = i; end < clips->len; end++) {
      const Clip *clip = g_ptr_array_index(clips, end);
      if (strcmp(clip->patient, first->patient) || clip->width != first->width || clip->height != first->height)
        break;
      for (gsize k = 0; k < n; k++)
        maximum[k] = MAX(maximum[k], clip->maximum[k]);
    }
    g_autofree guint8 *whole = make_reference(maximum, first->width, first->height);
    for (guint k = i; k < end; k++)
      report_clip(report, g_ptr_array_index(clips, k), whole);
  }
}

static int by_name(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_folder(GPtrArray *clips, const char *folder)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open(folder, 0, &error);
  g_assert_no_error(error);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (const char *name; (name = g_dir_read_name(dir));)
    if (g_str_has_suffix(name, ".mp4"))
      g_ptr_array_add(names, g_build_filename(folder, name, NULL));
  g_ptr_array_sort(names, by_name);
  for (guint i = 0; i < names->len; i++)
    g_ptr_array_add(clips, watch(g_ptr_array_index(names, i)));
}

int main(int argc, char **argv)
{
  gst_init(NULL, NULL);
  g_autofree char *convex = real_folder("covid_blues"), *others = convex ? real_folder("us_other") : NULL;
  if (!others)
    return 0;
  g_autofree char *videos = g_build_filename(convex, "videos", NULL);
  g_autoptr(GPtrArray) clips = g_ptr_array_new_with_free_func(clip_free);
  for (int i = 2; i < argc; i++)
    g_ptr_array_add(clips, watch(argv[i]));
  if (argc <= 2) {
    add_folder(clips, videos);
    add_folder(clips, others);
  }
  Report report = {.folder = argc > 1 ? argv[1] : NULL};
  report_clips(&report, clips);
  if (report.sheet)
    end_sheet(&report);
  g_print("1..%d\n", report.n);
  return report.failed ? 1 : 0;
}
