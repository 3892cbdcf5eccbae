#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The shipped pipelines and what they say to bad input, as TAP. Needs build/ or makes it; real clips when LUS_TEST_DATA exists.
set -uo pipefail
cd "$(dirname "$0")/.."
. pipelines/setup.sh
build build -Dtests=disabled >/dev/null || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0 bad=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
not_ok() { n=$((n + 1)); bad=$((bad + 1)); echo "not ok $n - $1"; sed 's/^/# /' "$tmp/log" | tail -n 5; }
dev=(meson devenv -C build -w "$PWD")
works() { local name=$1; shift; if timeout 300 "$@" >"$tmp/log" 2>&1; then ok "$name"; else not_ok "$name"; fi; }
# refused NAME TEXT COMMAND...: exits 1 (gst-launch's own 255 when an element refuses to start; no signal), says TEXT.
refused() {
  local name=$1 text=$2 status
  shift 2
  timeout 120 "$@" >"$tmp/log" 2>&1
  status=$?
  if [[ $status -eq 1 || $status -eq 255 ]] && grep -qi -- "$text" "$tmp/log"; then ok "$name"; else echo "(exit $status)" >>"$tmp/log"; not_ok "$name"; fi
}

LUS_DEMO_FRAMES=6 works "demo.sh, simulated exam" ./pipelines/demo.sh
works "exam.json holds six zones" test "$(jq '.zones | length' demo/exam.json)" = 6
works "overlay.png is a picture" sh -c 'file demo/overlay.png | grep -q "1280 x 720"'
LUS_SOURCE="lustestsrc num-buffers=5" works "record-to-overlay.sh" "${dev[@]}" ./pipelines/record-to-overlay.sh - "$tmp/o.mkv"
LUS_SOURCE="lustestsrc num-buffers=5" works "masks-to-png.sh" "${dev[@]}" ./pipelines/masks-to-png.sh - "$tmp/masks"
works "five masks" test "$(find "$tmp/masks" -name '*.png' | wc -l)" = 5
LUS_SOURCE="lustestsrc is-live=true num-buffers=10" LUS_SINK=fakesink works "capture-to-screen.sh" "${dev[@]}" ./pipelines/capture-to-screen.sh
LUS_SOURCE="lustestsrc is-live=true num-buffers=10" LUS_SINK=fakesink works "record-clean.sh" "${dev[@]}" ./pipelines/record-clean.sh "$tmp/clean.mkv"
stamps() { gst-launch-1.0 -v filesrc location="$1" ! decodebin ! identity silent=false ! fakesink | grep -o 'pts: [0-9:.]*'; }
works "its masks have the pictures' time stamps" diff <(stamps "$tmp/clean.mkv") <(stamps "$tmp/clean.masks.mkv")
works "ten of them, and an exam" sh -c "[ $(stamps "$tmp/clean.mkv" | wc -l) = 10 ] && jq -e .zones.R1 '$tmp/clean.json'"
refused "record-clean.sh: a recording in its place" "is there already" ./pipelines/record-clean.sh "$tmp/clean.mkv"
LUS_SOURCE="lustestsrc num-buffers=8" works "exam-from-clips.sh" "${dev[@]}" ./pipelines/exam-from-clips.sh "$tmp/exam.json" R1=- l3=-
works "both zones" test "$(jq -c '.zones | keys' "$tmp/exam.json")" = '["L3","R1"]'
refused "exam-from-clips.sh: no zone" "ZONE=CLIP" ./pipelines/exam-from-clips.sh "$tmp/exam.json" a.mkv
refused "exam-from-clips.sh: no such zone" "no zone is called 'knee'" ./pipelines/exam-from-clips.sh "$tmp/exam.json" knee=a.mkv
refused "exam-from-clips.sh: no such clip" "cannot read" ./pipelines/exam-from-clips.sh "$tmp/exam.json" R1="$tmp/none.mkv"
port=$((20000 + RANDOM % 20000))
LUS_SINK="fakesink num-buffers=10" timeout 120 "${dev[@]}" ./pipelines/receive-rtp.sh $port >"$tmp/received" 2>&1 &
receiver=$!
sleep 2
LUS_SOURCE="lustestsrc is-live=true num-buffers=90 ! video/x-raw,width=320,height=240" works "send-rtp.sh" "${dev[@]}" ./pipelines/send-rtp.sh 127.0.0.1 $port
wait $receiver
works "receive-rtp.sh got pictures" test $? -eq 0
for script in capture-to-screen bedside record-clean send-rtp; do
  argument=() && [[ $script == *-rtp ]] && argument=(localhost 5004)
  [ $script = record-clean ] && argument=("$tmp/no.mkv")
  refused "$script.sh: no capture device" "no capture device" ./pipelines/$script.sh "${argument[@]}" "$tmp/video0"
