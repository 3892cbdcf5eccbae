#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks of segmentation_models_pytorch, exported by PyTorch and run by `lus infer`, ONNX Runtime and PyTorch.

    python3 -m venv --system-site-packages VENV     # over Debian's python3-torch
    VENV/bin/pip install --no-deps 'segmentation-models-pytorch<0.6' 'timm<1.1' 'torchvision<0.16'
    VENV/bin/pip install 'huggingface_hub<1' safetensors tqdm pyyaml pillow 'onnx<1.17' onnxruntime 'numpy<2'
    VENV/bin/python tests/parity/smp_parity.py build/tools/lus

Weights are random, so are the statistics of the normalisations. A row passes if our largest difference from ONNX
Runtime is at most 1e-4 of the largest output; the same is asked of PyTorch. Exit 0: all pass, 1: not, 77: a package
is missing. `--quick` is one case per network, without times: what `meson test --suite parity` runs.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings

ARCHITECTURES = ("FPN", "Unet", "DeepLabV3Plus")
ENCODERS = ("resnet18", "resnet34", "mobilenet_v2", "efficientnet-b0")
TOLERANCE = 1e-4
# Opset (18 is converted from 17), height, width, channels, classes, dimensions open
CASES = (
    (17, 256, 256, 3, 4, False),
    (11, 256, 256, 1, 1, False),
    (13, 224, 320, 3, 1, False),
    (16, 224, 320, 1, 4, False),
    (18, 256, 256, 3, 1, False),
    (11, 224, 320, 3, 4, True),
    (17, 256, 256, 1, 1, True),
)

warnings.filterwarnings("ignore")
try:
    import numpy as np
    import onnx
    import onnx.version_converter
    import onnxruntime
    import torch
    import segmentation_models_pytorch as smp
except ImportError as missing:
    print(f"skipped: {missing}; the head of tests/parity/smp_parity.py tells how to install it")
    sys.exit(77)


def network(architecture, encoder, channels, classes):
    """Random weights, and normalisations that are far from doing nothing."""
    torch.manual_seed(1)
    model = getattr(smp, architecture)(encoder, encoder_weights=None, in_channels=channels, classes=classes)
    for module in model.modules():
        if isinstance(module, (torch.nn.BatchNorm2d, torch.nn.GroupNorm)):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():  # statistics of one batch, so that signals neither vanish nor explode
        model.train()(torch.randn(4, channels, 128, 128))
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean += 0.2 * torch.randn_like(module.running_mean) * module.running_var.sqrt()
                module.running_var *= torch.empty_like(module.running_var).uniform_(0.7, 1.4)
    return model.eval()


def export(model, x, opset, is_open, path):
    axes = {"x": {0: "n", 2: "h", 3: "w"}, "y": {0: "n", 2: "h", 3: "w"}} if is_open else None
    torch.onnx.export(model, x, path, input_names=["x"], output_names=["y"], opset_version=min(opset, 17),
                      dynamic_axes=axes)
    if opset > 17:
        onnx.save(onnx.version_converter.convert_version(onnx.load(path), opset), path)


def infer(lus, folder, threads, runs):
    """Our result, and the median in ms."""
    command = [lus, "infer", f"{folder}/m.onnx", "-i", f"{folder}/x.npy", "-o", f"{folder}/y.npy"]
    done = subprocess.run(command + ["--threads", str(threads), "--runs", str(runs)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().replace(folder, ""))
    median = re.search(r"median ([0-9.]+)", done.stdout)
    return np.load(f"{folder}/y.npy"), float(median.group(1)) if median else float("nan")


class Peer:
    """ONNX Runtime on as many threads."""

    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def run(self, x):
        return self.session.run(None, {"x": x})[0]

    def median(self, x, runs):
        times = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            self.run(x)
            times.append(time.perf_counter() - start)
        return 1e3 * sorted(times[1:])[runs // 2]


def difference(y, wanted):
    return float(np.abs(y - wanted).max() / np.abs(wanted).max())


def compare(options, architecture, encoder, case, folder):
    """One row of the table: differences from ONNX Runtime and PyTorch, times of ours and ONNX Runtime's."""
    opset, height, width, channels, classes, is_open = case
    model = network(architecture, encoder, channels, classes)
    x = torch.randn(1, channels, height, width)
    with torch.no_grad():
        torch_y = model(x).numpy()
    export(model, x, opset, is_open, f"{folder}/m.onnx")
    np.save(f"{folder}/x.npy", x.numpy())
    y, _ = infer(options.lus, folder, options.threads, 0)
    peer = Peer(f"{folder}/m.onnx", options.threads)
    ours, theirs = [], []
    for _ in range(options.rounds if opset == CASES[0][0] and not is_open else 0):
        ours.append(infer(options.lus, folder, options.threads, options.runs)[1])
        theirs.append(peer.median(x.numpy(), options.runs))
    return difference(y, peer.run(x.numpy())), difference(y, torch_y), ours, theirs


def row(architecture, encoder, case, result):
    opset, height, width, channels, classes, is_open = case
    cells = [f"{architecture} {encoder}", opset, f"{channels}x{height}x{width}{', open' if is_open else ''}", classes]
    if isinstance(result, str):
        return cells + [result, "", "", "", ""]
    runtime, pytorch, ours, theirs = result
    times = ["", "", ""]
    if ours:
        a, b = np.median(ours), np.median(theirs)
        times = [f"{a:.1f}", f"{b:.1f}", f"{b / a:.2f}"]
    return cells + [f"{runtime:.1e}", f"{pytorch:.1e}"] + times


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lus", help="the lus program")
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--setting", type=int, choices=range(len(CASES)), help="this setting alone; 0 is the one timed")
    parser.add_argument("--quick", action="store_true", help="one case per network, no times")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="times ours and ONNX Runtime are timed in turns")
    parser.add_argument("--runs", type=int, default=8, help="passes per round")
    parser.add_argument("--keep", help="a folder for the exported files")
    return parser.parse_args()


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, segmentation_models_pytorch {smp.__version__}, onnx {onnx.__version__}, "
          f"ONNX Runtime {onnxruntime.__version__}, {options.threads} threads\n")
    print("| network | opset | input | classes | from ONNX Runtime | from PyTorch | ms | ONNX Runtime ms | ratio |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    failed = 0
    for number, (architecture, encoder) in enumerate((a, e) for a in ARCHITECTURES for e in ENCODERS):
        if options.only not in f"{architecture} {encoder}":
            continue
        cases = [CASES[number % len(CASES)]] if options.quick else CASES
        if options.setting is not None:
            cases = [CASES[options.setting]]
        for case in cases:
            with tempfile.TemporaryDirectory() as folder:
                if options.keep:
                    folder = f"{options.keep}/{architecture}-{encoder}-{'-'.join(map(str, case))}"
                    os.makedirs(folder, exist_ok=True)
                try:
                    if options.quick:
                        options.rounds = 0
                    result = compare(options, architecture, encoder, case, folder)
                    failed += not max(result[:2]) <= TOLERANCE
                except RuntimeError as error:
                    result = str(error).splitlines()[-1]
                    failed += 1
            print("| " + " | ".join(map(str, row(architecture, encoder, case, result))) + " |", flush=True)
    print(f"\n{failed} failed" if failed else "\nall pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
