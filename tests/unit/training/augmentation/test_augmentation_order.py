"""Augmentations one after the other, and what is not an augmentation."""

import numpy as np
import pytest

from poseutils.errors import PoseError
from poseutils.keypoints import layout_from_names
from poseutils.training.augmentation import make_augment, resizing_period
from tests.helpers.augmentations import noise, paired, scattered

PAIR = layout_from_names(["left_spot", "right_spot"])


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
    shift = {"random_translation": {"width_factor": (0.25, 0.25), "height_factor": 0}}
    turn = {"random_rotation": {"factor": (0.25, 0.25)}}
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


def test_a_size_lasts_as_long_as_its_period():
    augment = make_augment(
        {"random_periodic_resizing": {"image_sizes": [[64, 96], [32, 32], [96, 64]]}}, paired(2)
    )
    points = scattered(2, 2)
    shapes = {}
    for period in range(12):
        resized = [augment(noise(2), points, (period, n), period=period) for n in range(3)]
        (shapes[period],) = {images.shape[1:3] for images, _ in resized}
        height, width = shapes[period]
        np.testing.assert_allclose(resized[0][1], points * [width / 96, height / 96, 1], rtol=1e-5)
    assert set(shapes.values()) == {(64, 96), (32, 32), (96, 64)}


def test_some_periods_keep_the_size():
    augment = make_augment(
        {"random_periodic_resizing": {"image_sizes": [[64, 64]], "change_rate": 0.5}}, paired(2)
    )
    sizes = [augment(noise(1), scattered(1, 2), (0, 0), period=n)[0].shape[1] for n in range(40)]
    assert 10 <= sizes.count(64) <= 30 and sizes.count(64) + sizes.count(96) == 40


def test_the_period_is_ten_batches_unless_told():
    sizes = {"image_sizes": [[64, 64]]}
    assert resizing_period({"random_flip": {"mode": "vertical"}}) == resizing_period(None) == 1
    assert resizing_period({"random_periodic_resizing": sizes}) == 10
    assert resizing_period({"random_periodic_resizing": {**sizes, "period": 3}}) == 3


@pytest.mark.parametrize(
    "name, arguments, says",
    [
        ("random_posterize", {"bits": (0, 4)}, r"bits: \(0, 4\) given; .*from 1 to 8, or a range"),
        ("random_posterize", {"bits": 2.5}, "whole number"),
        ("random_blur", {"filter_size": (3, 5), "padding": "mirror"}, "'mirror' given.*'reflect'"),
        ("random_blur", {"filter_size": 0}, "from 1 to 255"),
        ("random_jpeg_quality", {"jpeg_quality": (50, 101)}, "from 0 to 100"),
        ("random_gamma", {"gamma": -1}, "gamma: -1 given; .* from 0 up"),
        ("random_autocontrast", {"cutoff": 50}, "cutoff: 50 given; expected a number from 0 to 49"),
        ("random_zoom", {"width_factor": 0.1, "height_factor": (-1, 0)}, "from -0.99"),
        ("random_shear", {"factor": 0.3}, "from -0.24 to 0.24"),
        ("random_crop", {"crop_width": 1.5}, "crop_width: 1.5 given"),
        (
            "random_flip",
            {"mode": "horizontal", "fill_mode": "wrap"},
            "fill_mode: unknown attribute",
        ),
        ("random_invert", {"change_rate": 1.5}, "change_rate: 1.5 given"),
        ("random_invert", {"change_rate": (0, 1)}, r"change_rate: \(0, 1\) given"),
        ("random_gaussian_noise", {"stddev": 0.1, "mode": "horizontal"}, "'image' or 'batch'"),
        ("random_rotation", {"factor": 0.1, "interpolation": "area"}, "'bilinear' or 'nearest'"),
        ("random_periodic_resizing", {}, "image_sizes: missing"),
        ("random_periodic_resizing", {"image_sizes": [[190, 192]]}, "multiples of 32"),
        ("random_periodic_resizing", {"image_sizes": []}, "multiples of 32"),
        ("random_periodic_resizing", {"image_sizes": [[64, 64]], "period": 0}, "period: 0 given"),
        ("random_rotation", {"factor": float("nan")}, "nan"),
        ("random_hues", {"delta": 1}, "random_hues: unknown.*random_hue"),
    ],
)
def test_arguments_that_cannot_be(name, arguments, says):
    with pytest.raises(PoseError, match=says):
        make_augment({name: arguments}, paired(2))
