#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The release tarball twice, from two clones, under other settings, bit for bit; as a TAP test: release.sh SOURCE_ROOT
root=$(realpath "${1:?source root}")
git -C "$root" rev-parse -q --verify HEAD > /dev/null 2>&1 || { echo "1..0 # SKIP not a git clone"; exit 0; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo "1..3"
n=0
report() { # NAME STATUS
  n=$((n + 1))
  if [ "$2" -eq 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}
mkdir "$dir/a" "$dir/b"
git clone -q "$root" "$dir/clone" 2> "$dir/err" || { sed 's/^/# /' "$dir/err"; echo "Bail out! cannot clone"; exit 1; }
commit=$(git -C "$root" rev-parse HEAD)
"$root/pipelines/release.sh" "$commit" "$dir/a" > "$dir/log" 2>&1
first=$?
(umask 077; git -C "$dir/clone" config tar.umask 0077; TZ=Asia/Tokyo LC_ALL=C.UTF-8 GZIP_OPT=-1 \
  "$dir/clone/pipelines/release.sh" "$commit" "$dir/b") >> "$dir/log" 2>&1
report "two tarballs are made" $((first + $?))
sed 's/^/# /' "$dir/log"
cmp "$dir"/a/lus-*.tar.gz "$dir"/b/lus-*.tar.gz
report "they are the same bytes" $?
tar -xzf "$dir"/a/lus-*.tar.gz -C "$dir/a" && [ "$(cd "$dir"/a/lus-*/ && find . -type f | wc -l)" -eq "$(git -C "$root" ls-tree -r "$commit" | wc -l)" ]
report "all files of the commit are in it" $?
