#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Whether programs built against the last release still run: abi.sh BUILD_DIR [TAG]. TAG (default: the last one) is built in a temporary
# folder, and both libraries are compared with abidiff (Debian: abigail-tools). Exit 1: something was removed or changed
# while the soname stayed the same.
set -euo pipefail
build=$(realpath "${1:?build directory}")
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v abidiff > /dev/null || { echo "error: abidiff is missing; install abigail-tools" >&2; exit 2; }
tag=${2:-$(git -C "$root" describe --tags --abbrev=0 2> /dev/null || true)}
[ -n "$tag" ] || { echo "There is no tag yet to compare with."; exit 0; }
dir=$(mktemp -d)
trap 'git -C "$root" worktree remove --force "$dir/source"; rm -rf "$dir"' EXIT
git -C "$root" worktree add -q --detach "$dir/source" "$tag"
meson setup "$dir/build" "$dir/source" -Dtests=disabled > /dev/null
ninja -C "$dir/build" > /dev/null
bad=0
for pattern in lib/liblus.so gst/libgstlus-1.0.so; do
  old=$(realpath "$dir/build/$pattern") new=$(realpath "$build/$pattern")
  name() { readelf -dW "$1" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p'; }
  if [ "$(name "$old")" != "$(name "$new")" ]; then echo "$pattern: another soname, $(name "$new")"; continue; fi
  status=0
  abidiff --no-added-syms "$old" "$new" || status=$?
  # bit 3: an incompatible change; bits 0 and 1: abidiff failed
  if [ $((status & 11)) -ne 0 ]; then echo "$pattern: changed since $tag"; bad=1; else echo "$pattern: fits $tag"; fi
done
exit $bad
