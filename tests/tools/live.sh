#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# `lus live` without device, its keys through a pipe, those of a window through another, as a TAP test: live.sh LUS WINDOW_KEYS
set -u
lus=$(realpath "${1:?lus}") window_keys=$(dirname "$(realpath "${2:?plugin windowkeys}")")
. "$(dirname "$(realpath "$0")")/tap.sh"

says() { # TEXT [COUNT]: waits until the running exam's output has it, COUNT times
  local i
  for ((i = 0; i < 600; i++)); do
    [ "$(grep -cF -- "$1" live.txt)" -ge "${2:-1}" ] && return
    if ! kill -0 $live 2> kill.txt; then # what it said last may have come behind the look above
      [ "$(grep -cF -- "$1" live.txt)" -ge "${2:-1}" ] && return
      break
    fi
    sleep 0.1
  done
  echo "no '$1' in:"
  cat live.txt
  return 1
}
keys() { printf "$1" >&3; }
lines() { [ "$(wc -l < "$1")" -ge "$2" ] || cat "$1"; [ "$(wc -l < "$1")" -ge "$2" ]; }
ended() { # CODE
  wait $live
  local got=$?
  [ $got -eq "$1" ] || { echo "exit $got:"; cat live.txt; return 1; }
}
window=none
begin() { # ARGUMENT...
  rm -f keys live.txt
  mkfifo keys
  "$lus" live --window "$window" --zones R1,L1 --min-frames 3 -o exams "$@" < keys > live.txt 2>&1 &
  live=$!
  exec 3> keys
}

source='lustestsrc seed=7 patient=5 stream=17 probe=convex screen=true
  ! video/x-raw,format=I420,width=640,height=360,framerate=10/1'
begin --exam-id bed1 --source "$source"
check "an exam begins" says "Exam bed1."
keys 1
check "a zone fills" says "Zone R1, 1 of 2 done, missing L1"
keys 'o95\n'
check "SpO2" says "SpO2 95 %"
keys 'i2 l\n'
check "FiO2 by a cannula's flow" says "FiO2 0.29"
keys 'i35 %%\n'
check "FiO2 in per cent, said so" says "FiO2 0.35"
keys 'i0.30\n'
check "FiO2" says "FiO2 0.3"
keys 'i21\n'
check "FiO2 in per cent is refused" says "'21' is none"
keys 2
check "the other zone" says "Zone L1, 2 of 2 done"
keys 0
check "no zone: all pictures of the one before are recorded" says "Zone --, 2 of 2 done"
keys 'i1\n'
check "pure oxygen" says "FiO2 1"
keys 'o35\n'
check "an S/F that cannot be" says "enter both again"
keys 'o98\n'
check "SpO2 that says little" says "SpO2 98 % (above 97 %: S/F does not follow P/F)"
keys 'o95\n'
check "SpO2 again" says "SpO2 95 %" 2
keys 'i0.3\n'
check "FiO2 again" says "FiO2 0.3" 3
keys f
check "finished" says "Exam bed1 finished: exams/bed1/exam.json"
keys s
check "another one" says "Exam 20"
check "in its own folder" bash -c '! grep "holds the exam before" live.txt'
check "in no zone" says "Zone --, 0 of 2 done, missing R1 L1"
keys q
check "q ends" ended 0
check "an exam without pictures leaves nothing" test "$(ls exams)" = bed1
check "exam.json holds both zones" test "$(jq -rc '.zones | keys' exams/bed1/exam.json)" = '["L1","R1"]'
check "and its name" test "$(jq -r .exam_id exams/bed1/exam.json)" = bed1
check "outcomes.csv" test "$(tail -n 1 exams/bed1/outcomes.csv)" = "bed1,1,95,0.3,,"
check "sidecar of R1" lines exams/bed1/bed1_d1_R1/frames.jsonl 4
check "sidecar of L1" lines exams/bed1/bed1_d1_L1/frames.jsonl 4
check "its header" test "$(head -n 1 exams/bed1/bed1_d1_R1/frames.jsonl | jq -r .clip)" = bed1_d1_R1.mkv
check "of the form that lus segment writes" test "$(head -n 1 exams/bed1/bed1_d1_R1/frames.jsonl |
  jq -rc '[.live, .threshold, .clip_sha256, (.classes | length), (.kernels | length > 0)]')" = '[true,0.6,"",3,true]'
