#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job from nothing: installs the Debian packages that are missing, builds in build/, segments, masks, estimates and
# overlays.
#   pipelines/demo.sh              a simulated exam of six lung zones
#   pipelines/demo.sh CLIP [ZONE]  one's own video file, of zone R1..R3, L1..L3 (default R1)
# Results: demo/overlay.mkv, demo/overlay.png, demo/exam.json.
set -euo pipefail
clip=${1:-}
. "$(dirname "$0")/setup.sh"
zone=$(zone_of "${2:-R1}")
if [ -n "$clip" ]; then
  [ -r "$clip" ] || { echo "error: cannot read '$clip': give the path of a video file" >&2; exit 1; }
  clip=$(realpath "$clip")
fi
cd "$(dirname "$0")/.."
# shellcheck disable=SC2086
need $LUS_PACKAGES
build build -Dtests=disabled
mkdir -p demo
rm -f demo/*.part.*
FRAMES=${LUS_DEMO_FRAMES:-50} # of each simulated zone

# The chain behind any source. An encoder without delay (zerolatency): one that holds back more pictures than a short zone has would
# never let the pipeline start, since the other branch waits with its first one.
chain="lussegment ! lusconfmask confidence-threshold=0.6
  ! lussfestimate exam-file=demo/exam.part.json exam-id=demo ZONES ! lusoverlay style=both
  ! tee name=drawn
  drawn. ! queue ! videoconvert ! x264enc tune=zerolatency speed-preset=veryfast quantizer=20 pass=quant ! video/x-h264,profile=high
  ! matroskamux ! filesink location=demo/overlay.part.mkv
  drawn. ! queue ! videorate drop-only=true ! video/x-raw,framerate=5/1 ! videoconvert ! pngenc
  ! multifilesink location=demo/overlay.part.png"

input=() # beside line, since a file name may hold anything
if [ -z "$clip" ]; then
  echo "Simulated exam: six zones, $FRAMES frames each"
  sources=""
  for scene in R1:0.15:17 R2:0.35:32 R3:0.7:40 L1:0.15:75 L2:0.35:90 L3:0.7:106; do # zone, water, a stream whose pleura is in sight
    IFS=: read -r z water stream <<<"$scene"
    sources+=" lustestsrc zone=$z num-buffers=$FRAMES seed=7 patient=5 stream=$stream water=$water probe=convex screen=true"
    sources+=" ! video/x-raw,format=I420,width=1280,height=720,framerate=25/1 ! c."
  done
  line="concat name=c ! ${chain/ZONES/} $sources"
else
  # A picture of any shape stands on a 16:9 canvas, so that the display finds room beside it. Grey clips become BGRx: on 1.22
  # videoconvert maps full-range grey to I420 without narrowing its range.
  readable_clip "$clip"
  input=(filesrc "location=${clip//\\/\\\\}")
  chain=${chain/! lusoverlay/! lusdeidentify ! lusoverlay} # of a patient's screen the sector alone is written
  line="! decodebin ! videoconvert ! videoscale add-borders=true
    ! video/x-raw,format={I420,NV12,YUY2,UYVY,BGRx},width=1280,height=720,pixel-aspect-ratio=1/1 ! ${chain/ZONES/zone=$zone}"
fi
start=$SECONDS
# shellcheck disable=SC2086
meson devenv -C build -w "$PWD" gst-launch-1.0 -q -e "${input[@]}" $line ||
  { rm -f demo/*.part.*; echo "error: the pipeline failed; nothing was written" >&2; exit 1; }
for f in overlay.part.mkv overlay.part.png; do
  [ -s "demo/$f" ] || { rm -f demo/*.part.*; echo "error: no picture came out of '${clip:-the simulated probe}': is it a video file?" >&2; exit 1; }
done
rm -f demo/exam.json
for f in demo/*.part.*; do mv -f "$f" "${f/.part/}"; done

exam="" value="S/F estimate --: no ultrasound seen in any picture, so there is no exam.json"
[ ! -e demo/exam.json ] || exam="
  demo/exam.json    features of each zone and the estimate"
[ ! -e demo/exam.json ] || value=$(jq -r 'if .sf.valid then "S/F estimate \(.sf.value | round) (\(.sf.low | round) to \(.sf.high | round))"
  else "S/F estimate --: " + .sf.reason end' demo/exam.json)
cat <<EOM
Done in $((SECONDS - start)) s beside set-up.
  demo/overlay.mkv  the video: amber = pleural line, violet = fascia band, cyan = vertical line (B-line)
  demo/overlay.png  its last picture$exam
Look at: contours that follow the bright lines; the zones filling on the right; $value
Research software - not for diagnosis or treatment
EOM
