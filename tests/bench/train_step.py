#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One training step of a ResNet-18 FPN of half width here and in PyTorch, in alternating runs.

    tests/bench/train_step.py BUILD/tests/bench/bench-train [--threads 2] [--batch 8] [--size 256]

Needs PyTorch (Debian: python3-torch). The network is exported to ONNX, which folds BatchNorm into the
convolutions; bench-train trains that file. PyTorch trains the network as it is, with BatchNorm
learning, and a second time with the norms already folded, which is the same arithmetic as here. A
step is forward, loss, backward and AdamW. Printed are the medians of each step's time and of its
processor time, which other programs on the machine disturb less, frames per second, and the most
memory that a process had which did nothing else (and how much of it was there before the network,
for libraries).
"""
import argparse
import copy
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="bench-train of a build")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=3, help="per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)  # a process of its own for one peer
    return parser.parse_args()


# Read when the libraries are loaded, and by the threads of the backward pass.
ARGS = arguments()
os.environ["OMP_NUM_THREADS"] = str(ARGS.threads)

try:
    import torch
    from torch import nn
except ImportError:
    sys.exit("train_step.py: PyTorch is not installed (Debian: python3-torch)")

import networks  # noqa: E402 - needs PyTorch


def folded(module):
    """The network with each BatchNorm folded into the convolution before it."""
    module = copy.deepcopy(module).eval()
    for pair in module.modules():
        if isinstance(pair, nn.Sequential) and len(pair) == 2 and isinstance(pair[1], nn.BatchNorm2d):
            pair[0] = torch.nn.utils.fusion.fuse_conv_bn_eval(pair[0], pair[1])
            pair[1] = nn.Identity()
    return module


class Trainer:
    def __init__(self, module, batch, size, classes=4):
        self.module = module.train()
        self.optimizer = torch.optim.AdamW(module.parameters(), 1e-4)
        self.loss = nn.BCEWithLogitsLoss()
        self.x = torch.randn(batch, 3, size, size)
        self.y = torch.randint(0, 2, (batch, classes, size, size)).float()
        self.step()

    def step(self):
        start, cpu = time.perf_counter(), time.process_time()
        self.optimizer.zero_grad()
        self.loss(self.module(self.x), self.y).backward()
        self.optimizer.step()
        return (time.perf_counter() - start) * 1e3, (time.process_time() - cpu) * 1e3


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def new_peer(name, network):
    args = ARGS
    module = folded(network) if name == "PyTorch, norms folded" else copy.deepcopy(network)
    return Trainer(module, args.batch, args.size)


def print_peak(name):
    """In a process of its own: two steps, and the memory before and after."""
    before = peak_mib()
    new_peer(name, networks.Fpn("r18h")).step()
    print(f"{before:.0f} {peak_mib():.0f}")


def measure_peak(name):
    command = [sys.executable, *sys.argv, "--peak-of", name]
    return [float(x) for x in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def steps_here(program, args, model):
    command = [program, args.size, args.threads, args.batch, args.steps, model]
    text = subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout
    times = re.findall(r"^step ([\d.]+) ms, processors ([\d.]+) ms", text, re.M)
    peak = re.search(r"peak (\d+) MiB", text)
    return [(float(a), float(b)) for a, b in times], float(peak[1])


def main():
    args = ARGS
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    if args.peak_of:
        print_peak(args.peak_of)
        return
    network = networks.Fpn("r18h")
    peaks = {name: measure_peak(name) for name in ["PyTorch", "PyTorch, norms folded"]}
    peers = {name: new_peer(name, network) for name in peaks}
    times = {name: [] for name in ["here", *peers]}
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "r18h.onnx")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(network.eval(), torch.randn(1, 3, args.size, args.size), model,
                              input_names=["x"], output_names=["y"], opset_version=13)
        for _ in range(args.rounds):
            here, peak = steps_here(args.program, args, model)
            times["here"] += here
            peaks["here"] = [0, max(peak, peaks.get("here", [0, 0])[1])]
            for name, peer in peers.items():
                times[name] += [peer.step() for _ in range(args.steps)]
    print(f"PyTorch {torch.__version__}, {args.size}x{args.size}, batch {args.batch}, "
          f"{args.threads} threads, medians of {len(times['here'])} steps, alternating")
    here = [statistics.median(t[i] for t in times["here"]) for i in (0, 1)]
    for name, measured in times.items():
        wall, cpu = (statistics.median(t[i] for t in measured) for i in (0, 1))
        print(f"{name:24s} {wall:7.1f} ms {wall / here[0]:5.2f}x   "
              f"processors {cpu:7.1f} ms {cpu / here[1]:5.2f}x   {args.batch * 1e3 / wall:6.1f} frames/s   "
              f"peak {peaks[name][1]:5.0f} MiB, of which {peaks[name][0]:.0f} before the network")


if __name__ == "__main__":
    main()
