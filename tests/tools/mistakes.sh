#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What people give that isn't quite it, as a TAP test: mistakes.sh LUS MAKE_MODEL
set -u
lus=$(realpath "$1") make_model=$(realpath "$2")
. "$(dirname "$(realpath "$0")")/tap.sh"
clip() { # NAME FRAMES ELEMENTS...
  local name=$1 frames=$2
  shift 2
  timeout 300 gst-launch-1.0 -q lustestsrc num-buffers="$frames" ! video/x-raw,format=GRAY8,width=164,height=131 ! "$@" \
    ! filesink location="$name"
}

"$make_model" 64 model.onnx || exit 1
mkdir -p "Äpfel und Birnen" anna
x="Äpfel und Birnen/P1_d1_R1.mkv"
clip "$x" 3 avenc_ffv1 ! matroskamux
cp "$x" "Äpfel und Birnen/._P1_d1_R1.mkv"
: > empty.mkv

# Clips
check "a folder with spaces, without hidden files" gives 0 "" segment "Äpfel und Birnen" -m model.onnx -o "r r"
check "its results" test "$(ls "r r")" = "P1_d1_R1
summary.csv"
check "an empty file" gives 1 "empty.mkv: is empty (0 bytes)" segment empty.mkv -m model.onnx -o r
check "the same file twice" gives 1 "is named twice" segment "$x" "./Äpfel und Birnen" -m model.onnx -o r
printf 'file;patient\n%s;P1\n' "$x" > semicolons.csv
check "a manifest with semicolons" gives 1 "semicolons.csv:1: columns are cut by ';'" features semicolons.csv -o f.csv

printf 'file,patient,day,zone\n%s,P1,1,r1\n' "$x" > small.csv
check "a zone in small letters" gives 0 "f.csv: 1 clips" features small.csv --model model.onnx -o f.csv
check "its zone" grep -q '^P1_d1_R1,P1,1,R1,' f.csv
LUS_MODEL_DIR=$PWD/none check "the bundled model is not there" gives 1 "set LUS_MODEL_DIR to the folder" segment "$x" -o r
check "a table in a folder that is not there" gives 1 "f.csv: there is no folder no-folder; make it first" features "$x" \
  --model model.onnx -o no-folder/f.csv
check "a folder as a table" gives 1 "anna: is a folder; give the name of a file in it" features "$x" --model model.onnx -o anna
for command in "segment $PWD/empty.mkv" "features $PWD/empty.mkv" "mask r"; do
  # shellcheck disable=SC2086
  check "${command%% *}: a threshold as a part of one" gives 2 "60, not 0.6" $command -o t --threshold 0.6
done
check "train: a level as a part of one" gives 2 "'0.6' is no LEVEL" train data -o m.onnx --target threshold:0.6
check "evaluate: a cut below 0" gives 2 "--cut and --level are 0 to 100" evaluate model.onnx data --cut -5
check "evaluate: a level as a part of one" gives 2 "60, not 0.6" evaluate model.onnx data --level 0.6

# A recording that lies on its side: a turn of 90 degrees in the track's matrix
clip upright.mp4 3 videoconvert ! avenc_mpeg4 ! mp4mux
at=$(($(grep -obUa tkhd upright.mp4 | head -n 1 | cut -d: -f1) + 44))
cp upright.mp4 turned.mp4
printf '\0\0\0\0\0\1\0\0\0\0\0\0\377\377\0\0\0\0\0\0\0\0\0\0\0\203\0\0\0\0\0\0\100\0\0\0' \
  | dd of=turned.mp4 bs=1 seek=$at conv=notrunc status=none
check "upright" gives 0 "" segment upright.mp4 -m model.onnx -o r
check "turned" gives 0 "" segment turned.mp4 -m model.onnx -o r
check "upright: its size" grep -q '"frame":2,.*"size":\[164,131\]' r/upright/frames.jsonl
check "turned: upright again" grep -q '"frame":2,.*"size":\[131,164\]' r/turned/frames.jsonl
check "turned: all pictures" test "$(wc -l < r/turned/frames.jsonl)" -eq 4

# A recording whose timestamps begin at 5 s: times are the clip's
timeout 300 gst-launch-1.0 -q videotestsrc num-buffers=3 timestamp-offset=5000000000 \
  ! video/x-raw,format=GRAY8,width=164,height=131,framerate=25/1 ! avenc_ffv1 ! matroskamux ! filesink location=late.mkv
check "late" gives 0 "" segment late.mkv -m model.onnx -o r
check "late: from its beginning" grep -q '"frame":2,"pts_ns":80000000,' r/late/frames.jsonl

# A moving GIF, which GStreamer 1.22's reader of them goes through for ever without a picture: it can be stopped.
python3 - > moving.gif <<'PY'
import struct, sys
w = h = 64
out = b"GIF89a" + struct.pack("<HHBBB", w, h, 0xF6, 0, 0) + bytes(v for i in range(128) for v in (2 * i,) * 3)
out += b"\x21\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00"
for frame in range(3):
    out += b"\x21\xf9\x04\x00\x04\x00\x00\x00\x2c" + struct.pack("<HHHHB", 0, 0, w, h, 0) + b"\x07"
    pixels = [(x + y + 9 * frame) % 128 for y in range(h) for x in range(w)]
    data = bytes(c for i in range(0, len(pixels), 100) for c in [128] + pixels[i:i + 100]) + b"\x81"
    for i in range(0, len(data), 255):
        out += bytes([len(data[i:i + 255])]) + data[i:i + 255]
    out += b"\x00"
