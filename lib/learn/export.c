/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** A data set's labels as COCO, CVAT XML or layers, so that lus_import_read() gives the same labels back. Confidences
 *  become one region per class and percent, so no pixel changes its value. */
#include "import-internal.h"
#include "learn/labels.h"
#include "learn/annotation.h"
#include "nn/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

/** One annotated frame: its planes, read one after the other. */
typedef struct {
  const LusDataset *dataset;
  const char *annotator, *clip;
  char *folder; /* of its label files */
  int frame;
} Frame;

typedef struct {
  const LusDataset *dataset;
  const char *path;
  GString *xml;                /* cvat */
  json_t *images, *annotations; /* coco */
  int n_files;
  int n_planes; /* of the frame that were there so far */
  int done, total; /* clips, each annotator's counted */
  LusProgress progress;
  gpointer progress_data;
  GError **error;
} Export;

typedef gboolean (*ExportFrame)(Export *e, const Frame *frame);
typedef gboolean (*ExportPlane)(Export *e, const Frame *frame, int class_index, const guint8 *plane, int width,
                                int height);
typedef void (*ExportValue)(Export *e, int class_index, const guint8 *plane, int width, int height, guint8 value);

/** The label of one class; NULL without @error set when there is none. */
static guint8 *read_plane(const Frame *f, int class_index, int *width, int *height, GError **error)
{
  g_autofree char *name = g_strdup_printf("frame%06d.%s.png", f->frame, f->dataset->classes[class_index]);
  g_autofree char *path = g_build_filename(f->folder, name, NULL);
  return g_file_test(path, G_FILE_TEST_EXISTS) ? lus_label_read(path, width, height, error) : NULL;
}

/** Calls @each once per class that is labelled on the frame. */
static gboolean each_plane(Export *e, const Frame *f, ExportPlane each)
{
  e->n_planes = 0;
  for (int k = 0; k < e->dataset->n_classes; k++) {
    GError *problem = NULL;
    int width = 0, height = 0;
    g_autofree guint8 *plane = read_plane(f, k, &width, &height, &problem);
    if (problem) {
      g_propagate_error(e->error, problem);
      return FALSE;
    }
    if (plane && !each(e, f, k, plane, width, height))
      return FALSE;
    e->n_planes += plane != NULL;
  }
  return TRUE;
}

/** Runs of equality to @value along the rows or down the columns of a box; the first is of others. */
static GArray *runs_of(const guint8 *plane, int stride, int left, int top, int width, int height, guint8 value,
                       gboolean columns)
{
  GArray *runs = g_array_new(FALSE, FALSE, sizeof(guint32));
  guint32 length = 0;
  gboolean inside = FALSE;
  for (gsize i = 0; i < (gsize)width * height; i++) {
    gsize x = columns ? i / (gsize)height : i % (gsize)width, y = columns ? i % (gsize)height : i / (gsize)width;
    if ((plane[(y + (gsize)top) * (gsize)stride + x + (gsize)left] == value) != inside) {
      g_array_append_val(runs, length);
      inside = !inside;
      length = 0;
    }
    length++;
  }
  g_array_append_val(runs, length);
  return runs;
}

/** Smallest box of pixels of @value, and their number. */
static gsize box_of(const guint8 *plane, int width, int height, guint8 value, LusRect *box)
{
  int x0 = width, y0 = height, x1 = -1, y1 = -1;
  gsize area = 0;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (plane[(gsize)y * width + x] == value) {
        x0 = MIN(x0, x);
        x1 = MAX(x1, x);
        y0 = MIN(y0, y);
        y1 = MAX(y1, y);
        area++;
      }
  *box = (LusRect){x0, y0, x1 - x0 + 1, y1 - y0 + 1};
  return area;
}

/** Calls @each once per percent that occurs, but 0. */
static void each_value(Export *e, int class_index, const guint8 *plane, int width, int height, ExportValue each)
{
  gboolean values[256] = {FALSE};
  for (gsize i = 0; i < (gsize)width * height; i++)
    values[plane[i]] = TRUE;
  for (int value = 1; value < 256; value++)
    if (values[value])
      each(e, class_index, plane, width, height, (guint8)value);
}

