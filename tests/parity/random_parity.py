#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Segmentation networks drawn at random, run by `lus infer` and ONNX Runtime: pyramids and U-shapes of odd widths and sizes, so that
what the plan folds, and what it must not fold, comes in all combinations.

    python3 -m venv VENV && VENV/bin/pip install numpy onnx onnxruntime
    VENV/bin/python tests/parity/random_parity.py build/tools/lus --networks 1000

A network passes if our largest difference from ONNX Runtime is at most 1e-4 of the largest output, or else from the exact
result, by the ONNX package's evaluator in doubles. Exit 0: all pass, 1: not, 77: a package is missing.
"""
import argparse
import subprocess
import sys
import tempfile

TOLERANCE = 1e-4

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as missing:
    print(f"skipped: {missing}; the head of tests/parity/random_parity.py tells how to install it")
    sys.exit(77)


class Network:
    """A graph that grows; each method returns the name of a value, whose channels and shrinking are known."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.constants, self.channels = [], [], {"x": int(self.random.choice([1, 3]))}
        self.height, self.width = (8 * int(self.random.integers(3, 20)) for _ in range(2))

    def choose(self, *options):
        return options[self.random.integers(len(options))]

    def chance(self, part):
        return self.random.random() < part

    def constant(self, values, kind=np.float32):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def node(self, operator, inputs, channels, **attributes):
        name = f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        self.channels[name] = channels
        return name

    def conv(self, x, channels, kernel, stride=1, dilation=1, groups=1, operator="Conv", pad=None):
        inside = self.channels[x]
        shape = (channels, inside // groups) if operator == "Conv" else (inside, channels)
        weights = self.random.standard_normal((*shape, kernel, kernel)) / np.sqrt(inside // groups * kernel * kernel)
        inputs = [x, self.constant(weights)]
        if self.chance(0.6):
            inputs.append(self.constant(self.random.standard_normal(channels)))
        pad = dilation * (kernel // 2) if pad is None else pad
        return self.node(operator, inputs, channels, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4,
                         dilations=[dilation] * 2, group=groups)

    def activation(self, x):
        channels = self.channels[x]
        kind = self.choose("Relu", "Relu", "Relu", "LeakyRelu", "HardSwish", "Clip", "Swish", None)
        if kind == "Clip":
            return self.node("Clip", [x, self.constant(0.0), self.constant(6.0)], channels)
        if kind == "Swish":
            return self.node("Mul", [x, self.node("Sigmoid", [x], channels)], channels)
        return self.node(kind, [x], channels) if kind else x

    def group_norm(self, x):
        channels = self.channels[x]
        groups = int(self.choose(*(n for n in range(1, channels + 1) if channels % n == 0)))
        split = self.node("Reshape", [x, self.constant([0, groups, -1], np.int64)], channels)
        flat = self.node("InstanceNormalization", [split, self.constant(np.ones(groups)), self.constant(np.zeros(groups))],
                         channels, epsilon=1e-5)
        y = self.node("Reshape", [flat, self.node("Shape", [x], channels)], channels)
        y = self.node("Mul", [y, self.constant(self.random.uniform(0.5, 1.5, (channels, 1, 1)))], channels)
        return self.node("Add", [y, self.constant(self.random.standard_normal((channels, 1, 1)))], channels)

    def norm(self, x):
        channels, kind = self.channels[x], self.choose("batch", "group", "group", "group", None)
        if kind == "group":
            return self.group_norm(x)
        if kind == "batch":
            values = [self.random.uniform(0.5, 1.5, channels), *self.random.standard_normal((2, channels)),
                      self.random.uniform(0.5, 1.5, channels)]
            return self.node("BatchNormalization", [x, *map(self.constant, values)], channels)
        return x

    def resize(self, x, mode, coordinates):
        more = {"nearest_mode": "floor"} if mode == "nearest" else {}
        return self.node("Resize", [x, "", self.constant([1, 1, 2, 2])], self.channels[x], mode=mode,
                         coordinate_transformation_mode=coordinates, **more)

    def add(self, a, b):
        return self.node("Add", [a, b] if self.chance(0.5) else [b, a], self.channels[a])

    def down(self, x):
        """Half the size: a plain, a pooled or an inverted residual block."""
        channels, kind = int(self.random.integers(4, 40)), self.choose("plain", "pool", "inverted")
        if kind == "plain":
            return self.activation(self.norm(self.conv(x, channels, int(self.choose(3, 5, 7)), 2)))
        if kind == "pool":
            x = self.activation(self.norm(self.conv(x, channels, 3, dilation=int(self.choose(1, 1, 2)))))
            return self.node(self.choose("MaxPool", "AveragePool"), [x], channels, kernel_shape=[2, 2], strides=[2, 2])
        wide = self.activation(self.conv(x, 4 * channels, 1))
        wide = self.activation(self.conv(wide, 4 * channels, 3, 2, groups=4 * channels))
        y = self.conv(wide, channels, 1)
        return self.add(y, self.conv(y, channels, 1)) if self.chance(0.5) else y

    def branch(self, x, channels, doublings, coordinates):
        for _ in range(max(doublings, 1)):
            x = self.conv(x, channels, 3)
            x = self.activation(x) if self.chance(0.1) else x
            x = self.node("Relu", [self.group_norm(x)], channels) if self.chance(0.8) else self.activation(self.norm(x))
            if doublings:
                x = self.resize(x, self.choose("linear", "linear", "linear", "nearest"), coordinates)
        return x

    def pyramid(self, levels, coordinates):
        middle, channels = int(self.choose(12, 16, 24, 48, 64)), int(self.choose(8, 16, 24, 32, 40))
        maps = [self.conv(levels[-1], middle, 1)]
        for level in reversed(levels[:-1]):
            doubled = self.resize(maps[-1], "nearest", "asymmetric")
            x = self.add(self.conv(level, middle, 1), doubled)
            maps.append(self.activation(x) if self.chance(0.1) else x)
        total = None
        for i, x in enumerate(maps):
            x = self.branch(x, channels, len(maps) - 1 - i, coordinates)
            total = self.add(total, x) if total else x
        return self.activation(total) if self.chance(0.1) else total

    def u_shape(self, levels, coordinates):
        x = levels[-1]
        for level in reversed(levels[:-1]):
            channels = int(self.random.integers(6, 40))
            kind = self.choose("nearest", "linear", "transposed")
            if kind == "transposed":
                kernel = int(self.choose(2, 4))
                x = self.conv(x, channels, kernel, 2, operator="ConvTranspose", pad=kernel // 2 - 1)
            else:
                x = self.resize(x, kind, "asymmetric" if kind == "nearest" else coordinates)
            x = self.node("Concat", [x, level], self.channels[x] + self.channels[level], axis=1)
            x = self.activation(self.norm(self.conv(x, channels, 3)))
        return x

    def model(self):
        levels, coordinates = ["x"], self.choose("half_pixel", "align_corners", "pytorch_half_pixel")
        for _ in range(3):
            levels.append(self.down(levels[-1]))
        x = self.choose(self.pyramid, self.pyramid, self.u_shape)(levels[1:], coordinates)
        y = self.conv(x, int(self.random.choice([1, 2, 3, 4, 5, 16, 17])), int(self.choose(1, 1, 1, 3)))
        y = self.add(y, self.conv(x, self.channels[y], 1)) if self.chance(0.1) else y
        y = self.activation(y) if self.chance(0.3) else y
        y = self.resize(y, "linear", coordinates) if self.chance(0.7) else y
        y = self.node("Identity", [y], self.channels[y])
        shape = [1, self.channels["x"], self.height, self.width]
        graph = helper.make_graph(self.nodes, "random", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                                  [helper.make_tensor_value_info(y, TensorProto.FLOAT, None)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return model, self.random.standard_normal(shape).astype(np.float32)


def difference(y, wanted):
    return float(np.abs(y - wanted).max() / max(np.abs(wanted).max(), 1e-3))


def exact(model, x):
    """The network in doubles; the factors of a Resize stay floats."""
    factors = {node.input[2] for node in model.graph.node if node.op_type == "Resize"}
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype == np.float32 and constant.name not in factors:
            constant.CopyFrom(numpy_helper.from_array(values.astype(np.float64), constant.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    return ReferenceEvaluator(model).run(None, {"x": x.astype(np.float64)})[0]


def compare(lus, seed, threads, folder):
    """Our difference from ONNX Runtime; where that is too large, from the exact result."""
    model, x = Network(seed).model()
    onnx.save(model, f"{folder}/m.onnx")
    np.save(f"{folder}/x.npy", x)
    done = subprocess.run([lus, "infer", f"{folder}/m.onnx", "-i", f"{folder}/x.npy", "-o", f"{folder}/y.npy", "--threads",
                           str(threads)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().replace(folder, ""))
    y = np.load(f"{folder}/y.npy")
    session = onnxruntime.InferenceSession(f"{folder}/m.onnx", providers=["CPUExecutionProvider"])
    from_runtime = difference(y, session.run(None, {"x": x})[0])
    return from_runtime if from_runtime <= TOLERANCE else difference(y, exact(model, x))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lus", help="the lus program")
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1, help="the first network's; the others' follow")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    found, failed = [], 0
    for seed in range(options.seed, options.seed + options.networks):
        with tempfile.TemporaryDirectory() as folder:
            try:
                found.append(compare(options.lus, seed, options.threads, folder))
                problem = "" if found[-1] <= TOLERANCE else f"off by {found[-1]:.1e} of the largest output"
            except RuntimeError as error:
                problem = str(error)
        if problem:
            failed += 1
            print(f"--seed {seed} --networks 1: {problem}", flush=True)
    print(f"{len(found)} networks, differences: median {np.median(found):.1e}, largest {max(found):.1e}")
    print(f"{failed} failed" if failed else "all pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
