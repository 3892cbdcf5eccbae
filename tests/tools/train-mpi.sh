#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Training in two processes, as a TAP test: train-mpi.sh LUS yes|no (built with MPI)
set -u
lus=$(realpath "$1")
skip() { echo "1..0 # SKIP $1"; exit 0; }
[ "$2" = yes ] || skip "built without MPI (Debian: libopenmpi-dev)"
command -v mpirun > /dev/null || skip "there is no mpirun (Debian: openmpi-bin)"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export LC_ALL=C OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1
n=0
report() { # NAME STATUS FILE
  n=$((n + 1))
  if [ "$2" -eq 0 ]; then echo "ok $n - $1"; else
    echo "not ok $n - $1"
    sed 's/^/# /' "$3"
  fi
}
train=("$lus" train phantom:8 --held-out 4 --size 64x32 --widths 16,16,16,16 --batch 4 --threads 1 --steps 12 --optimizer sgd
  --validation-interval 6 --warmup 2)
"${train[@]}" -o one.onnx --log one.csv > one.txt 2>&1
report "one process" $? one.txt
timeout 300 mpirun -n 2 "${train[@]}" -o two.onnx --log two.csv > two.txt 2>&1
report "two processes" $? two.txt
[ "$(grep -c 'parameters' two.txt)" -eq 1 ] && [ ! -e two.onnx.checkpoint ]
report "of which one reports" $? two.txt
paste -d, one.csv two.csv | awk -F, 'NR > 1 {
  for (i = 2; i <= 7; i++) { d = $i - $(i + 8); if (d < 0) d = -d; if (d > 2e-5 * ($i + 1)) { print "row " NR - 1 ", field " i ": " $i " and " $(i + 8); bad = 1 } }
} END { exit bad || NR != 13 }' > compare.txt
report "losses, gradients and Dice are those of one process up to rounding" $? compare.txt
timeout 300 mpirun -n 3 "${train[@]}" -o three.onnx > three.txt 2>&1
[ $? -ne 0 ] && grep -q "multiple of the number of processes" three.txt
report "a batch that cannot be shared out is refused by all" $? three.txt
# Open MPI leaves a process a second to write: here 10, so that a slow disk is no error. It sleeps meanwhile, and any other
# signal wakes it up, whereupon it kills: --foreground, because timeout would send several.
OMPI_MCA_odls_base_sigkill_timeout=10 timeout --foreground 300 mpirun -n 2 "${train[@]}" --steps 1000000 --checkpoint-interval 1000000 --log four.csv \
  -o four.onnx > four.txt 2>&1 &
pid=$!
for _ in $(seq 900); do
  [ -e four.csv ] && [ "$(wc -l < four.csv)" -ge 3 ] && break
  sleep 0.1
done
kill -INT $pid
wait $pid
grep -q "repeat the command to go on from four.onnx.checkpoint" four.txt && [ -s four.onnx.checkpoint ]
report "stopped by Ctrl-C, all wait for the checkpoint" $? four.txt
echo "1..$n"
