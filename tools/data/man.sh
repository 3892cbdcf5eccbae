#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A manual page of the program's --help: man.sh HELP2MAN LUS OUTPUT [COMMAND]
set -euo pipefail
export LC_ALL=C.UTF-8
if [ -n "${LUS_MAN_OF:-}" ]; then # as help2man calls it: GOption's usage on one line with its title, paragraphs one by one
  "$LUS_MAN_OF" "$@" | sed -E -e '/^Usage:$/ { N; s/\n +/ / }' -e 's/…/.../g' -e 's/^(Application|Help) Options:$/\1 options:/' -e 's/^(Example: .*)/\n\1/'
  exit
fi
help2man=$1 lus=$(realpath "$2") output=$3 command=${4:-}
summary="lung-ultrasound segmentation, learning and lung features"
[ -z "$command" ] || summary=$("$lus" --help | sed -nE "s/^  $command  +//p")
# The date of the sources, so that the same sources give the same page.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$(dirname "$0")" log -1 --format=%ct 2> /dev/null || date +%s -r "$0")}
export SOURCE_DATE_EPOCH LUS_MAN_OF=$lus
see="lus(1)"
[ -n "$command" ] || see=$("$lus" --help | sed -nE 's/^  ([a-z]+)  +.*/lus-\1(1)/p' | paste -sd, | sed 's/,/, /g')
page=$("$help2man" --no-info --name "$summary" --help-option "${command:+$command }--help" --version-option --version "$0")
{
  # Named after the command, whatever the script is called.
  sed -E "1,/^\.SH SYN/ s/^\.TH [^ ]+/.TH LUS${command:+-${command^^}}/; s/^man(\.sh)? \\\\-/lus${command:+\\\\-$command} \\\\-/" <<< "$page"
  printf '.SH "SEE ALSO"\n%s\n' "$see"
} > "$output"
