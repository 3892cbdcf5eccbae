/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "batch.h"
#include "results-read.h"

#include <glib/gstdio.h>
#include <string.h>

static const char description[] =
  "Makes masks at another threshold from the confidences that lus segment --confidences stored, without\n"
  "running the model: the same files, bit for bit, as lus segment would write at that threshold. RESULTS are\n"
  "folders with frames.jsonl and confidences.mkv, or folders of such folders. FORM: png, rle or ffv1, as for\n"
  "lus segment.\n\n"
  "Example: lus mask results -o results-30 --threshold 30 --masks rle\n\n" LUS_NOTICE;

typedef struct {
  char *output, *masks;
  double percent;
  LusPlanesForm form;
  gboolean keep_going;
  int threads;
  GPtrArray *inputs; /* LusToolInput: the confidences, and the name of their folder */
} Options;

static int parse(Options *o, int argc, char **argv, char ***arguments)
{
  *o = (Options){.percent = -1};
  const GOptionEntry entries[] = {
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output, "Folder for the results", "DIR"},
    {"threshold", 't', 0, G_OPTION_ARG_DOUBLE, &o->percent, "Confidence at which a mask begins, 0..100", "PERCENT"},
    {"masks", 0, 0, G_OPTION_ARG_STRING, &o->masks, "Write masks: png (if FORM is left out), rle or ffv1", "FORM"},
    {"keep-going", 0, 0, G_OPTION_ARG_NONE, &o->keep_going, "Do the other clips after one failed; list those that did",
     NULL},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads, "Clips done at once (default: one per processor)", "N"},
    G_OPTION_ENTRY_NULL};
  argc = lus_tool_planes_arguments(argc, argv, "--masks");
  int code = lus_tool_parse(argc, argv, entries, "RESULTS...", description, 1, -1, arguments);
  int form = o->masks ? lus_tool_planes_form(o->masks) : LUS_PLANES_NONE;
  if (code != LUS_EXIT_DONE)
    return code;
  if (!o->output)
    return lus_tool_usage("mask", "--output is needed");
  if (!lus_tool_is_percent(o->percent))
    return lus_tool_usage("mask", "--threshold is needed, 0 to 100 percent: 60, not 0.6");
  if (o->threads < 0)
    return lus_tool_usage("mask", "--threads must be 0 or more");
  if (form < 0)
    return lus_tool_usage("mask", "--masks is one of png, rle, ffv1");
  o->form = (LusPlanesForm)form;
  return LUS_EXIT_DONE;
}

/** Folders of results in and below @path; @name: from the argument to here. */
static void find(GPtrArray *inputs, const char *path, const char *name, int depth)
{
  g_autofree char *frames = g_build_filename(path, LUS_FRAMES_NAME, NULL);
  if (g_file_test(frames, G_FILE_TEST_EXISTS)) {
    LusToolInput *input = g_new0(LusToolInput, 1);
    g_autofree char *base = g_path_get_basename(path);
    input->path = g_build_filename(path, LUS_CONFIDENCES_NAME, NULL);
    input->name = g_strdup(*name ? name : base);
    g_ptr_array_add(inputs, input);
  }
  g_autoptr(GDir) folder = depth < 16 ? g_dir_open(path, 0, NULL) : NULL;
  for (const char *entry = folder ? g_dir_read_name(folder) : NULL; entry; entry = g_dir_read_name(folder)) {
    g_autofree char *full = g_build_filename(path, entry, NULL);
    g_autofree char *below = *name ? g_build_filename(name, entry, NULL) : g_strdup(entry);
    if (g_file_test(full, G_FILE_TEST_IS_DIR))
      find(inputs, full, below, depth + 1);
  }
}

static gboolean find_all(Options *o, char **arguments, GError **error)
{
  g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
  o->inputs = g_ptr_array_new_with_free_func(lus_tool_input_free);
  for (; *arguments; arguments++) {
    guint before = o->inputs->len;
    find(o->inputs, *arguments, "", 0);
    if (o->inputs->len > before)
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: no results of lus segment (frames.jsonl) in it", *arguments);
    return FALSE;
  }
  for (guint i = 0; i < o->inputs->len; i++) {
    const LusToolInput *input = o->inputs->pdata[i];
    if (g_hash_table_add(names, input->name))
      continue;
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: another result would be kept as '%s' too; give them in separate "
                "runs", input->path, input->name);
    return FALSE;
  }
  return TRUE;
}

/** A frame's planes out of the stack that results.c describes. */
static LusSegmentation *take_planes(const LusResultsHeader *header, const LusResultsFrame *frame, const LusImage *image,
                                    guint8 *planes)
{
  LusSegmentation *segmentation = g_new0(LusSegmentation, 1);
  gsize pixels = (gsize)frame->plane_width * (gsize)frame->plane_height;
  *segmentation = (LusSegmentation){.n_classes = header->n_classes, .frame_width = frame->width,
                                    .frame_height = frame->height, .rect = frame->rect, .width = frame->plane_width,
                                    .height = frame->plane_height, .confidence = planes,
                                    .sector = planes + (gsize)header->n_classes * pixels, .pts_ns = frame->pts_ns};
  for (int i = 0; i <= header->n_classes; i++)
    for (int y = 0; y < frame->plane_height; y++)
      memcpy(planes + (gsize)i * pixels + (gsize)y * (gsize)frame->plane_width,
             image->planes[0] + ((gsize)i * (gsize)header->height + (gsize)y) * (gsize)image->strides[0],
             (gsize)frame->plane_width);
  return segmentation;
}

