#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The command-line program from outside, as a TAP test: tool.sh LUS MAKE_MODEL
set -u
lus=$(realpath "$1") make_model=$(realpath "$2")
. "$(dirname "$(realpath "$0")")/tap.sh"
lines() { # FILE COUNT
  [ "$(wc -l < "$1")" -eq "$2" ] || { wc -l "$1"; return 1; }
}
launch() { timeout 300 gst-launch-1.0 -q "$@"; }
clip() { # NAME FRAMES [FORMAT]
  launch lustestsrc num-buffers="$2" ! "video/x-raw,format=${3:-GRAY8},width=164,height=131" ! avenc_ffv1 ! matroskamux \
    ! filesink location="$1"
}
raw_masks() { # PATTERN: the pixels of numbered PNG files; the width is a multiple of 4, so there is no padding
  launch multifilesrc location="$1" caps=image/png ! pngdec ! videoconvert ! video/x-raw,format=GRAY8 ! fdsink fd=1
}

"$make_model" 64 model.onnx || exit 1
mkdir -p clips/a clips/b
clip clips/a/x.mkv 5
clip clips/b/x.mkv 4 I420
clip y.mkv 3
head -c 5000 model.onnx > cut.onnx
head -c $(($(wc -c < y.mkv) * 2 / 3)) y.mkv > cut.mkv
head -c 200 y.mkv > stub.mkv
echo "not a video" > text.mkv
launch audiotestsrc num-buffers=5 ! wavenc ! filesink location=sound.mkv

# Usage
check "no command" gives 2 "Usage: lus COMMAND"
check "--help" gives 0 "segment" --help
check "--version" gives 0 "Research software - not for diagnosis or treatment" --version
check "unknown command" gives 2 "did you mean 'segment'?" segmnt
check "nothing near" gives 2 "unknown command 'fly'" fly
for command in simulate import export check train evaluate sweep agree fuse quantize segment mask merge features fit exam info infer bench fpn; do
  check "$command --help shows an example" gives 0 "Example: lus $command" $command --help
  check "$command: unknown option" gives 2 "Unknown option --no-such" $command --no-such
done
check "segment: no input" gives 2 "missing argument" segment -o r
check "segment: no output" gives 2 "--output is needed" segment y.mkv
check "segment: threshold" gives 2 "0 to 100" segment y.mkv -o r -t 101
check "infer: no input" gives 2 "--input and --output are needed" infer model.onnx
check "info: too many" gives 2 "too many arguments" info model.onnx model.onnx

# Data sets: import, check, export
mkdir given && cp y.mkv given/P1_d1_R1.mkv
echo '{"clip": "P1_d1_R1", "frame": 1, "annotator": "anna", "regions": [{"class": "pleural_line", "confidence": 60,
  "polygon": [[10, 10], [50, 10], [50, 20]]}]}' > p.json
check "import: no format" gives 2 "--from: is one of" import p.json -o data
check "import: no output" gives 2 "--output is needed" import p.json --from polygons
check "import: no clip" gives 1 "neither in the data set nor among --clips" import p.json --from polygons -o data
check "import: a dry run counts" gives 0 '"pleural_line": 1' import p.json --from polygons --dry-run --json
check "import" gives 0 "1 clips added, 1 frames, 3 labels written" import p.json --from polygons -o data -c given
check "import: again" gives 0 "3 were there already" import p.json --from polygons -o data
check "check" gives 0 "1 clips of 3 pictures, 1 annotators, 1 labelled frames, 3 labels; 0 findings" check data
for format in coco cvat layers; do
  check "export: $format" gives 0 "files" export data --to $format -o out-$format
done
check "import: COCO again" gives 0 "3 were there already" import out-coco/anna.json --from coco -o data -a anna
check "import: CVAT again" gives 0 "3 were there already" import out-cvat/anna.xml --from cvat -o data -a anna
check "import: layers again" gives 0 "3 were there already" import out-layers/anna --from layers -o data -a anna
mv data/labels/anna/P1_d1_R1/frame000001.pleural_line.png data/labels/anna/P1_d1_R1/frame000009.pleural_line.png
check "check: finds" gives 1 "labels frame 9, but the clip has 3 frames" check data
check "check: as JSON" gives 1 '"remedy": "frames count from 0' check data --json

