#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# lus exam --report, lus report and lus features --planes from outside, as a TAP test: report.sh LUS MAKE_MODEL
set -u
lus=$(realpath "$1") make_model=$(realpath "$2")
. "$(dirname "$(realpath "$0")")/tap.sh"
clip() { # NAME FRAMES
  gst-launch-1.0 -q lustestsrc num-buffers="$2" ! video/x-raw,format=GRAY8,width=161,height=130 ! avenc_ffv1 ! matroskamux \
    ! filesink location="$1"
}
png_size() { # FILE: width and height
  od -An -tu1 -j16 -N8 "$1" | awk '{ print $3 * 256 + $4 "x" $7 * 256 + $8 }'
}
is_size() { [ "$(png_size "$1")" = "$2" ] || { png_size "$1"; return 1; }; }

"$make_model" 64 model.onnx || exit 1
mkdir clips
clip clips/p1_d1_R1.mkv 5
cp clips/p1_d1_R1.mkv clips/p1_d1_L3.mkv
mkdir second
for zone in R1 L3; do cp clips/p1_d1_$zone.mkv second/p1_d2_$zone.mkv; done

check "exam with its report" gives 0 "day1/report.pdf" exam clips -o day1 --model model.onnx --min-frames 5 --report
check "the page as PDF" grep -aq "%PDF-" day1/report.pdf
check "the page as PNG" is_size day1/report.png 1240x1754
check "a key frame of each zone" test -s day1/key-R1.png -a -s day1/key-L3.png
check "and no other" test "$(find day1 -name 'key-*' | wc -l)" -eq 2
check "exam of the next day" gives 0 "day2/report.png" exam second -o day2 --model model.onnx --min-frames 5 --report
check "again in the same folder, another patient's clip" bash -c "cp -r day1 reused && cp clips/p1_d1_R1.mkv p2_d1_R1.mkv &&
  '$lus' exam p2_d1_R1.mkv -o reused --model model.onnx --min-frames 5"
check "without the report and key frames of the first" test "$(ls reused)" = exam.json
check "again, with fewer zones" bash -c "cp -r day1 fewer &&
  '$lus' exam p2_d1_R1.mkv -o fewer --zones R1 --model model.onnx --min-frames 5"
check "fewer zones: without the first's key frames of the others" test "$(ls fewer)" = exam.json
check "report with the trend" gives 0 "both/report.png" report day2 day1/exam.json -o both
check "another page than without" test "$(cmp -s both/report.png day2/report.png; echo $?)" -eq 1
check "report twice: the same picture" gives 0 "again/report.png" report day1 day2 -o again
check "bit by bit" cmp both/report.png again/report.png
check "report: no output" gives 2 "-o DIR" report day1
check "report: a file in the place of its folder" gives 1 "cannot create the folder: Not a directory; give another one with -o" report day1 -o day1/exam.json/page
check "report: no exam" gives 1 "nothing/exam.json" report nothing/exam.json -o none
check "report: the same day twice" gives 1 "is of the same day" report day1 day1 -o none
jq '.patient = "p2"' day2/exam.json > other.json
check "report: two patients" gives 1 "is of another patient" report day1 other.json -o none
jq '.sf.valid = true | .sf.value = 900' day2/exam.json > wrong.json
check "report: impossible value" gives 1 "wrong.json: sf: value is 900" report wrong.json -o none
jq '.change.valid = true | .change.class = "same"' day2/exam.json > wrong.json
check "report: a change without probabilities" gives 1 "wrong.json: change: it is valid but has no probabilities" report wrong.json -o none
echo '{"schema": 1' > broken.json
check "report: broken" gives 1 "broken.json:2: not valid JSON" report broken.json -o none

check "features with planes" gives 0 "f.csv: 2 clips" features clips -o f.csv --model model.onnx --planes planes
check "a picture of each clip" is_size planes/p1_d1_R1.png 768x192
"$make_model" 96 model96.onnx
check "planes of two models in one folder" gives 1 "planes.json: these planes are of model" \
  features clips -o f96.csv --model model96.onnx --planes planes
check "nothing else was written" test -z "$(ls f96.csv* 2>&-)"
printf 'patient,day,spo2_percent,fio2\np1,1,90,0.3\n' > o.csv
check "network: needs a heads file" gives 1 "make it with 'lus fit' without --network" fit --network planes f.csv o.csv -o none.json
echo '{}' > heads.json
check "network: zones too short" gives 1 "of 2 the zone has fewer than 10 frames" fit --network planes f.csv o.csv -o heads.json
check "network: no heads in it" gives 1 "heads.json: its heads were fitted on another model" \
  fit --network planes --min-frames 1 f.csv o.csv -o heads.json
