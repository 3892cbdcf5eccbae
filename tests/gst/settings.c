/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings that can have no effect with what comes: each is told once, and pictures go on. */
#include "fixture.h"

#define SEGMENT "lussegment model-file=MODEL sector=none ! "

typedef struct {
  const char *name, *line, *warning; /* NULL: none */
} Case;

static const Case cases[] = {
  {"thresholds", SEGMENT "lusconfmask class-thresholds=thresholds,pleural_line=1,fascia_band=0.5", NULL},
  {"threshold-class", SEGMENT "lusconfmask class-thresholds=thresholds,pleura=0.5", "pleura (no class of the model)"},
  {"threshold-percent", SEGMENT "lusconfmask class-thresholds=thresholds,pleural_line=50", "pleural_line (not 0 to 1)"},
  {"threshold-text", SEGMENT "lusconfmask class-thresholds=thresholds,pleural_line=much", "pleural_line (not 0 to 1)"},
  {"types", SEGMENT "lusconfmask ! lusoverlay selected-types=\"<pleural_line>\"", NULL},
  {"unknown-type", SEGMENT "lusconfmask ! lusoverlay selected-types=\"<pleura>\"", "no class \"pleura\""},
  {"exam", SEGMENT "lusconfmask ! lussfestimate zone=R1 spo2=97 fio2=0.21 exam-file=EXAM", NULL},
  {"exam-no-zone", SEGMENT "lusconfmask ! lussfestimate exam-file=EXAM", "No picture was in a zone"},
  {"exam-no-masks", SEGMENT "lussfestimate zone=R1 exam-file=EXAM", "No picture carried masks"},
  {"exam-no-model", "lussfestimate zone=R1 exam-file=EXAM", "No picture carried masks"},
  {"spo2-fraction", "lussfestimate spo2=0.97 fio2=0.21", "S/F 4.6 from SpO2 0.97 %"},
};

static void check_warning(GstBus *bus, const char *text)
{
  GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING);
  g_autoptr(GError) warning = NULL;

  if (!text) {
    g_assert_null(message);
    return;
  }
  g_assert_nonnull(message);
  gst_message_parse_warning(message, &warning, NULL);
  gst_message_unref(message);
  if (!strstr(warning->message, text))
    g_error("'%s' does not contain '%s'", warning->message, text);
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING));
}

static void test_case(gconstpointer data)
{
  const Case *c = data;
  g_autofree char *file = fixture_path("settings.json"), *caps = fixture_caps("GRAY8", FIXTURE_SIZE, FIXTURE_SIZE);
  g_auto(GStrv) parts = g_strsplit(c->line, "EXAM", -1);
  g_autofree char *line = g_strjoinv(file, parts);
  GstHarness *harness = fixture_harness(line, FIXTURE_SIZE, FIXTURE_SIZE);
  GstBus *bus = gst_bus_new();

  gst_element_set_bus(harness->element, bus);
  for (guint n = 0; n < 3; n++)
    gst_buffer_unref(fixture_push(harness, caps, fixture_line, n));
  g_assert_true(gst_harness_push_event(harness, gst_event_new_eos()));
  check_warning(bus, c->warning);
  gst_harness_teardown(harness);
  gst_object_unref(bus);
}

static void add_tests(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *path = g_strconcat("/settings/", cases[i].name, NULL);
    g_test_add_data_func(path, &cases[i], test_case);
  }
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
