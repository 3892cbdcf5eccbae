#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# One grey PNG of class ids per frame: 0 none, 1 pleural line, 2 fascia band, 3 vertical line.   masks-to-png.sh CLIP DIR [PERCENT]
# LUS_SOURCE replaces the source.
set -euo pipefail
in=${1:?clip} dir=${2:?output folder} percent=${3:-60}
[[ $percent =~ ^(0|100|[1-9][0-9]?(\.[0-9]+)?)$ ]] || { echo "error: '$percent' is no percent: say 0 or 1 to 100, such as 60" >&2; exit 1; }
[ -n "${LUS_SOURCE:-}" ] || [ -r "$in" ] || { echo "error: cannot read '$in': give the path of a video file" >&2; exit 1; }
. "$(dirname "$0")/setup.sh"
[ -n "${LUS_SOURCE:-}" ] || readable_clip "$in"
mkdir -p "$dir"
rm -f "$dir"/mask[0-9][0-9][0-9][0-9][0-9][0-9].png # of an earlier, perhaps longer clip
pattern=${dir//%/%%}/mask%06d.png # multifilesink reads it as printf does
# shellcheck disable=SC2086
gst-launch-1.0 -q -e ${LUS_SOURCE:-filesrc location="${in//\\/\\\\}" ! decodebin} \
  ! lussegment \
  ! lusconfmask confidence-threshold="$(awk "BEGIN { print $percent / 100 }")" output=mask \
  ! pngenc ! multifilesink location="${pattern//\\/\\\\}"
[ -e "$dir/mask000000.png" ] || { echo "error: no picture came out of '$in': is it a video file?" >&2; exit 1; }
