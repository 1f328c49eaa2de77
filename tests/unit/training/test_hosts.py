"""One training on several hosts: the parts that they prepare are those of the whole batch, and what
is refused."""

from dataclasses import replace

import numpy as np
import pytest

import poseutils as pu
from poseutils.errors import PoseError
from poseutils.training import training_batches
from poseutils.training.augmentation import make_augment
from poseutils.training.hosts import Share, describe_data, join
from tests.helpers.augmentations import STRONG, noise, paired, scattered
from tests.helpers.small_training import AUGMENTATION, spots

SOMETIMES = {name: arguments | {"change_rate": 0.5} for name, arguments in STRONG.items()}
CASES = {
    **{name: {name: arguments} for name, arguments in STRONG.items()},
    **{f"{name}, sometimes": {name: arguments} for name, arguments in SOMETIMES.items()},
    "noise of the batch": {"random_gaussian_noise": {"stddev": (0.1, 0.3), "mode": "batch"}},
    "several": {name: SOMETIMES[name] for name in ("random_blur", "random_zoom", "random_invert")},
}


@pytest.mark.parametrize("operations", CASES.values(), ids=CASES)
def test_a_part_of_a_batch_is_augmented_as_in_the_batch(operations):
    images, points, starts = noise(7), scattered(7, 4), (0, 1, 5, 7)
    augment, seed = make_augment(operations, paired(4)), (3, 5)
    whole = augment(images, points, seed, 9)
    parts = [
        augment(images[a:b], points[a:b], seed, 9, (a, 7))
        for a, b in zip(starts, starts[1:], strict=False)
    ]
    assert not np.array_equal(whole[0], images)
    for together, each in zip(whole, zip(*parts, strict=True), strict=True):
        np.testing.assert_allclose(np.concatenate(each), together, atol=1e-2)


def test_the_batches_of_all_hosts_are_those_of_one():
    examples, epochs = spots(14), 2
    whole = training_batches(examples, 6, AUGMENTATION)
    parts = [
        training_batches(examples, 6, AUGMENTATION, share=Share(host, 3, 3)) for host in range(3)
    ]
    for _ in range(epochs):
        each = [list(part) for part in parts]
        for number, (images, points) in enumerate(whole):
            for place, expected in enumerate((images, points)):
                found = np.concatenate([batches[number][place] for batches in each])
                np.testing.assert_allclose(found, expected, atol=1e-6)
        assert number == 1  # of 14 examples two batches of 6


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((32, Share(0, 3, 3)), "32 images.* by 3 devices of 3 hosts; choose 30 or 33"),
        ((3, Share(1, 2, 8)), "3 images.* by 8 devices of 2 hosts; choose 8$"),
    ],
)
def test_batches_that_cannot_be_shared_equally(given, sentence):
    size, share = given
    with pytest.raises(PoseError, match=sentence):
        training_batches(spots(40), size, share=share)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("node1:5555", 0, 0), "--hosts is 0; expected .* at least 1"),
        (("node1:5555", 4, 4), "--host is 4; of 4 hosts the first is 0 and the last 3"),
        (("node1:5555", 4, -1), "--host is -1"),
        (("node1", 4, 0), "--coordinator is node1; expected .* a free port"),
    ],
)
def test_wrong_arguments(arguments, sentence):
    with pytest.raises(PoseError, match=sentence):
        join(*arguments)


def test_data_are_known_by_labels_and_files(repository):
    data = pu.load_dataset(repository / "data/synthetic-people/val")
    assert describe_data(data) == describe_data(pu.load_dataset(data.source))
    moved = data.samples[3].mapped(lambda keypoints: keypoints + np.float32([1, 0, 0]))
    other = replace(data, samples=(*data.samples[:3], moved, *data.samples[4:]))
    assert len({describe_data(each) for each in (data, data[1:], other)}) == 3
