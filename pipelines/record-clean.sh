#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Records what the scanner shows, without anything drawn in, and beside it the masks.   record-clean.sh OUT.mkv [DEVICE [ZONE]]
#   OUT.mkv        the pictures as captured, lossless (FFV1)
#   OUT.masks.mkv  grey pictures of class ids with the same time stamps: 0 none, 1 pleural line, 2 fascia band, 3 vertical line
#   OUT.json       the exam
# What one should see: the live picture with masks in a window; afterwards OUT.mkv plays without them, OUT.masks.mkv is nearly
# black and as long. End it with Ctrl-C: both files are finished then.
# LUS_CROP="top=60 left=20" cuts margins off before anything is recorded, such as a patient's name. LUS_SOURCE and LUS_SINK
# replace the two ends, e.g. LUS_SOURCE="lustestsrc is-live=true num-buffers=100" LUS_SINK=fakesink.
set -euo pipefail
out=${1:?output file, .mkv} device=${2:-/dev/video0}
. "$(dirname "$0")/setup.sh"
stem=${out%.mkv}
for file in "$stem.mkv" "$stem.masks.mkv" "$stem.json"; do
  [ ! -e "$file" ] || { echo "error: '$file' is there already: name another output" >&2; exit 1; }
done
zone=$(zone_of "${3:-R1}")
[ -n "${LUS_SOURCE:-}" ] || [ -c "$device" ] ||
  { echo "error: no capture device '$device': plug the card in, or name another (ls /dev/video*)" >&2; exit 1; }
escaped=${stem//\\/\\\\}
# shellcheck disable=SC2086
exec gst-launch-1.0 -q -e ${LUS_SOURCE:-v4l2src device=$device ! decodebin} ${LUS_CROP:+! videocrop $LUS_CROP} \
  ! videoconvert ! "video/x-raw,format={I420,YUY2,BGRx,GRAY8}" ! tee name=t \
  t. ! queue max-size-bytes=0 max-size-time=5000000000 max-size-buffers=0 ! videoconvert ! avenc_ffv1 ! matroskamux \
     ! filesink location="$escaped.mkv" \
  t. ! queue max-size-bytes=0 max-size-time=5000000000 max-size-buffers=0 ! lussegment ! lusconfmask ! tee name=m \
  m. ! queue max-size-bytes=0 max-size-time=5000000000 max-size-buffers=0 ! lusconfmask output=mask ! avenc_ffv1 ! matroskamux \
     ! filesink location="$escaped.masks.mkv" \
  m. ! queue max-size-bytes=0 max-size-time=5000000000 max-size-buffers=0 \
     ! lussfestimate zone="$zone" exam-file="$escaped.json" ! lusoverlay ! videoconvert ! ${LUS_SINK:-autovideosink}
