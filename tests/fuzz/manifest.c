/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests of exams (JSON). */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char path[32];
  GError *error = NULL;
  int fd = fuzz_file(path, data, size);
  LusManifest *manifest = lus_manifest_load(path, &error);
  close(fd);
  g_assert_true((manifest != NULL) == (error == NULL));
  if (error && !strstr(error->message, path))
    g_error("no place: %s", error->message);
  g_clear_error(&error);
  for (int i = 0; manifest && i < manifest->n_clips; i++)
    g_assert_true(lus_zone_known(manifest->clips[i].zone));
  lus_manifest_free(manifest);
  return 0;
}
