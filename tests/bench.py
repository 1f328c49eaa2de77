"""``make bench``: speed beside what it is measured against, in one run on one machine.

Numbers of shared machines vary; ratios vary less. Nothing here is a test.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

import poseutils as pu
from poseutils.datasets.synthetic import draw_people
from poseutils.decoders import InputView, Thresholds, heatmaps, yolo

THREADS = min(2, os.cpu_count() or 1)


def report(name: str, value: float, unit: str, goal: float, at_most: bool = True) -> None:
    """Prints a row: what was measured, what it should be."""
    met = value <= goal if at_most else value >= goal
    print(f"{name:62} {value:9.3f} {unit:12} {'at most' if at_most else 'at least'} {goal:g}  {'' if met else '<-- missed'}", flush=True)


def fastest(call: Callable, repeats: int) -> float:
    """Seconds of the fastest of several calls, which other programs disturb least."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def python(code: str, *arguments) -> Callable:
    return lambda: subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True)


def bench_start() -> None:
    bare = fastest(python("pass"), 5)
    report("import poseutils (beyond starting Python)", fastest(python("import poseutils"), 5) - bare, "s", 0.3)
    code = "import sys, poseutils as pu; pu.load_model('yolov8n_pose_256').predict(sys.argv[1])"
    report("from python to the poses of one photograph, yolov8n_pose_256", fastest(python(code, cached("images/bus.jpg")), 3), "s", 1.5)


def bench_decoders() -> None:
    rng = np.random.default_rng(0)
    maps = rng.uniform(0, 1, (64, 48, 48, 17)).astype(np.float32)
    view = InputView(192, 192)
    for count, goal, repeats in ((1, 0.15, 500), (64, 10, 50)):
        decode = lambda count=count: heatmaps.decode({"heatmaps": maps[:count]}, view, pu.COCO17)  # noqa: E731
        report(f"decoding heatmaps {count} x 48 x 48 x 17, {Thresholds().refine}", 1e3 * fastest(decode, repeats), "ms", goal)
    raw = crowd_of_candidates()
    for measure, goal in (("iou", 1.0), ("oks", 1.0)):
        limits = Thresholds(confidence=0.001, nms_measure=measure)
        decode = lambda limits=limits: yolo.decode({"candidates": raw}, InputView(256, 256), pu.COCO17, limits)  # noqa: E731
        name = f"decoding yolo 56 x 1344, confidence 0.001, {measure}, {len(decode()[0])} people"
        report(name, 1e3 * fastest(decode, 200), "ms", goal)


def crowd_of_candidates() -> np.ndarray:
    """A made-up crowd: 100 people far enough apart to survive, each found by several boxes with nearly the same keypoints."""
    rng = np.random.default_rng(0)
    people = np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=-1).reshape(-1, 2) / 10 + 0.05
    postures = rng.uniform(-0.04, 0.04, (100, 17, 2))
    who = rng.integers(0, 100, 1344)
    raw = np.empty((1, 56, 1344), np.float32)
    raw[0, :2] = people[who].T + rng.normal(0, 0.003, (2, 1344))
    raw[0, 2:4] = 0.08
    raw[0, 4] = rng.uniform(0, 1, 1344) ** 3
    points = raw[0, 5:].reshape(17, 3, 1344)
    points[:, :2] = (people[who][:, None] + postures[who] + rng.normal(0, 0.003, (1344, 17, 2))).transpose(1, 2, 0)
    points[:, 2] = rng.uniform(0, 1, (17, 1344))
    return raw


def bench_folder() -> None:
    paths = pu.find_images(cached("coco-mini/images"))
    model = pu.load_model("yolov8n_pose_256", num_threads=THREADS)
    ready = [model.network.prepare(model.preprocess(pu.read_image(p))[0][None]) for p in paths]
    ratios, rates = [], []
    for _ in range(3):  # side by side, so that both meet the same machine
        bare = timed(lambda: [model.network.invoke(batch) for batch in ready])
        whole = timed(lambda: list(model.predict_each(paths)))
        ratios.append(bare / whole)
        rates.append(len(paths) / whole)
    report(f"a folder of {len(paths)} photographs, rate over the bare interpreter's", median(ratios), "x", 0.7, at_most=False)
    print(f"  which is {median(rates):.1f} photographs a second on {THREADS} threads")


def timed(call: Callable) -> float:
    return fastest(call, 1)


def bench_synthetic() -> None:
    draw_people(0)
    start = time.process_time()
    for seed in range(40):
        draw_people((77, seed))
    report("drawing synthetic people, images a second a core", 40 / (time.process_time() - start), "images/s", 50, at_most=False)


def cached(name: str) -> Path:
    return Path(os.environ["POSEUTILS_CACHE"]) / name


def main() -> None:
    bench_decoders()
    bench_synthetic()
    if not os.environ.get("POSEUTILS_CACHE") or not cached("coco-mini/images").is_dir():
        print("POSEUTILS_CACHE is not set to a folder with images/bus.jpg, coco-mini/images and the models: the rest is left out.")
        return
    bench_start()
    bench_folder()


if __name__ == "__main__":
    main()
