# SPDX-License-Identifier: LGPL-2.1-or-later
# Luma of video rows; luma-c.c is the specification.

# min(255, round(max(0, y - 16) 255 / 219)): with e = floor(2 d 255 / 219), round = (e + 1) >> 1. 38155 is 2^16 (2 / 4) 255 / 219
# rounded up, close enough that the floor is right for all 256 values.
.function lus_orc_luma_expand
.dest 1 luma guint8
.temp 1 d
.temp 2 e
subusb d, luma, 16
convubw e, d
shlw e, e, 2
mulhuw e, e, 38155
addw e, e, 1
shruw e, e, 1
convsuswb luma, e

.function lus_orc_luma_even
.dest 1 luma guint8
.source 2 pairs guint16
select0wb luma, pairs

.function lus_orc_luma_odd
.dest 1 luma guint8
.source 2 pairs guint16
select1wb luma, pairs

.function lus_orc_luma_weigh
.dest 1 luma guint8
.source 4 pixels guint32
.param 2 w0
.param 2 w1
.param 2 w2
.param 2 w3
.temp 2 high
.temp 2 low
.temp 2 c
.temp 1 b0
.temp 1 b1
.temp 4 sum
.temp 4 term
splitlw high, low, pixels
splitwb b1, b0, low
convubw c, b0
muluwl sum, c, w0
convubw c, b1
muluwl term, c, w1
addl sum, sum, term
splitwb b1, b0, high
convubw c, b0
muluwl term, c, w2
addl sum, sum, term
convubw c, b1
muluwl term, c, w3
addl sum, sum, term
addl sum, sum, 32768
shrul sum, sum, 16
convlw c, sum
convwb luma, c
