#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The whole chain on real clips, as fast as it goes: frames per second and ratio to the clip's own rate; median of 5 runs.
#   pipeline.sh BUILD_DIR
build=${1:?build folder}
data=${LUS_TEST_DATA:-../shared/data}
data=$(realpath -q "$data") && [ -d "$data" ] || { echo "skipped: no real clips (set LUS_TEST_DATA)"; exit 0; }
for clip in "$data"/covid_blues/videos/patient_10_L1.mp4 "$data"/lus_linear/*.mp4; do
  chain=(filesrc "location=$clip" ! decodebin ! lussegment ! lusconfmask ! lussfestimate zone=L1 ! lusoverlay)
  # One run counts frames and the stream's length; the first picture's set-up (fonts, model) is part of every run.
  read -r frames end < <(meson devenv -C "$build" gst-launch-1.0 -v "${chain[@]}" ! identity silent=false ! fakesink sync=false |
    sed -nE 's/.*last-message = .*pts: ([0-9:.]+), duration: ([0-9:.]+).*/\1 \2/p' |
    awk '{ n++; split($1, a, ":"); split($2, d, ":"); e = a[1] * 3600 + a[2] * 60 + a[3] + d[3] } END { print n, e }')
  times=()
  for _ in 1 2 3 4 5; do
    start=$(date +%s.%N)
    meson devenv -C "$build" gst-launch-1.0 -q "${chain[@]}" ! fakesink sync=false || exit 1
    times+=("$(awk "BEGIN { print $(date +%s.%N) - $start }")")
  done
  median=$(printf '%s\n' "${times[@]}" | sort -n | sed -n 3p)
  awk -v f="$frames" -v e="$end" -v t="$median" -v c="$(basename "$clip")" \
    'BEGIN { printf "%s: %d frames, %.1f s long, %.2f s for all: %.0f frames/s, %.1f x real time\n", c, f, e, t, f / t, e / t }'
done
