/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstlusnetworks.h"

/* A zone's clip that goes on. */
typedef struct {
  LusClipPlanes *planes; /* NULL: none yet */
  char zone[LUS_ZONE_LENGTH];
  int number;
  gboolean grown; /* since it was handed over */
} Growing;

/* A clip as far as it got. */
typedef struct {
  char zone[LUS_ZONE_LENGTH];
  int number, classes;
  guint8 *planes;
} Clip;

struct _GstLusNetworks {
  LusExamNetworks *networks; /* the round's while one runs */
  Growing zones[LUS_MAX_ZONES];
  GstLusRound *next; /* NULL: nothing is to be done */
  gboolean asked;    /* the round that runs is to estimate */
  gboolean failed;   /* the round's alone */
};

static void free_clip(gpointer data)
{
  Clip *clip = data;

  g_free(clip->planes);
  g_free(clip);
}

static void free_round(GstLusRound *round)
{
  if (!round)
    return;
  g_ptr_array_unref(round->clips);
  g_strfreev(round->zones);
  g_free(round->embeddings);
  g_clear_error(&round->problem);
  g_free(round);
}

GstLusNetworks *gst_lus_networks_new(LusExamNetworks *networks)
{
  GstLusNetworks *self = g_new0(GstLusNetworks, 1);

  self->networks = networks;
  return self;
}

void gst_lus_networks_free(GstLusNetworks *self)
{
  if (!self)
    return;
  for (int i = 0; i < LUS_MAX_ZONES; i++)
    lus_clip_planes_free(self->zones[i].planes);
  free_round(self->next);
  lus_exam_networks_free(self->networks);
  g_free(self);
}

gboolean gst_lus_networks_suit(const GstLusNetworks *self, const LusModel *model, GError **error)
{
  return lus_exam_networks_suit(self->networks, model, error);
}

void gst_lus_networks_fail(const GstLusNetworks *self, LusEstimate *estimate)
{
  lus_exam_networks_fail(self->networks, estimate);
}

static GstLusRound *next_round(GstLusNetworks *self)
{
  if (!self->next) {
    self->next = g_new0(GstLusRound, 1);
    self->next->clips = g_ptr_array_new_with_free_func(free_clip);
  }
  return self->next;
}

/* Where a clip stands in the next round; one that waits there is replaced. */
static Clip *place_clip(GstLusNetworks *self, const Growing *zone)
{
  GPtrArray *clips = next_round(self)->clips;
  Clip *clip;

  for (guint i = 0; i < clips->len; i++) {
    clip = g_ptr_array_index(clips, i);
    if (clip->number == zone->number && g_str_equal(clip->zone, zone->zone))
      return clip;
  }
  clip = g_new0(Clip, 1);
  clip->number = zone->number;
  g_strlcpy(clip->zone, zone->zone, sizeof(clip->zone));
  g_ptr_array_add(clips, clip);
  return clip;
}

gboolean gst_lus_networks_pause(GstLusNetworks *self, int index)
{
  Growing *zone = &self->zones[index];
  guint8 *planes;
  Clip *clip;
  int classes;

  if (!zone->grown)
    return TRUE;
  planes = lus_clip_planes_take(zone->planes, &classes);
  if (!planes)
    return FALSE;
  clip = place_clip(self, zone);
  g_free(clip->planes);
  clip->planes = planes;
  clip->classes = classes;
  zone->grown = FALSE;
  return TRUE;
}

gboolean gst_lus_networks_add(GstLusNetworks *self, int index, const char *name, int number, const LusImage *image,
                              const LusSegmentation *segmentation)
{
  Growing *zone = &self->zones[index];
  const gboolean grey = lus_exam_networks_read_grey(self->networks);

  if (grey && !image)
    return TRUE;
  if (zone->planes && zone->number != number) {
    if (!gst_lus_networks_pause(self, index))
      return FALSE;
    lus_clip_planes_reset(zone->planes);
  }
  if (!zone->planes)
    zone->planes = lus_clip_planes_new(grey);
  zone->number = number;
  g_strlcpy(zone->zone, name, sizeof(zone->zone));
  zone->grown = TRUE;
  return lus_clip_planes_add(zone->planes, image, segmentation);
}

void gst_lus_networks_ask(GstLusNetworks *self, const LusEstimate *estimate, char **zones, gboolean final)
{
  GstLusRound *round = next_round(self);

  for (int i = 0; i < LUS_MAX_ZONES; i++) {
    if (g_strv_contains((const char *const *)zones, self->zones[i].zone) && !gst_lus_networks_pause(self, i) &&
        !round->problem)
      round->problem = g_error_new_literal(LUS_ERROR, LUS_ERROR_MEMORY, "out of memory for a clip's planes");
  }
  g_strfreev(round->zones);
  round->zones = zones;
  round->estimate = *estimate;
  round->has_estimate = TRUE;
  round->final = final;
}

gboolean gst_lus_networks_asked(const GstLusNetworks *self)
{
  return self->asked || (self->next && self->next->has_estimate);
}

gboolean gst_lus_networks_waits(const GstLusNetworks *self)
{
  return self->next != NULL;
}

GstLusRound *gst_lus_networks_begin(GstLusNetworks *self)
{
  GstLusRound *round = g_steal_pointer(&self->next);

  self->asked = round && round->has_estimate;
  return round;
}

void gst_lus_round_run(GstLusRound *round, GstLusNetworks *self, const LusExamFile *earlier)
{
  const char *const *zones = (const char *const *)round->zones;

  self->failed |= round->problem != NULL;
  for (guint i = 0; i < round->clips->len && !self->failed; i++) {
    const Clip *clip = g_ptr_array_index(round->clips, i);
    self->failed = !lus_exam_networks_set_clip(self->networks, clip->zone, clip->number, clip->planes, clip->classes,
                                               &round->problem);
  }
  if (!round->has_estimate)
    return;
  if (self->failed) {
    lus_exam_networks_fail(self->networks, &round->estimate);
    return;
  }
  lus_exam_networks_estimate(self->networks, &round->estimate, earlier, zones);
  if (round->final)
    round->embeddings = lus_exam_networks_to_json(self->networks, zones);
}

void gst_lus_networks_end(GstLusNetworks *self, GstLusRound *round)
{
  self->asked = FALSE;
  free_round(round);
}
