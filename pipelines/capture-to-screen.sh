#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A capture card behind the scanner's HDMI output, shown with masks and estimate.   capture-to-screen.sh [/dev/videoN] [ZONE]
# What one should see: the scanner's picture in a window, marks at the sector's corners, "Live" with a ring that steps with each
# result, contours on pleura and B-lines.
# Cards give YUY2, NV12 or MJPEG; the elements read the first two as they are (docs/sources.md has other sources). LUS_SINK chooses
# the window: glimagesink, waylandsink, ximagesink, or kmssink where there is no desktop. To try it without any of them:
# LUS_SOURCE="lustestsrc is-live=true num-buffers=100" LUS_SINK=fakesink.
set -euo pipefail
device=${1:-/dev/video0}
. "$(dirname "$0")/setup.sh"
zone=$(zone_of "${2:-R1}")
[ -n "${LUS_SOURCE:-}" ] || [ -c "$device" ] ||
  { echo "error: no capture device '$device': plug the card in, or name another (ls /dev/video*)" >&2; exit 1; }
# shellcheck disable=SC2086
exec gst-launch-1.0 -e ${LUS_SOURCE:-v4l2src device=$device ! decodebin} \
  ! queue max-size-buffers=2 leaky=downstream \
  ! lussegment ! lusconfmask ! lussfestimate zone="$zone" ! lusoverlay \
  ! videoconvert ! ${LUS_SINK:-autovideosink sync=false}
