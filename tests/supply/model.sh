#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes the bundled model and its heads again from their commands (docs/models.md), with the source of the commit that made them:
# model.sh FOLDER [model]. With "model" the heads are left out. An hour on two cores; FOLDER is kept, and the same
# command goes on where it was stopped. Exit 1: other bits. Another CPU, compiler or BLAS may round differently.
set -euo pipefail
made_by=b013354 start_of=fcf277d
mkdir -p "${1:?folder to work in}"
dir=$(realpath "$1") what=${2:-all} root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$dir"
for commit in $made_by $start_of; do
  git -C "$root" cat-file -e "$commit^{commit}" 2> /dev/null ||
    { echo "error: $root has no commit $commit; clone it whole, without --depth" >&2; exit 2; }
done
if [ ! -e build/tools/lus ]; then
  rm -rf source build
  git clone -q "$root" source
  git -C source checkout -q --detach "$made_by"
  meson setup build source -Dtests=disabled > /dev/null
  ninja -C build > /dev/null
fi
lus() { "$dir/build/tools/lus" "$@"; }
made() { # FILE COMMAND...: unless an earlier run did
  local file=$1
  shift
  [ -e "$file.done" ] || { "$@" && touch "$file.done"; }
}
mkdir -p lib/models
git -C "$root" show $start_of:lib/models/default.onnx > start.onnx
made trained.onnx lus train phantom:20000 -o trained.onnx --init start.onnx --learning-rate 0.001 --target threshold:60 \
  --steps 6000 --held-out 384 --validation-interval 1000 --seed 9 --log log.csv
made half.onnx lus train phantom:1 -o half.onnx --init trained.onnx --average start.onnx --steps 0 --held-out 5000 --seed 10
made lib/models/default.onnx lus train phantom:1 -o lib/models/default.onnx --init half.onnx --average start.onnx --steps 0 \
  --held-out 5000 --seed 10
if [ "$what" = all ]; then
  lus simulate --patients 500 --seed 11 --frames 2 --experts 1 --size 280x280 -o exams
  made features.csv lus features exams -o features.csv --model lib/models/default.onnx --resume
  made lib/models/default.heads.json lus fit --task all features.csv exams/outcomes.csv --min-frames 1 -o lib/models/default.heads.json
fi
bad=0
for file in lib/models/*; do
  case $file in *.done) continue ;; esac
  if cmp "$file" "$root/$file"; then echo "$file: the same bits"; else bad=1; fi
done
exit $bad
