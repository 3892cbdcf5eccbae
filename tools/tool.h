/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <lus/lus.h>

/** Exit codes of every command. */
enum { LUS_EXIT_DONE = 0, LUS_EXIT_ERROR = 1, LUS_EXIT_USAGE = 2 };

/** One sub-command: parses its own options with GOption; argv[0] is "lus NAME". Returns an exit code. */
typedef struct {
  const char *name;
  const char *summary; /* one line for `lus --help` */
  int (*run)(int argc, char **argv);
} LusCommand;

int lus_cmd_simulate(int argc, char **argv);
int lus_cmd_import(int argc, char **argv);
int lus_cmd_export(int argc, char **argv);
int lus_cmd_check(int argc, char **argv);
int lus_cmd_train(int argc, char **argv);
int lus_cmd_evaluate(int argc, char **argv);
int lus_cmd_sweep(int argc, char **argv);
int lus_cmd_quantize(int argc, char **argv);
int lus_cmd_fpn(int argc, char **argv);
int lus_cmd_segment(int argc, char **argv);
int lus_cmd_mask(int argc, char **argv);
int lus_cmd_merge(int argc, char **argv);
int lus_cmd_info(int argc, char **argv);
int lus_cmd_infer(int argc, char **argv);
int lus_cmd_bench(int argc, char **argv);
int lus_cmd_features(int argc, char **argv);
int lus_cmd_fit(int argc, char **argv);
int lus_cmd_exam(int argc, char **argv);
int lus_cmd_report(int argc, char **argv);
int lus_cmd_fhir(int argc, char **argv);
int lus_cmd_agree(int argc, char **argv);
int lus_cmd_fuse(int argc, char **argv);
int lus_cmd_live(int argc, char **argv);

/** Parses @entries from argv; what remains are arguments, whose number must be min..max (max < 0: no limit). On success
 *  *arguments is a NULL-terminated array to free with g_strfreev(). Returns LUS_EXIT_DONE, or LUS_EXIT_USAGE after having
 *  printed what is wrong to stderr. (--help prints and exits 0 by GOption.) @arguments_text: "MODEL DATASET";
 *  @description: paragraphs behind the options, with an example. */
int lus_tool_parse(int argc, char **argv, const GOptionEntry *entries, const char *arguments_text, const char *description,
                   int min, int max, char ***arguments);
/** Whether @file can become a file: hours of work must not end in a folder that is not there. */
gboolean lus_tool_can_write(const char *file, GError **error);
/** Whether @output is another file than @input: what was read must not be lost to what follows from it. */
gboolean lus_tool_keeps(const char *input, const char *output, GError **error);
/** Prints "lus NAME: message" and where to read on to stderr, returns LUS_EXIT_USAGE. */
int lus_tool_usage(const char *command, const char *message);
/** 0 or 1 to 100. What lies between 0 and 1 was meant as a part of one, not as a percent. */
gboolean lus_tool_is_percent(double value);
/** The file itself, or exam.json in a folder of lus exam; newly allocated. */
char *lus_tool_exam_path(const char *path);
/** Prints "lus NAME: message" to stderr, frees the error, returns LUS_EXIT_ERROR. */
int lus_tool_fail(const char *command, GError *error);

/** Any ONNX network, without this program's settings, for an input of @chw: what the file leaves open is taken from
 *  there (0: from the file), the rest must agree. */
LusOnnx *lus_tool_load_network(const char *path, const int chw[3], GError **error);
/** For qsort(). */
int lus_tool_compare_double(const void *a, const void *b);
/** Environment variables that keep OpenBLAS from choosing its kernels by the CPU, "OPENBLAS_CORETYPE=Haswell"; NULL: there
 *  are none. To be freed. */
char *lus_tool_pinned_blas(void);
/** Starts the program again, as "lus @command" with the rest of @argv, without these variables: OpenBLAS read them when it
 *  was loaded. Does nothing where there are none. */
void lus_tool_unpin_blas(const char *command, char **argv);
/** The command as typed, for records; newly allocated. */
char *lus_tool_command_text(int argc, char **argv);
/** "a, b, c and 4 more" of a list of texts, for messages; newly allocated. */
char *lus_tool_name_some(const GPtrArray *names);

/** A LusProgress that draws a bar with rate and ETA on a terminal, else a line every few seconds, all to stderr. user_data:
 *  LusToolProgress. SIGINT and SIGTERM make it return FALSE. */
typedef struct _LusToolProgress LusToolProgress;
LusToolProgress *lus_tool_progress_new(void);
void lus_tool_progress_free(LusToolProgress *progress); /* ends the line */
/** Ends the line, so that a message can be printed; the next progress begins anew. */
void lus_tool_progress_end(LusToolProgress *progress);
gboolean lus_tool_progress(gpointer user_data, const char *what, gint64 done, gint64 total);
/** The same for clips done side by side, of which some were done before this run. */
typedef struct {
  guint done, failed, all; /* clips */
  gint64 frames;           /* by this run */
  double seconds;          /* since it began */
  double share;            /* of this run's work that is done, 0..1 */
} LusToolClips;
gboolean lus_tool_progress_clips(LusToolProgress *progress, const LusToolClips *clips);
/** TRUE once SIGINT or SIGTERM came while a LusToolProgress was there. */
gboolean lus_tool_interrupted(void);

/** GStreamer behind LusFrameSource and LusFrameSink. The source decodes any file GStreamer reads, in the decoder's own
 *  format where it is a LusFormat. The sink writes Matroska with lossless FFV1 (GRAY8, I420...). */
LusFrameSource *lus_tool_open_clip(const char *path, gpointer user_data, GError **error);
/** Once next() gave a picture: the pictures per second (25/1 where the file does not say) and how many pictures there are
 *  about in all (-1: unknown). */
void lus_tool_clip_rate(const LusFrameSource *source, int *fps_n, int *fps_d, gint64 *frames);
LusFrameSink *lus_tool_create_clip(const char *path, LusFormat format, int width, int height, int fps_n, int fps_d,
                                   gpointer user_data, GError **error);
/** The same for viewing: H.264 where GStreamer has an encoder for it and the size is even, else FFV1. Any format. */
LusFrameSink *lus_tool_create_preview(const char *path, LusFormat format, int width, int height, int fps_n, int fps_d,
                                      gpointer user_data, GError **error);
