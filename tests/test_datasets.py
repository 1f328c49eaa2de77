import json

import numpy as np
import pytest
from PIL import Image

from poseutils.datasets import load_dataset
from poseutils.datasets.coco import to_coco
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17, layout_from_names


def coco_folder(folder, **changes):
    """A COCO dataset of two images and one person, with some keys of the annotation changed; None removes one."""
    (folder / "images").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (64, 48)).save(folder / "images" / name)
    annotation = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [10, 5, 20, 30],
        "area": 300,
        "iscrowd": 0,
        "keypoints": [11, 6, 2] + [0, 0, 0] * 15 + [20, 30, 1],
        "num_keypoints": 2,
    } | changes
    document = {
        "images": [{"id": i, "file_name": n, "width": 64, "height": 48} for i, n in ((1, "a.jpg"), (2, "b.jpg"))],
        "annotations": [{k: v for k, v in annotation.items() if v is not None}],
        "categories": [COCO17.to_coco_category()],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(document))
    return path


def test_coco_coordinates_are_taken_as_they_are(tmp_path):
    path = coco_folder(tmp_path / "d")
    for given in (path, path.parent):
        dataset = load_dataset(given)
        assert len(dataset) == 2 and dataset.layout is COCO17 and len(dataset[1]) == 0
        sample = dataset[0]
        np.testing.assert_array_equal(sample.keypoints[0, 0], (11, 6, 2))
        np.testing.assert_array_equal(sample.keypoints[0, 1], (0, 0, 0))
        np.testing.assert_array_equal(sample.boxes[0], (10, 5, 30, 35))
        assert sample.areas[0] == 300 and sample.path.is_file() and sample.size == (64, 48)
    assert len(dataset.single()) == 1


def test_coco_goes_there_and_back(tmp_path, asset):
    original = asset("coco-mini/person_keypoints.json")
    written = to_coco(load_dataset(original))
    truth = {a["id"]: a for a in json.loads(original.read_text())["annotations"]}
    for ours, theirs in zip(sorted(written["annotations"], key=key), sorted(truth.values(), key=key), strict=True):
        np.testing.assert_allclose(ours["keypoints"], theirs["keypoints"], atol=0.01)
        np.testing.assert_allclose(ours["bbox"], theirs["bbox"], atol=0.02)
        assert ours["iscrowd"] == theirs["iscrowd"] and ours["num_keypoints"] == theirs["num_keypoints"]


def key(annotation):
    return annotation["image_id"], annotation["bbox"]


def test_counts_of_real_photographs(asset):
    dataset = load_dataset(asset("coco-mini"))
    assert (len(dataset), sum(len(s) for s in dataset), len(dataset.single())) == (80, 172, 11)
    assert sum(int((s.keypoints[:, :, 2] > 0).any(axis=1).sum()) for s in dataset) == 86


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_id": None}, "annotations\\[0\\]: missing image_id"),
        ({"bbox": None}, "annotations\\[0\\]: missing bbox"),
        ({"bbox": [1, 2, 3]}, "bbox four of them"),
        ({"bbox": [1, 2, "x", 4]}, "must be numbers"),
        ({"keypoints": [1, 2, 3]}, "keypoints has 3 numbers, expected 51"),
        ({"keypoints": [float("nan")] * 51}, "finite"),
        ({"image_id": 9}, "image_id 9, which is not among"),
    ],
)
def test_damaged_annotations(tmp_path, changes, message):
    with pytest.raises(PoseError, match=message):
        load_dataset(coco_folder(tmp_path / "d", **changes))


def test_damaged_files(tmp_path):
    path = coco_folder(tmp_path / "d")
    document = json.loads(path.read_text())
    for broken, message in [
        ("{", "not JSON"),
        ("[]", "expected a COCO keypoints file"),
        ("{}", "'images' is missing"),
        (json.dumps(document | {"categories": []}), "one category with 'keypoints'"),
        (json.dumps(document | {"images": [{"id": 1}]}), "images\\[0\\]: missing file_name"),
    ]:
        path.write_text(broken)
        with pytest.raises(PoseError, match=message):
            load_dataset(path)
    path.write_text(json.dumps(document))
    (tmp_path / "d/images/b.jpg").unlink()
    with pytest.raises(PoseError, match="images\\[1\\]: no such image: .*b.jpg"):
        load_dataset(path)
    with pytest.raises(PoseError, match="no such annotation file"):
        load_dataset(tmp_path / "none.json")
    with pytest.raises(PoseError, match="no dataset at .*expected a COCO"):
        load_dataset(tmp_path / "none")


def test_splits_are_chosen_or_joined(tmp_path):
    for split in ("train", "val"):
        path = coco_folder(tmp_path / "d" / split)
        path.rename(tmp_path / "d" / f"{split}.json")
        (tmp_path / "d" / split / "images").rename(tmp_path / "d" / "moved")
        (tmp_path / "d" / split).rmdir()
        (tmp_path / "d" / "moved").rename(tmp_path / "d" / split)
    assert len(load_dataset(tmp_path / "d", split="val")) == 2
    assert load_dataset(tmp_path / "d", split="train")[0].path.parent.name == "train"
    assert len(load_dataset(tmp_path / "d/train")) == 2
    joined = load_dataset(tmp_path / "d")
    assert len(joined) == 4 and len({s.image_id for s in joined}) == 4
    with pytest.raises(PoseError, match="no split 'test': it has train, val"):
        load_dataset(tmp_path / "d", split="test")


def yolo_folder(folder, *lines):
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    Image.new("RGB", (200, 100)).save(folder / "images/a.png")
    Image.new("RGB", (200, 100)).save(folder / "images/b.png")
    (folder / "labels/a.txt").write_text("\n".join(lines))
    return folder


GOOD = "0 0.5 0.5 0.2 0.4  0.1 0.2 1  0.3 0.4 0"


def test_yolo_text(tmp_path):
    dataset = load_dataset(yolo_folder(tmp_path / "d", GOOD, "", GOOD))
    sample = dataset[0]
    assert len(dataset) == 2 and len(sample) == 2 and len(dataset[1]) == 0
    np.testing.assert_allclose(sample.boxes[0], (80, 30, 120, 70), rtol=1e-6)
    np.testing.assert_allclose(sample.keypoints[0], [(20, 20, 1), (60, 40, 0)], rtol=1e-6)
    np.testing.assert_allclose(sample.areas, 0.53 * 40 * 40, rtol=1e-6)
    named = load_dataset(tmp_path / "d", layout=layout_from_names(["tip", "base"], limbs=[(0, 1)]))
    assert named.layout.names == ("tip", "base")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (GOOD + " 0.5", "a.txt, line 2: 12 fields"),
        (GOOD + " 0.1 0.2 1", "a.txt, line 2: 14 fields, which is 3 keypoints; the lines before had 2"),
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


def test_split_is_disjoint_and_repeatable(asset):
    dataset = load_dataset(asset("coco-mini"))
    kept, held_out = dataset.split(0.25, seed=5)
    ids = [{s.image_id for s in part} for part in (kept, held_out)]
    assert len(held_out) == 20 and not ids[0] & ids[1] and len(ids[0] | ids[1]) == 80
    assert [s.image_id for s in dataset.split(0.25, seed=5)[1]] == [s.image_id for s in held_out]
