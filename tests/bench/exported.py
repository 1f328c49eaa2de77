"""Exported networks: instructions on emulated cores beside CMSIS-NN, and the way to a board."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import poseutils as pu
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.deployment import as_exported, export, missing_tools
from poseutils.deployment.verify.host_build import copy_sources, run_make
from tests.bench.ratios import PEOPLE, SHIPPED, Row, children_seconds, in_turns
from tests.helpers.networks.tiny_tflite import build, tensor
from tests.helpers.running.emulated import emulated

CORES = {"m4": "Cortex-M4", "m7": "Cortex-M7", "m55": "Cortex-M55"}


@dataclass(frozen=True)
class Convolution:
    """A layer on a square image.

    Attributes:
        size: rows and columns of the input.
        cmsis: instructions a MAC that Arm's CMSIS-NN takes for it on each core: measured with gcc
            12 -O3, and counted the same way as here, by QEMU.
    """

    what: str
    size: int
    channels: int
    made: int
    window: int
    cmsis: dict[str, float]
    stride: int = 1
    depthwise: bool = False

    @property
    def macs(self) -> int:
        return (
            (self.size // self.stride) ** 2
            * self.made
            * self.window**2
            * (1 if self.depthwise else self.channels)
        )

    def network(self) -> bytes:
        dice = np.random.default_rng(3)
        shape = (
            (1, self.window, self.window, self.made)
            if self.depthwise
            else (self.made, self.window, self.window, self.channels)
        )
        out = self.size // self.stride
        tensors = [
            tensor("x", (1, self.size, self.size, self.channels), scale=0.05, zero_point=-7),
            tensor(
                "w",
                shape,
                data=dice.integers(-127, 128, shape).astype(np.int8),
                scale=list(dice.uniform(0.001, 0.004, self.made)),
            ),
            tensor(
                "b",
                (self.made,),
                "INT32",
                dice.integers(-3000, 3000, self.made).astype(np.int32),
                scale=None,
            ),
            tensor("o", (1, out, out, self.made), scale=0.3, zero_point=9),
        ]
        fields = {
            "padding": 0,
            "strideH": self.stride,
            "strideW": self.stride,
            "dilationHFactor": 1,
            "dilationWFactor": 1,
        }
        if self.depthwise:
            options = "DepthwiseConv2DOptions", {**fields, "depthMultiplier": 1}
            return build(tensors, [("DEPTHWISE_CONV_2D", [0, 1, 2], [3], options)], [0], [3])
        return build(tensors, [("CONV_2D", [0, 1, 2], [3], ("Conv2DOptions", fields))], [0], [3])


LAYERS = (
    Convolution(
        "1x1, 16 to 96 channels, 96x96", 96, 16, 96, 1, {"m4": 3.95, "m7": 3.90, "m55": 1.04}
    ),
    Convolution(
        "depthwise 3x3 stride 2, 96 channels, to 48x48",
        96,
        96,
        96,
        3,
        {"m4": 8.78, "m7": 8.62, "m55": 2.15},
        2,
        True,
    ),
    Convolution(
        "1x1, 96 to 24 channels, 48x48", 48, 96, 24, 1, {"m4": 1.84, "m7": 1.81, "m55": 0.31}
    ),
    Convolution(
        "3x3, 64 to 32 channels, 32x32", 32, 64, 32, 3, {"m4": 1.81, "m7": 1.81, "m55": 0.21}
    ),
)


def kernels() -> Iterator[str]:
    """Instructions a MAC of layers: here, CMSIS-NN's, and the ratio."""
    if missing_tools():
        yield f"Not measured; not installed here: {', '.join(missing_tools())}."
        return
    yield "Instructions a MAC, counted on emulated cores: ours / CMSIS-NN's = ratio."
    yield ""
    yield f"| layer | {' | '.join(CORES.values())} |"
    yield "|---|---|---|---|"
    for layer in LAYERS:
        graph = parse_tflite(layer.network(), layer.what)
        dice = np.random.default_rng(5)
        values = dice.integers(-128, 128, graph.tensors[0].shape).astype(np.int8)
        cells = []
        for core in CORES:
            with tempfile.TemporaryDirectory() as work:
                own = emulated(graph, [values], core, Path(work))[1] / layer.macs
            cells.append(f"{own:.2f} / {layer.cmsis[core]:.2f} = {own / layer.cmsis[core]:.2f}")
        yield f"| {layer.what} | {' | '.join(cells)} |"


def exporting() -> Iterator[Row]:
    """The shipped network's way to a board."""
    model, data = pu.load_model(SHIPPED, num_threads=1), pu.load_dataset(PEOPLE)
    code = as_exported(model)
    ratio = in_turns(
        lambda: pu.evaluate(code, data, progress=False),
        lambda: pu.evaluate(model, data, progress=False),
        2,
    )
    yield Row("evaluate the exported C", "evaluate with LiteRT, one thread", ratio, 6.5)
    with tempfile.TemporaryDirectory() as work:
        start = time.process_time()
        bundle = export(model, Path(work) / "bundle")
        own = time.process_time() - start
        folder = copy_sources(bundle.sources, Path(work) / "copy")
        before = children_seconds()
        run_make(folder, "host")
        yield Row("export a network", "compile what was exported", ratio_of(own, before), 1)


def ratio_of(own: float, before: float) -> float:
    """Seconds of ours over those of the processes that have ended since."""
    return own / (children_seconds() - before)
