/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <lus/lus.h>

/** libFuzzer calls this with every input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** For parsers that take a path: @data as a file in memory. Returns its descriptor; @path of 32 bytes receives its name. */
static inline int fuzz_file(char *path, const uint8_t *data, size_t size)
{
  int fd = memfd_create("fuzz", 0);
  g_assert_cmpint(fd, >=, 0);
  g_assert_cmpint(write(fd, data, size), ==, (gssize)size);
  snprintf(path, 32, "/proc/self/fd/%d", fd);
  return fd;
}
