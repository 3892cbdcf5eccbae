/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstluspublisher.h"
#include "gstlusbroker.h"
#include <math.h>
#include <string.h>

#define LEAVE_TIME (G_USEC_PER_SEC / 2)

struct _GstLusPublisher {
  char *metrics;
  GstLusPublisherWarn warn;
  gpointer user_data;
  GstLusBroker *broker;
  GThread *thread;

  /* Under this lock. */
  GMutex lock;
  GCond changed;
  GstStructure *next; /* to be sent */
  gboolean again;     /* the broker is there (again): it gets the newest values */
  gboolean leaving;

  /* The thread's own. */
  char *json; /* the newest */
  gboolean sent, metrics_failed;
};

static void on_connected(gpointer user_data)
{
  GstLusPublisher *self = user_data;

  g_mutex_lock(&self->lock);
  self->again = TRUE;
  g_cond_broadcast(&self->changed);
  g_mutex_unlock(&self->lock);
}

static void write_metrics(GstLusPublisher *self, const GstStructure *values)
{
  g_autofree char *text = gst_lus_values_to_metrics(values, (double)g_get_real_time() / G_USEC_PER_SEC);
  g_autoptr(GError) error = NULL;

  if (lus_file_write(self->metrics, text, strlen(text), &error)) {
    self->metrics_failed = FALSE;
    return;
  }
  if (!self->metrics_failed)
    self->warn(error->message, self->user_data);
  self->metrics_failed = TRUE;
}

/* Without the lock. */
static void publish(GstLusPublisher *self, GstStructure *values)
{
  if (values) {
    g_free(self->json);
    self->json = gst_lus_values_to_json(values);
    self->sent = FALSE;
    if (self->metrics)
      write_metrics(self, values);
    gst_structure_free(values);
  }
  if (self->broker && self->json)
    self->sent = gst_lus_broker_publish(self->broker, self->json);
}

static gpointer run(gpointer user_data)
{
  GstLusPublisher *self = user_data;
  gint64 deadline = 0;

  g_mutex_lock(&self->lock);
  for (;;) {
    GstStructure *values;
    if (!self->next && !self->again && !self->leaving) {
      g_cond_wait(&self->changed, &self->lock);
      continue;
    }
    if (!self->next && !self->again) { /* leaving */
      gboolean waiting = self->broker && self->json && !self->sent;
      if (!deadline)
        deadline = g_get_monotonic_time() + LEAVE_TIME;
      if (!waiting || !g_cond_wait_until(&self->changed, &self->lock, deadline))
        break;
      continue;
    }
    values = g_steal_pointer(&self->next);
    self->again = FALSE;
    g_mutex_unlock(&self->lock);
    publish(self, values);
    g_mutex_lock(&self->lock);
  }
  g_mutex_unlock(&self->lock);
  return NULL;
}

GstLusPublisher *gst_lus_publisher_new(const GstLusPublisherSettings *settings, GstLusPublisherWarn warn, gpointer user_data,
                                       GError **error)
{
  GstLusPublisher *self = g_new0(GstLusPublisher, 1);

  g_mutex_init(&self->lock);
  g_cond_init(&self->changed);
  self->warn = warn;
  self->user_data = user_data;
  self->metrics = settings->metrics && *settings->metrics ? g_strdup(settings->metrics) : NULL;
  if (settings->server && *settings->server) {
    self->broker = gst_lus_broker_new(settings->server, settings->topic, settings->ca_file, on_connected, warn, self,
                                      user_data, error);
    if (!self->broker) {
      gst_lus_publisher_free(self);
      return NULL;
    }
  }
  self->thread = g_thread_try_new("luspublish", run, self, error);
  if (!self->thread)
    g_clear_pointer(&self, gst_lus_publisher_free);
  return self;
}

void gst_lus_publisher_send(GstLusPublisher *self, GstStructure *values)
{
  g_mutex_lock(&self->lock);
  if (self->next)
    gst_structure_free(self->next);
  self->next = values;
  g_cond_broadcast(&self->changed);
  g_mutex_unlock(&self->lock);
}

void gst_lus_publisher_free(GstLusPublisher *self)
{
  if (!self)
    return;
  g_mutex_lock(&self->lock);
  self->leaving = TRUE;
  g_cond_broadcast(&self->changed);
  g_mutex_unlock(&self->lock);
  if (self->thread)
    g_thread_join(self->thread);
  gst_lus_broker_free(self->broker);
  g_clear_pointer(&self->next, gst_structure_free);
  g_mutex_clear(&self->lock);
  g_cond_clear(&self->changed);
  g_free(self->metrics);
  g_free(self->json);
  g_free(self);
}
