/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "segment-clip.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FRAMES_NAME "frames.jsonl"
#define OVERLAY_NAME "overlay.mkv"
#define JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(7))
#define HEADER_MAX 65536

typedef struct {
  const char *path, *folder, *clip; /* clip: the file's name */
  LusModel *model;
  LusSegmenter *segmenter;
  const LusSegmentOptions *options;
  LusFrameSource *source;
  LusMasker *masker;
  FILE *out;             /* frames.jsonl under its temporary name */
  char *temporary;
  int width, height;     /* of the frames now */
  guint8 *plane;         /* one plane at frame size, for PNG */
  LusOverlay *overlay;
  LusFrameSink *video;
  LusImage canvas;       /* the frame's copy that is drawn on */
  guint8 *canvas_memory;
  gint64 frame;
} Run;

static gboolean write_error(const Run *run, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", run->temporary, g_strerror(errno));
  return FALSE;
}

/** One line of JSON; takes @line over. */
static gboolean write_line(Run *run, json_t *line, GError **error)
{
  char *text = line ? json_dumps(line, JSON_FLAGS) : NULL;
  json_decref(line);
  gboolean ok = text && fputs(text, run->out) >= 0 && fputc('\n', run->out) >= 0;
  free(text);
  return ok || write_error(run, error);
}

/** 0.6f is 0.6 here: what is compared at --resume must not depend on float's digits. */
static double tidy(double value)
{
  return round(value * 1e6) / 1e6;
}

static gboolean write_header(Run *run, GError **error)
{
  g_autofree char *model = g_filename_display_basename(lus_model_path(run->model));
  return write_line(run,
                    json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:f}", "lus", lus_version(), "schema", 1, "notice",
                              LUS_NOTICE, "clip", run->clip, "model", model, "model_sha256",
                              lus_model_sha256(run->model), "kernels", lus_segmenter_kernels(run->segmenter),
                              "threshold", tidy(run->options->threshold)),
                    error);
}

/** Area of the mask and mean confidence, both over the sector. */
static json_t *class_to_json(const LusSegmentation *segmentation, const LusMask *mask, int class)
{
  gsize pixels = (gsize)segmentation->width * (gsize)segmentation->height, inside = 0, in_mask = 0, sum = 0;
  const guint8 *confidence = segmentation->confidence + (gsize)class * pixels;
  const guint8 *plane = mask->planes + (gsize)class * pixels;
  for (gsize i = 0; i < pixels; i++) {
    if (!segmentation->sector[i])
      continue;
    inside++;
    in_mask += plane[i] != 0;
    sum += confidence[i];
  }
  double n = (double)MAX(inside, 1);
  return json_pack("{s:f, s:f}", "area", (double)in_mask / n, "confidence", (double)sum / (255 * n));
}

/** A frame on which nothing was inferred (no sector yet) has no classes: they are unknown, not empty. */
static gboolean write_frame(Run *run, const LusSegmentation *segmentation, const LusMask *mask, gint64 pts_ns,
                            GError **error)
{
  json_t *classes = json_object();
  for (int i = 0; segmentation && i < segmentation->n_classes; i++)
    json_object_set_new(classes, lus_model_info(run->model)->classes[i], class_to_json(segmentation, mask, i));
  return write_line(run, json_pack("{s:I, s:o, s:i, s:o}", "frame", (json_int_t)run->frame, "pts_ns",
                                   pts_ns >= 0 ? json_integer(pts_ns) : json_null(), "age_ns", 0, "classes", classes),
                    error);
}

/** One plane of the crop at frame size, as PNG; @plane NULL: nothing was inferred, all 0. */
static gboolean write_plane(Run *run, const char *name, const guint8 *plane, const LusSegmentation *segmentation,
                            gboolean nearest, GError **error)
{
  g_autofree char *file = g_strdup_printf("frame%06" G_GINT64_FORMAT ".%s.png", run->frame, name);
  g_autofree char *path = g_build_filename(run->folder, file, NULL);
  if (plane)
    lus_plane_to_frame(run->plane, run->width, run->width, run->height, plane, segmentation->width,
                       segmentation->height, segmentation->rect, nearest);
  else
    memset(run->plane, 0, (gsize)run->width * (gsize)run->height);
  return lus_png_write(path, run->plane, run->width, run->height, run->width, 1, error);
}

