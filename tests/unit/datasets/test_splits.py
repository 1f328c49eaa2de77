import json
import shutil

import pytest

from poseutils.datasets import load_dataset
from poseutils.datasets.duplicates import without_shared
from poseutils.errors import PoseError
from tests.helpers.small_datasets import GOOD, blank_images, coco_folder, edited


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


def test_split_is_disjoint_and_repeatable(asset):
    dataset = load_dataset(asset("coco-mini"))
    kept, held_out = dataset.split(0.25, seed=5)
    ids = [{s.image_id for s in part} for part in (kept, held_out)]
    assert 8 <= len(held_out) <= 32 and not ids[0] & ids[1] and len(ids[0] | ids[1]) == 80
    assert [s.image_id for s in dataset.split(0.25, seed=5)[1]] == [s.image_id for s in held_out]
    assert {s.image_id for s in dataset.split(0.25, seed=6)[1]} != ids[1]


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
