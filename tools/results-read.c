/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "results-read.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define LINE_MAX_BYTES (64u << 20) /* of run lengths there may be many */

static gboolean refuse(const LusResultsReader *reader, GError **error, const char *problem)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: %s; is it the result of lus segment?", reader->path,
              reader->number, problem);
  return FALSE;
}

/** The next line into reader->line, of one that is too long the beginning. */
static void read_text(LusResultsReader *reader)
{
  int c = 0;
  g_byte_array_set_size(reader->line, 0);
  while (c != '\n' && reader->line->len <= LINE_MAX_BYTES && (c = getc_unlocked(reader->file)) != EOF) {
    guint8 byte = (guint8)c;
    g_byte_array_append(reader->line, &byte, 1);
  }
}

/** The next line as an object, or NULL: there is none, or (with an error) it is none. */
static json_t *read_line(LusResultsReader *reader, GError **error)
{
  reader->number++;
  read_text(reader);
  if (ferror(reader->file)) {
    refuse(reader, error, g_strerror(errno));
    return NULL;
  }
  if (reader->line->len > LINE_MAX_BYTES) {
    refuse(reader, error, "a line of more than 64 MB");
    return NULL;
  }
  if (reader->line->len == 0)
    return NULL;
  json_error_t problem;
  json_t *line = json_loadb((const char *)reader->line->data, reader->line->len, JSON_REJECT_DUPLICATES, &problem);
  if (!line)
    refuse(reader, error, problem.text);
  return line;
}

static gboolean take_classes(LusResultsReader *reader, const json_t *classes, GError **error)
{
  gsize n = json_array_size(classes);
  if (n < 1 || n > LUS_MAX_CLASSES)
    return refuse(reader, error, "classes are not a list of 1 to 16");
  for (gsize i = 0; i < n; i++) {
    const char *name = json_string_value(json_array_get(classes, i));
    if (!name || !*name || strchr(name, '/'))
      return refuse(reader, error, "a class is without a name");
    reader->header.classes[i] = name;
  }
  reader->header.n_classes = (int)n;
  return TRUE;
}

static gboolean take_form(LusPlanesForm *out, const char *name)
{
  int form = g_str_equal(name, lus_tool_planes_name(LUS_PLANES_NONE)) ? LUS_PLANES_NONE : lus_tool_planes_form(name);
  *out = (LusPlanesForm)MAX(form, LUS_PLANES_NONE);
  return form >= 0;
}

static gboolean take_header(LusResultsReader *reader, GError **error)
{
  LusResultsHeader *header = &reader->header;
  const char *masks, *confidences;
  json_t *classes;
  int schema, overlay;
  json_error_t problem;
  header->temporal_alpha = 1;
  if (json_unpack_ex(reader->first, &problem, 0, "{s:i, s:s, s:s, s:s, s:s, s:F, s:s, s:o, s:[i,i], s:{s:b, s:s, s:s}, "
                     "s?{s:F, s:F, s:i}, s?b, s?F}",
                     "schema", &schema, "clip", &header->clip, "model", &header->model, "model_sha256",
                     &header->model_sha256, "kernels", &header->kernels, "threshold", &header->threshold, "clip_sha256",
                     &header->clip_sha256, "classes", &classes, "input", &header->width, &header->height, "outputs",
                     "overlay", &overlay, "masks", &masks, "confidences", &confidences, "cleaning", "hysteresis",
                     &header->hysteresis, "temporal_alpha", &header->temporal_alpha, "min_area", &header->min_area, "live",
                     &header->live, "mm_per_pixel", &header->mm_per_pixel) != 0)
    return refuse(reader, error, problem.text);
  if (schema != 1)
    return refuse(reader, error, "a schema other than 1");
  if (MIN(header->width, header->height) < LUS_FRAME_MIN || MAX(header->width, header->height) > LUS_FRAME_MAX)
    return refuse(reader, error, "input: sides of 16 to 8192 are expected");
  if (!(header->threshold >= 0 && header->threshold <= 1))
    return refuse(reader, error, "a threshold outside of 0 to 1");
  if (!(header->hysteresis >= 0 && header->hysteresis <= 1 && header->temporal_alpha >= 0 && header->temporal_alpha <= 1 &&
        header->min_area >= 0))
    return refuse(reader, error, "cleaning: hysteresis and temporal_alpha are 0 to 1, min_area is not below 0");
  if (json_object_get(reader->first, "mm_per_pixel") && !lus_mm_per_pixel_is_valid(header->mm_per_pixel))
    return refuse(reader, error, "mm_per_pixel is not 0.001 to 10");
  header->overlay = overlay;
  if (!take_form(&header->masks, masks) || !take_form(&header->confidences, confidences))
    return refuse(reader, error, "outputs: masks and confidences are one of none, png, rle, ffv1");
  return take_classes(reader, classes, error);
}