# Models
check "info: no such file" gives 1 "none.onnx: cannot open" info none.onnx
check "info: truncated" gives 1 "cut.onnx: " info cut.onnx
check "info: another file" gives 1 "text.mkv: " info text.mkv
check "info" gives 0 "pleural_line, fascia_band, vertical_line" info model.onnx
check "info --json" gives 0 '"threshold": 0.6' info model.onnx --json
check "info --plan" gives 0 "GroupNormalization" info model.onnx --plan --runs 2
check "info --plan: methods and times" gives 0 "winograd" info model.onnx --plan --runs 1 --threads 2
check "info --plan --json" gives 0 '"method": "direct"' info model.onnx --plan --json --runs 1
check "info --plan: no runs" gives 2 "--runs 1 to 1000" info model.onnx --plan --runs 0
check "fpn" gives 0 "GFLOP" fpn mbv2 -o random.onnx --size 64
sed 's/LGPL-2.1-or-later/LGPL-2.1\x1b[31mlate/' random.onnx > steer.onnx
check "info: a model that would steer the terminal" gives 0 "LGPL-2.1 [31mlate" info steer.onnx
check "info: runs of nothing" gives 2 "--threads and --runs are for --plan" info model.onnx --runs 3
check "info: a pinned BLAS" env OPENBLAS_CORETYPE=Haswell bash -c "\"$lus\" info model.onnx | grep -q 'OPENBLAS_CORETYPE=Haswell keeps'"

# Bench
check "bench" gives 0 "with sector, preprocessing and confidences" bench model.onnx --runs 2
check "bench --json" gives 0 '"median_ms"' bench model.onnx --runs 2 --json --size 64,96 --threads 1,2
check "bench: the bundled model" gives 0 "1x256x256" bench --runs 1
check "bench frees a pinned BLAS" env OPENBLAS_CORETYPE=Haswell bash -c "! \"$lus\" bench model.onnx --runs 1 | grep pinned"
check "bench --keep-environment" env OPENBLAS_CORETYPE=Haswell bash -c \
  "\"$lus\" bench model.onnx --runs 1 --keep-environment | grep -q 'pinned by OPENBLAS_CORETYPE=Haswell'"
check "bench: its own memory, not that of who started it" python3 - "$lus" <<'PY'
import re, subprocess, sys
def peak():
    told = subprocess.run([sys.argv[1], "bench", "model.onnx", "--runs", "1"], capture_output=True, text=True, check=True).stdout
    return float(re.search(r"peak memory of the process ([0-9.]+) MB", told)[1])
before = peak()
held = bytearray(b"x") * 1_200_000_000
sys.exit(not 1 < peak() < before + 300)
PY
check "bench: no such file" gives 1 "none.onnx: cannot open" bench none.onnx
check "bench: sizes" gives 2 "--size takes numbers" bench model.onnx --size 64,x
check "bench: runs" gives 2 "--runs must be" bench model.onnx --runs 0

# The network alone: 1 x 64 x 64 zeros as uint8.
{
  printf '\223NUMPY\1\0\106\0'
  printf '%-69s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 64, 64), }"
  head -c 4096 /dev/zero
} > zeros.npy
check "infer" gives 0 "" infer model.onnx -i zeros.npy -o y.npy
check "infer: shape" grep -aq "'shape': (3, 64, 64)" y.npy
check "infer: threads" gives 0 "" infer model.onnx -i zeros.npy -o y1.npy --threads 1
check "infer: the same with one thread" cmp y.npy y1.npy
check "infer: runs" gives 0 "2 runs, 1 threads: fastest " infer model.onnx -i zeros.npy -o y1.npy --threads 1 --runs 2
check "infer: the same after more runs" cmp y.npy y1.npy
check "infer: too many runs" gives 2 "--runs must be 0 to 10000" infer model.onnx -i zeros.npy -o y1.npy --runs 10001
check "infer: over the model" gives 1 "model.onnx: is an input and would be replaced" infer model.onnx -i zeros.npy -o ./model.onnx
check "infer: into a folder that is not there" gives 1 "there is no folder none" infer model.onnx -i zeros.npy -o none/y.npy
check "fpn: over a folder" gives 1 "is a folder" fpn mbv2 -o .
check "infer: not a tensor" gives 1 "not an NPY file" infer model.onnx -i text.mkv -o z.npy