check "network: not for a report" gives 2 "--report and --explain are for fits without" fit --network planes f.csv o.csv -o heads.json --report r
check "network: its options are of no other fit" gives 2 "--folds is for --network" fit --folds 9 f.csv o.csv -o heads.json
check "network: nor its threads" gives 2 "--threads is for --network" fit --threads 2 f.csv o.csv -o heads.json
for option in "--learning-rate -1" "--learning-rate nan" "--learning-rate 0" "--contrast -1" "--contrast inf" "--threads -1"; do
  # shellcheck disable=SC2086
  check "network: $option" gives 2 "${option%% *} must be" fit --network planes $option f.csv o.csv -o heads.json
done
check "network: no planes" gives 1 "no planes of any clip" fit --network clips f.csv o.csv -o heads.json
check "features of another model" gives 0 "f96.csv: 2 clips" features clips -o f96.csv --model model96.onnx
check "network: planes of another model than the table's" gives 1 "planes.json: these planes are of model" \
  fit --network planes --min-frames 1 f96.csv o.csv -o heads.json
check "network: widths" gives 1 "expected three numbers" fit --network planes --widths 16,24 f.csv o.csv -o heads.json

# Ten patients whose S/F falls with the B-line/pleura percentage, for some on the second day; their planes are all alike.
mkdir many
table() { # a row like those of f.csv for each of six zones on two days
  sed -n 1,2p f.csv
  sed -n 2p f.csv | awk -F, '{ for (p = 1; p <= 10; p++) for (d = 1; d <= 2; d++) for (z = 1; z <= 6; z++) {
    zone = (z > 3 ? "L" : "R") (z - 1) % 3 + 1
    row = "p" p "_d" d "_" zone ",p" p "," d "," zone ",30,30"
    for (i = 7; i <= NF; i++) row = row "," ($i ~ /^vertical_percent/ ? 5 * p + 10 * (d - 1) * (p % 3) : "")
    print row } }'
}
table > many.csv
for p in 1 2 3 4 5 6 7 8 9 10; do for d in 1 2; do for z in R1 R2 R3 L1 L2 L3; do
  cp planes/p1_d1_R1.png "many/p${p}_d${d}_$z.png"
done; done; done
{ echo patient,day,spo2_percent,fio2,readmitted_30d
  for p in 1 2 3 4 5 6 7 8 9 10; do for d in 1 2; do echo "p$p,$d,$((99 - 2 * p - 10 * (d - 1) * (p % 3))),0.3,$((p % 2))"; done; done; } > many-outcomes.csv
tiny=(--network many --steps 2 --folds 2 --widths 8,8,8 --threads 1)
check "heads first" gives 0 "heads.json" fit --task all many.csv many-outcomes.csv -o heads.json
check "network: too few patients" gives 1 "1 patients with planes and outcome" fit --network planes --min-frames 1 f.csv o.csv -o heads.json
for task in sf change readmission; do
  check "then a network: $task" gives 0 "$task network on " fit --task $task "${tiny[@]}" many.csv many-outcomes.csv -o heads.json
done
check "network: at most a fold for each patient" gives 0 "figures on patients not seen, 10 folds" \
  fit --task sf --network many --steps 1 --folds 99 --widths 8,8,8 --threads 1 many.csv many-outcomes.csv -o heads.json
check "their files" test -s heads.sf.onnx -a -s heads.change.onnx -a -s heads.readmission.onnx
check "the heads file names them" jq -e '.networks | keys == ["change", "readmission", "sf"]' heads.json
cp heads.sf.onnx kept.onnx
jq '.model_sha256 = "0"' heads.json > other.json && cp heads.sf.onnx other.sf.onnx
check "heads of another model get none" gives 1 "other.json: its heads were fitted on another model" \
  fit --task sf "${tiny[@]}" --seed 2 many.csv many-outcomes.csv -o other.json
check "and the network that is there stays" cmp kept.onnx other.sf.onnx
jq 'del(.heads.change)' heads.json > two.json
check "nor do heads without that task" gives 1 "two.json: has no head for 'change'" \
  fit --task change "${tiny[@]}" many.csv many-outcomes.csv -o two.json
