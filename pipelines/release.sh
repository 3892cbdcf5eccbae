#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The release tarball, the same bytes from every clone and on every day, with its SHA-256: release.sh [COMMIT [FOLDER]]
#   COMMIT (default: HEAD) is what is packed; FOLDER (default: this one) receives lus-VERSION.tar.gz and lus-VERSION.tar.gz.sha256
set -euo pipefail
commit=${1:-HEAD} folder=$(realpath "${2:-.}")
cd "$(dirname "$0")/.."
version=$(git show "$commit:meson.build" | sed -n "s/^ *version: '\([^']*\)',$/\1/p" | head -n 1)
[ -n "$version" ] || { echo "error: meson.build of $commit names no version" >&2; exit 1; }
umask 022
# Times are the commit's, owners root, the order git's; gzip is told to keep name and time out. Settings of the user that
# change what git packs are left aside.
env -i PATH="$PATH" HOME=/nonexistent LC_ALL=C GIT_CONFIG_NOSYSTEM=1 \
  git -c safe.directory='*' -c core.autocrlf=false -c tar.umask=0022 archive --format=tar --prefix="lus-$version/" "$commit" |
  gzip -n -9 > "$folder/lus-$version.tar.gz"
(cd "$folder" && sha256sum "lus-$version.tar.gz" | tee "lus-$version.tar.gz.sha256")
