/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tool.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int lus_tool_parse(int argc, char **argv, const GOptionEntry *entries, const char *arguments_text,
                   const char *description, int min, int max, char ***arguments)
{
  g_autoptr(GOptionContext) context = g_option_context_new(arguments_text);
  g_option_context_set_description(context, description);
  g_option_context_add_main_entries(context, entries, NULL);
  g_set_prgname(argv[0]);

  g_auto(GStrv) rest = g_new0(char *, argc + 1);
  for (int i = 0; i < argc; i++)
    rest[i] = g_strdup(argv[i]);
  g_autoptr(GError) error = NULL;
  if (!g_option_context_parse_strv(context, &rest, &error)) {
    fprintf(stderr, "%s: %s\nTry '%s --help'.\n", argv[0], error->message, argv[0]);
    return LUS_EXIT_USAGE;
  }
  /* What remains is the program's name, perhaps "--", and the arguments. */
  char **first = rest + 1;
  if (*first && g_str_equal(*first, "--"))
    first++;
  int n = (int)g_strv_length(first);
  if (n < min || (max >= 0 && n > max)) {
    fprintf(stderr, "%s: %s argument%s: expected %s\nTry '%s --help'.\n", argv[0], n < min ? "missing" : "too many",
            n < min ? "" : "s", arguments_text, argv[0]);
    return LUS_EXIT_USAGE;
  }
  *arguments = g_strdupv(first);
  return LUS_EXIT_DONE;
}

gboolean lus_tool_is_percent(double value)
{
  return value == 0 || (value >= 1 && value <= 100);
}

char *lus_tool_exam_path(const char *path)
{
  return g_file_test(path, G_FILE_TEST_IS_DIR) ? g_build_filename(path, "exam.json", NULL) : g_strdup(path);
}

gboolean lus_tool_can_write(const char *file, GError **error)
{
  g_autofree char *folder = g_path_get_dirname(file);
  if (*file == '\0')
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "the output's name is empty; give the name of a file");
  else if (!g_file_test(folder, G_FILE_TEST_IS_DIR))
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: there is no folder %s; make it first", file, folder);
  else if (g_access(folder, W_OK) != 0)
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: the folder %s cannot be written to", file, folder);
  else if (g_file_test(file, G_FILE_TEST_IS_DIR))
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: is a folder; give the name of a file in it", file);
  else
    return TRUE;
  return FALSE;
}

gboolean lus_tool_keeps(const char *input, const char *output, GError **error)
{
  GStatBuf from, to;
  if (g_stat(input, &from) != 0 || g_stat(output, &to) != 0 || from.st_dev != to.st_dev || from.st_ino != to.st_ino)
    return TRUE;
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: is an input and would be replaced; give another name with -o",
              output);
  return FALSE;
}

int lus_tool_usage(const char *command, const char *message)
{
  fprintf(stderr, "lus %s: %s\nTry 'lus %s --help'.\n", command, message, command);
  return LUS_EXIT_USAGE;
}

int lus_tool_fail(const char *command, GError *error)
{
  fprintf(stderr, "lus %s: %s\n", command, error ? error->message : "failed");
  g_clear_error(&error);
  return LUS_EXIT_ERROR;
}

#define BAR_WIDTH 28
#define TERMINAL_INTERVAL (G_USEC_PER_SEC / 10)
#define LOG_INTERVAL (5 * G_USEC_PER_SEC)
#define NAMED 3 /* of many */
#define PIECE_ENDED G_MININT64 /* no total equals it: the next call begins a piece of work */

struct _LusToolProgress {
  gboolean terminal;
  gboolean line_open;      /* the terminal's cursor stands behind a bar */
  gint64 started, first;   /* time and count at which this piece of work began */
  gint64 last_done, total;
  gint64 shown;            /* time of the last output */
  struct sigaction before_int, before_term;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
  (void)number;
  interrupted = 1;
}

gboolean lus_tool_interrupted(void)
{
  return interrupted != 0;
}

LusToolProgress *lus_tool_progress_new(void)
{
  LusToolProgress *progress = g_new0(LusToolProgress, 1);
  progress->terminal = isatty(STDERR_FILENO);
  progress->total = PIECE_ENDED;
  /* SA_RESETHAND: a second Ctrl-C ends the program at once. */
  struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &progress->before_int);
  sigaction(SIGTERM, &action, &progress->before_term);
  return progress;
}

void lus_tool_progress_end(LusToolProgress *progress)
{
  if (!progress)
    return;
  if (progress->line_open)
    fputc('\n', stderr);
  progress->line_open = FALSE;
  progress->total = PIECE_ENDED;
}

void lus_tool_progress_free(LusToolProgress *progress)
{
  if (!progress)
    return;
  lus_tool_progress_end(progress);
  sigaction(SIGINT, &progress->before_int, NULL);
  sigaction(SIGTERM, &progress->before_term, NULL);
  g_free(progress);
}

