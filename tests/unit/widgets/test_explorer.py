"""The kernel's side of the explorer, by what its page sets and sends."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

import poseutils as pu
from poseutils import widgets
from poseutils.images import fit_to
from poseutils.widgets.heat import unfit
from tests.helpers.stand_ins import INT8, REPOSITORY

IMAGES = [REPOSITORY / f"data/synthetic-people/val/00000{n}.jpg" for n in (1, 2)]


@pytest.fixture
def explorer():
    return widgets.explore(pu.load_model(INT8), IMAGES, confidence=0.3)


def give(explorer, name, data=None):
    explorer._handle_custom_msg({"name": name}, [] if data is None else [memoryview(data)])


def test_heat_lands_on_the_picture_where_the_network_saw_it():
    """A cell's heat, taken back to an image that was letterboxed, peaks where the transform
    says."""
    _, transform = fit_to(np.zeros((120, 240, 3), np.uint8), (96, 96), "padding")
    heat = np.zeros((24, 24), np.float32)
    heat[10, 15] = 1
    spread = unfit(heat, transform.matrix, (96, 96), (120, 240))
    y, x = np.unravel_index(spread.argmax(), spread.shape)
    expected = transform.to_image(np.array([15.5 * 4, 10.5 * 4]))
    np.testing.assert_allclose((x + 0.5, y + 0.5), expected, atol=1.01)


def test_people_are_those_that_the_model_predicts(explorer):
    explorer.image = 1
    expected = pu.load_model(INT8).predict(IMAGES[1], confidence=0.3)
    (result,) = explorer.results
    points = np.array([person["points"] for person in result["people"]])
    np.testing.assert_allclose(points[:, :, :2] * 256, expected.keypoints, atol=0.05)
    explorer.confidence = 0.99
    assert explorer.results[0]["people"] == []


def test_heatmaps_come_and_go(explorer):
    plain = explorer.results[0]["heat"]
    explorer.heatmap = "all"
    every = explorer.results[0]["heat"]
    explorer.heatmap = "nose"
    nose = explorer.results[0]["heat"]
    explorer.heatmap = "none"
    assert explorer.results[0]["heat"] == plain == b"" and len(explorer.results[0]["people"]) == 1
    layers = [cv2.imdecode(np.frombuffer(png, np.uint8), -1)[:, :, 3] for png in (every, nose)]
    assert (layers[0] >= layers[1]).all() and layers[0].sum() > 3 * layers[1].sum() > 0
    y, x = np.unravel_index(layers[1].argmax(), layers[1].shape)
    point = explorer.results[0]["people"][0]["points"][0]
    assert abs(x / 256 - point[0]) < 0.05 and abs(y / 256 - point[1]) < 0.05


def test_networks_side_by_side(explorer, asset):
    first = explorer.results
    asset(f"models/{pu.ZOO['yolov8n_pose_256'].file}")
    explorer.second = "yolov8n_pose_256"
    assert explorer.results[0] == first[0] and explorer.results[1]["name"] == "yolov8n_pose_256"
    explorer.second = ""
    assert explorer.results == first


def test_several_given_networks_are_shown_at_once():
    one = pu.load_model(INT8)
    shown = widgets.explore([one, replace(one, name="other")], IMAGES)
    assert shown.networks[:2] == [one.label, "other"]
    assert [result["name"] for result in shown.results] == [one.label, "other"]


def test_an_uploaded_image_is_shown(explorer):
    give(explorer, "mine.jpg", IMAGES[1].read_bytes())
    assert explorer.images[-1] == "mine.jpg" and explorer.image == 2 and explorer.said == ""
    uploaded = explorer.results
    explorer.image = 1
    assert explorer.results == uploaded


@pytest.mark.parametrize(
    "name, data, said",
    [
        ("notes.txt", b"no image", "notes.txt is not an image"),
        ("half.jpg", IMAGES[0].read_bytes()[:3000], "half.jpg is truncated or damaged"),
        ("http://example.org/a.jpg", None, "beginning with https://"),
        ("file:///etc/passwd", None, "beginning with https://"),
        ("", None, "beginning with https://"),
    ],
)
def test_what_is_no_image_is_refused_and_nothing_else_changes(explorer, name, data, said):
    before = explorer.images, explorer.image, explorer.results
    give(explorer, name, data)
    assert said in explorer.said
    assert (explorer.images, explorer.image, explorer.results) == before
    give(explorer, "mine.jpg", IMAGES[1].read_bytes())
    assert explorer.said == ""


def test_an_image_without_a_name_leaves_the_others_at_their_places(explorer):
    for content in (None, {}, {"name": 5}):
        explorer._handle_custom_msg(content, [memoryview(IMAGES[0].read_bytes())])
        assert explorer.said
    give(explorer, "mine.jpg", IMAGES[1].read_bytes())
    uploaded = explorer.results
    explorer.image = 1
    assert explorer.results == uploaded
