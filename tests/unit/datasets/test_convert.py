"""Datasets from COCO to text labels and back: what is kept, the numbers, and that all of it is
written or nothing."""

import json
import os

import numpy as np
import pytest
import yaml
from PIL import Image

from poseutils.__main__ import main
from poseutils.datasets import conversion, load_dataset
from poseutils.datasets.conversion import convert
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17, coco_category

WIDTH, HEIGHT = 80, 40


def person(image_id, box=(10, 5, 20, 30), labeled=(5,), crowd=0):
    """An annotation whose labeled keypoints k are at (k + 1, 2k), seen if k is even."""
    keypoints = [
        v for k in range(17) for v in ((k + 1, 2 * k, 2 - k % 2) if k in labeled else (0, 0, 0))
    ]
    return {
        "image_id": image_id,
        "category_id": 1,
        "bbox": list(box),
        "area": 300.0,
        "iscrowd": crowd,
        "keypoints": keypoints,
    }


def coco(folder, people, split="val2017", names=None):
    """A COCO dataset with an image for every id that the people name."""
    names = names or {p["image_id"]: f"{p['image_id']:012}.jpg" for p in people}
    for index, name in enumerate(names.values()):
        path = folder / split / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (index, 0, 0)).save(path)
    document = {
        "images": [
            {"id": i, "file_name": name, "width": WIDTH, "height": HEIGHT}
            for i, name in names.items()
        ],
        "annotations": [p | {"id": i} for i, p in enumerate(people, 1)],
        "categories": [coco_category(COCO17)],
    }
    (folder / "annotations").mkdir(exist_ok=True)
    (folder / f"annotations/person_keypoints_{split}.json").write_text(json.dumps(document))
    return folder


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def test_the_numbers_of_a_label(tmp_path):
    folder = coco(tmp_path / "coco", [person(7, labeled=(0, 3, 16))])
    (done,) = convert(folder, tmp_path / "out", progress=False)
    assert (done.folder, done.images, done.people, done.left_out) == (
        tmp_path / "out/multi/17kpts/val",
        1,
        1,
        0,
    )
    values = [float(v) for v in (done.folder / "000000000007.txt").read_text().split()]
    assert values[:5] == [0, 20 / 80, 20 / 40, 20 / 80, 30 / 40]
    keypoints = np.array(values[5:]).reshape(17, 3)
    np.testing.assert_allclose(
        keypoints[[0, 3, 16]], [(1 / 80, 0, 1), (4 / 80, 6 / 40, 1), (17 / 80, 32 / 40, 1)]
    )
    assert not np.delete(keypoints, [0, 3, 16], axis=0).any()
    assert (done.folder / "000000000007.jpg").read_bytes() == (
        folder / "val2017/000000000007.jpg"
    ).read_bytes()


def test_thirteen_keypoints_begin_with_the_mean_of_the_head(tmp_path):
    convert(
        coco(tmp_path / "coco", [person(1, labeled=(0, 3, 5)), person(2, labeled=(16,))]),
        tmp_path,
        keypoints=13,
        progress=False,
    )
    one, two = (
        np.loadtxt(tmp_path / f"multi/13kpts/val/{i:012}.txt")[5:].reshape(13, 3) for i in (1, 2)
    )
    np.testing.assert_allclose(one[:2], [(2.5 / 80, 3 / 40, 1), (6 / 80, 10 / 40, 1)], rtol=1e-6)
    assert not two[0].any() and two[12, 2] == 1


PEOPLE = [
    person(1),
    person(2), person(2, labeled=()),
    person(3, labeled=()),
    person(4, crowd=1),
    person(5), person(5, crowd=1),
    person(6, box=(10, 5, 0, 30)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "lines"), [("single", {1: 1}), ("multi", {1: 1, 2: 2, 5: 1})])
def test_which_images_are_kept(tmp_path, kind, lines):
    (done,) = convert(coco(tmp_path / "coco", PEOPLE), tmp_path / "out", kind=kind, progress=False)
    found = {int(p.stem): len(p.read_text().splitlines()) for p in done.folder.glob("*.txt")}
    assert (
        found == lines
        and done.left_out == 6 - len(lines)
        and len(list(done.folder.glob("*.jpg"))) == len(lines)
    )


def test_photographs_there_and_back(tmp_path, asset):
    original = load_dataset(asset("coco-mini"))
    (done,) = convert(asset("coco-mini"), tmp_path / "text", progress=False)
    assert (done.images, done.people) == (28, 142)
    convert(done.folder, tmp_path / "coco", progress=False)
    truth = {s.path.name: s for s in original}
    for sample in load_dataset(tmp_path / "coco"):
        same = truth[sample.path.name]
        keep = ~same.crowd
        assert sample.size == same.size
        labeled = same.keypoints[keep][:, :, 2] > 0
        np.testing.assert_array_equal(sample.keypoints[:, :, 2] > 0, labeled)
        np.testing.assert_allclose(
            sample.keypoints[labeled][:, :2], same.keypoints[keep][labeled][:, :2], atol=0.011
        )
        np.testing.assert_allclose(sample.boxes, same.boxes[keep], atol=0.021)
    assert (
        json.loads(
            (tmp_path / "coco/annotations/person_keypoints_person_keypoints.json").read_text()
        )["categories"][0]["name"]
        == "person"
    )


