"""What each operation mode runs, and with which model."""

from __future__ import annotations

import json

import pytest

from poseutils.pipeline.steps import Models, plan
from tests.helpers.stand_ins import (
    given,
    leaves,
    write_notebook,
)


def test_without_training_the_quantized_is_compared_with_the_configured_model(
    run, tmp_path, no_kernels
):
    folder = run()
    start = str(tmp_path / "start.keras")
    assert (
        given(folder, "01-evaluate")["model"] == start
        and given(folder, "01-evaluate")["compare_with"] == ""
    )
    assert given(folder, "02-quantize")["model"] == start
    assert given(folder, "03-evaluate")["compare_with"] == start


@pytest.mark.parametrize(
    ("services", "labels"),
    [
        ("train evaluate quantize evaluate", "train evaluate_float quantize evaluate_quantized"),
        ("train quantize evaluate", "train quantize evaluate"),
        ("quantize evaluate train evaluate", "quantize evaluate_quantized train evaluate_float"),
        ("evaluate evaluate", "evaluate_float evaluate_float_2"),
        ("predict predict", "predict predict_2"),
    ],
)
def test_labels_tell_steps_apart(services, labels, tmp_path):
    assert [step.label for step in plan(services.split(), tmp_path)] == labels.split()


def test_models_pass_from_step_to_step():
    assert Models(configured="c.keras").parameters("evaluate") == {
        "model": "c.keras",
        "compare_with": "",
    }
    assert Models("q.tflite", "", "c.keras").parameters("evaluate") == {
        "model": "q.tflite",
        "compare_with": "c.keras",
    }
    assert Models("q.tflite", "f.keras").parameters("quantize") == {"model": "f.keras"}
    assert Models("q.tflite", "f.keras").parameters("deploy") == {"model": "q.tflite"}
    assert Models(configured="c.keras").parameters("deploy") == {"model": ""}
    assert Models("f.keras", "f.keras").parameters("train") == {"model": ""}


REFERENCE = {
    "training": ["train"],
    "evaluation": ["evaluate"],
    "quantization": ["quantize"],
    "prediction": ["predict"],
    "benchmarking": ["benchmark"],
    "deployment": ["deploy"],
    "chain_tqe": ["train", "quantize", "evaluate"],
    "chain_tqeb": ["train", "quantize", "evaluate", "benchmark"],
    "chain_eqe": ["evaluate", "quantize", "evaluate"],
    "chain_qb": ["quantize", "benchmark"],
    "chain_eqeb": ["evaluate", "quantize", "evaluate", "benchmark"],
    "chain_qd": ["quantize", "deploy"],
}


@pytest.mark.parametrize(("mode", "services"), REFERENCE.items())
def test_every_mode_runs_its_notebooks_each_with_the_model_before(
    mode, services, run, notebooks, tmp_path, no_kernels
):
    for service in ("predict", "benchmark", "deploy"):
        write_notebook(notebooks, service, leaves(value=1.0))
    folder = run(f"operation_mode={mode}")
    steps = [f"{number:02d}-{service}" for number, service in enumerate(services, start=1)]
    assert sorted(path.stem for path in folder.glob("*.ipynb")) == steps
    start = "" if services[0] in ("train", "benchmark", "deploy") else str(tmp_path / "start.keras")
    assert given(folder, steps[0])["model"] == start
    left = {"train": "model.keras", "quantize": "quantized.tflite"}
    latest = start
    for before, step in zip(steps, steps[1:], strict=False):
        latest = str(folder / before / left[before[3:]]) if before[3:] in left else latest
        assert given(folder, step)["model"] == latest
    metrics = json.loads((folder / "metrics.json").read_text())
    if "quantize" in services and "evaluate" in services:
        assert (metrics["float.oks"], metrics["quantized.oks"]) == (0.75, 0.625)