done

# Windows, looked at through a screen capture: something bright was drawn on the black screen.
if command -v Xvfb >/dev/null && gst-inspect-1.0 --exists ximagesink; then
  display=:$((90 + RANDOM % 400))
  Xvfb $display -screen 0 640x480x24 >/dev/null 2>&1 &
  server=$!
  sleep 2
  window() { # NAME SINK COMMAND...
    local name=$1 sink=$2 brightest
    shift 2
    DISPLAY=$display LUS_SIZE=640x480 LUS_SINK=$sink LUS_SOURCE="lustestsrc is-live=true num-buffers=150 ! video/x-raw,width=640,height=480" \
      timeout 120 "${dev[@]}" "$@" >"$tmp/log" 2>&1 &
    local shown=$!
    for _ in $(seq 40); do
      sleep 1
      timeout 20 gst-launch-1.0 -q ximagesrc display-name=$display num-buffers=1 use-damage=false ! videoconvert ! video/x-raw,format=GRAY8 \
        ! filesink location="$tmp/screen" >/dev/null 2>&1
      brightest=$(od -An -v -tu1 -w1 "$tmp/screen" | sort -n | tail -n 1)
      [ "${brightest:-0}" -gt 60 ] && break
    done
    wait $shown
    works "$name" test $? -eq 0 -a "${brightest:-0}" -gt 60
  }
  window "bedside.sh in an X window" ximagesink ./pipelines/bedside.sh - "$tmp/bedside.json"
  ! gst-inspect-1.0 --exists glimagesink || window "capture-to-screen.sh in a GL window" glimagesink ./pipelines/capture-to-screen.sh
  DISPLAY=$display works "a screen as the source" "${dev[@]}" gst-launch-1.0 ximagesrc num-buffers=3 use-damage=false ! video/x-raw,framerate=25/1 ! lussegment ! lusconfmask ! lusoverlay ! fakesink
  kill $server
else
  n=$((n + 1)); echo "ok $n - windows # SKIP no Xvfb or no ximagesink"
fi

echo "this is no video" >"$tmp/text.mp4"
head -c 1000 lib/models/default.onnx >"$tmp/short.onnx"
refused "demo.sh: no such file" "cannot read" ./pipelines/demo.sh "$tmp/none.mp4"
refused "demo.sh: a text file" "error" ./pipelines/demo.sh "$tmp/text.mp4"
works "nothing half-written" sh -c '! ls demo/*.part.* 2>/dev/null'
refused "demo.sh: no such zone" "no zone is called" ./pipelines/demo.sh "$tmp/text.mp4" knee
odd="$tmp/it's a \\ 100% \"clip\".mkv" # a name that shell, gst-launch and printf would each read in their own way
works "a clip of an odd name" "${dev[@]}" gst-launch-1.0 -q lustestsrc num-buffers=3 ! avenc_ffv1 ! matroskamux ! filesink location="${odd//\\/\\\\}"
works "demo.sh: odd name, zone in small letters" ./pipelines/demo.sh "$odd" l2
works "its zone" test "$(jq -r '.zones | keys[]' demo/exam.json)" = L2
works "masks-to-png.sh: odd names" "${dev[@]}" ./pipelines/masks-to-png.sh "$odd" "$tmp/50% \\ masks"
head -c 1000 "$odd" >"$tmp/cut.mkv"
refused "record-to-overlay.sh: no pictures in it" "no picture" "${dev[@]}" ./pipelines/record-to-overlay.sh "$tmp/cut.mkv" "$tmp/cut-out.mkv"
works "no overlay without pictures" test ! -e "$tmp/cut-out.mkv"
refused "record-to-overlay.sh: no such zone" "no zone is called 'knee'" ./pipelines/record-to-overlay.sh "$odd" "$tmp/o.mkv" knee
for script in capture-to-screen record-clean send-rtp; do
  argument=(/dev/null) && [ $script = record-clean ] && argument=("$tmp/no.mkv" /dev/null)
  [ $script = send-rtp ] && argument=(localhost 5004 /dev/null)
  refused "$script.sh: no such zone" "no zone is called 'knee'" ./pipelines/$script.sh "${argument[@]}" knee
