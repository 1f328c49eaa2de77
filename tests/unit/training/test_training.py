"""Training: batches and their augmentation, and fit."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from poseutils.datasets.dataset import Dataset, Sample
from poseutils.decoders.heatmaps_spe import encode
from poseutils.errors import PoseError
from poseutils.keypoints import COCO17, layout_from_names
from poseutils.training import (
    Examples,
    build_model,
    fit,
    load_examples,
    load_keras,
    predict_examples,
    validate,
)
from poseutils.training.batches import training_batches
from tests.helpers.small_training import plain_network

NAME = "st_movenet_lightning_heatmaps"
PAIR = layout_from_names(["left_spot", "right_spot"])


def test_importing_training_does_not_load_tensorflow():
    code = (
        "import sys, poseutils.training, poseutils.quantization; "
        "print([m for m in ('tensorflow', 'keras') if m in sys.modules])"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )


# ---------------------------------------------------------------- examples


def person(x, y, visibility, count=2):
    return np.array([[x + i, y, visibility] for i in range(count)], np.float32)


def sample(path, people, boxes, crowd=None):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    crowd = np.array(crowd or [False] * len(boxes), bool)
    return Sample(
        1, path, None, np.array(people, np.float32).reshape(-1, 2, 3), boxes, areas, crowd
    )


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(np.full((100, 50, 3), 7, np.uint8)).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_examples_take_the_largest_labeled_person_and_move_it_to_the_input(picture):
    boxes = [[0, 0, 50, 100], [10, 20, 30, 60], [0, 0, 5, 5], [0, 0, 40, 100]]
    people = [person(1, 1, 0), person(10, 20, 2), person(2, 2, 2), person(3, 3, 2)]
    empty = sample(picture, [], [])
    examples = load_examples(
        Dataset(
            (empty, sample(picture, people, boxes, [False, False, False, True])), PAIR, picture
        ),
        (64, 64),
    )
    assert (
        examples.images.shape == (1, 64, 64, 3)
        and examples.images.dtype == np.uint8
        and (examples.images[:] == 7).all()
    )
    np.testing.assert_allclose(
        examples.keypoints[0], [[12.8, 12.8, 2], [14.08, 12.8, 2]], rtol=1e-6
    )
    assert examples.areas[0] == pytest.approx(0.53 * (20 * 1.28) * (40 * 0.64))


def test_nothing_to_train_on_is_an_error(picture):
    with pytest.raises(PoseError, match="none of its 1 images"):
        load_examples(
            Dataset((sample(picture, [person(1, 1, 0)], [[0, 0, 9, 9]]),), PAIR, picture), (64, 64)
        )


# ---------------------------------------------------------------- augmentation


# ---------------------------------------------------------------- batches and fit


GEOMETRY = {
    "random_flip": {"mode": "horizontal"},
    "random_rotation": {"factor": 0.1, "fill_mode": "constant"},
    "random_zoom": {"width_factor": 0.2, "height_factor": 0.1, "fill_mode": "constant"},
    "random_translation": {"width_factor": 0.1, "height_factor": 0.05, "fill_mode": "constant"},
}


def blobs(points, size=96, sigma=3.0):
    """(B, size, size, 3) images with a soft dot in channel k at point k."""
    images = encode(points, (size, size), (size, size), sigma) * 255
    return np.concatenate([images, np.zeros_like(images[..., :1])], axis=-1)


def dots(count, seed, size=64):
    """Examples with a red and a green dot on noise."""
    rng = np.random.default_rng(seed)
    points = np.concatenate(
        [rng.uniform(12, size - 12, (count, 2, 2)), np.full((count, 2, 1), 2)], axis=-1
    ).astype(np.float32)
    images = rng.uniform(0, 60, (count, size, size, 3)) + blobs(points, size, 4.0) * 0.75
    return Examples(images.astype(np.uint8), points, np.full(count, 900, np.float32), PAIR)


def test_batches_are_repeatable_and_new_each_epoch():
    examples = dots(10, 0)

    def epochs():
        batches = training_batches(examples, 4, GEOMETRY, seed=5)
        return [[(images.numpy(), points.numpy()) for images, points in batches] for _ in range(2)]

    once, again = epochs(), epochs()
    assert [images.shape for images, _ in once[0]] == [(4, 64, 64, 3)] * 2
    assert all(
        np.array_equal(a, b)
        for x, y in zip(once[0] + once[1], again[0] + again[1])
        for a, b in zip(x, y)
    )
    assert not np.array_equal(once[0][0][1], once[1][0][1])
    assert -1 <= once[0][0][0].min() and once[0][0][0].max() <= 1


def test_plain_batches_are_the_images():
    examples = dots(3, 0)
    ((images, points),) = training_batches(examples, 8)
    order = [int(np.abs(examples.keypoints - p).sum(axis=(1, 2)).argmin()) for p in points.numpy()]
    assert sorted(order) == [0, 1, 2]
    np.testing.assert_allclose(images, examples.images[order] / 127.5 - 1, atol=1e-5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("fit")
    model = build_model(NAME, (64, 64, 3), 2, 0.35)
    seen = []
    result = fit(
        model,
        dots(64, 1),
        dots(16, 2),
        epochs=15,
        batch_size=16,
        run_dir=run_dir,
        optimizer={"Adam": {"learning_rate": 0.01}},
        on_epoch=lambda epoch, history: seen.append(
            (epoch, {name: values[-1] for name, values in history.items()})
        ),
    )
    return model, result, seen


@pytest.mark.slow
def test_fit_learns_to_find_dots(trained):
    _, result, _ = trained
    assert result.initial_oks < 0.3
    assert result.best_oks > 0.6
    assert result.history["loss"][-1] < result.history["loss"][0] / 2


@pytest.mark.slow
def test_fit_keeps_and_saves_the_best(trained):
    model, result, _ = trained
    assert (
        result.best_oks
        == max(result.history["val_oks"])
        == result.history["val_oks"][result.best_epoch - 1]
    )
    assert validate(model, dots(16, 2))["val_oks"] == pytest.approx(result.best_oks, abs=1e-6)
    assert validate(load_keras(result.path), dots(16, 2))["val_oks"] == pytest.approx(
        result.best_oks, abs=1e-6
    )
    assert {p.name for p in result.path.parent.iterdir()} >= {"model.keras", "checkpoint.npz"}


@pytest.mark.slow
def test_predictions_lie_on_the_dots(trained):
    model, _, _ = trained
    examples = dots(16, 2)
    found = np.concatenate([poses.keypoints for poses in predict_examples(model, examples)])
    assert np.median(np.linalg.norm(found - examples.keypoints[:, :, :2], axis=-1)) < 4


@pytest.mark.slow
def test_fit_tells_each_epoch(trained):
    _, result, seen = trained
    assert [epoch for epoch, _ in seen] == list(range(1, 16))
    assert all(set(logs) == {"loss", "val_loss", "val_oks", "learning_rate"} for _, logs in seen)
    rates = result.history["learning_rate"]
    assert max(rates) <= 0.01 and rates[-1] < 1e-4 and rates.index(max(rates)) < 3


def test_the_same_seed_gives_the_same_training(tmp_path):
    def losses(folder):
        result = fit(
            plain_network(),
            dots(8, 1, 32),
            dots(4, 2, 32),
            epochs=2,
            batch_size=4,
            run_dir=tmp_path / folder,
            augmentation=GEOMETRY,
        )
        return result.history["loss"]

    assert losses("a") == losses("b")


def test_callbacks_watch_the_oks(tmp_path):
    model = plain_network()
    callbacks = {
        "EarlyStopping": {"patience": 3, "min_delta": 1.0},
        "ReduceLROnPlateau": {"patience": 1, "factor": 0.1, "min_delta": 1.0},
    }
    result = fit(
        model,
        dots(4, 1, 32),
        dots(4, 2, 32),
        epochs=9,
        batch_size=4,
        run_dir=tmp_path,
        callbacks=callbacks,
        optimizer={"SGD": {"learning_rate": 0.1}},
    )
    assert len(result.history["loss"]) == 4
    assert (
        result.history["learning_rate"][0] == pytest.approx(0.1)
        and result.history["learning_rate"][-1] < 0.02
    )


@pytest.mark.parametrize(
    "change, says",
    [
        ({"optimizer": {"Adamm": {}}}, "Adamm.*Adam"),
        ({"optimizer": {"Adam": {"rate": 1}}}, "rate"),
        ({"optimizer": {"Adam": {"clipnorm": 1, "clipvalue": 1}}}, "training.optimizer.Adam was"),
        ({"callbacks": {"LambdaCallback": {}}}, "ReduceLROnPlateau"),
        ({"callbacks": {"LRLinearDecay": {"initial_lr": 1}}}, "LRLinearDecay.hold_steps: missing"),
        (
            {"callbacks": {"LearningRateScheduler": {"schedule": "1 / (2 - epoch)"}}, "epochs": 3},
            "no value at epoch 2",
        ),
        ({"loss": {"l1": {}}}, "training.loss.l1: unknown attribute.*quality_focal"),
        ({"loss": {"mse": {"keypoint_weights": [1, 2, 3]}}}, "3 numbers given; expected one for"),
        ({"callbacks": {"EarlyStopping": {"monitor": "val_acc"}}}, "val_oks"),
        ({"epochs": 0}, "training.epochs: 0 given; expected greater than 0"),
        ({"train": dots(2, 0, 64)}, "64, 64.*size"),
        ({"augmentation": {"random_hues": {"delta": 1}}}, "random_hues"),
        (
            {
                "train": Examples(
                    np.zeros((2, 32, 32, 3), np.uint8),
                    np.zeros((2, 17, 3), np.float32),
                    np.ones(2),
                    COCO17,
                )
            },
            "keypoints=17",
        ),
    ],
)
def test_a_training_that_cannot_be(change, says, tmp_path, small_network):
    good = {"train": dots(2, 0, 32), "validation": dots(2, 0, 32), "epochs": 1, "run_dir": tmp_path}
    with pytest.raises(PoseError, match=says):
        fit(small_network, **{**good, **change})


@pytest.fixture(scope="module")
def small_network():
    return plain_network()
