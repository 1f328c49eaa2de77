"""Exported networks on twenty images: whether every output byte is LiteRT's, memory, and speed beside its reference kernels.

python tests/bench_export.py [FILE.tflite ...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from litert_reference import Reference, same

import poseutils as pu
from poseutils.deployment import export
from poseutils.deployment.host import copy_sources, run_make, run_tool

IMAGES = 20


def batch(network, folder: Path) -> np.ndarray:
    """Real images as the network's input takes them."""
    paths = pu.find_images(folder)[:IMAGES]
    return network.prepare(np.stack([pu.fit_to(pu.read_image(path), network.input_size)[0] for path in paths]))


def measure(path: Path, folder: Path) -> str:
    with tempfile.TemporaryDirectory() as work:
        model = pu.load_model(path)
        bundle = export(model, Path(work) / "bundle")
        images, reference = batch(model.network, folder), Reference(path)
        outputs, names = bundle.run_host(bundle.prepare(images)), {t.name: i for i, t in enumerate(bundle.file_graph.tensors)}
        equal, slow = 0, []
        for number in range(len(images)):
            start = time.perf_counter()
            reference.run(images[number : number + 1])
            slow.append(time.perf_counter() - start)
            equal += all(same(outputs[t.name][number : number + 1], reference.tensor(names[t.name])) for t in bundle.outputs)
        ours = seconds(bundle, bundle.prepare(images), Path(work) / "copy")
        report = bundle.report
        return (
            f"{path.name[:48]:48} {equal:3}/{len(images)} equal, arena {report.arena_bytes / 1024:7.1f} KiB, flash "
            f"{report.flash_bytes / 1024:6.0f} KiB, {1000 * ours:5.0f} ms, reference kernels {1000 * np.median(slow):5.0f} ms"
        )


def seconds(bundle, inputs: np.ndarray, work: Path) -> float:
    """Of one image, compiled with -O3."""
    folder = copy_sources(bundle.path, work)
    run_make(folder, "host", "OPT=-O3")
    (folder / "in.bin").write_bytes(inputs.tobytes())
    start = time.perf_counter()
    run_tool(["build/main", "in.bin", "out.bin"], folder)
    return (time.perf_counter() - start) / len(inputs)


def main(arguments: list[str]) -> None:
    root = Path(__file__).resolve().parent.parent
    paths = [Path(a) for a in arguments] or sorted((root / "data/models").glob("*.tflite"))
    for path in paths:
        print(measure(path, root / "data/synthetic-people/val"), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
