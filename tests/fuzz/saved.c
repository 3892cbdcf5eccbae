/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What long work saves on its way: '0' a training's checkpoint, '1' a sweep's result. The checksum at the end is made right, else no
 * input would get past it. What was read is written and read again. */
#include "import.h"
#include "learn/checkpoint.h"
#include "learn/sweep-internal.h"

#define DIGEST 64

static void read_checkpoint(const char *path)
{
  LusTrainState state;
  g_autoptr(GError) error = NULL;
  g_assert_true(lus_train_state_alloc(&state, 3, NULL));
  if (lus_checkpoint_read(path, &state, "seed 1\n", &error)) {
    g_assert_no_error(error);
    g_assert_cmpint(state.best_step, <=, state.step);
  } else {
    g_assert_nonnull(strstr(error->message, path));
  }
  lus_train_state_clear(&state);
}

static void read_result(const char *path)
{
  LusSweepResult result;
  g_autoptr(GError) error = NULL;
  if (!lus_sweep_result_read(&result, path, "seed 1\n", &error)) {
    g_assert_nonnull(strstr(error->message, path));
    return;
  }
  g_autofree char *again = fuzz_named_file("again", (const uint8_t *)"", 0);
  g_assert_true(lus_sweep_result_write(again, &result, "seed 1\n", NULL));
  lus_sweep_result_clear(&result);
  g_assert_true(lus_sweep_result_read(&result, again, "seed 1\n", NULL));
  lus_sweep_result_clear(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  g_autofree uint8_t *bytes = g_memdup2(data + 1, size - 1);
  if (size - 1 >= DIGEST) {
    g_autofree char *digest = lus_sha256(bytes, size - 1 - DIGEST);
    memcpy(bytes + size - 1 - DIGEST, digest, DIGEST);
  }
  g_autofree char *path = fuzz_named_file(data[0] & 1 ? "job.result" : "model.checkpoint", bytes, size - 1);
  if (data[0] & 1)
    read_result(path);
  else
    read_checkpoint(path);
  return 0;
}
