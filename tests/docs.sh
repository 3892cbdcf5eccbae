#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What README.md, docs/ and pipelines/README.md say of files, commands, flags and properties, beside what is there,
# as a TAP test: docs.sh LUS SOURCE_ROOT
set -u
export LC_ALL=C
lus=$(realpath "${1:?lus}") root=$(realpath "${2:?source root}") man=$(dirname "$lus")/data
helps=$(mktemp -d)
trap 'rm -rf "$helps"' EXIT
cd "$root" || exit 1
mapfile -t pages < <(find README.md docs pipelines/README.md -name '*.md' | sort)
n=0

check() { # NAME FUNCTION ARGUMENT...: passes when it succeeds and prints nothing
  n=$((n + 1))
  local name=$1 wrong
  shift
  if wrong=$("$@" 2>&1) && [ -z "$wrong" ]; then echo "ok $n - $name"; else
    echo "not ok $n - $name"
    printf '%s\n' "$wrong" | sed 's/^/# /'
  fi
}
anchors() { # PAGE: its headings as they are linked to
  awk '/^```/ { code = !code } !code && sub(/^#+ /, "")' "$1" | tr 'A-Z ' 'a-z-' | sed 's/[^a-z0-9_-]//g'
}
links() { # a count of 0 would mean that the search is wrong
  local page target path anchor count=0
  for page in "${pages[@]}"; do
    while read -r target; do
      count=$((count + 1))
      case $target in http://* | https://*) continue ;; esac
      path=${target%%#*} anchor=
      [[ $target == *'#'* ]] && anchor=${target#*#}
      if [ -n "$path" ]; then path=$(dirname "$page")/$path; else path=$page; fi
      [ -e "$path" ] || { echo "$page: there is no $target"; continue; }
      [ -z "$anchor" ] || anchors "$path" | grep -qxF -- "$anchor" || echo "$page: no heading for $target"
    done < <(grep -oE '\]\([^) ]+\)' "$page" | sed 's/^](//; s/)$//')
  done
  [ $count -gt 50 ] || echo "only $count links found"
}
listed() { # every page of docs/ and every script of pipelines/ is in the table beside it
  local name
  for name in docs/*.md docs/*/; do
    case $name in docs/README.md | docs/images/ | docs/annotation/ | docs/site/) continue ;; esac
    grep -qF "](${name#docs/})" docs/README.md || echo "docs/README.md does not list ${name#docs/}"
  done
  for name in pipelines/*.sh; do
    name=${name#pipelines/}
    grep -qE "^\| \`$name[ \`]" pipelines/README.md || echo "pipelines/README.md does not list $name"
  done
}
paths() { # what is in backticks and begins with a folder's name exists
  local page path
  for page in "${pages[@]}"; do
    while read -r path; do
      compgen -G "$path" > /dev/null || echo "$page: there is no $path"
    done < <(grep -oE '`(\./)?(docs|gst|lib|pipelines|tests|tools)/[^` ]+' "$page" | tr -d '`')
  done
}
variables() { # environment variables and constants are known to some source
  local name
  for name in $(grep -ohE '\bLUS_[A-Z][A-Z_]+' "${pages[@]}" | sort -u); do
    grep -rqw --include='*.[ch]' --include='*.sh' --include='*.sbatch' "$name" gst lib pipelines tests tools ||
      echo "$name is in no source"
  done
}
working_folder() { # without -w meson devenv runs a command in the build folder, where a page's relative paths lead nowhere
  grep -nE 'meson devenv -C [^ `]+($|[` ])' "${pages[@]}" | grep -vE 'meson devenv -C [^ `]+ -w ' || true
}
commands() { # the table of docs/tool.md and lus --help name the same
  diff <(sed -n '/^| command | job |$/,/^$/p' docs/tool.md | cut -d'|' -f2 | grep -oE '`[a-z]+`' | tr -d '`' | sort) \
    <(ls "$helps" | sort) | sed -n 's/^< /only in docs\/tool.md: /p; s/^> /only in lus --help: /p'
}
flags() { # behind "lus COMMAND": it and its flags exist; `--flag` alone: some command has it
  local page command text flag count=0
  for page in "${pages[@]}"; do
    while read -r _ command text; do
      [ -e "$helps/$command" ] || { echo "$page: there is no lus $command"; continue; }
      for flag in $(grep -oE -- '--[a-z][a-z0-9-]*' <<< "$text"); do
        count=$((count + 1))
        grep -qE -- "(^|[ ,])$flag([= ]|$)" "$helps/$command" || echo "$page: lus $command has no $flag"
      done
    done < <(sed -E 's/(^|[^A-Za-z0-9_.\/-])lus ([a-z])/\nlus \2/g' "$page" | grep -oE '^lus [a-z]+[^`|#]*')
    while read -r flag; do
      grep -qE -- "(^|[ ,])$flag([= ]|$)" "$helps"/* || echo "$page: no command has $flag"
    done < <(grep -oE '`--[a-z][a-z0-9-]*' "$page" | tr -d '`' | grep -vx -e --validatelabel) # LabelMe's
  done
  [ $count -gt 30 ] || echo "only $count flags found"
}
configuration() { # docs/learning.md: the keys of a configuration file are the flags of lus train
  diff <(sed -n '/^| group | keys |$/,/^$/p' docs/learning.md | grep '^| `\[' | cut -d'|' -f3 | grep -oE '`[a-z-]+`' |
      tr -d '`' | sort) \
    <(grep -oE -- '--[a-z][a-z-]*=' "$helps/train" | tr -d '=' | sed 's/^--//' | grep -vx config | sort -u) |
    sed -n 's/^< /not a flag: /p; s/^> /not in the table: /p'
}
properties() { # ELEMENT: its page beside gst-inspect: name, default, range
  diff <(sed -n '/^| property | default |/,/^$/p' "docs/elements/$1.md" | tail -n +3 | grep . |
      awk -F' *[|] *' '{ print $2, $3, $4 }' | tr -d '`' | sort) \
    <(gst-inspect-1.0 "$1" | awk '
      function row() { if (name != "" && !(name in skip)) print name, value, range }
      BEGIN { split("name parent qos blocksize do-timestamp num-buffers typefind", s, " "); for (i in s) skip[s[i]] }
      /^Element Properties:/ { on = 1; next }
      !on { next }
      /^[^ ]/ { exit }
      /^  [a-z][a-z0-9-]* *: / { row(); name = $1; sub(/:.*/, "", name); value = range = "-"; next }
      match($0, /Range: +[-0-9.e+]+ - +[-0-9.e+]+/) {
        split(substr($0, RSTART + 6, RLENGTH - 6), part, / - /); gsub(/ /, "", part[1]); gsub(/ /, "", part[2])
        range = length(part[2]) > 9 ? "from " part[1] " on" : part[1] " to " part[2]
      }
      match($0, /Default: +/) {
        value = substr($0, RSTART + RLENGTH); gsub(/^[-0-9]+, |"| +$/, "", value)
        if (value ~ /^(null|< *>)$/) value = "unset"
      }
      /^ +\(-?[0-9]+\): / { range = (range == "-" ? "" : range ", ") $2 }
      END { row() }' | sort) | sed -n 's/^< /its page: /p; s/^> /gst-inspect-1.0: /p'
}

