"""The arena of one- and three-layer networks beside what TensorFlow Lite Micro takes for them, over
a sweep of shapes.

python -m tests.bench.bench_arenas
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from tests.helpers.tiny_tflite import build, tensor

CHANNELS, IMAGES, KERNELS = (1, 3, 16, 37, 64, 128, 300, 512), (1, 2, 4, 7, 16), (1, 3, 5)
WORST = 10
"""Networks that are listed."""

TFLM = """
import sys
from tflite_micro.python.tflite_micro import runtime
for path in sys.argv[1:]:
    runtime.Interpreter.from_file(path, arena_size=32 << 20).print_allocations()
    print(f"done {path}", file=sys.stderr, flush=True)
"""

Layer = tuple[str, tuple[int, ...], int, int, tuple[str, dict]]
"""Operator, shape of the weights, output channels, rows and columns of the output, options."""


def layer(kind: str, channels: int, made: int, kernel: int, image: int) -> Layer:
    fields = {"padding": 0, "strideH": 1, "strideW": 1}
    dilated = fields | {"dilationHFactor": 1, "dilationWFactor": 1}
    if kind == "depthwise":
        options = "DepthwiseConv2DOptions", {**dilated, "depthMultiplier": 1}
        return "DEPTHWISE_CONV_2D", (1, kernel, kernel, channels), channels, image, options
    if kind == "transposed":
        options = "TransposeConvOptions", {"padding": 0, "strideH": 2, "strideW": 2}
        return "TRANSPOSE_CONV", (made, kernel, kernel, channels), made, 2 * image, options
    depth = channels // 2 if kind == "grouped" else channels
    return "CONV_2D", (made, kernel, kernel, depth), made, image, ("Conv2DOptions", dilated)


def network(kind: str, image: int, channels: list[int], kernel: int) -> bytes:
    """A chain of layers of one kind; ``channels`` are those of the input and of each output."""
    tensors = [tensor("x", (1, image, image, channels[0]), scale=0.05, zero_point=-7)]
    operators, last = [], 0
    for given, made in zip(channels, channels[1:]):
        name, shape, made, image, options = layer(kind, given, made, kernel, image)
        at = len(tensors)
        tensors += [
            tensor(f"w{at}", shape, data=np.ones(shape, np.int8), scale=[0.002] * made),
            tensor(f"b{at}", (made,), "INT32", np.zeros(made, np.int32), scale=None),
            tensor(
                f"s{at}", (4,), "INT32", np.array([1, image, image, made], np.int32), scale=None
            ),
            tensor(f"o{at}", (1, image, image, made), scale=0.3, zero_point=9),
        ]
        reads = [at + 2, at, last, at + 1] if kind == "transposed" else [last, at, at + 1]
        operators.append((name, reads, [at + 3], options))
        last = at + 3
    return build(tensors, operators, [0], [last])


def dense(rows: int, inputs: int, outputs: int) -> bytes:
    tensors = [
        tensor("x", (rows, inputs), scale=0.05, zero_point=-7),
        tensor("w", (outputs, inputs), data=np.ones((outputs, inputs), np.int8), scale=0.002),
        tensor("b", (outputs,), "INT32", np.zeros(outputs, np.int32), scale=None),
        tensor("o", (rows, outputs), scale=0.3, zero_point=9),
    ]
    return build(
        tensors, [("FULLY_CONNECTED", [0, 1, 2], [3], ("FullyConnectedOptions", {}))], [0], [3]
    )


def networks() -> Iterator[tuple[str, bytes]]:
    for kind, image, kernel, channels in product(
        ("conv", "depthwise", "transposed", "grouped"), IMAGES, KERNELS, CHANNELS
    ):
        if kind != "grouped" or channels % 2 == 0:
            yield (
                f"{kind} {kernel}x{kernel}, {image}x{image}x{channels}",
                network(kind, image, [channels, channels], kernel),
            )
    for image, kernel, (given, made) in product(
        IMAGES, KERNELS, [(1, 512), (512, 1), (300, 8), (64, 130)]
    ):
        yield (
            f"conv {kernel}x{kernel}, {image}x{image}x{given} to {made}",
            network("conv", image, [given, made], kernel),
        )
    for image, channels in product((1, 4, 6, 10), (16, 64, 256)):
        yield (
            f"three conv 3x3, {image}x{image}x{channels}",
            network("conv", image, [channels] * 4, 3),
        )
    for rows, inputs, outputs in product((1, 3), CHANNELS, CHANNELS):
        yield f"dense {rows}x{inputs} to {outputs}", dense(rows, inputs, outputs)


def tflm_arenas(paths: list[Path]) -> dict[str, int]:
    """Bytes by file name."""
    run = subprocess.run(
        [sys.executable, "-c", TFLM, *map(str, paths)], capture_output=True, text=True, check=True
    )
    found = re.findall(r"Arena allocation total (\d+) bytes.*?done (\S+)", run.stderr, re.DOTALL)
    return {Path(path).name: int(size) for size, path in found}


def main() -> None:
    own: dict[str, tuple[str, int]] = {}
    with tempfile.TemporaryDirectory() as work:
        for number, (name, data) in enumerate(networks()):
            (Path(work) / f"{number}.tflite").write_bytes(data)
            compiled = compile_graph(parse_tflite(data, name), name, "quantized", "network")
            own[f"{number}.tflite"] = name, compiled.plan.size
        theirs = tflm_arenas(sorted(Path(work).iterdir()))
    rows = sorted(
        ((size / theirs[file], size, theirs[file], name) for file, (name, size) in own.items()),
        reverse=True,
    )
    print(
        f"{len(rows)} networks; larger than TensorFlow Lite Micro's: {sum(ratio > 1 for ratio, *_ in rows)}; the worst:"
    )
    for ratio, size, their, name in rows[:WORST]:
        print(f"{name:36} {size:8} bytes, TensorFlow Lite Micro {their:8}, ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