sys.stdout.buffer.write(out + b"\x3b")
PY
stopped() { # it ends by itself, not by KILL; with a reader that finds its pictures it is done before
  timeout --foreground -s INT -k 120 3 "$lus" segment moving.gif -m model.onnx -o r > out.txt 2>&1
  [ $? -ne 137 ] || { cat out.txt; return 1; }
}
check "a clip that never gives a picture can be stopped" stopped

# Labels
mkdir -p anna
for i in 1 2; do
  echo '{"clip": "P1_d1_R1", "frame": '$i', "annotator": "anna", "regions": [
    {"class": "pleura", "confidence": 60, "polygon": [[10, 10], [50, 10], [50, 20]]},
    {"class": "bline", "confidence": 60, "polygon": [[10, 10], [50, 10], [50, 20]]}]}' > anna/$i.json
done
echo '{"about": "these labels"}' > anna/about.json
check "classes of other names, all at once" gives 1 "--class-map pleura=CLASS,bline=CLASS" import --from polygons anna \
  -c "$x" -o data
check "a pattern taken apart by the shell" gives 1 "clip.mkv: is a clip, not labels" import --from polygons anna -c "$x" \
  clip.mkv -o data
check "a folder of labels" gives 0 "2 frames, 6 labels written" import --from polygons anna -c "$x" -o data \
  --class-map pleura=pleural_line,bline=vertical_line
check "what was left out" grep -q "about.json: left out, not of format polygons" out.txt
check "where patients went" grep -q "patients: 1 train, 0 validation, 0 test" out.txt
check "nobody validates" gives 1 "in split 'validation': no clip is of a patient in it" train data -o m.onnx --steps 1
check "a scale without an end" gives 2 "--mm-per-pixel is 0.001 to 10" import --from polygons anna -c "$x" -o scaled --mm-per-pixel inf
check "a depth in mm" gives 2 "--depth up to 100 cm" import --from slicer anna -c "$x" -o scaled --depth 140
check "a split of no clip" gives 2 "--split is for new patients of the clips in --clips" import --from polygons anna -o scaled --split test
check "a scale of no clip" gives 2 "--mm-per-pixel is the scale of the clips in --clips" import --from polygons anna -o scaled --mm-per-pixel 0.3
check "a depth of no lines in mm" gives 2 "--depth is for --from slicer" import --from polygons anna -c "$x" -o scaled --depth 14
check "a width of no lines" gives 2 "--line-width is for --from cvat and labelme" import --from polygons anna -c "$x" -o scaled --line-width 3
check "own classes" gives 0 "2 frames, 4 labels written" import --from polygons anna -c "$x" -o own --classes pleura,bline

# Exams
exam() { # NAME PATIENT DAY
  sed "s/\"patient\": *[^,]*,/\"patient\": \"$2\",/; s/\"day\": *[^,]*,/\"day\": $3,/" e/exam.json > "$1"
}
check "an exam of nothing" gives 1 "nowhere: no such file" exam nowhere -o e --model model.onnx
check "an exam" gives 0 "" exam "$x" -o e --model model.onnx
exam other.json P2 0 && exam later.json P1 2
check "an earlier exam of another patient" gives 1 "is of patient P2, these clips are of P1" exam "$x" -o e2 \
  --model model.onnx --baseline other.json
check "an earlier exam that is later" gives 1 "is of day 2, these clips are of day 1" exam "$x" -o e2 --model model.onnx \
  --baseline later.json
check "FiO2 in percent" gives 1 "give 0.4 for 40 %" exam "$x" -o e2 --model model.onnx --spo2 95 --fio2 40
for option in "--spo2 0" "--spo2 -5" "--spo2 nan" "--spo2 95 --fio2 0" "--spo2 95 --fio2 -1"; do
  # shellcheck disable=SC2086
  check "oxygen that is none: $option" gives 1 "is not a" exam "$x" -o e2 --model model.onnx $option
done
check "a flow below 0" gives 2 "0 to 60" exam "$x" -o e2 --model model.onnx --spo2 95 --o2-flow -3
check "a flow that is no number" gives 2 "0 to 60" exam "$x" -o e2 --model model.onnx --spo2 95 --o2-flow nan
check "FiO2 alone" gives 2 "are for --spo2" exam "$x" -o e2 --model model.onnx --fio2 0.4
check "oxygen as a flow" gives 0 "S/F measured 328" exam "$x" -o e2 --model model.onnx --spo2 95 --o2-flow 2 \
  --baseline e
check "an exam's folder" gives 0 "" fhir e -o e.json
check "an exam over itself" gives 1 "e/exam.json: is an input and would be replaced" fhir e -o e/exam.json
check "a quantised model over the one in floats" gives 1 "is an input and would be replaced" quantize model.onnx phantom:1 -o ./model.onnx
check "heads over the features" gives 1 "f.csv: is an input and would be replaced" fit f.csv o.csv -o f.csv
check "a flow and a fraction" gives 2 "exclude each other" exam "$x" -o e2 --model model.onnx --spo2 95 --o2-flow 2 --fio2 0.4
echo "1..$n"
