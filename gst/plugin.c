/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstluselements.h"
#include "gstlusmeta.h"

static gboolean plugin_init(GstPlugin *plugin)
{
  gboolean any = FALSE;

  gst_lus_summary_register();
  any |= GST_ELEMENT_REGISTER(lustestsrc, plugin);
  any |= GST_ELEMENT_REGISTER(lussegment, plugin);
  any |= GST_ELEMENT_REGISTER(lusconfmask, plugin);
  any |= GST_ELEMENT_REGISTER(lussfestimate, plugin);
  any |= GST_ELEMENT_REGISTER(lusdeidentify, plugin);
  any |= GST_ELEMENT_REGISTER(lusoverlay, plugin);
  any |= GST_ELEMENT_REGISTER(luspublish, plugin);
  return any;
}

#define PACKAGE "lus"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, lus, "Lung-ultrasound segmentation. " LUS_NOTICE, plugin_init,
                  LUS_VERSION, "LGPL", "lus", "https://gstreamer.freedesktop.org/")
