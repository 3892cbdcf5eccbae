#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# lus features, fit and exam from outside, as a TAP test: outcomes.sh LUS MAKE_MODEL
set -u
lus=$(realpath "$1") make_model=$(realpath "$2")
. "$(dirname "$(realpath "$0")")/tap.sh"
row() { # FILE LINE TEXT: the line begins with the text
  [[ "$(sed -n "$2p" "$1")" == "$3"* ]] || { cat "$1"; return 1; }
}
clip() { # NAME FRAMES
  gst-launch-1.0 -q lustestsrc num-buffers="$2" ! video/x-raw,format=GRAY8,width=161,height=130 ! avenc_ffv1 ! matroskamux \
    ! filesink location="$1"
}

"$make_model" 64 model.onnx || exit 1
sha=$(sha256sum model.onnx | cut -d' ' -f1)
mkdir -p exam other/deep
clip exam/p007_d2_R1.mkv 5
cp exam/p007_d2_R1.mkv exam/p007_d2_l3.mkv
cp exam/p007_d2_R1.mkv other/deep/x.mkv
echo "not a video" > broken_R1.mkv

# A table whose S/F follows 400 - 3 vertical_percent, of six patients on two days, and its outcomes on pure oxygen
table() { # SHA
  local p d z
  echo "# lus test features model_sha256=$1 threshold=0.6"
  sed -n 2p f.csv
  for p in 1 2 3 4 5 6; do for d in 1 2; do for z in R1 R2 R3 L1 L2 L3; do
    sed -n 2p f.csv | tr , '\n' | awk -v row="p${p}_d${d}_$z,p$p,$d,$z,30,30" -v percent=$((p * 10 + d)) '
      NR == 1 { printf "%s", row }
      NR > 6 { printf ",%s", $0 == "clip_sha256" ? "" : $0 ~ /^vertical_percent/ ? percent : 5 }
      END { print "" }'
  done; done; done
}
{ echo patient,day,spo2_percent,fio2
  for p in 1 2 3 4 5 6; do for d in 1 2; do echo "p$p,$d,$((100 - p * 7 - d)),0.4"; done; done; } > outcomes.csv

# Features
check "features of a folder" gives 0 "f.csv: 2 clips" features exam -o f.csv --model model.onnx --threads 1
check "features: model and threshold recorded" grep -q "^# lus .* model_sha256=$sha threshold=0.6 - Research software" f.csv
check "features: header" row f.csv 2 "clip,patient,day,zone,frames,pleura_frames,pleura_coverage,"
check "features: first clip" row f.csv 3 "p007_d2_R1,p007,2,R1,5,"
check "features: second clip" row f.csv 4 "p007_d2_l3,p007,2,L3,5,"
check "features again" gives 0 "g.csv: 2 clips" features exam -o g.csv --model model.onnx --threads 2
check "features: the same whatever the threads" cmp f.csv g.csv
check "features: another threshold" gives 0 "h.csv: 2 clips" features exam -o h.csv --model model.onnx --threshold 55
check "features: another threshold recorded" grep -q "threshold=0.55 " h.csv
check "features of a name that tells nothing" gives 0 "i.csv: 1 clips" features other -o i.csv --model model.onnx
check "features: unknown stays empty" row i.csv 3 "deep/x,,,,5,"
check "features: broken video" gives 1 "broken_R1.mkv" features broken_R1.mkv -o n.csv --model model.onnx
check "features: nothing written after an error" test ! -e n.csv
check "features: no output" gives 2 "-o FILE" features exam
check "features: threshold" gives 2 "0 to 100" features exam -o n.csv --threshold 101
check "features: no such model" gives 1 "none.onnx" features exam -o n.csv --model none.onnx

check "exam: a manifest tells its zones itself" gives 2 "a manifest tells its clips' zones itself" exam any.json -o n --zone R2

