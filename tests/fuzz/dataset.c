/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A data set's manifest. */
#include "import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  GError *error = NULL;
  g_autofree char *path = fuzz_named_file("dataset.json", data, size);
  g_autoptr(LusDataset) dataset = lus_dataset_load(fuzz_folder, &error);
  g_assert_true((dataset != NULL) == (error == NULL));
  if (error && !strstr(error->message, path))
    g_error("no place: %s", error->message);
  g_clear_error(&error);
  for (int i = 0; dataset && i < dataset->n_clips; i++) {
    g_assert_nonnull(lus_split_name(dataset->clips[i].split));
    g_assert_nonnull(dataset->clips[i].name);
  }
  return 0;
}
