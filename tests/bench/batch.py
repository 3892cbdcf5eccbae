#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clips per minute of `lus segment`, of the engine alone, and of the script one would write in Python.

    tests/bench/batch.py BUILD/tools/lus CLIP_FOLDER [--clips 12] [--threads 2] [--rounds 3] [--model M]

All write the same for each clip: a mask picture per frame and a line of JSON. The script decodes with
OpenCV, runs the same model with ONNX Runtime in floats on as many threads, and does the rest in numpy:

    python3 -m venv VENV && VENV/bin/pip install numpy onnxruntime opencv-python-headless
    VENV/bin/python tests/bench/batch.py ...

In each round every program runs once, in turn, each in a process of its own, so that what disturbs the
machine disturbs all. Printed are medians of wall and of processor time. The engine alone is `lus bench` on a
frame with sector, preprocessing and confidences: each frame on all threads, or as many benches of one thread at
once, by the mean of all runs, since the others' time is the sum of all their frames too. `lus segment` is compared
with the one that is faster by its median: the faster one of each round would be what luck makes of two. With --check N, nothing is timed: every Nth frame's masks of both are compared. Ends
with 77 where OpenCV or ONNX Runtime is missing.
"""
import argparse
import glob
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time


# ---- the script one would write ----

def script(model, out, threads, clips):
    import cv2
    import numpy as np
    import onnxruntime
    cv2.setNumThreads(threads)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    channels, height, width = entry.shape[1:]
    props = session.get_modelmeta().custom_metadata_map
    classes, threshold = props["lus.classes"].split(","), float(props["lus.threshold"])
    for clip in clips:
        folder = os.path.join(out, os.path.splitext(os.path.basename(clip))[0])
        os.makedirs(folder, exist_ok=True)
        video = cv2.VideoCapture(clip)
        with open(os.path.join(folder, "frames.jsonl"), "w") as lines:
            number = 0
            while True:
                ok, picture = video.read()
                if not ok:
                    break
                grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
                scale = min(width / grey.shape[1], height / grey.shape[0])
                size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
                x0 = (width - size[0]) // 2
                field = np.zeros((height, width), np.uint8)
                field[:size[1], x0:x0 + size[0]] = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
                lit = field[field > 3].astype(np.float32)
                mean, std = (lit.mean(), lit.std()) if lit.size else (0, 0)
                x = np.clip((field.astype(np.float32) - mean) / (std + 4), -4, 6)
                x = np.repeat(x[None, None], channels, 1)
                y = session.run(None, {entry.name: x})[0][0][:, :size[1], x0:x0 + size[0]]
                confidence = 1 / (1 + np.exp(-y))
                mask = confidence >= threshold
                ids = np.where(mask.any(0), np.where(mask, confidence, -1).argmax(0) + 1, 0).astype(np.uint8)
                ids = cv2.resize(ids, grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
                cv2.imwrite(os.path.join(folder, f"frame{number:06d}.mask.png"), ids)
                lines.write(json.dumps({"frame": number, "classes": {
                    name: {"area": float(mask[i].mean()), "confidence": float(confidence[i].mean())}
                    for i, name in enumerate(classes)}}) + "\n")
                number += 1


# ---- the comparison ----

def run(command):
    """Wall and processor seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bench(lus, model, threads, at_once, frames):
    """Wall and processor seconds that so many frames take the engine alone: so many benches at once."""
    runs = min(max(frames // (4 * at_once), 50), 2000)
    command = [lus, "bench", model, "--threads", str(threads), "--runs", str(runs), "--json"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(at_once)]
    results = [json.loads(process.communicate()[0])["results"][0]["frames"] for process in running]
    rate = sum(1000 / statistics.mean(result["ms"]) for result in results)
    return frames / rate, frames * statistics.mean(result["processor_ms"] for result in results) / 1000


def compare(ours, theirs, step):
    import cv2
    inside = union = 0
    for path in sorted(glob.glob(os.path.join(theirs, "*", "*.mask.png")))[::step]:
        a = cv2.imread(path, cv2.IMREAD_GRAYSCALE) > 0
        b = cv2.imread(path.replace(theirs, ours), cv2.IMREAD_GRAYSCALE) > 0
        inside += (a & b).sum()
        union += (a | b).sum()
    print(f"masks of both: intersection over union {inside / max(union, 1):.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lus")
    parser.add_argument("folder")
    parser.add_argument("--model", default=os.path.join(os.path.dirname(__file__), "../../lib/models/default.onnx"))
    parser.add_argument("--clips", type=int, default=12, help="so many, evenly spread over the folder")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", type=int, default=0, metavar="N")
    args = parser.parse_args()
    try:
        import cv2
        import onnxruntime  # noqa: F401
    except ImportError as problem:
        print(f"skipped: {problem}", file=sys.stderr)
        sys.exit(77)
    found = sorted(glob.glob(os.path.join(args.folder, "**", "*.mp4"), recursive=True))
    found += sorted(glob.glob(os.path.join(args.folder, "**", "*.mkv"), recursive=True))
    clips = found[::max(len(found) // args.clips, 1)][:args.clips]
    frames = 0
    for clip in clips:
        video = cv2.VideoCapture(clip)
        while video.grab():
            frames += 1
    times = {"lus segment": [], "Python script": []}
    engines = {"engine, all threads": (args.threads, 1), "engine, one each": (1, args.threads)}
    times |= {name: [] for name in engines}
    with tempfile.TemporaryDirectory() as out:
        ours, theirs = os.path.join(out, "ours"), os.path.join(out, "theirs")
        commands = {"lus segment": [args.lus, "segment", *clips, "-o", ours, "-m", args.model, "--masks=png", "--threads",
                                    str(args.threads)],
                    "Python script": [sys.executable, __file__, "--script", args.model, theirs, str(args.threads), *clips]}
        for _ in range(1 if args.check else args.rounds):
            for name, command in commands.items():
                times[name].append(run(command))
            for name, (threads, at_once) in engines.items() if not args.check else ():
                times[name].append(bench(args.lus, args.model, threads, at_once, frames))
        compare(ours, theirs, max(args.check, 1))
    if args.check:
        return
    print(f"{len(clips)} clips, {frames} frames, {args.threads} threads, {args.rounds} rounds")
    median = {name: [statistics.median(v[i] for v in values) for i in (0, 1)] for name, values in times.items()}
    for name, (wall, cpu) in median.items():
        print(f"{name:19s} {len(clips) * 60 / wall:8.1f} clips/min {frames / wall:8.1f} frames/s {cpu:8.1f} s of processor time")
    ours, theirs, alone = median["lus segment"], median["Python script"], min(median[name] for name in engines)
    print(f"lus segment: {alone[0] / ours[0]:.2f} of the engine's rate, {alone[1] / ours[1]:.2f} by processor time; "
          f"{theirs[0] / ours[0]:.2f} times the script's clips per minute, {theirs[1] / ours[1]:.2f} by processor time")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--script":
        script(sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5:])
    else:
        main()
