/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** matroskamux gives each file and track a random number. Puts numbers made from the content in their place, so that the same
 *  pictures give the same file. @path: a finished file of matroskamux with one track. */
gboolean lus_tool_matroska_settle(const char *path, GError **error);
