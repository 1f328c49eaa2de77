"""A sweep of two short trainings by the command line, on Dask's own workers."""

import json

import pytest

from poseutils import pipeline
from poseutils.__main__ import main
from poseutils.sweeps import read_results

pytestmark = pytest.mark.slow

SHORT = [
    "operation_mode=training",
    "training.epochs=2",
    "model.input_shape=(96, 96, 3)",
    "general.display_figures=false",
]
RATE = "training.optimizer.Adam.learning_rate="


def test_two_trainings_and_the_same_by_hand(repository, tmp_path, capsys):
    config, runs = repository / "user_config.yaml", tmp_path / "runs"
    given = ["sweep", str(config), *SHORT, f"{RATE}1e-6,2e-3", "--runs-dir", str(runs)]
    assert main(given) == 0
    folder = runs / "demo-sweep"
    best, other = read_results(folder)
    assert best.state == other.state == "done" and 0 < other.oks < best.oks < 1
    assert best.values == {RATE[:-1]: "2e-3"} and len(best.history["val_oks"]) == 2
    printed = capsys.readouterr().out
    rows = [line.split() for line in printed.splitlines() if line.endswith("  done")]
    assert [row[:3] for row in rows] == [
        [str(r.point), r.values[RATE[:-1]], f"{r.oks:.3f}"] for r in (best, other)
    ]
    assert f"Open {folder / 'index.html'}" in printed

    by_hand = pipeline.run(config, [*SHORT, f"{RATE}2e-3"], tmp_path / "by hand")
    metrics = json.loads((by_hand / "metrics.json").read_text())
    assert best.oks == pytest.approx(metrics["train.oks"], abs=0.03)  # other numbers of threads
