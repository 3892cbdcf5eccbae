/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "sector.h"
#include "../nn/error.h"

LUS_BEGIN_DECLS

/** A scanner's profile: a key file that remembers its sector for each size of picture (docs/sector.md). */

/** Has @sector, in auto mode, begin with what the profile at @path holds for its frames' size: it is the sector as soon as
 *  anything is seen, also after each reset, until the pictures show another one. Nothing happens where there is no file or
 *  none for that size. FALSE: the file is no profile, or cannot be read. */
LUS_API gboolean lus_sector_profile_load(LusSector *sector, const char *path, GError **error);
/** Writes what @sector found by itself to the profile at @path, in place of what that held for the same size, atomically,
 *  and remembers it. Nothing happens where nothing new was found. FALSE: the file is no profile, or cannot be written. */
LUS_API gboolean lus_sector_profile_save(LusSector *sector, const char *path, GError **error);

LUS_END_DECLS
