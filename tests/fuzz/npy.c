/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Arrays of NumPy. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char path[32];
  GError *error = NULL;
  int fd = fuzz_file(path, data, size);
  g_autoptr(LusTensor) tensor = lus_tensor_read_npy(path, &error);
  close(fd);
  g_assert_true((tensor != NULL) == (error == NULL));
  if (error && !strstr(error->message, path))
    g_error("no place: %s", error->message);
  g_clear_error(&error);
  return 0;
}
