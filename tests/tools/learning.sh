#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# lus evaluate and sweep from outside, as a TAP test: learning.sh LUS MAKE_MODEL
set -u
lus=$(realpath "$1") make_model=$(realpath "$2")
. "$(dirname "$(realpath "$0")")/tap.sh"

"$make_model" 64 model.onnx || exit 1
"$lus" simulate --patients 4 --frames 1 --size 96x96 --experts 2 -o data > sim.txt 2>&1 || { cat sim.txt; exit 1; }

# Evaluation
check "evaluate: a data set, in mm" gives 0 "Distance of the borders [mm]" evaluate model.onnx data
check "evaluate: one expert" gives 0 "12 samples of 1 patients" evaluate model.onnx data --experts expert2
check "evaluate: phantoms, in %" gives 0 "Distance of the borders [% of the sector's height]" evaluate model.onnx phantom:3
check "evaluate: phantoms have no experts" gives 1 "leave --experts out" evaluate model.onnx phantom:3 --experts expert1
check "evaluate: files" gives 0 "" evaluate model.onnx phantom:4 --level 35 --levels 0,50,100 --csv t.csv --plots p --json
check "evaluate: JSON" test "$(grep -c '"level_percent": 35.0' out.txt)" -eq 4
check "evaluate: a row per class, level and patient" test "$(wc -l < t.csv)" -eq $((1 + 3 * 4 * 5))
check "evaluate: charts" test -s p/dice.png -a -s p/dice.svg -a -s p/reliability.png -a -s p/reliability-confidence.svg
"$lus" evaluate model.onnx phantom:4 --threads 1 --json > one.txt 2> /dev/null
"$lus" evaluate model.onnx phantom:4 --threads 3 --json > three.txt 2> /dev/null
check "evaluate: any number of threads" cmp one.txt three.txt
check "evaluate: against itself" gives 0 "pooled           1.0000 (1.0000-1.0000)" evaluate model.onnx phantom:3 --against model.onnx
check "evaluate: against a model of another size" bash -c "\"$make_model\" 96 big.onnx && ! \"$lus\" evaluate model.onnx phantom:2 \
  --against big.onnx > out.txt 2>&1 && grep -q 'takes 96 x 96 pixels' out.txt"
check "evaluate: levels" gives 2 "--levels: write percents" evaluate model.onnx phantom:2 --levels 0,high
check "evaluate: plots where there is a file" gives 1 "t.csv: cannot make this folder" evaluate model.onnx phantom:2 --plots t.csv

check "evaluate: a table in no folder, told before the work" gives 1 "none/t.csv: there is no folder none" evaluate model.onnx \
  none --csv none/t.csv
check "quantize: a model in no folder, too" gives 1 "there is no folder none" quantize model.onnx none -o none/q.onnx
check "fit: heads in no folder, too" gives 1 "there is no folder none" fit none.csv none.csv -o none/heads.json

# Sweep
small=(--size 64x64 --widths 16,16,16,16 --batch 2 --threads 1)
check "sweep: no output" gives 2 "no output; say where to write the report" sweep data
check "sweep: target" gives 2 "--targets: " sweep data -o r --targets threshold:60,hard
check "sweep: target twice" gives 2 "threshold:60 is there twice" sweep data -o r --targets threshold:60,threshold
check "sweep: shard" gives 2 "--shard: write I/N" sweep data -o r --shard 3/2
check "sweep: frames" gives 2 "--min-frames must be 1 or more" sweep data -o r --outcomes --min-frames -3
check "sweep: frames of nothing" gives 2 "--min-frames is for --outcomes" sweep data -o r --min-frames 3
check "sweep: a flag of train" gives 2 "--size 65x64: sides are multiples of 32" sweep data -o r --size 65x64
check "sweep: not of a sweep" gives 2 "Unknown option --target" sweep data -o r --target soft
printf '[learning]\ntarget = soft\n' > target.conf
check "sweep: nor in its file" gives 1 "[learning] target: is not for 'lus sweep'" sweep data -o r --config target.conf
check "sweep: phantoms have no splits" gives 1 "use --folds 2 or more" sweep phantom:9 -o r --folds 1
check "sweep: too few patients" gives 1 "4 patients are too few for 5 folds" sweep data -o r --folds 5 "${small[@]}"
check "sweep: nothing written" test ! -e r/jobs
printf '[learning]\nsteps = 3\n' > steps.conf
run=(sweep data -o r --folds 2 --targets threshold:60,soft,expert,ordinal:2 --config steps.conf "${small[@]}")
check "sweep: a part" gives 0 "4 of 8 jobs are missing" "${run[@]}" --shard 1/2
check "sweep: the other part" gives 0 "r/report.html: 4 methods, 4 patients" "${run[@]}" --shard 2/2
check "sweep: again" gives 0 "8/8 ordinal-2_fold2_seed1: was done before" "${run[@]}"
check "sweep: other settings" gives 1 "it has 'steps 3', this one 'steps 4'" "${run[@]}" --steps 4
check "sweep: distances in mm" grep -q 'distance_mm' r/sweep.csv
check "sweep: each job's model" gives 0 '"target":"ordinal:2"' info r/jobs/ordinal-2_fold1_seed1/model.onnx
check "sweep: the data set's own splits" gives 0 "1 methods, 4 patients" sweep data -o own --folds 1 --targets soft --steps 2 "${small[@]}"

