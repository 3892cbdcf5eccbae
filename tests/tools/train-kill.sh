#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Trainings that are killed and go on, as a TAP test: train-kill.sh LUS [SEED]. The result must be that of an undisturbed run.
set -u
lus=$(realpath "$1")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export LC_ALL=C
seed=${2:-$$}
RANDOM=$seed
kills=20
echo "1..7"
echo "# seed $seed"
n=0
report() { # NAME STATUS
  n=$((n + 1))
  if [ "$2" -eq 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}

mkdir undisturbed killed stopped
command=(train phantom:6 --held-out 4 --size 64x32 --widths 16,16,16,16 --batch 2 --threads 1 --steps 600 --checkpoint-interval 7
  --validation-interval 20 --patience 100 --log log.csv -o model.onnx)
rows() { # of the log of folder $1
  local count=0
  [ -e "$1/log.csv" ] && count=$(wc -l < "$1/log.csv")
  echo "$count"
}
start() { # FOLDER
  (cd "$1" && exec "$lus" "${command[@]}") > "$1/out.txt" 2>&1 &
  child=$!
}
wait_for_rows() { # FOLDER COUNT: until the log has so many rows, or the process has ended
  local count=$2
  while [ "$(rows "$1")" -lt "$count" ] && kill -0 "$child" 2> /dev/null; do sleep 0.01; done
}
log_without_seconds() { sed 's/,[^,]*$//' "$1/log.csv"; }
same() { # FOLDER
  cmp undisturbed/model.onnx "$1/model.onnx" && [ "$(log_without_seconds undisturbed)" = "$(log_without_seconds "$1")" ]
}

start undisturbed
wait "$child"
report "an undisturbed training" $?
sed 's/^/# /' undisturbed/out.txt

# SIGKILL, each time after 1 to 20 more steps and 10 to 39 ms. The rows behind the checkpoint are cut
# off when a training goes on: the log is waited for to shrink or to grow. On a fast machine one may come to its end
# before the twentieth kill: then it must be as undisturbed, and the next one begins anew.
hit=0 ends=0 others=0
while [ $hit -lt $kills ] && [ $ends -lt $kills ]; do
  target=$(($(rows killed) + 1 + RANDOM % 20))
  start killed
  wait_for_rows killed "$target"
  sleep "0.0$((RANDOM % 30 + 10))"
  kill -KILL "$child" 2> /dev/null
  wait "$child" 2> /dev/null
  if [ $? -eq 137 ]; then
    hit=$((hit + 1))
    continue
  fi
  ends=$((ends + 1))
  same killed || others=$((others + 1))
  rm -rf killed
  mkdir killed
done
echo "# $hit kills, $ends trainings ended before them, the log stands at $(rows killed) rows"
report "killed $kills times while it ran" $((kills - hit + others))
start killed
wait "$child"
report "went on to the end" $?
same killed
report "model and log of the killed training are those of the undisturbed one" $?

# SIGTERM saves and says so; meanwhile a second training on the checkpoint is refused.
start stopped
wait_for_rows stopped 30
kill -STOP "$child" # it must not end meanwhile
(cd stopped && "$lus" "${command[@]}") > second.txt 2>&1
second=$?
kill -CONT "$child"
[ $second -eq 1 ] && grep -q "model.onnx.checkpoint: another training with process number $child is using it" second.txt
report "a second training on the checkpoint is refused" $?
kill -TERM "$child"
wait "$child"
status=$?
[ $status -eq 1 ] && grep -q "repeat the command to go on from model.onnx.checkpoint: training: stopped after step" stopped/out.txt &&
  [ -e stopped/model.onnx.checkpoint ]
report "SIGTERM saves a checkpoint" $?
start stopped
wait "$child"
same stopped && [ ! -e stopped/model.onnx.checkpoint ] && [ ! -e stopped/model.onnx.checkpoint.lock ]
report "model and log of the stopped training are those of the undisturbed one" $?
