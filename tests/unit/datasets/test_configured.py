import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from poseutils import datasets
from poseutils.datasets import configured_layout, training_datasets
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17, PERSON13
from tests.helpers.small_datasets import blank_images, coco_folder


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
        training=SimpleNamespace(dryrun=False),
        resolve=Path,
    )


def test_the_configuration_names_keypoints(tmp_path):
    folder = blank_images(tmp_path, ["a.png"])
    assert configured_layout(section(training_path=folder)) is None
    named = section(keypoints=2, training_path=folder, validation_split=0.5, seed=1)
    named.dataset.keypoint_names = ["tip", "base"]
    named.dataset.skeleton = [["tip", "base"]]
    named.dataset.mirror = [["tip", "base"]]
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
        ("keypoint_names", ["tip"], "dataset section: 1 keypoint names given .tip., expected 2"),
    ]:
        wrong = section(**vars(named.dataset) | {attribute: value})
        with pytest.raises(PoseError, match=message):
            configured_layout(wrong)


def test_the_annotations_name_keypoints_if_the_configuration_does_not(tmp_path):
    path = coco_folder(tmp_path / "d")
    assert configured_layout(section(test_path=tmp_path / "none", training_path=path)) is COCO17
    assert configured_layout(section(training_path=path, keypoints=13)) is PERSON13


@pytest.mark.parametrize(
    ("dataset_of", "own"),
    [
        (datasets.test_dataset, "test_path"),
        (datasets.quantization_dataset, "quantization_path"),
    ],
)
def test_without_any_data_its_own_path_is_asked_for(dataset_of, own):
    with pytest.raises(PoseError, match=f"dataset.{own} is empty: give a COCO .json file"):
        dataset_of(section())


def test_calibration_images_are_another_choice_than_validation_images(tmp_path):
    """Both are chosen by hashes: by the same ones, none would be left to choose."""
    names = [f"{i}.png" for i in range(40)]
    settings = section(training_path=blank_images(tmp_path, names), validation_split=0.5, seed=1)
    settings.dataset.quantization_split = 0.5
    held_out = {sample.path for sample in training_datasets(settings)[1]}
    chosen = {sample.path for sample in datasets.quantization_dataset(settings)}
    assert not chosen & held_out and 5 <= len(chosen) <= 15


def three_splits(folder):
    counts = {"train": 6, "valid": 3, "test": 2}
    blank_images(folder, [f"{name}/{name}{i}.png" for name, n in counts.items() for i in range(n)])
    (folder / "data.yaml").write_text("train: train\nval: valid\ntest: test\n")
    return folder


def names(dataset):
    return {sample.path.parent.name for sample in dataset}


@pytest.mark.parametrize("source", ["", "data.yaml"])
def test_a_source_that_names_its_splits_keeps_them(tmp_path, source):
    path = three_splits(tmp_path) / source
    settings = section(training_path=path, validation_split=0.5, seed=1, quantization_split=None)
    train, validation = training_datasets(settings)
    test, calibration = datasets.test_dataset(settings), datasets.quantization_dataset(settings)
    assert [len(part) for part in (train, validation, test, calibration)] == [6, 3, 2, 6]
    assert [names(part) for part in (train, validation, test)] == [{"train"}, {"valid"}, {"test"}]


def test_without_a_validation_split_some_training_images_are_held_out(tmp_path):
    shutil.rmtree(three_splits(tmp_path) / "valid")
    settings = section(training_path=tmp_path, validation_split=0.5, seed=1)
    train, validation = training_datasets(settings)
    assert len(train) + len(validation) == 6 and len(datasets.test_dataset(settings)) == 2


def test_given_paths_come_before_the_splits(tmp_path):
    path = three_splits(tmp_path)
    other = blank_images(tmp_path.parent / f"{tmp_path.name}-other", ["other0.png"])
    settings = section(training_path=path, validation_split=0.5, seed=1, test_path=other)
    assert len(datasets.test_dataset(settings)) == 1
    settings.dataset.validation_path = other
    assert len(training_datasets(settings)[1]) == 1
