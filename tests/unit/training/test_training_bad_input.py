"""What a training is given that cannot be right, and what happens to it on the way: NaN, a full
disk, images that cannot be read."""

import numpy as np
import pytest
from PIL import Image

from poseutils.datasets.dataset import Dataset, Sample
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17
from poseutils.training import Examples, load_examples, load_keras, training_batches
from poseutils.training.checkpoint import read_checkpoint
from tests.helpers.small_training import PAIR, small_fit, small_network, spots

resource = pytest.importorskip("resource")  # Windows has none


def pictures(folder, count, visibility=2, broken=()):
    """A dataset of one person an image; the broken ones are cut off."""
    samples = []
    for number in range(count):
        path = folder / f"{number}.png"
        Image.fromarray(np.full((40, 40, 3), number, np.uint8)).save(path)
        if number in broken:
            path.write_bytes(path.read_bytes()[:60])
        people = np.array([[[10 + number, 20, visibility], [30, 12, visibility]]], np.float32)
        box = np.array([[0, 0, 40, 40]], np.float32)
        samples.append(
            Sample(
                number, path, (40, 40), people, box, np.array([1600], np.float32), np.zeros(1, bool)
            )
        )
    return Dataset(tuple(samples), PAIR, folder)


# ---------------------------------------------------------------- data


def test_nobody_has_a_visible_keypoint(tmp_path):
    with pytest.raises(
        PoseError,
        match="none of its 3 images has a person with a "
        "labeled keypoint; there is nothing to train on",
    ):
        load_examples(pictures(tmp_path, 3, visibility=0), (32, 32))


def test_keypoints_of_another_layout(tmp_path):
    others = Examples(
        np.zeros((2, 32, 32, 3), np.uint8), np.zeros((2, 17, 3), np.float32), np.ones(2), COCO17
    )
    for wrong in ("train", "validation"):
        with pytest.raises(
            PoseError, match="gives 2 keypoints and the dataset has 17 .*keypoints=17"
        ):
            small_fit(tmp_path, **{wrong: others})
    assert not list(tmp_path.iterdir())


def test_one_image_and_a_batch_larger_than_the_set(tmp_path):
    batches = training_batches(spots(3), 8)
    assert len(batches) == 1 and [images.shape[0] for images, _ in batches] == [3]
    result = small_fit(tmp_path, train=spots(1), validation=spots(1), epochs=2, batch_size=32)
    assert len(result.history["loss"]) == 2 and np.isfinite(result.history["loss"]).all()


def test_a_broken_image_is_named_when_its_turn_comes(tmp_path):
    examples = load_examples(pictures(tmp_path, 6, broken=[4]), (32, 32))
    with pytest.raises(PoseError, match="4.png is truncated or damaged"):
        small_fit(tmp_path / "run", train=examples, batch_size=2)
    assert load_keras(tmp_path / "run" / "model.keras")


def test_images_are_read_when_asked_for_and_kept_in_memory_or_files(tmp_path, monkeypatch):
    import poseutils.training.examples as module

    monkeypatch.setenv("POSEUTILS_CACHE", str(tmp_path / "cache"))

    read = []
    monkeypatch.setattr(
        module,
        "read_image",
        lambda path, original=module.read_image: read.append(path.name) or original(path),
    )
    dataset = pictures(tmp_path, 5)
    kept, again = (
        load_examples(dataset, (32, 32), memory=5 * 32 * 32 * 3 - less) for less in (0, 1)
    )
    assert not read
    first = kept.images[1:3]
    assert read == ["1.png", "2.png"] and kept.keypoints[2, 0, 0] == pytest.approx(12 * 32 / 40)
    np.testing.assert_array_equal(kept.images[[2, 1]], first[::-1])
    assert read == ["1.png", "2.png"]
    place = [again.names.index(name) for name in kept.names]
    np.testing.assert_array_equal(again.images[place][1:3], first)
    np.testing.assert_array_equal(again.images[place], kept.images[:])
    assert sorted(read) == sorted(f"{i}.png" for i in (0, 1, 2, 3, 4) for _ in range(2))
    np.testing.assert_array_equal(again.keypoints[place], kept.keypoints[:])
    np.testing.assert_array_equal(again.areas[:], np.full(5, 0.53 * 32 * 32, np.float32))
    assert kept.images.shape == again.images.shape == (5, 32, 32, 3) and len(kept) == 5


# ---------------------------------------------------------------- numbers that are none


def nan_at(step):
    """An augmentation that spoils one batch."""
    import tensorflow as tf

    count = tf.Variable(0)
    return lambda images, points: (
        tf.where(count.assign_add(1) == step, np.nan, 1.0) * images,
        points,
    )


def test_a_loss_that_is_no_number_stops_the_training(tmp_path):
    with pytest.raises(
        PoseError,
        match=r"loss is nan in epoch 3 at step 2 of 8.*of epoch "
        r"\d, the best so far.*lower learning rate.*0.005",
    ):
        small_fit(
            tmp_path, custom_augmentation=nan_at(18), optimizer={"Adam": {"learning_rate": 0.01}}
        )
    progress = read_checkpoint(tmp_path / "checkpoint.npz").progress
    assert progress.epoch == 2 and np.isfinite(progress.history["loss"]).all()
    assert all(np.isfinite(w).all() for w in load_keras(tmp_path / "model.keras").get_weights())


def test_in_the_first_epoch_the_weights_it_started_from_stay(tmp_path):
    network = small_network()
    before = network.get_weights()
    with pytest.raises(
        PoseError, match="in epoch 1 at step .*model.keras has the weights it started from"
    ):
        small_fit(tmp_path, network, custom_augmentation=nan_at(1))
    for found in (network, load_keras(tmp_path / "model.keras")):
        assert all(np.array_equal(a, b) for a, b in zip(found.get_weights(), before, strict=True))


# ---------------------------------------------------------------- disks


def test_a_full_disk_leaves_the_last_good_weights(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = {}

    def fill(epoch, history):
        if epoch == 2:
            kept.update(
                {name: (tmp_path / name).read_bytes() for name in ("checkpoint.npz", "model.keras")}
            )
            # Of every file, as a stand-in for a full disk
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))

    network = small_network(filters=256)
    try:
        with pytest.raises(PoseError, match="cannot write .*free space"):
            small_fit(tmp_path, network, on_epoch=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(kept["checkpoint.npz"]) > 100_000
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept and not list(
        tmp_path.glob(".*")
    )
    # And with room it goes on
    assert len(small_fit(tmp_path, small_network(filters=256)).history["loss"]) == 5


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PoseError, match="cannot write"):
        small_fit(tmp_path / "file" / "run")
