#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A whole screen for the bedside: live picture, masks, zones, estimate.   bedside.sh [DEVICE [EXAM.json]]
# What one should see: the scanner's picture over the full screen, contours on pleura and B-lines, the six zones on the right.
# Keys (in a window): 1..6 choose the zone R1 R2 R3 L1 L2 L3, 0 none, s starts an exam, f finishes it; Ctrl-C ends.
# The screen is chosen by what runs: Wayland (waylandsink), X (ximagesink, scaled to LUS_SIZE, default 1920x1080), or none, where
# kmssink draws on the console's screen; it takes no keys, so zones come from `lus live` there. LUS_SINK replaces it
# (glimagesink, waylandsink fullscreen=true, kmssink, ximagesink), LUS_SOURCE the source.
set -euo pipefail
device=${1:-/dev/video0} exam=${2:-exam.json} size=${LUS_SIZE:-1920x1080}
[ -n "${LUS_SOURCE:-}" ] || [ -c "$device" ] ||
  { echo "error: no capture device '$device': plug the card in, or name another (ls /dev/video*)" >&2; exit 1; }
[[ $size =~ ^([1-9][0-9]*)x([1-9][0-9]*)$ ]] || { echo "error: LUS_SIZE is '$size': say WIDTHxHEIGHT" >&2; exit 1; }
screen="video/x-raw,width=${BASH_REMATCH[1]},height=${BASH_REMATCH[2]},pixel-aspect-ratio=1/1"
if [ -n "${LUS_SINK:-}" ]; then sink=$LUS_SINK
elif [ -n "${WAYLAND_DISPLAY:-}" ]; then sink="waylandsink fullscreen=true"
elif [ -n "${DISPLAY:-}" ]; then sink=ximagesink
else sink=kmssink
fi
# shellcheck disable=SC2086
exec gst-launch-1.0 -q -e ${LUS_SOURCE:-v4l2src device=$device ! decodebin} \
  ! queue max-size-buffers=2 leaky=downstream \
  ! lussegment ! lusconfmask ! lussfestimate exam-file="${exam//\\/\\\\}" ! lusoverlay \
  ! videoconvert ! videoscale add-borders=true ! "$screen" ! videoconvert ! $sink