static gboolean write_planes(Run *run, const LusSegmentation *segmentation, const LusMask *mask, GError **error)
{
  const LusModelInfo *info = lus_model_info(run->model);
  gsize pixels = segmentation ? (gsize)segmentation->width * (gsize)segmentation->height : 0;
  if (run->options->masks && !write_plane(run, "mask", mask ? mask->ids : NULL, segmentation, TRUE, error))
    return FALSE;
  for (int i = 0; run->options->confidences && i < info->n_classes; i++) {
    const guint8 *plane = segmentation ? segmentation->confidence + (gsize)i * pixels : NULL;
    if (!write_plane(run, info->classes[i], plane, segmentation, FALSE, error))
      return FALSE;
  }
  return TRUE;
}

/** Rows and bytes per row of plane @i. */
static void plane_size(const LusImage *image, int i, int *rows, gsize *row_bytes)
{
  int x_shift, y_shift;
  lus_format_subsampling(image->format, &x_shift, &y_shift);
  *rows = i == 0 ? image->height : (image->height + (1 << y_shift) - 1) >> y_shift;
  *row_bytes = (gsize)image->strides[i];
}

/** Memory for the picture that is drawn on. Grey clips get colour planes, so that the overlay is coloured. */
static gboolean make_canvas(Run *run, const LusImage *image, GError **error)
{
  LusImage *canvas = &run->canvas;
  *canvas = *image;
  if (image->format == LUS_FORMAT_GRAY8) {
    canvas->format = LUS_FORMAT_I420;
    canvas->full_range = FALSE;
    canvas->strides[0] = image->width;
    canvas->strides[1] = canvas->strides[2] = (image->width + 1) / 2;
    canvas->planes[1] = canvas->planes[2] = image->planes[0]; /* present; pointed at their memory below */
  }
  gsize offsets[3] = {0}, total = 0;
  for (int i = 0; i < 3 && canvas->planes[i]; i++) {
    int rows;
    gsize row_bytes;
    plane_size(canvas, i, &rows, &row_bytes);
    offsets[i] = total;
    total += (gsize)rows * row_bytes;
  }
  g_free(run->canvas_memory);
  run->canvas_memory = g_try_malloc(total);
  if (!run->canvas_memory) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a frame of %dx%d", run->path, image->width,
                image->height);
    return FALSE;
  }
  for (int i = 0; i < 3 && canvas->planes[i]; i++)
    canvas->planes[i] = run->canvas_memory + offsets[i];
  return TRUE;
}

/** Grey 0..255 as Y' 16..235 with neutral colour. */
static void colour_grey(LusImage *canvas, const LusImage *image)
{
  for (int y = 0; y < image->height; y++) {
    const guint8 *in = image->planes[0] + (gsize)y * (gsize)image->strides[0];
    guint8 *out = canvas->planes[0] + (gsize)y * (gsize)canvas->strides[0];
    for (int x = 0; x < image->width; x++)
      out[x] = (guint8)(16 + (in[x] * 219 + 127) / 255);
  }
  for (int i = 1; i < 3; i++)
    memset(canvas->planes[i], 128, (gsize)canvas->strides[i] * (gsize)((image->height + 1) / 2));
}

static void copy_to_canvas(Run *run, const LusImage *image)
{
  LusImage *canvas = &run->canvas;
  if (image->format == LUS_FORMAT_GRAY8) {
    colour_grey(canvas, image);
    return;
  }
  for (int i = 0; i < 3 && canvas->planes[i]; i++) {
    int rows;
    gsize row_bytes;
    plane_size(canvas, i, &rows, &row_bytes);
    for (int y = 0; y < rows; y++)
      memcpy(canvas->planes[i] + (gsize)y * row_bytes, image->planes[i] + (gsize)y * (gsize)image->strides[i],
             MIN(row_bytes, (gsize)image->strides[i]));
  }
}

