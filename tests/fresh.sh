#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The README's two commands on a bare Debian 12 machine: a chroot made by debootstrap, a clean clone of HEAD, no test data.
#   tests/fresh.sh [FOLDER]   as root; FOLDER (default: a temporary one, removed afterwards) receives the chroot
set -euo pipefail
. "$(dirname "$0")/chroot.sh"
make_root bookworm
rm -rf "$root/root/lus"
git clone -q . "$root/root/lus"
run "cd lus && ./pipelines/demo.sh"
run "cd lus && ./tests/run.sh"
