import json
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from poseutils.datasets import configured_layout, lazy, load_dataset, training_datasets
from poseutils.datasets.coco import to_coco
from poseutils.datasets.conversion import convert
from poseutils.datasets.duplicates import without_shared
from poseutils.errors import PoseError
from poseutils.images import read_image
from poseutils.keypoints import COCO17, PERSON13, coco_category, layout_from_names


def coco_folder(folder, **changes):
    """A COCO dataset of two images and one person, with some keys of the annotation changed; None
    removes one."""
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
        "images": [
            {"id": i, "file_name": n, "width": 64, "height": 48}
            for i, n in ((1, "a.jpg"), (2, "b.jpg"))
        ],
        "annotations": [{k: v for k, v in annotation.items() if v is not None}],
        "categories": [coco_category(COCO17)],
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


def test_split_is_disjoint_and_repeatable(asset):
    dataset = load_dataset(asset("coco-mini"))
    kept, held_out = dataset.split(0.25, seed=5)
    ids = [{s.image_id for s in part} for part in (kept, held_out)]
    assert 8 <= len(held_out) <= 32 and not ids[0] & ids[1] and len(ids[0] | ids[1]) == 80
    assert [s.image_id for s in dataset.split(0.25, seed=5)[1]] == [s.image_id for s in held_out]
    assert {s.image_id for s in dataset.split(0.25, seed=6)[1]} != ids[1]


def blank_images(folder, names, lines=(GOOD,)):
    """Small images, each of another gray, with a text label beside each."""
    for index, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (20, 10), index % 256).save(path)
        path.with_suffix(".txt").write_text("\n".join(lines))
    return folder


def test_a_split_stays_when_images_are_added_and_the_dataset_moves(tmp_path):
    names = [f"{i:03}.png" for i in range(200)]
    before = load_dataset(blank_images(tmp_path / "a", names[:100])).split(0.3, seed=1)
    after = load_dataset(blank_images(tmp_path / "b", names)).split(0.3, seed=1)
    for few, many in zip(before, after, strict=True):
        assert {s.path.name for s in few} == {s.path.name for s in many} & set(names[:100])
    assert 40 <= len(after[1]) <= 80


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_both_sides_of_a_split_have_an_image(tmp_path, fraction):
    dataset = load_dataset(blank_images(tmp_path, ["a.png", "b.png"]))
    assert [len(part) for part in dataset.split(fraction, seed=0)] == [1, 1]


def test_a_validation_image_is_left_out_of_training(tmp_path):
    train = blank_images(tmp_path / "train", ["1.png", "2.png", "3.png"])
    val = blank_images(tmp_path / "val", ["1.png"])
    shutil.copy(train / "2.png", val / "renamed.png")
    shutil.copy(train / "2.png", val / "1.png")
    (val / "renamed.txt").write_text(GOOD)
    with pytest.warns(
        UserWarning, match="1 of 3 training images are validation images too \\(2.png"
    ):
        kept = without_shared(load_dataset(train), load_dataset(val))
    assert [s.path.name for s in kept] == ["1.png", "3.png"], (
        "the name 1.png is in both, but the image is another"
    )
    with pytest.warns(UserWarning, match="all 3 training images .* are validation images too"):
        assert len(without_shared(load_dataset(train), load_dataset(train))) == 3


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


@pytest.mark.parametrize("suffix", [".gif", ".tiff", ".ppm", ".tga", ".jp2", ".PNG"])
def test_formats_of_images(tmp_path, suffix):
    Image.new("L", (20, 10), 9).save(tmp_path / f"a{suffix}")
    (tmp_path / "a.txt").write_text(GOOD)
    sample = load_dataset(tmp_path)[0]
    assert sample.size == (20, 10) and read_image(sample.path).shape == (10, 20, 3)


def test_a_turned_photograph_is_measured_as_it_is_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (20, 10)).save(tmp_path / "a.jpg", exif=exif)
    (tmp_path / "a.txt").write_text(GOOD)
    assert load_dataset(tmp_path)[0].size == (10, 20) == read_image(tmp_path / "a.jpg").shape[1::-1]


