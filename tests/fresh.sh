#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The README's two commands on a bare Debian 12 machine: a chroot made by debootstrap, a clean clone of HEAD, no test data.
#   tests/fresh.sh [FOLDER]   as root; FOLDER (default: a temporary one, removed afterwards) receives the chroot
set -euo pipefail
kept=${1:+$(realpath -m "$1")}
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "error: debootstrap needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "error: install debootstrap" >&2; exit 1; }
root=${kept:-$(mktemp -d)}
mkdir -p "$root"
chmod 755 "$root" # what is / for daemons that are not root, such as the broker of the tests
cleanup() {
  ! mountpoint -q "$root/proc" || umount "$root/proc"
  [ -n "$kept" ] || rm -rf "$root"
}
trap cleanup EXIT
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase bookworm "$root" >/dev/null
rm -rf "$root/root/lus"
git clone -q . "$root/root/lus"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
run() {
  local start=$SECONDS
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C chroot "$root" /bin/bash -c "cd /root/lus && $1"
  echo "-- $1: $((SECONDS - start)) s"
}
run ./pipelines/demo.sh
run ./tests/run.sh
