"""What moves pixels: each operation draws matrices that say where points go, and all that a group
of them does is one warp.

Matrices are (B, 3, 3) float32 for points (x, y, 1) in pixels, pixel centers at +0.5. Every
operation takes the draw and the images' height and width.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from ...keypoints import KeypointLayout
from .draw import Draw, Factor

FLIPS = {
    "horizontal": ((-1.0, 1.0),),
    "vertical": ((1.0, -1.0),),
    "horizontal_and_vertical": ((-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)),
}
"""Signs of x and y; where there are several, each image draws one."""
_BORDERS = {"constant": "CONSTANT", "reflect": "REFLECT", "nearest": "REPLICATE", "wrap": "WRAP"}


def flip(draw: Draw, size, mode: str):
    """Mirrors; ``horizontal_and_vertical`` draws one of left-right, upside down, and both."""
    import tensorflow as tf

    signs = tf.gather(tf.constant(FLIPS[mode]), draw.whole((0, len(FLIPS[mode]) - 1)))
    return _about_center(signs[:, 0], draw.constant(0), draw.constant(0), signs[:, 1], size)


def translation(draw: Draw, size, width_factor: Factor, height_factor: Factor):
    """Moves right and down by shares of the width and height."""
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
    """Turns counterclockwise, as seen, by a share of a full turn."""
    import tensorflow as tf

    angle = draw.around(factor) * 2 * math.pi
    return _about_center(tf.cos(angle), tf.sin(angle), -tf.sin(angle), tf.cos(angle), size)


def shear_x(draw: Draw, size, factor: Factor):
    """Rows slide: what is d below the middle moves right by d · sin(angle), the angle being a share
    of a full turn."""
    return _about_center(
        draw.constant(1), _sine(draw, factor), draw.constant(0), draw.constant(1), size
    )


def shear_y(draw: Draw, size, factor: Factor):
    """Columns slide: what is d right of the middle moves down by d · sin(angle), the angle being a
    share of a full turn."""
    return _about_center(
        draw.constant(1), draw.constant(0), _sine(draw, factor), draw.constant(1), size
    )


def shear(draw: Draw, size, factor: Factor):
    """Rows and columns slide, each by an angle of their own."""
    return _about_center(
        draw.constant(1), _sine(draw, factor), _sine(draw, factor), draw.constant(1), size
    )


def _sine(draw: Draw, factor: Factor):
    import tensorflow as tf

    return tf.sin(draw.around(factor) * 2 * math.pi)


def zoom(draw: Draw, size, width_factor: Factor, height_factor: Factor | None = None):
    """A factor above zero shows more of the scene (zooms out), as in Keras; without
    ``height_factor`` proportions are kept."""
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
    """Stretches a part of the image to its whole size. Center and extent are shares of the image;
    what of the part is outside is cut."""
    x_scale, x_shift = _span_to_whole(draw, crop_center_x, crop_width, size[1])
    y_scale, y_shift = _span_to_whole(draw, crop_center_y, crop_height, size[0])
    zero = draw.constant(0)
    return _matrix(x_scale, zero, x_shift, zero, y_scale, y_shift)


def _span_to_whole(draw: Draw, center: Factor, extent: Factor, length):
    """Scale and shift that take a part of 0 to length to the whole."""
    import tensorflow as tf

    center, half = draw.between(center), draw.between(extent) / 2
    low, high = tf.maximum(center - half, 0), tf.minimum(center + half, 1)
    scale = 1 / (high - low)
    return scale, -low * length * scale


def _about_center(a, b, c, d, size):
    """The linear map ((a, b), (c, d)) with the middle of the image as its fixed point."""
    x, y = size[1] / 2, size[0] / 2
    return _matrix(a, b, x - a * x - b * y, c, d, y - c * x - d * y)


def _matrix(a, b, tx, c, d, ty):
    import tensorflow as tf

    zero, one = tf.zeros_like(a), tf.ones_like(a)
    return tf.reshape(tf.stack([a, b, tx, c, d, ty, zero, zero, one], axis=1), (-1, 3, 3))


GEOMETRIC = {
    "random_crop": crop,
    "random_flip": flip,
    "random_translation": translation,
    "random_rotation": rotation,
    "random_shear": shear,
    "random_shear_x": shear_x,
    "random_shear_y": shear_y,
    "random_zoom": zoom,
}


# ---------------------------------------------------------------- what follows a matrix


def size_of(images):
    """Height and width of (B, H, W, 3) images, float32 scalars."""
    import tensorflow as tf

    shape = tf.cast(tf.shape(images), tf.float32)
    return shape[1], shape[2]


def warp_images(
    images,
    matrix,
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    interpolation: str = "bilinear",
):
    """(B, H, W, 3) images moved as ``matrix`` (B, 3, 3) moves points.

    OpenCV does it, in half the time of TensorFlow's own operation, on the CPU; places between
    pixels are rounded to a thirty-second of one.
    """
    import tensorflow as tf

    # It maps pixel indices of the output to indices of the input: half a pixel less than our coordinates.
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
    """(B, ..., K, 3) keypoints moved by ``matrix`` (B, 3, 3); where it mirrors, left and right
    change places."""
    import tensorflow as tf

    moved = tf.concat([_moved(keypoints[..., :2], matrix), keypoints[..., 2:]], axis=-1)
    mirrors = tf.linalg.det(matrix[:, :2, :2]) < 0
    return tf.where(_like(mirrors, moved), tf.gather(moved, list(layout.mirror), axis=-2), moved)


def without_labels_outside(keypoints, size):
    """(B, ..., K, 3) keypoints; those outside of an image of height and width ``size`` get
    visibility 0."""
    import tensorflow as tf

    inside = (keypoints[..., :2] >= 0) & (keypoints[..., :2] < tf.stack([size[1], size[0]]))
    visibility = tf.where(tf.reduce_all(inside, axis=-1), keypoints[..., 2], 0.0)
    return tf.concat([keypoints[..., :2], visibility[..., None]], axis=-1)


def warp_boxes(boxes, matrix, size):
    """(B, ..., 4) boxes xyxy around what is in them after ``matrix`` (B, 3, 3), cut to the image;
    zeros where nothing is left."""
    import tensorflow as tf

    corners = tf.stack(
        [tf.gather(boxes, pair, axis=-1) for pair in ((0, 1), (2, 1), (2, 3), (0, 3))], axis=-2
    )
    limits = tf.stack([size[1], size[0]])
    moved = tf.clip_by_value(_moved(corners, matrix), 0.0, limits)
    low, high = tf.reduce_min(moved, axis=-2), tf.reduce_max(moved, axis=-2)
    whole = tf.reduce_all(high > low, axis=-1, keepdims=True)
    return tf.where(whole, tf.concat([low, high], axis=-1), 0.0)


def _moved(points, matrix):
    """(B, ..., 2) points moved by (B, 3, 3)."""
    import tensorflow as tf

    return tf.einsum("bij,b...j->b...i", matrix[:, :2, :2], points) + _like(
        matrix[:, :2, 2], points, keep=1
    )


def _like(values, other, keep: int = 0):
    """(B, ...) values with ones put between B and their last ``keep`` axes, to go with the axes of
    ``other``."""
    import tensorflow as tf

    shape = tf.shape(values)
    ones = tf.ones(len(other.shape) - 1 - keep, tf.int32)
    return tf.reshape(values, tf.concat([shape[:1], ones, shape[1:]], axis=0))
