#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The README's two commands on a bare Debian 12 machine: a chroot made by debootstrap, a clean clone of HEAD, no test data.
#   tests/fresh.sh [FOLDER]   as root; FOLDER (default: a temporary one, removed afterwards) receives the chroot
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "error: debootstrap needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "error: install debootstrap" >&2; exit 1; }
root=${1:-$(mktemp -d)}
mkdir -p "$root"
chmod 755 "$root" # what is / for daemons that are not root, such as the broker of the tests
cleanup() {
  umount "$root/proc" 2>/dev/null || true
  [ -n "${1:-}" ] || rm -rf "$root"
}
trap 'cleanup "${1:-}"' EXIT
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase bookworm "$root" >/dev/null
rm -rf "$root/root/lus"
git clone -q . "$root/root/lus"
mount -t proc proc "$root/proc"
run() {
  local start=$SECONDS
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C chroot "$root" /bin/bash -c "cd /root/lus && $1"
  echo "-- $1: $((SECONDS - start)) s"
}
run ./pipelines/demo.sh
run ./tests/run.sh
