#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Debian packages liblus1, liblus-dev, gstreamer1.0-lus and lus-tools of this source tree (committed or not), looked over by
# lintian.   packages.sh [FOLDER]   FOLDER receives them (default: packages)
set -euo pipefail
out=${1:+$(realpath -m "$1")}
cd "$(dirname "$0")/.."
. pipelines/setup.sh
out=${out:-packages}
need dpkg-dev debhelper lintian
# shellcheck disable=SC2046
need $(sed -n '/^Build-Depends:/,/^[A-Z].*:/p' debian/control | grep -vE '^(Standards-Version|Rules)' |
  sed 's/^Build-Depends://; s/([^)]*)//g; s/debhelper-compat//; s/,/ /g')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lus" "$out"
git ls-files -z --cached --others --exclude-standard | tar -c --null -T - --ignore-failed-read 2>/dev/null | tar -x -C "$work/lus"
version=$(sed -nE "s/^ *version: '([0-9.]+)'.*/\1/p" meson.build | head -n 1)
grep -q "^lus ($version)" debian/changelog || { echo "error: debian/changelog does not begin with version $version" >&2; exit 1; }
(cd "$work/lus" && DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-parallel=$(nproc)}" dpkg-buildpackage -us -uc -b) >"$work/log" 2>&1 ||
  { tail -n 40 "$work/log" >&2; exit 1; }
lintian --fail-on error "$work"/*.changes
rm -f "$out"/*.deb
cp "$work"/*.deb "$out"
ls "$out"
