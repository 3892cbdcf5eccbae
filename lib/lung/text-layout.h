/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <pango/pangocairo.h>

/** A layout for texts of any size, without hinting. It has a font map of its own, because streams draw in threads of
 *  their own. Unref it after the fonts that it gave. */
PangoLayout *lus_text_layout_new(void);
