"""Exported networks: instructions on emulated cores beside CMSIS-NN, every byte beside LiteRT's,
memory, and speed on this computer.

python -m tests.bench.bench_export [FILE.tflite ...]
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import poseutils as pu
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.deployment import export, missing_tools
from poseutils.deployment.verify.host_build import copy_sources, run_make, run_tool
from tests.helpers.emulated import emulated
from tests.helpers.litert_reference import Reference
from tests.helpers.tiny_tflite import build, tensor

IMAGES = 20
ROOT = Path(__file__).resolve().parents[2]


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


def bench_layers() -> None:
    """Instructions a MAC: here, CMSIS-NN's, and the ratio."""
    print(
        "instructions a MAC (CMSIS-NN's, ratio)".ljust(46)
        + "".join(f"{core:>22}" for core in ("Cortex-M4", "Cortex-M7", "Cortex-M55"))
    )
    for layer in LAYERS:
        graph = parse_tflite(layer.network(), layer.what)
        values = (
            np.random.default_rng(5).integers(-128, 128, graph.tensors[0].shape).astype(np.int8)
        )
        cells = []
        for core, cmsis in layer.cmsis.items():
            with tempfile.TemporaryDirectory() as work:
                own = emulated(graph, [values], core, Path(work))[1] / layer.macs
            cells.append(f"{own:8.2f} ({cmsis:.2f}, {own / cmsis:.2f})")
        print(layer.what.ljust(46) + "".join(cell.rjust(22) for cell in cells), flush=True)


def batch(network, folder: Path) -> np.ndarray:
    """Real images as the network's input takes them."""
    paths = pu.find_images(folder)[:IMAGES]
    return network.prepare(
        np.stack([pu.fit_to(pu.read_image(path), network.input_size)[0] for path in paths])
    )


def measure(path: Path, folder: Path) -> str:
    with tempfile.TemporaryDirectory() as work:
        model = pu.load_model(path)
        bundle = export(model, Path(work) / "bundle")
        images, reference = batch(model.network, folder), Reference(path)
        ours, outputs = host_seconds(bundle, bundle.prepare(images), Path(work) / "copy")
        names, equal, slow = {t.name: i for i, t in enumerate(bundle.file_graph.tensors)}, 0, []
        for number in range(len(images)):
            start = time.process_time()
            reference.run(images[number : number + 1])
            slow.append(time.process_time() - start)
            given = b"".join(reference.tensor(names[t.name]).tobytes() for t in bundle.outputs)
            equal += outputs[number * len(given) : (number + 1) * len(given)] == given
        report = bundle.report
        return (
            f"{path.name[:48]:48} {equal:3}/{len(images)} equal, arena {report.arena_bytes / 1024:7.1f} KiB, flash "
            f"{report.flash_bytes / 1024:6.0f} KiB, {1000 * ours:5.0f} ms, over LiteRT's reference kernels {ours / np.median(slow):.2f}"
        )


def host_seconds(bundle, inputs: np.ndarray, work: Path) -> tuple[float, bytes]:
    """Processor time of one image, compiled with -O3, and the outputs of all."""
    folder = copy_sources(bundle.sources, work)
    run_make(folder, "host", "OPT=-O3")
    (folder / "in.bin").write_bytes(inputs.tobytes())
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run_tool(["build/main", "in.bin", "out.bin"], folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / len(inputs), (folder / "out.bin").read_bytes()


def main(arguments: list[str]) -> None:
    if missing_tools():
        print(f"not installed here: {', '.join(missing_tools())}; instructions are left out.")
    else:
        bench_layers()
    cached = Path(os.environ.get("POSEUTILS_CACHE") or ROOT / "data") / "models"
    paths = [Path(a) for a in arguments] or sorted(
        {*(ROOT / "data/models").glob("*.tflite"), *cached.glob("*.tflite")}
    )
    for path in paths:
        print(measure(path, ROOT / "data/synthetic-people/val"), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
