/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "tool.h"

/** At most @most pictures (or one per clip), evenly spread, of the clips that @arguments stand for (inputs.h), an equal
 *  number of each as far as it has them: luma alone, cropped to the sector found so far and scaled as at inference. No labels. */
LusSamples *lus_tool_clip_frames(char *const *arguments, int most, int width, int height, LusToolProgress *progress,
                                 GError **error);
