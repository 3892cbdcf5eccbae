#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each public header compiles alone, in C11 and in C++17, without a warning; as a TAP test: headers.sh SOURCE_ROOT
cd "${1:?source root}" || exit 1
flags=(-fsyntax-only -Wall -Wextra -Wpedantic -Werror -Wno-variadic-macros)
read -ra packages < <(pkg-config --cflags glib-2.0 gstreamer-1.0 gstreamer-video-1.0)
# The headers of the system are somebody else's.
for i in "${!packages[@]}"; do packages[i]=${packages[i]/#-I/-isystem}; done
headers=(lib/lus/lus.h)
for folder in nn lung learn; do
  while read -r name; do headers+=("lib/$folder/$name"); done < <(
    sed -n '/^install_headers(/,/subdir:/s/^  .\([a-z0-9-]*\.h\).,$/\1/p' "lib/$folder/meson.build")
done
headers+=(gst/gstlusmeta.h gst/gstlusvideo.h)
echo "1..2"
compile() { # NUMBER NAME COMPILER STANDARD LANGUAGE
  local header said bad=0
  for header in "${headers[@]}"; do
    said=$(printf '#include "%s"\ntypedef int not_empty;\n' "$header" |
      "$3" -std="$4" -x "$5" "${flags[@]}" "${packages[@]}" -I. -Ilib - 2>&1) && continue
    bad=1
    printf '%s\n%s\n' "$header:" "$said" | sed 's/^/# /'
  done
  if [ $bad -eq 0 ]; then echo "ok $1 - $2"; else echo "not ok $1 - $2"; fi
}
[ ${#headers[@]} -gt 30 ] || { echo "Bail out! only ${#headers[@]} headers found"; exit 1; }
compile 1 "${#headers[@]} headers in C11" "${CC:-cc}" c11 c
if command -v "${CXX:-c++}" > /dev/null; then compile 2 "${#headers[@]} headers in C++17" "${CXX:-c++}" c++17 c++
else echo "ok 2 - C++17 # SKIP no C++ compiler (install g++)"; fi
