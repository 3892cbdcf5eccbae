/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bundled model on real convex-probe clips: Dice against two machine-drawn references at >= 60 %, and the AUROC, for the
 * experts' B-line flag of each clip, of the median over frames of the mean vertical-line confidence. */
#include <cairo.h>
#include <gst/gst.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include "clip.h"
#include "real.h"

static const char *const class_names[REAL_CLASSES] = {"pleural_line", "fascia_band", "vertical_line"};
static const char *const machines[2] = {"machine_a", "machine_b"};

typedef struct {
  LusModel *model;
  double cut;
  RealCount counts[2][REAL_CLASSES];
  int frames[2];
  GArray *positive, *negative; /* clip scores by the experts' flag */
} Comparison;

/* Regions of one class at >= 60 % confidence, filled. */
static void draw_reference(guint8 *out, json_t *regions, const char *name, int width, int height)
{
  cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, width, height);
  cairo_t *cr = cairo_create(surface);
  cairo_set_antialias(cr, CAIRO_ANTIALIAS_NONE);
  size_t i, j;
  json_t *region, *point;
  json_array_foreach (regions, i, region) {
    if (strcmp(json_string_value(json_object_get(region, "class")), name) ||
        json_number_value(json_object_get(region, "confidence")) < 60)
      continue;
    json_array_foreach (json_object_get(region, "polygon"), j, point)
      cairo_line_to(cr, json_number_value(json_array_get(point, 0)), json_number_value(json_array_get(point, 1)));
    cairo_close_path(cr);
    cairo_fill(cr);
  }
  cairo_surface_flush(surface);
  const guint8 *data = cairo_image_surface_get_data(surface);
  int stride = cairo_image_surface_get_stride(surface);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      out[(gsize)y * width + x] = data[(gsize)y * stride + x] ? 255 : 0;
  cairo_destroy(cr);
  cairo_surface_destroy(surface);
}

static void compare(Comparison *c, json_t *annotation, int machine, const LusSegmentation *segmentation, int width,
                    int height)
{
  gsize n = (gsize)width * height;
  g_autofree guint8 *found = g_malloc(n), *reference = g_malloc(n);
  for (int k = 0; k < REAL_CLASSES; k++) {
    draw_reference(reference, json_object_get(annotation, "regions"), class_names[k], width, height);
    real_class_mask(found, segmentation, lus_model_info_class(lus_model_info(c->model), class_names[k]), width, height,
                    c->cut);
    real_count(&c->counts[machine][k], found, reference, n);
  }
  c->frames[machine]++;
}

static double mean_vertical(const LusSegmentation *s)
{
  int index = lus_model_info_class(lus_model_info(s->model), "vertical_line");
  gsize n = (gsize)s->width * s->height, inside = 0;
  double sum = 0;
  for (gsize i = 0; i < n; i++) {
    inside += s->sector[i] != 0;
    sum += s->confidence[index * n + i];
  }
  return inside ? sum / inside / 255 : 0;
}

static int by_value(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* One clip, frame by frame as live; returns the median score. */
static double run_clip(Comparison *c, const char *path, json_t *annotations[2])
{
  g_autoptr(GError) error = NULL;
  LusSegmenterConfig config = {.sector_mode = LUS_SECTOR_AUTO};
  g_autoptr(LusSegmenter) segmenter = lus_segmenter_new(c->model, &config, &error);
  g_assert_no_error(error);
  LusFrameSource *source = lus_tool_open_clip(path, NULL, &error);
  g_assert_no_error(error);
  g_autoptr(GArray) scores = g_array_new(FALSE, FALSE, sizeof(double));
  for (int frame = 0;; frame++) {
    LusImage image;
    gint64 pts;
    if (!real_next(source, &image, &pts))
      break;
    if (frame == 0)
      lus_segmenter_set_frame_size(segmenter, image.width, image.height, &error);
    g_autoptr(LusSegmentation) segmentation = NULL;
    lus_segmenter_run(segmenter, &segmentation, &image, pts, &error);
    g_assert_no_error(error);
    for (int m = 0; m < 2; m++)
      if (annotations[m] && json_integer_value(json_object_get(annotations[m], "frame")) == frame)
        compare(c, annotations[m], m, segmentation, image.width, image.height);
    if (segmentation) {
      double score = mean_vertical(segmentation);
      g_array_append_val(scores, score);
    }
  }
  source->free(source);
  g_array_sort(scores, by_value);
  return scores->len ? g_array_index(scores, double, scores->len / 2) : 0;
}

/* Probability that a flagged clip scores higher than an unflagged one. */
static double auroc(const GArray *positive, const GArray *negative)
{
  double wins = 0;
  for (guint i = 0; i < positive->len; i++)
    for (guint j = 0; j < negative->len; j++) {
      double p = g_array_index(positive, double, i), n = g_array_index(negative, double, j);
      wins += p > n ? 1 : p == n ? 0.5 : 0;
    }
  return positive->len && negative->len ? wins / ((double)positive->len * negative->len) : NAN;
}

static void run_all(Comparison *c, const char *folder)
{
  g_auto(GStrv) lines = real_clip_rows(folder);
  for (int i = 0; lines[i] && *lines[i]; i++) {
    g_auto(GStrv) fields = g_strsplit(g_strstrip(lines[i]), ",", -1);
    g_assert_cmpint(g_strv_length(fields), >=, 5);
    json_t *annotations[2];
    for (int m = 0; m < 2; m++) {
      g_autofree char *json = g_strdup_printf("%s/annotations/%s/%s.json", folder, machines[m], fields[0]);
      annotations[m] = json_load_file(json, 0, NULL);
    }
    g_autofree char *path = g_strdup_printf("%s/videos/%s.mp4", folder, fields[0]);
    double score = run_clip(c, path, annotations);
    g_array_append_val(strcmp(fields[4], "yes") ? c->negative : c->positive, score);
    json_decref(annotations[0]);
    json_decref(annotations[1]);
  }
}

int main(int argc, char **argv)
{
  gst_init(NULL, NULL);
  g_autofree char *folder = real_folder("covid_blues");
  if (!folder)
    return 0;
  g_autoptr(GError) error = NULL;
  g_autofree char *path = argc > 1 ? g_strdup(argv[1]) : lus_model_bundled_path("default.onnx");
  g_autoptr(LusModel) model = lus_model_load(path, &error);
  g_assert_no_error(error);
  Comparison c = {.model = model, .cut = argc > 2 ? g_ascii_strtod(argv[2], NULL) : 0.6};
  c.positive = g_array_new(FALSE, FALSE, sizeof(double));
  c.negative = g_array_new(FALSE, FALSE, sizeof(double));
  run_all(&c, folder);
  for (int m = 0; m < 2; m++)
    for (int k = 0; k < REAL_CLASSES; k++) {
      const RealCount *n = &c.counts[m][k];
      g_print("# covid_blues, %d frames, %s, cut %.2f, %s: recall %.3f precision %.3f Dice %.3f\n", c.frames[m],
              machines[m], c.cut, class_names[k], real_recall(n), real_precision(n),
              lus_dice(n->both, n->found, n->reference));
    }
  double area = auroc(c.positive, c.negative);
  g_print("# covid_blues, %u clips with B-line flag, %u without: AUROC %.3f\n", c.positive->len, c.negative->len, area);
  gboolean seen = c.counts[0][0].both > 0 && c.counts[1][0].both > 0;
  g_print("%s 1 - the model finds some of the referenced pleural line\n1..1\n", seen ? "ok" : "not ok");
  g_array_unref(c.positive);
  g_array_unref(c.negative);
  return seen ? 0 : 1;
}
