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
from poseutils.training.augmentation import make_augment, warp_images, warp_keypoints
from poseutils.training.batches import training_batches

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


def centroids(images):
    centers = np.arange(images.shape[1]) + 0.5
    total = images.sum(axis=(1, 2))
    return np.stack(
        [
            np.einsum("bhwk,w->bk", images, centers) / total,
            np.einsum("bhwk,h->bk", images, centers) / total,
        ],
        axis=-1,
    )


def test_keypoints_stay_on_what_they_mark():
    rng = np.random.default_rng(1)
    points = np.concatenate(
        [rng.uniform(36, 60, (16, 2, 2)), np.full((16, 2, 1), 2)], axis=-1
    ).astype(np.float32)
    augment = make_augment(GEOMETRY, PAIR)
    images, moved = (t.numpy() for t in augment(blobs(points), points, (3, 4)))
    found = centroids(images[..., :2])
    swapped = np.linalg.norm(found - moved[:, :, :2], axis=-1).max(axis=1) > 1
    found[swapped] = found[swapped][:, ::-1]
    np.testing.assert_allclose(found, moved[:, :, :2], atol=0.1)
    assert 2 <= swapped.sum() <= 14  # half of the images are mirrored, and there left is right


def test_warping_a_drawing_is_drawing_the_warped():
    points = np.array([[[30, 40, 2], [60.5, 50.25, 2]]], np.float32)
    angle = 0.3
    matrix = np.array(
        [[[np.cos(angle), -np.sin(angle), 20], [np.sin(angle), np.cos(angle), -5], [0, 0, 1]]],
        np.float32,
    )
    warped = warp_images(blobs(points), matrix, "constant").numpy()
    drawn = blobs(warp_keypoints(points, matrix, PAIR).numpy())
    assert np.abs(warped - drawn).max() < 8  # of 255: what bilinear sampling smooths


def test_a_flip_is_exact_and_swaps_left_and_right():
    images = np.random.default_rng(0).uniform(0, 255, (4, 32, 48, 3)).astype(np.float32)
    points = np.array([[[10, 5, 2], [40, 30, 1]]] * 4, np.float32)
    augment = make_augment({"random_flip": {"mode": "horizontal", "change_rate": 1}}, PAIR)
    flipped, moved = augment(images, points, (0, 0))
    np.testing.assert_allclose(flipped, images[:, :, ::-1], atol=1e-3)
    np.testing.assert_allclose(moved, [[[8, 30, 1], [38, 5, 2]]] * 4, atol=1e-4)


def test_rotation_is_a_share_of_a_turn_and_zoom_in_is_negative():
    points = np.array([[[40, 24, 2], [24, 24, 2]]], np.float32)
    images = np.zeros((1, 48, 48, 3), np.float32)
    _, turned = make_augment({"random_rotation": {"factor": (0.25, 0.25)}}, PAIR)(
        images, points, (0, 0)
    )
    np.testing.assert_allclose(turned[0, :, :2], [[24, 8], [24, 24]], atol=1e-3)
    _, zoomed = make_augment({"random_zoom": {"width_factor": (-0.5, -0.5)}}, PAIR)(
        images, points, (0, 0)
    )
    np.testing.assert_allclose(zoomed[0, :, :2], [[56, 24], [24, 24]], atol=1e-3)


def test_the_order_written_is_the_order_applied():
    points = np.array([[[34, 24, 2], [24, 24, 2]]], np.float32)
    shift, turn = (
        {"random_translation": {"width_factor": (0.25, 0.25), "height_factor": 0}},
        {"random_rotation": {"factor": (0.25, 0.25)}},
    )
    images = np.zeros((1, 48, 48, 3), np.float32)
    _, shifted_first = make_augment({**shift, **turn}, PAIR)(images, points, (0, 0))
    _, turned_first = make_augment({**turn, **shift}, PAIR)(images, points, (0, 0))
    np.testing.assert_allclose(shifted_first[0, 0, :2], [24, 2], atol=1e-3)
    np.testing.assert_allclose(turned_first[0, 0, :2], [36, 14], atol=1e-3)


def test_contrast_brightness_and_noise():
    images = np.random.default_rng(0).uniform(60, 180, (2, 32, 32, 3)).astype(np.float32)
    points = np.zeros((2, 2, 3), np.float32)

    def apply(**operation):
        return make_augment(operation, PAIR)(images, points, (1, 2))[0].numpy()

    np.testing.assert_allclose(
        apply(random_brightness={"factor": (0.1, 0.1)}), images + 25.5, atol=1e-3
    )
    mean = images.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(
        apply(random_contrast={"factor": (-0.5, -0.5)}), (images + mean) / 2, atol=1e-2
    )
    assert (
        apply(random_gaussian_noise={"stddev": 0.1, "change_rate": 1}) - images
    ).std() == pytest.approx(25.5, rel=0.05)
    assert apply(random_brightness={"factor": (2, 2)}).max() == 255
    np.testing.assert_array_equal(
        apply(random_brightness={"factor": (0.1, 0.1), "change_rate": 0}), images
    )


@pytest.mark.parametrize(
    "name, arguments, says",
    [
        ("random_solarise", {}, "random_solarise: unknown.*did you mean 'random_solarize'"),
        ("random_flip", {}, "mode: missing"),
        ("random_flip", {"mode": "sideways"}, "sideways.*horizontal"),
        ("random_zoom", {"width_factor": 0.1, "factor": 1}, "factor: unknown.*height_factor"),
        ("random_rotation", {"factor": "big"}, "'big'"),
        ("random_rotation", {"factor": (0.2, 0.1)}, "lowest, highest"),
        ("random_rotation", {"factor": 0.1, "fill_mode": "blur"}, "blur.*reflect"),
        (
            "random_contrast",
            {"factor": 0.1, "fill_mode": "reflect"},
            "fill_mode: unknown.*change_rate",
        ),
    ],
)
def test_augmentation_that_is_not_there(name, arguments, says):
    with pytest.raises(PoseError, match=says):
        augment = make_augment({name: arguments}, PAIR)
        augment(np.zeros((1, 32, 32, 3), np.float32), np.zeros((1, 2, 3), np.float32), (0, 0))


# ---------------------------------------------------------------- batches and fit


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


def tiny_network():
    """Two convolutions: what fit needs of a network, and quickly compiled."""
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(8, 5, strides=4, padding="same", activation="relu")(image)
    return keras.Model(image, keras.layers.Conv2D(2, 3, padding="same", activation="sigmoid")(x))


def test_the_same_seed_gives_the_same_training(tmp_path):
    def losses(folder):
        result = fit(
            tiny_network(),
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
    model = tiny_network()
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
        ({"callbacks": {"LambdaCallback": {}}}, "ReduceLROnPlateau"),
        ({"callbacks": {"EarlyStopping": {"monitor": "val_acc"}}}, "val_oks"),
        ({"epochs": 0}, "at least 1"),
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
    return tiny_network()
