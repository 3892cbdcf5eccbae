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
check "report with the trend" gives 0 "both/report.png" report day2 day1/exam.json -o both
check "another page than without" test "$(cmp -s both/report.png day2/report.png; echo $?)" -eq 1
check "report twice: the same picture" gives 0 "again/report.png" report day1 day2 -o again
check "bit by bit" cmp both/report.png again/report.png
check "report: no output" gives 2 "-o DIR" report day1
check "report: no exam" gives 1 "nothing/exam.json" report nothing/exam.json -o none
check "report: the same day twice" gives 1 "is of the same day" report day1 day1 -o none
jq '.patient = "p2"' day2/exam.json > other.json
check "report: two patients" gives 1 "is of another patient" report day1 other.json -o none
jq '.sf.valid = true | .sf.value = 900' day2/exam.json > wrong.json
check "report: impossible value" gives 1 "wrong.json: sf: value is 900" report wrong.json -o none
echo '{"schema": 1' > broken.json
check "report: broken" gives 1 "broken.json:2: not valid JSON" report broken.json -o none

check "features with planes" gives 0 "f.csv: 2 clips" features clips -o f.csv --model model.onnx --planes planes
check "a picture of each clip" is_size planes/p1_d1_R1.png 768x192
printf 'patient,day,spo2_percent,fio2\np1,1,90,0.3\n' > o.csv
check "network: needs a heads file" gives 1 "make it with 'lus fit' without --network" fit --network planes f.csv o.csv -o none.json
echo '{}' > heads.json
check "network: too few patients" gives 1 "1 patients with planes and outcome" fit --network planes f.csv o.csv -o heads.json
check "network: no planes" gives 1 "no planes of any clip" fit --network clips f.csv o.csv -o heads.json
check "network: widths" gives 1 "expected three numbers" fit --network planes --widths 16,24 f.csv o.csv -o heads.json
check "no temporary files" test -z "$(find . -name '*.part*')"
echo "1..$n"
