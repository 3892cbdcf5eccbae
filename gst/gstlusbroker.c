/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusbroker.h"
#include <string.h>

#ifdef LUS_HAVE_MQTT
#include <errno.h>
#include <glib/gstdio.h>
#include <mosquitto.h>
#include <pthread.h>
#include <unistd.h>

#define DEFAULT_PORT 1883
#define DEFAULT_TLS_PORT 8883
#define KEEP_ALIVE 20   /* s */
#define RECONNECT_MAX 8 /* s */
#define ONLINE "online"
#define OFFLINE "offline"

struct _GstLusBroker {
  struct mosquitto *client;
  char *server, *values, *status; /* topics */
  void (*connected)(gpointer user_data);
  GstLusPublisherWarn warn;
  gpointer connected_data, warn_data;
  gint online, leaving; /* atomic */
  pthread_t thread;     /* if started */
  gboolean started, told;
};

/* In full, with the locks of whoever listens given back: the thread may be cancelled meanwhile. */
static void tell(GstLusBroker *self, const char *message)
{
  int before;

  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  self->warn(message, self->warn_data);
  pthread_setcancelstate(before, &before);
  self->told = TRUE;
}

static void on_connect(struct mosquitto *client, void *user_data, int code)
{
  GstLusBroker *self = user_data;

  if (code != 0) {
    g_autofree char *message = g_strdup_printf("%s: the MQTT broker refuses: %s", self->server,
                                               mosquitto_connack_string(code));
    if (!self->told)
      tell(self, message);
    return;
  }
  self->told = FALSE;
  mosquitto_publish(client, NULL, self->status, (int)strlen(ONLINE), ONLINE, 1, TRUE);
  g_atomic_int_set(&self->online, TRUE);
  self->connected(self->connected_data);
}

static void on_disconnect(struct mosquitto *client, void *user_data, int code)
{
  GstLusBroker *self = user_data;
  char *message;

  (void)client;
  g_atomic_int_set(&self->online, FALSE);
  if (code == 0 || self->told)
    return;
  message = g_strdup_printf("%s: no connection to the MQTT broker (%s); it is tried again", self->server,
                            mosquitto_strerror(code));
  tell(self, message);
  g_free(message);
}

static gboolean refuse(const char *server, const char *what, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: %s; expected HOST or HOST:PORT of an MQTT broker", server, what);
  return FALSE;
}

/* "[::1]:1883" has its address in brackets. */
static gboolean parse_server(const char *server, char **host, int *port, GError **error)
{
  const char *end = server[0] == '[' ? strchr(server, ']') : NULL;
  const char *colon = strrchr(server, ':');
  guint64 number;

  if (server[0] == '[' && !end)
    return refuse(server, "a bracket is missing", error);
  if (end)
    *host = g_strndup(server + 1, (gsize)(end - server - 1));
  else
    *host = g_strndup(server, colon ? (gsize)(colon - server) : strlen(server));
  if (**host == 0)
    return refuse(server, "names no host", error);
  if (end && end[1] == 0)
    return TRUE;
  if (end && end[1] != ':')
    return refuse(server, "something stands between bracket and port", error);
  if (!end && !colon)
    return TRUE;
  if (!g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &number, NULL))
    return refuse(server, "the port is not 1 to 65535", error);
  *port = (int)number;
  return TRUE;
}

static gboolean fail(GstLusBroker *self, const char *doing, int code, GError **error)
{
  g_set_error(error, LUS_ERROR, LUS_ERROR_FAILED, "%s: %s: %s", self->server, doing, mosquitto_strerror(code));
  return FALSE;
}

static gboolean set_up(GstLusBroker *self, const char *ca_file, GError **error)
{
  const char *user = g_getenv("LUS_MQTT_USER"), *password = g_getenv("LUS_MQTT_PASSWORD");
  int code = mosquitto_will_set(self->client, self->status, (int)strlen(OFFLINE), OFFLINE, 1, TRUE);

  if (code != MOSQ_ERR_SUCCESS) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s: the topic cannot be used: '%s'; write one without + and #, such as "
                "ward/bed1", self->server, self->status);
    return FALSE;
  }
  if (user && (code = mosquitto_username_pw_set(self->client, user, password)) != MOSQ_ERR_SUCCESS)
    return fail(self, "LUS_MQTT_USER and LUS_MQTT_PASSWORD", code, error);
  if (ca_file && *ca_file && g_access(ca_file, R_OK) != 0) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_IO, "%s: ca-file %s cannot be read: %s", self->server, ca_file, g_strerror(errno));
    return FALSE;
  }
  if (ca_file && *ca_file &&
      (code = mosquitto_tls_set(self->client, ca_file, NULL, NULL, NULL, NULL)) != MOSQ_ERR_SUCCESS)
    return fail(self, ca_file, code, error);
  mosquitto_connect_callback_set(self->client, on_connect);
  mosquitto_disconnect_callback_set(self->client, on_disconnect);
  mosquitto_reconnect_delay_set(self->client, 1, RECONNECT_MAX, TRUE);
  return TRUE;
}

