#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Random texts burned in outside the sector don't survive any way out, as a TAP test: deidentify.sh LUS MAKE_MODEL TEXT_CLIPS
# Clips come in pairs that differ in their texts alone; what is written of both must not differ where the texts were.
set -u
lus=$(realpath "$1") make_model=$(realpath "$2") text_clips=$(realpath "$3")
. "$(dirname "$(realpath "$0")")/tap.sh"
most() { # LIMIT A B AREAS: the luma differs by at most LIMIT in the areas
  local d
  d=$("$text_clips" compare "$2" "$3" "$4") || return 1
  [ "$d" -le "$1" ] || { echo "$2 and $3 differ by $d of 255 where texts were"; return 1; }
}
least() { ! most "$@" > least.txt && grep -q "differ by" least.txt; }

"$make_model" 64 model.onnx || exit 1
count=$("$text_clips" count)
mkdir in
for ((i = 0; i < count; i++)); do
  check "layout $i: clips" "$text_clips" make $i in/a$i.mkv in/b$i.mkv areas$i
  check "layout $i: they differ" least 100 in/a$i.mkv in/b$i.mkv areas$i
done
check "segment" gives 0 "" segment in -m model.onnx -o out --overlay --masks --confidences
check "segment --keep-frame" gives 0 "" segment in/a0.mkv in/b0.mkv -m model.onnx -o whole --overlay --keep-frame
check "--keep-frame keeps the texts" least 60 whole/a0/overlay-whole-frame.mkv whole/b0/overlay-whole-frame.mkv areas0
for ((i = 0; i < count; i++)); do
  check "layout $i: overlay" most 64 out/a$i/overlay.mkv out/b$i/overlay.mkv areas$i
  check "layout $i: masks and confidences" diff -rq -x frames.jsonl -x overlay.mkv out/a$i out/b$i
  check "layout $i: numbers" diff <(tail -n +2 out/a$i/frames.jsonl) <(tail -n +2 out/b$i/frames.jsonl)
done

# The element, through two codecs.
record() { # IN OUT ENCODER...
  timeout 300 gst-launch-1.0 -q filesrc location="$1" ! decodebin ! videoconvert ! video/x-raw,format=I420 \
    ! taginject tags="title=DOE^JOHN,keywords=lus-zone:R1" ! lussegment model-file=model.onnx ! lusdeidentify ! "${@:3}" ! matroskamux \
    ! filesink location="$2"
}
for encoder in "x264enc speed-preset=ultrafast" "jpegenc quality=50" avenc_ffv1; do
  # shellcheck disable=SC2086
  record in/a3.mkv e-a.mkv $encoder && record in/b3.mkv e-b.mkv $encoder
  check "lusdeidentify ! $encoder" most 64 e-a.mkv e-b.mkv areas3
  check "lusdeidentify ! $encoder: no tags" bash -c "! grep -qa 'DOE' e-a.mkv"
done
check "lusdeidentify without a result: all black" bash -c "gst-launch-1.0 -q lustestsrc num-buffers=2 ! video/x-raw,format=GRAY8,width=64,height=64 \
  ! lusdeidentify ! fdsink | tr -d '\0' | wc -c | grep -qx 0"
echo "1..$n"
