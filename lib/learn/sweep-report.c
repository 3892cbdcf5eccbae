/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/sweep-internal.h"
#include "nn/error.h"
#include "nn/file.h"

#include <errno.h>
#include <string.h>

static gboolean write_text(const char *folder, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  return lus_file_write(path, text, strlen(text), error);
}

static gboolean write_patients(const LusSweepTable *t, GError **error)
{
  g_autofree char *folder = g_build_filename(t->config->path, "patients", NULL);
  if (g_mkdir_with_parents(folder, 0777) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: cannot make this folder: %s", folder, g_strerror(errno));
    return FALSE;
  }
  for (int i = 0; i < t->n_targets; i++) {
    g_autofree char *csv = lus_evaluation_csv(t->evaluations[i], t->bootstrap);
    g_autofree char *stem = lus_sweep_file_name(t->names[i]), *name = g_strconcat(stem, ".csv", NULL);
    if (!write_text(folder, name, csv, error))
      return FALSE;
  }
  return TRUE;
}

gboolean lus_sweep_report(const LusSweepConfig *config, GError **error)
{
  LusSweepTable table;
  gboolean ok = lus_sweep_table_fill(&table, config, error) && lus_sweep_plots(&table, config->path, error) &&
                write_patients(&table, error);
  if (ok) {
    g_autofree char *csv = lus_sweep_csv(&table);
    ok = write_text(config->path, "sweep.csv", csv, error);
  }
  if (ok && config->measure) {
    ok = lus_sweep_outcomes_fit(&table.outcomes, config, error);
    g_autofree char *csv = ok ? lus_sweep_outcomes_csv(&table.outcomes, table.names) : NULL;
    ok = ok && write_text(config->path, "outcomes.csv", csv, error);
  }
  g_autofree char *html = ok ? lus_sweep_html(&table, error) : NULL;
  ok = html && write_text(config->path, "report.html", html, error);
  lus_sweep_table_clear(&table);
  return ok;
}