def test_splits_folders_and_links(tmp_path):
    folder = coco(
        tmp_path / "coco", [person(1), person(2)], "train2017", {1: "day/a.jpg", 2: "night/a.jpg"}
    )
    coco(folder, [person(3)])
    (folder / "annotations/captions_val2017.json").write_text("{}")
    assert main(["convert", str(folder), str(tmp_path / "out"), "--link", "--kind", "single"]) == 0
    out = tmp_path / "out/single/17kpts"
    assert files(out) == [
        "data.yaml", "train/day/a.jpg", "train/day/a.txt", "train/night/a.jpg", "train/night/a.txt",
        "val/000000000003.jpg", "val/000000000003.txt"
    ]  # fmt: skip
    assert os.path.samefile(out / "train/day/a.jpg", folder / "train2017/day/a.jpg")
    assert main(["convert", str(out), str(tmp_path / "back")]) == 0
    assert [
        len(load_dataset(tmp_path / "back", split=f"person_keypoints_{name}"))
        for name in ("train", "val")
    ] == [2, 1]
    back = load_dataset(tmp_path / "back/annotations/person_keypoints_train.json")
    assert [str(s.path.relative_to(tmp_path / "back/train")) for s in back] == [
        "day/a.jpg",
        "night/a.jpg",
    ]
    assert (back[0].visibility > 0).sum() == 1 and back[0].visibility.max() == 2


def lizard(folder, split):
    """A COCO dataset of an animal with three keypoints, of which two are each other's mirror."""
    category = {"id": 1, "name": "lizard", "keypoints": ["left_toe", "snout", "right_toe"]}
    animal = person(1) | {"keypoints": [10, 10, 2, 20, 20, 2, 30, 30, 2]}
    coco(folder, [animal], split)
    path = folder / f"annotations/person_keypoints_{split}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"categories": [category]}))
    return path


def test_names_and_mirror_pairs_come_back(tmp_path):
    for split in ("train", "val"):  # into one folder, one after the other
        convert(lizard(tmp_path / "coco", split), tmp_path / "text", progress=False)
    text = tmp_path / "text/multi/3kpts"
    assert yaml.safe_load((text / "data.yaml").read_text()) == {
        "train": "train",
        "val": "val",
        "kpt_shape": [3, 3],
        "flip_idx": [2, 1, 0],
        "names": {0: "lizard"},
        "kpt_names": {0: ["left_toe", "snout", "right_toe"]},
    }
    read = load_dataset(text / "data.yaml", split="val")
    assert len(read) == 1 and read.layout.mirror == (2, 1, 0)
    convert(text, tmp_path / "back", progress=False)
    back, first = load_dataset(tmp_path / "back"), load_dataset(tmp_path / "coco", split="train")
    assert back.layout.names == first.layout.names and back.class_names == ("lizard",)
    assert back.layout.mirror == first.layout.mirror


def test_another_object_is_not_added_to_a_description(tmp_path):
    convert(lizard(tmp_path / "coco", "train"), tmp_path / "text", progress=False)
    path = lizard(tmp_path / "other", "val")
    path.write_text(path.read_text().replace("snout", "tail"))
    before = files(tmp_path / "text")
    with pytest.raises(PoseError, match="data.yaml exists already, with other kpt_names"):
        convert(path, tmp_path / "text", progress=False)
    assert files(tmp_path / "text") == before


def test_a_symbolic_link_where_hard_ones_cannot_be(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError("another disk")

    monkeypatch.setattr(conversion.os, "link", refuse)
    (done,) = convert(
        coco(tmp_path / "coco", [person(1)]), tmp_path / "out", link=True, progress=False
    )
    assert (done.folder / "000000000001.jpg").is_symlink() and load_dataset(done.folder)[
        0
    ].size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_conversion_that_fails(tmp_path, monkeypatch, failure):
    folder = coco(tmp_path / "coco", [person(i) for i in range(1, 200)])
    before = files(tmp_path)
    copies = []

    def copyfile(source, target):
        copies.append(target)
        if len(copies) == 100:
            raise failure
        open(target, "wb").close()

    monkeypatch.setattr(conversion.shutil, "copyfile", copyfile)
    with pytest.raises(
        (PoseError, KeyboardInterrupt),
        match="No space left" if isinstance(failure, OSError) else None,
    ):
        convert(folder, tmp_path / "out", progress=False)
    assert files(tmp_path) == before and not (tmp_path / "out").exists()


def test_what_is_there_stays(tmp_path, capsys):
    folder = coco(tmp_path / "coco", [person(1)])
    (tmp_path / "out/multi/17kpts/val").mkdir(parents=True)
    (tmp_path / "out/multi/17kpts/val/mine.txt").write_text("mine")
    before = files(tmp_path)
    assert main(["convert", str(folder), str(tmp_path / "out")]) == 1
    assert "multi/17kpts/val exists already and is not overwritten" in capsys.readouterr().err
    assert files(tmp_path) == before


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (lambda d: d / "none", {}, "no dataset at"),
        (
            lambda d: coco(d, [person(1, labeled=())]),
            {},
            "none of its 1 images can be converted: none has a labeled keypoint",
        ),
        (lambda d: coco(d, [person(1)]), {"keypoints": 21}, "has 17 keypoints .* and 21"),
        (
            lambda d: coco(d, [person(1), person(2)], names={1: "a.jpg", 2: "a.png"}),
            {},
            "a.jpg and a.png would share one label",
        ),
        (lambda d: coco(d, [person(1)]), {"to": "voc"}, "to='voc'"),
    ],
)
def test_what_cannot_be_converted(tmp_path, make, options, message):
    with pytest.raises(PoseError, match=message):
        convert(make(tmp_path / "coco"), tmp_path / "out", progress=False, **options)
    assert not (tmp_path / "out").exists()
