/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clips.h"

static LusToolClip *add(GPtrArray *clips, const char *path, const char *name)
{
  LusToolClip *clip = g_new0(LusToolClip, 1);
  clip->path = g_strdup(path);
  clip->name = g_strdup(name);
  g_ptr_array_add(clips, clip);
  return clip;
}

static gboolean add_dataset(GPtrArray *clips, const char *path, GError **error)
{
  g_autoptr(LusDataset) dataset = lus_dataset_load(path, error);
  if (!dataset)
    return FALSE;
  for (int i = 0; i < dataset->n_clips; i++) {
    const LusClip *known = &dataset->clips[i];
    g_autofree char *file = g_build_filename(path, known->file, NULL);
    LusToolClip *clip = add(clips, file, known->name);
    clip->told.day = known->day;
    clip->mm_per_pixel = known->mm_per_pixel;
    g_strlcpy(clip->told.patient, known->patient, sizeof(clip->told.patient));
    g_strlcpy(clip->told.zone, known->zone, sizeof(clip->told.zone));
  }
  return TRUE;
}

static gboolean add_inputs(GPtrArray *clips, char *const *arguments, GError **error)
{
  g_autoptr(GPtrArray) inputs = lus_tool_inputs(arguments, error);
  if (!inputs)
    return FALSE;
  for (guint i = 0; i < inputs->len; i++) {
    const LusToolInput *input = g_ptr_array_index(inputs, i);
    LusToolClip *clip = add(clips, input->path, input->name);
    LusClipName *told = &clip->told;
    clip->mm_per_pixel = input->mm_per_pixel;
    lus_clip_name_parse(told, input->path);
    if (input->told.patient[0])
      g_strlcpy(told->patient, input->told.patient, sizeof(told->patient));
    if (input->told.zone[0])
      g_strlcpy(told->zone, input->told.zone, sizeof(told->zone));
    if (input->told.day >= 0)
      told->day = input->told.day;
  }
  return TRUE;
}

GPtrArray *lus_tool_clips(char *const *arguments, GError **error)
{
  g_autoptr(GPtrArray) clips = g_ptr_array_new_with_free_func(lus_tool_input_free);
  g_autofree char *manifest = g_build_filename(arguments[0], "dataset.json", NULL);
  gboolean dataset = !arguments[1] && g_file_test(manifest, G_FILE_TEST_EXISTS);
  gboolean done = dataset ? add_dataset(clips, arguments[0], error) : add_inputs(clips, arguments, error);
  return done ? g_steal_pointer(&clips) : NULL;
}
