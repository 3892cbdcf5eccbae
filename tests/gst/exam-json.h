/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* exam.json as tests read it. */
#pragma once

#include <glib.h>
#include <jansson.h>

static inline json_t *read_exam(const char *path)
{
  json_error_t error;
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

  if (!root)
    g_error("%s: %s", path, error.text);
  return root;
}
