"""A sweep, an evaluation and rendering on two Dask workers of one core each, beside one worker."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import dask
import numpy as np
from distributed import Client, LocalCluster, wait

import poseutils as pu
from poseutils.config import load_config
from poseutils.pipeline.record import read_record
from poseutils.sweeps import read_results, sweep
from poseutils.sweeps.work import THREADS
from poseutils.synthetic import make_dataset
from tests.bench.ratios import PEOPLE, ROOT, SHIPPED, Row, cached

FIXED = ["operation_mode=training", "training.epochs=1", "model.input_shape=(96, 96, 3)"]
RATES = ["1e-3", "5e-4", "2e-4", "1e-4"]
RATE = "training.optimizer.Adam.learning_rate="
RENDERED, EVALUATED = 320, 960
HALF = 0.56
"""Of the time of one worker: 1.8 times as fast."""


def sweeping() -> Iterator[Row]:
    """Needs two cores that may be chosen, as on Linux."""
    if len(getattr(os, "sched_getaffinity", lambda _: ())(0)) < 2:
        return
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        config = load_config(ROOT / "user_config.yaml", FIXED).save(folder / "user_config.yaml")
        one, two = _on_one_and_two(partial(_sweep, config, folder))
        yield Row("four points on two workers of one core", "on one worker", two / one, HALF)
        points = read_results(next(folder.glob("1/*/results.json")).parent)
        beside = (one - sum(point.seconds for point in points)) / len(points)
        cost = beside - _seconds_beside_steps(config, folder / "alone")
        yield Row("seconds that Dask adds to a point", "one second", cost, 2)
        one, two = _on_one_and_two(partial(_render, folder / "people"), again=True)
        yield Row("render people on two workers of one core", "on one worker", two / one, HALF)
        one, two = _on_one_and_two(partial(_evaluate, *_model_and_images()), again=True)
        yield Row("evaluate on two workers of one core", "on one worker", two / one, HALF)


def _on_one_and_two(work: Callable[[Client], None], again: bool = False) -> tuple[float, float]:
    """Seconds on one worker and on two, each on a core of its own, which are there already;
    ``again``, on two before and after one, as the speed of a computer changes."""
    before = [_seconds(work, 2)] if again else []
    one, two = _seconds(work, 1), _seconds(work, 2)
    return one, float(np.mean([*before, two]))


def _seconds(work: Callable[[Client], None], count: int) -> float:
    with _workers(count) as client:
        start = time.monotonic()
        work(client)
        return time.monotonic() - start


@contextmanager
def _workers(count: int) -> Iterator[Client]:
    # Not 50 times a second: client, scheduler and nannies are on the workers' cores
    with (
        dask.config.set({"distributed.admin.tick.interval": "1s"}),
        LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as client,
    ):
        cores = zip(sorted(os.sched_getaffinity(0)), client.nthreads())
        wait([client.submit(_on_core, core, workers=[worker]) for core, worker in cores])
        yield client


def _sweep(config: Path, work: Path, client: Client) -> None:
    runs = work / str(len(client.nthreads()))
    folder = sweep(
        config, [RATE + ",".join(RATES)], runs, scheduler=client.scheduler_info()["address"]
    )
    assert [result.state for result in read_results(folder)] == ["done"] * len(RATES)


def _render(folder: Path, client: Client) -> None:
    make_dataset(folder, RENDERED, seed=1, progress=False, client=client)


def _evaluate(model: pu.Model, data: pu.Dataset, client: Client) -> None:
    pu.evaluate(model, data, progress=False, client=client)


def _model_and_images() -> tuple[pu.Model, pu.Dataset]:
    photographs = cached("coco-mini")
    some = pu.load_dataset(photographs or PEOPLE)
    many = [some[i % len(some)].renumbered(i) for i in range(EVALUATED)]
    model = pu.load_model("yolov8n_pose_256" if photographs else SHIPPED, num_threads=1)
    return model, some.subset(many)


def _seconds_beside_steps(config: Path, runs: Path) -> float:
    """What a run on the same core, by the command line, takes beside its steps, which differ from
    run to run by more than Dask costs."""
    arguments = "run", config, RATE + RATES[0], "--runs-dir", runs
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "poseutils", *arguments],
        check=True,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
        preexec_fn=lambda: _on_core(min(os.sched_getaffinity(0))),
    )
    run = next(runs.glob("*/run.json")).parent
    return time.monotonic() - start - read_record(run).seconds


def _on_core(core: int) -> None:
    """All threads of this process, and those that they start."""
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), {core})
