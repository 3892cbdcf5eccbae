#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The Debian packages in a chroot made by debootstrap that knows nothing else of the project: the README's gst-launch line on a clip,
# lus segment, a C program against liblus-dev, and removal.
#   tests/packages.sh [FOLDER]   as root; FOLDER (default: a temporary one, removed afterwards) receives the chroot
set -euo pipefail
. "$(dirname "$0")/chroot.sh"
make_root bookworm
rm -rf "$root/packages"
pipelines/packages.sh "$root/packages"
recommended=$(sed -n '/^Package: gstreamer1.0-lus/,/^Description/p' debian/control |
  sed -n '/^Recommends:/,/^[DS]/p' | grep -v '^Des' | sed 's/^Recommends://; s/,/ /g' | tr '\n' ' ')
run "apt-get update -q >/dev/null; apt-get install -q -y --no-install-recommends /packages/*.deb $recommended gcc libc6-dev pkg-config >/dev/null"
run "lus --version; gst-inspect-1.0 lussegment >/dev/null"
run "lus simulate --patients 1 --seed 1 --frames 40 -o data >/dev/null 2>&1; cp \$(ls data/clips/* | head -n 1) clip.mp4"
line=$(sed -n '/^meson devenv -C build -w . gst-launch-1.0/,/^```/p' README.md | sed '/^```/d; s/meson devenv -C build -w . //')
[ -n "$line" ] || { echo "error: README.md has no gst-launch line" >&2; exit 1; }
run "$line"
run "lus segment clip.mp4 -o out --overlay --masks 2>/dev/null; test -s out/clip/overlay.mkv; test -s out/clip/frames.jsonl"
run "printf '#include <lus/lus.h>\n#include <gst/lus/gstlusmeta.h>\nint main(void) { gst_init(NULL, NULL); return lus_version()[0] == 0 || !GST_LUS_SEG_META_INFO; }\n' > a.c
     gcc a.c -o a \$(pkg-config --cflags --libs lus-1.0 gstreamer-lus-1.0); ./a"
run "apt-get remove -q -y lus-tools gstreamer1.0-lus liblus-dev liblus1 >/dev/null; ! test -e /usr/share/lus; ! command -v lus"
echo "all packages work"
