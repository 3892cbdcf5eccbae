/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "lung/overlay-parts.h"

/* What the blocks say, in the words of docs/display.md. Filled for every frame, drawn only when it differs. */

#define PERCENT "\302\240%%" /* in formats: no-break space and the sign */

LusStatus lus_status_shown(const LusOverlayState *state, const LusOverlayConfig *config)
{
  gboolean running = state->status == LUS_STATUS_LIVE || state->status == LUS_STATUS_SLOW;
  return running && state->mask_age_ns > config->expire_ns ? LUS_STATUS_STALE : state->status;
}

static void fill_status(LusStatusContent *out, const LusOverlayState *state, const LusWatch *watch)
{
  out->status = watch->status;
  switch (watch->status) {
  case LUS_STATUS_LIVE:
  case LUS_STATUS_SLOW:
    if (watch->status == LUS_STATUS_SLOW && watch->every > 1)
      g_snprintf(out->lines[0], sizeof out->lines[0], "Every %d%s frame", watch->every,
                 watch->every % 10 == 2 && watch->every % 100 != 12 ? "nd"
                 : watch->every % 10 == 3 && watch->every % 100 != 13 ? "rd"
                 : watch->every % 10 == 1 && watch->every % 100 != 11 ? "st" : "th");
    else if (watch->age_ms >= 0)
      g_snprintf(out->lines[0], sizeof out->lines[0], "Mask %d ms old", (watch->age_ms + 9) / 10 * 10);
    break;
  case LUS_STATUS_STALE:
    if (watch->age_ms >= 0)
      g_snprintf(out->lines[0], sizeof out->lines[0], "Mask %d.%d s old", (watch->age_ms + 99) / 1000,
                 (watch->age_ms + 99) / 100 % 10);
    break;
  case LUS_STATUS_FROZEN: {
    gint64 unchanged = MAX(state->unchanged_ns, state->now_ns - watch->since_ns);
    g_snprintf(out->lines[0], sizeof out->lines[0], "Unchanged %d s", (int)(unchanged / G_GINT64_CONSTANT(1000000000)));
    g_strlcpy(out->lines[1], "Masks off", sizeof out->lines[1]);
    break;
  }
  case LUS_STATUS_NO_SIGNAL:
    g_strlcpy(out->lines[0], "Check cable and", sizeof out->lines[0]);
    g_strlcpy(out->lines[1], "scanner output", sizeof out->lines[1]);
    break;
  case LUS_STATUS_NO_MODEL:
  case LUS_STATUS_NO_MASKS:
    g_strlcpy(out->lines[0], "See the log", sizeof out->lines[0]);
    break;
  case LUS_STATUS_NO_CONTACT:
    g_strlcpy(out->lines[0], "Place the probe", sizeof out->lines[0]);
    break;
  case LUS_STATUS_NEW_DEPTH:
    g_strlcpy(out->lines[0], "Measuring again", sizeof out->lines[0]);
    break;
  case LUS_STATUS_STARTING:
    g_strlcpy(out->lines[0], "Loading model", sizeof out->lines[0]);
    break;
  case LUS_STATUS_N:
    break;
  }
}

/* q cut to percent: the contract's ceil(255 t) turned round. */
static int cut_percent(int cut)
{
  return (int)lrint(cut / 2.55);
}

static void fill_legend(LusLegendContent *out, const LusOverlayState *state, const LusOverlayConfig *config,
                        const LusWatch *watch, const LusLegendSource *known, gboolean gray)
{
  gboolean running = watch->status == LUS_STATUS_LIVE || watch->status == LUS_STATUS_SLOW, same = TRUE;
  out->confidence = config->show_confidence;
  out->dim = !running;
  out->style = gray || !running ? LUS_OVERLAY_CONTOUR : config->style;
  for (int c = 0; c < known->n_classes; c++) {
    if (!(config->class_mask >> c & 1))
      continue;
    LusLegendRow *row = &out->rows[out->n++];
    const LusClassLook *look = &known->looks[c];
    g_strlcpy(row->name, look->name, sizeof row->name);
    g_strlcpy(row->short_name, look->short_name, sizeof row->short_name);
    row->colour = look->colour;
    row->width = look->width;
    row->threshold = known->cut[c] ? cut_percent(known->cut[c]) : -1;
    row->percent = running && state->mask ? watch->percent[c] : LUS_PERCENT_UNKNOWN;
    same = same && row->threshold == out->rows[0].threshold;
  }
  if (!out->n || !config->show_confidence)
    return;
  if (same && out->rows[0].threshold >= 0)
    g_snprintf(out->head, sizeof out->head, "Confidence, from %d" PERCENT, out->rows[0].threshold);
  else
    g_strlcpy(out->head, "Confidence", sizeof out->head);
}

static int zones_done(const LusExamView *exam)
{
  int done = 0;
  for (int i = 0; i < exam->n_zones; i++)
    done += exam->frames[i] >= exam->min_frames;
  return done;
}

static void fill_zones(LusZoneContent *zone, LusThoraxContent *thorax, const LusExamView *exam)
{
  g_strlcpy(zone->zone, exam->zone[0] ? exam->zone : "--", sizeof zone->zone);
  zone->done = zones_done(exam);
  zone->n = thorax->n = exam->n_zones;
  thorax->current = -1;
  thorax->finished = exam->finished;
  for (int i = 0; i < exam->n_zones; i++) {
    g_strlcpy(thorax->names[i], exam->zones[i], sizeof thorax->names[i]);
    thorax->parts[i] = (int)CLAMP(100 * (gint64)exam->frames[i] / MAX(exam->min_frames, 1), 0, 100);
    if (strcmp(exam->zone, exam->zones[i]) == 0)
      thorax->current = i;
  }
}

