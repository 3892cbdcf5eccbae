#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Masks and lung features of a clip as numpy arrays, frame by frame, from two appsinks.

    masks-to-numpy.py CLIP [OUT.npz]

prints per frame the share of pixels of each class and the features known; OUT.npz receives masks [n][height][width], times and
features. LUS_SOURCE replaces the clip, e.g. LUS_SOURCE="lustestsrc num-buffers=20" masks-to-numpy.py -
Research software - not for diagnosis or treatment."""
import os
import sys

import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402
import gi.overrides.Gst  # noqa: E402,F401 (python3-gst-1.0: arrays in structures)
import numpy as np  # noqa: E402

CLASSES = ("none", "pleural_line", "fascia_band", "vertical_line")  # ids 0..3 of the bundled model


def plane(sample):
    """A GRAY8 sample as an array [height][width]; rows are padded to a multiple of four bytes."""
    caps = sample.get_caps().get_structure(0)
    width, height = caps.get_value("width"), caps.get_value("height")
    ok, memory = sample.get_buffer().map(Gst.MapFlags.READ)
    if not ok:
        raise RuntimeError("the picture's memory cannot be read")
    try:
        rows = np.frombuffer(memory.data, np.uint8).reshape(height, -1)
        return rows[:, :width].copy()  # the memory goes back to the pipeline
    finally:
        sample.get_buffer().unmap(memory)


def summary(buffer):
    """The fields of LusSummary as a dictionary; {} if there is none."""
    meta = buffer.get_custom_meta("LusSummary")
    if meta is None:
        return {}
    fields = meta.get_structure()
    names = [fields.nth_field_name(i) for i in range(fields.n_fields())]
    return {name: fields.get_value(name) for name in names}


def failure(pipeline):
    """Raises what the pipeline reports as an error, if it does."""
    message = pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR)
    if message:
        error, detail = message.parse_error()
        raise RuntimeError(f"{error.message} ({detail.splitlines()[-1] if detail else message.src.get_name()})")


def pull(pipeline, sink):
    """The next sample, None at the end. A pipeline that fails ends no stream: its bus is looked at meanwhile."""
    while True:
        sample = sink.emit("try-pull-sample", 100 * Gst.MSECOND)
        if sample is not None or sink.get_property("eos"):
            return sample
        failure(pipeline)


def frames(source):
    """Yields (PTS in ns, mask, summary) for every frame."""
    pipeline = Gst.parse_launch(
        f"{source} ! lussegment ! lusconfmask ! lussfestimate zone=R1 ! tee name=t "
        "t. ! queue ! appsink name=numbers sync=false "
        "t. ! queue ! lusconfmask output=mask ! appsink name=masks sync=false")
    numbers, masks = pipeline.get_by_name("numbers"), pipeline.get_by_name("masks")
    try:
        if pipeline.set_state(Gst.State.PLAYING) == Gst.StateChangeReturn.FAILURE:
            failure(pipeline)
            raise RuntimeError("the pipeline does not start")
        while True:
            with_numbers, with_mask = pull(pipeline, numbers), pull(pipeline, masks)
            if with_numbers is None or with_mask is None:
                failure(pipeline)
                return
            buffer = with_numbers.get_buffer()
            yield buffer.pts, plane(with_mask), summary(buffer)
    finally:
        pipeline.set_state(Gst.State.NULL)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = os.path.dirname(sys.argv[2]) if len(sys.argv) == 3 else ""
    if folder and not os.path.isdir(folder):
        sys.exit(f"error: there is no folder '{folder}' to write to: make it, or name another")
    Gst.init(None)
    clip = sys.argv[1].replace("\\", "\\\\").replace('"', '\\"')
    source = os.environ.get("LUS_SOURCE", f'filesrc location="{clip}" ! decodebin')
    times, masks, numbers = [], [], []
    for pts, mask, fields in frames(source):
        features = {name: value for name, value in fields.items() if isinstance(value, float)}
        shares = np.bincount(mask.ravel(), minlength=len(CLASSES)) / mask.size
        print(len(masks), " ".join(f"{name} {100 * share:.2f}%" for name, share in zip(CLASSES[1:], shares[1:])),
              " ".join(f"{name}={value:.1f}" for name, value in sorted(features.items())))
        times.append(pts)
        masks.append(mask)
        numbers.append(features)
    if not masks:
        sys.exit(f"error: no picture came out of '{sys.argv[1]}'")
    if len(sys.argv) == 3:
        names = sorted({name for features in numbers for name in features})
        table = np.array([[features.get(name, np.nan) for name in names] for features in numbers])
        np.savez_compressed(sys.argv[2], masks=np.stack(masks), pts_ns=np.array(times), features=table, names=names)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as error:
        sys.exit(f"error: {error}")
