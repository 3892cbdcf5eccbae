#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Milliseconds per frame of ONNX files here and in other engines, in alternating runs.

    tests/bench/compare.py BUILD/tools/lus FILE.onnx... [--threads 1,2] [--rounds 5]

Each engine is a process of its own. In each round every engine in turn makes some runs, so that what
disturbs the machine disturbs all; printed are medians over all runs and the ratio of the other
engine's median to ours. ONNX Runtime and OpenVINO are taken from the Python that runs this script:

    python3 -m venv VENV && VENV/bin/pip install numpy onnxruntime openvino

PyTorch is Debian's (python3-torch, by /usr/bin/python3), and measured for files named r18gn* and r18h*,
whose network tests/bench/networks.py defines. An engine that isn't there is left out, and said so.
Ends with 77 where no other engine is there.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

OURS = {"Lus": {}, "Lus, OpenBLAS only": {"LUS_CONV": "blas"}, "Lus, AVX2": {"LUS_KERNELS": "avx2"}}
PEERS = {"ort": "ONNX Runtime", "openvino": "OpenVINO", "eager": "PyTorch, eager", "frozen": "PyTorch, jit, frozen"}


# ---- in a peer's process: one line with a number of runs in, one line of JSON out ----

def picture(size, channels):
    import numpy
    return numpy.random.default_rng(1).standard_normal((1, channels, size, size)).astype("float32")


def load_ort(path, size, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: picture(size, session.get_inputs()[0].shape[1])}
    return lambda: session.run(None, feed)


def load_openvino(path, size, threads):
    import openvino
    core = openvino.Core()
    model = core.read_model(path)
    channels = model.inputs[0].get_partial_shape()[1].get_length()
    model.reshape([1, channels, size, size])
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1,
                                                 "INFERENCE_PRECISION_HINT": "f32"})
    request, x = compiled.create_infer_request(), picture(size, channels)
    return lambda: request.infer([x])


def load_torch(path, size, threads, frozen):
    import torch
    import networks
    torch.set_num_threads(threads)
    network = networks.Fpn(os.path.basename(path).split("-")[0].split(".")[0]).eval()
    x = torch.from_numpy(picture(size, 3))
    with torch.no_grad():
        run = torch.jit.freeze(torch.jit.trace(network, x)) if frozen else network

    def once():
        with torch.no_grad():
            run(x)
    return once


def peer(kind, path, size, threads):
    begin = time.perf_counter()
    try:
        load = {"ort": load_ort, "openvino": load_openvino}.get(kind)
        run = load(path, size, threads) if load else load_torch(path, size, threads, kind == "frozen")
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), flush=True)
        return
    load_ms = (time.perf_counter() - begin) * 1e3
    run()
    run()
    print(json.dumps({"load_ms": load_ms}), flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            run()
            times.append((time.perf_counter() - begin) * 1e3)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"ms": times, "peak": peak}), flush=True)


# ---- in ours ----

class Peer:
    def __init__(self, kind, path, size, threads):
        python = "/usr/bin/python3" if kind in ("eager", "frozen") else sys.executable
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(
            [python, os.path.abspath(__file__), "--peer", kind, path, str(size), str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        line = self.process.stdout.readline()
        state = json.loads(line) if line else {"missing": "its process ended"}
        self.missing = state.get("missing")
        self.load_ms, self.ms, self.peak = state.get("load_ms", 0), [], 0

    def run(self, runs):
        self.process.stdin.write(f"{runs}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.ms += answer["ms"]
        self.peak = answer["peak"]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Ours:
    missing = None

    def __init__(self, lus, extra, path, size, threads):
        self.command = [lus, "bench", path, "--size", str(size), "--threads", str(threads), "--json"]
        self.environment = dict(os.environ, **extra)
        self.load_ms, self.ms, self.peak = 0, [], 0

    def run(self, runs):
        output = subprocess.run(self.command + ["--runs", str(runs)], env=self.environment, check=True,
                                stdout=subprocess.PIPE, text=True).stdout
        answer = json.loads(output)
        result = answer["results"][0]
        self.load_ms = result["load_ms"] + result["plan_ms"]
        self.ms += result["network"]["ms"]
        self.peak = answer["peak_rss_bytes"]

    def end(self):
        pass


def own_size(lus, path):
    """The side of the square that the file fixes as its input."""
    output = subprocess.run([lus, "bench", path, "--runs", "1", "--json"], check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output)["results"][0]["input"][1]


def wanted_peers(path):
    known = os.path.basename(path).startswith(("r18gn", "r18h")) and "int8" not in path
    return [kind for kind in PEERS if known or kind in ("ort", "openvino")]


def compare(args, path, size, threads):
    engines = {name: Ours(args.lus, extra, path, size, threads) for name, extra in OURS.items()}
    if args.only_default:
        engines = {"Lus": engines["Lus"]}
    for kind in wanted_peers(path):
        engine = Peer(kind, path, size, threads)
        if engine.missing:
            print(f"{PEERS[kind]} is left out: {engine.missing}", file=sys.stderr)
        else:
            engines[PEERS[kind]] = engine
    for _ in range(args.rounds):
        for engine in engines.values():
            engine.run(args.runs)
    for engine in engines.values():
        engine.end()
    return engines


def print_rows(path, size, threads, engines):
    ours = statistics.median(engines["Lus"].ms)
    for name, engine in engines.items():
        median = statistics.median(engine.ms)
        print(f"| {os.path.basename(path)} | {size} | {threads} | {name} | {median:.2f} | {min(engine.ms):.2f} "
              f"| {median / ours:.2f} | {engine.load_ms:.0f} | {engine.peak / 1e6:.0f} |", flush=True)


def numbers(text):
    return [int(part) for part in text.split(",")]


def main():
    if sys.argv[1:2] == ["--peer"]:
        peer(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lus")
    parser.add_argument("files", nargs="+", metavar="FILE.onnx")
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5, help="per engine and round")
    parser.add_argument("--only-default", action="store_true", help="leave out OpenBLAS only and AVX2")
    args = parser.parse_args()
    for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        os.environ.pop(variable, None)
    print("| network | size | threads | engine | median ms | least | times ours | load ms | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    others = 0
    for path in args.files:
        size = own_size(args.lus, path)
        for threads in args.threads:
            engines = compare(args, path, size, threads)
            print_rows(path, size, threads, engines)
            others += sum(name in PEERS.values() for name in engines)
    return 0 if others else 77


if __name__ == "__main__":
    sys.exit(main())