check "its pictures" test "$(sed -n 2p exams/bed1/bed1_d1_R1/frames.jsonl | jq -rc '[.frame, .pts_ns, .size]')" = '[0,0,[640,360]]'
check "nothing half-written" test -z "$(find exams -name '*.part')"
check "the clips make the same zones" gives 0 "" exam exams/bed1 -o again
check "of them" test "$(jq -rc '.zones | keys' again/exam.json)" = '["L1","R1"]'
check "their features" gives 0 "" features exams -o features.csv
check "are of the patient and day of outcomes.csv" test "$(awk -F, '!/^#/ && NR > 2 { print $2 "," $3 }' features.csv | sort -u)" = bed1,1

# Only the sector is recorded: the scanner's texts fill the corners of the screen, and of a recording none is lit.
gray() { # FILE PIPELINE...: the last picture, one byte per pixel
  gst-launch-1.0 -q "${@:2}" ! videoconvert ! video/x-raw,format=GRAY8,width=640,height=360 ! filesink "location=$1"
  [ "$(wc -c < "$1")" -ge 230400 ] && tail -c 230400 "$1" > "$1.last"
}
lit() { # FILE: bytes above 40 in the first 40 columns of the first 40 rows
  od -An -v -tu1 -w640 "$1" | head -n 40 | awk '{ for (i = 1; i <= 40; i++) n += $i > 40 } END { print n + 0 }'
}
check "recorded pictures" gray sector.gray filesrc location=exams/bed1/bed1_d1_R1.mkv ! matroskademux ! avdec_ffv1
check "the screen" gray screen.gray lustestsrc num-buffers=2 seed=7 patient=5 stream=17 probe=convex screen=true
check "texts on the screen" test "$(lit screen.gray.last)" -gt 50
check "none in the recording" test "$(lit sector.gray.last)" -eq 0
check "but ultrasound" test "$(od -An -v -tu1 -w1 sector.gray.last | awk '$1 > 40' | wc -l)" -gt 2000

begin --exam-id bed1 --no-record --source "$source"
check "an exam of the same name gets a number" says "Exam bed1-2."
keys 1
check "its zone fills" says "Zone R1, 1 of 2 done"
kill -TERM $live
check "a signal ends it" ended 0
check "and its results are kept" test -s exams/bed1-2/exam.json
check "no recording" test -z "$(find exams/bed1-2 -name '*.mkv')"

begin --exam-id decoded --no-record --source "$source ! decodebin3 ! videoconvert" # as --device has it
keys 1
check "a source whose pads come late fills a zone" says "Zone R1, 1 of 2 done"
keys q
check "and ends" ended 0

begin --exam-id "Bed 2, left" --no-record --zones "r1, L1" --source "$source"
check "zones with spaces and small letters" says "Zone --, 0 of 2 done, missing R1 L1"
keys 2
check "can be chosen" says "Zone L1, 1 of 2 done"
keys 'o95\n'
check "oxygen of an exam with a comma in its name" says "SpO2 95 %"
keys f
check "is written" says "finished: exams/Bed 2, left/exam.json"
check "as one field" test "$(tail -n 1 "exams/Bed 2, left/outcomes.csv")" = '"Bed 2, left",1,95,,,'
keys s
check "the next" says "Exam 20"
keys 1
check "its zone" says "Zone R1, 1 of 2 done"
rm -r exams/20*
keys f
check "what cannot be written is not called empty" says "could not be written"
check "and is an error" ended 1