static void coco_annotation(Export *e, int class_index, const guint8 *plane, int width, int height, guint8 value)
{
  LusRect box;
  gsize area = box_of(plane, width, height, value, &box);
  g_autoptr(GArray) runs = runs_of(plane, width, 0, 0, width, height, value, TRUE);
  json_t *counts = json_array();
  for (guint i = 0; i < runs->len; i++)
    json_array_append_new(counts, json_integer(g_array_index(runs, guint32, i)));
  json_t *confidence = value == LUS_REGION_IGNORE ? json_string("ignore") : json_integer(value);
  json_array_append_new(
    e->annotations,
    json_pack("{s:i, s:i, s:i, s:i, s:I, s:[i,i,i,i], s:{s:[i,i], s:o}, s:f, s:{s:o}}", "id",
              (int)json_array_size(e->annotations) + 1, "image_id", (int)json_array_size(e->images), "category_id",
              class_index + 1, "iscrowd", 1, "area", (json_int_t)area, "bbox", box.x, box.y, box.width, box.height,
              "segmentation", "size", height, width, "counts", counts, "score",
              value == LUS_REGION_IGNORE ? 0.0 : value / 100.0, "attributes", "confidence", confidence));
}

static gboolean coco_plane(Export *e, const Frame *f, int class_index, const guint8 *plane, int width, int height)
{
  if (e->n_planes == 0) {
    g_autofree char *name = g_strdup_printf("%s_frame%06d.png", f->clip, f->frame);
    json_array_append_new(e->images, json_pack("{s:i, s:s, s:i, s:i}", "id", (int)json_array_size(e->images) + 1,
                                               "file_name", name, "width", width, "height", height));
  }
  each_value(e, class_index, plane, width, height, coco_annotation);
  return TRUE;
}

static gboolean coco_frame(Export *e, const Frame *f)
{
  return each_plane(e, f, coco_plane);
}

static void cvat_mask(Export *e, int class_index, const guint8 *plane, int width, int height, guint8 value)
{
  LusRect box;
  box_of(plane, width, height, value, &box);
  g_autoptr(GArray) runs = runs_of(plane, width, box.x, box.y, box.width, box.height, value, FALSE);
  g_string_append_printf(e->xml, "    <mask label=\"%s\" source=\"file\" occluded=\"0\" rle=\"",
                         e->dataset->classes[class_index]);
  for (guint i = 0; i < runs->len; i++)
    g_string_append_printf(e->xml, i ? ", %u" : "%u", g_array_index(runs, guint32, i));
  g_string_append_printf(e->xml, "\" left=\"%d\" top=\"%d\" width=\"%d\" height=\"%d\" z_order=\"0\">\n", box.x, box.y,
                         box.width, box.height);
  if (value == LUS_REGION_IGNORE)
    g_string_append(e->xml, "      <attribute name=\"confidence\">ignore</attribute>\n    </mask>\n");
  else
    g_string_append_printf(e->xml, "      <attribute name=\"confidence\">%d</attribute>\n    </mask>\n", value);
}

static gboolean cvat_plane(Export *e, const Frame *f, int class_index, const guint8 *plane, int width, int height)
{
  if (e->n_planes == 0)
    g_string_append_printf(e->xml, "  <image id=\"%d\" name=\"%s_frame%06d.png\" width=\"%d\" height=\"%d\">\n", f->frame,
                           f->clip, f->frame, width, height);
  each_value(e, class_index, plane, width, height, cvat_mask);
  return TRUE;
}

static gboolean cvat_frame(Export *e, const Frame *f)
{
  if (!each_plane(e, f, cvat_plane))
    return FALSE;
  if (e->n_planes)
    g_string_append(e->xml, "  </image>\n");
  return TRUE;
}

