"""The annotation tool, operated by the messages that its page sends."""

import json
import os

import numpy as np
import pytest

import poseutils as pu
from poseutils import PoseError, widgets
from poseutils.images import read_image
from poseutils.keypoints import layout_from_names
from poseutils.poses import Poses
from poseutils.synthetic.robot_arm import NAMES, SKELETON, make_arms

LAYOUT = layout_from_names(NAMES, SKELETON, name="robot arm")


class Guesses:
    """A model that is the surer the later the image, and gives its keypoints in reverse order."""

    layout = layout_from_names(NAMES[::-1])
    gives_one_pose = True

    def predict_each(self, images, confidence):
        for path in images:
            number = int(path.stem)
            keypoints = np.full((1, 7, 2), number, np.float32) + np.arange(7)[None, :, None]
            scores = np.full((1, 7), number / 10, np.float32)
            yield pu.models.predictor.Prediction(path, None, Poses(keypoints, scores, self.layout))


@pytest.fixture
def folder(tmp_path):
    make_arms(tmp_path, "arms", 4, seed=1)
    (tmp_path / "arms.json").rename(tmp_path / "truth.json")
    return tmp_path / "arms"


def send(tool, action, people=None):
    message = {"do": action, "name": tool.view["name"], "number": tool.view["number"] + 1}
    tool._handle_custom_msg(message | ({"people": people} if people else {}), [])


def moved(tool, k, x, y, visibility=2):
    """The people of an image with one point moved, as the page sends them."""
    people = json.loads(json.dumps(tool.view["people"]))
    people[0][k] = [x, y, visibility]
    return people


def labels(folder):
    return {sample.path.name: sample for sample in pu.load_dataset(folder)}


def test_the_most_doubtful_image_comes_first_with_the_guess_in_the_order_of_the_layout(folder):
    (folder / "0004.png").rename(folder / "0000.png")
    tool = widgets.label(folder, LAYOUT, Guesses())
    assert tool.view["name"] == "0000.png"
    send(tool, "skip")
    assert tool.view["name"] == "0001.png" and not (folder / "keypoints.json").exists()
    assert tool.view["people"][0][0] == [7, 7, 0.1] and tool.view["people"][0][6] == [1, 1, 0.1]


def test_every_change_is_in_the_file_and_a_guess_stays_one_until_accepted(folder):
    tool = widgets.label(folder, LAYOUT, Guesses())
    send(tool, "edit", moved(tool, 2, 40.25, 50.5))
    (sample,) = labels(folder).values()
    assert sample.keypoints[0, 2].tolist() == [40.25, 50.5, 2]
    assert (np.delete(sample.visibility[0], 2) == np.float32(0.1)).all()
    assert tool.view["labeled"] == 0
    send(tool, "next")
    assert tool.view["name"] == "0002.png" and tool.view["labeled"] == 1
    assert (labels(folder)["0001.png"].visibility == 2).all()


def test_visibility_people_and_images_without_one(folder):
    tool = widgets.label(folder, LAYOUT)
    assert tool.view["people"] == [[[0, 0, 0]] * 7]
    person = [[10 * k + 5, 20, v] for k, v in enumerate((2, 1, 0, 2, 2, 2, 2))]
    send(tool, "edit", [person, person, [[0, 0, 0]] * 7])
    send(tool, "next")
    send(tool, "next")
    found = labels(folder)
    assert len(found["0001.png"]) == 2 and len(found["0002.png"]) == 0
    assert found["0001.png"].visibility[1].tolist() == [2, 1, 0, 2, 2, 2, 2]
    np.testing.assert_allclose(found["0001.png"].boxes[0], [0, 14, 71, 26], atol=0.01)


def test_undo_goes_back_image_by_image(folder):
    tool = widgets.label(folder, LAYOUT, Guesses())
    send(tool, "edit", moved(tool, 0, 3, 4))
    send(tool, "next")
    send(tool, "edit", moved(tool, 0, 9, 9))
    send(tool, "undo")
    assert tool.view["name"] == "0002.png" and list(labels(folder)) == ["0001.png"]
    send(tool, "undo")
    assert tool.view["name"] == "0001.png" and tool.view["people"][0][0] == [3, 4, 2]
    assert labels(folder)["0001.png"].visibility[0, 1] == np.float32(0.1)
    for _ in range(3):
        send(tool, "undo")
    assert len(json.loads((folder / "keypoints.json").read_text())["images"]) == 0


def test_it_goes_on_where_it_was_left(folder):
    tool = widgets.label(folder, LAYOUT, Guesses())
    send(tool, "next")
    send(tool, "skip")
    send(tool, "edit", moved(tool, 1, 30, 31))
    again = widgets.label(folder, LAYOUT, Guesses())
    assert again.view["name"] == "0003.png" and again.view["people"] == tool.view["people"]
    assert again.view["place"] == 2 and again.view["labeled"] == 1
    send(again, "previous")
    assert again.view["name"] == "0001.png" and again.view["is_done"]
    ids = [sample.image_id for sample in labels(folder).values()]
    send(again, "edit", moved(again, 1, 5, 5))
    assert [sample.image_id for sample in labels(folder).values()] == ids == [1, 2]


