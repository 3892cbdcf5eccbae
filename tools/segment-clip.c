/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "segment-clip.h"
#include "dicom-seg.h"
#include "results-read.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

typedef struct {
  const char *path, *folder;
  double mm_per_pixel; /* told beside the clip; 0: what the file tells */
  LusModel *model;
  LusSegmenter *segmenter;
  const LusSegmentOptions *options;
  LusFrameSource *source;
  LusResults *results;
  int width, height;     /* of the frames now */
  LusOverlay *overlay;
  LusFrameSink *video;
  LusToolSeg *seg;       /* --dicom-seg */
  LusImage canvas;       /* the frame's copy that is drawn on */
  guint8 *canvas_memory;
  gint64 frame;
} Run;

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

/** A video of whole frames, in which names may stand, is called so. */
static const char *overlay_name(const LusSegmentOptions *options)
{
  return options->keep_frame ? LUS_WHOLE_NAME : LUS_OVERLAY_NAME;
}

static gboolean open_overlay(Run *run, GError **error)
{
  int fps_n, fps_d;
  gint64 frames;
  g_autofree char *path = g_build_filename(run->folder, overlay_name(run->options), NULL);
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
  if (!run->options->keep_frame)
    lus_deidentify(&run->canvas, segmentation ? segmentation->sector : NULL, segmentation ? segmentation->width : 0,
                   segmentation ? segmentation->height : 0, segmentation ? segmentation->rect : (LusRect){0});
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
  return lus_segmenter_set_frame_size(run->segmenter, image->width, image->height, error) &&
         (!run->options->overlay || make_canvas(run, image, error));
}

static gboolean segment_frame(Run *run, const LusImage *image, gint64 pts_ns, const int rate[2], GError **error)
{
  g_autoptr(LusSegmentation) segmentation = NULL;
  const LusMask *mask = NULL;
  if (!set_size(run, image, error) || !lus_segmenter_run(run->segmenter, &segmentation, image, pts_ns, error))
    return FALSE;
  const LusResultsEntry entry = {.segmentation = segmentation, .width = run->width, .height = run->height, .pts_ns = pts_ns,
                                 .rate = {rate[0], rate[1]}};
  return lus_results_add(run->results, &mask, &entry, error) &&
         (!run->seg || lus_tool_seg_add(run->seg, run->frame, segmentation, error)) &&
         write_overlay(run, image, segmentation, mask, pts_ns, error);
}

static gboolean segment_frames(Run *run, LusToolWorker *worker, GError **error)
{
  for (;; run->frame++) {
    LusImage image;
    gint64 pts_ns, total;
    gboolean end = FALSE;
    int rate[2];
    if (!run->source->next(run->source, &image, &pts_ns, &end, error))
      return FALSE;
    if (end)
      return TRUE;
    if (run->mm_per_pixel > 0)
      image.mm_per_pixel = run->mm_per_pixel;
    lus_tool_clip_rate(run->source, &rate[0], &rate[1], &total);
    if (!segment_frame(run, &image, pts_ns, rate, error) ||
        !lus_tool_worker_frame(worker, run->frame + 1, total, error))
      return FALSE;
  }
}

static gboolean begin(Run *run, const char *sha256, GError **error)
{
  const LusModelInfo *info = lus_model_info(run->model);
  g_autofree char *clip = g_filename_display_basename(run->path);
  g_autofree char *model = g_filename_display_basename(lus_model_path(run->model));
  LusResultsHeader header = {
    .clip = clip, .clip_sha256 = sha256, .model = model, .model_sha256 = lus_model_sha256(run->model),
    .kernels = lus_segmenter_kernels(run->segmenter), .n_classes = info->n_classes, .width = info->width,
    .height = info->height, .threshold = run->options->threshold, .hysteresis = run->options->hysteresis,
    .temporal_alpha = run->options->temporal_alpha, .min_area = run->options->min_area,
    .mm_per_pixel = run->mm_per_pixel, .overlay = run->options->overlay,
    .masks = run->options->masks, .confidences = run->options->confidences};
  for (int i = 0; i < info->n_classes; i++)
    header.classes[i] = info->classes[i];
  if (run->options->dicom_seg && !lus_tool_seg_possible(run->path, error))
    return FALSE; /* results from before stay */
  lus_segmenter_reset(run->segmenter);
  run->source = lus_tool_open_clip(run->path, NULL, error);
  run->results = run->source ? lus_results_begin(run->folder, &header, error) : NULL;
  if (run->results && run->options->dicom_seg)
    run->seg = lus_tool_seg_new(run->path, run->folder, run->model, error);
  return run->results && (run->seg || !run->options->dicom_seg);
}

