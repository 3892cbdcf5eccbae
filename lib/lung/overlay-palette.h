/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/** The display's colour and words for a class, for charts and reports; classes it does not know are salmon. */
void lus_class_colour(guint8 rgb[3], const char *class_name);
/** "Pleural line"; newly allocated. */
char *lus_class_title(const char *class_name);