check "no checkpoints are left" test -z "$(find . -name '*.checkpoint*')"
check "info: a heads file" gives 0 "readmission: video network ./heads.readmission.onnx" info heads.json
check "info: its JSON" sh -c '"$1" info heads.json --json | jq -e ".networks.sf.sha256 != null and .schema == 2 and (.sha256 | length) == 64"' - "$lus"
check "info: a video network" gives 0 "8 frames of 48 x 48, 3 classes" info heads.change.onnx
check "info: what it was trained by" gives 0 '"command":"' info heads.change.onnx
check "info: its JSON, too" sh -c '"$1" info heads.sf.onnx --json | jq -e ".task == \"sf\" and .training.held_out != null"' - "$lus"
check "info: no plan of heads" gives 2 "--plan is for segmentation models" info heads.json --plan
check "info: nor of a video network" gives 2 "--plan is for segmentation models" info heads.sf.onnx --plan
echo '{"schema": 2}' > few.json
check "info: JSON that is no heads file" gives 1 "few.json: " info few.json
run=(exam clips --model model.onnx --heads heads.json --min-frames 5)
check "exam with networks" gives 0 "net1/exam.json" "${run[@]}" -o net1
check "exam.json holds their embeddings" jq -e '(.embeddings | keys) == ["change", "readmission", "sf"]
  and (.embeddings.sf.values | length) == 16' net1/exam.json
check "the same exam, the same numbers" gives 0 "net2/exam.json" "${run[@]}" -o net2 --threads 2
check "bit by bit, too" cmp net1/exam.json net2/exam.json
check "exam with an earlier one" gives 0 "net3/exam.json" "${run[@]}" -o net3 --baseline net1/exam.json

# The pipeline estimates the same: four zones on two days, one of them twice, of clips that are thinned out and others.
mkdir four
for seed in 1 2 3 4 5; do
  gst-launch-1.0 -q lustestsrc seed="$seed" num-buffers=$((41 - 6 * seed)) ! video/x-raw,format=GRAY8,width=161,height=130 \
    ! avenc_ffv1 ! matroskamux ! filesink location="four/$seed.mkv"
done
while read -r seed name; do cp "four/$seed.mkv" "four/p1_$name.mkv"; done <<'END'
1 d1_R1
2 d1_R2
3 d1_L1
4 d1_L3
3 d2_R1
1 d2_R2
4 d2_L1
2 d2_L3
5 d2_again_L3
END
pipeline() { # DAY OUT PROPERTY...
  local day=$1 out=$2 clip zone branches=()
  shift 2
  for clip in four/p1_d"$day"_*.mkv; do
    zone=${clip%.mkv}
    branches+=(filesrc location="$clip" ! matroskademux ! avdec_ffv1 ! taginject tags="keywords=lus-zone:${zone##*_}" ! c.)
  done
  gst-launch-1.0 -q concat name=c ! lussegment model-file=model.onnx ! lusconfmask ! lussfestimate heads-file=heads.json \
    min-frames-per-zone=5 exam-file="$out" "$@" ! fakesink "${branches[@]}"
}
numbers() { jq -S '{sf, change, readmission, embeddings, zones: (.zones | map_values(del(.clips)))}' "$1"; }
same_numbers() { diff <(numbers "$1") <(numbers "$2"); }
run=(exam --model model.onnx --min-frames 5)
check "four zones" gives 0 "four1/exam.json" "${run[@]}" --heads heads.json four/p1_d1_* -o four1
check "and the next day" gives 0 "four2/exam.json" "${run[@]}" --heads heads.json four/p1_d2_* -o four2 --baseline four1/exam.json
jq 'del(.networks)' heads.json > alone.json
check "and by the heads alone" gives 0 "alone/exam.json" "${run[@]}" --heads alone.json four/p1_d2_* -o alone --baseline four1/exam.json
check "all is estimated" jq -e '.sf.valid and .change.valid and .readmission.valid' four2/exam.json
check "by the networks" jq -e --slurpfile other alone/exam.json '.sf.value != $other[0].sf.value and
  .change.probabilities != $other[0].change.probabilities and .readmission.probability != $other[0].readmission.probability' four2/exam.json
pipeline 1 live1.json
check "pipeline: the same numbers as lus exam" same_numbers four1/exam.json live1.json
pipeline 2 live2.json baseline-file=four1/exam.json
check "the next day, too" same_numbers four2/exam.json live2.json
run=(exam clips --model model.onnx --heads heads.json --min-frames 5)
cp heads.change.onnx heads.sf.onnx
check "exam: another network than the heads file names" gives 1 "not the network that the heads file names" "${run[@]}" -o net4
rm heads.sf.onnx
check "exam: a network is missing" gives 1 "heads.sf.onnx" "${run[@]}" -o net4
check "no temporary files" test -z "$(find . -name '*.part*')"
echo "1..$n"