# Fit
table "$sha" > features.csv
check "fit" gives 0 "sf: 12 cases of 6 patients" fit --task sf features.csv outcomes.csv -o heads.json
{ grep -v ^p features.csv; grep ^p features.csv | sort -r; } > turned.csv
{ head -n 1 outcomes.csv; tail -n +2 outcomes.csv | sort -r; } > turned-outcomes.csv
figures() { "$lus" fit --task sf "$1" "$2" -o "$3" 2> err.txt | grep -v "$3"; }
check "fit: whatever the rows' order" diff <(figures features.csv outcomes.csv a.json) <(figures turned.csv turned-outcomes.csv b.json)
sed 's/^p1,/P1,/' outcomes.csv > other.csv
check "fit: patients written otherwise are told of" gives 0 "2 of 12 exams in features.csv have no row in other.csv and are left out" \
  fit --task sf features.csv other.csv -o c.json
check "fit: and the other way round" grep -q "2 of 12 rows in other.csv have no features in features.csv" out.txt
check "fit" gives 0 "sf: 12 cases of 6 patients" fit --task sf features.csv outcomes.csv -o heads.json
check "fit: says the median's error too" grep -q "always saying the median" out.txt
check "fit: bound to the model" grep -q "\"model_sha256\": \"$sha\"" heads.json
check "fit: explained" gives 0 "vertical_percent.mean" fit --task sf features.csv outcomes.csv -o heads.json --explain --report r
check "fit: report" test -s r/outcomes.html -a -s r/predictions-sf.csv -a -s r/sf-calibration.png
check "fit: tested" gives 0 "error over the median" fit features.csv outcomes.csv --test heads.json
check "fit: test of a task that is not there" gives 1 "task change" fit --task change features.csv outcomes.csv --test heads.json
check "fit: no output" gives 2 "-o HEADS" fit features.csv outcomes.csv
check "fit: task" gives 2 "knows sf, change" fit --task x features.csv outcomes.csv -o n.json
check "fit: one table" gives 2 "missing argument" fit features.csv -o n.json
check "fit: too few frames" gives 1 "0 cases" fit features.csv outcomes.csv -o n.json --min-frames 31
sed 's/,0.4$/,40/' outcomes.csv > percent.csv
check "fit: FiO2 in percent" gives 1 "percent.csv:2: FiO2 40 is not a fraction" fit features.csv percent.csv -o n.json
check "fit: nothing written after an error" test ! -e n.json

# Exam
check "exam" gives 0 "S/F by zone" exam exam -o e --model model.onnx --heads heads.json --min-frames 5
check "exam: patient, day and zones" jq -e '.patient == "p007" and .day == 2 and .zones.L3.frames == 5
  and .zones.R1.clips == ["p007_d2_R1"] and .missing_zones == ["R2", "R3", "L1", "L2"]' e/exam.json
check "exam: a value of two zones" jq -e '.sf.valid and .sf.low <= .sf.value and .sf.value <= .sf.high' e/exam.json
check "exam: a change needs heads" jq -e '.change.class == null and .change.reason == "No estimator"' e/exam.json
check "exam: no value, a reason" gives 0 "S/F estimate --: Too few frames R1 L3" exam exam -o g --model model.onnx \
  --heads heads.json --min-frames 6
check "exam: the reason in the file" jq -e '.sf.value == null and .sf.valid == false
  and .sf.reason == "Too few frames R1 L3"' g/exam.json
check "exam: the same numbers as features" test "$(sed -n 3p f.csv | cut -d, -f7,9)" = \
  "$(jq -r '.zones.R1.features | "\(.pleura_coverage),\(.pleura_visibility)"' e/exam.json)"
gst-launch-1.0 -q filesrc location=exam/p007_d2_R1.mkv ! matroskademux ! avdec_ffv1 ! lussegment model-file=model.onnx \
  ! lusconfmask ! lussfestimate heads-file=heads.json zone=R1 exam-file=pipeline.json ! fakesink
check "exam: the same numbers as the pipeline" test "$(jq -c .zones.R1.features,.zones.R1.features_p90 e/exam.json)" = \
  "$(jq -c .zones.R1.features,.zones.R1.features_p90 pipeline.json)"
