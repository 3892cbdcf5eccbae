/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** Layers of a paint program (RGBA, opacity = confidence) and grey masks: a PNG per frame, or per frame and class. */
#include "import-internal.h"
#include "learn/annotation.h"

#include <string.h>

/** What a file's name tells; *@rest is what follows the frame number. Both texts to be freed. */
static gboolean start_region(LusRegion *r, char **clip, char **rest, const char *path, GError **error)
{
  *r = (LusRegion){.kind = LUS_REGION_PICTURE, .place = path, .path = path, .percent = 100};
  if (!lus_picture_name_parse(path, clip, &r->frame, rest))
    return lus_import_refuse(error, path, "its name has no frame number; name it like CLIP_frame000012.CLASS.png");
  r->clip = *clip;
  r->last = r->frame;
  return TRUE;
}

/** "CLASS.ignore" is where the annotator could not tell. */
static gboolean take_ignore(char *rest)
{
  if (!g_str_has_suffix(rest, ".ignore"))
    return FALSE;
  rest[strlen(rest) - strlen(".ignore")] = 0;
  return TRUE;
}

gboolean lus_import_layers(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error)
{
  (void)config;
  LusRegion r;
  g_autofree char *clip = NULL, *rest = NULL;
  if (!start_region(&r, &clip, &rest, path, error))
    return FALSE;
  r.picture = take_ignore(rest) ? LUS_PICTURE_IGNORE : LUS_PICTURE_ALPHA;
  if (!*rest)
    return lus_import_refuse(error, path, "its name tells no class; name it like CLIP_frame000012.CLASS.png");
  r.class_name = rest;
  g_autofree guint8 *pixels = lus_png_read(path, 4, &r.width, &r.height, error);
  if (!pixels)
    return FALSE;
  if (r.picture == LUS_PICTURE_ALPHA && lus_picture_opaque(pixels, (gsize)r.width * r.height))
    return lus_import_refuse(error, path, "is opaque everywhere; save the layer alone, with its transparency");
  return lus_regions_add(regions, &r, error);
}

/** One region per number in the picture. */
static gboolean add_numbers(LusRegions *regions, const LusRegion *base, GError **error)
{
  LusRegion empty = {.clip = base->clip, .place = base->place, .frame = base->frame, .last = base->frame};
  g_autofree guint8 *pixels = lus_png_read(base->path, 1, &empty.width, &empty.height, error);
  if (!pixels)
    return FALSE;
  gboolean seen[256] = {FALSE};
  for (gsize i = 0; i < (gsize)empty.width * empty.height; i++)
    seen[pixels[i]] = TRUE;
  LusRegion r = *base;
  r.width = empty.width;
  r.height = empty.height;
  gboolean ok = lus_regions_add(regions, &empty, error);
  for (int value = 1; ok && value < 256; value++) {
    char name[8];
    g_snprintf(name, sizeof name, "%d", value);
    LusRegion one = r;
    one.picture = LUS_PICTURE_VALUE;
    one.value = (guint8)value;
    one.class_name = name;
    if (seen[value])
      ok = lus_regions_add(regions, &one, error);
  }
  return ok;
}

gboolean lus_import_masks(LusRegions *regions, const char *path, const LusImportConfig *config, GError **error)
{
  (void)config;
  LusRegion r;
  g_autofree char *clip = NULL, *rest = NULL;
  if (!start_region(&r, &clip, &rest, path, error))
    return FALSE;
  if (!*rest || g_str_equal(rest, "mask"))
    return add_numbers(regions, &r, error);
  r.picture = take_ignore(rest) ? LUS_PICTURE_IGNORE : LUS_PICTURE_PERCENT;
  r.class_name = rest;
  /* Read again when it is drawn; here so that a damaged one is refused before anything is written. */
  g_autofree guint8 *pixels = r.picture == LUS_PICTURE_IGNORE ? lus_png_read(path, 4, &r.width, &r.height, error)
                                                              : lus_label_read(path, &r.width, &r.height, error);
  return pixels && lus_regions_add(regions, &r, error);
}
