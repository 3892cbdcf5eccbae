#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The bill of materials, as a TAP test: sbom.sh SOURCE_ROOT BUILD_DIR
root=${1:?source root} build=${2:?build directory}
command -v dpkg-query > /dev/null && command -v jq > /dev/null || { echo "1..0 # SKIP needs dpkg and jq"; exit 0; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo "1..4"
n=0
report() { # NAME STATUS
  n=$((n + 1))
  if [ "$2" -eq 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; fi
}
"$root/pipelines/sbom.sh" "$build" > "$dir/a.json" 2> "$dir/err"
report "it is made" $?
sed 's/^/# /' "$dir/err"
jq -e '.spdxVersion == "SPDX-2.3" and (.packages | length) > 15
  and ([.packages[].name] | contains(["lus", "libglib2.0-0", "libc6", "libjansson4", "libpng16-16"]))
  and (.packages | all(.versionInfo != "" and .versionInfo != null))
  and ([.relationships[].relatedSpdxElement] - [.packages[].SPDXID, .files[].SPDXID] == [])' "$dir/a.json" > /dev/null
report "it names the packages, each with its version, and what it relates is in it" $?
"$root/pipelines/sbom.sh" "$build" > "$dir/b.json" && cmp "$dir/a.json" "$dir/b.json"
report "it is the same a second time" $?
# Each library that is linked directly stands in the list for people.
missing=$("$root/pipelines/sbom.sh" "$build" --table | sed -nE 's/^\| (lib[^ ]+) \|.*/\1/p' | while read -r package; do
  grep -qF "| $package |" "$root/docs/third-party.md" || echo "$package"; done)
[ -z "$missing" ]
report "docs/third-party.md lists what is linked" $?
[ -z "$missing" ] || printf '# missing: %s\n' "$missing"
