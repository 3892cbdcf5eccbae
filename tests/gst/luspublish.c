/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include <dlfcn.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <signal.h>
#ifdef LUS_HAVE_MQTT
#include <mosquitto.h>
#endif

#define CHAIN "lussegment model-file=MODEL sector=none ! lusconfmask ! lussfestimate zone=R2 spo2=95 fio2=0.5 ! luspublish "

static void push_frames(GstHarness *harness, guint first, guint count)
{
  g_autofree char *caps = fixture_caps("GRAY8", 64, 64);

  for (guint n = first; n < first + count; n++)
    gst_buffer_unref(fixture_push(harness, caps, fixture_line, n));
}

static GstHarness *make_harness(const char *settings)
{
  g_autofree char *line = g_strconcat(CHAIN, settings, NULL);

  return fixture_harness(line, 64, 64);
}

/* Every line is a comment or "name{labels} number"; each name has its HELP and TYPE before it. */
static void check_exposition(const char *text)
{
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_autoptr(GHashTable) typed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GRegex) sample = g_regex_new("^([a-z_]+)(\\{[a-z]+=\"[^\"]*\"(,[a-z]+=\"[^\"]*\")*\\})? -?[0-9.e+-]+$", 0, 0, NULL);

  for (char **line = lines; *line; line++) {
    GMatchInfo *match;
    if (g_str_has_prefix(*line, "# TYPE ")) {
      g_auto(GStrv) words = g_strsplit(*line, " ", -1);
      g_assert_true(g_hash_table_add(typed, g_strdup(words[2])));
      g_assert_cmpstr(words[3], ==, "gauge");
    }
    if (**line == '#' || **line == 0)
      continue;
    if (!g_regex_match(sample, *line, 0, &match))
      g_error("no sample: %s", *line);
    g_autofree char *name = g_match_info_fetch(match, 1);
    g_assert_true(g_hash_table_contains(typed, name));
    g_match_info_free(match);
  }
}

static void test_metrics(void)
{
  g_autofree char *path = fixture_path("lus.prom"), *settings = g_strdup_printf("metrics-file=%s", path);
  g_autofree char *text = NULL;
  GstHarness *harness = make_harness(settings);

  push_frames(harness, 0, 3);
  gst_harness_teardown(harness);
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  check_exposition(text);
  g_assert_nonnull(strstr(text, "# Research software - not for diagnosis or treatment\n"));
  g_assert_nonnull(strstr(text, "\nlus_zone_frames{zone=\"R2\"} 3\n"));
  g_assert_nonnull(strstr(text, "\nlus_zone_frames{zone=\"L1\"} 0\n"));
  g_assert_nonnull(strstr(text, "\nlus_current_zone{zone=\"R2\"} 1\n"));
  g_assert_nonnull(strstr(text, "\nlus_feature{feature=\"pleura_coverage\",unit=\"%\"} 100\n"));
  g_assert_nonnull(strstr(text, "\nlus_exam_finished 0\n"));
  g_assert_null(strstr(text, "\nlus_sf_ratio ")); /* not valid after three frames */
  g_remove(path);
}

/* What is published when @event, which may be NULL, and the end of the stream follow three pictures. */
static char *published_at_end(GstEvent *event)
{
  g_autofree char *path = fixture_path("end.prom"), *settings = g_strdup_printf("metrics-file=%s", path);
  char *text = NULL;
  GstHarness *harness = make_harness(settings);

  push_frames(harness, 0, 3);
  if (event)
    gst_harness_push_event(harness, event);
  gst_harness_push_event(harness, gst_event_new_eos());
  gst_harness_teardown(harness);
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  check_exposition(text);
  g_assert_nonnull(strstr(text, "\nlus_exam_finished 1\n"));
  g_remove(path);
  return text;
}

/* What the end of the stream made of the exam is published, beside the last picture's values. */
static void test_finished_at_end(void)
{
  g_autofree char *text = published_at_end(NULL);

  g_assert_nonnull(strstr(text, "\nlus_zone_frames{zone=\"R2\"} 3\n"));
  g_assert_nonnull(strstr(text, "\nlus_feature{feature=\"pleura_coverage\",unit=\"%\"} 100\n"));
}

