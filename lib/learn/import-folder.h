/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** The files in @folder and its folders that have one of the @endings (".xml .json"), sorted by name; hidden ones are none. */
GPtrArray *lus_import_files(const char *folder, const char *endings, GError **error);