element_pages() {
  diff <(gst-inspect-1.0 lus | sed -n 's/^  \(lus[a-z]*\): .*/\1/p' | sort) <(basename -s .md docs/elements/*.md | sort) |
    sed -n 's/^< /without a page: /p; s/^> /no element: /p'
}
completed() { # WORD...: what tools/data/lus.bash offers for the last one
  bash -c '. tools/data/lus.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _lus; printf "%s\n" "${COMPREPLY[@]}"' - "$lus" "$@"
}
completion() { # of commands, and of each command's flags, is what --help tells
  local command
  diff <(completed "" | sort) <({ ls "$helps"; echo --help; echo --version; } | sort)
  for command in "$helps"/*; do
    command=${command##*/}
    diff <(completed "$command" -- | sort -u) <(grep -oE -- '^ +(-[a-zA-Z], )?--[a-z][a-z0-9-]*' "$helps/$command" | grep -oE -- '--.*' | sort -u)
  done
}
manuals() { # each command has a page that names its flags; pages are there where Lus was built with help2man
  local command flag
  for command in "$helps"/*; do
    command=${command##*/}
    for flag in $(grep -oE -- '^ +(-[a-zA-Z], )?--[a-z][a-z0-9-]*' "$helps/$command" | grep -oE -- '--.*'); do
      sed 's/\\f[A-Z]//g; s/\\//g' "$man/lus-$command.1" | grep -qE -- "$flag([^a-z0-9-]|$)" || echo "lus-$command.1 lacks $flag"
    done
  done
}
pictures() { # every picture of docs/ is in its table of commands, and the other way round
  diff <(find docs -name '*.png' | sed 's/^docs.//' | sort) <(sed -n '/^| picture |/,/^$/p' docs/pictures.md | cut -d'|' -f2 | grep -oE '`[^`]+\.png`' | tr -d '`' | sort) |
    sed -n 's/^< /no command makes /p; s/^> /there is no /p'
}

for command in $("$lus" --help | sed -nE 's/^  ([a-z]+)  +[a-z].*/\1/p'); do
  "$lus" "$command" --help > "$helps/$command" || echo "Bail out! lus $command --help failed"
done
check "links lead somewhere" links
check "pages and scripts are listed" listed
check "files named exist" paths
check "variables named exist" variables
check "meson devenv stays in the folder" working_folder
check "docs/tool.md and lus --help name the same commands" commands
check "commands and flags named exist" flags
check "docs/learning.md names the keys of a configuration file" configuration
check "each element has a page" element_pages
for page in docs/elements/*.md; do
  element=$(basename "$page" .md)
  check "$page: properties" properties "$element"
done
check "bash completion and --help name the same" completion
check "pictures are made by commands" pictures
if [ -e "$man/lus.1" ]; then check "manual pages name every flag" manuals; else
  n=$((n + 1))
  echo "ok $n - manual pages name every flag # SKIP built without help2man"
fi
echo "1..$n"
