#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# DICOM files of other programs (LUS_TEST_DATA/dicom): every picture is DCMTK's own, or the file is refused in words; as a TAP
# test: dicom.sh LUS DICOM_FRAMES. With -v meson prints what was read of each.
set -u
lus=$(realpath "$1") frames=$(realpath "$2") data=${LUS_TEST_DATA:-}/dicom
[ -d "$data" ] || { echo "1..0 # SKIP no folder $data (set LUS_TEST_DATA)"; exit 0; }
command -v dcmj2pnm > /dev/null || { echo "1..0 # SKIP no dcmj2pnm (Debian: dcmtk)"; exit 0; }
data=$(realpath "$data")
. "$LUS_SOURCE_ROOT/tests/tools/tap.sh"
read_file() { # FILE: pictures equal to DCMTK's, or refused by both
  local expected i=0
  rm -f a.* e.*
  dcmj2pnm +Fa "$1" e > dcmtk.txt 2>&1
  if ! "$frames" "$1" a > said.txt 2>&1; then
    compgen -G 'e.*' > /dev/null && { echo "DCMTK reads it:"; cat said.txt; return 1; }
    grep -q "^$1: ..........*" said.txt
    return
  fi
  for expected in $(ls e.* | sort -t. -k2n); do
    cmp "$expected" a.$i.pnm || return 1
    i=$((i + 1))
  done
  [ $i -gt 0 ] && [ $i -eq "$(ls a.*.pnm | wc -l)" ]
}
read=0 refused=0
for file in "$data"/*; do
  check "$(basename "$file")" read_file "$file"
  sed "s|^$data/||; s/^/# /" said.txt
  if compgen -G 'a.*.pnm' > /dev/null; then read=$((read + 1)); else refused=$((refused + 1)); fi
done
echo "# $read files read, $refused refused"
mkdir -p out
check "segment all: those that can be read are done" bash -c "timeout 500 '$lus' segment '$data' -o out --keep-going > all.txt 2>&1; \
  [ \$(find out -name frames.jsonl | wc -l) -eq $read ] || { cat all.txt; find out; exit 1; }"
echo "1..$n"