static gboolean open_overlay(Run *run, GError **error)
{
  int fps_n, fps_d;
  gint64 frames;
  g_autofree char *path = g_build_filename(run->folder, OVERLAY_NAME, NULL);
  LusOverlayConfig config;
  lus_overlay_config_init(&config);
  run->overlay = lus_overlay_new();
  lus_overlay_set_config(run->overlay, &config);
  lus_tool_clip_rate(run->source, &fps_n, &fps_d, &frames);
  run->video = lus_tool_create_preview(path, run->canvas.format, run->width, run->height, fps_n, fps_d, NULL, error);
  return run->video != NULL;
}

static gboolean write_overlay(Run *run, const LusImage *image, const LusSegmentation *segmentation, const LusMask *mask,
                              gint64 pts_ns, GError **error)
{
  if (!run->options->overlay)
    return TRUE;
  if (!run->video && !open_overlay(run, error))
    return FALSE;
  copy_to_canvas(run, image);
  const LusOverlayState state = {
    .status = segmentation ? LUS_STATUS_LIVE : LUS_STATUS_STARTING,
    .mask_age_ns = segmentation ? 0 : -1,
    .result_number = (guint64)run->frame,
    .segmentation = segmentation,
    .mask = mask,
    .now_ns = MAX(pts_ns, 0),
  };
  lus_overlay_draw(run->overlay, &run->canvas, &state);
  return run->video->push(run->video, &run->canvas, pts_ns, error);
}

/** At the first frame and when the pictures' size changes. */
static gboolean set_size(Run *run, const LusImage *image, GError **error)
{
  if (run->width == image->width && run->height == image->height)
    return TRUE;
  run->width = image->width;
  run->height = image->height;
  g_free(run->plane);
  run->plane = g_try_malloc((gsize)image->width * (gsize)image->height);
  if (!run->plane) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a frame of %dx%d", run->path, image->width,
                image->height);
    return FALSE;
  }
  return lus_segmenter_set_frame_size(run->segmenter, image->width, image->height, error) &&
         (!run->options->overlay || make_canvas(run, image, error));
}

static gboolean segment_frame(Run *run, const LusImage *image, gint64 pts_ns, GError **error)
{
  g_autoptr(LusSegmentation) segmentation = NULL;
  g_autoptr(LusMask) mask = NULL;
  if (!set_size(run, image, error) || !lus_segmenter_run(run->segmenter, &segmentation, image, pts_ns, error))
    return FALSE;
  if (segmentation) {
    LusConfidenceConfig config = {.min_area = 0};
    for (int i = 0; i < LUS_MAX_CLASSES; i++)
      config.thresholds[i] = run->options->threshold;
    mask = lus_masker_run(run->masker, segmentation, &config);
    if (!mask) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a mask", run->path);
      return FALSE;
    }
  }
  return write_frame(run, segmentation, mask, pts_ns, error) && write_planes(run, segmentation, mask, error) &&
         write_overlay(run, image, segmentation, mask, pts_ns, error);
}

static gboolean segment_frames(Run *run, LusToolProgress *progress, GError **error)
{
  for (;; run->frame++) {
    LusImage image;
    gint64 pts_ns, total;
    gboolean end = FALSE;
    int fps_n, fps_d;
    if (!run->source->next(run->source, &image, &pts_ns, &end, error))
      return FALSE;
    if (end)
      return TRUE;
    if (!segment_frame(run, &image, pts_ns, error))
      return FALSE;
    lus_tool_clip_rate(run->source, &fps_n, &fps_d, &total);
    if (!lus_tool_progress(progress, run->clip, run->frame + 1, total)) {
      g_set_error(error, LUS_ERROR, LUS_ERROR_CANCELLED, "%s: stopped; run it again with --resume", run->path);
      return FALSE;
    }
  }
}

