/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstluscomposition.h"

#define FEATURE GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION

static void drop_rectangle(GstLusComposition *self, int i)
{
  if (self->rectangles[i])
    gst_video_overlay_rectangle_unref(self->rectangles[i]);
  self->rectangles[i] = NULL;
  self->serials[i] = 0;
}

static void drop_composition(GstLusComposition *self)
{
  if (self->composition)
    gst_video_overlay_composition_unref(self->composition);
  self->composition = NULL;
}

void gst_lus_composition_clear(GstLusComposition *self)
{
  for (int i = 0; i < LUS_OVERLAY_TEXTS; i++)
    drop_rectangle(self, i);
  drop_composition(self);
  self->n = 0;
}

static GstVideoOverlayRectangle *make_rectangle(const LusOverlayText *text)
{
  const gsize row = (gsize)text->rect.width * 4;
  GstBuffer *pixels = gst_buffer_new_allocate(NULL, row * (gsize)text->rect.height, NULL);
  GstVideoOverlayRectangle *rectangle;

  for (int y = 0; y < text->rect.height; y++)
    gst_buffer_fill(pixels, row * (gsize)y, text->argb + (gsize)y * (gsize)text->stride, row);
  gst_buffer_add_video_meta(pixels, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB,
                            (guint)text->rect.width, (guint)text->rect.height);
  rectangle = gst_video_overlay_rectangle_new_raw(pixels, text->rect.x, text->rect.y, (guint)text->rect.width,
                                                  (guint)text->rect.height,
                                                  GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  gst_buffer_unref(pixels);
  return rectangle;
}

/* TRUE if something is another than before. */
static gboolean update_rectangles(GstLusComposition *self, const LusOverlay *overlay)
{
  LusOverlayText texts[LUS_OVERLAY_TEXTS];
  const int before = self->n;
  gboolean changed;

  self->n = lus_overlay_texts(overlay, texts);
  changed = self->n != before;
  for (int i = 0; i < self->n; i++) {
    if (self->serials[i] == texts[i].serial)
      continue;
    drop_rectangle(self, i);
    self->rectangles[i] = make_rectangle(&texts[i]);
    self->serials[i] = texts[i].serial;
    changed = TRUE;
  }
  for (int i = self->n; i < before; i++)
    drop_rectangle(self, i);
  return changed;
}

void gst_lus_composition_attach(GstLusComposition *self, GstBuffer *buffer, const LusOverlay *overlay)
{
  if (update_rectangles(self, overlay)) {
    drop_composition(self);
    for (int i = 0; i < self->n; i++) {
      if (self->composition)
        gst_video_overlay_composition_add_rectangle(self->composition, self->rectangles[i]);
      else
        self->composition = gst_video_overlay_composition_new(self->rectangles[i]);
    }
  }
  if (self->composition)
    gst_buffer_add_video_overlay_composition_meta(buffer, self->composition);
}

GstCaps *gst_lus_composition_add_feature(GstCaps *caps)
{
  caps = gst_caps_make_writable(caps);
  for (guint i = 0; i < gst_caps_get_size(caps); i++)
    gst_caps_set_features(caps, i, gst_caps_features_new(GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY, FEATURE, NULL));
  return caps;
}

GstCaps *gst_lus_composition_remove_feature(GstCaps *caps)
{
  caps = gst_caps_make_writable(caps);
  for (guint i = 0; i < gst_caps_get_size(caps); i++)
    gst_caps_set_features(caps, i, NULL);
  return gst_caps_merge(gst_caps_new_empty(), caps); /* gst_caps_simplify() would mix frame rates and their order */
}

gboolean gst_lus_composition_has_feature(const GstCaps *caps)
{
  return !gst_caps_is_empty(caps) && !gst_caps_is_any(caps) &&
         gst_caps_features_contains(gst_caps_get_features(caps, 0), FEATURE);
}

gboolean gst_lus_composition_accepted(GstPad *pad, GstCaps *caps)
{
  g_autoptr(GstQuery) query = gst_query_new_allocation(caps, FALSE);

  /* Elements answer for the caps that they have. */
  return gst_pad_push_event(pad, gst_event_new_caps(caps)) && gst_pad_peer_query(pad, query) &&
         gst_query_find_allocation_meta(query, GST_VIDEO_OVERLAY_COMPOSITION_META_API_TYPE, NULL);
}