/* Why there is no S/F now, whatever the estimate says; NULL: it stands. A finished exam keeps its value through any
 * fault. */
static const char *fault_reason(const LusExamView *exam, LusStatus status)
{
  if (exam->finished)
    return NULL;
  switch (status) {
  case LUS_STATUS_NO_SIGNAL:
    return "No signal";
  case LUS_STATUS_FROZEN:
    return "Picture frozen";
  case LUS_STATUS_STALE:
    return exam->has_estimate && exam->estimate.sf.valid ? "Masks stale" : NULL;
  default:
    return NULL;
  }
}

/* "Zones missing R3 L2" becomes two lines, the second with wide spaces. */
static void split_reason(char lines[2][64], const char *reason)
{
  static const char *const listed[] = {"Zones missing", "Too few frames", "No pleural line"};
  if (strcmp(reason, "Outside trained range") == 0) {
    g_strlcpy(lines[0], "Outside", sizeof lines[0]);
    g_strlcpy(lines[1], "trained range", sizeof lines[1]);
    return;
  }
  g_strlcpy(lines[0], reason, sizeof lines[0]);
  for (guint i = 0; i < G_N_ELEMENTS(listed); i++) {
    gsize n = strlen(listed[i]);
    if (!g_str_has_prefix(reason, listed[i]) || reason[n] != ' ')
      continue;
    g_strlcpy(lines[0], listed[i], sizeof lines[0]);
    gsize at = 0;
    for (const char *p = reason + n + 1; *p && at + 2 < sizeof lines[1]; p++) {
      if (*p == ',')
        continue;
      lines[1][at++] = *p;
      if (*p == ' ')
        lines[1][at++] = ' ';
    }
  }
}

static void fill_sf(LusSfContent *out, const LusExamView *exam, LusStatus status)
{
  const LusEstimateValue *sf = &exam->estimate.sf;
  const char *fault = fault_reason(exam, status);
  int done = zones_done(exam);
  if (exam->finished && exam->finished_at[0])
    g_snprintf(out->label, sizeof out->label, "S/F at %s", exam->finished_at);
  else
    g_strlcpy(out->label, "S/F estimate", sizeof out->label);
  out->valid = exam->has_estimate && sf->valid && !fault;
  if (!out->valid) {
    split_reason(out->reason, fault ? fault : exam->has_estimate && sf->reason[0] ? sf->reason : "No estimator");
    return;
  }
  out->value = (int)lrint(sf->value);
  out->low = (int)lrint(sf->low);
  out->high = (int)lrint(sf->high);
  out->baseline = exam->has_baseline ? (int)lrint(exam->baseline_sf) : 0;
  out->tick = done >= exam->n_zones;
  if (out->tick)
    g_strlcpy(out->note, "inputs ok", sizeof out->note);
  else
    g_snprintf(out->note, sizeof out->note, "%d of %d zones", done, exam->n_zones);
}

static void probability_text(char *out, gsize size, double p)
{
  int percent = (int)lrint(100 * p);
  if (percent < 1)
    g_strlcpy(out, "< 1", size);
  else if (percent > 99)
    g_strlcpy(out, "> 99", size);
  else
    g_snprintf(out, size, "%d", percent);
}

static void fill_outlook(LusOutlookContent *out, const LusExamView *exam, const LusSfContent *sf)
{
  const LusEstimate *estimate = &exam->estimate;
  gboolean stands = exam->has_estimate && sf->valid;
  if (exam->has_baseline && exam->baseline_date[0])
    g_snprintf(out->change_label, sizeof out->change_label, "Change since %s", exam->baseline_date);
  else
    g_strlcpy(out->change_label, "Change", sizeof out->change_label);
  out->baseline = sf->valid && exam->has_baseline;
  out->change_valid = stands && estimate->change_valid && estimate->change_class >= -1 && estimate->change_class <= 1;
  out->change_class = out->change_valid ? estimate->change_class : 0;
  if (out->change_valid) {
    double p = estimate->change_probability[estimate->change_class + 1];
    char text[16];
    probability_text(text, sizeof text, p);
    g_snprintf(out->change_note, sizeof out->change_note, "%s" PERCENT " likely", text);
  } else if (!exam->has_baseline) {
    g_strlcpy(out->change_note, "No earlier exam", sizeof out->change_note);
  } else if (exam->has_estimate && strcmp(estimate->change_reason, "Other model") == 0 &&
             strcmp(sf->reason[0], "Other model") != 0) {
    g_strlcpy(out->change_note, estimate->change_reason, sizeof out->change_note);
  }
  if (stands && estimate->readmission.valid) {
    char text[16], high[16];
    probability_text(text, sizeof text, estimate->readmission.value);
    g_snprintf(out->readmission, sizeof out->readmission, "%s" PERCENT, text);
    probability_text(text, sizeof text, estimate->readmission.low);
    probability_text(high, sizeof high, estimate->readmission.high);
    g_snprintf(out->readmission_note, sizeof out->readmission_note, "%s to %s" PERCENT, text, high);
  }
}

void lus_content_fill(LusContent *content, const LusOverlayState *state, const LusOverlayConfig *config,
                      const LusWatch *watch, const LusLegendSource *known, gboolean gray)
{
  memset(content, 0, sizeof *content);
  fill_status(&content->status, state, watch);
  content->mark = (LusMarkContent){watch->status, watch->step};
  fill_legend(&content->legend, state, config, watch, known, gray);
  if (!state->exam || !state->exam->present)
    return;
  fill_zones(&content->zone, &content->thorax, state->exam);
  fill_sf(&content->sf, state->exam, watch->status);
  fill_outlook(&content->outlook, state->exam, &content->sf);
}
