"""The annotation tool as a person operates it, by mouse and by keys; the file shows what became of
it."""

import json
import os
import shutil
import signal

import numpy as np
import pytest

import poseutils as pu
from poseutils.synthetic.robot_arm import make_arms

CELL = """
import os
import numpy as np, poseutils as pu
from pathlib import Path
from poseutils.models.predictor import Prediction
from poseutils.synthetic.robot_arm import NAMES, SKELETON

class Wrong:
    "A model that is a few pixels off."
    layout, gives_one_pose = pu.layout_from_names(NAMES, SKELETON), True

    def predict_each(self, images, confidence):
        guesses = np.load("guesses.npy")
        for number, path in enumerate(images):
            scores = np.full((1, 7), 0.2 + number / 10, np.float32)
            yield Prediction(path, None, pu.Poses(guesses[[number]], scores, self.layout))

Path("pid.txt").write_text(str(os.getpid()))
pu.widgets.label("arms", Wrong.layout, Wrong())
"""


class Tool:
    """The tool on the page of a notebook."""

    def __init__(self, notebook):
        self.notebook, self.page = notebook, notebook.page
        self.folder = notebook.lab.root / "notebooks"
        self.actions = 0

    def begin(self):
        self.notebook.new(CELL, name="label.ipynb").run_all()
        self.wait(".title", "0001.png")
        self.stage.scroll_into_view_if_needed()
        return self

    @property
    def stage(self):
        return self.page.locator(".poseutils-label svg")

    def wait(self, part, text):
        self.page.locator(f".poseutils-label {part}").filter(has_text=text).wait_for()

    def saved(self):
        """The labels by image, once all changes are written."""
        self.wait(".status", "· saved")
        found = pu.load_dataset(self.folder / "arms")
        return {sample.path.name: sample.keypoints.astype(float).round(2) for sample in found}

    def place(self, point):
        """A point of the image on the screen."""
        zoom, _, _, _, x, y = json.loads(
            self.stage.locator("image")
            .get_attribute("transform")
            .replace("matrix(", "[")
            .replace(")", "]")
            .replace(" ", ",")
        )
        box = self.stage.bounding_box()
        return box["x"] + x + zoom * float(point[0]), box["y"] + y + zoom * float(point[1])

    def drag(self, start, end):
        self.page.mouse.move(*self.place(start))
        self.page.mouse.down()
        self.page.mouse.move(*self.place(end), steps=3)
        self.page.mouse.up()
        self.actions += 1

    def click(self, point, button="left"):
        self.page.mouse.click(*self.place(point), button=button)
        self.actions += 1

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)
            self.actions += 1


@pytest.fixture
def truth(lab):
    """(4, 7, 2) keypoints of the images in the folder ``arms`` of the notebook; the model's guesses
    are some pixels beside them."""
    folder = lab.root / "notebooks"
    shutil.rmtree(folder / "arms", ignore_errors=True)
    annotations = make_arms(folder, "arms", 4, seed=1)
    keypoints = np.concatenate(
        [sample.keypoints[:, :, :2] for sample in pu.load_dataset(annotations)]
    )
    annotations.unlink()
    np.save(
        folder / "guesses.npy",
        keypoints + np.random.default_rng(1).uniform(-9, 9, keypoints.shape).astype("f4"),
    )
    return keypoints


@pytest.fixture
def tool(notebook, truth):
    return Tool(notebook).begin()


def test_seven_points_are_corrected_by_mouse(tool, truth):
    guesses = np.load(tool.folder / "guesses.npy")
    tool.notebook.screenshot("label-guess")
    for guess, point in zip(guesses[0], truth[0], strict=True):
        tool.drag(guess, point)
    tool.page.get_by_role("button", name="accept →").click()
    tool.wait(".title", "0002.png")
    (labeled,) = tool.saved()["0001.png"]
    np.testing.assert_allclose(labeled[:, :2], truth[0], atol=0.3)  # a pixel of the screen
    assert (labeled[:, 2] == 2).all() and tool.actions == 7
    tool.press("ArrowLeft")
    tool.wait(".title", "0001.png")
    tool.notebook.screenshot("label-corrected")


def test_keys_choose_mark_undo_and_go_on(tool):
    tool.click((2, 2))  # gives it the keys
    tool.press("e", " ", " ")  # elbow: a guess, visible, hidden
    assert tool.saved()["0001.png"][0, :, 2].tolist() == [0.2, 0.2, 1] + [0.2] * 4
    tool.press("Control+z")
    tool.wait("li:nth-child(3) .state", "visible")
    tool.press("g", "g", " ", " ", " ")  # the right gripper: not labeled
    tool.wait("li:nth-child(6) .state", "none")
    assert tool.saved()["0001.png"][0, :, 2].tolist() == [0.2, 0.2, 2, 0.2, 0.2, 0, 0.2]
    tool.press("a", "b", "d", "d", "x", "z")  # of JupyterLab: they would change the cells
    tool.press("Enter")
    tool.wait(".title", "0002.png")
    tool.press("ArrowDown")
    tool.wait(".title", "0003.png")
    for name in ("0002.png", "0001.png"):
        tool.press("ArrowLeft")
        tool.wait(".title", name)
    assert list(tool.saved()) == ["0001.png"]
    assert tool.saved()["0001.png"][0, :, 2].tolist() == [2, 2, 2, 2, 2, 0, 2]
    assert tool.notebook.page.locator(".jp-Cell").count() == 1 and tool.notebook.errors() == []


def test_zoomed_and_panned_a_click_is_where_it_was_meant(tool):
    tool.click((2, 2))
    tool.page.mouse.move(*tool.place((90, 30)))
    tool.page.mouse.wheel(0, -600)
    tool.page.wait_for_function(
        "() => document.querySelector('.poseutils-label image').transform.baseVal[0].matrix.a > 8"
    )
    tool.drag((96, 30), (92, 33))
    tool.press("+")
    for point in ((92, 29), (95, 34), (99, 37)):
        tool.click(point)
    tool.click((95, 34), button="right")
    tool.notebook.screenshot("label-zoomed")
    second = tool.saved()["0001.png"][1]
    np.testing.assert_allclose(second[:3], [[92, 29, 2], [95, 34, 1], [99, 37, 2]], atol=0.15)
    assert not second[3:].any()
    tool.press("0", "Delete")
    tool.page.wait_for_function(
        "() => document.querySelectorAll('.poseutils-label svg g g').length === 1"
    )
    assert len(tool.saved()["0001.png"]) == 1


def test_killing_the_kernel_loses_nothing(tool, truth):
    guesses = np.load(tool.folder / "guesses.npy")
    tool.drag(guesses[0][0], truth[0][0])
    tool.press("Enter")
    tool.wait(".title", "0002.png")
    tool.drag(guesses[1][6], truth[1][6])
    tool.saved()
    before = (tool.folder / "arms/keypoints.json").read_bytes()
    os.kill(int((tool.folder / "pid.txt").read_text()), signal.SIGKILL)
    tool.page.get_by_role("button", name="Ok").click()
    assert (tool.folder / "arms/keypoints.json").read_bytes() == before
    tool.notebook.wait_until_idle()
    tool.notebook.run_all()
    tool.wait(".title", "0002.png (2 of 4)")
    tool.wait(".status", "1 of 4 labeled")
    tool.wait("li:nth-child(7) .state", "visible")
    assert len(json.loads(before)["images"]) == 2
