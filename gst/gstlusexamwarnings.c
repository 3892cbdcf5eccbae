/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusexamwarnings.h"

void gst_lus_warn_zone(GstElement *element, const char *zone)
{
  g_autofree char *capitals = g_ascii_strup(zone, -1);

  if (lus_zone_known(capitals))
    GST_ELEMENT_WARNING(element, STREAM, FAILED, ("There is no room for zone \"%s\"; its pictures are in no zone.", zone),
                        ("An exam has at most %d zones; see the property zones.", LUS_MAX_ZONES));
  else
    GST_ELEMENT_WARNING(element, STREAM, FAILED, ("No zone is called \"%s\"; its pictures are in no zone.", zone),
                        ("Zones are R1..R6, L1..L6, R4V and L4V."));
}

void gst_lus_warn_begun(GstElement *element, guint64 unwritten, const char *kept, const GError *problem)
{
  if (kept)
    GST_ELEMENT_WARNING(element, RESOURCE, WRITE, ("%s holds the exam before; the next one will replace it.", kept),
                        ("Set exam-file to another file before the next exam is finished, or move the file away."));
  if (unwritten > 0)
    GST_ELEMENT_WARNING(element, STREAM, FAILED,
                        ("The exam before was not finished: nothing of its %" G_GUINT64_FORMAT " pictures is written.",
                         unwritten),
                        ("Finish an exam before the next one starts: finish-exam, or the key f."));
  if (problem)
    GST_ELEMENT_WARNING(element, RESOURCE, SETTINGS, ("No exam begins: %s", problem->message),
                        ("The exam before has ended: no picture counts until an exam begins. See baseline-file, heads-file and "
                         "zones."));
}

void gst_lus_warn_mismatch(GstElement *element, GstLusExamAdded added)
{
  if (added == GST_LUS_EXAM_OTHER_MODEL)
    GST_ELEMENT_WARNING(element, STREAM, FAILED, ("The model changed during the exam; its pictures are left out."),
                        ("Start a new exam after choosing another model."));
  else
    GST_ELEMENT_WARNING(element, STREAM, FAILED, ("The masks are cut at another threshold than those of the estimator; "
                                                  "the estimate is off."),
                        ("Set lusconfmask's thresholds to the estimator's, which `lus fit` took from its features."));
}

void gst_lus_warn_networks(GstElement *element, const GError *problem)
{
  if (problem)
    GST_ELEMENT_WARNING(element, STREAM, FAILED, ("%s", problem->message),
                        ("The exam goes on without what its video networks should estimate."));
}

void gst_lus_warn_nothing(GstElement *element, gboolean saw_masks)
{
  if (saw_masks)
    GST_ELEMENT_WARNING(element, STREAM, FAILED, ("No picture was in a zone: exam-file is not written."),
                        ("Set zone, or name it by a tag, an event or a key."));
  else
    GST_ELEMENT_WARNING(element, STREAM, FAILED, ("No picture carried masks: exam-file is not written."),
                        ("Put lussegment and lusconfmask before lussfestimate."));
}

void gst_lus_warn_measured(GstElement *element, const GError *problem)
{
  if (problem)
    GST_ELEMENT_WARNING(element, RESOURCE, SETTINGS, ("%s; the measured S/F is left out.", problem->message),
                        ("See the properties spo2 and fio2."));
}