# ---- quantize: few pictures, and what it refuses ----
check "quantize: no output" gives 2 "say where to write the model" quantize model.onnx phantom:2
check "quantize: samples" gives 2 "--samples must be 1 to 10000" quantize model.onnx phantom:2 -o q.onnx --samples 0
check "quantize: share" gives 2 "--least-int8 must be 0 to 100" quantize model.onnx phantom:2 -o q.onnx --least-int8 101
check "quantize: a part of one" gives 2 "98.5, not 0.985" quantize model.onnx phantom:2 -o q.onnx --iou 0.985
check "quantize: over a clip" gives 1 "y.mkv: is an input and would be replaced" quantize model.onnx y.mkv -o ./y.mkv
check "quantize: effects and check" gives 0 "2 samples of the test split" quantize model.onnx phantom:2 -o q.onnx --effects --check 2
sed 's/Relu/Tanh/g' model.onnx > tanh.onnx
check "quantize: what cannot be written is told before the work" gives 1 "Tanh is read but not written" quantize tanh.onnx none -o q.onnx
check "quantize: no data" gives 1 "none" quantize model.onnx none -o q.onnx
check "quantize" gives 0 "of the multiplications in 8-bit integers" quantize model.onnx phantom:2 -o q.onnx
check "quantize: clips" gives 0 "3 samples it was made with" quantize model.onnx clips/a/x.mkv clips/b y.mkv -o qc.onnx --samples 5 --threads 1
check "bench: integers are told" gives 0 ", int8, " bench q.onnx --runs 1
check "bench: Ctrl-C" bash -c 'timeout --foreground -s INT 5 "$1" bench model.onnx --runs 10000 --size 512 2>&1 | grep -q "network of 512x512, 1 thread: stopped"' - "$lus"
check "quantize: clips have no test split" gives 1 "give a data set or phantom:COUNT" quantize model.onnx y.mkv -o qc.onnx --check 2
check "quantize: not a video" gives 1 "text.mkv: " quantize model.onnx text.mkv -o qc.onnx
check "quantize: the same again" gives 0 "" quantize model.onnx phantom:2 -o q1.onnx --threads 1
check "quantize: bit by bit" cmp q.onnx q1.onnx
check "quantize: twice" gives 1 "is quantised already" quantize q.onnx phantom:2 -o q2.onnx
check "quantize: infer" gives 0 "" infer q.onnx -i zeros.npy -o q.npy --precision int8
check "quantize: auto is int8" gives 0 "" infer q.onnx -i zeros.npy -o q1.npy --threads 1
check "quantize: the same numbers" cmp q.npy q1.npy
check "quantize: in floats" gives 0 "" infer q.onnx -i zeros.npy -o q2.npy --precision fp32
check "infer: int8 of floats" gives 1 "lus quantize" infer model.onnx -i zeros.npy -o q3.npy --precision int8
check "infer: precision" gives 1 "one of auto, fp32, int8" infer model.onnx -i zeros.npy -o q3.npy --precision int4
check "infer: nothing written" test ! -e z.npy

# Networks with random weights
check "fpn" gives 0 "input 1x64x64, 0.14 GFLOP" fpn r18h -o r18h.onnx --size 64
check "fpn: the same with --encoder" gives 0 "" fpn --encoder resnet18 --width 32 -o encoder.onnx --size 64
check "fpn: the same file" cmp r18h.onnx encoder.onnx
check "fpn: another seed" gives 0 "" fpn r18h -o seed2.onnx --size 64 --seed 2
check "fpn: another file" test -n "$(cmp r18h.onnx seed2.onnx 2>&1)"
check "fpn: its description" gives 0 "random weights" info r18h.onnx
check "fpn: runs" gives 0 "" infer r18h.onnx -i zeros.npy -o y.npy
check "fpn: shape" grep -aq "'shape': (3, 64, 64)" y.npy
check "fpn: classes" gives 0 "" fpn mbv2 -o mbv2.onnx --size 32 --classes 5 --channels 3
check "fpn: names of the classes" gives 0 "vertical_line, class_4, class_5" info mbv2.onnx
check "fpn: no such network" gives 1 "network 'r19': is one of r18gn, r18h, mbv2" fpn r19 -o z.onnx
check "fpn: no such encoder" gives 1 "is one of resnet18, resnet34, mobilenet_v2" fpn --encoder vgg -o z.onnx
check "fpn: width" gives 1 "multiple of 16" fpn --encoder resnet18 --width 20 -o z.onnx
check "fpn: nothing to build" gives 2 "either NAME" fpn -o z.onnx
check "fpn: size" gives 2 "multiple of 32" fpn r18h -o z.onnx --size 100
check "fpn: nothing written" test ! -e z.onnx

