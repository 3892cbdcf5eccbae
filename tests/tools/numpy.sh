#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# pipelines/masks-to-numpy.py beside lus segment and lussfestimate, as a TAP test: numpy.sh LUS
set -u
lus=$(realpath "$1")
root=$LUS_SOURCE_ROOT
if ! problem=$(/usr/bin/python3 -c 'import numpy, gi; gi.require_version("Gst", "1.0"); from gi.repository import Gst; from gi.overrides import Gst' 2>&1); then
  echo "1..0 # SKIP no python3-gi, python3-gst-1.0, python3-numpy or gir1.2-gstreamer-1.0: ${problem##*$'\n'}"
  exit 0
fi
. "$root/tests/tools/tap.sh"

# An odd width: rows of masks are padded.
gst-launch-1.0 -q lustestsrc num-buffers=4 seed=3 ! video/x-raw,format=GRAY8,width=150,height=131,framerate=25/1 ! avenc_ffv1 ! matroskamux \
  ! filesink location=clip.mkv
check "runs" timeout 300 "$root/pipelines/masks-to-numpy.py" clip.mkv out.npz
"$lus" segment clip.mkv -o r --masks > lus.txt 2>&1
cat > compare.py <<'PY'
import json, subprocess, sys
import numpy as np
out = np.load("out.npz")
masks = out["masks"]
assert masks.shape == (4, 131, 150) and masks.dtype == np.uint8, masks.shape
assert list(out["pts_ns"]) == [int(round(n * 1e6)) for n in (0, 40, 80, 120)], out["pts_ns"]
for i in range(4):
    raw = subprocess.run(["gst-launch-1.0", "-q", "filesrc", f"location=r/clip/frame{i:06d}.mask.png", "!", "pngdec", "!",
                          "videoconvert", "!", "video/x-raw,format=GRAY8", "!", "fdsink"], stdout=subprocess.PIPE, check=True)
    rows = np.frombuffer(raw.stdout, np.uint8).reshape(131, -1)[:, :150]
    assert (rows == masks[i]).all(), f"mask {i} is another one than that of lus segment"
assert masks.max() > 0
names = list(out["names"])
assert "pleura_coverage" in names and "vertical_percent" in names, names
coverage = out["features"][:, names.index("pleura_coverage")]
assert ((coverage >= 0) & (coverage <= 100)).all() and coverage.max() > 0, coverage
PY
check "the same masks as lus segment, features in range" /usr/bin/python3 compare.py
check "no such file: an error that says so" bash -c "! '$root/pipelines/masks-to-numpy.py' none.mkv 2> err.txt && grep -q none.mkv err.txt"
echo "1..$n"
