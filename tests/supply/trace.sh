#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The requirements of docs/requirements.md and their tests: trace.sh BUILD_DIR prints the matrix with the results of the last
# run of the tests there; trace.sh BUILD_DIR --check, a TAP test, whether each requirement has tests and each test is there.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:?build directory}
known=$(meson introspect --tests "$build" | jq -r '.[].name' | sort -u)
[ -n "$known" ] || { echo "error: $build has no tests" >&2; exit 1; }
rows=$(sed -nE 's/^\| ([A-Z][0-9]+) \| (.*) \| ([^|]*) \|$/\1\t\2\t\3/p' "$root/docs/requirements.md")
tests_of() { grep -oE '`[^`]+`' <<< "$1" | tr -d '`'; }
if [ "${2:-}" = --check ]; then
  missing=$(cut -f 3 <<< "$rows" | grep -oE '`[^`]+`' | tr -d '`' | sort -u | grep -vxF "$known")
  twice=$(cut -f 1 <<< "$rows" | sort | uniq -d)
  untested=$(awk -F '\t' '$3 !~ /`/ { print $1 }' <<< "$rows")
  n=0
  check() { # NAME PROBLEMS
    n=$((n + 1))
    if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; printf '%s\n' "$2" | sed 's/^/# /'; fi
  }
  echo "1..4"
  check "there are requirements" "$([ "$(wc -l <<< "$rows")" -gt 20 ] || echo 'fewer than 20 were found')"
  check "each requirement has a test" "$untested"
  check "each test named is one of this build" "$missing"
  check "names are given once" "$twice"
  exit 0
fi
log=$build/meson-logs/testlog.json
[ -e "$log" ] || { echo "error: run the tests first: meson test -C $build" >&2; exit 1; }
results=$(jq -r '"\(.name | sub("^lus:[^/]* / "; ""))\t\(.result)"' "$log")
echo "Results of $(date -r "$log" +%F), $(git -C "$root" rev-parse --short HEAD 2> /dev/null)"
while IFS=$'\t' read -r id text tests; do
  echo "$id  $text"
  while read -r test; do
    result=$(awk -F '\t' -v t="$test" '$1 == t { r = $2 } END { print r ? r : "not run" }' <<< "$results")
    printf '      %-28s %s\n' "$test" "$result"
  done < <(tests_of "$tests")
done <<< "$rows"
