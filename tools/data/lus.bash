# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Completion of `lus` in bash. Commands and options are those that the installed program's --help tells.
_lus() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} command=${COMP_WORDS[1]-}
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "--help --version $("$program" --help 2> /dev/null | sed -nE 's/^  ([a-z]+)  +[a-z].*/\1/p')" -- "$word")
    return
  fi
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$("$program" "$command" --help 2> /dev/null |
      sed -nE 's/^ +(-[a-zA-Z]), (--[a-z][a-z0-9-]*).*/\1\n\2/p; s/^ +(--[a-z][a-z0-9-]*).*/\1/p')" -- "$word")
    return
  fi
  case $before in
    --masks) mapfile -t COMPREPLY < <(compgen -W "png rle ffv1" -- "$word") ;;
    --confidences) mapfile -t COMPREPLY < <(compgen -W "png ffv1" -- "$word") ;;
    --precision) mapfile -t COMPREPLY < <(compgen -W "auto fp32 int8" -- "$word") ;;
  esac
  [ ${#COMPREPLY[@]} -gt 0 ] || { compopt -o default 2> /dev/null; COMPREPLY=(); }
}
complete -F _lus lus
