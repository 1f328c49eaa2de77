"""Workers and drivers that are killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from distributed import Client, LocalCluster

from poseutils import sweeps
from poseutils.sweeps import read_results
from tests.helpers.stand_ins import REPOSITORY, wait_for
from tests.helpers.sweeping import epochs_begun, write_train

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="a process is killed by a signal"),
]

EPOCHS = 10
ATTRIBUTES = ("model.alpha=0.35,0.5", f"training.epochs={EPOCHS}")
COMMAND = """
import sys
from poseutils import sweeps
config, notebooks, runs, *attributes = sys.argv[1:]
if __name__ == "__main__":
    sweeps.sweep(config, attributes, runs, notebooks_dir=notebooks)
"""


@pytest.fixture
def notebooks(tmp_path):
    return write_train(tmp_path / "notebooks", 0.4)


def epochs_lost(folder):
    """How many epochs were begun twice, and whether none is missing."""
    begun = epochs_begun(folder)
    assert sorted(set(begun)) == list(range(1, EPOCHS + 1))
    return len(begun) - EPOCHS


def test_the_point_of_a_killed_worker_is_done_elsewhere(config, notebooks, tmp_path):
    folder = tmp_path / "runs/small-sweep"
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as cluster:
        address = cluster.scheduler_address
        given = (config, ATTRIBUTES, tmp_path / "runs")
        options = {"scheduler": address, "notebooks_dir": notebooks}
        driver = threading.Thread(target=sweeps.sweep, args=given, kwargs=options)
        driver.start()
        wait_for(lambda: len(epochs_begun(folder / "point-000")) >= 3, 300)
        with Client(address) as client:
            at = client.processing()
            worker = next(a for a, keys in at.items() if keys)
            os.kill(client.run(os.getpid)[worker], signal.SIGKILL)
        driver.join(600)
    results = read_results(folder)
    assert [r.state for r in results] == ["done", "done"] and not driver.is_alive()
    assert [r.oks for r in results] == pytest.approx([0.5, 0.35])
    lost = [epochs_lost(folder / f"point-{n:03d}") for n in (0, 1)]
    assert sum(lost) <= 1


def test_a_killed_driver_takes_all_with_it_and_the_same_command_goes_on(
    config, notebooks, tmp_path
):
    folder = tmp_path / "runs/small-sweep"
    program = tmp_path / "program.py"
    program.write_text(COMMAND)
    command = [sys.executable, program, config, notebooks, tmp_path / "runs", *ATTRIBUTES]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    driver = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: len(epochs_begun(folder / "point-000")) >= 3, 300)
    finally:
        driver.kill()
        driver.wait()
    wait_for(lambda: not processes_with(str(folder)), 60)
    before = epochs_begun(folder / "point-000")
    assert 3 <= len(before) < EPOCHS and not (folder / "results.json").exists()

    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert [r.state for r in read_results(folder)] == ["done", "done"]
    for number in (0, 1):
        assert epochs_lost(folder / f"point-{number:03d}") <= 1


def processes_with(text):
    """The processes with a text in their command."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if text in line]
