#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Submits clips as an array of tasks, and behind it the job that merges their tables. Repeat it to go on after a stop.
#   pipelines/slurm/segment.sh TASKS INPUT DIR [FLAG OF lus segment...]
# INPUT: a manifest, list or folder. DIR/summary.csv is there when all is done. SBATCH_* variables hold for both jobs.
set -euo pipefail
if [ $# -lt 3 ] || ! [[ $1 =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: $0 TASKS INPUT DIR [FLAG...]" >&2
  exit 2
fi
command -v sbatch > /dev/null || { echo "error: there is no sbatch; on Debian: apt-get install slurm-wlm" >&2; exit 1; }
here=$(dirname "$(realpath "$0")")
tasks=$1 input=$2 dir=$3
shift 3
array=$(sbatch --parsable --array="1-$tasks" "$here/segment.sbatch" "$input" -o "$dir" "$@")
merge="$(printf '%q ' "${LUS:-lus}" merge) $(printf '%q' "$dir")/summary-*-of-$tasks.csv -o $(printf '%q ' "$dir/summary.csv" --expect "$input")"
merged=$(sbatch --parsable --job-name=lus-merge --output=lus-merge-%j.log --kill-on-invalid-dep=yes --dependency="afterany:$array" --wrap="$merge")
echo "array $array of $tasks tasks, table $merged; squeue shows them"
