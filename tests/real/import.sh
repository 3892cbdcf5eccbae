#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Real annotations through lus import, as a TAP test: import.sh LUS. The counts are those of the files themselves.
set -u
lus=$(realpath "$1") data=$(realpath -m "${LUS_TEST_DATA:-../shared/data}")
if [ ! -d "$data/lus_linear" ] || ! command -v unzip > /dev/null; then
  echo "1..0 # SKIP $data/lus_linear (LUS_TEST_DATA) or unzip is missing"
  exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
n=0

gives() { # NAME TEXT ARGUMENT...: lus import succeeds and its JSON has all of the words
  n=$((n + 1))
  local name=$1 words=$2 word missing=
  shift 2
  timeout 200 "$lus" import --json "$@" > out.txt 2> err.txt || missing="exit $?"
  for word in $words; do
    tr -d ' \n' < out.txt | grep -qF "$word" || missing="$missing $word"
  done
  if [ -z "$missing" ]; then echo "ok $n - $name"; else
    echo "not ok $n - $name: missing $missing"
    cat out.txt err.txt | sed 's/^/# /'
  fi
}

unzip -q "$data/lus_linear/cit_all77_cvat_annotations.zip"
mapfile -t tasks < <(find Dataset -name annotations.json | sort)
gives "77 CVAT tasks" '"lungslidingpresent":2360 "aline":1024 "bline":435' --from cvat --dry-run "${tasks[@]}"
gives "a CVAT task into its clip" '"clips_added":1 "pleural_line":' --from cvat "$data/lus_linear/cit_task195_annotations_cvat.json" \
  -c "$data/lus_linear/cit_task195_linear_alines_crop.mp4" -o linear -a cit --offset 560,108 --partial --patient cit195 \
  --zone R1 -m lungslidingpresent=pleural_line,aline=a_line
gives "its masks" '"frames":39' --from masks "$data/lus_linear/masks" -o linear -a masks --partial \
  -c "$data/lus_linear/cit_task195_linear_alines_crop.mp4" --patient cit195 --zone R1 -m 1=pleural_line,2=a_line,image=
gives "two raters" '"pleural_line":690 "vertical_line":302 "rater1":' --from slicer --depth 16 --dry-run "$data"/lus_two_rater/*.json
gives "two machine-drawn references" '"machine_a": "machine_b": "clips_added":72 "fascia_band":226' --from polygons -o blues \
  "$data"/covid_blues/annotations/*/*.json -c "$data/covid_blues/videos"
n=$((n + 1))
if "$lus" check blues > out.txt 2>&1; then echo "ok $n - the data set is right"; else
  echo "not ok $n - the data set is right"
  sed 's/^/# /' out.txt
fi
echo "1..$n"
