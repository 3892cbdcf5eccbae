#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Submits a sweep as an array of tasks, and behind it the job that writes the report. Repeat it to go on after a stop.
#   pipelines/slurm/sweep.sh TASKS DATASET -o REPORT [FLAG OF lus sweep...]
# SBATCH_* variables hold for both (SBATCH_PARTITION, SBATCH_ACCOUNT, ...).
set -euo pipefail
if [ $# -lt 4 ] || ! [[ $1 =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: $0 TASKS DATASET -o REPORT [FLAG...]" >&2
  exit 2
fi
command -v sbatch > /dev/null || { echo "error: there is no sbatch; on Debian: apt-get install slurm-wlm" >&2; exit 1; }
here=$(dirname "$(realpath "$0")")
tasks=$1
shift
array=$(sbatch --parsable --array="1-$tasks" "$here/sweep.sbatch" "$@")
report=$(sbatch --parsable --output=lus-sweep-%j.log --kill-on-invalid-dep=yes --dependency="afterok:$array" "$here/sweep.sbatch" "$@")
echo "array $array of $tasks tasks, report $report; squeue shows them"
