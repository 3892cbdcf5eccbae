#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what building and testing need, builds in build-test/ and runs all tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. pipelines/setup.sh
# shellcheck disable=SC2086
need $LUS_PACKAGES $LUS_TEST_PACKAGES
export LUS_TEST_DATA=${LUS_TEST_DATA:-../shared/data}
build build-test -Dwerror=true
[ -d "$LUS_TEST_DATA" ] || echo "Tests on real data are skipped: no folder $LUS_TEST_DATA (set LUS_TEST_DATA)."
meson test -C build-test --print-errorlogs "$@"
