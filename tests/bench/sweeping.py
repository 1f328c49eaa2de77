"""Four short trainings on two workers of one core each, beside one worker, and without Dask."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from distributed import Client, LocalCluster, wait

from poseutils.config import load_config
from poseutils.sweeps import read_results, sweep
from poseutils.sweeps.work import THREADS
from tests.bench.ratios import ROOT, Row

FIXED = ["operation_mode=training", "training.epochs=3", "model.input_shape=(96, 96, 3)"]
RATES = ["1e-3", "5e-4", "2e-4", "1e-4"]
RATE = "training.optimizer.Adam.learning_rate="


def sweeping() -> Iterator[Row]:
    """Needs two cores that may be chosen, as on Linux."""
    if len(getattr(os, "sched_getaffinity", lambda _: ())(0)) < 2:
        return
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        config = load_config(ROOT / "user_config.yaml", FIXED).save(folder / "user_config.yaml")
        one, two = (_seconds(config, folder / str(count), count) for count in (1, 2))
        alone = sum(_seconds_alone(config, folder / "alone", rate) for rate in RATES)
    yield Row("four points on two workers of one core", "on one worker", two / one, 0.56)
    cost = (one - alone) / len(RATES)
    yield Row("seconds that Dask adds to a point", "one second", cost, 2)


def _seconds(config: Path, runs: Path, count: int) -> float:
    """A sweep on a number of workers, each on a core of its own, which are there already."""
    with LocalCluster(
        n_workers=count, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as cluster:
        with Client(cluster) as client:
            # In the thread that starts the points, which they inherit it from
            cores = zip(sorted(os.sched_getaffinity(0)), client.nthreads())
            wait([client.submit(_on_core, core, workers=[worker]) for core, worker in cores])
            start = time.monotonic()
            folder = sweep(
                config, [RATE + ",".join(RATES)], runs, scheduler=cluster.scheduler_address
            )
            seconds = time.monotonic() - start
    assert [result.state for result in read_results(folder)] == ["done"] * len(RATES)
    return seconds


def _seconds_alone(config: Path, runs: Path, rate: str) -> float:
    """The run of a point on the same core, by the command line."""
    command = [sys.executable, "-m", "poseutils", "run", config, RATE + rate, "--runs-dir", runs]
    start = time.monotonic()
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
        preexec_fn=lambda: _on_core(min(os.sched_getaffinity(0))),
    )
    return time.monotonic() - start


def _on_core(core: int) -> None:
    os.sched_setaffinity(0, {core})
