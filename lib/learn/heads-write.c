/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "learn/heads-write.h"
#include "nn/error.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define DIGITS 10

static json_t *inputs_array(const LusHead *head)
{
  json_t *inputs = json_array();
  for (int i = 0; i < head->n_inputs; i++) {
    const LusHeadInput *k = &head->inputs[i];
    json_array_append_new(inputs, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:f}", "name",
                                            lus_exam_input_name(k->index), "of", k->difference ? "difference" : "level",
                                            "mean", k->mean, "sd", k->sd, "low", k->low, "high", k->high, "weight",
                                            k->weight));
  }
  return inputs;
}

static json_t *change_line(const LusHeadZones *z)
{
  json_t *line = json_pack("{s:[f, f], s:f}", "cuts", z->cuts[0], z->cuts[1], "slope", z->slope);
  if (z->has_borders)
    json_object_set_new(line, "borders", json_pack("[f, f]", z->borders[0], z->borders[1]));
  return line;
}

static json_t *by_zones_array(const LusHead *head, LusTask task)
{
  json_t *lines = json_array();
  for (int i = 0; i < head->zones; i++) {
    const LusHeadZones *z = &head->by_zones[i];
    json_t *line;
    if (task == LUS_TASK_SF)
      line = json_pack("{s:f, s:f, s:f}", "offset", z->offset, "slope", z->slope, "half_width", z->half_width);
    else if (task == LUS_TASK_CHANGE)
      line = change_line(z);
    else
      line = json_pack("{s:f, s:f, s:[f, f, f]}", "offset", z->offset, "slope", z->slope, "variance", z->variance[0],
                       z->variance[1], z->variance[2]);
    json_array_append_new(lines, line);
  }
  return lines;
}

static json_t *fit_object(const LusOutcomeReport *r)
{
  json_t *fit = json_pack("{s:i, s:i, s:f}", "cases", r->n, "patients", r->groups, "p_value", r->p_value);
  const struct {
    LusTask task;
    const char *name;
    const LusInterval *figure;
  } figures[] = {{LUS_TASK_SF, "mae", &r->error},           {LUS_TASK_SF, "mae_median_predictor", &r->median_error},
                 {LUS_TASK_SF, "coverage", &r->coverage},   {LUS_TASK_CHANGE, "macro_f1", &r->f1},
                 {LUS_TASK_CHANGE, "accuracy", &r->accuracy}, {LUS_TASK_CHANGE, "macro_f1_majority", &r->majority_f1},
                 {LUS_TASK_READMISSION, "auroc", &r->auroc}, {LUS_TASK_READMISSION, "brier", &r->brier},
                 {LUS_TASK_READMISSION, "brier_base_rate", &r->constant_brier}};
  for (gsize i = 0; i < G_N_ELEMENTS(figures); i++)
    if (figures[i].task == r->task && isfinite(figures[i].figure->value))
      json_object_set_new(fit, figures[i].name, json_real(figures[i].figure->value));
  return fit;
}

static json_t *profile_values(const double *values)
{
  json_t *object = json_object();
  for (int f = 0; f < LUS_FEATURE_N; f++)
    if (!isnan(values[f]))
      json_object_set_new(object, lus_feature_info((LusFeature)f)->name, json_real(values[f]));
  return object;
}

char *lus_heads_write(const LusHeads *heads, const LusOutcomeTable *table, const char *command,
                      LusOutcomeReport *const reports[LUS_TASK_N])
{
  json_t *tasks = json_object(), *profile = json_object();
  for (int i = 0; i < LUS_TASK_N; i++) {
    const LusHead *head = &heads->heads[i];
    if (reports[i])
      json_object_set_new(tasks, lus_task_name((LusTask)i),
                          json_pack("{s:o, s:f, s:f, s:i, s:i, s:o, s:o}", "inputs", inputs_array(head), "intercept",
                                    head->intercept, "range_margin", head->range_margin, "zones", head->zones,
                                    "min_zones", head->min_zones, "by_zones", by_zones_array(head, (LusTask)i), "fit",
                                    fit_object(reports[i])));
  }
  for (int p = 0; p < heads->profile.n; p++)
    json_object_set_new(profile, heads->profile.zones[p],
                        json_pack("{s:o, s:o}", "features", profile_values(heads->profile.features[p]), "features_p90",
                                  profile_values(heads->profile.peaks[p])));
  g_autofree char *valid = g_utf8_make_valid(command ? command : "", -1);
  json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:s, s:f, s:o, s:o}", "schema", LUS_HEADS_SCHEMA, "notice", LUS_NOTICE,
                           "version", lus_version(), "command", valid, "model_sha256", table->model_sha256, "threshold",
                           table->threshold, "profile", profile, "heads", tasks);
  char *dumped = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(DIGITS)) : NULL;
  json_decref(root);
  char *text = dumped ? g_strconcat(dumped, "\n", NULL) : NULL;
  free(dumped);
  return text;
}
