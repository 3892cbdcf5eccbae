/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "trainer.h"

/** Inside of learn: everything the result of a training depends on, as lines "name value\n", newly allocated. @loss: the
 *  one in use. */
char *lus_train_settings(const LusTrainConfig *config, const LusLoss *loss, const LusSamples *samples);
