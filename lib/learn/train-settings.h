/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "trainer.h"

/** Inside of learn: everything the result of a training depends on, as lines "name value\n", newly allocated. @loss: the
 *  one in use. */
char *lus_train_settings(const LusTrainConfig *config, const LusLoss *loss, const LusSamples *samples);
/** The error of a file whose settings are not the wanted ones: "@path: @is (it has 'LINE', this one 'LINE'); @remedy", with
 *  the first lines that differ. Always FALSE. */
gboolean lus_train_settings_refuse(GError **error, const char *path, const char *is, const char *found, const char *wanted,
                                   const char *remedy);
