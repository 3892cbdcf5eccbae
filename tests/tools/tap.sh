# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Sourced by the TAP tests of the command-line program: begin in an empty folder that is removed at the end.
export LC_ALL=C
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0

check() { # NAME COMMAND...: passes when the command succeeds
  n=$((n + 1))
  local name=$1
  shift
  if "$@" > check.out 2>&1; then echo "ok $n - $name"; else
    echo "not ok $n - $name"
    sed 's/^/# /' check.out
  fi
}
gives() { # CODE TEXT ARGUMENT...: lus ends with CODE and says TEXT (on either output)
  local code=$1 text=$2
  shift 2
  timeout "300" "$lus" "$@" > out.txt 2>&1
  local got=$?
  [ $got -eq "$code" ] && [[ $(cat out.txt) == *"$text"* ]] && return
  echo "lus $*: exit $got, expected $code with '$text':"
  cat out.txt
  return 1
}
