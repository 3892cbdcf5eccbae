/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How near the phantom's pictures are to real convex ones: the first picture of each real clip and as many simulated
 * stills, cut out and scaled as the network gets them. With an argument DIR also DIR/likeness.png, real ones left. */
#include <errno.h>
#include <gst/gst.h>
#include <math.h>
#include <string.h>
#include "../../tools/tool.h"
#include "real.h"

enum { SIDE = 256, AREA = SIDE * SIDE, LIT = 3, /* grey above it is lit */ AROUND = 7, /* half a local mean's side */
       SQUARE = 128, RING_FIRST = 4, RING_LAST = 48, TILE = 128, ACROSS = 8, MEASURES = 11, NEEDED = 9 };

static const char *const measure_names[MEASURES] = {
  "mean grey", "standard deviation", "99th percentile", "99.9th percentile", "correlation 1 pixel across",
  "correlation 2 pixels across", "correlation 5 pixels across", "correlation 1 pixel down", "correlation 2 pixels down",
  "correlation 5 pixels down", "slope of the power spectrum"};

typedef struct {
  GPtrArray *pictures;        /* guint8 [SIDE][SIDE], 0 outside the sector */
  GArray *values[MEASURES];   /* double, one per picture */
} Pictures;

static void grey_values(const guint8 *luma, double *out)
{
  gsize histogram[256] = {0}, n = 0;
  double sum = 0, squares = 0;
  for (int i = 0; i < AREA; i++)
    histogram[luma[i]]++;
  for (int v = LIT + 1; v < 256; v++) {
    n += histogram[v];
    sum += (double)histogram[v] * v;
    squares += (double)histogram[v] * v * v;
  }
  g_assert_cmpuint(n, >, 0);
  out[0] = sum / (double)n;
  out[1] = sqrt(MAX(squares / (double)n - out[0] * out[0], 0));
  const double parts[2] = {.01, .001}; /* of the lit pixels are as bright or brighter */
  for (int k = 0; k < 2; k++) {
    int v = 255;
    for (gsize above = histogram[255]; (double)above < parts[k] * (double)n && v > LIT; above += histogram[v])
      v--;
    out[2 + k] = v;
  }
}

/* What stands out of the surroundings: lit pixels minus the mean of those in 15 x 15 around; NaN where not lit. */
static void local_relief(const guint8 *luma, float *relief)
{
  enum { STRIDE = SIDE + 1 };
  g_autofree int *n = g_new0(int, STRIDE * STRIDE), *sum = g_new0(int, STRIDE * STRIDE); /* of all above and left */
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      int i = (y + 1) * STRIDE + x + 1, v = luma[y * SIDE + x], lit = v > LIT;
      n[i] = n[i - 1] + n[i - STRIDE] - n[i - STRIDE - 1] + lit;
      sum[i] = sum[i - 1] + sum[i - STRIDE] - sum[i - STRIDE - 1] + lit * v;
    }
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++) {
      int top = MAX(y - AROUND, 0) * STRIDE, bottom = MIN(y + AROUND + 1, SIDE) * STRIDE, v = luma[y * SIDE + x];
      int left = MAX(x - AROUND, 0), right = MIN(x + AROUND + 1, SIDE);
      double lit = n[bottom + right] - n[bottom + left] - n[top + right] + n[top + left];
      double all = sum[bottom + right] - sum[bottom + left] - sum[top + right] + sum[top + left];
      relief[y * SIDE + x] = v > LIT ? (float)(v - all / lit) : NAN;
    }
}

/* Pearson's, over all pairs of lit pixels (@dx, @dy) apart. */
static double correlation(const float *relief, int dx, int dy)
{
  double n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  for (int y = 0; y + dy < SIDE; y++)
    for (int x = 0; x + dx < SIDE; x++) {
      double p = (double)relief[y * SIDE + x], q = (double)relief[(y + dy) * SIDE + x + dx];
      if (isnan(p) || isnan(q))
        continue;
      n++, a += p, b += q, aa += p * p, bb += q * q, ab += p * q;
    }
  return (n * ab - a * b) / sqrt(MAX((n * aa - a * a) * (n * bb - b * b), 1e-9));
}

/* Discrete Fourier transform of SQUARE values, @step apart, in place. */
static void transform(double *re, double *im, int step)
{
  static double turn_re[SQUARE], turn_im[SQUARE];
  double in_re[SQUARE], in_im[SQUARE];
  if (turn_re[0] == 0)
    for (int k = 0; k < SQUARE; k++) {
      turn_re[k] = cos(2 * G_PI * k / SQUARE);
      turn_im[k] = -sin(2 * G_PI * k / SQUARE);
    }
  for (int k = 0; k < SQUARE; k++) {
    in_re[k] = re[k * step];
    in_im[k] = im[k * step];
  }
  for (int f = 0; f < SQUARE; f++) {
    double sum_re = 0, sum_im = 0;
    for (int k = 0; k < SQUARE; k++) {
      double c = turn_re[f * k % SQUARE], s = turn_im[f * k % SQUARE];
      sum_re += in_re[k] * c - in_im[k] * s;
      sum_im += in_re[k] * s + in_im[k] * c;
    }
    re[f * step] = sum_re;
    im[f * step] = sum_im;
  }
}

