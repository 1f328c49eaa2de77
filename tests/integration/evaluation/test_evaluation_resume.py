"""Evaluations that were stopped go on, and only their own."""

import multiprocessing
import os
import signal
import time

import pytest

import poseutils as pu
from poseutils.evaluation import evaluate


@pytest.fixture(scope="module")
def coco_mini(asset):
    return pu.load_dataset(asset("coco-mini"))


def evaluate_slowly(path, run_dir):
    model = pu.load_model("yolov8n_pose_256", num_threads=1)
    original = type(model).predict_each

    def slow(self, *arguments, **named):
        for prediction in original(self, *arguments, **named):
            time.sleep(0.02)
            yield prediction

    type(model).predict_each = slow
    evaluate(model, pu.load_dataset(path), run_dir=run_dir, progress=False)


def test_an_evaluation_that_was_killed_goes_on(zoo_model, coco_mini, asset, tmp_path, monkeypatch):
    model = pu.load_model("yolov8n_pose_256", num_threads=1)
    process = multiprocessing.get_context("spawn").Process(
        target=evaluate_slowly, args=(asset("coco-mini"), tmp_path)
    )
    process.start()
    while not any(f.stat().st_size > 20_000 for f in tmp_path.glob("*.partial")):
        assert process.is_alive()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    (partial,) = tmp_path.glob("*.partial")
    with partial.open("ab") as file:
        file.write(partial.read_bytes()[:300])  # a record, cut off

    predicted = []
    original = type(model).predict_each
    monkeypatch.setattr(
        type(model),
        "predict_each",
        lambda self, paths, **k: predicted.extend(paths) or original(self, paths, **k),
    )
    resumed = evaluate(model, coco_mini, run_dir=tmp_path, progress=False)
    assert 0 < len(predicted) < len(coco_mini)
    monkeypatch.undo()
    assert resumed.metrics == evaluate(model, coco_mini, progress=False).metrics
    assert not list(tmp_path.iterdir())


def test_another_model_does_not_go_on_with_what_one_left(zoo_model, coco_mini, tmp_path):
    from poseutils.evaluation.predictions import fingerprint

    marks = {
        fingerprint(zoo_model("yolov8n_pose_256"), coco_mini, {}, False),
        fingerprint(zoo_model("yolo11n_pose_256"), coco_mini, {}, False),
        fingerprint(zoo_model("yolov8n_pose_256"), coco_mini, {"confidence": 0.2}, False),
        fingerprint(zoo_model("yolov8n_pose_256"), coco_mini[:40], {}, False),
    }
    assert len(marks) == 4


def test_other_annotations_do_not_go_on_with_what_was_predicted_on_crops(zoo_model, coco_mini):
    from poseutils.evaluation.predictions import fingerprint

    moved = [sample.mapped(lambda keypoints: keypoints + 1) for sample in coco_mini]
    model, other = zoo_model("movenet_lightning_192"), coco_mini.subset(moved)
    assert fingerprint(model, coco_mini, {}, True) != fingerprint(model, other, {}, True)
    assert fingerprint(model, coco_mini, {}, False) == fingerprint(model, other, {}, False)
