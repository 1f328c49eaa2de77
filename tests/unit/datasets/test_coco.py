import json

import numpy as np
import pytest

from poseutils.datasets import load_dataset
from poseutils.datasets.coco import to_coco
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17, coco_category
from tests.helpers.small_datasets import coco_folder, edited


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
    for ours, theirs in zip(
        sorted(written["annotations"], key=key), sorted(truth.values(), key=key), strict=True
    ):
        np.testing.assert_allclose(ours["keypoints"], theirs["keypoints"], atol=0.01)
        np.testing.assert_allclose(ours["bbox"], theirs["bbox"], atol=0.02)
        assert (
            ours["iscrowd"] == theirs["iscrowd"]
            and ours["num_keypoints"] == theirs["num_keypoints"]
        )


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
        ({"bbox": [1, 2, 3]}, "bbox has 3 numbers, expected 4"),
        ({"bbox": [1, 2, "x", 4]}, "bbox must be 4 numbers"),
        ({"keypoints": [1, 2, 3]}, "keypoints has 3 numbers, expected 51"),
        ({"keypoints": [float("nan")] * 51}, "finite"),
        ({"image_id": 9}, "image_id 9, which is not among"),
        (
            {"image_id": [1]},
            "annotations\\[0\\]: image_id: expected an integer or text, got \\[1\\]",
        ),
        (
            {"keypoints": [11, 6, 3] + [0] * 48},
            "annotations\\[0\\]: keypoints has visibility 3, expected 0",
        ),
        (
            {"keypoints": [11, 6, 1.5] + [0] * 48},
            "annotations\\[0\\]: keypoints has visibility 1.5, expected 0",
        ),
        ({"area": "wide"}, "annotations\\[0\\]: area must be 1 numbers"),
        ({"iscrowd": 7}, "annotations\\[0\\]: iscrowd is 7, expected 0 or 1"),
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
        (
            json.dumps(document | {"annotations": [], "categories": []}),
            "one category with 'keypoints'",
        ),
        (json.dumps(document | {"images": [{"id": 1}]}), "images\\[0\\]: missing file_name"),
    ]:
        path.write_text(broken)
        with pytest.raises(PoseError, match=message):
            load_dataset(path)
    path.write_text(json.dumps(document))
    (tmp_path / "d/images/b.jpg").unlink()
    with pytest.raises(PoseError, match="images\\[1\\]: no such image: .*b.jpg"):
        load_dataset(path)
    with pytest.raises(PoseError, match="no annotation file: .* does not exist"):
        load_dataset(tmp_path / "none.json")
    with pytest.raises(PoseError, match="no dataset at .*expected a COCO"):
        load_dataset(tmp_path / "none")


def test_coco_as_annotation_tools_export_it(tmp_path):
    path = coco_folder(
        tmp_path / "d",
        id="1",
        image_id="1",
        area=None,
        iscrowd=None,
        num_keypoints=None,
        category_id=2.0,
    )
    (tmp_path / "d/images/b.jpg").rename(tmp_path / "d/images/b 2.jpg")

    def edit(document):
        document["images"][0] |= {"file_name": "images\\a.jpg", "id": 1.0}
        document["images"][1] |= {"file_name": "../../label-studio/media/upload/1/b%202.jpg"}
        document["categories"] = [
            {"id": 1, "name": "car"},
            document["categories"][0] | {"id": "2"},
            {"id": 3, "name": "x", "keypoints": []},
        ]
        document["annotations"].append({"image_id": 2, "category_id": 1, "bbox": [1, 1, 2, 2]})

    dataset = load_dataset(edited(path, edit))
    assert (
        dataset.layout is COCO17
        and [len(s) for s in dataset] == [1, 0]
        and dataset[1].path.name == "b 2.jpg"
    )
    assert dataset[0].areas[0] == pytest.approx(0.53 * 600) and not dataset[0].crowd[0]


def test_texts_as_ids_are_numbered(tmp_path):
    def edit(document):
        for image in document["images"]:
            image["id"] = f"image-{image['id']}"
        document["annotations"][0]["image_id"] = "image-1"

    dataset = load_dataset(edited(coco_folder(tmp_path / "d"), edit))
    assert [(s.image_id, len(s)) for s in dataset] == [(1, 1), (2, 0)]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda d: d["images"][1].update(id="1"),
            "images\\[1\\]: id 1 is also that of images\\[0\\]",
        ),
        (
            lambda d: d["images"][1].update(file_name="a.jpg"),
            "images\\[1\\]: its image .*a.jpg is also that of images\\[0\\]",
        ),
        (
            lambda d: d["images"][1].update(width="wide"),
            "images\\[1\\]: width and height are \\('wide', 48\\)",
        ),
        (
            lambda d: d["categories"].append({"id": 1, "name": "dog", "keypoints": ["tail"]}),
            "categories\\[1\\] 'dog' has the id 1, which is also that of 'person'; give each",
        ),
        (
            lambda d: d["categories"][0].update(keypoints=["a", "a"], skeleton=[]),
            "category 'person': keypoint names must differ; a is given more than once",
        ),
        (
            lambda d: d["categories"][0].update(keypoints=["a", "b"], skeleton=[["a", "b"]]),
            "skeleton: expected pairs of numbers, counted from 1",
        ),
    ],
)
def test_damaged_lists(tmp_path, edit, message):
    with pytest.raises(PoseError, match=message):
        load_dataset(edited(coco_folder(tmp_path / "d"), edit))


def test_a_category_says_all_about_its_keypoints(tmp_path):
    flat = [1, 2, 2, 3, 4, 1, 0, 0, 0]
    path = coco_folder(tmp_path / "d", keypoints=flat, category_id=1)
    category = {
        "id": 1,
        "name": "arm",
        "keypoints": ["base", "left", "right"],
        "skeleton": [[1, 2], [1, 3]],
        "sigmas": [0.1, 0.2, 0.2],
    }
    layout = load_dataset(edited(path, lambda d: d.update(categories=[category]))).layout
    assert (layout.name, layout.limbs, layout.mirror, layout.sigmas) == (
        "arm",
        ((0, 1), (0, 2)),
        (0, 2, 1),
        (0.1, 0.2, 0.2),
    )
    assert {k: v for k, v in coco_category(layout).items()} == category
