#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# lus evaluate from outside, as a TAP test: learning.sh LUS MAKE_MODEL
set -u
lus=$(realpath "$1") make_model=$(realpath "$2")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export LC_ALL=C
n=0

check() { # NAME COMMAND...: passes when the command succeeds
  n=$((n + 1))
  local name=$1
  shift
  if "$@" > check.out 2>&1; then echo "ok $n - $name"; else
    echo "not ok $n - $name"
    sed 's/^/# /' check.out
  fi
}
gives() { # CODE TEXT ARGUMENT...: lus ends with CODE and says TEXT (on either output)
  local code=$1 text=$2
  shift 2
  timeout 100 "$lus" "$@" > out.txt 2>&1
  local got=$?
  [ $got -eq "$code" ] && [[ $(cat out.txt) == *"$text"* ]] && return
  echo "lus $*: exit $got, expected $code with '$text':"
  cat out.txt
  return 1
}

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
echo "1..$n"
