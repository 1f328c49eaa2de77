"""From operation_mode to a run folder, with small notebooks in place of the real ones."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from poseutils import pipeline
from poseutils.__main__ import main
from poseutils.errors import PoseError
from poseutils.pipeline.gallery import gallery
from poseutils.pipeline.results import read_metrics
from tests.helpers.stand_ins import (
    PICTURE,
    command,
    given,
    one_run,
    wait_for,
    write_notebook,
)


def test_a_chain_leaves_one_complete_run_folder(run, tmp_path, capsys):
    folder = run("operation_mode=chain_teqe", "training.epochs=2")
    assert folder == one_run(tmp_path) and re.fullmatch(r"\d{4}(_\d\d){5}-my project", folder.name)
    names = {path.name for path in folder.iterdir()}
    steps = ["01-train", "02-evaluate", "03-quantize", "04-evaluate"]
    assert names == {
        "user_config.yaml",
        "run.json",
        "metrics.json",
        "index.html",
        *(step + end for step in steps for end in ("", ".ipynb", ".html")),
    }

    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["train.oks"] == 0.5 and metrics["quantize.size_kib"] == 700.5
    assert metrics["evaluate_float.oks"] == 0.75 and metrics["evaluate_quantized.oks"] == 0.625
    assert (
        metrics["float.oks"] == 0.75
        and metrics["quantized.oks"] == 0.625
        and not any("compared" in name for name in metrics)
    )
    assert (
        all(isinstance(value, float) for value in metrics.values()) and metrics["train.seconds"] > 0
    )

    keras = str(folder / "01-train" / "model.keras")
    tflite = str(folder / "03-quantize" / "quantized.tflite")
    assert given(folder, "01-train") == {
        "model": "",
        "compare_with": "",
        "config": str(folder / "user_config.yaml"),
    }
    assert (
        given(folder, "02-evaluate")["model"] == keras
        and given(folder, "02-evaluate")["compare_with"] == ""
    )
    assert given(folder, "03-quantize")["model"] == keras
    assert (
        given(folder, "04-evaluate")["model"] == tflite
        and given(folder, "04-evaluate")["compare_with"] == keras
    )

    used = (folder / "user_config.yaml").read_text()
    assert "epochs: 2" in used and str(tmp_path / "data") in used

    printed = capsys.readouterr().out
    assert all(
        word in printed
        for word in ("1/4  train", "4/4  evaluate", "oks 0.75", "evaluate_quantized", "index.html")
    )


def test_notebooks_run_in_this_python_whatever_kernels_are_installed(
    run, notebooks, tmp_path, monkeypatch
):
    other = tmp_path / "jupyter" / "kernels" / "python3"
    other.mkdir(parents=True)
    kernel = {
        "argv": ["/no/such/python", "-f", "{connection_file}"],
        "display_name": "x",
        "language": "python",
    }
    (other / "kernel.json").write_text(json.dumps(kernel))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    write_notebook(
        notebooks,
        "predict",
        PICTURE,
        "import sys, pathlib, poseutils\n(pathlib.Path(run_dir) / "
        "'python.txt').write_text(sys.executable + ' ' + poseutils.__file__)",
    )
    folder = run("operation_mode=prediction")
    assert (
        folder / "01-predict" / "python.txt"
    ).read_text() == f"{sys.executable} {Path(pipeline.__file__).parent.parent / '__init__.py'}"
    assert gallery(folder / "01-predict.ipynb")


def test_a_failing_notebook_stops_the_run_and_leaves_what_was_done(run, notebooks, tmp_path):
    write_notebook(
        notebooks, "quantize", "print('so far')", "# the sum\ntotal = 1 / 0", "print('never')"
    )
    with pytest.raises(PoseError) as caught:
        run()
    message = str(caught.value)
    assert "02-quantize.ipynb failed in cell [4] (total = 1 / 0)" in message
    assert "ZeroDivisionError: division by zero" in message and "Traceback" not in message
    folder = one_run(tmp_path)
    assert str(folder) in message
    executed = nbformat.read(folder / "02-quantize.ipynb", as_version=4)
    outputs = str([cell.get("outputs") for cell in executed.cells])
    assert "so far" in outputs and "ZeroDivisionError" in outputs and "never" not in outputs
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["evaluate_float.oks"] == 0.75 and metrics["quantize.failed"] == 1.0
    assert not any(name.startswith("evaluate_quantized") for name in metrics)
    page = (folder / "index.html").read_text()
    assert "not run" in page and page.index("ZeroDivisionError: division by zero") < page.index(
        "<h2>"
    )
    assert not list(folder.glob(".*"))


def test_the_project_s_own_errors_are_shown_as_they_are(run, notebooks):
    write_notebook(
        notebooks,
        "predict",
        "from poseutils.errors import PoseError\nraise "
        "PoseError('no images in x. Put some there.')",
    )
    with pytest.raises(
        PoseError,
        match=r"01-predict.ipynb failed in cell \[\d\].*\nno images "
        r"in x. Put some there.\nCompleted steps are in",
    ):
        run("operation_mode=prediction")


def test_values_of_the_environment_stay_out_of_what_is_written(
    run, notebooks, tmp_path, monkeypatch
):
    monkeypatch.setenv("POSE_SECRET", "s3cret")
    monkeypatch.setenv("POSE_FILE", str(tmp_path / "start.keras"))
    write_notebook(
        notebooks,
        "evaluate",
        "import poseutils\nfound = poseutils.load_config(config)\n"
        "print(found.general.project_name)\nfound.general.project_name",
        "raise poseutils.PoseError('no ' + found.general.project_name)",
    )
    with pytest.raises(PoseError):
        run(
            "operation_mode=evaluation",
            "general.project_name=${oc.env:POSE_SECRET}",
            "model.model_path=${oc.env:POSE_FILE}",
        )
    written = [path for path in one_run(tmp_path).rglob("*") if path.is_file()]
    assert len(written) == 6 and "s3cret" not in str(written)
    for path in written:
        text = path.read_text()
        assert "s3cret" not in text and "start.keras" not in text
        assert path.name == "metrics.json" or "POSE_SECRET" in text


def test_a_kernel_that_dies_is_said_so(run, notebooks, tmp_path):
    write_notebook(notebooks, "predict", "print('alive', flush=True)", "import os; os._exit(9)")
    with pytest.raises(PoseError, match="01-predict.ipynb: the Python that ran it stopped"):
        run("operation_mode=prediction")
    assert (one_run(tmp_path) / "01-predict.ipynb").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "not a notebook"), ("", "not a notebook"), ('{"a": 1}', "not a notebook")],
)
def test_a_broken_notebook(run, notebooks, text, words):
    (notebooks / "predict.ipynb").write_text(text)
    with pytest.raises(PoseError, match=words):
        run("operation_mode=prediction")


def test_a_model_that_was_not_left_stops_the_run(run, notebooks):
    write_notebook(notebooks, "train", "print('forgot')")
    with pytest.raises(PoseError, match="01-train.ipynb wrote no model.keras"):
        run("operation_mode=chain_te")


def test_nothing_runs_when_something_is_missing(run, config, notebooks, tmp_path):
    with pytest.raises(PoseError, match="benchmark.ipynb: no such notebook"):
        run("operation_mode=chain_eb")
    with pytest.raises(PoseError, match="did you mean 'epochs'"):
        run("training.epoch=1")
    with pytest.raises(PoseError, match="override asks for a new network.; evaluate needs a model"):
        run("operation_mode=chain_et", "model.alpha=0.5")
    config.write_text("model: {model_type: spe}")
    with pytest.raises(PoseError, match="operation_mode: missing"):
        run()
    assert not (tmp_path / "runs").exists()


def test_an_unwritable_runs_folder(run, config, notebooks, tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(
        PoseError, match=r"cannot create .*runs.*Choose another folder with --runs-dir"
    ):
        run()
    with pytest.raises(PoseError, match="cannot create /dev/null/runs"):
        pipeline.run(config, [], "/dev/null/runs", notebooks)


def test_a_full_disk_before_anything_runs(run, monkeypatch):
    def full(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkstemp", full)
    with pytest.raises(PoseError, match="No space left on device"):
        run()


def test_a_full_disk_while_running(run, monkeypatch):
    def full(*arguments, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("papermill.execute_notebook", full)
    with pytest.raises(PoseError, match="01-evaluate.ipynb: No space left on device"):
        run()


def test_a_disk_that_fills_up_leaves_the_last_whole_notebook(run, notebooks, tmp_path, monkeypatch):
    write_notebook(notebooks, "predict", *[f"print('cell {i}')" for i in range(5)])
    make_file = tempfile.mkstemp

    def filling_up(*arguments, **keywords):
        if any(r"cell 2\n" in path.read_text() for path in (tmp_path / "runs").glob("*/*.ipynb")):
            raise OSError(28, "No space left on device")
        return make_file(*arguments, **keywords)

    monkeypatch.setattr("tempfile.mkstemp", filling_up)
    with pytest.raises(PoseError, match="No space left on device"):
        run("operation_mode=prediction")
    assert [path.name for path in one_run(tmp_path).glob("*.ipynb")] == ["01-predict.ipynb"]
    nbformat.validate(nbformat.read(one_run(tmp_path) / "01-predict.ipynb", as_version=4))


def test_braces_in_a_path_stay_as_they_are(config, notebooks, tmp_path):
    folder = pipeline.run(
        config, ["operation_mode=evaluation"], tmp_path / "{model}" / "ä ö", notebooks
    )
    assert folder.parent == tmp_path / "{model}" / "ä ö" and (folder / "01-evaluate.html").exists()


def test_interrupting_leaves_what_was_done(config, notebooks, tmp_path, repository):
    write_notebook(
        notebooks,
        "predict",
        "print('begun', flush=True)",
        "import pathlib, time, os\n(pathlib.Path(run_dir) / "
        "'pid').write_text(str(os.getpid()))\ntime.sleep(60)",
    )
    arguments = ("run", config, "operation_mode=chain_ep", "--runs-dir", tmp_path / "runs")
    process = subprocess.Popen(
        command(notebooks, *arguments),
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = wait_for(
        lambda: next(
            (path for path in (tmp_path / "runs").glob("*/02-predict/pid") if path.read_text()),
            None,
        )
    )
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and "interrupted" in output + errors, errors
    # Of a kernel that ends while it sends, ipykernel logs a traceback of its own
    assert f'"{repository / "poseutils"}' not in errors, errors
    folder = one_run(tmp_path)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["evaluate.oks"] == 0.75 and metrics["predict.interrupted"] == 1.0
    assert "begun" in (folder / "02-predict.ipynb").read_text() and (folder / "index.html").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_metrics_must_be_flat_numbers(tmp_path):
    path = tmp_path / "metrics.json"
    assert read_metrics(path) == {}
    path.write_text('{"oks": NaN, "n": 3}')
    assert read_metrics(path) == {"oks": None, "n": 3.0}
    for text in ("[1]", '{"a": {"b": 1}}', '{"a": "1"}', "{", '{"a": null}'):
        path.write_text(text)
        with pytest.raises(PoseError, match="expected names and numbers"):
            read_metrics(path)


def test_the_command_line(config, capsys, monkeypatch):
    assert main(["run", str(config), "training.epoch=1"]) == 1
    captured = capsys.readouterr()
    assert "did you mean 'epochs'" in captured.err and "Traceback" not in captured.err
    assert main(["zoo"]) == 0 and "yolov8n_pose_256" in capsys.readouterr().out
    assert (
        main(["fetch", "yolov8n_pose_265"]) == 1 and "yolov8n_pose_256" in capsys.readouterr().err
    )
    for arguments in ([], ["run"], ["dance"], ["fetch"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2


def test_the_light_parts_stay_light(repository):
    heavy = ("yaml", "pydantic", "papermill", "tensorflow")
    code = (
        f"import sys, poseutils, poseutils.__main__; print([name "
        f"for name in {heavy} if name in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True
        ).stdout.strip()
        == "[]"
    )