/** "1:02:03" or "4:05". */
static void append_time(GString *text, double seconds)
{
  gint64 s = (gint64)(seconds + 0.5);
  if (s >= 3600)
    g_string_append_printf(text, "%" G_GINT64_FORMAT ":%02d:%02d", s / 3600, (int)(s / 60 % 60), (int)(s % 60));
  else
    g_string_append_printf(text, "%d:%02d", (int)(s / 60), (int)(s % 60));
}

static void append_counts(GString *text, const LusToolProgress *progress, gint64 done, gint64 now)
{
  if (progress->total > 0)
    g_string_append_printf(text, " %" G_GINT64_FORMAT "/%" G_GINT64_FORMAT, done, progress->total);
  else
    g_string_append_printf(text, " %" G_GINT64_FORMAT, done);
  double seconds = (double)(now - progress->started) / G_USEC_PER_SEC;
  gint64 steps = done - progress->first;
  if (steps <= 0 || seconds <= 0)
    return;
  g_string_append_printf(text, " %.3g/s", (double)steps / seconds);
  if (progress->total > done) {
    g_string_append(text, ", ");
    append_time(text, seconds * (double)(progress->total - done) / (double)steps);
    g_string_append(text, " left");
  }
}

static void append_bar(GString *text, gint64 done, gint64 total)
{
  int filled = (int)((double)BAR_WIDTH * (double)CLAMP(done, 0, total) / (double)total);
  g_string_append(text, " [");
  for (int i = 0; i < BAR_WIDTH; i++)
    g_string_append_c(text, i < filled ? '#' : '.');
  g_string_append_c(text, ']');
}

static void print_line(LusToolProgress *progress, const char *text, gint64 now)
{
  if (progress->terminal)
    fprintf(stderr, "\r%s\033[K", text);
  else
    fprintf(stderr, "%s\n", text);
  fflush(stderr);
  progress->line_open = progress->terminal;
  progress->shown = now;
}

static void show(LusToolProgress *progress, const char *what, gint64 done, gint64 now)
{
  g_autoptr(GString) text = g_string_new(what);
  if (progress->terminal && progress->total > 0)
    append_bar(text, done, progress->total);
  append_counts(text, progress, done, now);
  print_line(progress, text->str, now);
}

gboolean lus_tool_progress(gpointer user_data, const char *what, gint64 done, gint64 total)
{
  LusToolProgress *progress = user_data;
  if (!progress)
    return !interrupted;
  gint64 now = g_get_monotonic_time();
  if (total != progress->total || done < progress->last_done) {
    /* Another piece of work: its rate is its own. */
    lus_tool_progress_end(progress);
    progress->started = progress->shown = now;
    progress->first = done;
    progress->total = total;
  }
  progress->last_done = done;
  gint64 interval = progress->terminal ? TERMINAL_INTERVAL : LOG_INTERVAL;
  gboolean last = total > 0 && done >= total && now - progress->started >= interval;
  if (last || now - progress->shown >= interval)
    show(progress, what, done, now);
  return !interrupted;
}

gboolean lus_tool_progress_clips(LusToolProgress *progress, const LusToolClips *clips)
{
  gint64 now = g_get_monotonic_time();
  if (progress->total != clips->all) {
    progress->shown = now;
    progress->total = clips->all;
  }
  if (now - progress->shown < (progress->terminal ? TERMINAL_INTERVAL : LOG_INTERVAL))
    return !interrupted;
  g_autoptr(GString) text = g_string_new("clips");
  if (progress->terminal)
    append_bar(text, clips->done + clips->failed, clips->all);
  g_string_append_printf(text, " %u/%u", clips->done + clips->failed, clips->all);
  if (clips->failed > 0)
    g_string_append_printf(text, " (%u failed)", clips->failed);
  g_string_append_printf(text, " %.3g frames/s", (double)clips->frames / clips->seconds);
  if (clips->share > 0 && clips->share < 1) {
    g_string_append(text, ", ");
    append_time(text, clips->seconds * (1 - clips->share) / clips->share);
    g_string_append(text, " left");
  }
  print_line(progress, text->str, now);
  return !interrupted;
}

char *lus_tool_command_text(int argc, char **argv)
{
  GString *text = g_string_new(argv[0]);
  for (int i = 1; i < argc; i++) {
    gboolean plain = strspn(argv[i], G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "-_=:./,+") == strlen(argv[i]) &&
                     *argv[i];
    g_autofree char *quoted = plain ? g_strdup(argv[i]) : g_shell_quote(argv[i]);
    g_string_append_printf(text, " %s", quoted);
  }
  return g_string_free(text, FALSE);
}

char *lus_tool_name_some(const GPtrArray *names)
{
  GString *text = g_string_new(NULL);
  for (guint i = 0; i < MIN(names->len, NAMED); i++)
    g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (const char *)names->pdata[i]);
  if (names->len > NAMED)
    g_string_append_printf(text, " and %u more", names->len - NAMED);
  return g_string_free(text, FALSE);
}