# Clips that cannot be read
check "no such clip" gives 1 "none.mkv: no such file" segment none.mkv -m model.onnx -o r
check "text" gives 1 "text.mkv: not a video file" segment text.mkv -m model.onnx -o r
check "sound" gives 1 "sound.mkv: not a video: no picture stream" segment sound.mkv -m model.onnx -o r
check "stub" gives 1 "stub.mkv: " segment stub.mkv -m model.onnx -o r
check "no model" gives 1 "cut.onnx: " segment y.mkv -m cut.onnx -o r
check "empty folder" gives 1 "no video file in this folder" segment r -m model.onnx -o r2
check "unwritable" gives 1 "cannot make this folder" segment y.mkv -m model.onnx -o text.mkv
check "nothing left of failed clips" test -z "$(find r -name 'frames.jsonl*')"
check "a clip that is cut off gives what it has" gives 0 "" segment cut.mkv -m model.onnx -o cut
check "its frames" grep -q '"frame":0,' cut/cut/frames.jsonl

# Results
check "segment" gives 0 "" segment y.mkv -m model.onnx -o r --masks --confidences --overlay
check "one line per frame and one before" lines r/y/frames.jsonl 4
check "first line" grep -q '^{"lus":"[0-9.]*","schema":1,"notice":"Research.*"clip":"y.mkv","model":"model.onnx","model_sha256":"[0-9a-f]\{64\}","kernels":".*","threshold":0.6,"clip_sha256":"[0-9a-f]\{64\}","classes":\[.*\],"input":\[64,64\],"outputs":{"overlay":true,"masks":"png","confidences":"png"},"cleaning":{"hysteresis":0.0,"temporal_alpha":1.0,"min_area":0},"live":false}$' r/y/frames.jsonl
check "frame line" grep -q '^{"frame":2,"pts_ns":[0-9]*,"age_ns":0,"classes":{"pleural_line":{"area":[0-9.e-]*,"confidence":[0-9.e-]*},"fascia_band"' r/y/frames.jsonl
check "masks and confidences" test "$(ls r/y/*.png | wc -l)" -eq 12
check "overlay" launch filesrc location=r/y/overlay.mkv ! decodebin ! fakesink
check "no temporary files" test -z "$(find r -name '*.part')"
launch filesrc location=y.mkv ! decodebin ! lussegment model-file=model.onnx ! lusconfmask output=mask ! pngenc \
  ! multifilesink location=element%06d.png
raw_masks element%06d.png > element.raw
raw_masks r/y/frame%06d.mask.png > tool.raw
check "the element's masks" cmp element.raw tool.raw
check "masks are neither empty nor full" test "$(od -An -v -tu1 -w1 tool.raw | sort -u | wc -l)" -ge 2
launch filesrc location=y.mkv ! decodebin ! lussegment model-file=model.onnx ! lusconfmask hysteresis=0.2 min-area=9 \
  temporal-alpha=0.4 output=mask ! pngenc ! multifilesink location=cleaned%06d.png
