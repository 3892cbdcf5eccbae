#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# How lus segment scales on this machine: one thread, all threads of one run, as many parts of one thread. Medians of wall and
# processor time, the ways in turn.
#   scaling.sh LUS CLIP_FOLDER [ROUNDS [MODEL]]
set -euo pipefail
lus=$(realpath "$1") clips=$(realpath "$2") rounds=${3:-3} model=${4:-$(dirname "$0")/../../lib/models/default.onnx}
n=$(nproc)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
TIMEFORMAT='%R %U %S'
segment() { "$lus" segment "$clips" -m "$model" -o "$out/$1" --masks rle "${@:2}" > "$out/log" 2>&1 || { cat "$out/log" >&2; return 1; }; }
parts() {
  local k pids=()
  for k in $(seq "$n"); do
    segment parts --threads 1 --shard "$k/$n" &
    pids+=($!)
  done
  for k in "${pids[@]}"; do wait "$k"; done
}
for _ in $(seq "$rounds"); do
  { time segment one --threads 1; } 2>> "$out/one.times"
  { time segment all --threads "$n"; } 2>> "$out/all.times"
  { time parts; } 2>> "$out/parts.times"
done
diff -r -x 'summary*' "$out/one" "$out/all" && diff -r -x 'summary*' "$out/one" "$out/parts"
frames=$(find "$out/one" -name frames.jsonl -exec cat {} + | grep -c '^{"frame"')
report() { # NAME FILE
  awk -v name="$1" -v frames="$frames" 'function sort_values(a, i, k, t) { for (i = 2; i <= NR; i++) for (k = i; k > 1 && a[k - 1] > a[k]; k--) { t = a[k]; a[k] = a[k - 1]; a[k - 1] = t } }
    { wall[NR] = $1; cpu[NR] = $2 + $3 }
    END { sort_values(wall); sort_values(cpu); w = wall[int((NR + 1) / 2)]; c = cpu[int((NR + 1) / 2)]
      printf "%-28s %8.1f s %8.1f frames/s %8.2f ms of processor time per frame\n", name, w, frames / w, 1000 * c / frames }' "$2"
}
echo "$frames frames, $rounds rounds; the files are the same"
report "1 thread" "$out/one.times"
report "$n threads" "$out/all.times"
report "$n parts of 1 thread" "$out/parts.times"
