#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A video network's file in ONNX Runtime: the same numbers as ours, to 1e-4 of the largest.

    VENV/bin/python tests/parity/video_parity.py build/tests/learn/test-learn-video

Exit 0: the same, 1: not, 77: numpy or onnxruntime is missing.
"""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnxruntime as ort
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([os.path.abspath(sys.argv[1]), "--write", folder], check=True)
    session = ort.InferenceSession(os.path.join(folder, "video.onnx"), providers=["CPUExecutionProvider"])
    x = np.load(os.path.join(folder, "x.npy"))
    ours = np.load(os.path.join(folder, "y.npy"))
    theirs = session.run(None, {session.get_inputs()[0].name: x})[0].reshape(-1)
difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
print(f"{ours.size} numbers, largest difference {difference:.2g} of the largest")
sys.exit(0 if difference <= 1e-4 else 1)
