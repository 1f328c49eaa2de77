"""Color augmentation, pixel by pixel. Images are (B, H, W, 3) float32 RGB, 0…255."""

from __future__ import annotations

from collections.abc import Callable

from ...models.networks.keras_files import load_tensorflow
from .draw import Draw, Factor

tf = load_tensorflow()

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the luma of ITU-R BT.601."""


def contrast(draw: Draw, images, factor: Factor):
    """Scales differences from the mean color of the image by 1 + factor."""
    mean = tf.reduce_mean(images, axis=(1, 2), keepdims=True)
    strength = each(1 + draw.around(factor))
    return images * strength + mean * (1 - strength)


def brightness(draw: Draw, images, factor: Factor):
    """Adds a fraction of the range 0…255."""
    return images + 255 * each(draw.around(factor))


def gamma(draw: Draw, images, gamma: Factor):
    """Raises values, as fractions of 255, to the power gamma; above 1 darkens."""
    return 255 * tf.pow(tf.maximum(images, 0) / 255, each(draw.between(gamma)))


def hue(draw: Draw, images, delta: Factor):
    """Shifts the hue by a fraction of the color circle."""
    return hsv(draw, images, hue_delta=delta)


def saturation(draw: Draw, images, delta: Factor):
    """Adds to the saturation, from 0 to 1."""
    return hsv(draw, images, saturation_delta=delta)


def value(draw: Draw, images, delta: Factor):
    """Adds to the value of HSV, from 0 to 1."""
    return hsv(draw, images, value_delta=delta)


def hsv(
    draw: Draw,
    images,
    hue_delta: Factor = 0.0,
    saturation_delta: Factor = 0.0,
    value_delta: Factor = 0.0,
):
    """Adds to hue, saturation and value, each from 0 to 1 (Smith, 1978). Hue is cyclic, the others
    are clipped."""
    deltas = tf.stack(
        [draw.around(delta) for delta in (hue_delta, saturation_delta, value_delta)], axis=1
    )
    shifted = tf.image.rgb_to_hsv(images / 255) + deltas[:, None, None, :]
    round_once = tf.floor(shifted) * tf.constant([1.0, 0.0, 0.0])
    return 255 * tf.image.hsv_to_rgb(tf.clip_by_value(shifted - round_once, 0, 1))


def rgb_to_hsv(draw: Draw, images):
    """Replaces RGB by hue, saturation and value, each scaled to 0…255."""
    return 255 * tf.image.rgb_to_hsv(images / 255)


def rgb_to_grayscale(draw: Draw, images):
    """Replaces all channels by the luma."""
    return tf.repeat(tf.reduce_sum(images * tf.constant(LUMA), axis=-1, keepdims=True), 3, axis=-1)


def posterize(draw: Draw, images, bits: int | tuple[int, int]):
    """Keeps the most significant bits of each value."""
    step = each(2.0 ** tf.cast(8 - draw.whole(bits), tf.float32))
    return tf.floor(tf.round(images) / step) * step


def invert(draw: Draw, images):
    """255 minus each value."""
    return 255 - images


def solarize(draw: Draw, images):
    """Inverts values at or above a random threshold."""
    threshold = each(tf.cast(draw.whole((0, 255)), tf.float32))
    return tf.where(images >= threshold, 255 - images, images)


def autocontrast(draw: Draw, images, cutoff: float = 10):
    """Stretches each channel to 0…255, ignoring ``cutoff`` percent of its pixels at either end, as
    Pillow does."""
    shape = tf.shape(images)
    counts = _histograms(tf.cast(tf.round(images), tf.int32), shape[0])
    cut = tf.cast(tf.floor(tf.cast(shape[1] * shape[2], tf.float32) * (cutoff / 100)), tf.int32)
    low, high = (
        _empty_bins(tf.cumsum(counts, axis=-1, reverse=reverse), cut) for reverse in (False, True)
    )
    low, high = low[:, None, None, :], 255 - high[:, None, None, :]
    return tf.where(high > low, (images - low) * (255 / tf.maximum(high - low, 1)), images)


def _histograms(values, count):
    """(B, H, W, 3) int32 values -> (B, 3, 256) int32 counts."""
    rows = tf.reshape(tf.range(count * 3), (-1, 1, 1, 3)) * 256
    flat = tf.reshape(values + rows, (-1,))
    return tf.reshape(
        tf.math.bincount(flat, minlength=count * 768, maxlength=count * 768), (-1, 3, 256)
    )


def _empty_bins(cumulated, cut):
    """Number of bins whose cumulative count is at most ``cut``."""
    return tf.reduce_sum(tf.cast(cumulated <= cut, tf.float32), axis=-1)


def clipped(images):
    """Images clipped to 0…255, in one pass; ``tf.clip_by_value`` takes two."""
    return tf.raw_ops.ClipByValue(t=images, clip_value_min=0.0, clip_value_max=255.0)


def each(values):
    """(B,) -> (B, 1, 1, 1), to broadcast over images."""
    return values[:, None, None, None]


COLOR: dict[str, Callable] = {
    "random_contrast": contrast,
    "random_brightness": brightness,
    "random_gamma": gamma,
    "random_hue": hue,
    "random_saturation": saturation,
    "random_value": value,
    "random_hsv": hsv,
    "random_rgb_to_hsv": rgb_to_hsv,
    "random_rgb_to_grayscale": rgb_to_grayscale,
    "random_posterize": posterize,
    "random_invert": invert,
    "random_solarize": solarize,
    "random_autocontrast": autocontrast,
}