/* The connection's thread. libmosquitto tries again by itself, but gives up, and may tell nobody, where TLS or the protocol fails:
 * the broker's certificate may be put right. */
static void *run(void *data)
{
  GstLusBroker *self = data;
  int code;

  while ((code = mosquitto_loop_forever(self->client, -1, 1)) != MOSQ_ERR_SUCCESS && !g_atomic_int_get(&self->leaving)) {
    on_disconnect(self->client, self, code);
    g_usleep(RECONNECT_MAX * G_USEC_PER_SEC);
    if (g_atomic_int_get(&self->leaving)) /* a new connection would forget that it was to be ended */
      break;
    mosquitto_reconnect_async(self->client);
  }
  return NULL;
}

/* A broker that is not there yet is tried again by the thread. */
static gboolean begin(GstLusBroker *self, const char *host, int port, GError **error)
{
  int code = mosquitto_connect_async(self->client, host, port, KEEP_ALIVE);

  if (code != MOSQ_ERR_SUCCESS)
    on_disconnect(self->client, self, code);
  mosquitto_threaded_set(self->client, TRUE);
  self->started = pthread_create(&self->thread, NULL, run, self) == 0;
  return self->started || fail(self, "no thread", MOSQ_ERR_NOMEM, error);
}

GstLusBroker *gst_lus_broker_new(const char *server, const char *topic, const char *ca_file,
                                 void (*connected)(gpointer user_data), GstLusPublisherWarn warn, gpointer connected_data,
                                 gpointer warn_data, GError **error)
{
  static gsize done = 0;
  g_autofree char *host = NULL;
  int port = ca_file && *ca_file ? DEFAULT_TLS_PORT : DEFAULT_PORT;
  GstLusBroker *self;

  if (g_once_init_enter(&done)) {
    mosquitto_lib_init();
    g_once_init_leave(&done, 1);
  }
  if (!parse_server(server, &host, &port, error))
    return NULL;
  self = g_new0(GstLusBroker, 1);
  self->server = g_strdup(server);
  self->values = g_strconcat(topic, "/values", NULL);
  self->status = g_strconcat(topic, "/status", NULL);
  self->connected = connected;
  self->warn = warn;
  self->connected_data = connected_data;
  self->warn_data = warn_data;
  self->client = mosquitto_new(NULL, TRUE, self);
  if (!self->client)
    g_set_error(error, LUS_ERROR, LUS_ERROR_MEMORY, "%s: no memory for a connection", server);
  if (self->client && set_up(self, ca_file, error) && begin(self, host, port, error))
    return self;
  gst_lus_broker_free(self);
  return NULL;
}

gboolean gst_lus_broker_publish(GstLusBroker *self, const char *json)
{
  return g_atomic_int_get(&self->online) &&
         mosquitto_publish(self->client, NULL, self->values, (int)strlen(json), json, 0, TRUE) == MOSQ_ERR_SUCCESS;
}

void gst_lus_broker_free(GstLusBroker *self)
{
  if (!self)
    return;
  if (self->started) {
    gboolean online = g_atomic_int_get(&self->online);
    if (online)
      mosquitto_publish(self->client, NULL, self->status, (int)strlen(OFFLINE), OFFLINE, 0, TRUE);
    g_atomic_int_set(&self->leaving, TRUE);
    mosquitto_disconnect(self->client);
    if (!online || !g_atomic_int_get(&self->online)) /* it waits to connect again */
      pthread_cancel(self->thread);
    pthread_join(self->thread, NULL);
  }
  if (self->client)
    mosquitto_destroy(self->client);
  g_free(self->server);
  g_free(self->values);
  g_free(self->status);
  g_free(self);
}

#else

GstLusBroker *gst_lus_broker_new(const char *server, const char *topic, const char *ca_file,
                                 void (*connected)(gpointer user_data), GstLusPublisherWarn warn, gpointer connected_data,
                                 gpointer warn_data, GError **error)
{
  (void)topic, (void)ca_file, (void)connected, (void)warn, (void)connected_data, (void)warn_data;
  g_set_error(error, LUS_ERROR, LUS_ERROR_UNSUPPORTED, "%s: this plugin was built without libmosquitto; build it with "
              "-Dmqtt=enabled (Debian: libmosquitto-dev)", server);
  return NULL;
}

gboolean gst_lus_broker_publish(GstLusBroker *broker, const char *json)
{
  (void)broker, (void)json;
  return FALSE;
}

void gst_lus_broker_free(GstLusBroker *broker)
{
  (void)broker;
}

#endif