/* Slope of log power against log frequency: rings of 4 to 48 cycles, middle square of 128 x 128 under a Hann window. */
static double spectrum_slope(const guint8 *luma)
{
  static double re[SQUARE * SQUARE], im[SQUARE * SQUARE];
  double mean = 0, power[SQUARE] = {0}, n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  int rings[SQUARE] = {0}, origin = (SIDE - SQUARE) / 2;
  for (int i = 0; i < SQUARE * SQUARE; i++)
    mean += luma[(origin + i / SQUARE) * SIDE + origin + i % SQUARE] / (double)(SQUARE * SQUARE);
  for (int i = 0; i < SQUARE * SQUARE; i++) {
    double across = sin(G_PI * (i % SQUARE + .5) / SQUARE), down = sin(G_PI * (i / SQUARE + .5) / SQUARE);
    im[i] = 0;
    re[i] = (luma[(origin + i / SQUARE) * SIDE + origin + i % SQUARE] - mean) * across * across * down * down;
  }
  for (int k = 0; k < SQUARE; k++)
    transform(re + k * SQUARE, im + k * SQUARE, 1);
  for (int k = 0; k < SQUARE; k++)
    transform(re + k, im + k, SQUARE);
  for (int i = 0; i < SQUARE * SQUARE; i++) {
    int u = i % SQUARE, v = i / SQUARE, ring = (int)(hypot(MIN(u, SQUARE - u), MIN(v, SQUARE - v)) + .5);
    power[ring] += re[i] * re[i] + im[i] * im[i];
    rings[ring]++;
  }
  for (int ring = RING_FIRST; ring <= RING_LAST; ring++) {
    double x = log(ring), y = log(power[ring] / rings[ring] + 1e-9);
    n++, sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

/* Takes over @luma [SIDE][SIDE]. */
static void add_picture(Pictures *p, guint8 *luma)
{
  static const int lags[3] = {1, 2, 5};
  g_autofree float *relief = g_new(float, AREA);
  double value[MEASURES];
  grey_values(luma, value);
  local_relief(luma, relief);
  for (int k = 0; k < 3; k++) {
    value[4 + k] = correlation(relief, lags[k], 0);
    value[7 + k] = correlation(relief, 0, lags[k]);
  }
  value[10] = spectrum_slope(luma);
  for (int m = 0; m < MEASURES; m++)
    g_array_append_val(p->values[m], value[m]);
  g_ptr_array_add(p->pictures, luma);
}

/* As the network gets it, or NULL while nothing is lit. */
static guint8 *cut_out(LusSector *sector, const LusImage *image)
{
  LusRect rect;
  LusGeometry geometry;
  lus_sector_update(sector, image);
  if (!lus_sector_get_rect(sector, &rect))
    return NULL;
  lus_geometry_fit(&geometry, rect, SIDE, SIDE);
  guint8 *luma = g_malloc(AREA);
  g_autofree guint8 *inside = g_malloc((gsize)geometry.width * (gsize)geometry.height);
  g_autofree void *scratch = g_malloc(lus_preprocess_scratch_size(&geometry));
  lus_sector_sample(sector, inside, rect, geometry.width, geometry.height);
  lus_preprocess_luma(luma, image, &geometry, scratch);
  lus_preprocess_sector(luma, inside, &geometry);
  return luma;
}

static void add_clip(Pictures *real, const char *path)
{
  g_autoptr(GError) error = NULL;
  LusFrameSource *source = lus_tool_open_clip(path, NULL, &error);
  g_assert_no_error(error);
  LusSector *sector = NULL;
  guint8 *luma = NULL;
  for (gboolean end = FALSE; !luma && !end;) {
    LusImage image;
    gint64 pts;
    source->next(source, &image, &pts, &end, &error);
    g_assert_no_error(error);
    if (end)
      break;
    if (!sector)
      sector = lus_sector_new(image.width, image.height, LUS_SECTOR_AUTO, (LusRect){0});
    luma = cut_out(sector, &image);
  }
  if (luma)
    add_picture(real, luma);
  else
    g_print("# %s: black throughout, left out\n", path);
  lus_sector_free(sector);
  source->free(source);
}

static void add_real(Pictures *real, const char *folder)
{
  g_auto(GStrv) lines = real_clip_rows(folder);
  for (int i = 0; lines[i] && *lines[i]; i++) {
    g_autofree char *name = g_strndup(lines[i], strcspn(lines[i], ","));
    g_autofree char *path = g_strdup_printf("%s/videos/%s.mp4", folder, name);
    add_clip(real, path);
  }
}

static void add_stills(Pictures *phantom, guint n)
{
  enum { STILL = 350 };
  g_autofree guint8 *grey = g_malloc(STILL * STILL);
  LusPhantomConfig config;
  lus_phantom_config_init(&config);
  config.seed = 1;
  config.width = config.height = STILL;
  config.probe = LUS_PROBE_CONVEX;
  for (guint i = 0; i < n; i++) {
    g_autoptr(GError) error = NULL;
    config.stream = i;
    LusPhantom *still = lus_phantom_new(&config, &error);
    g_assert_no_error(error);
    lus_phantom_render(still, 0, grey, STILL, NULL);
    lus_phantom_free(still);
    LusImage image = {.format = LUS_FORMAT_GRAY8, .width = STILL, .height = STILL, .planes = {grey}, .strides = {STILL},
                      .full_range = TRUE};
    LusSector *sector = lus_sector_new(STILL, STILL, LUS_SECTOR_AUTO, (LusRect){0});
    guint8 *luma = cut_out(sector, &image);
    lus_sector_free(sector);
    g_assert_nonnull(luma);
    add_picture(phantom, luma);
  }
}

static int by_value(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* @values are in order; between two of them in proportion. */
static double quantile(const GArray *values, double q)
{
  double place = q * (values->len - 1);
  guint first = (guint)place, next = MIN(first + 1, values->len - 1);
  double a = g_array_index(values, double, first), b = g_array_index(values, double, next);
  return a + (b - a) * (place - first);
}

/* Prints the table; returns how many real medians lie in the phantom's 5 to 95 % range. */
static int print_table(Pictures *real, Pictures *phantom)
{
  int near = 0;
  g_print("# medians (10 to 90 %%) of %u real convex frames and %u phantom stills\n", real->pictures->len,
          phantom->pictures->len);
  g_print("# | | real | phantom | real median in the phantom's 5-95 %% |\n# |---|---|---|---|\n");
  for (int m = 0; m < MEASURES; m++) {
    int digits = m < 4 ? 0 : 2;
    g_print("# | %s |", measure_names[m]);
    for (int k = 0; k < 2; k++) {
      GArray *v = (k ? phantom : real)->values[m];
      g_array_sort(v, by_value);
      g_print(" %.*f (%.*f to %.*f) |", digits, quantile(v, .5), digits, quantile(v, .1), digits, quantile(v, .9));
    }
    double middle = quantile(real->values[m], .5);
    gboolean in = middle >= quantile(phantom->values[m], .05) && middle <= quantile(phantom->values[m], .95);
    g_print(" %s |\n", in ? "yes" : "no");
    near += in;
  }
  return near;
}

/* Half size, real ones left, phantom's right of a white bar. */
static void write_sheet(const char *folder, const Pictures *real, const Pictures *phantom)
{
  int rows = ((int)real->pictures->len + ACROSS - 1) / ACROSS, width = 2 * ACROSS * TILE + 8, height = rows * TILE;
  g_autofree guint8 *sheet = g_malloc0((gsize)width * (gsize)height);
  for (int k = 0; k < 2; k++) {
    const GPtrArray *pictures = (k ? phantom : real)->pictures;
    for (int i = 0; i < (int)pictures->len; i++) {
      const guint8 *in = g_ptr_array_index(pictures, (guint)i);
      guint8 *out = sheet + i / ACROSS * TILE * width + (i % ACROSS + k * ACROSS) * TILE + k * 8;
      for (int y = 0; y < TILE; y++)
        for (int x = 0; x < TILE; x++) {
          const guint8 *four = in + 2 * y * SIDE + 2 * x;
          out[y * width + x] = (guint8)((four[0] + four[1] + four[SIDE] + four[SIDE + 1] + 2) / 4);
        }
    }
  }
  for (int y = 0; y < height; y++)
    memset(sheet + y * width + ACROSS * TILE, 255, 8);
  g_autofree char *path = g_build_filename(folder, "likeness.png", NULL);
  g_autoptr(GError) error = NULL;
  if (g_mkdir_with_parents(folder, 0777) != 0)
    g_error("%s: %s", folder, g_strerror(errno));
  lus_png_write(path, sheet, width, height, width, 1, &error);
  g_assert_no_error(error);
  g_print("# %s: real ones left, phantom right\n", path);
}

static void pictures_init(Pictures *p)
{
  p->pictures = g_ptr_array_new_with_free_func(g_free);
  for (int m = 0; m < MEASURES; m++)
    p->values[m] = g_array_new(FALSE, FALSE, sizeof(double));
}

static void pictures_clear(Pictures *p)
{
  g_ptr_array_unref(p->pictures);
  for (int m = 0; m < MEASURES; m++)
    g_array_unref(p->values[m]);
}

int main(int argc, char **argv)
{
  gst_init(NULL, NULL);
  g_autofree char *folder = real_folder("covid_blues");
  if (!folder)
    return 0;
  Pictures real, phantom;
  pictures_init(&real);
  pictures_init(&phantom);
  add_real(&real, folder);
  g_assert_cmpuint(real.pictures->len, >, 0);
  add_stills(&phantom, real.pictures->len);
  if (argc > 1)
    write_sheet(argv[1], &real, &phantom);
  int near = print_table(&real, &phantom);
  g_print("%sok 1 - %d of %d measures' real medians lie in the phantom's 5-95 %% range; %d needed\n1..1\n",
          near < NEEDED ? "not " : "", near, MEASURES, NEEDED);
  pictures_clear(&real);
  pictures_clear(&phantom);
  return near < NEEDED;
}
