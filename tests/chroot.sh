# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Sourced as root by the tests that need another machine: a Debian made by debootstrap in $root, which is the script's first
# argument (kept) or a temporary folder. Mounts are seen by the script alone and go with it, even if it is killed.
[ "$(id -u)" -eq 0 ] || { echo "error: a chroot needs root; run it as root" >&2; exit 1; }
[ -n "${LUS_PRIVATE_MOUNTS-}" ] || LUS_PRIVATE_MOUNTS=1 exec unshare --mount --propagation private "$0" "$@"
unset LUS_PRIVATE_MOUNTS
kept=${1:+$(realpath -m "$1")}
cd "$(dirname "$0")/.." || exit 1
. pipelines/setup.sh
need debootstrap
root=${kept:-$(mktemp -d)}
trap '[ -n "$kept" ] || { umount -q "$root/proc"; rm -rf --one-file-system "$root"; }' EXIT

# make_root SUITE: the bare machine, or the one that an earlier run left.
make_root() {
  mkdir -p "$root"
  chmod 755 "$root" # what is / for daemons that are not root, such as the broker of the tests
  [ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase "$1" "$root" >/dev/null
  mount -t proc proc "$root/proc"
}

# run COMMANDS: in the chroot's /root, with nothing of this machine's environment; says how long they took.
run() {
  local start=$SECONDS
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive chroot "$root" /bin/bash -euc "cd /root && $1"
  echo "-- $1: $((SECONDS - start)) s"
}
