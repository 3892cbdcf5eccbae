#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the libFuzzer targets of a build, two at a time: run.sh BUILD_DIR [SECONDS [TARGET...]], by default all of them for 60 s
# each. LUS_FUZZ_SEED (1) is the generator's; LUS_FUZZ_RUNS (none) limits the executions instead: 1e8 of each for a release is
#   LUS_FUZZ_RUNS=100000000 run.sh BUILD_DIR 0
# What is found lies beside the target as fuzz-NAME-crash-...; it is to be kept as tests/fuzz/regressions/NAME-WHAT. Inputs that
# reach more code lie in fuzz-NAME.corpus. Exit 1 after a finding.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:?build directory} seconds=${2:-60}
shift $(($# < 2 ? $# : 2))
targets=("$@")
if [ $# -eq 0 ]; then
  for program in "$build"/tests/fuzz/fuzz-*; do
    if [ -x "$program" ] && [ -f "$program" ]; then targets+=("${program##*/fuzz-}"); fi
  done
fi
if [ ${#targets[@]} -eq 0 ]; then
  echo "$build has no fuzz targets: CC=clang meson setup -Dfuzz=enabled -Db_sanitize=address,undefined" >&2
  exit 2
fi

export ASAN_OPTIONS=detect_leaks=1
fuzz() { # NAME: exit 1 after a finding
  local name=$1 program options
  program=$build/tests/fuzz/fuzz-$name
  options=(-seed="${LUS_FUZZ_SEED:-1}" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=131072)
  options+=(-artifact_prefix="$program-" -print_final_stats=1)
  if [ -n "${LUS_FUZZ_RUNS:-}" ]; then options+=(-runs="$LUS_FUZZ_RUNS"); fi
  if [ -e "$root/tests/fuzz/$name.dict" ]; then options+=(-dict="$root/tests/fuzz/$name.dict"); fi
  mkdir -p "$program.corpus"
  if "$program" "${options[@]}" "$program.corpus" "$root/tests/fuzz/seeds/$name" > "$program.log" 2>&1; then
    echo "$name: $(sed -nE 's/^Done (.*)/\1/p' "$program.log"), nothing found"
  else
    echo "$name: FOUND"
    tail -n 30 "$program.log"
    return 1
  fi
}
export build root seconds
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs -P 2 -I NAME bash -euo pipefail -c 'fuzz NAME' || exit 1
