/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "learn/import.h"

/** CVAT's XML, for images or for video; @text is the file's. */
gboolean lus_import_cvat_xml(LusRegions *regions, const char *path, const char *text, gsize length,
                             const LusImportConfig *config, GError **error);