/* An exam that begins behind the last picture is another patient's: nothing of the one before is published as theirs. */
static void test_begun_at_end(void)
{
  g_autofree char *text = published_at_end(gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("lus-exam", "action", G_TYPE_STRING, "start", "exam-id", G_TYPE_STRING, "b", NULL)));

  g_assert_nonnull(strstr(text, "\nlus_zone_frames{zone=\"R2\"} 0\n"));
  g_assert_null(strstr(text, "pleura_coverage"));
}

static char *zone_line(const char *path)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents(path, &text, NULL, NULL))
    return NULL;
  line = strstr(text, "lus_zone_frames{zone=\"R2\"}");
  return g_strndup(line, strcspn(line, "\n"));
}

/* The longest interval: the first values, and the last ones at the end. */
static void test_interval(void)
{
  g_autofree char *path = fixture_path("lus.prom"), *first = NULL, *then = NULL, *last = NULL;
  g_autofree char *settings = g_strdup_printf("interval=18446744073709551615 metrics-file=%s", path);
  GstHarness *harness = make_harness(settings);

  push_frames(harness, 1, 1);
  while (!(first = zone_line(path)))
    g_usleep(1000);
  g_assert_cmpstr(first, ==, "lus_zone_frames{zone=\"R2\"} 1");
  push_frames(harness, 2, 5);
  g_usleep(G_USEC_PER_SEC / 10); /* what must not be written could be by now */
  then = zone_line(path);
  g_assert_cmpstr(then, ==, first);
  gst_harness_teardown(harness);
  last = zone_line(path);
  g_assert_cmpstr(last, ==, "lus_zone_frames{zone=\"R2\"} 6");
  g_remove(path);
}

/* A folder that is not there: one warning, pictures go on. */
static void test_metrics_unwritable(void)
{
  GstHarness *harness = make_harness("metrics-file=/nonexistent/lus.prom interval=0");
  GstBus *bus = gst_bus_new();
  GstMessage *message;

  gst_element_set_bus(harness->element, bus);
  push_frames(harness, 0, 5);
  message = gst_bus_timed_pop_filtered(bus, 5 * GST_SECOND, GST_MESSAGE_WARNING);
  g_assert_nonnull(message);
  gst_message_unref(message);
  push_frames(harness, 5, 5);
  gst_harness_teardown(harness);
  g_assert_null(gst_bus_pop_filtered(bus, GST_MESSAGE_WARNING));
  gst_object_unref(bus);
}

static gboolean no_threads;

/* Stands before GLib's. */
__attribute__((visibility("default"))) GThread *g_thread_try_new(const gchar *name, GThreadFunc function, gpointer data,
                                                                 GError **error)
{
  GThread *(*real)(const gchar *, GThreadFunc, gpointer, GError **);

  if (no_threads && g_strcmp0(name, "luspublish") == 0) {
    g_set_error(error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN, "no thread to be had");
    return NULL;
  }
  *(void **)&real = dlsym(RTLD_NEXT, "g_thread_try_new");
  return real(name, function, data, error);
}

