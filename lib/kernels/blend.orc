# SPDX-License-Identifier: LGPL-2.1-or-later
# Blending of video rows; blend-c.c is the specification.

# div255w is (v + 128 + ((v + 128) >> 8)) >> 8 on unsigned words; s a + d (255 - a) is 65025 at most.
.function lus_orc_blend_mix
.dest 1 d guint8
.source 1 s guint8
.source 1 a guint8
.const 1 c255 255
.temp 1 b
.temp 2 t
.temp 2 v
mulubw t, s, a
subb b, c255, a
mulubw v, d, b
addw t, t, v
div255w t, t
convwb d, t

.function lus_orc_blend_scale
.dest 1 d guint8
.source 1 a guint8
.source 1 w guint8
.temp 2 t
mulubw t, a, w
div255w t, t
convwb d, t

# s w lies within -32640..32385: with 128 added it still fits a signed word.
.function lus_orc_blend_add
.dest 1 d guint8
.source 1 s gint8
.source 1 w guint8
.temp 2 t
.temp 2 v
convsbw t, s
convubw v, w
mullw t, t, v
addw t, t, 128
shrsw t, t, 8
convubw v, d
addw t, t, v
convsuswb d, t
