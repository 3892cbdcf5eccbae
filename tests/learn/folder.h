/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "fixture.h"

/** Tests that each have a folder of their own. */
typedef struct {
  char *folder;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
  (void)data;
  f->folder = folder_new();
}

static void tear_down(Fixture *f, gconstpointer data)
{
  (void)data;
  folder_remove(f->folder);
  g_free(f->folder);
}
