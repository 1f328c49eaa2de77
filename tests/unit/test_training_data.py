"""The rules that correct the labels of the photographs which the bundled network is trained on."""

import importlib.util

import numpy as np
import pytest

from poseutils.datasets import Sample
from poseutils.keypoints import COCO17

ARMS = [5, 6, 7, 8, 9, 10]
LEGS = [11, 12, 13, 14, 15, 16]
POINTS = np.stack([np.linspace(20, 180, 17), 100 + 60 * np.sin(np.arange(17))], axis=1)
HIGH, LOW = np.full(17, 0.9), np.full(17, 0.1)


@pytest.fixture(scope="module")
def rules(repository):
    spec = importlib.util.spec_from_file_location(
        "training_data", repository / "data/models/training_data.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def person(points=POINTS):
    keypoints = np.concatenate([points, np.full((17, 1), 2.0)], axis=1)[None].astype(np.float32)
    box = np.array([[10, 30, 190, 170]], np.float32)
    return Sample(1, "1.jpg", (200, 200), keypoints, box, np.array([9000.0]), np.zeros(1, bool))


def exchanged(rows):
    points = POINTS.copy()
    points[rows] = POINTS[[COCO17.mirror[row] for row in rows]]
    return points


@pytest.mark.parametrize(
    ("rows", "what"),
    [
        ([], "as they are"),
        (ARMS, "exchanged: shoulder"),
        (LEGS, "exchanged: hip"),
        (ARMS + LEGS, "exchanged: shoulder, hip"),
    ],
)
def test_exchanged_left_and_right_are_put_right(rules, rows, what):
    keypoints, done = rules.by_teacher(person(exchanged(rows)), 0, POINTS, HIGH)
    assert done == what
    assert keypoints[:, :2] == pytest.approx(POINTS)


def test_labels_stay_where_the_teacher_agrees_with_neither_order(rules):
    labeled = exchanged(ARMS)
    keypoints, done = rules.by_teacher(person(labeled), 0, POINTS[::-1], LOW)
    assert done == "as they are"
    assert keypoints[:, :2] == pytest.approx(labeled)


def test_a_person_is_left_out_only_where_a_confident_teacher_contradicts(rules):
    elsewhere = POINTS + 500
    assert rules.by_teacher(person(), 0, elsewhere, HIGH)[1] == "left out: contradicted"
    assert rules.by_teacher(person(), 0, elsewhere, LOW)[1] == "as they are"
