"""A data.yaml as the description of a dataset, as Ultralytics, CVAT and Roboflow write it."""

import numpy as np
import pytest
from PIL import Image

import poseutils as pu
from poseutils.errors import PoseError
from tests.helpers.refusals import YAML_BOMBS, at_most

NAMES = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
DESCRIPTION = f"""
names: {{0: cat, 1: dog}}
kpt_shape: [5, 3]
flip_idx: [0, 2, 1, 4, 3]
kpt_names:
  0: [{", ".join(NAMES)}]
  1: [{", ".join(NAMES)}]
"""
COUNTS = {"train": 3, "val": 2}


@pytest.fixture
def folder(tmp_path):
    """Images and labels of two splits, and lists of the images."""
    root = tmp_path / "pets"
    for split, count in COUNTS.items():
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for i in range(count):
            pixels = np.full((40, 50, 3), i, np.uint8)
            Image.fromarray(pixels).save(root / f"images/{split}/{split}{i}.png")
            label = f"{i % 2} 0.5 0.5 0.4 0.4 " + "0.4 0.5 2 " * 5
            (root / f"labels/{split}/{split}{i}.txt").write_text(label)
        lines = "".join(f"./images/{split}/{split}{i}.png\n" for i in range(count))
        (root / f"{split}.txt").write_text(lines + "\n")
    return root


def written(folder, text, name="data.yaml"):
    (folder / name).write_text(text + DESCRIPTION)
    return folder / name


FORMS = {
    "path": "path: .\ntrain: images/train\nval: images/val",
    "no path": "train: images/train\nval: images/val",
    "a path of another computer": "path: /content/pets\ntrain: images/train\nval: images/val",
    "beside": "train: ../images/train\nval: ../images/val",
    "above": "path: ..\ntrain: pets/images/train\nval: pets/images/val",
    "lists of folders": "path: .\ntrain: [images/train]\nval: [images/val]",
    "lists of images": "path: .\ntrain: train.txt\nval: val.txt",
    "a split that is not there": "train: images/train\nval: images/val\ntest: images/test",
    "a split left empty": "train: images/train\nval: images/val\ntest:",
    "a split that is two": "train: [images/train, images/val]\nval: images/val",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["data.yaml", "my pets.yml"])
def test_it_names_images_keypoints_and_classes(folder, form, name):
    path = written(folder, FORMS[form], name)
    data = pu.load_dataset(path)
    assert len(data) == 5 and data.class_names == ("cat", "dog")
    assert data.layout.names == NAMES and data.layout.mirror == (0, 2, 1, 4, 3)
    np.testing.assert_allclose(data.samples[0].keypoints[0, :, :2], [[20, 20]] * 5)
    val = pu.load_dataset(path, split="val")
    assert [sample.path.name for sample in val] == ["val0.png", "val1.png"]
    assert [sample.classes.tolist() for sample in val] == [[0], [1]]


def test_the_given_one_counts_before_the_one_beside_the_images(folder):
    written(folder, "train: images/train")
    path = folder.parent / "other.yaml"
    path.write_text("path: pets\ntrain: images/train\nkpt_shape: [5, 3]\nnames: [bear, wolf]\n")
    assert pu.load_dataset(path).class_names == ("bear", "wolf")


@pytest.mark.parametrize(
    ("text", "split", "words"),
    [
        ("train: nowhere", None, r"none of its splits is there.*'train': 'nowhere'"),
        ("", None, r"data.yaml: names no splits \(train, val, test\); expected train: and val:"),
        ("train: nowhere", None, r"below \S+/pets\); expected"),
        ("train: images/train", "val", "has no split 'val': it has train"),
        ("train: images/train\nval: {", None, "is not YAML"),
    ],
)
def test_what_is_not_there_is_said(folder, text, split, words):
    with pytest.raises(PoseError, match=words):
        pu.load_dataset(written(folder, text), split=split)


@pytest.mark.parametrize("text", [*YAML_BOMBS, "names: &a [*a]", "kpt_shape: &a {<<: *a}"])
def test_bombs_end_quickly(folder, text):
    (folder / "data.yaml").write_text(text)
    with at_most(5), pytest.raises(PoseError, match=r"data\.yaml"):
        pu.load_dataset(folder / "data.yaml")
