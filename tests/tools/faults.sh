#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Disks that fail and processes that are killed, at each call that writes, as a TAP test: faults.sh LUS [STEP]. With STEP 1 every
# call is tried, by default every third, beginning with another one each time. strace makes the calls fail.
set -u
lus=$(realpath "$1") step=${2:-3}
dir=$(mktemp -d)
trap 'umount "$dir/small" 2> /dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
export LC_ALL=C
if ! strace -o /dev/null -e trace=write -e inject=write:error=EIO:when=1 true 2> /dev/null; then
  echo "1..0 # SKIP strace is missing or not allowed here"
  exit 0
fi
begin=$((RANDOM % step))
echo "1..7"
echo "# every call number $step, from $begin on"
n=0
report() { # NAME STATUS
  n=$((n + 1))
  if [ "$2" -eq 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}
command=(train phantom:3 --held-out 2 --size 64x32 --widths 16,16,16,16 --batch 1 --threads 1 --steps 4 --checkpoint-interval 2
  --validation-interval 4 --log log.csv -o model.onnx)
train() { # FOLDER INJECTION...: its status
  local folder=$1
  shift
  (cd "$folder" && strace -qq -o /dev/null -f -e trace=write,fsync,rename "$@" "$lus" "${command[@]}" > out.txt 2>&1)
}
same() { # FOLDER: model and log, but for the seconds, are those of the undisturbed run
  cmp -s undisturbed/model.onnx "$1/model.onnx" && cmp -s <(sed 's/,[^,]*$//' undisturbed/log.csv) <(sed 's/,[^,]*$//' "$1/log.csv")
}
problem() { echo "# $*"; sed 's/^/#   /' run/out.txt | tail -n 3; bad=1; }

mkdir undisturbed
(cd undisturbed && strace -qq -o trace -e trace=write,fsync,rename "$lus" "${command[@]}" > out.txt 2>&1)
report "an undisturbed training" $?
declare -A calls
for call in write fsync rename; do calls[$call]=$(grep -c "^$call(" undisturbed/trace); done
echo "# ${calls[write]} writes, ${calls[fsync]} fsyncs, ${calls[rename]} renames"
[ "${calls[write]}" -gt 5 ] && [ "${calls[fsync]}" -gt 5 ] && [ "${calls[rename]}" -gt 3 ]
report "it writes in several places" $?

# Killed at each call, then begun again: the end is that of the undisturbed run.
bad=0 tried=0
for call in write fsync rename; do
  for ((i = 1 + begin; i <= calls[$call]; i += step)); do
    rm -rf run; mkdir run
    train run -e inject=$call:signal=KILL:when=$i
    status=$?
    # the last call may be a progress line, which a quicker run does without
    [ $status -eq 137 ] || { [ $status -eq 0 ] && [ "$i" -eq "${calls[$call]}" ] && same run; } || problem "$call $i: was not killed"
    train run || problem "$call $i: did not go on"
    compgen -G 'run/*.part' > /dev/null && problem "$call $i: a temporary file is left"
    same run || problem "$call $i: another model or log"
    tried=$((tried + 1))
  done
done
echo "# killed at $tried calls"
report "killed at any call, a training goes on to the same bits" $bad

# Each call fails once: one clean error that names a file, no file that is half written, and the next try ends well.
bad=0 tried=0 codes=(ENOSPC EIO EROFS)
for call in write fsync rename; do
  for ((i = 1 + begin; i <= calls[$call]; i += step)); do
    rm -rf run; mkdir run
    code=${codes[tried % 3]}
    train run -e inject=$call:error=$code:when=$i
    status=$?
    if [ $status -eq 0 ]; then # what fails is nothing that the result needs: the last lines on the screen
      same run || problem "$call $i $code: no error, and no result"
    else
      [ $status -eq 1 ] || problem "$call $i $code: status $status"
      grep -qE '^lus.*: (model\.onnx|log\.csv|\.|standard output).*: ' run/out.txt || problem "$call $i $code: no file is named"
      compgen -G 'run/*.part' > /dev/null && problem "$call $i $code: a temporary file is left"
      train run || problem "$call $i $code: did not go on"
      same run || problem "$call $i $code: another model or log"
    fi
    tried=$((tried + 1))
  done
done
echo "# $tried calls failed"
report "a write, fsync or rename that fails is an error, and loses nothing" $bad

# A file system that is full from some time on, then has room again.
mkdir small
if mount -t tmpfs -o size=3m lus-test small 2> /dev/null; then
  head -c 2200k /dev/zero > small/filler
  (cd small && "$lus" "${command[@]}" > ../out.txt 2>&1)
  [ $? -eq 1 ] && grep -q 'No space left on device' out.txt && ! compgen -G 'small/*.part' > /dev/null
  report "a full disk is said" $?
  rm small/filler
  mount -o remount,size=20m small && (cd small && "$lus" "${command[@]}" > ../out.txt 2>&1) && same small
  report "with room again the training ends well" $?
  mount -o remount,ro small && (cd small && "$lus" "${command[@]/model.onnx/other.onnx}" > ../out.txt 2>&1)
  [ $? -eq 1 ] && grep -qE 'Read-only file system|cannot be written to' out.txt || { sed 's/^/# /' out.txt; false; }
  report "a disk that cannot be written is said" $?
else
  for what in "a full disk is said" "with room again the training ends well" "a disk that cannot be written is said"; do
    n=$((n + 1)); echo "ok $n - $what # SKIP a small file system cannot be mounted here"
  done
fi