typedef struct {
  const char *path;
  LusResultsReader *reader;
  LusFrameSource *source;
  LusResults *results;
  guint8 *planes; /* of one frame */
} Clip;

static gboolean mismatch(const Clip *clip, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: is not what %s describes; run lus segment --confidences again",
              clip->path, clip->reader->path);
  return FALSE;
}

static gboolean mask_frames(Clip *clip, LusToolWorker *worker, GError **error)
{
  const LusResultsHeader *header = &clip->reader->header;
  for (gint64 n = 0;; n++) {
    LusImage image;
    LusResultsFrame frame;
    gint64 pts_ns, total;
    gboolean end = FALSE, frames_end = FALSE;
    int rate[2];
    if (!clip->source->next(clip->source, &image, &pts_ns, &end, error) ||
        (!lus_results_next(clip->reader, &frame, &frames_end, error) && !frames_end))
      return FALSE;
    if (end || frames_end)
      return end == frames_end || mismatch(clip, error);
    if (image.format != LUS_FORMAT_GRAY8 || image.width != header->width ||
        image.height != header->height * (header->n_classes + 1))
      return mismatch(clip, error);
    g_autofree LusSegmentation *segmentation = frame.inferred ? take_planes(header, &frame, &image, clip->planes) : NULL;
    const LusMask *mask;
    lus_tool_clip_rate(clip->source, &rate[0], &rate[1], &total);
    const LusResultsEntry entry = {.segmentation = segmentation, .width = frame.width, .height = frame.height,
                                   .pts_ns = frame.pts_ns, .rate = {rate[0], rate[1]}};
    if (!lus_results_add(clip->results, &mask, &entry, error) ||
        !lus_tool_worker_frame(worker, n + 1, total, error))
      return FALSE;
  }
}

/** Also by another name, such as a symbolic link. */
static gboolean is_same_folder(const char *a, const char *b)
{
  GStatBuf at, bt;
  return g_stat(a, &at) == 0 && g_stat(b, &bt) == 0 && at.st_dev == bt.st_dev && at.st_ino == bt.st_ino;
}

static gboolean open_clip(Clip *clip, const Options *o, const LusToolInput *input, GError **error)
{
  g_autofree char *from = g_path_get_dirname(input->path);
  g_autofree char *folder = g_build_filename(o->output, input->name, NULL);
  if (is_same_folder(from, folder)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: would be overwritten; give another folder with -o", folder);
    return FALSE;
  }
  clip->reader = lus_results_open(from, error);
  if (!clip->reader)
    return FALSE;
  if (!g_file_test(input->path, G_FILE_TEST_EXISTS)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: no such file; lus segment --confidences writes it", input->path);
    return FALSE;
  }
  LusResultsHeader header = clip->reader->header;
  header.threshold = o->percent / 100;
  header.overlay = FALSE;
  header.masks = o->form;
  header.confidences = LUS_PLANES_NONE;
  clip->planes = g_try_malloc_n((gsize)header.width * (gsize)header.height, (gsize)header.n_classes + 1);
  if (!clip->planes) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a frame", input->path);
    return FALSE;
  }
  clip->source = lus_tool_open_clip(input->path, NULL, error);
  clip->results = clip->source ? lus_results_begin(folder, &header, error) : NULL;
  return clip->results != NULL;
}

static gboolean mask_clip(gpointer data, gpointer opened, guint index, LusToolWorker *worker, GError **error)
{
  (void)opened;
  const Options *o = data;
  const LusToolInput *input = o->inputs->pdata[index];
  Clip clip = {.path = input->path};
  gboolean ok = open_clip(&clip, o, input, error) && mask_frames(&clip, worker, error) &&
                lus_results_finish(clip.results, error);
  lus_results_free(clip.results);
  if (clip.source)
    clip.source->free(clip.source);
  lus_results_close(clip.reader);
  g_free(clip.planes);
  return ok;
}

static gpointer open_nothing(gpointer data, int threads, GError **error)
{
  (void)threads, (void)error;
  return data;
}

static void close_nothing(gpointer opened)
{
  (void)opened;
}

static int run(Options *o, char **arguments)
{
  GError *error = NULL;
  if (!find_all(o, arguments, &error))
    return lus_tool_fail("mask", error);
  const LusToolBatch batch = {.command = "mask", .inputs = o->inputs, .threads = o->threads, .keep_going = o->keep_going,
                              .open = open_nothing, .close = close_nothing, .clip = mask_clip, .data = o};
  g_autofree char **errors = g_new0(char *, (gsize)o->inputs->len + 1);
  int code = lus_tool_batch_run(&batch, errors);
  for (guint i = 0; i < o->inputs->len; i++)
    g_free(errors[i]);
  return code;
}

int lus_cmd_mask(int argc, char **argv)
{
  Options options;
  g_auto(GStrv) arguments = NULL;
  int code = parse(&options, argc, argv, &arguments);
  if (code == LUS_EXIT_DONE)
    code = run(&options, arguments);
  if (options.inputs)
    g_ptr_array_unref(options.inputs);
  g_free(options.output);
  g_free(options.masks);
  return code;
}