done
refused "send-rtp.sh: no such host" "no host is called" ./pipelines/send-rtp.sh no.such.host.invalid 5004 /dev/null R1
refused "send-rtp.sh: no port" "'99999' is no port" ./pipelines/send-rtp.sh localhost 99999 /dev/null R1
refused "receive-rtp.sh: no port" "'abc' is no port" ./pipelines/receive-rtp.sh abc
LUS_SOURCE="lustestsrc num-buffers=3" refused "bedside.sh: no size" "LUS_SIZE is '0x0'" env LUS_SIZE=0x0 ./pipelines/bedside.sh
LUS_SOURCE="lustestsrc num-buffers=5 ! video/x-raw,width=351,height=350" works "record-to-overlay.sh: odd sides" "${dev[@]}" ./pipelines/record-to-overlay.sh - "$tmp/sides.mkv"
refused "masks-to-numpy.py: no folder" "no folder '$tmp/none'" ./pipelines/masks-to-numpy.py "$odd" "$tmp/none/out.npz"
refused "record-to-overlay.sh: over the clip" "would be replaced" "${dev[@]}" ./pipelines/record-to-overlay.sh "$odd" "$odd"
refused "exam-from-clips.sh: a clip in the exam's place" "is a clip" "${dev[@]}" ./pipelines/exam-from-clips.sh "$odd" R1="$odd"
works "the clip is there" test -s "$odd"
refused "masks-to-png.sh: a part of one" "no percent" "${dev[@]}" ./pipelines/masks-to-png.sh "$odd" "$tmp/masks" 0.6
cp "$tmp/masks/mask000000.png" "$tmp/masks/mask000009.png"
LUS_SOURCE="lustestsrc num-buffers=2" works "masks-to-png.sh: again" "${dev[@]}" ./pipelines/masks-to-png.sh - "$tmp/masks"
works "masks of the last clip alone" test "$(find "$tmp/masks" -name '*.png' | wc -l)" = 2
refused "segment: no such file" "none.mp4" "${dev[@]}" lus segment "$tmp/none.mp4" -o "$tmp/out"
refused "segment: a text file" "text.mp4" "${dev[@]}" lus segment "$tmp/text.mp4" -o "$tmp/out"
refused "info: truncated model" "short.onnx" "${dev[@]}" lus info "$tmp/short.onnx"
refused "element: truncated model" "short.onnx" "${dev[@]}" gst-launch-1.0 lustestsrc num-buffers=1 ! lussegment model-file="$tmp/short.onnx" ! fakesink
refused "element: no such model" "none.onnx" "${dev[@]}" gst-launch-1.0 lustestsrc num-buffers=1 ! lussegment model-file="$tmp/none.onnx" ! fakesink
refused "element: a 1x1 video" "caps" "${dev[@]}" gst-launch-1.0 videotestsrc num-buffers=1 ! video/x-raw,width=1,height=1 ! lussegment ! fakesink
refused "element: sound" "" "${dev[@]}" gst-launch-1.0 audiotestsrc num-buffers=1 ! lussegment ! fakesink
works "element: zero frames" "${dev[@]}" gst-launch-1.0 videotestsrc num-buffers=0 ! lussegment ! lusconfmask ! lussfestimate ! lusoverlay ! fakesink

data=${LUS_TEST_DATA:-../shared/data}
if [ -d "$data/covid_blues" ]; then
  for clip in "$data"/covid_blues/videos/patient_10_L1.mp4 "$data"/lus_linear/*.mp4; do
    name=$(basename "$clip" .mp4)
    works "real clip $name" "${dev[@]}" ./pipelines/record-to-overlay.sh "$clip" "$tmp/$name.mkv" L1
    works "lus segment $name" "${dev[@]}" lus segment "$clip" -o "$tmp/seg"
  done
else
  n=$((n + 1)); echo "ok $n - real clips # SKIP no folder $data (set LUS_TEST_DATA)"
fi
echo "1..$n"
[ $bad -eq 0 ]
