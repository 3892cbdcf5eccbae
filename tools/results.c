/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "results.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define JSON_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(7))

struct _LusResults {
  LusResultsHeader header;
  char *folder, *final, *temporary; /* frames.jsonl's names */
  FILE *out;
  gboolean finished;
  LusMasker *masker;
  LusMask *mask;
  gint64 frame;
  guint8 *plane;            /* one plane at frame size */
  gsize plane_size;
  guint8 *stack;            /* all of a frame's confidences and the sector, one above the other */
  LusFrameSink *masks, *confidences;
  GString *text;
};

static gboolean write_error(const LusResults *results, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", results->temporary, g_strerror(errno));
  return FALSE;
}

static gboolean no_memory(const LusResults *results, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a frame's masks", results->folder);
  return FALSE;
}

/** One line of JSON; takes @line over. */
static gboolean write_line(LusResults *results, json_t *line, GError **error)
{
  char *text = line ? json_dumps(line, JSON_FLAGS) : NULL;
  json_decref(line);
  gboolean ok = text && fputs(text, results->out) >= 0 && fputc('\n', results->out) >= 0;
  free(text);
  return ok || write_error(results, error);
}

/** 0.6f is 0.6 here: what is compared at --resume must not depend on float's digits. */
static double tidy(double value)
{
  return round(value * 1e6) / 1e6;
}

static gboolean write_header(LusResults *results, GError **error)
{
  const LusResultsHeader *header = &results->header;
  json_t *classes = json_array();
  for (int i = 0; i < header->n_classes; i++)
    json_array_append_new(classes, json_string(header->classes[i]));
  return write_line(results,
                    json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:f, s:s, s:o, s:[i,i], s:{s:b, s:s, s:s}, "
                              "s:{s:f, s:f, s:i}, s:b, s:o*}", "lus",
                              lus_version(), "schema", 1, "notice", LUS_NOTICE, "clip", header->clip, "model",
                              header->model, "model_sha256", header->model_sha256, "kernels", header->kernels,
                              "threshold", tidy(header->threshold), "clip_sha256", header->clip_sha256, "classes",
                              classes, "input", header->width, header->height, "outputs", "overlay", header->overlay,
                              "masks", lus_tool_planes_name(header->masks), "confidences",
                              lus_tool_planes_name(header->confidences), "cleaning", "hysteresis",
                              tidy(header->hysteresis), "temporal_alpha", tidy(header->temporal_alpha), "min_area",
                              header->min_area, "live", header->live, "mm_per_pixel",
                              header->mm_per_pixel > 0 ? json_real(header->mm_per_pixel) : NULL),
                    error);
}

/** What earlier results of this clip left: the files of this program's names. */
static void remove_old(const LusResults *results)
{
  static const char *const names[] = {
    LUS_FRAMES_NAME, LUS_OVERLAY_NAME, LUS_WHOLE_NAME, LUS_SEGMENTATION_NAME, LUS_MASKS_NAME, LUS_CONFIDENCES_NAME,
    LUS_OVERLAY_NAME ".part", LUS_WHOLE_NAME ".part", LUS_SEGMENTATION_NAME ".part", LUS_SEGMENTATION_NAME ".planes.part",
    NULL};
  g_autoptr(GDir) folder = g_dir_open(results->folder, 0, NULL);
  g_autoptr(GRegex) frame = g_regex_new("^frame[0-9]{6,}\\.[^/]+\\.png(\\.part)?$", 0, 0, NULL);
  for (const char *name = folder ? g_dir_read_name(folder) : NULL; name; name = g_dir_read_name(folder)) {
    gboolean ours = g_strv_contains(names, name) || g_regex_match(frame, name, 0, NULL);
    g_autofree char *path = g_build_filename(results->folder, name, NULL);
    if (ours)
      g_unlink(path);
  }
}

