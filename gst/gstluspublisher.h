/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Values of an exam on their way out of the process: an MQTT broker and a text file for Prometheus, from a thread of their own, so
 * that no picture waits for a network or a disk. */
#include <gst/gst.h>
#include <lus/lus.h>

typedef struct {
  const char *server;  /* "HOST", "HOST:PORT" or "[ADDRESS]:PORT" of the broker; NULL or "": none */
  const char *topic;   /* TOPIC/values, TOPIC/status */
  const char *ca_file; /* certificates to trust: the connection is then encrypted; NULL: it is not */
  const char *metrics; /* the text file; NULL or "": none */
} GstLusPublisherSettings;

typedef struct _GstLusPublisher GstLusPublisher;

/** Told in the publisher's threads: a problem, once until it is over. */
typedef void (*GstLusPublisherWarn)(const char *message, gpointer user_data);

/** Error: a server without a name, a port that is none, this plugin built without libmosquitto, no thread. A broker that does not answer is
 *  no error: it is tried again and again, and gets the newest values then. User and password: the environment variables
 *  LUS_MQTT_USER and LUS_MQTT_PASSWORD. */
GstLusPublisher *gst_lus_publisher_new(const GstLusPublisherSettings *settings, GstLusPublisherWarn warn, gpointer user_data,
                                       GError **error);
/** Takes @values; of values that come faster than they can be sent the newest are. */
void gst_lus_publisher_send(GstLusPublisher *publisher, GstStructure *values);
/** Sends what is left, waiting for at most half a second, and says "offline". Accepts NULL. */
void gst_lus_publisher_free(GstLusPublisher *publisher);

/** The message: all fields as one JSON object with version and notice; newly allocated. */
char *gst_lus_values_to_json(const GstStructure *values);
/** The Prometheus text (exposition format 0.0.4), @now in seconds since 1970; newly allocated. */
char *gst_lus_values_to_metrics(const GstStructure *values, double now);
