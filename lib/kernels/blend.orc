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

# s w lies within -32640..32385: with 64 added it still fits a signed word.
.function lus_orc_blend_add
.dest 1 d guint8
.source 1 s gint8
.source 1 w guint8
.temp 2 t
.temp 2 v
convsbw t, s
convubw v, w
mullw t, t, v
addw t, t, 64
shrsw t, t, 7
convubw v, d
addw t, t, v
convsuswb d, t

# 255 / 96 is 85 / 32.
.function lus_orc_blend_weigh1
.dest 1 w guint8
.source 1 luma guint8
.const 1 c96 96
.temp 1 b
.temp 2 t
minub b, luma, c96
convubw t, b
mullw t, t, 85
shruw t, t, 5
convwb w, t

# The sum is 384 at most, so that the product fits a signed word.
.function lus_orc_blend_weigh4
.dest 1 w guint8
.source 2 top guint16
.source 2 bottom guint16
.temp 1 a
.temp 1 b
.temp 2 t
.temp 2 v
splitwb a, b, top
convubw t, a
convubw v, b
addw t, t, v
splitwb a, b, bottom
convubw v, a
addw t, t, v
convubw v, b
addw t, t, v
minsw t, t, 384
mullw t, t, 85
shruw t, t, 7
convwb w, t
