"""Sweeps of a stand-in for training: real processes, on Dask."""

from __future__ import annotations

import json
import sys

import pytest
from distributed import LocalCluster

from poseutils import pipeline
from poseutils.__main__ import main
from poseutils.errors import PoseError
from poseutils.pipeline.record import SWEEP
from poseutils.sweeps import cluster, read_results
from poseutils.sweeps.driver import _sweep_folder
from poseutils.sweeps.space import read_space
from tests.helpers.sweeping import epochs_begun, write_train

TWO = "model.alpha=0.35,0.5"


def test_each_point_is_a_run_and_the_best_comes_first(sweep, tmp_path, capsys):
    folder = sweep(TWO, "training.epochs=3")
    assert folder == tmp_path / "runs/small-sweep"
    best, other = read_results(folder)
    assert (best.values, best.oks, best.best_epoch) == ({"model.alpha": "0.5"}, 0.5, 3)
    assert other.oks == pytest.approx(0.35) and best.state == other.state == "done"
    assert best.history["val_oks"] == pytest.approx([0.5 / 3, 1 / 3, 0.5])
    assert best.metrics["train.oks"] == 0.5 and best.seconds > 0
    for number in (0, 1):
        run = folder / f"point-{number:03d}"
        assert {"run.json", "index.html", "01-train.ipynb", "user_config.yaml"} <= {
            path.name for path in run.iterdir()
        }
        assert epochs_begun(run) == [1, 2, 3]
    assert "alpha: 0.5" in (folder / "point-001/user_config.yaml").read_text()
    overrides = json.loads((folder / "point-001/run.json").read_text())["overrides"]
    assert overrides == ["training.epochs=3", "model.alpha=0.5"]
    assert (folder / "index.html").exists() and (folder / "results.csv").exists()
    assert (folder / SWEEP).exists()  # by which runs_table knows a sweep

    capsys.readouterr()
    assert sweep(TWO, "training.epochs=3") == folder
    assert capsys.readouterr().out.count("earlier done") == 2
    assert epochs_begun(folder / "point-000") == [1, 2, 3]
    assert pipeline.runs_table(folder).count("  done  ") == 2


@pytest.mark.slow
def test_optuna_draws_and_goes_on_with_more_trials(sweep):
    folder = sweep("model.alpha=0.35,0.5", "training.batch_size=4..64", trials=2)
    first = read_results(folder)
    assert len(first) == 2 and all(4 <= int(r.values["training.batch_size"]) <= 64 for r in first)
    assert sweep("model.alpha=0.35,0.5", "training.batch_size=4..64", trials=3) == folder
    points = {result.point: result for result in read_results(folder)}
    assert sorted(points) == [0, 1, 2] and all(r.state == "done" for r in points.values())
    assert [points[r.point] for r in first] == first
    assert epochs_begun(folder / "point-000") == [1, 2]


def test_another_sweep_has_a_folder_of_its_own(config, tmp_path):
    def folder(*attributes, trials=None):
        space = read_space(attributes, ranges=False)
        return _sweep_folder(tmp_path / "small-sweep", config, space, trials).name

    assert folder(TWO) == folder(TWO) == "small-sweep"
    assert folder("model.alpha=0.35,0.75") == "small-sweep-2"
    assert folder(TWO, "training.epochs=3") == "small-sweep-3"
    assert folder(TWO, trials=3) == folder(TWO, trials=4) == "small-sweep-4"
    config.write_text(config.read_text() + "# another file\n")
    assert folder(TWO) == "small-sweep-5"
    (tmp_path / "small-sweep" / SWEEP).write_text("{")
    with pytest.raises(PoseError, match=r"small-sweep/sweep.json: damaged"):
        folder(TWO)


@pytest.mark.slow
def test_a_point_that_fails_is_a_row_and_the_sweep_goes_on(sweep, notebooks):
    write_train(notebooks, 0, "if alpha == 0.5:\n    raise pu.PoseError('no luck with 0.5')")
    done, failed = read_results(sweep(TWO))
    assert done.state == "done" and done.oks == pytest.approx(0.35)
    assert failed.state == "failed" and "no luck with 0.5" in failed.error
    assert failed.values == {"model.alpha": "0.5"} and "Traceback" not in failed.error
    write_train(notebooks)
    best, _ = read_results(sweep(TWO))
    assert (best.state, best.oks, best.error) == ("done", 0.5, "")


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        (["model.alhpa=0.35,0.5"], "model.alhpa=0.35: model.alhpa: unknown"),
        (["model.alpha=0.35,wide"], "model.alpha=wide: model.alpha: 'wide' given"),
        (["model.alpha=0.35,9"], "model.alpha=9: model.alpha is 9"),
        (["dataset.training_path=nowhere,no"], "no such file or folder"),
        ([TWO, "operation_mode=evaluation"], "operation_mode: evaluation given, which trains"),
        (["model.alpha=0.5"], "no attribute has several values"),
        (["model.alpha=0.35,,0.5"], "model.alpha=0.35,,0.5: an empty value between commas"),
        (["model.alpha=0.35,0.5,"], "write null"),
        (["model.alpha=0.5,0.50"], "model.alpha=0.50: the same training as model.alpha=0.5"),
    ],
)
def test_every_point_is_checked_before_anything_runs(sweep, tmp_path, attributes, says):
    with pytest.raises(PoseError) as caught:
        sweep(*attributes)
    assert says in str(caught.value) and not (tmp_path / "runs").exists()


def test_values_that_exclude_each_other_are_found_before_anything_runs(sweep, tmp_path):
    """Each is valid beside the first of the other."""
    losses = "training.loss={mse: {}},{cross_entropy: {}}"
    with pytest.raises(PoseError, match="cross_entropy"):
        sweep(losses, "model.final_activation=sigmoid,softmax")
    assert not (tmp_path / "runs").exists()


def test_a_scheduler_that_does_not_answer(sweep, monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS", 1)
    with pytest.raises(PoseError, match=r"tcp://127.0.0.1:9: no scheduler answered there within 1"):
        sweep(TWO, scheduler="tcp://127.0.0.1:9")
    for wrong in ("nowhere at all", "", "tls://127.0.0.1:9"):  # the last one without certificates
        with pytest.raises(PoseError, match=r"cannot be used .*expected tcp://HOST:PORT"):
            sweep(TWO, scheduler=wrong)


def test_a_scheduler_without_workers(sweep, monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS", 1)
    with LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as empty:
        with pytest.raises(PoseError, match="it has no workers after 1 seconds"):
            sweep(TWO, scheduler=empty.scheduler_address)


@pytest.mark.parametrize("given", ["abc", "0", "-1", "1.5"])
def test_trials_are_counted(config, capsys, given):
    with pytest.raises(SystemExit):
        main(["sweep", str(config), TWO, "--sampler", "optuna", f"--trials={given}"])
    assert f"{given}: expected a whole number, 1 or more" in capsys.readouterr().err


def test_without_its_extra(sweep, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(PoseError, match=r"distributed is not installed.*\[sweep\]"):
        sweep(TWO)


@pytest.mark.parametrize("more", [["--trials", "3"], ["--sampler", "optuna"]])
def test_trials_belong_to_optuna(config, capsys, more):
    with pytest.raises(SystemExit) as caught:
        main(["sweep", str(config), TWO, *more])
    assert caught.value.code == 2 and "belong together" in capsys.readouterr().err