begin --exam-id p003_d2 --no-record --source "$source"
keys 1
check "an exam named by patient and day" says "Zone R1, 1 of 2 done"
keys 'o0x5f\n'
check "hexadecimal is no SpO2" says "'0x5f' is none"
keys 'o95 %%\n'
check "its oxygen" says "SpO2 95 %"
keys f
check "is that patient's, of that day, as lus features reads it" says "Exam p003_d2 finished"
check "in outcomes.csv" test "$(tail -n 1 exams/p003_d2/outcomes.csv)" = "p003,2,95,,,"
keys q
check "and q ends" ended 0

begin --exam-id gone --no-record --source "$source"
keys 1
check "an exam" says "Zone R1, 1 of 2 done"
rm -r exams/gone
keys q
check "q with an exam that cannot be written is an error" ended 1
check "which is told" grep -q "exams/gone/exam.json: cannot create" live.txt

# The end of the stream writes the exam while the end of the program finishes it: it is not called unwritten meanwhile.
failing() {
  local i
  for i in 1 2 3 4 5 6 7 8; do
    gives 1 "Exam fails$i finished: exams/fails$i/exam.json" live --window none -o exams --exam-id fails$i --no-record --source \
      "lustestsrc ! video/x-raw,framerate=50/1 ! taginject tags=keywords=lus-zone:R1 ! identity error-after=20" < /dev/null || return
  done
}
check "a source that fails: the exam is there" failing

# Another exam begun in the window while the terminal asks for the SpO2 of the one before.
cp "$GST_REGISTRY" live.registry # so that the others' is not written with one plugin more
export GST_PLUGIN_PATH=$GST_PLUGIN_PATH:$window_keys GST_REGISTRY=$PWD/live.registry
window="windowkeys location=pressed"
mkfifo pressed
exec 4<> pressed
begin --exam-id asked --no-record --source "$source"
printf 1 >&4
check "a key of the window chooses a zone" says "Zone R1, 1 of 2 done"
keys o9
printf s >&4
check "another one begins an exam" says "Exam asked finished"
check "the next" says "Exam 20"
keys '7\n'
printf 2 >&4
check "it goes on" says "Zone L1, 1 of 2 done"
check "what was begun for one patient is not the next one's" bash -c '! grep "SpO2 [0-9]" live.txt'
keys 'o88\n'
check "who is asked anew" says "SpO2 88 %"
keys q
check "and ends" ended 0
check "none was measured before" test ! -e exams/asked/outcomes.csv
window=none

trap '' XFSZ
ulimit -S -f 200 # kB, as on a full disk
begin --exam-id full --source "$source"
ulimit -S -f unlimited
keys 1
check "a recording that cannot go on is told at once" says "The recording has ended: "
check "the exam goes on" says "Zone R1, 1 of 2 done"
keys q
check "and ends with the error" ended 1
trap - XFSZ

check "two sources" gives 2 "only one of" live --test --device /dev/video9
check "no such device" gives 1 "/dev/video97" live --device /dev/video97 --window none -o none
check "no such element" gives 1 "name another element" live --source nosuchsrc --window none -o none
without_plugins() { GST_PLUGIN_PATH='' GST_PLUGIN_SYSTEM_PATH='' GST_REGISTRY=$PWD/none.registry "$@"; }
check "Lus's own plugin is not found" without_plugins gives 1 "run this in 'meson devenv" live --test --window none -o none
check "no such style" gives 1 "--style" live --test --style neon --window none -o none
check "a name that is no folder's" gives 2 "--exam-id" live --test --exam-id ../a
check "a name with a zone in it" gives 2 "name the exam without" live --test --exam-id bed_L1 --window none -o none
check "two zones in it" gives 2 "name the exam without" live --test --exam-id R1-L1 --window none -o none
check "no such zone" gives 1 "'../x' is none of R1" live --test --zones R1,../x --window none -o none
check "no such model" gives 1 "none.onnx" live --test --model none.onnx --window none -o none
check "a list" gives 0 "" live --list
echo "1..$n"
