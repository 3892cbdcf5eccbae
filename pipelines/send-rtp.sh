#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The picture with masks goes to a second display as H.264 over RTP.   send-rtp.sh HOST [PORT [DEVICE [ZONE]]]
# On the other side runs receive-rtp.sh PORT. What one should see there: the same picture, about a quarter of a second later.
# RTP is neither encrypted nor authenticated: use it inside a network of one's own. LUS_SOURCE replaces the source.
set -euo pipefail
host=${1:?host of the second display} port=${2:-5004} device=${3:-/dev/video0}
. "$(dirname "$0")/setup.sh"
zone=$(zone_of "${4:-R1}")
check_port "$port"
getent ahosts "$host" >/dev/null || { echo "error: no host is called '$host': say the name or address of the second display" >&2; exit 1; }
[ -n "${LUS_SOURCE:-}" ] || [ -c "$device" ] ||
  { echo "error: no capture device '$device': plug the card in, or name another (ls /dev/video*)" >&2; exit 1; }
# shellcheck disable=SC2086
exec gst-launch-1.0 -q -e ${LUS_SOURCE:-v4l2src device=$device ! decodebin} \
  ! queue max-size-buffers=2 leaky=downstream \
  ! videoconvert ! "video/x-raw,format={I420,NV12,YUY2,UYVY,BGRx}" \
  ! lussegment ! lusconfmask ! lussfestimate zone="$zone" ! lusoverlay ! videoconvert \
  ! x264enc tune=zerolatency speed-preset=veryfast bitrate=8000 key-int-max=30 ! rtph264pay config-interval=1 \
  ! udpsink host="$host" port="$port"
