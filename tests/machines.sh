#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# lus segment on several machines, all of them this one, as TAP: a Slurm of one node, and GNU parallel by ssh to localhost.
#   machines.sh BUILD_DIR
# Needs root and Debian's slurm-wlm, munge, parallel, openssh-server; without them it skips. Daemons it starts end with it.
set -u
build=$(realpath "${1:?build folder}") root=$(realpath "$(dirname "$0")/..")
export LUS="$build/tools/lus" LUS_MODEL_DIR="$root/lib/models" GST_PLUGIN_PATH="$build/gst/plugin" LC_ALL=C
for program in slurmctld slurmd munged parallel sshd; do
  PATH=$PATH:/usr/sbin command -v $program > /dev/null || { echo "1..0 # SKIP no $program (slurm-wlm, munge, parallel, openssh-server)"; exit 0; }
done
[ "$(id -u)" -eq 0 ] || { echo "1..0 # SKIP Slurm and sshd are started as root"; exit 0; }
PATH=$PATH:/usr/sbin
tmp=$(mktemp -d)
chmod 755 "$tmp"
pids=()
cleanup() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2> /dev/null
  wait 2> /dev/null
  rm -rf "$tmp"
}
trap cleanup EXIT
cd "$tmp" || exit 1
n=0
check() { # NAME COMMAND...
  n=$((n + 1))
  local name=$1
  shift
  if "$@" > check.out 2>&1; then echo "ok $n - $name"; else
    echo "not ok $n - $name"
    sed 's/^/# /' check.out
  fi
}
wait_for() { # SECONDS COMMAND...: until it succeeds
  local end=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.5
  done
}
same_rows() { # the clips' rows are those of one run
  diff <(grep -v '^#' "$1" | sort) <(grep -v '^#' one/summary.csv | sort)
}

"$build/tests/tools/test-tools-make-model" 64 model.onnx
mkdir clips
echo file > clips.csv
for i in 1 2 3 4 5 6; do
  gst-launch-1.0 -q lustestsrc num-buffers=$((3 + i)) ! video/x-raw,format=GRAY8,width=164,height=131 ! avenc_ffv1 ! matroskamux \
    ! filesink location="clips/c$i.mkv"
  echo "clips/c$i.mkv" >> clips.csv
done
"$LUS" segment clips.csv -m model.onnx -o one || exit 1

# Slurm: munge, a controller and a node, all here
mkdir -p state spool munge
dd if=/dev/urandom of=munge/key bs=1024 count=1 2> /dev/null
chmod 755 munge && chmod 400 munge/key && chown -R munge:munge munge
setpriv --reuid munge --regid munge --clear-groups munged --foreground --key-file="$tmp/munge/key" --socket="$tmp/munge/socket" \
  --pid-file="$tmp/munge/pid" --log-file="$tmp/munge/log" --seed-file="$tmp/munge/seed" --force > munge.out 2>&1 &
pids+=($!)
host=$(hostname -s)
cat > slurm.conf <<CONF
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$tmp/munge/socket
StateSaveLocation=$tmp/state
SlurmdSpoolDir=$tmp/spool
SlurmctldPidFile=$tmp/slurmctld.pid
SlurmdPidFile=$tmp/slurmd.pid
SlurmctldLogFile=$tmp/slurmctld.log
SlurmdLogFile=$tmp/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF="$tmp/slurm.conf" SBATCH_MEM_PER_CPU=0 SBATCH_TIMELIMIT=5
wait_for 20 test -S munge/socket
chmod 755 "$tmp"
slurmctld -D -f slurm.conf > slurmctld.out 2>&1 &
pids+=($!)
slurmd -D -f slurm.conf -N "$host" > slurmd.out 2>&1 &
pids+=($!)
check "slurm: a node" wait_for 60 sh -c 'sinfo -h -o %t | grep -qE "idle|mix"'
check "slurm: submitted" "$root/pipelines/slurm/segment.sh" 3 clips.csv slurm -m model.onnx
check "slurm: three tasks and a table" wait_for 240 test -e slurm/summary.csv
check "slurm: as one run" same_rows slurm/summary.csv
check "slurm: the same files" diff -r -x 'summary*' slurm one

# GNU parallel by ssh to localhost
mkdir ssh && ssh-keygen -q -t ed25519 -N '' -f ssh/host && ssh-keygen -q -t ed25519 -N '' -f ssh/user && cp ssh/user.pub ssh/authorized
mkdir -p /run/sshd
"$(command -v sshd)" -D -e -f /dev/null -h "$tmp/ssh/host" -o Port=16822 -o ListenAddress=127.0.0.1 -o PidFile=none -o StrictModes=no -o UsePAM=no \
  -o AuthorizedKeysFile="$tmp/ssh/authorized" > sshd.out 2>&1 &
pids+=($!)
ssh="ssh -p 16822 -i $tmp/ssh/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
check "ssh to localhost" wait_for 20 $ssh localhost true
mkdir -p home # parallel's own files
check "parallel: two parts at once" env HOME="$tmp/home" parallel --ssh "$ssh" --sshlogin 2/localhost --workdir "$tmp" --env LUS_MODEL_DIR \
  "$LUS" segment clips.csv -m model.onnx -o parallel --shard '{}/4' --threads 1 --resume ::: 1 2 3 4
check "parallel: merged" "$LUS" merge parallel/summary-*.csv -o parallel/summary.csv --expect clips.csv
check "parallel: as one run" same_rows parallel/summary.csv
check "parallel: the same files" diff -r -x 'summary*' parallel one
echo "1..$n"