def edited(path, edit):
    """Changes a COCO file in place."""
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    return path


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


def section(**given):
    return SimpleNamespace(
        dataset=SimpleNamespace(
            **{
                "keypoints": None,
                "test_path": None,
                "validation_path": None,
                "training_path": None,
                "quantization_path": None,
            }
            | given
        ),
        resolve=Path,
    )


def test_the_configuration_names_keypoints(tmp_path):
    folder = blank_images(tmp_path, ["a.png"])
    assert configured_layout(section(training_path=folder)) is None
    named = section(keypoints=2, training_path=folder, validation_split=0.5, seed=1)
    named.dataset.keypoint_names, named.dataset.skeleton, named.dataset.mirror = (
        ["tip", "base"],
        [["tip", "base"]],
        [["tip", "base"]],
    )
    layout = configured_layout(named)
    assert (layout.names, layout.limbs, layout.mirror) == (("tip", "base"), ((0, 1),), (1, 0))
    assert training_datasets(named)[0].layout == layout
    for attribute, value, message in [
        (
            "skeleton",
            [["tip", "tail"]],
            "skeleton: no keypoint 'tail'; expected an index from 0 to 1, or one of tip, base",
        ),
        ("skeleton", [[0, 1, 0]], "skeleton: expected pairs of keypoints"),
        ("mirror", [0, 0], "mirror"),
        ("keypoint_names", ["tip"], "dataset.keypoint_names has 1 names, dataset.keypoints is 2"),
    ]:
        wrong = section(**vars(named.dataset) | {attribute: value})
        with pytest.raises(PoseError, match=message):
            configured_layout(wrong)


def test_the_annotations_name_keypoints_if_the_configuration_does_not(tmp_path):
    path = coco_folder(tmp_path / "d")
    assert configured_layout(section(test_path=tmp_path / "none", training_path=path)) is COCO17
    assert configured_layout(section(training_path=path, keypoints=13)) is PERSON13


def test_classes_are_told_apart_and_kept(tmp_path):
    line = " 0.5 0.5 0.2 0.4  0.1 0.2 1  0.3 0.4 2"
    text = load_dataset(yolo_folder(tmp_path / "text", "2" + line, "0" + line))
    assert text[0].classes.tolist() == [2, 0] and len(text.class_names) == 3
    assert text.summary()["classes"] == "class_0 1, class_2 1"
    (tmp_path / "text/labels/a.txt").write_text("0.5" + line)
    with pytest.raises(PoseError, match="a.txt, line 1: 0.5 is not a class; expected an integer"):
        load_dataset(tmp_path / "text")

    def edit(document):
        (one,) = document["annotations"]
        document["categories"].append(document["categories"][0] | {"id": 7, "name": "dog"})
        document["annotations"].append(one | {"category_id": 7, "image_id": 2})

    coco = load_dataset(edited(coco_folder(tmp_path / "coco"), edit))
    assert coco.class_names == ("person", "dog")
    assert [s.classes.tolist() for s in coco] == [[0], [1]]
    convert(tmp_path / "coco", tmp_path / "there", progress=False)
    convert(tmp_path / "there/multi/17kpts/labels", tmp_path / "back", progress=False)
    assert [s.classes.tolist() for s in load_dataset(tmp_path / "back")] == [[0], [1]]


def test_joined_splits_have_the_classes_of_all(tmp_path):
    for split, names in (("train", ["person", "dog"]), ("val", ["dog", "person"])):
        path = coco_folder(tmp_path / split, category_id=1)
        category = json.loads(path.read_text())["categories"][0]
        both = [category | {"id": i, "name": name} for i, name in enumerate(names)]
        edited(path, lambda d, both=both: d.update(categories=both))
        path.rename(tmp_path / split / "images.json")
        path.with_name("images").rename(tmp_path / f"{split}-images")
        path.with_name("images.json").rename(tmp_path / f"{split}-images.json")
    joined = load_dataset(tmp_path)
    assert joined.class_names == ("person", "dog")
    assert [s.classes.tolist() for s in joined if len(s)] == [[1], [0]]