check "sweep: outcomes of phantoms" gives 1 "phantom stills have no outcomes" sweep phantom:9 -o q --outcomes
mkdir lost && ln -s ../data/clips ../data/labels ../data/dataset.json lost/
check "sweep: no outcomes, told before the work" gives 1 "lost/outcomes.csv: cannot open" sweep lost -o q --outcomes --steps 2 "${small[@]}"
echo patient,day,spo2_percent > lost/outcomes.csv
echo P0001,1,900 >> lost/outcomes.csv
check "sweep: and impossible ones" gives 1 "lost/outcomes.csv:2: " sweep lost -o q --outcomes --steps 2 "${small[@]}"
check "sweep: no training was begun" test ! -e q/jobs

# A clip without labels that is another one now: no training again, but its features
cp -rL data relabelled
printf 'patient,day,spo2_percent,fio2\nP0001,1,95,0.3\n' > relabelled/outcomes.csv
clip=$(basename "$(find relabelled/clips -type f | sort | head -n 1)") other=$(find data/clips -type f | sort | tail -n 1)
rm -r relabelled/labels/*/"${clip%.*}"
run=(sweep relabelled -o re --folds 2 --targets soft --steps 2 --outcomes --min-frames 1 "${small[@]}")
check "sweep: outcomes" gives 0 "re/report.html" "${run[@]}"
check "sweep: outcomes: measured before" gives 0 "2/2 soft_fold2_seed1: was done before" "${run[@]}"
cp "$other" "relabelled/clips/$clip"
check "sweep: outcomes: another clip is measured" gives 0 "2/2 soft_fold2_seed1: begins" "${run[@]}"

# Classes go by name
sed 's/"pleural_line",/"vertical_line",/; t; s/"vertical_line"/"pleural_line"/' data/dataset.json > turned.json
check "the classes in another order" jq -e '.classes == ["vertical_line", "fascia_band", "pleural_line"]' turned.json
mkdir turned && ln -s ../data/clips ../data/labels turned/ && mv turned.json turned/dataset.json
small=(--size 64x64 --widths 16,16,16,16 --batch 2 --threads 1)
check "train: weights to begin with" gives 0 "first.onnx" train data -o first.onnx --steps 2 "${small[@]}"
check "train: no class gets another's head" gives 1 "weights of first.onnx: has other classes or another order of them" \
  train turned -o bad.onnx --init first.onnx --steps 0 "${small[@]}"
check "train: with steps it starts anew" gives 0 "second.onnx" train turned -o second.onnx --init first.onnx --steps 2 "${small[@]}"
check "train: nor is there a mean" gives 1 "second.onnx: its classes are not those of first.onnx in their order" \
  train data -o bad.onnx --init first.onnx --average second.onnx --steps 2 "${small[@]}"
"$lus" train turned -o turned.onnx --steps 100000 --checkpoint-interval 1 "${small[@]}" > turned.txt 2>&1 &
pid=$!
for _ in $(seq 1200); do
  [ -e turned.onnx.checkpoint ] && break
  sleep 0.05
done
kill -INT $pid
wait $pid
check "train: each has its own weight in the loss" grep -aq "^loss 2\*bce+1\*dice weights 3 7 7$" turned.onnx.checkpoint

# Ctrl-C during a training, and again
run=(sweep data --folds 2 --targets soft --steps 300 "${small[@]}")
"$lus" "${run[@]}" -o stop > stop.txt 2>&1 &
pid=$!
for _ in $(seq 1200); do
  grep -q "begins" stop.txt && break
  sleep 0.05
done
sleep 0.3
kill -INT $pid
wait $pid
check "sweep: interrupted: exit code" test $? -eq 1
check "sweep: interrupted: message" grep -q "repeat the command to go on: soft_fold[12]_seed1: .*: stopped" stop.txt
check "sweep: goes on" gives 0 "stop/report.html" "${run[@]}" -o stop
check "sweep: without a stop" gives 0 "whole/report.html" "${run[@]}" -o whole
check "sweep: the same results" bash -c 'for j in whole/jobs/*; do cmp "$j/result.bin" "${j/whole/stop}/result.bin" || exit 1; done'
echo "1..$n"