static gboolean make_folder(const char *path, GError **error)
{
  if (g_mkdir_with_parents(path, 0777) == 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make the folder: %s", path, g_strerror(errno));
  return FALSE;
}

static char *layers_folder(const Export *e, const Frame *f)
{
  return g_build_filename(e->path, f->annotator, f->clip, NULL);
}

/** What an earlier export into the same folder left and would be read as a part of this one. */
static gboolean remove_old(const char *path, GError **error)
{
  if (g_unlink(path) == 0 || errno == ENOENT)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot remove: %s", path, g_strerror(errno));
  return FALSE;
}

/** White where nothing is ignored, opacity = confidence; ignored pixels in a second file. */
static gboolean layers_plane(Export *e, const Frame *f, int class_index, const guint8 *plane, int width, int height)
{
  g_autofree char *folder = layers_folder(e, f);
  g_autofree char *name = g_strdup_printf("frame%06d.%s", f->frame, e->dataset->classes[class_index]);
  gsize n = (gsize)width * height, ignored = 0;
  g_autofree guint8 *pixels = g_try_malloc_n(n, 4);
  g_autofree char *file = g_strconcat(name, ".png", NULL), *path = g_build_filename(folder, file, NULL);
  if (!pixels)
    return lus_import_refuse(e->error, path, "no memory for the picture");
  for (gsize i = 0; i < n; i++) {
    gboolean ignore = plane[i] == LUS_REGION_IGNORE;
    memset(pixels + 4 * i, 255, 3);
    pixels[4 * i + 3] = ignore ? 0 : (guint8)((plane[i] * 255 + 50) / 100);
    ignored += ignore;
  }
  if (!lus_png_write(path, pixels, width, height, width * 4, 4, e->error))
    return FALSE;
  e->n_files++;
  g_autofree char *second = g_strconcat(name, ".ignore.png", NULL), *other = g_build_filename(folder, second, NULL);
  if (ignored == 0)
    return remove_old(other, e->error);
  for (gsize i = 0; i < n; i++)
    pixels[i] = plane[i] == LUS_REGION_IGNORE ? 255 : 0;
  e->n_files++;
  return lus_png_write(other, pixels, width, height, width, 1, e->error);
}

static gboolean layers_frame(Export *e, const Frame *f)
{
  g_autofree char *folder = layers_folder(e, f);
  return make_folder(folder, e->error) && each_plane(e, f, layers_plane);
}

/** Calls @each once per labelled frame. */
static gboolean each_frame(Export *e, const char *annotator, ExportFrame each)
{
  for (int i = 0; i < e->dataset->n_clips; i++) {
    Frame f = {.dataset = e->dataset, .annotator = annotator, .clip = e->dataset->clips[i].name, .frame = -1};
    f.folder = g_build_filename(e->dataset->path, "labels", annotator, f.clip, NULL);
    g_autoptr(GPtrArray) names = lus_folder_names(f.folder);
    gboolean ok = TRUE;
    for (guint k = 0; ok && k < names->len; k++) {
      int frame = -1;
      const char *name = names->pdata[k];
      if (sscanf(name, "frame%6d.", &frame) != 1 || frame < 0 || frame == f.frame)
        continue;
      f.frame = frame;
      ok = each(e, &f);
    }
    g_free(f.folder);
    if (!ok)
      return FALSE;
    if (e->progress && !e->progress(e->progress_data, "exporting labels", ++e->done, e->total)) {
      g_set_error(e->error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped; repeat the command", e->path);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean write_file(Export *e, const char *annotator, const char *extension, const char *text)
{
  g_autofree char *file = g_strconcat(annotator, extension, NULL), *path = g_build_filename(e->path, file, NULL);
  e->n_files++;
  return lus_file_write(path, text, strlen(text), e->error);
}

static gboolean export_coco(Export *e, const char *annotator)
{
  json_t *categories = json_array();
  e->images = json_array();
  e->annotations = json_array();
  for (int k = 0; k < e->dataset->n_classes; k++)
    json_array_append_new(categories, json_pack("{s:i, s:s}", "id", k + 1, "name", e->dataset->classes[k]));
  gboolean ok = each_frame(e, annotator, coco_frame);
  json_t *root = json_pack("{s:{s:s}, s:o, s:o, s:o}", "info", "description", LUS_NOTICE, "images", e->images,
                           "categories", categories, "annotations", e->annotations);
  char *text = ok ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  if (ok && !text)
    return lus_import_refuse(e->error, e->path, "cannot be written as JSON");
  ok = ok && write_file(e, annotator, ".json", text);
  free(text);
  return ok;
}

static gboolean export_cvat(Export *e, const char *annotator)
{
  g_autoptr(GString) xml = e->xml = g_string_new("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n"
                                                 "  <version>1.1</version>\n");
  if (!each_frame(e, annotator, cvat_frame))
    return FALSE;
  g_string_append(xml, "</annotations>\n");
  return write_file(e, annotator, ".xml", xml->str);
}

static gboolean export_layers(Export *e, const char *annotator)
{
  return each_frame(e, annotator, layers_frame);
}

gboolean lus_export(const LusDataset *dataset, const char *format, const char *path, int *n_files, LusProgress progress,
                    gpointer progress_data, GError **error)
{
  static const struct {
    const char *name;
    gboolean (*run)(Export *e, const char *annotator);
  } formats[] = {{"coco", export_coco}, {"cvat", export_cvat}, {"layers", export_layers}};
  gsize k = 0;
  while (k < G_N_ELEMENTS(formats) && !g_str_equal(formats[k].name, format))
    k++;
  if (k == G_N_ELEMENTS(formats)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "format '%s' is not written; coco, cvat and layers are", format);
    return FALSE;
  }
  Export e = {.dataset = dataset, .path = path, .progress = progress, .progress_data = progress_data, .error = error};
  g_autoptr(GPtrArray) annotators = lus_labels_annotators(dataset);
  if (annotators->len == 0)
    return lus_import_refuse(error, dataset->path, "there are no labels to export");
  e.total = dataset->n_clips * (int)annotators->len;
  gboolean ok = make_folder(path, error);
  for (guint i = 0; ok && i < annotators->len; i++)
    ok = formats[k].run(&e, annotators->pdata[i]);
  *n_files = e.n_files;
  return ok;
}
