#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the project and runs its gst suite on Debian 13 (GStreamer 1.26), in a chroot made by debootstrap.   newer-gstreamer.sh [DIR]
# As root, with network, once per release: about 2 GB. DIR (default /var/tmp/lus-trixie) is kept, so that a second run is quick.
set -euo pipefail
set -- "${1:-/var/tmp/lus-trixie}"
. "$(dirname "$0")/chroot.sh"
make_root trixie
mkdir -p "$root/src"
git archive HEAD | tar -x -C "$root/src"
# shellcheck disable=SC2086
chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get update -q >/dev/null && apt-get install -q -y --no-install-recommends "$@" >/dev/null' - \
  $LUS_PACKAGES libgstreamer-plugins-bad1.0-dev gstreamer1.0-plugins-bad libonnx-testdata file strace
chroot "$root" sh -c 'cd /src && { [ -e /build/build.ninja ] || meson setup /build -Dtests=enabled -Dmpi=disabled -Danalytics=enabled; } &&
  ninja -C /build && pkg-config --modversion gstreamer-1.0 && meson test -C /build --suite gst'
