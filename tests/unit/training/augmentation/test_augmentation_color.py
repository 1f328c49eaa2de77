"""Augmentation: what happens to colors and textures, beside colorsys, Pillow and formulas written
out."""

import colorsys
import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from poseutils.training.augmentation import make_augment
from tests.helpers.augmentations import noise, paired, scattered


def photo(count=2, size=48):
    """(count, size, size, 3) whole numbers: slopes and a little noise, as pictures have, for which
    JPEG and sharpness mean something."""
    rows, columns = np.mgrid[:size, :size]
    slopes = np.stack([40 + 3 * rows, 200 - 2 * columns, 30 + rows + 2 * columns], axis=-1)
    return (
        np.clip(slopes + np.random.default_rng(3).normal(0, 12, (count, size, size, 3)), 0, 255)
        .round()
        .astype(np.float32)
    )


def apply(images, **operations):
    operations = {name: {"change_rate": 1, **arguments} for name, arguments in operations.items()}
    points = scattered(len(images), 7)
    changed, moved = make_augment(operations, paired(7))(images, points, (1, 2))
    np.testing.assert_array_equal(moved, points)
    return changed.numpy()


def with_pillow(images, function):
    return np.stack(
        [np.asarray(function(Image.fromarray(image.astype(np.uint8)))) for image in images]
    ).astype(np.float32)


def with_colorsys(images, hue=0.0, saturation=0.0, value=0.0):
    def shifted(pixel):
        h, s, v = colorsys.rgb_to_hsv(*(pixel / 255))
        return colorsys.hsv_to_rgb((h + hue) % 1, *np.clip((s + saturation, v + value), 0, 1))

    return 255 * np.apply_along_axis(shifted, -1, images.astype(np.float64))


@pytest.mark.parametrize(
    "operation, shift",
    [
        ({"random_hue": {"delta": (0.3, 0.3)}}, {"hue": 0.3}),
        ({"random_hue": {"delta": (-0.4, -0.4)}}, {"hue": -0.4}),
        ({"random_saturation": {"delta": (0.25, 0.25)}}, {"saturation": 0.25}),
        ({"random_value": {"delta": (-0.3, -0.3)}}, {"value": -0.3}),
        (
            {
                "random_hsv": {
                    "hue_delta": (0.1, 0.1),
                    "saturation_delta": (-0.2, -0.2),
                    "value_delta": (0.15, 0.15),
                }
            },
            {"hue": 0.1, "saturation": -0.2, "value": 0.15},
        ),
    ],
)
def test_hue_saturation_and_value(operation, shift):
    images = noise(1, 24)
    np.testing.assert_allclose(
        apply(images, **operation), with_colorsys(images, **shift), atol=0.05
    )


def test_rgb_to_hsv():
    images = noise(1, 24)
    expected = 255 * np.apply_along_axis(
        lambda pixel: colorsys.rgb_to_hsv(*pixel), -1, images.astype(np.float64) / 255
    )
    np.testing.assert_allclose(apply(images, random_rgb_to_hsv={}), expected, atol=0.05)


def test_grayscale_is_the_luma():
    gray = apply(noise(2), random_rgb_to_grayscale={})
    luma = with_pillow(noise(2), lambda image: image.convert("L"))
    assert np.abs(gray - luma[..., None]).max() <= 0.51 and (gray[..., 0] == gray[..., 2]).all()