LusResults *lus_results_begin(const char *folder, const LusResultsHeader *header, GError **error)
{
  g_autoptr(LusResults) results = g_new0(LusResults, 1);
  results->header = *header;
  results->folder = g_strdup(folder);
  results->final = g_build_filename(folder, LUS_FRAMES_NAME, NULL);
  results->temporary = g_strconcat(results->final, ".part", NULL);
  results->text = g_string_new(NULL);
  if (g_mkdir_with_parents(folder, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make this folder: %s", folder, g_strerror(errno));
    return NULL;
  }
  /* From here on older results don't count. */
  g_unlink(results->final);
  remove_old(results);
  results->out = g_fopen(results->temporary, "we");
  if (!results->out) {
    write_error(results, error);
    return NULL;
  }
  gsize pixels = (gsize)header->width * (gsize)header->height;
  results->masker = lus_masker_new();
  results->stack = header->confidences ? g_try_malloc_n(pixels, (gsize)header->n_classes + 1) : NULL;
  if (!results->masker || (header->confidences && !results->stack)) {
    no_memory(results, error);
    return NULL;
  }
  return write_header(results, error) ? g_steal_pointer(&results) : NULL;
}

/** Of one class, over the sector's pixels, of which there are at most 4096 x 4096. */
typedef struct {
  guint32 inside, in_mask, confidence;
} Sums;

static Sums sum_sector(const guint8 *restrict sector, const guint8 *restrict plane, const guint8 *restrict confidence, gsize n)
{
  Sums sums = {0};
  for (gsize i = 0; i < n; i++) {
    sums.inside += sector[i] != 0;
    sums.in_mask += (sector[i] & plane[i]) != 0;
    sums.confidence += sector[i] & confidence[i];
  }
  return sums;
}

/** Area of the mask and mean confidence, both over the sector. */
static json_t *class_to_json(const LusSegmentation *segmentation, const LusMask *mask, int class)
{
  gsize pixels = (gsize)segmentation->width * (gsize)segmentation->height, first = (gsize)class * pixels;
  Sums sums = sum_sector(segmentation->sector, mask->planes + first, segmentation->confidence + first, pixels);
  double n = (double)MAX(sums.inside, 1);
  return json_pack("{s:f, s:f}", "area", (double)sums.in_mask / n, "confidence", (double)sums.confidence / (255 * n));
}

/** Puts a plane of the crop into results->plane, at frame size; @plane NULL: nothing was inferred, all 0. */
static void to_frame(LusResults *results, const guint8 *plane, const LusSegmentation *segmentation, const int size[2],
                     gboolean nearest)
{
  if (plane)
    lus_plane_to_frame(results->plane, size[0], size[0], size[1], plane, segmentation->width, segmentation->height,
                       segmentation->rect, nearest);
  else
    memset(results->plane, 0, (gsize)size[0] * (gsize)size[1]);
}

static json_t *mask_to_rle(LusResults *results, const guint8 *plane, const LusSegmentation *segmentation,
                           const int size[2])
{
  to_frame(results, plane, segmentation, size, TRUE);
  g_string_truncate(results->text, 0);
  lus_rle_append(results->text, results->plane, size[0], size[1]);
  return json_pack("{s:[i,i], s:s}", "size", size[1], size[0], "counts", results->text->str);
}

/** A frame on which nothing was inferred (no sector yet) has no classes: they are unknown, not empty. */
static gboolean write_frame(LusResults *results, const LusResultsEntry *entry, GError **error)
{
  const LusMask *mask = results->mask;
  const LusSegmentation *segmentation = entry->segmentation;
  const int size[2] = {entry->width, entry->height};
  json_t *classes = json_object();
  for (int i = 0; segmentation && i < segmentation->n_classes; i++) {
    json_t *class = class_to_json(segmentation, mask, i);
    if (results->header.masks == LUS_PLANES_RLE)
      json_object_set_new(class, "mask", mask_to_rle(results, mask->planes + (gsize)i * (gsize)mask->width *
                                                                                (gsize)mask->height, segmentation, size));
    json_object_set_new(classes, results->header.classes[i], class);
  }
  json_t *line = json_pack("{s:I, s:o, s:I, s:o, s:[i,i]}", "frame", (json_int_t)results->frame, "pts_ns",
                           entry->pts_ns >= 0 ? json_integer(entry->pts_ns) : json_null(), "age_ns",
                           (json_int_t)entry->age_ns, "classes", classes, "size", size[0], size[1]);
  if (segmentation) {
    LusRect rect = segmentation->rect;
    json_object_set_new(line, "rect", json_pack("[i,i,i,i]", rect.x, rect.y, rect.width, rect.height));
    json_object_set_new(line, "planes", json_pack("[i,i]", segmentation->width, segmentation->height));
  }
  return write_line(results, line, error);
}

/** Under another name first; made durable with all others at the end. */
static gboolean write_file(const char *path, const GByteArray *data, GError **error)
{
  g_autofree char *temporary = g_strconcat(path, ".part", NULL);
  FILE *file = g_fopen(temporary, "we");
  gboolean ok = file && fwrite(data->data, 1, data->len, file) == data->len;
  if (file && fclose(file) != 0)
    ok = FALSE;
  if (ok && g_rename(temporary, path) == 0)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", path, g_strerror(errno));
  g_unlink(temporary);
  return FALSE;
}

static gboolean write_png(LusResults *results, const char *name, const int size[2], GError **error)
{
  g_autofree char *file = g_strdup_printf("frame%06" G_GINT64_FORMAT ".%s.png", results->frame, name);
  g_autofree char *path = g_build_filename(results->folder, file, NULL);
  g_autoptr(GByteArray) png = lus_png_encode(path, results->plane, size[0], size[1], size[0], 1, error);
  return png && write_file(path, png, error);
}

/** One grey picture of a lossless video, which is opened at the first. */
static gboolean push(const LusResults *results, LusFrameSink **sink, const char *name, guint8 *pixels, int width,
                     int height, gint64 pts_ns, const int rate[2], GError **error)
{
  if (!*sink) {
    g_autofree char *path = g_build_filename(results->folder, name, NULL);
    *sink = lus_tool_create_clip(path, LUS_FORMAT_GRAY8, width, height, rate[0], rate[1], NULL, error);
  }
  const LusImage image = {.format = LUS_FORMAT_GRAY8, .width = width, .height = height, .planes = {pixels},
                          .strides = {width}, .full_range = TRUE};
  return *sink && (*sink)->push(*sink, &image, pts_ns, error);
}

static gboolean write_masks(LusResults *results, const LusSegmentation *segmentation, const int size[2], gint64 pts_ns,
                            const int rate[2], GError **error)
{
  LusPlanesForm form = results->header.masks;
  if (form != LUS_PLANES_PNG && form != LUS_PLANES_FFV1)
    return TRUE;
  to_frame(results, segmentation ? results->mask->ids : NULL, segmentation, size, TRUE);
  if (form == LUS_PLANES_PNG)
    return write_png(results, "mask", size, error);
  return push(results, &results->masks, LUS_MASKS_NAME, results->plane, size[0], size[1], pts_ns, rate, error);
}

/** The planes as they are: each in a field of the model's input size, at its upper left; the sector below them. */
static gboolean write_stack(LusResults *results, const LusSegmentation *segmentation, gint64 pts_ns, const int rate[2],
                            GError **error)
{
  const LusResultsHeader *header = &results->header;
  gsize field = (gsize)header->width * (gsize)header->height;
  int planes = header->n_classes + 1;
  memset(results->stack, 0, field * (gsize)planes);
  for (int i = 0; segmentation && i < planes; i++) {
    const guint8 *in = i < header->n_classes ? segmentation->confidence + (gsize)i * (gsize)segmentation->width *
                                                                            (gsize)segmentation->height
                                             : segmentation->sector;
    for (int y = 0; y < segmentation->height; y++)
      memcpy(results->stack + (gsize)i * field + (gsize)y * (gsize)header->width,
             in + (gsize)y * (gsize)segmentation->width, (gsize)segmentation->width);
  }
  return push(results, &results->confidences, LUS_CONFIDENCES_NAME, results->stack, header->width,
              header->height * planes, pts_ns, rate, error);
}

static gboolean write_confidences(LusResults *results, const LusSegmentation *segmentation, const int size[2],
                                  gint64 pts_ns, const int rate[2], GError **error)
{
  const LusResultsHeader *header = &results->header;
  if (!header->confidences)
    return TRUE;
  for (int i = 0; header->confidences == LUS_PLANES_PNG && i < header->n_classes; i++) {
    to_frame(results, segmentation ? segmentation->confidence + (gsize)i * (gsize)segmentation->width *
                                                                  (gsize)segmentation->height : NULL,
             segmentation, size, FALSE);
    if (!write_png(results, header->classes[i], size, error))
      return FALSE;
  }
  return write_stack(results, segmentation, pts_ns, rate, error);
}

static gboolean make_plane(LusResults *results, gsize size, GError **error)
{
  if (size <= results->plane_size)
    return TRUE;
  g_free(results->plane);
  results->plane = g_try_malloc(size);
  results->plane_size = results->plane ? size : 0;
  return results->plane || no_memory(results, error);
}

/* As lusconfmask does it: nothing is carried over a picture without a result. */
static gboolean make_mask(LusResults *results, const LusSegmentation *segmentation, GError **error)
{
  const LusResultsHeader *header = &results->header;
  LusConfidenceConfig config = {.min_area = header->min_area, .hysteresis = header->hysteresis,
                                .temporal_alpha = header->temporal_alpha};
  for (int i = 0; i < LUS_MAX_CLASSES; i++)
    config.thresholds[i] = header->threshold;
  g_clear_pointer(&results->mask, lus_mask_unref);
  if (!segmentation) {
    lus_masker_reset(results->masker);
    return TRUE;
  }
  results->mask = lus_masker_run(results->masker, segmentation, &config);
  return results->mask || no_memory(results, error);
}

gboolean lus_results_add(LusResults *results, const LusMask **mask, const LusResultsEntry *entry, GError **error)
{
  const LusSegmentation *segmentation = entry->segmentation;
  const int size[2] = {entry->width, entry->height};
  if (!make_plane(results, (gsize)size[0] * (gsize)size[1], error) || !make_mask(results, segmentation, error))
    return FALSE;
  *mask = results->mask;
  if (!write_frame(results, entry, error) ||
      !write_masks(results, segmentation, size, entry->pts_ns, entry->rate, error) ||
      !write_confidences(results, segmentation, size, entry->pts_ns, entry->rate, error))
    return FALSE;
  results->frame++;
  return TRUE;
}

/** What was written to the folder's file system reaches the disk before frames.jsonl says so. */
static gboolean sync_planes(const LusResults *results, GError **error)
{
  if (results->header.masks != LUS_PLANES_PNG && results->header.confidences != LUS_PLANES_PNG)
    return TRUE;
  int fd = g_open(results->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  gboolean ok = fd >= 0 && syncfs(fd) == 0;
  if (!ok)
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot write: %s", results->folder, g_strerror(errno));
  if (fd >= 0)
    close(fd);
  return ok;
}

gboolean lus_results_finish(LusResults *results, GError **error)
{
  if ((results->masks && !results->masks->finish(results->masks, error)) ||
      (results->confidences && !results->confidences->finish(results->confidences, error)) ||
      !sync_planes(results, error))
    return FALSE;
  FILE *out = g_steal_pointer(&results->out);
  gboolean ok = !ferror(out);
  if (fclose(out) != 0 || !ok)
    return write_error(results, error);
  results->finished = lus_file_commit(results->temporary, results->final, error);
  return results->finished;
}

void lus_results_free(LusResults *results)
{
  if (!results)
    return;
  if (results->masks)
    results->masks->free(results->masks);
  if (results->confidences)
    results->confidences->free(results->confidences);
  if (results->out)
    fclose(results->out);
  if (!results->finished)
    remove_old(results);
  g_unlink(results->temporary);
  g_clear_pointer(&results->mask, lus_mask_unref);
  lus_masker_free(results->masker);
  g_string_free(results->text, TRUE);
  g_free(results->plane);
  g_free(results->stack);
  g_free(results->folder);
  g_free(results->final);
  g_free(results->temporary);
  g_free(results);
}
