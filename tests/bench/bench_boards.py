"""The way to a board: analyzing a network for all of them, exporting it, and evaluating what was
exported; called by ``bench.py``."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import poseutils as pu
from poseutils.benchmarking.analysis import analyze
from poseutils.compiler.frontends.tflite import read_tflite
from poseutils.deployment import as_exported, export

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"


def bench_boards(report: Callable) -> None:
    """The largest of the networks that are here."""
    cache = Path(os.environ.get("POSEUTILS_CACHE", "/nowhere"))
    paths = [SHIPPED, *cache.glob("models/*.tflite")]
    report("analyzing a network for all boards, the slowest", max(map(_analyzing, paths)), "s", 2)
    report("exporting a network, the slowest", max(map(_exporting, paths)), "s", 10)
    _evaluating(report, SHIPPED, REPOSITORY / "data/synthetic-people/val")
    if (cache / "coco-mini/images").is_dir():
        _evaluating(report, "yolov8n_pose_256", cache / "coco-mini")


def _analyzing(path: Path) -> float:
    start = time.process_time()
    analyze(read_tflite(path), path.name).rows()
    return time.process_time() - start


def _exporting(path: Path) -> float:
    model = pu.load_model(path, num_threads=1)
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        export(model, Path(folder) / "c")
        return time.process_time() - start


def _evaluating(report: Callable, name: str | Path, data: Path) -> None:
    """The exported C beside LiteRT with one thread, in turns, to meet the same machine."""
    model, dataset = pu.load_model(name, num_threads=1), pu.load_dataset(data)
    ratios = []
    code = as_exported(model)
    for _ in range(5):
        times = []
        for each in (model, code):
            start = time.perf_counter()
            pu.evaluate(each, dataset, progress=False)
            times.append(time.perf_counter() - start)
        ratios.append(times[0] / times[1])
    report(
        f"evaluating the exported C of {model.label[:24]}, rate over LiteRT's",
        median(ratios),
        "x",
        0.15,
        at_most=False,
    )