def test_gamma_contrast_and_brightness():
    images = noise(2)
    np.testing.assert_allclose(apply(images, random_gamma={"gamma": 2}), images**2 / 255, atol=0.01)
    mean = images.mean(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(
        apply(images, random_contrast={"factor": (0.4, 0.4)}),
        np.clip(1.4 * (images - mean) + mean, 0, 255),
        atol=0.01,
    )
    np.testing.assert_allclose(
        apply(images, random_brightness={"factor": (-0.2, -0.2)}),
        np.maximum(images - 51, 0),
        atol=0.01,
    )


@pytest.mark.parametrize("bits", [1, 3, 7])
def test_posterize(bits):
    np.testing.assert_array_equal(
        apply(noise(2), random_posterize={"bits": bits}),
        with_pillow(noise(2), lambda i: ImageOps.posterize(i, bits)),
    )


def test_posterize_draws_every_number_of_bits():
    levels = {
        len(np.unique(image)) for image in apply(noise(60), random_posterize={"bits": (2, 4)})
    }
    assert levels == {4, 8, 16}


def test_invert():
    np.testing.assert_array_equal(apply(noise(2), random_invert={}), 255 - noise(2))


def test_solarize_inverts_from_a_threshold_on():
    images = noise(40, 32)
    changed = apply(images, random_solarize={})
    thresholds = [images[i][changed[i] != images[i]].min() for i in range(40)]
    for image, after, threshold in zip(images, changed, thresholds):
        np.testing.assert_array_equal(after, np.where(image >= threshold, 255 - image, image))
    assert min(thresholds) < 60 and max(thresholds) > 190


@pytest.mark.parametrize("cutoff", [0, 10, 33.3])
def test_autocontrast(cutoff):
    images = photo() * 0.5 + 40
    images = images.round()
    expected = with_pillow(images, lambda image: ImageOps.autocontrast(image, cutoff))
    found = apply(images, random_autocontrast={"cutoff": cutoff})
    assert np.abs(found - expected).max() <= 1 and found.max() > images.max() + 20


def test_autocontrast_leaves_a_flat_image():
    flat = np.full((1, 16, 16, 3), 80, np.float32)
    np.testing.assert_array_equal(apply(flat, random_autocontrast={}), flat)


def test_sharpness():
    expected = with_pillow(photo(), lambda image: ImageEnhance.Sharpness(image).enhance(2.5))
    # Pillow rounds what it smooths
    assert np.abs(apply(photo(), random_sharpness={"factor": (1.5, 1.5)}) - expected).max() <= 1.5


@pytest.mark.parametrize("padding", ["reflect", "symmetric", "constant"])
@pytest.mark.parametrize("size", [2, 3, 5, 6])
def test_blur(size, padding):
    reach = size // 2
    weights = np.ones(2 * reach + 1)
    if size % 2 == 0:
        weights[[0, -1]] = 0.5
    around = {"mode": padding} | ({"constant_values": 200} if padding == "constant" else {})
    padded = np.pad(noise(2, 32), ((0, 0), (reach, reach), (reach, reach), (0, 0)), **around)
    expected = (
        sum(
            weights[i] * weights[j] * padded[:, i : i + 32, j : j + 32]
            for i in range(len(weights))
            for j in range(len(weights))
        )
        / size**2
    )
    found = apply(
        noise(2, 32), random_blur={"filter_size": size, "padding": padding, "constant_values": 200}
    )
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_noise_has_its_deviation_in_each_image_or_in_all():
    gray = np.full((30, 32, 32, 3), 128, np.float32)
    spread = apply(gray, random_gaussian_noise={"stddev": (0.02, 0.1)}).std(axis=(1, 2, 3)) / 255
    assert 0.018 < spread.min() < 0.035 and 0.085 < spread.max() < 0.105
    spread = (
        apply(gray, random_gaussian_noise={"stddev": (0.02, 0.1), "mode": "batch"}).std(
            axis=(1, 2, 3)
        )
        / 255
    )
    assert spread.max() < 1.1 * spread.min()


def test_jpeg():
    def as_jpeg(image):
        data = io.BytesIO()
        image.save(data, "jpeg", quality=30)
        return Image.open(data)

    found = apply(photo(), random_jpeg_quality={"jpeg_quality": 30})
    expected = with_pillow(photo(), as_jpeg)
    assert np.abs(found - expected).mean() < 1 < np.abs(found - photo()).mean()


def test_low_quality_loses_more():
    error = [
        np.abs(apply(photo(), random_jpeg_quality={"jpeg_quality": quality}) - photo()).mean()
        for quality in (5, 40, 95)
    ]
    assert error[0] > error[1] + 1 and error[1] > error[2] + 1 and error[2] > 0


def test_rectangles_have_their_area_and_shape():
    black = np.zeros((60, 64, 64, 3), np.float32)
    changed = apply(black, random_rectangle_erasing={"area": 0.04, "wh_ratio": 4}).any(axis=-1)
    widths, heights = changed.any(axis=1).sum(axis=1), changed.any(axis=2).sum(axis=1)
    np.testing.assert_array_equal(changed.sum(axis=(1, 2)), widths * heights)
    assert np.abs(np.median(widths) - 25.6) <= 1 and np.abs(np.median(heights) - 6.4) <= 1
    assert len({tuple(np.argwhere(c)[0]) for c in changed}) > 50


def test_as_many_rectangles_as_asked_each_of_one_color():
    black = np.zeros((60, 64, 64, 3), np.float32)
    changed = apply(black, random_rectangle_erasing={"nrec": (0, 3), "area": 0.01, "wh_ratio": 1})
    counts = [len(np.unique(image.reshape(-1, 3), axis=0)) - 1 for image in changed]
    assert set(counts) == {0, 1, 2, 3} and (changed == changed.round()).all()
