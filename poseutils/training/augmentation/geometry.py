"""Geometric augmentation: each operation samples affine matrices, which are composed into one warp.

Matrices are (B, 3, 3) float32 for points (x, y, 1) in pixels, pixel centers at +0.5. Operations
take the random numbers, and height and width of the images.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np

from ...keypoints import KeypointLayout
from ...models.networks.keras_files import load_tensorflow
from .draw import Draw, Factor

tf = load_tensorflow()

FLIPS = {
    "horizontal": ((-1.0, 1.0),),
    "vertical": ((1.0, -1.0),),
    "horizontal_and_vertical": ((-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)),
}
"""Signs of x and y; of several, one is chosen per image."""
_BORDERS = {"constant": "CONSTANT", "reflect": "REFLECT", "nearest": "REPLICATE", "wrap": "WRAP"}


def flip(draw: Draw, size, mode: str):
    """Flips; ``horizontal_and_vertical`` chooses one of horizontal, vertical, and both."""
    signs = tf.gather(tf.constant(FLIPS[mode]), draw.whole((0, len(FLIPS[mode]) - 1)))
    return _about_center(signs[:, 0], draw.constant(0), draw.constant(0), signs[:, 1], size)


def translation(draw: Draw, size, width_factor: Factor, height_factor: Factor):
    """Translates right and down by fractions of width and height."""
    zero, one = draw.constant(0), draw.constant(1)
    return _matrix(
        one,
        zero,
        draw.around(width_factor) * size[1],
        zero,
        one,
        draw.around(height_factor) * size[0],
    )


def rotation(draw: Draw, size, factor: Factor):
    """Rotates counterclockwise, as displayed, by a fraction of a full turn."""
    angle = draw.around(factor) * 2 * math.pi
    return _about_center(tf.cos(angle), tf.sin(angle), -tf.sin(angle), tf.cos(angle), size)


def shear_x(draw: Draw, size, factor: Factor):
    """Horizontal shear: a point d below the center moves right by d · sin(angle); the factor is
    the angle as a fraction of a full turn."""
    return _about_center(
        draw.constant(1), _sine(draw, factor), draw.constant(0), draw.constant(1), size
    )


def shear_y(draw: Draw, size, factor: Factor):
    """Vertical shear: a point d right of the center moves down by d · sin(angle); the factor is
    the angle as a fraction of a full turn."""
    return _about_center(
        draw.constant(1), draw.constant(0), _sine(draw, factor), draw.constant(1), size
    )


def shear(draw: Draw, size, factor: Factor):
    """Horizontal and vertical shear, by two independent angles."""
    return _about_center(
        draw.constant(1), _sine(draw, factor), _sine(draw, factor), draw.constant(1), size
    )


def _sine(draw: Draw, factor: Factor):
    return tf.sin(draw.around(factor) * 2 * math.pi)


def zoom(draw: Draw, size, width_factor: Factor, height_factor: Factor | None = None):
    """Zooms; a positive factor zooms out, as in Keras. Without ``height_factor`` the aspect ratio
    is kept."""
    x = 1 / (1 + draw.around(width_factor))
    y = x if height_factor is None else 1 / (1 + draw.around(height_factor))
    return _about_center(x, draw.constant(0), draw.constant(0), y, size)


def crop(
    draw: Draw,
    size,
    crop_center_x: Factor = (0.25, 0.75),
    crop_center_y: Factor = (0.25, 0.75),
    crop_width: Factor = (0.6, 0.9),
    crop_height: Factor = (0.6, 0.9),
):
    """Crops a part of the image and stretches it to the size of the image. Center and extent are
    fractions of the image; the crop is clipped to the image."""
    x_scale, x_shift = _span_to_whole(draw, crop_center_x, crop_width, size[1])
    y_scale, y_shift = _span_to_whole(draw, crop_center_y, crop_height, size[0])
    zero = draw.constant(0)
    return _matrix(x_scale, zero, x_shift, zero, y_scale, y_shift)


def _span_to_whole(draw: Draw, center: Factor, extent: Factor, length):
    """Scale and shift that map a part of the interval from 0 to length to all of it."""
    center, half = draw.between(center), draw.between(extent) / 2
    low, high = tf.maximum(center - half, 0), tf.minimum(center + half, 1)
    scale = 1 / (high - low)
    return scale, -low * length * scale


def _about_center(a, b, c, d, size):
    """The linear map ((a, b), (c, d)) about the center of the image."""
    x, y = size[1] / 2, size[0] / 2
    return _matrix(a, b, x - a * x - b * y, c, d, y - c * x - d * y)


def _matrix(a, b, tx, c, d, ty):
    zero, one = tf.zeros_like(a), tf.ones_like(a)
    return tf.reshape(tf.stack([a, b, tx, c, d, ty, zero, zero, one], axis=1), (-1, 3, 3))


GEOMETRIC: dict[str, Callable] = {
    "random_crop": crop,
    "random_flip": flip,
    "random_translation": translation,
    "random_rotation": rotation,
    "random_shear": shear,
    "random_shear_x": shear_x,
    "random_shear_y": shear_y,
    "random_zoom": zoom,
}


# ---------------------------------------------------------------- applying matrices


def size_of(images):
    """Height and width of (B, H, W, 3) images, float32 scalars."""
    shape = tf.cast(tf.shape(images), tf.float32)
    return shape[1], shape[2]


def warp_images(
    images,
    matrix,
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    interpolation: str = "bilinear",
):
    """(B, H, W, 3) images warped by ``matrix`` (B, 3, 3), which maps points of the input to the
    output.

    By OpenCV on the CPU, in half the time of TensorFlow's operation; positions are rounded to
    1/32 pixel.
    """
    # OpenCV maps pixel indices of the output to indices of the input: half a pixel less than here.
    half = tf.constant([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    backward = (tf.linalg.inv(half) @ tf.linalg.inv(matrix) @ half)[:, :2]
    border = getattr(cv2, f"BORDER_{_BORDERS[fill_mode]}")
    method = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}[
        interpolation
    ] | cv2.WARP_INVERSE_MAP
    fill = (min(max(float(fill_value), 0.0), 255.0),) * 3

    def warp(pixels, maps):
        size = pixels.shape[2:0:-1]
        return np.stack(
            [
                cv2.warpAffine(p, m, size, None, method, border, fill)
                for p, m in zip(pixels, maps, strict=True)
            ]
        )

    return tf.ensure_shape(
        tf.numpy_function(warp, [images, backward], tf.float32, stateful=False), images.shape
    )


def warp_keypoints(keypoints, matrix, layout: KeypointLayout):
    """(B, ..., K, 3) keypoints transformed by ``matrix`` (B, 3, 3); a reflection exchanges left and
    right."""
    linear = tf.einsum("bij,b...j->b...i", matrix[:, :2, :2], keypoints[..., :2])
    points = linear + _like(matrix[:, :2, 2], linear, keep=1)
    moved = tf.concat([points, keypoints[..., 2:]], axis=-1)
    mirrors = tf.linalg.det(matrix[:, :2, :2]) < 0
    return tf.where(_like(mirrors, moved), tf.gather(moved, list(layout.mirror), axis=-2), moved)


def without_labels_outside(keypoints, size):
    """(B, ..., K, 3) keypoints, with visibility 0 outside an image of height and width ``size``."""
    inside = (keypoints[..., :2] >= 0) & (keypoints[..., :2] < tf.stack([size[1], size[0]]))
    visibility = tf.where(tf.reduce_all(inside, axis=-1), keypoints[..., 2], 0.0)
    return tf.concat([keypoints[..., :2], visibility[..., None]], axis=-1)


def _like(values, other, keep: int = 0):
    """(B, ...) values with axes of size 1 inserted before their last ``keep`` axes, to broadcast
    with ``other``."""
    shape = tf.shape(values)
    ones = tf.ones(len(other.shape) - 1 - keep, tf.int32)
    return tf.reshape(values, tf.concat([shape[:1], ones, shape[1:]], axis=0))
