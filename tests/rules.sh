#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The dependency rules of docs/architecture.md, as a TAP test: rules.sh SOURCE_ROOT
cd "${1:?source root}" || exit 1
n=0
rule() { # NAME HITS: passes when no line hits
  n=$((n + 1))
  if [ -z "$2" ]; then echo "ok $n - $1"; else
    echo "not ok $n - $1"
    printf '%s\n' "$2" | sed 's/^/# /'
  fi
}
includes() { grep -rnE --include='*.[ch]' "#include *[<\"]$1" "${@:2}" 2>/dev/null; }
rule "lib knows no GStreamer" "$(includes 'gst/' lib)"
rule "cblas only in lib/kernels/gemm.c" "$(includes 'cblas' lib gst tools | grep -v '^lib/kernels/gemm\.c')"
rule "orc headers only in lib/kernels" "$(includes 'orc/' lib gst tools | grep -v '^lib/kernels/')"
rule "kernels includes no higher room" "$(includes '(\.\./)?(nn|lung|learn)/' lib/kernels)"
rule "nn includes neither lung nor learn" "$(includes '(\.\./)?(lung|learn)/' lib/nn)"
rule "lung includes no learning" "$(includes '(\.\./)?learn/' lib/lung)"
rule "gst and tools see the public header only" \
  "$(includes '(kernels|nn|lung|learn)/' gst tools)"
rule "the library neither prints nor exits" \
  "$(grep -rnE --include='*.c' '(^|[^_a-zA-Z])(exit|abort|printf|puts|g_print|g_printerr|g_error|perror) *\(' lib)"
rule "every source file states its licence" \
  "$(grep -rL --include='*.[ch]' 'SPDX-License-Identifier: LGPL-2.1-or-later' lib gst tools tests)"
rule "no -ffast-math" "$(grep -rn --include=meson.build 'ffast-math' .  --exclude-dir='build*')"
echo "1..$n"