check "exam: measured S/F, earlier exam" gives 0 "S/F measured 240" exam exam -o b --model model.onnx --heads heads.json \
  --min-frames 5 --spo2 96 --fio2 0.4 --baseline e/exam.json
check "exam: measured S/F in the file" jq -e '.sf.measured == 240 and .change.baseline == "e/exam.json"' b/exam.json
check "exam: impossible S/F" gives 1 "outside 40 to 480" exam exam -o b --model model.onnx --spo2 30 --fio2 1
check "exam: no earlier exam" gives 1 "heads.json: " exam exam -o b --model model.onnx --baseline heads.json
check "exam: hashes" jq -e --arg h "$(sha256sum heads.json | cut -d' ' -f1)" --arg m "$sha" \
  '.heads_sha256 == $h and .model_sha256 == $m' e/exam.json
table "${sha//[0-9]/0}" > foreign.csv
"$lus" fit foreign.csv outcomes.csv -o foreign.json > /dev/null
check "exam: heads of another model" gives 0 "S/F estimate --: Other model" exam exam -o e --model model.onnx --heads foreign.json
sed -i 's/"threshold": [0-9.]*/"threshold": 0.1/' foreign.json
check "exam: heads of another model with another threshold" gives 0 "Other model" exam exam -o o --model model.onnx --heads foreign.json
check "exam: the model's own threshold holds then" test "$(jq -c .zones.R1.features e/exam.json)" = "$(jq -c .zones.R1.features o/exam.json)"
rm -r o
live() { # HEADS: what a pipeline whose masks are cut at 30 % says
  gst-launch-1.0 filesrc location=exam/p007_d2_R1.mkv ! matroskademux ! avdec_ffv1 ! lussegment model-file=model.onnx \
    ! lusconfmask confidence-threshold=0.3 ! lussfestimate "heads-file=$1" zone=R1 ! fakesink 2>&1
}
check "pipeline: masks cut elsewhere than for the fit" test "$(live heads.json | grep -c 'cut at another threshold')" = 1
check "pipeline: nothing of it with heads of another model" test "$(live foreign.json | grep -c 'cut at another threshold')" = 0
echo '{"schema":1,"exam_id":"e1","zones":"R2,R4","clips":[{"file":"other/deep/x.mkv","zone":"R4"}]}' > m.json
check "exam by manifest" gives 0 "R4 " exam m.json -o m --model model.onnx --heads heads.json --min-frames 1
check "exam by manifest: id and zones" jq -e '.exam_id == "e1" and .patient == null and .missing_zones == ["R2"]
  and .zones.R4.clips == ["x"]' m/exam.json
check "exam: no room for a 17th zone" gives 1 "no room for zone 'R6', as an exam has at most 16" exam other/deep/x.mkv \
  --zone R6 --zones a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p -o o --model model.onnx
check "exam of one clip" gives 0 "R6 " exam other/deep/x.mkv --zone R6 -o o --model model.onnx --heads heads.json
check "exam: a name without zone" gives 1 "tells no zone" exam other -o o --model model.onnx
check "exam: --zone for two clips" gives 1 "there are 2" exam exam --zone R1 -o o --model model.onnx
check "exam: --zone" gives 2 "R1 to R6" exam other/deep/x.mkv --zone R7 -o o
cp exam/p007_d2_R1.mkv p007_d3_R1.mkv
check "exam: two days" gives 1 "another patient or day" exam exam p007_d3_R1.mkv -o o --model model.onnx
check "exam: broken heads" gives 1 "m.json: " exam exam -o o --model model.onnx --heads m.json
check "exam: broken video" gives 1 "broken_R1.mkv" exam broken_R1.mkv -o none --model model.onnx --heads heads.json
check "exam: nothing written after an error" test ! -e none/exam.json
check "exam: no output" gives 2 "-o DIR" exam exam

# Nothing is left beside what was asked for
check "no temporary files" test -z "$(find . -name '*.part*')"
echo "1..$n"
