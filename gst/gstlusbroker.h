/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One connection to an MQTT broker (libmosquitto), with a thread of its own that connects again whenever it is lost. */
#include "gstluspublisher.h"

typedef struct _GstLusBroker GstLusBroker;

/** As gst_lus_publisher_new(). @connected is told with @connected_data in the broker's thread. */
GstLusBroker *gst_lus_broker_new(const char *server, const char *topic, const char *ca_file,
                                 void (*connected)(gpointer user_data), GstLusPublisherWarn warn, gpointer connected_data,
                                 gpointer warn_data, GError **error);
/** Sends to TOPIC/values, retained, without waiting. FALSE if there is no connection now. */
gboolean gst_lus_broker_publish(GstLusBroker *broker, const char *json);
/** Says "offline" and disconnects. Accepts NULL. */
void gst_lus_broker_free(GstLusBroker *broker);