LusResultsReader *lus_results_open(const char *folder, GError **error)
{
  g_autoptr(LusResultsReader) reader = g_new0(LusResultsReader, 1);
  reader->path = g_build_filename(folder, LUS_FRAMES_NAME, NULL);
  reader->file = g_fopen(reader->path, "re");
  if (!reader->file) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot open: %s", reader->path, g_strerror(errno));
    return NULL;
  }
  reader->line = g_byte_array_new();
  GError *problem = NULL;
  reader->first = read_line(reader, &problem);
  if (!reader->first) {
    if (!problem)
      refuse(reader, &problem, "empty");
    g_propagate_error(error, problem);
    return NULL;
  }
  return take_header(reader, error) ? g_steal_pointer(&reader) : NULL;
}

void lus_results_close(LusResultsReader *reader)
{
  if (!reader)
    return;
  if (reader->file)
    fclose(reader->file);
  json_decref(reader->first);
  if (reader->line)
    g_byte_array_unref(reader->line);
  g_free(reader->path);
  g_free(reader);
}

static gboolean take_classes_of_frame(LusResultsReader *reader, LusResultsFrame *frame, const json_t *classes,
                                      GError **error)
{
  frame->inferred = json_object_size(classes) > 0;
  for (int i = 0; frame->inferred && i < reader->header.n_classes; i++) {
    const json_t *class = json_object_get(classes, reader->header.classes[i]);
    const json_t *area = json_object_get(class, "area"), *confidence = json_object_get(class, "confidence");
    if (!json_is_number(area) || !json_is_number(confidence))
      return refuse(reader, error, "a class lacks area or confidence");
    frame->area[i] = json_number_value(area);
    frame->confidence[i] = json_number_value(confidence);
    if (!(MIN(frame->area[i], frame->confidence[i]) >= 0 && MAX(frame->area[i], frame->confidence[i]) <= 1))
      return refuse(reader, error, "area or confidence of a class are outside of 0 to 1");
  }
  return TRUE;
}

static gboolean take_frame(LusResultsReader *reader, LusResultsFrame *frame, json_t *line, GError **error)
{
  json_error_t problem;
  json_t *classes, *pts;
  json_int_t number;
  LusRect *rect = &frame->rect;
  if (json_unpack_ex(line, &problem, 0, "{s:I, s:o, s:o, s:[i,i], s?[i,i,i,i], s?[i,i]}", "frame", &number, "pts_ns",
                     &pts, "classes", &classes, "size", &frame->width, &frame->height, "rect", &rect->x, &rect->y,
                     &rect->width, &rect->height, "planes", &frame->plane_width, &frame->plane_height) != 0)
    return refuse(reader, error, problem.text);
  frame->frame = number;
  frame->pts_ns = json_is_integer(pts) ? json_integer_value(pts) : -1;
  if (number != reader->number - 2)
    return refuse(reader, error, "frames are not numbered from 0 on");
  if (MIN(frame->width, frame->height) < LUS_FRAME_MIN || MAX(frame->width, frame->height) > LUS_FRAME_MAX)
    return refuse(reader, error, "size: sides of 16 to 8192 are expected");
  if (!take_classes_of_frame(reader, frame, classes, error))
    return FALSE;
  gboolean fits = frame->plane_width >= 1 && frame->plane_width <= reader->header.width && frame->plane_height >= 1 &&
                  frame->plane_height <= reader->header.height && rect->width >= 1 && rect->height >= 1 &&
                  rect->x >= 0 && rect->y >= 0 && rect->x <= frame->width - rect->width &&
                  rect->y <= frame->height - rect->height;
  return !frame->inferred || fits || refuse(reader, error, "rect or planes are out of bounds");
}

gboolean lus_results_next(LusResultsReader *reader, LusResultsFrame *frame, gboolean *end, GError **error)
{
  GError *problem = NULL;
  json_t *line = read_line(reader, &problem);
  *end = !line && !problem;
  *frame = (LusResultsFrame){.pts_ns = -1};
  gboolean ok = line && take_frame(reader, frame, line, &problem);
  json_decref(line);
  if (problem)
    g_propagate_error(error, problem);
  return ok;
}
