#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What was built, as a TAP test: built.sh BUILD_DIR. Exported names, and the marks that hardening leaves in the files.
cd "${1:?build directory}" || exit 1
n=0
check() { # NAME PROBLEMS: passes when there is none
  n=$((n + 1))
  if [ -z "$2" ]; then echo "ok $n - $1"; else
    echo "not ok $n - $1"
    printf '%s\n' "$2" | sed 's/^/# /'
  fi
}
libraries=(lib/liblus.so.*[0-9] gst/libgstlus-1.0.so.*[0-9] gst/plugin/libgstlus.so)
for file in "${libraries[@]}"; do
  allowed='^(lus_|gst_lus_|gst_buffer_(add|get)_lus_|gst_plugin_lus_(get_desc|register)$|_gst_lus_)'
  check "$file exports lus_* and gst_lus_* only" \
    "$(nm -D --defined-only "$file" | awk '$2 ~ /[A-Z]/ { print $3 }' | sed 's/@.*//' | grep -vE "$allowed")"
  check "$file exports something" "$(nm -D --defined-only "$file" | grep -q ' T ' || echo nothing)"
done
for file in "${libraries[@]}" tools/lus; do
  dynamic=$(readelf -dW "$file") segments=$(readelf -lW "$file") symbols=$(nm -D --undefined-only "$file")
  check "$file: read-only relocations" "$(grep -q GNU_RELRO <<< "$segments" || echo 'no GNU_RELRO segment')"
  check "$file: bound at start" "$(grep -qE 'BIND_NOW|FLAGS.*NOW' <<< "$dynamic" || echo 'no BIND_NOW')"
  check "$file: the stack is not executable" "$(grep 'GNU_STACK' <<< "$segments" | grep RWE)"
  check "$file: no segment is written to and executed" "$(grep -E 'LOAD.* RWE' <<< "$segments")"
  check "$file: no search path of this machine" \
    "$(grep -E '(RPATH|RUNPATH)' <<< "$dynamic" | grep -vE '\[(\$ORIGIN|/usr/lib)[^]:]*(:(\$ORIGIN|/usr/lib)[^]:]*)*\]')"
done
check "tools/lus: runs at any address" "$(readelf -hW tools/lus | grep -qE 'Type:.*DYN' || echo 'not position independent')"
# A sanitizer or a build without optimisation does without these two.
if grep -q -- '-D_FORTIFY_SOURCE=2' build.ninja; then
  for file in lib/liblus.so.*[0-9] tools/lus; do
    symbols=$(nm -D --undefined-only "$file")
    check "$file: stack protector" "$(grep -q '__stack_chk_fail' <<< "$symbols" || echo 'no __stack_chk_fail')"
    check "$file: checked string functions" "$(grep -qE '__[a-z_]+_chk(@|$)' <<< "$symbols" || echo 'no __*_chk')"
  done
fi
echo "1..$n"
