#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Real exams from clips to S/F, as a TAP test: exams.sh LUS [DIR]. Repeats docs/real-exams.md; with DIR the files stay there and what is
# done is not done again. LUS_REAL_RATE=5 thins the clips out to 5 frames a second, for a slow machine.
set -u
lus=$(realpath "$1") data=$(realpath -m "${LUS_TEST_DATA:-../shared/data}")/covid_blues
if [ ! -d "$data/videos" ]; then
  echo "1..0 # SKIP $data (LUS_TEST_DATA) is missing"
  exit 0
fi
keep=${2:-}
dir=${keep:-$(mktemp -d)}
mkdir -p "$dir/clips"
[ -n "$keep" ] || trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0

check() { # NAME COMMAND...: passes when the command succeeds; what it says is shown
  n=$((n + 1))
  local name=$1 result=ok
  shift
  "$@" > out.txt 2> err.txt || { result="not ok"; cat err.txt >> out.txt; }
  echo "$result $n - $name"
  sed 's/^/# /' out.txt
}
thin() { # FROM TO
  gst-launch-1.0 -q filesrc location="$1" ! decodebin ! videorate drop-only=true max-rate="$LUS_REAL_RATE" \
    ! avenc_ffv1 ! matroskamux ! filesink location="$2"
}
clips() { # patient_10_L1.mp4 as patient_10_d1_L1; a second clip of a zone (patient_15_L2_2, say) keeps its name behind
  local file name
  for file in "$data"/videos/*.mp4; do
    name=$(basename "$file" .mp4)
    name=${name/#patient_/p}
    name=${name/_/_d1_}
    [ -e "clips/$name.mkv" ] || [ -e "clips/$name.mp4" ] && continue
    if [ -n "${LUS_REAL_RATE:-}" ]; then thin "$file" "clips/$name.mkv" || return 1; else ln -s "$file" "clips/$name.mp4"; fi
  done
  [ "$(find clips -name 'p*' | wc -l)" -eq 72 ]
}
# Saturation with oxygen where it was given, else on room air; 0.21 + 0.04 per l/min is the program's own rule.
outcomes() {
  awk -F, 'NR == 1 { print "patient,day,spo2_percent,o2_l_min"; next }
    { print "p" $1 ",1," ($4 ? $3 : $2) "," ($4 ? $4 : 0) }' "$data/patients.csv" > outcomes.csv
  [ "$(wc -l < outcomes.csv)" -eq 13 ]
}
features() {
  [ -e features.csv ] || "$lus" features clips -o features.csv --planes planes
  [ "$(grep -c '^p' features.csv)" -eq 72 ]
}
numbers() { jq -S '{sf, change, readmission, embeddings, zones: (.zones | map_values(del(.clips)))}' "$1"; }
in_pipeline() { # the exam of patient 10 once more, by elements
  local clip zone branches=()
  for clip in clips/p10_d1_*; do
    zone=${clip##*_d1_}
    branches+=(filesrc location="$clip" ! decodebin ! taginject tags="keywords=lus-zone:${zone%%[._]*}" ! c.)
  done
  gst-launch-1.0 -q concat name=c ! lussegment ! lusconfmask ! lussfestimate heads-file=heads.json min-frames-per-zone=10 \
    spo2=97 fio2=0.21 exam-file=pipeline.json ! fakesink "${branches[@]}"
  diff <(numbers exam/exam.json) <(numbers pipeline.json)
}

check "72 clips of 12 patients" clips
check "S/F from saturation and oxygen" outcomes
check "features and planes" features
check "interpretable head" "$lus" fit --task sf features.csv outcomes.csv -o heads.json
check "video network" "$lus" fit --task sf --network planes --folds 2 --steps 20 --contrast 0.1 features.csv outcomes.csv -o heads.json
check "an exam with its report" "$lus" exam clips/p10_d1_* -o exam --heads heads.json --min-frames 10 --spo2 97 --report
check "the report is there" test -s exam/report.pdf
check "the same numbers by elements" in_pipeline
echo "1..$n"