/* Without a thread nothing would be sent: an error before anything plays. */
static void test_no_thread(void)
{
  GstBus *bus;
  GstElement *element = fixture_element("luspublish", &bus);
  GstMessage *message;
  g_autoptr(GError) error = NULL;

  g_object_set(element, "metrics-file", "/nonexistent/lus.prom", NULL);
  no_threads = TRUE;
  g_assert_cmpint(gst_element_set_state(element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  no_threads = FALSE;
  message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  g_assert_nonnull(message);
  gst_message_parse_error(message, &error, NULL);
  g_assert_nonnull(strstr(error->message, "no thread to be had"));
  gst_message_unref(message);
  g_assert_cmpint(gst_element_set_state(element, GST_STATE_NULL), ==, GST_STATE_CHANGE_SUCCESS);
  gst_element_set_bus(element, NULL);
  gst_object_unref(bus);
  gst_object_unref(element);
}

static gboolean fails_to_start(const char *server, const char *text)
{
  g_autofree char *line = g_strdup_printf("lustestsrc num-buffers=1 ! luspublish mqtt-server=%s ! fakesink", server);
  GstElement *pipeline = gst_parse_launch(line, NULL);
  GstBus *bus = gst_element_get_bus(pipeline);
  gboolean found = FALSE;

  gst_element_set_state(pipeline, GST_STATE_PAUSED);
  GstMessage *message = gst_bus_timed_pop_filtered(bus, 5 * GST_SECOND, GST_MESSAGE_ERROR | GST_MESSAGE_ASYNC_DONE);
  if (message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    g_autoptr(GError) error = NULL;
    gst_message_parse_error(message, &error, NULL);
    found = strstr(error->message, text) != NULL;
    if (!found)
      g_test_message("%s: %s", server, error->message);
  }
  g_clear_pointer(&message, gst_message_unref);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(bus);
  gst_object_unref(pipeline);
  return found;
}

#ifndef LUS_HAVE_MQTT

static void test_without(void)
{
  g_assert_true(fails_to_start("localhost", "built without libmosquitto"));
}

#else

static void test_servers(void)
{
  g_assert_true(fails_to_start(":1883", "names no host"));
  g_assert_true(fails_to_start("localhost:0", "the port is not 1 to 65535"));
  g_assert_true(fails_to_start("localhost:x", "the port is not 1 to 65535"));
  g_assert_true(fails_to_start("[::1", "a bracket is missing"));
  g_assert_true(fails_to_start("localhost ca-file=/nonexistent", "ca-file /nonexistent cannot be read: No such file"));
  g_assert_true(fails_to_start("localhost topic=a/#", "write one without + and #"));
}

/* A port of the loopback interface that nobody listens on. */
static int free_port(void)
{
  g_autoptr(GSocket) socket = g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
  g_autoptr(GSocketAddress) any = g_inet_socket_address_new(loopback, 0);

  g_assert_true(g_socket_bind(socket, any, FALSE, NULL));
  g_autoptr(GSocketAddress) bound = g_socket_get_local_address(socket, NULL);
  return g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
}

/* Nobody answers: one warning, pictures go on, and it ends soon. */
static void test_no_broker(void)
{
  g_autofree char *settings = g_strdup_printf("mqtt-server=127.0.0.1:%d interval=0", free_port());
  GstHarness *harness = make_harness(settings);

  push_frames(harness, 0, 20);
  gst_harness_teardown(harness);
}

/* libmosquitto gives up on a server that speaks no MQTT, or no TLS; a broker may stand there later: it is tried again. */
static void test_no_mqtt(void)
{
  g_autoptr(GSocket) server = g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
  g_autoptr(GInetAddress) loopback = g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4);
  g_autoptr(GSocketAddress) any = g_inet_socket_address_new(loopback, 0), bound = NULL;
  char hello[256];

  g_assert_true(g_socket_bind(server, any, FALSE, NULL) && g_socket_listen(server, NULL));
  g_socket_set_timeout(server, 30);
  bound = g_socket_get_local_address(server, NULL);
  g_autofree char *settings = g_strdup_printf("mqtt-server=127.0.0.1:%d",
                                              g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound)));
  GstHarness *harness = make_harness(settings);
  g_autoptr(GSocket) first = g_socket_accept(server, NULL, NULL);
  g_assert_nonnull(first);
  g_assert_cmpint(g_socket_receive(first, hello, sizeof(hello), NULL, NULL), >, 0);
  g_assert_cmpint(g_socket_send(first, "\0\0", 2, NULL, NULL), ==, 2); /* no packet of MQTT */
  g_autoptr(GSocket) second = g_socket_accept(server, NULL, NULL);
  g_assert_nonnull(second);
  gst_harness_teardown(harness);
}

typedef struct {
  GSubprocess *process;
  struct mosquitto *client;
  int port;
  GAsyncQueue *received; /* "TOPIC PAYLOAD" */
} Broker;

static void on_message(struct mosquitto *client, void *user_data, const struct mosquitto_message *message)
{
  (void)client;
  g_async_queue_push(user_data, g_strdup_printf("%s %.*s", message->topic, message->payloadlen, (char *)message->payload));
}

static void on_connect(struct mosquitto *client, void *user_data, int code)
{
  (void)user_data;
  if (code == 0)
    mosquitto_subscribe(client, NULL, "ward/#", 1);
}

static void start_process(Broker *broker)
{
  g_autofree char *port = g_strdup_printf("%d", broker->port), *path = g_strconcat("/usr/sbin:", g_getenv("PATH"), NULL);

  g_autoptr(GSubprocessLauncher) launcher =
      g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_subprocess_launcher_setenv(launcher, "PATH", path, TRUE);
  broker->process = g_subprocess_launcher_spawn(launcher, NULL, "mosquitto", "-p", port, NULL);
  g_assert_nonnull(broker->process);
}

static void stop_process(Broker *broker)
{
  g_subprocess_send_signal(broker->process, SIGTERM);
  g_subprocess_wait(broker->process, NULL, NULL);
  g_clear_object(&broker->process);
}