clean="--hysteresis 20 --min-area 9 --temporal-alpha 0.4"
check "masks, cleaned" gives 0 "" segment y.mkv -m model.onnx -o clean --masks --confidences $clean
check "as the element cleans them" cmp <(raw_masks cleaned%06d.png) <(raw_masks clean/y/frame%06d.mask.png)
raw_masks clean/y/frame%06d.mask.png > clean.raw
check "which are others" bash -c '! cmp -s tool.raw clean.raw'
check "other thresholds, cleaned alike" gives 0 "" mask clean -o clean-50 --threshold 50 --masks
check "as lus segment" gives 0 "" segment y.mkv -m model.onnx -o direct-50 -t 50 --masks $clean
check "the same masks" cmp <(cat clean-50/y/*.png) <(cat direct-50/y/*.png)
check "and numbers" diff <(tail -n +2 clean-50/y/frames.jsonl) <(tail -n +2 direct-50/y/frames.jsonl)
touch -d 2020-01-01 clean/y/frames.jsonl
check "resume, cleaned alike" gives 0 "" segment y.mkv -m model.onnx -o clean --resume $clean
check "not done again, cleaned alike" test clean/y/frames.jsonl -ot y.mkv
check "resume, cleaned otherwise" gives 0 "" segment y.mkv -m model.onnx -o clean --resume
check "done again, cleaned otherwise" test clean/y/frames.jsonl -nt y.mkv
check "hysteresis in per cent" gives 2 "0 to 100" segment y.mkv -o r --hysteresis 101
check "smoothing" gives 2 "0.01 to 1" segment y.mkv -o r --temporal-alpha 0
check "threshold 0" gives 0 "" segment y.mkv -m model.onnx -o t0 -t 0
check "all of the sector" grep -q '"frame":2,.*"area":1.0' t0/y/frames.jsonl

# Several inputs
check "same stem in different folders" gives 0 "" segment clips -m model.onnx -o f
check "folders are kept" lines f/a/x/frames.jsonl 6
check "of both" lines f/b/x/frames.jsonl 5
check "as files" gives 0 "" segment clips/a/x.mkv clips/b/x.mkv -m model.onnx -o g
check "folders are kept for files" lines g/b/x/frames.jsonl 5
check "same stem, same folder" gives 1 "is named twice" segment y.mkv y.mkv -m model.onnx -o r
check "one fails, the others are done" gives 1 "text.mkv" segment text.mkv y.mkv -m model.onnx -o h --keep-going
check "the other" lines h/y/frames.jsonl 4

# Resume: a finished clip is left alone, another threshold or more outputs are not.
touch -d 2020-01-01 r/y/frames.jsonl
check "resume" gives 0 "" segment y.mkv -m model.onnx -o r --resume --masks
check "not done again" test r/y/frames.jsonl -ot y.mkv
check "resume, other threshold" gives 0 "" segment y.mkv -m model.onnx -o r --resume -t 30
check "done again" test r/y/frames.jsonl -nt y.mkv
check "resume: int8" gives 0 "" segment y.mkv -m q.onnx -o p
check "resume: told" grep -q '"kernels":"int8, ' p/y/frames.jsonl
touch -d 2020-01-01 p/y/frames.jsonl
check "resume, same arithmetic" gives 0 "" segment y.mkv -m q.onnx -o p --resume
check "resume, same arithmetic: not done again" test p/y/frames.jsonl -ot y.mkv
check "resume, other arithmetic" gives 0 "" segment y.mkv -m q.onnx -o p --resume --precision fp32
check "resume, other arithmetic: done again" test p/y/frames.jsonl -nt y.mkv
touch -d 2020-01-01 h/y/frames.jsonl
again() { # FILE: lost or empty, it is made again
  rm "$1"
  gives 0 "" segment y.mkv -m model.onnx -o lost --masks --confidences --resume && test -s "$1" && : > "$1" &&
    gives 0 "" segment y.mkv -m model.onnx -o lost --masks --confidences --resume && test -s "$1"
}
check "resume: pictures" gives 0 "" segment y.mkv -m model.onnx -o lost --masks --confidences
check "resume: a mask that is lost" again lost/y/frame000002.mask.png
check "resume: a confidence that is lost" again "$(ls lost/y/frame000001.*.png | tail -n 1)"
check "resume: confidences.mkv" again lost/y/confidences.mkv
check "resume, more outputs" gives 0 "" segment y.mkv -m model.onnx -o h --resume --masks
check "done again with masks" test -e h/y/frame000002.mask.png

# Ctrl-C: no half result under the final name.
clip long.mkv 4000
"$lus" segment long.mkv -m model.onnx -o int --confidences > int.txt 2>&1 &
pid=$!
for _ in $(seq 1200); do
  [ -e int/long/frame000001.pleural_line.png ] && break
  sleep 0.05
done
kill -INT $pid
wait $pid
check "interrupted: exit code" test $? -eq 1
check "interrupted: message" grep -q "stopped; run it again with --resume" int.txt
check "interrupted: nothing finished" test ! -e int/long/frames.jsonl -a ! -e int/long/frames.jsonl.part
echo "1..$n"
