#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes the bundled model and its heads again from their commands (docs/models.md), with the source of the commits that made them:
# model.sh FOLDER [model]. With "model" the heads are left out. Two hours on two cores; FOLDER is kept, and the same
# command goes on where it was stopped. Exit 1: other bits. Another CPU, compiler or BLAS may round differently.
set -euo pipefail
first_by=f3778ae then_by=eea49ae made_by=3807d70 start_of=f4b3db8
mkdir -p "${1:?folder to work in}"
dir=$(realpath "$1") what=${2:-all} root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$dir"
for commit in $first_by $then_by $made_by $start_of; do
  git -C "$root" cat-file -e "$commit^{commit}" 2> /dev/null ||
    { echo "error: $root has no commit $commit; clone it whole, without --depth" >&2; exit 2; }
done
for commit in $first_by $then_by $made_by; do
  [ -e "build-$commit/tools/lus" ] && continue
  rm -rf source "build-$commit"
  git clone -q "$root" source
  git -C source checkout -q --detach "$commit"
  meson setup "build-$commit" source -Dtests=disabled > /dev/null
  ninja -C "build-$commit" > /dev/null
done
lus() { "$dir/build-${by:-$made_by}/tools/lus" "$@"; }
made() { # FILE COMMAND...: unless an earlier run did
  local file=$1
  shift
  [ -e "$file.done" ] || { "$@" && touch "$file.done"; }
}
mkdir -p lib/models
git -C "$root" show $start_of:lib/models/default.onnx > start.onnx
light=shadow=0,box=0,beam=0.5,jitter=0.5,attenuation=0.5,tgc=0.5,speckle=0.5,gain=0.5,gamma=0.5,range=0.5,noise=0.5
by=$first_by made first.onnx lus train phantom:20000 -o first.onnx --init start.onnx --learning-rate 0.001 --target ramp:60 --steps 4500 \
  --held-out 384 --validation-interval 1500 --seed 13 --log first.csv --augment=$light
by=$then_by made trained.onnx lus train phantom:30000 -o trained.onnx --init first.onnx --learning-rate 0.001 --target ramp:60 --steps 9000 \
  --held-out 384 --validation-interval 1500 --seed 14 --log log.csv --augment=$light
made lib/models/default.onnx lus train phantom:1 -o lib/models/default.onnx --init trained.onnx --target ramp:60 --best-mask 0.69 --steps 0 \
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
