#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A recorded clip becomes a video of its sector with masks and estimate drawn in; the rest of the frame is black.   record-to-overlay.sh CLIP OUT.mkv [ZONE]
# LUS_SOURCE replaces the source, e.g. LUS_SOURCE="lustestsrc num-buffers=50" record-to-overlay.sh - out.mkv
set -euo pipefail
in=${1:?clip} out=${2:?output file, .mkv}
. "$(dirname "$0")/setup.sh"
zone=$(zone_of "${3:-R1}")
[ -n "${LUS_SOURCE:-}" ] || [ -r "$in" ] || { echo "error: cannot read '$in': give the path of a video file" >&2; exit 1; }
[ ! "$in" -ef "$out" ] || { echo "error: '$out' is the clip and would be replaced: give another name" >&2; exit 1; }
[ -n "${LUS_SOURCE:-}" ] || readable_clip "$in"
trap 'rm -f "$out.part"' EXIT
# I420, which every player takes, has no odd sides in H.264.
# shellcheck disable=SC2086
size=$(gst-launch-1.0 -v ${LUS_SOURCE:-filesrc location="${in//\\/\\\\}" ! decodebin} ! videoconvert ! fakesink num-buffers=1 2>/dev/null |
  grep -om 1 'width=(int)[0-9]*, height=(int)[0-9]*' || true)
form=I420
[[ ! $size =~ [13579](,|$) ]] || form=Y444
# shellcheck disable=SC2086
gst-launch-1.0 -q -e ${LUS_SOURCE:-filesrc location="${in//\\/\\\\}" ! decodebin} \
  ! videoconvert ! "video/x-raw,format={I420,NV12,YUY2,UYVY,BGRx}" \
  ! lussegment ! lusconfmask ! lussfestimate zone="$zone" ! lusdeidentify ! lusoverlay \
  ! videoconvert ! "video/x-raw,format=$form" ! x264enc speed-preset=veryfast ! matroskamux ! filesink location="${out//\\/\\\\}.part"
# Matroska keeps pictures in clusters; a file without one (its ID is 1F43B675) is headers alone.
LC_ALL=C grep -qaF $'\x1f\x43\xb6\x75' "$out.part" || { echo "error: no picture came out of '$in': is it a video file?" >&2; exit 1; }
mv "$out.part" "$out"
