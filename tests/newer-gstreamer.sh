#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the project and runs its gst suite on Debian 13 (GStreamer 1.26), in a chroot made by debootstrap.   newer-gstreamer.sh [DIR]
# As root, with network, once per release: about 2 GB. DIR (default /var/tmp/lus-trixie) is kept, so that a second run is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
root=${1:-/var/tmp/lus-trixie}
. pipelines/setup.sh
[ "$(id -u)" -eq 0 ] || { echo "error: chroot needs root; run it as root" >&2; exit 1; }
need debootstrap
[ -e "$root/etc/debian_version" ] || debootstrap --variant=minbase trixie "$root" >"$root.log" 2>&1 ||
  { tail -n 5 "$root.log" >&2; exit 1; }
mkdir -p "$root/src"
git archive HEAD | tar -x -C "$root/src"
mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
trap 'umount "$root/proc"' EXIT
# shellcheck disable=SC2086
chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -q >/dev/null && apt-get install -q -y --no-install-recommends "$@" >/dev/null' - \
  $LUS_PACKAGES libgstreamer-plugins-bad1.0-dev gstreamer1.0-plugins-bad libonnx-testdata file strace
chroot "$root" sh -c 'cd /src && { [ -e /build/build.ninja ] || meson setup /build -Dtests=enabled -Dmpi=disabled -Danalytics=enabled; } &&
  ninja -C /build && pkg-config --modversion gstreamer-1.0 && meson test -C /build --suite gst'