static gboolean finish(Run *run, GError **error)
{
  return (!run->video || run->video->finish(run->video, error)) && (!run->seg || lus_tool_seg_finish(run->seg, error)) &&
         lus_results_finish(run->results, error);
}

static void clear(Run *run)
{
  if (run->video)
    run->video->free(run->video);
  if (run->source)
    run->source->free(run->source);
  lus_tool_seg_free(run->seg);
  lus_results_free(run->results);
  lus_overlay_free(run->overlay);
  g_free(run->canvas_memory);
}

gboolean lus_tool_segment_clip(const LusToolInput *input, const char *sha256, const char *folder, LusModel *model,
                               LusSegmenter *segmenter, const LusSegmentOptions *options, LusToolWorker *worker,
                               GError **error)
{
  Run run = {.path = input->path, .mm_per_pixel = input->mm_per_pixel, .folder = folder, .model = model, .segmenter = segmenter, .options = options};
  gboolean ok = begin(&run, sha256, error) && segment_frames(&run, worker, error) && finish(&run, error);
  clear(&run);
  return ok;
}

/** No file of results is empty, but after a power failure. */
static gboolean has_file(const char *folder, const char *name)
{
  GStatBuf status;
  g_autofree char *path = g_build_filename(folder, name, NULL);
  return g_stat(path, &status) == 0 && status.st_size > 0;
}

static gboolean has_picture(const char *folder, gint64 frame, const char *name)
{
  g_autofree char *file = g_strdup_printf("frame%06" G_GINT64_FORMAT ".%s.png", frame, name);
  return has_file(folder, file);
}

/** Whether each frame has the pictures that are asked for, and all frames can be read. */
static gboolean has_pictures(LusResultsReader *reader, const char *folder, const LusSegmentOptions *options)
{
  const LusResultsHeader *header = &reader->header;
  LusResultsFrame frame;
  gboolean end = FALSE, all = TRUE;
  while (all && lus_results_next(reader, &frame, &end, NULL)) {
    all = !options->dicom_seg || !frame.inferred || has_file(folder, LUS_SEGMENTATION_NAME);
    all &= options->masks != LUS_PLANES_PNG || has_picture(folder, frame.frame, "mask");
    for (int i = 0; all && options->confidences == LUS_PLANES_PNG && i < header->n_classes; i++)
      all = has_picture(folder, frame.frame, header->classes[i]);
  }
  return end;
}

/** Whether results were computed in the arithmetic that @segmenter uses; those of another CPU count too. */
static gboolean same_arithmetic(const char *kernels, const LusSegmenter *segmenter)
{
  return g_str_has_prefix(kernels, "int8, ") == g_str_has_prefix(lus_segmenter_kernels(segmenter), "int8, ");
}

/** Whether results have at least what is asked for. */
static gboolean has_outputs(const LusResultsHeader *header, const char *folder, const LusSegmentOptions *options)
{
  const LusPlanesForm masks = options->masks, confidences = options->confidences;
  return (!options->overlay || has_file(folder, overlay_name(options))) &&
         (masks == LUS_PLANES_NONE || masks == header->masks) &&
         (masks != LUS_PLANES_FFV1 || has_file(folder, LUS_MASKS_NAME)) &&
         (confidences == LUS_PLANES_NONE || has_file(folder, LUS_CONFIDENCES_NAME));
}

static gboolean same_masks(const LusResultsHeader *header, const LusSegmentOptions *options)
{
  return fabs(header->threshold - options->threshold) < 1e-6 && fabs(header->hysteresis - options->hysteresis) < 1e-6 &&
         fabs(header->temporal_alpha - options->temporal_alpha) < 1e-6 && header->min_area == options->min_area;
}

/** The depth scale is all that follows from it. */
static gboolean same_scale(const LusResultsHeader *header, double mm_per_pixel, const LusSegmentOptions *options)
{
  return !options->overlay || fabs(header->mm_per_pixel - mm_per_pixel) <= 1e-6 * mm_per_pixel;
}

gboolean lus_tool_segment_done(const LusToolInput *input, const char *sha256, const char *folder, const LusModel *model,
                               const LusSegmenter *segmenter, const LusSegmentOptions *options)
{
  g_autoptr(LusResultsReader) reader = lus_results_open(folder, NULL);
  const LusResultsHeader *header = reader ? &reader->header : NULL;
  return header && g_str_equal(header->clip_sha256, sha256) &&
         g_str_equal(header->model_sha256, lus_model_sha256(model)) && same_arithmetic(header->kernels, segmenter) &&
         same_masks(header, options) && same_scale(header, input->mm_per_pixel, options) &&
         has_outputs(header, folder, options) && has_pictures(reader, folder, options);
}