static void start_broker(Broker *broker)
{
  broker->port = free_port();
  broker->received = g_async_queue_new_full(g_free);
  start_process(broker);
  mosquitto_lib_init();
  broker->client = mosquitto_new(NULL, TRUE, broker->received);
  mosquitto_message_callback_set(broker->client, on_message);
  mosquitto_connect_callback_set(broker->client, on_connect);
  mosquitto_reconnect_delay_set(broker->client, 1, 1, FALSE);
  for (int i = 0; i < 100 && mosquitto_connect(broker->client, "127.0.0.1", broker->port, 30) != MOSQ_ERR_SUCCESS; i++)
    g_usleep(50000);
  mosquitto_loop_start(broker->client);
}

static void end_broker(Broker *broker)
{
  mosquitto_disconnect(broker->client);
  mosquitto_loop_stop(broker->client, TRUE);
  mosquitto_destroy(broker->client);
  stop_process(broker);
  g_async_queue_unref(broker->received);
}

/* What follows @prefix in the next message that begins so, within 20 s; others are dropped. */
static char *receive(Broker *broker, const char *prefix)
{
  gint64 deadline = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

  while (g_get_monotonic_time() < deadline) {
    g_autofree char *message = g_async_queue_timeout_pop(broker->received, G_USEC_PER_SEC / 2);
    if (message && g_str_has_prefix(message, prefix))
      return g_strdup(message + strlen(prefix));
  }
  g_error("no message '%s...' came", prefix);
}

static void check_values(const char *text)
{
  json_t *values = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

  g_assert_nonnull(values);
  g_assert_cmpstr(json_string_value(json_object_get(values, "notice")), ==,
                  "Research software - not for diagnosis or treatment");
  g_assert_cmpstr(json_string_value(json_object_get(values, "zone")), ==, "R2");
  g_assert_cmpuint(json_array_size(json_object_get(values, "zones")), ==, 6);
  g_assert_cmpfloat(json_number_value(json_object_get(values, "sf-measured")), ==, 190);
  g_assert_true(json_is_false(json_object_get(values, "finished")));
  g_assert_nonnull(json_object_get(values, "sf-reason"));
  json_decref(values);
}

/* From the first message over a broker that goes away and comes back to "offline". */
static void test_broker(void)
{
  g_autofree char *program = g_find_program_in_path("mosquitto"), *text = NULL, *again = NULL;
  Broker broker = {0};

  if (!program && !g_file_test("/usr/sbin/mosquitto", G_FILE_TEST_IS_EXECUTABLE)) {
    g_test_skip("no MQTT broker (Debian: mosquitto)");
    return;
  }
  start_broker(&broker);
  g_autofree char *settings = g_strdup_printf("mqtt-server=127.0.0.1:%d topic=ward/bed1 interval=0", broker.port);
  GstHarness *harness = make_harness(settings);
  g_free(receive(&broker, "ward/bed1/status online"));
  push_frames(harness, 0, 3);
  text = receive(&broker, "ward/bed1/values ");
  check_values(text);
  stop_process(&broker);
  push_frames(harness, 3, 3);
  start_process(&broker);
  g_free(receive(&broker, "ward/bed1/status online"));
  again = receive(&broker, "ward/bed1/values ");
  check_values(again);
  gst_harness_teardown(harness);
  g_free(receive(&broker, "ward/bed1/status offline"));
  end_broker(&broker);
}
#endif

static void add_tests(void)
{
  g_test_add_func("/luspublish/metrics", test_metrics);
  g_test_add_func("/luspublish/finished-at-end", test_finished_at_end);
  g_test_add_func("/luspublish/begun-at-end", test_begun_at_end);
  g_test_add_func("/luspublish/interval", test_interval);
  g_test_add_func("/luspublish/metrics-unwritable", test_metrics_unwritable);
  g_test_add_func("/luspublish/no-thread", test_no_thread);
#ifdef LUS_HAVE_MQTT
  g_test_add_func("/luspublish/servers", test_servers);
  g_test_add_func("/luspublish/no-broker", test_no_broker);
  g_test_add_func("/luspublish/no-mqtt", test_no_mqtt);
  g_test_add_func("/luspublish/broker", test_broker);
#else
  g_test_add_func("/luspublish/without-libmosquitto", test_without);
#endif
}

int main(int argc, char **argv)
{
  return fixture_run(&argc, &argv, add_tests);
}
