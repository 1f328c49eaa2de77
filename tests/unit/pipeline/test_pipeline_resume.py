"""Runs that stop and go on, and runs beside each other, as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from poseutils import pipeline
from poseutils.__main__ import main
from poseutils.errors import PoseError
from poseutils.pipeline.history import runs_table
from poseutils.pipeline.record import SWEEP
from poseutils.pipeline.steps import Step, plan
from tests.helpers.stand_ins import (
    WAIT,
    evaluates,
    given,
    leaves,
    one_run,
    start,
    wait_for,
    write_chain,
    write_notebook,
)


def running(tmp_path: Path, step: str) -> tuple[Path, int]:
    """The run folder and the process of the notebook, once a step that waits has begun."""
    pid = wait_for(
        lambda: next(
            (path for path in (tmp_path / "runs").glob(f"*/{step}/pid") if path.read_text()), None
        )
    )
    return pid.parent.parent, int(pid.read_text())


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return (
            not Path(f"/proc/{pid}/stat").exists()
            or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except ProcessLookupError:
        return False


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_stopped(config, notebooks, tmp_path, capsys):
    write_notebook(notebooks, "quantize", WAIT)
    arguments = (
        "run",
        config,
        "operation_mode=chain_teqe",
        "training.epochs=7",
        "--runs-dir",
        tmp_path / "runs",
    )
    process = start(notebooks, *arguments)
    folder, kernel = running(tmp_path, "03-quantize")
    main(["runs", str(folder.parent)])
    assert "running 3/4" in capsys.readouterr().out
    with pytest.raises(PoseError, match="this run is in progress in another process"):
        pipeline.resume(folder, notebooks)

    process.kill()
    process.communicate()
    wait_for(lambda: not is_alive(kernel), 10)  # a notebook does not outlive its run
    main(["runs", str(folder.parent)])
    assert "stopped at 03-quantize" in capsys.readouterr().out
    assert not (folder / "index.html").exists() and (folder / "03-quantize/half.txt").exists()

    before = {
        path: path.stat().st_mtime_ns
        for step in ("01-train", "02-evaluate")
        for path in (folder / step).iterdir()
    }
    (tmp_path / "start.keras").unlink()  # what a run needs later is in its folder
    config.unlink()
    (folder / ".incomplete-x.ipynb").write_text("half")
    write_chain(notebooks)
    assert pipeline.resume(folder, notebooks) == folder and not list(folder.glob(".*"))
    printed = capsys.readouterr().out
    assert "2 of 4 notebooks are done" in printed and printed.count("done earlier") == 2
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (
        not (folder / "03-quantize/half.txt").exists()
        and (folder / "03-quantize/journal.partial").exists()
    )
    metrics = json.loads((folder / "metrics.json").read_text())
    assert (metrics["float.oks"], metrics["quantized.oks"], metrics["train.oks"]) == (
        0.75,
        0.625,
        0.5,
    )
    assert given(folder, "04-evaluate")["compare_with"] == str(folder / "01-train/model.keras")
    assert "epochs: 7" in (folder / "user_config.yaml").read_text()
    assert json.loads((folder / "run.json").read_text())["overrides"] == [
        "operation_mode=chain_teqe",
        "training.epochs=7",
    ]
    assert all(
        (folder / f"{step}.html").exists()
        for step in ("01-train", "02-evaluate", "03-quantize", "04-evaluate")
    )
    assert one_run(tmp_path) == folder


def test_a_failed_run_goes_on_once_its_cause_is_gone(config, notebooks, tmp_path, capsys):
    write_notebook(notebooks, "quantize", "raise ValueError('no pictures')")
    with pytest.raises(PoseError, match=r"--resume '.*my project'"):
        pipeline.run(config, [], tmp_path / "runs", notebooks)
    folder = one_run(tmp_path)
    assert "no pictures" in (folder / "index.html").read_text()
    write_chain(notebooks)
    pipeline.resume(folder, notebooks)
    assert (
        "no pictures"
        not in (folder / "index.html").read_text() + (folder / "03-evaluate.html").read_text()
    )
    assert "quantize.failed" not in json.loads((folder / "metrics.json").read_text())


@pytest.mark.slow
def test_a_model_that_is_gone_is_made_again(config, notebooks, tmp_path, capsys):
    write_notebook(notebooks, "evaluate", "1 / 0")
    with pytest.raises(PoseError):
        pipeline.run(config, ["operation_mode=chain_te"], tmp_path / "runs", notebooks)
    folder = one_run(tmp_path)
    (folder / "01-train/model.keras").unlink()
    write_chain(notebooks)
    pipeline.resume(folder, notebooks)
    assert (
        folder / "01-train/model.keras"
    ).exists() and "done earlier" not in capsys.readouterr().out


def test_a_finished_run_says_so(config, notebooks, tmp_path, capsys, monkeypatch):
    folder = pipeline.run(config, ["operation_mode=evaluation"], tmp_path / "runs", notebooks)
    written = (folder / "01-evaluate.ipynb").stat().st_mtime_ns
    monkeypatch.setattr(pipeline.runner, "NOTEBOOKS", notebooks)
    capsys.readouterr()
    assert main(["run", "--resume", str(folder)]) == 0
    assert "is finished, all 1 notebooks: nothing to do" in capsys.readouterr().out
    (folder / "index.html").unlink()  # stopped after its last notebook: only the page is missing
    (folder / "01-evaluate.html").unlink()
    assert main(["run", "--resume", str(folder)]) == 0
    assert (folder / "index.html").exists() and (folder / "01-evaluate.html").exists()
    assert (folder / "01-evaluate.ipynb").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"steps": 3}', '{"steps": [{"service": "train", "status": "dancing"}]}']
)
def test_what_is_no_run_is_refused(tmp_path, text):
    with pytest.raises(PoseError, match="no such folder"):
        pipeline.resume(tmp_path / "nowhere")
    with pytest.raises(
        PoseError,
        match=r"not a run folder: it has no run.json. 'python -m poseutils runs' lists the runs",
    ):
        pipeline.resume(tmp_path)
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(PoseError, match="not a run's record"):
        pipeline.resume(tmp_path)


def a_record(**changes):
    step = {"service": "train", "status": "done", "seconds": 1.5, "error": ""}
    step |= {name: changes.pop(name) for name in list(changes) if name in step}
    return {
        "project_name": "p",
        "operation_mode": "training",
        "started": "2026-01-02T03:04:05",
        "overrides": [],
        "steps": [step],
    } | changes


ODD = [
    {"service": "../../somewhere/evil"},
    {"service": "dataset"},
    {"service": ["train"]},
    {"seconds": float("nan")},
    {"seconds": float("inf")},
    {"seconds": -1},
    {"seconds": 10**400},
    {"seconds": "long"},
    {"status": ["done"]},
    {"started": "yesterday"},
    {"started": 5},
    {"project_name": "a\nb\x1b[2J"},
    {"operation_mode": "../x"},
    {"operation_mode": None},
    {"overrides": "training.epochs=2\n"},
    {"overrides": [3]},
    {"steps": [[]] * 3},
]


@pytest.mark.parametrize("changes", ODD, ids=str)
def test_a_record_is_data_and_a_bad_one_hides_no_other(tmp_path, changes):
    for name, values in (("good", a_record()), ("odd", a_record(**changes))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps(values))
    with pytest.raises(PoseError, match="not a run's record"):
        pipeline.resume(tmp_path / "odd")
    _, good, *rest = runs_table(tmp_path).splitlines()
    assert good.startswith("good ") and len(rest) == 1 and "odd" in rest[0]


@pytest.mark.parametrize(
    "text", ['{"oks": 1' + "0" * 400 + "}", '{"oks": [', "[" * 10**5, '{"oks": 1e999, "ap": NaN}']
)
def test_odd_metrics_break_one_line_at_most(tmp_path, text):
    (tmp_path / "run.json").write_text(json.dumps(a_record(status="failed")))
    (tmp_path / "metrics.json").write_text(text)
    assert "training" in runs_table(tmp_path.parent)


def test_a_step_is_no_link_to_somewhere_else(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years")
    (tmp_path / "run/run.json").write_text(json.dumps(a_record(status="failed")))
    (tmp_path / "run/01-train").symlink_to(tmp_path / "mine")
    with pytest.raises(PoseError, match="01-train: a link"):
        pipeline.resume(tmp_path / "run")
    assert (tmp_path / "mine/thesis.txt").exists()


def test_what_jupyterlab_left_stays(tmp_path):
    (step,) = plan(["train"], tmp_path)
    checkpoints = tmp_path / "01-train/.ipynb_checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "x-checkpoint.txt").touch()
    (tmp_path / "01-train/.incomplete-abcdefgh.json").touch()
    step.prepare_folder()
    assert [path.name for path in step.folder.iterdir()] == [".ipynb_checkpoints"]
    assert list(checkpoints.iterdir())


def test_a_configuration_and_a_folder_to_resume_exclude_each_other(capsys):
    for arguments in (["run"], ["run", "user_config.yaml", "--resume", "runs/x"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2 and "--resume FOLDER" in capsys.readouterr().err


@pytest.mark.slow
def test_runs_beside_each_other_do_not_disturb(config, notebooks, tmp_path):
    write_notebook(
        notebooks,
        "predict",
        leaves(people=2.0)
        + "\nimport os\n(folder / 'ipython').write_text(os.environ['IPYTHONDIR'])",
    )
    processes = [
        start(notebooks, "run", config, "operation_mode=chain_ep", "--runs-dir", tmp_path / "runs")
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    folders = list((tmp_path / "runs").iterdir())
    assert len(folders) == 4
    for folder in folders:
        assert given(folder, "02-predict")["config"] == str(folder / "user_config.yaml")
        assert json.loads((folder / "metrics.json").read_text())["predict.people"] == 2
        assert not [path for path in folder.rglob(".*")]
    homes = {(folder / "02-predict/ipython").read_text() for folder in folders}
    assert len(homes) == 4 and not any(Path(home).exists() for home in homes)


@pytest.mark.slow
def test_a_run_that_is_terminated_can_go_on(config, notebooks, tmp_path):
    write_notebook(notebooks, "evaluate", WAIT)
    process = start(
        notebooks, "run", config, "operation_mode=evaluation", "--runs-dir", tmp_path / "runs"
    )
    folder, _ = running(tmp_path, "01-evaluate")
    process.send_signal(signal.SIGTERM)
    process.communicate()
    write_notebook(notebooks, "evaluate", evaluates("0.5"))
    finished = start(notebooks, "run", "--resume", folder)
    assert finished.communicate(timeout=60) and finished.returncode == 0
    assert json.loads((folder / "metrics.json").read_text())["evaluate.oks"] == 0.5


@pytest.mark.slow
def test_a_long_temporary_folder(config, notebooks, tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    process = start(
        notebooks, "run", config, "operation_mode=evaluation", "--runs-dir", tmp_path / "runs"
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def test_runs_are_listed_newest_first(config, notebooks, tmp_path, capsys, no_kernels):
    runs = tmp_path / "runs"
    assert main(["runs", str(runs)]) == 1 and "no such folder" in capsys.readouterr().err
    runs.mkdir()
    assert main(["runs", str(runs)]) == 0 and "no runs in" in capsys.readouterr().out
    first = pipeline.run(config, ["general.project_name=first"], runs, notebooks)
    write_notebook(notebooks, "train", "from poseutils import PoseError as E; raise E('no')")
    with pytest.raises(PoseError):
        pipeline.run(
            config, ["operation_mode=chain_te", "general.project_name=second"], runs, notebooks
        )
    for name in ("train", "broken", "x-sweep"):
        (runs / name).mkdir()
    (runs / "x-sweep" / SWEEP).write_text("{}")
    (runs / "broken/run.json").write_text("{")
    (first / "metrics.json").write_text(
        json.dumps(json.loads((first / "metrics.json").read_text()) | {"float.nme": None})
    )
    capsys.readouterr()
    assert main(["runs", str(runs)]) == 0
    heading, second, oldest, *rest = capsys.readouterr().out.splitlines()
    assert "second" in second and "failed at 01-train" in second and "chain_te" in second
    assert (
        "first" in oldest
        and "done" in oldest
        and oldest.endswith("float.oks 0.7500, quantized.oks 0.6250")
    )
    columns = [heading.index(word) for word in ("mode", "state", "duration")]
    assert all(
        line[column - 1] == " " != line[column] for line in (second, oldest) for column in columns
    )
    assert f"sweep x-sweep: python -m poseutils runs {runs / 'x-sweep'} lists its runs" in rest
    assert "no runs: train" in rest and any(
        "unreadable" in line and "broken" in line for line in rest
    )


@pytest.mark.slow
def test_interrupting_twice_loses_nothing(config, notebooks, tmp_path):
    write_notebook(notebooks, "evaluate", WAIT)
    process = start(
        notebooks, "run", config, "operation_mode=evaluation", "--runs-dir", tmp_path / "runs"
    )
    folder, _ = running(tmp_path, "01-evaluate")
    process.send_signal(signal.SIGINT)
    try:
        process.wait(0.3)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    step = json.loads((folder / "run.json").read_text())["steps"][0]
    assert step["status"] in ("running", "interrupted")
    write_notebook(notebooks, "evaluate", evaluates("0.5"))
    pipeline.resume(folder, notebooks)
    assert json.loads((folder / "run.json").read_text())["steps"][0]["status"] == "done"


def test_a_training_finds_its_checkpoint_again_and_its_model_in_a_folder_below(tmp_path):
    step = Step(1, "train", "train", tmp_path / "01-train")
    (step.folder / "saved").mkdir(parents=True)
    for name in ("saved/model.keras", "checkpoint.npz", "metrics.json"):
        (step.folder / name).touch()
    assert step.model == step.folder / "saved/model.keras" and step.lacks() is None
    step.prepare_folder()
    assert [path.name for path in step.folder.iterdir()] == ["checkpoint.npz"]