/** From here on older results of this clip don't count: frames.jsonl says that all else is complete. */
static gboolean begin(Run *run, GError **error)
{
  g_autofree char *final = g_build_filename(run->folder, FRAMES_NAME, NULL);
  g_unlink(final);
  run->temporary = g_strconcat(final, ".part", NULL);
  run->out = g_fopen(run->temporary, "w");
  if (!run->out)
    return write_error(run, error);
  run->source = lus_tool_open_clip(run->path, NULL, error);
  run->masker = lus_masker_new();
  lus_segmenter_reset(run->segmenter);
  return run->source && write_header(run, error);
}

static gboolean finish(Run *run, GError **error)
{
  if (run->video && !run->video->finish(run->video, error))
    return FALSE;
  FILE *out = g_steal_pointer(&run->out);
  gboolean ok = !ferror(out);
  if (fclose(out) != 0 || !ok)
    return write_error(run, error);
  g_autofree char *final = g_build_filename(run->folder, FRAMES_NAME, NULL);
  return lus_file_commit(run->temporary, final, error);
}

static void clear(Run *run)
{
  if (run->video)
    run->video->free(run->video);
  if (run->source)
    run->source->free(run->source);
  if (run->out)
    fclose(run->out);
  g_unlink(run->temporary);
  lus_overlay_free(run->overlay);
  lus_masker_free(run->masker);
  g_free(run->canvas_memory);
  g_free(run->plane);
  g_free(run->temporary);
}

gboolean lus_tool_segment_clip(const char *path, const char *folder, LusModel *model, LusSegmenter *segmenter,
                               const LusSegmentOptions *options, LusToolProgress *progress, GError **error)
{
  g_autofree char *clip = g_filename_display_basename(path);
  Run run = {.path = path, .folder = folder, .clip = clip, .model = model, .segmenter = segmenter, .options = options};
  gboolean ok = begin(&run, error) && segment_frames(&run, progress, error) && finish(&run, error);
  clear(&run);
  return ok;
}

/** The first line of a finished frames.jsonl, or NULL. */
static json_t *load_header(const char *folder)
{
  g_autofree char *path = g_build_filename(folder, FRAMES_NAME, NULL);
  FILE *file = g_fopen(path, "r");
  if (!file)
    return NULL;
  g_autofree char *line = g_malloc(HEADER_MAX);
  json_t *header = fgets(line, HEADER_MAX, file) ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
  fclose(file);
  return header;
}

static gboolean has_string(const json_t *header, const char *key, const char *wanted)
{
  const char *value = json_string_value(json_object_get(header, key));
  return value && g_str_equal(value, wanted);
}

static gboolean has_file(const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  return g_file_test(path, G_FILE_TEST_EXISTS);
}

/** Whether results were computed in the arithmetic that @segmenter uses; those of another CPU count too. */
static gboolean same_arithmetic(const json_t *header, const LusSegmenter *segmenter)
{
  const char *kernels = json_string_value(json_object_get(header, "kernels"));
  return kernels &&
         g_str_has_prefix(kernels, "int8, ") == g_str_has_prefix(lus_segmenter_kernels(segmenter), "int8, ");
}

gboolean lus_tool_segment_done(const char *path, const char *folder, const LusModel *model, const LusSegmenter *segmenter,
                               const LusSegmentOptions *options)
{
  g_autofree char *clip = g_filename_display_basename(path);
  json_t *header = load_header(folder);
  gboolean done = has_string(header, "clip", clip) && has_string(header, "model_sha256", lus_model_sha256(model)) &&
                  same_arithmetic(header, segmenter) &&
                  fabs(json_number_value(json_object_get(header, "threshold")) - options->threshold) < 1e-6;
  json_decref(header);
  g_autofree char *confidence = g_strdup_printf("frame000000.%s.png", lus_model_info(model)->classes[0]);
  return done && (!options->overlay || has_file(folder, OVERLAY_NAME)) &&
         (!options->masks || has_file(folder, "frame000000.mask.png")) &&
         (!options->confidences || has_file(folder, confidence));
}