def test_the_image_is_that_of_the_labels(folder):
    import cv2

    tool = widgets.label(folder, LAYOUT)
    shown = cv2.imdecode(np.frombuffer(tool.image, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
    assert np.abs(shown.astype(int) - read_image(folder / "0001.png")).mean() < 3
    send(tool, "skip")
    assert tool.image != b"" and tool.view["name"] == "0002.png"


WRONG = {
    "not JSON": '{"images": [',
    "written by another tool": json.dumps(
        {"images": [], "annotations": [], "categories": [{"keypoints": NAMES, "name": "a"}]}
    ),
    "expected": "[]",
}


@pytest.mark.parametrize("said", WRONG)
def test_a_file_that_it_cannot_go_on_with_is_refused_and_left_as_it_is(folder, said):
    path = folder / "keypoints.json"
    path.write_text(WRONG[said])
    with pytest.raises(PoseError, match=said):
        widgets.label(folder, LAYOUT)
    assert path.read_text() == WRONG[said] and len(os.listdir(folder)) == 5


def test_refuses_other_keypoints_other_annotations_and_another_model(folder):
    tool = widgets.label(folder, LAYOUT)
    send(tool, "next")
    before = (folder / "keypoints.json").read_bytes()
    with pytest.raises(PoseError, match="has the keypoints base, shoulder"):
        widgets.label(folder, layout_from_names(["a"] + list(NAMES[1:])))
    os.rename(folder / "keypoints.json", folder / "theirs.json")
    assert (folder / "theirs.json").read_bytes() == before
    with pytest.raises(PoseError, match="annotations already, in theirs.json"):
        widgets.label(folder, LAYOUT)
    os.remove(folder / "theirs.json")
    with pytest.raises(PoseError, match="the model gives 7 keypoints"):
        widgets.label(folder, layout_from_names(NAMES[:3]), Guesses())


def test_a_file_that_another_program_changed_is_not_overwritten(folder):
    first, second = widgets.label(folder, LAYOUT), widgets.label(folder, LAYOUT)
    send(first, "edit", moved(first, 0, 1, 1))
    before = (folder / "keypoints.json").read_bytes()
    send(second, "edit", moved(second, 0, 9, 9))
    assert "changed by another program" in second.view["error"]
    assert (folder / "keypoints.json").read_bytes() == before
    send(first, "next")
    assert first.view["error"] == "" and first.view["labeled"] == 1


def test_after_the_last_image_come_those_that_were_skipped(folder):
    tool = widgets.label(folder, LAYOUT, Guesses())
    for action in ("next", "skip", "next", "next"):
        send(tool, action)
    assert tool.view["name"] == "0002.png" and tool.view["labeled"] == 3
    send(tool, "next")
    send(tool, "next")
    assert tool.view["labeled"] == 4 and len(labels(folder)) == 4


def test_an_image_that_cannot_be_read_is_left_out_with_a_sentence(folder):
    (folder / "0001.png").write_bytes(b"")
    (folder / "0003.png").write_bytes(b"no image")
    tool = widgets.label(folder, LAYOUT)
    assert tool.view["name"] == "0002.png" and "0001.png" in tool.view["error"]
    send(tool, "skip")
    assert tool.view["name"] == "0004.png" and "0003.png" in tool.view["error"]
    assert tool.view["images"] == 2


def test_a_guess_beyond_the_border_is_labeled_at_the_border(folder):
    tool = widgets.label(folder, LAYOUT)
    send(tool, "edit", moved(tool, 0, -3, 400, 0.4))
    assert labels(folder)["0001.png"].keypoints[0, 0].tolist() == [0, 128, np.float32(0.4)]


@pytest.mark.parametrize(
    "change",
    [
        {"people": [[[1, 1, 2]] * 3 + [[1, 1, 7]] * 4]},
        {"people": [[[1, 1, -1]] * 7]},
        {"people": [[[float("nan"), 1, 2]] * 7]},
        {"people": [[[1, 1, 2]] * 6]},
        {"people": [[1, 1, 2] * 7]},
        {"people": [[[1, 1, 2]] * 7, []]},
        {"people": "all"},
        {},
        {"name": "../truth.json", "people": [[[1, 1, 2]] * 7]},
        {"name": ["0001.png"]},
    ],
)
def test_what_is_no_change_is_said_and_labels_nothing(folder, change):
    tool = widgets.label(folder, LAYOUT)
    before = {name: value for name, value in tool.view.items() if name not in ("number", "error")}
    tool._handle_custom_msg({"do": "edit", "name": "0001.png", "number": 1} | change, [])
    assert tool.view["error"] and before.items() <= tool.view.items()
    assert not (folder / "keypoints.json").exists()
    send(tool, "undo")
    assert tool.view["error"] == "" and before.items() <= tool.view.items()


@pytest.mark.parametrize("message", [None, 5, [], {}, {"do": "next"}])
def test_what_is_no_message_is_said(folder, message):
    tool = widgets.label(folder, LAYOUT)
    tool._handle_custom_msg(message, [])
    assert "expected a change" in tool.view["error"] and tool.view["number"] == 0


def test_when_the_last_image_is_gone_the_page_is_told(folder):
    for number in (2, 3, 4):
        (folder / f"000{number}.png").unlink()
    tool = widgets.label(folder, LAYOUT)
    (folder / "0001.png").unlink()
    send(tool, "skip")
    assert "0001.png" in tool.view["error"] and tool.view["number"] == 1
