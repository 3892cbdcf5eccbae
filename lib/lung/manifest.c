/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lung/manifest.h"
#include "nn/error.h"
#include "nn/file.h"
#include "nn/refuse.h"

#include <jansson.h>

#define MAX_BYTES ((gsize)1 << 20)

#define refuse(error, path, place, ...) lus_refuse(error, path, place, "docs/exam.md shows a manifest", __VA_ARGS__)

static gboolean read_clip(LusManifestClip *clip, json_t *json, const char *folder, const char *place, const char *path,
                          GError **error)
{
  const char *file, *zone;
  json_error_t problem;
  if (json_unpack_ex(json, &problem, JSON_STRICT, "{s:s, s:s, s?F}", "file", &file, "zone", &zone, "mm_per_pixel",
                     &clip->mm_per_pixel) != 0)
    return refuse(error, path, place, "%s", problem.text);
  if (!lus_zone_known(zone))
    return refuse(error, path, place, "the zone is none of R1 to R6, L1 to L6, R4V, L4V");
  if (json_object_get(json, "mm_per_pixel") && !lus_mm_per_pixel_is_valid(clip->mm_per_pixel))
    return refuse(error, path, place, "mm_per_pixel is outside %g to %g; leave it out where it is unknown",
                  LUS_MM_PER_PIXEL_MIN, LUS_MM_PER_PIXEL_MAX);
  if (*file == 0)
    return refuse(error, path, place, "the file's name is empty");
  clip->file = g_path_is_absolute(file) ? g_strdup(file) : g_build_filename(folder, file, NULL);
  g_strlcpy(clip->zone, zone, sizeof(clip->zone));
  return TRUE;
}

static gboolean read_clips(LusManifest *manifest, json_t *clips, const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname(path);
  gsize n = json_array_size(clips);
  if (n < 1 || n > LUS_MANIFEST_MAX_CLIPS)
    return refuse(error, path, "clips", "expected an array of 1 to 1000 clips");
  manifest->clips = g_new0(LusManifestClip, n);
  for (gsize i = 0; i < n; i++) {
    g_autofree char *place = g_strdup_printf("clips[%" G_GSIZE_FORMAT "]", i);
    manifest->n_clips++;
    if (!read_clip(&manifest->clips[i], json_array_get(clips, i), folder, place, path, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean read_manifest(LusManifest *manifest, json_t *json, const char *path, GError **error)
{
  json_int_t schema, day = -1;
  const char *exam_id = NULL, *patient = NULL, *zones = NULL;
  json_t *clips;
  json_error_t problem;
  if (json_unpack_ex(json, &problem, JSON_STRICT, "{s:I, s?s, s?s, s?I, s?s, s:o}", "schema", &schema, "exam_id",
                     &exam_id, "patient", &patient, "day", &day, "zones", &zones, "clips", &clips) != 0)
    return refuse(error, path, "top level", "%s", problem.text);
  if (schema != 1)
    return refuse(error, path, "schema", "another version than 1");
  if (day < -1 || day > 1000000)
    return refuse(error, path, "day", "outside 0 to 1000000");
  manifest->exam_id = g_strdup(exam_id);
  manifest->patient = g_strdup(patient);
  manifest->zones = g_strdup(zones);
  manifest->day = (int)day;
  return read_clips(manifest, clips, path, error);
}

LusManifest *lus_manifest_load(const char *path, GError **error)
{
  gsize length;
  g_autofree guint8 *data = lus_file_read(path, MAX_BYTES, &length, error);
  if (!data)
    return NULL;
  json_error_t problem;
  gsize mark = lus_utf8_mark((const char *)data, length);
  json_t *json = json_loadb((const char *)data + mark, length - mark, JSON_REJECT_DUPLICATES, &problem);
  if (!json) {
    g_set_error(error, LUS_ERROR, LUS_ERROR_INVALID, "%s:%d: not valid JSON: %s; docs/exam.md shows a manifest", path,
                problem.line, problem.text);
    return NULL;
  }
  g_autoptr(LusManifest) manifest = g_new0(LusManifest, 1);
  gboolean done = read_manifest(manifest, json, path, error);
  json_decref(json);
  return done ? g_steal_pointer(&manifest) : NULL;
}

void lus_manifest_free(LusManifest *manifest)
{
  if (!manifest)
    return;
  for (int i = 0; i < manifest->n_clips; i++)
    g_free(manifest->clips[i].file);
  g_free(manifest->clips);
  g_free(manifest->exam_id);
  g_free(manifest->patient);
  g_free(manifest->zones);
  g_free(manifest);
}
