#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Several zones in one run: one clip after the other through the same elements.   exam-from-clips.sh EXAM.json ZONE=CLIP...
#   exam-from-clips.sh exam.json R1=a.mkv R2=b.mkv L1=c.mkv
# What one should see: nothing while it runs; EXAM.json then names the zones, and those that are missing. LUS_SOURCE replaces every
# clip: LUS_SOURCE="lustestsrc num-buffers=40" exam-from-clips.sh exam.json R1=- L1=-
set -euo pipefail
exam=${1:?file for the exam, .json}
shift
[ $# -gt 0 ] || { echo "error: no clips: say ZONE=CLIP, such as R1=a.mkv" >&2; exit 1; }
. "$(dirname "$0")/setup.sh"
branches=()
for pair in "$@"; do
  zone=${pair%%=*} clip=${pair#*=}
  [[ $pair == *=* ]] || { echo "error: '$pair' is no ZONE=CLIP" >&2; exit 1; }
  zone=$(zone_of "$zone")
  if [ -n "${LUS_SOURCE:-}" ]; then
    read -ra source <<<"$LUS_SOURCE"
  else
    [ ! "$clip" -ef "$exam" ] || { echo "error: '$exam' is a clip: say EXAM.json first" >&2; exit 1; }
    [ -r "$clip" ] || { echo "error: cannot read '$clip': give the path of a video file" >&2; exit 1; }
    readable_clip "$clip"
    source=(filesrc "location=${clip//\\/\\\\}" ! decodebin)
  fi
  branches+=("${source[@]}" ! taginject "tags=keywords=lus-zone:$zone" ! c.)
done
trap 'rm -f "$exam.part"' EXIT
gst-launch-1.0 -q concat name=c ! lussegment ! lusconfmask ! lussfestimate exam-file="${exam//\\/\\\\}.part" ! fakesink "${branches[@]}"
[ -s "$exam.part" ] || { echo "error: no ultrasound was seen in any clip, so '$exam' was not written" >&2; exit 1; }
mv "$exam.part" "$exam"
