"""The kernel's side of the camera, by the messages that its page sends."""

import numpy as np
import pytest

import poseutils as pu
from poseutils import widgets
from poseutils.images import read_image
from poseutils.keypoints import layout_from_names
from poseutils.plots import save_image
from poseutils.poses import Poses
from poseutils.widgets.choices import choices
from poseutils.widgets.snapshots import save_snapshot
from tests.helpers.stand_ins import INT8, REPOSITORY

IMAGE = REPOSITORY / "data/synthetic-people/val/000001.jpg"


@pytest.fixture
def model():
    return pu.load_model(INT8)


@pytest.fixture
def view(model, tmp_path, monkeypatch):
    """The widget; ``sent`` are the messages to its page."""
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path / "empty"))
    shown = widgets.camera(model, tmp_path / "snapshots")
    shown.sent = []
    shown.send = shown.sent.append
    return shown


def receive(view, kind, data=None):
    data = IMAGE.read_bytes() if data is None else data
    view._handle_custom_msg({"kind": kind, "view": "v", "number": 3}, [memoryview(data)])
    return view.sent[-1]


def test_a_frame_is_answered_with_its_poses_as_fractions(view, model):
    answer = receive(view, "frame")
    assert (answer["kind"], answer["view"], answer["number"]) == ("poses", "v", 3)
    expected = model.predict(IMAGE)
    (person,) = answer["people"]
    points = np.array(person["points"])
    np.testing.assert_allclose(points[:, :2] * 256, expected.keypoints[0], atol=0.05)
    np.testing.assert_allclose(points[:, 2], expected.scores[0], atol=1e-4)
    view.confidence = 0.99
    assert receive(view, "frame")["people"] == []


def test_a_damaged_frame_is_answered_too(view):
    answer = receive(view, "frame", IMAGE.read_bytes()[:300])
    assert answer["kind"] == "failed" and "the camera's frame is" in answer["text"]


@pytest.mark.parametrize(
    "content, files",
    [(None, 1), ([], 0), ({}, 1), ({"kind": "frame"}, 0), ({"kind": ["frame"], "number": 3}, 1)],
)
def test_what_is_no_frame_is_answered_too(view, content, files):
    view._handle_custom_msg(content, [memoryview(IMAGE.read_bytes())] * files)
    assert view.sent[-1]["kind"] == "failed" and "expected a frame" in view.sent[-1]["text"]


def test_a_path_is_no_network_of_the_page(view, model):
    view.network = str(INT8)
    assert view.network == model.label and "expected one of" in view.sent[-1]["text"]


def test_a_network_that_cannot_be_loaded_leaves_the_one_before(view, model):
    view.network = "no_such_network"
    assert view.network == model.label and "no_such_network" in view.sent[-1]["text"]
    assert receive(view, "frame")["people"]


def test_a_snapshot_that_cannot_be_saved_leaves_no_image(view, tmp_path):
    folder = tmp_path / "snapshots"
    other = layout_from_names(("head", "tail"))
    poses = Poses(np.full((1, 2, 2), 9, np.float32), np.full((1, 2), 0.9, np.float32), other)
    save_snapshot(folder, IMAGE.read_bytes(), poses)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    answer = receive(view, "snapshot")
    assert answer["kind"] == "said" and answer["failed"] and "head, tail" in answer["text"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_snapshots_are_added_to_those_that_were_corrected(view, tmp_path):
    folder = tmp_path / "snapshots"
    for _ in range(2):
        assert "with 1 person to correct" in receive(view, "snapshot")["text"]
    tool = widgets.label(folder, pu.COCO17)
    people = tool.view["people"]
    people[0][0] = [11, 12, 2]
    edit = {"do": "edit", "name": "000001.jpg", "number": 1, "people": people}
    tool._handle_custom_msg(edit, [])
    assert "000003.jpg" in receive(view, "snapshot")["text"]
    first, *others = pu.load_dataset(folder)
    assert first.keypoints[0, 0].tolist() == [11, 12, 2] and len(others) == 2


def test_snapshots_are_added_to_labeled_images_of_another_format(view, tmp_path):
    folder = tmp_path / "snapshots"
    folder.mkdir()
    save_image(folder / "mine.png", read_image(IMAGE))
    tool = widgets.label(folder, pu.COCO17)
    tool._handle_custom_msg({"do": "next", "name": "mine.png", "number": 1}, [])
    assert "000001.jpg" in receive(view, "snapshot")["text"]
    assert len(pu.load_dataset(folder)) == 2


def test_networks_of_one_crop_are_offered_with_their_detector(model, tmp_path, monkeypatch):
    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path))
    for name in ("hand_landmarks_224", "yolov8n_pose_256", "palm_detection_192"):
        (tmp_path / pu.ZOO[name].file).write_bytes(b"")
    offered = [model.label, "yolov8n_pose_256", "hand_landmarks_224"]
    assert choices(model).names == offered
    (tmp_path / pu.ZOO["palm_detection_192"].file).unlink()
    assert choices(model).names == offered[:2]
