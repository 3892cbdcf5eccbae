#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Second display: shows what send-rtp.sh sends to this machine.   receive-rtp.sh [PORT]
# What one should see: nothing until the sender starts, then its picture within a second. It waits again when the sender stops.
# LUS_SINK replaces the window, e.g. LUS_SINK="fakesink num-buffers=20" to try it.
set -euo pipefail
port=${1:-5004}
. "$(dirname "$0")/setup.sh"
check_port "$port"
# shellcheck disable=SC2086
exec gst-launch-1.0 -q udpsrc port="$port" caps="application/x-rtp,media=video,clock-rate=90000,encoding-name=H264" \
  ! rtpjitterbuffer latency=100 ! rtph264depay ! h264parse ! avdec_h264 ! videoconvert ! ${LUS_SINK:-autovideosink}
