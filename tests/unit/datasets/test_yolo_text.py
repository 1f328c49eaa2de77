import pickle

import numpy as np
import pytest
from PIL import Image

from poseutils.datasets import lazy, load_dataset
from poseutils.errors import PoseError
from poseutils.keypoints import PERSON13, layout_from_names
from tests.helpers.small_datasets import GOOD, blank_images, yolo_folder


def test_yolo_text(tmp_path):
    dataset = load_dataset(yolo_folder(tmp_path / "d", GOOD, "", GOOD))
    sample = dataset[0]
    assert len(dataset) == 2 and len(sample) == 2 and len(dataset[1]) == 0
    np.testing.assert_allclose(sample.boxes[0], (80, 30, 120, 70), rtol=1e-6)
    np.testing.assert_allclose(sample.keypoints[0], [(20, 20, 1), (60, 40, 0)], rtol=1e-6)
    np.testing.assert_allclose(sample.areas, 0.53 * 40 * 40, rtol=1e-6)
    named = load_dataset(tmp_path / "d", layout=layout_from_names(["tip", "base"], limbs=[(0, 1)]))
    assert named.layout.names == ("tip", "base")


def test_an_empty_box_is_taken_around_the_keypoints(tmp_path):
    line = "0 0.5 0.5 0 0 0.1 0.2 1 0.3 0.6 2"
    with pytest.warns(UserWarning, match="box is missing for 1 of 2 annotations"):
        sample = load_dataset(yolo_folder(tmp_path / "d", GOOD, line))[0]
    width, height = sample.size
    box = np.array([0.1 * width, 0.2 * height, 0.3 * width, 0.6 * height])
    np.testing.assert_allclose(sample.boxes[1], box, rtol=1e-5)
    np.testing.assert_allclose(sample.areas[1], 0.53 * 0.2 * width * 0.4 * height, rtol=1e-5)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD + " 0.5", "a.txt, line 2: 12 fields"),
        (
            GOOD + " 0.1 0.2 1",
            "a.txt, line 2: 14 fields; the lines before had 11",
        ),
        ("0 0.5 0.5 0.2 0.4", "a.txt, line 2: 5 fields"),
        ("0 0.5 0.5 0.2 0.4 x y 1", "a.txt, line 2: could not convert"),
        ("0 0.5 0.5 0.2 nan 0.1 0.2 1", "a.txt, line 2"),
    ],
)
def test_damaged_labels(tmp_path, line, message):
    with pytest.raises(PoseError, match=message):
        load_dataset(yolo_folder(tmp_path / "d", GOOD, line))


def test_images_without_any_label(tmp_path):
    folder = yolo_folder(tmp_path / "d", GOOD)
    (folder / "labels/a.txt").write_text("")
    with pytest.raises(PoseError, match="all label files .* are empty"):
        load_dataset(folder)
    (folder / "labels/a.txt").unlink()
    with pytest.raises(PoseError, match="neither a COCO .json nor .txt labels"):
        load_dataset(folder)


def test_loading_text_labels_reads_no_size_of_an_image(tmp_path, monkeypatch):
    folder = blank_images(tmp_path, ["a.png", "deep/b.png", "c.png"])
    (folder / "a.png").write_bytes(b"no image")
    monkeypatch.setattr(lazy, "image_size", lambda path: pytest.fail(f"opened {path}"))
    dataset = load_dataset(folder)
    assert dataset.summary()["people"] == len(dataset.single()) == 3 and len(
        dataset.split(0.5, 1)[0]
    ) in (1, 2)
    monkeypatch.undo()
    assert dataset[1].size == (20, 10) and dataset[1].renumbered(7).image_id == 7
    assert pickle.loads(pickle.dumps(dataset[2])).boxes.shape == (1, 4)
    with pytest.raises(PoseError, match="a.png is not an image"):
        _ = dataset[0].keypoints


def test_seventeen_text_keypoints_become_thirteen_without_opening_images(tmp_path):
    line = "0 0.5 0.5 1 1 " + " ".join(f"0.{k:02} 0.5 {int(k != 0)}" for k in range(17))
    dataset = load_dataset(blank_images(tmp_path, ["a.png"], [line])).with_layout(PERSON13)
    assert "keypoints" not in dataset[0].__dict__
    np.testing.assert_allclose(dataset[0].keypoints[0, 0], (0.025 * 20, 5, 1), rtol=1e-5)
    np.testing.assert_allclose(dataset[0].keypoints[0, 1], (0.05 * 20, 5, 1), rtol=1e-5)


@pytest.mark.parametrize(
    ("image", "label"), [("images/train/a.png", "labels/train/a.txt"), ("x/a.png", "x/a.txt")]
)
def test_where_labels_may_be(tmp_path, image, label):
    for path in (tmp_path / image, tmp_path / label):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10)).save(tmp_path / image)
    (tmp_path / label).write_text(GOOD)
    assert len(load_dataset(tmp_path)[0]) == len(load_dataset((tmp_path / image).parent)[0]) == 1
