# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by the other scripts, tests/run.sh and .ci/run: package lists, the two set-up steps and checks of input, so that each
# stands once.
# shellcheck shell=bash

# What building and the main job need.
LUS_PACKAGES="gcc libc6-dev meson ninja-build pkg-config
  libglib2.0-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev
  liborc-0.4-dev libopenblas-dev libjansson-dev libsqlite3-dev libpng-dev libpango1.0-dev
  gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
  gstreamer1.0-plugins-ugly gstreamer1.0-libav fonts-inter jq"
# What the tests need on top of it.
LUS_TEST_PACKAGES="strace gstreamer1.0-plugins-bad file libonnx-testdata libopenmpi-dev openmpi-bin help2man sqlite3
  g++ libdcmtk-dev dcmtk libmosquitto-dev mosquitto python3-gi python3-gst-1.0 python3-numpy gir1.2-gstreamer-1.0"
# What only the slower checks of .ci/run need.
LUS_CI_PACKAGES="clang libclang-rt-dev valgrind xvfb gstreamer1.0-x gstreamer1.0-gl
  mkdocs slurm-wlm munge parallel openssh-server openssh-client"

# need PACKAGE...: installs those that are missing, as root or by sudo. Says what it does; nothing when all is there.
need() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  echo "Installing: ${missing[*]}"
  local sudo=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "error: not root and no sudo; install as root: apt-get install ${missing[*]}" >&2; return 1; }
    sudo=(sudo)
  fi
  "${sudo[@]}" apt-get update -q >/dev/null || return 1
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
}

# build DIR [MESON OPTION...]: configures DIR once and compiles it.
build() {
  local dir=$1
  shift
  [ -e "$dir/build.ninja" ] || meson setup "$dir" "$@" >"$dir.setup.log" 2>&1 ||
    { cat "$dir.setup.log" >&2; return 1; }
  rm -f "$dir.setup.log"
  meson compile -C "$dir" | tail -n 1
  return "${PIPESTATUS[0]}"
}

# zone_of TEXT: the zone's name in capitals. lussfestimate would go without an exam where there is no such zone.
zone_of() {
  [[ ${1^^} =~ ^[RL]([1-6]|4V)$ ]] || { echo "error: no zone is called '$1': say R1..R6, L1..L6, R4V or L4V" >&2; return 1; }
  echo "${1^^}"
}

# check_port TEXT: whether it is a port. GStreamer would go on with its own one.
check_port() {
  [[ $1 =~ ^[1-9][0-9]{0,4}$ && $1 -le 65535 ]] || { echo "error: '$1' is no port: say 1 to 65535" >&2; return 1; }
}

# readable_clip CLIP: whether a picture comes out of it. GStreamer 1.22's decodebin can wait for ever on a damaged file, hence the limit.
readable_clip() {
  timeout 20 gst-launch-1.0 -q filesrc "location=${1//\\/\\\\}" ! decodebin ! videoconvert ! fakesink num-buffers=1 >/dev/null 2>&1 ||
    { echo "error: no picture comes out of '$1': is it a video file, and whole?" >&2; return 1; }
}
