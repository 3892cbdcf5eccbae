#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each command of `lus` once, on little: what the sanitizers run of the command line. As a TAP test: commands.sh LUS MAKE_MODEL
set -u
lus=$(realpath "$1") make_model=$(realpath "$2")
. "$(dirname "$(realpath "$0")")/tap.sh"
ran=()
once() { # TEXT COMMAND ARGUMENT...: it ends well and says TEXT
  ran+=("$2")
  check "$2" gives 0 "$@"
}

"$make_model" 64 model.onnx || exit 1
mkdir -p exam given
gst-launch-1.0 -q lustestsrc num-buffers=5 ! video/x-raw,format=GRAY8,width=164,height=131 ! avenc_ffv1 ! matroskamux \
  ! filesink location=exam/p1_d1_R1.mkv || exit 1
cp exam/p1_d1_R1.mkv given/P1_d1_R1.mkv

# Data sets
labels() { # ANNOTATOR CONFIDENCE
  echo "{\"clip\": \"P1_d1_R1\", \"frame\": 1, \"annotator\": \"$1\", \"regions\": [{\"class\": \"pleural_line\", \"confidence\": $2,
    \"polygon\": [[10, 10], [50, 10], [50, 20]]}]}" > "$1.json"
}
labels anna 60 && labels bert 90
once "3 labels written" import anna.json --from polygons -o data -c given
check "import of another's" gives 0 "3 labels written" import bert.json --from polygons -o data
once "2 annotators" check data
once "files" export data --to coco -o coco
once "anna" agree data
once "mean" fuse data -o mean
once "" simulate --stills 1 --preview --size 96x96 -o stills

# Networks
small=(--size 64x32 --widths 16,16,16,16 --batch 1 --threads 1)
once "" train phantom:3 --held-out 2 "${small[@]}" --steps 2 --validation-interval 2 --log log.csv -o trained.onnx
once "Dice" evaluate trained.onnx phantom:2 --threads 2
once "1 methods" sweep phantom:6 -o sweep --folds 2 --targets soft --steps 1 "${small[@]}"
once "8-bit integers" quantize model.onnx phantom:1 -o int8.onnx --samples 1
once "" fpn mbv2 -o random.onnx
once "classes" info int8.onnx
{
  printf '\223NUMPY\1\0\106\0'
  printf '%-69s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 64, 64), }"
  head -c 4096 /dev/zero
} > zeros.npy
once "" infer int8.onnx -i zeros.npy -o y.npy
once "confidences" bench int8.onnx --runs 1 --threads 2

# Clips
once "" segment exam -m int8.onnx -o results --masks rle --confidences=ffv1 --overlay --threads 2
once "" mask results -o other --threshold 45 --masks png
once "1 clips" merge results/summary.csv -o merged.csv
once "1 clips" features exam -o f.csv --model model.onnx

# Outcomes and exams
{ head -n 2 f.csv
  for p in 1 2 3 4 5 6; do for d in 1 2; do
    sed -n 3p f.csv | awk -F, -v OFS=, -v p="p$p" -v d=$d -v percent=$((p * 10 + d)) \
      '{ $1 = p "_d" d "_R1"; $2 = p; $3 = d; $5 = $6 = 30; for (i = 7; i < NF; i++) $i = i % 3 ? 5 : percent; print }'
  done; done; } > features.csv
{ echo patient,day,spo2_percent,fio2
  for p in 1 2 3 4 5 6; do for d in 1 2; do echo "p$p,$d,$((100 - p * 7 - d)),0.4"; done; done; } > outcomes.csv
once "12 cases of 6 patients" fit --task sf features.csv outcomes.csv -o heads.json --report report
once "exam.json" exam exam -o day1 --model model.onnx --heads heads.json --min-frames 5 --report
once "page/report.png" report day1/exam.json -o page
once "" fhir day1/exam.json -o observation.json
once "Exam bed1" live --window none --zones R1 --min-frames 1 -o live --exam-id bed1 --source lustestsrc < <(sleep 2; echo 1; sleep 2; echo q)

missing() {
  local command
  for command in $("$lus" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z]+) .*/\1/p'); do
    [[ " ${ran[*]} " == *" $command "* ]] || { echo "$command was not run"; return 1; }
  done
}
check "no command was left out" missing
echo "1..$n"
