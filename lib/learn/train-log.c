/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/train-log.h"
#include "learn/csv.h"
#include "nn/error.h"
#include "nn/file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_BYTES ((gsize)1 << 30)

struct _LusTrainLog {
  char *path;
  FILE *file;
  int n_classes;
  double seconds; /* of earlier runs */
  gint64 started;
};

static char *header_line(const char *const *classes, int n_classes)
{
  GString *text = g_string_new("step,loss,learning_rate,gradient_norm");
  for (int k = 0; k < n_classes; k++) {
    g_autofree char *name = g_strconcat("dice_", classes[k], NULL);
    g_string_append_c(text, ',');
    lus_csv_append(text, name);
  }
  g_string_append(text, ",seconds\n");
  return g_string_free(text, FALSE);
}

static gboolean io_error(GError **error, const char *path, const char *what)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot %s the log: %s", path, what, g_strerror(errno));
  return FALSE;
}

/** How much of @text, behind the header, are whole rows of steps up to @step; *seconds from the last of them. */
static gsize rows_to_keep(const char *text, gint64 step, double *seconds)
{
  const char *at = text;
  for (const char *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
    char *rest = NULL;
    gint64 number = g_ascii_strtoll(at, &rest, 10);
    const char *last = g_strrstr_len(at, end - at, ",");
    if (rest == at || *rest != ',' || number < 1 || number > step)
      break;
    *seconds = g_ascii_strtod(last + 1, NULL);
  }
  return (gsize)(at - text);
}

/** Leaves the header and the rows up to @step in the file. */
static gboolean cut(LusTrainLog *log, const char *header, gint64 step, GError **error)
{
  gsize length = 0, head = strlen(header);
  if (!g_file_test(log->path, G_FILE_TEST_EXISTS))
    return lus_file_write(log->path, header, head, error);
  g_autofree guint8 *data = lus_file_read(log->path, MAX_BYTES, &length, error);
  if (!data)
    return FALSE;
  const char *text = (const char *)data;
  if (length != 0 && !g_str_has_prefix(text, header)) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID,
                "%s: is there and is not the log of a training with these classes; choose another name or remove it",
                log->path);
    return FALSE;
  }
  if (length == 0)
    return lus_file_write(log->path, header, head, error);
  return lus_file_write(log->path, text, head + rows_to_keep(text + head, step, &log->seconds), error);
}

LusTrainLog *lus_train_log_open(const char *path, const char *const *classes, int n_classes, gint64 step,
                                GError **error)
{
  LusTrainLog *log = g_new0(LusTrainLog, 1);
  log->path = g_strdup(path);
  log->n_classes = n_classes;
  log->started = g_get_monotonic_time();
  g_autofree char *header = header_line(classes, n_classes);
  if (cut(log, header, step, error)) {
    log->file = fopen(path, "ae");
    if (log->file)
      return log;
    io_error(error, path, "open");
  }
  lus_train_log_free(log);
  return NULL;
}

static void append(GString *line, const char *format, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];
  g_string_append_c(line, ',');
  if (isfinite(value))
    g_string_append(line, g_ascii_formatd(number, sizeof number, format, value));
}

gboolean lus_train_log_add(LusTrainLog *log, gint64 step, double loss, double learning_rate, double gradient_norm,
                           const double *dice, GError **error)
{
  g_autoptr(GString) line = g_string_new(NULL);
  g_string_printf(line, "%" G_GINT64_FORMAT, step);
  append(line, "%.9g", loss);
  append(line, "%.9g", learning_rate);
  append(line, "%.9g", gradient_norm);
  for (int k = 0; k < log->n_classes; k++)
    append(line, "%.6f", dice ? dice[k] : (double)NAN);
  append(line, "%.3f", log->seconds + (double)(g_get_monotonic_time() - log->started) / G_USEC_PER_SEC);
  g_string_append_c(line, '\n');
  if (fwrite(line->str, 1, line->len, log->file) != line->len || fflush(log->file) != 0)
    return io_error(error, log->path, "write");
  return TRUE;
}

void lus_train_log_free(LusTrainLog *log)
{
  if (!log)
    return;
  if (log->file)
    fclose(log->file);
  g_free(log->path);
  g_free(log);
}
