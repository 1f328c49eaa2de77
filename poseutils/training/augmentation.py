"""Random changes of a batch of images, and of the keypoints with them.

The names and arguments are those of the ``data_augmentation`` section of user_config.yaml. A factor is a number f, for a draw from
-f to f, or a range (low, high). Every operation draws anew for each image, and takes ``change_rate``, the share of images that it changes.
B images, K keypoints; images are (B, H, W, 3) float32, 0 to 255; points in pixels, pixel centers at +0.5.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from itertools import groupby

from ..errors import PoseError
from ..keypoints import KeypointLayout

FILL_MODES = ("constant", "reflect", "nearest", "wrap")
INTERPOLATIONS = ("bilinear", "nearest")


# ---------------------------------------------------------------- geometric: (B, 3, 3) matrices that say where points go


def _flip(draw, size, mode: str):
    modes = {"horizontal": (True, False), "vertical": (False, True), "horizontal_and_vertical": (True, True)}
    if mode not in modes:
        raise PoseError(f"random_flip: mode is {mode!r}; choose from {', '.join(modes)}")
    x, y = (-1.0 if flipped else 1.0 for flipped in modes[mode])
    return _about_center(draw.constant(x), draw.constant(0), draw.constant(0), draw.constant(y), size)


def _translation(draw, size, width_factor, height_factor):
    return _matrix(
        draw.constant(1),
        draw.constant(0),
        draw.uniform(width_factor) * size[1],
        draw.constant(0),
        draw.constant(1),
        draw.uniform(height_factor) * size[0],
    )


def _rotation(draw, size, factor):
    import tensorflow as tf

    angle = draw.uniform(factor) * 2 * math.pi
    return _about_center(tf.cos(angle), -tf.sin(angle), tf.sin(angle), tf.cos(angle), size)


def _zoom(draw, size, width_factor, height_factor=None):
    """A factor above zero shows more of the scene (zooms out), as in Keras; without ``height_factor`` proportions are kept."""
    x = 1 / (1 + draw.uniform(width_factor))
    y = x if height_factor is None else 1 / (1 + draw.uniform(height_factor))
    return _about_center(x, draw.constant(0), draw.constant(0), y, size)


def _about_center(a, b, c, d, size):
    """The linear map ((a, b), (c, d)) with the middle of the image as its fixed point."""
    x, y = size[1] / 2, size[0] / 2
    return _matrix(a, b, x - a * x - b * y, c, d, y - c * x - d * y)


def _matrix(a, b, tx, c, d, ty):
    import tensorflow as tf

    zero, one = tf.zeros_like(a), tf.ones_like(a)
    return tf.reshape(tf.stack([a, b, tx, c, d, ty, zero, zero, one], axis=1), (-1, 3, 3))


# ---------------------------------------------------------------- photometric: images to images


def _contrast(draw, images, factor):
    """Distances from the image's mean color, times 1 + factor."""
    import tensorflow as tf

    mean = tf.reduce_mean(images, axis=(1, 2), keepdims=True)
    return (images - mean) * (1 + draw.uniform(factor))[:, None, None, None] + mean


def _brightness(draw, images, factor):
    """Adds a share of the whole range."""
    return images + 255 * draw.uniform(factor)[:, None, None, None]


def _gaussian_noise(draw, images, stddev):
    """Noise of a standard deviation given as a share of the whole range; a range of them if there are two."""
    low_high = (stddev, stddev) if isinstance(stddev, (int, float)) else stddev
    return images + 255 * draw.uniform(low_high)[:, None, None, None] * draw.normal(images.shape)


GEOMETRIC = {"random_flip": _flip, "random_translation": _translation, "random_rotation": _rotation, "random_zoom": _zoom}
PHOTOMETRIC = {"random_contrast": _contrast, "random_brightness": _brightness, "random_gaussian_noise": _gaussian_noise}
CHANGE_RATES = {"random_flip": 0.5}
"""Where it is not 1: an image flipped every time would be as one-sided as before."""


class _Draw:
    """Random numbers for the B images of one batch, the same for the same seed."""

    def __init__(self, count: int, seed):
        self.count, self.seed, self.drawn = count, seed, 0

    def _next_seed(self):
        import tensorflow as tf

        self.drawn += 1
        return tf.random.experimental.stateless_fold_in(self.seed, self.drawn)

    def uniform(self, factor):
        import tensorflow as tf

        low, high = (-factor, factor) if isinstance(factor, (int, float)) else factor
        return tf.random.stateless_uniform((self.count,), self._next_seed(), float(low), float(high))

    def normal(self, shape):
        import tensorflow as tf

        return tf.random.stateless_normal(shape, self._next_seed())

    def constant(self, value: float):
        import tensorflow as tf

        return tf.fill((self.count,), float(value))


# ---------------------------------------------------------------- all together


def make_augment(operations: Mapping[str, Mapping], layout: KeypointLayout, size: tuple[int, int]):
    """A function that augments a batch.

    Args:
        operations: ``{name: arguments}``, applied in this order; neighbors that move pixels become one warp.
        layout: says which keypoints change places in a mirror.
        size: H, W of the images.

    Returns:
        ``augment(images, keypoints, seed)``: (B, H, W, 3) float32 images 0 to 255, (B, K, 3) keypoints x, y, visibility, and a seed of two
        integers -> the same two, changed. Keypoints may come to lie outside the image.

    Raises:
        PoseError: for an operation that is not there, or arguments that it does not take.
    """
    operations = {name: _checked(name, dict(arguments or {})) for name, arguments in operations.items()}
    groups = [list(group) for _, group in groupby(operations.items(), key=_warp_key)]

    def augment(images, keypoints, seed):
        draw = _Draw(images.shape[0], seed)
        for group in groups:
            if group[0][0] in GEOMETRIC:
                images, keypoints = _warp(draw, images, keypoints, group, layout, size)
            else:
                for name, arguments in group:
                    images = _recolor(draw, images, name, arguments)
        return images, keypoints

    return augment


_EVERYWHERE = {"change_rate"}
_WARPING = {"fill_mode", "fill_value", "interpolation"}


def _checked(name: str, arguments: dict) -> dict:
    available = {**GEOMETRIC, **PHOTOMETRIC}
    if name not in available:
        raise PoseError(f"data_augmentation: {name} is not available; available are {', '.join(sorted(available))}")
    own = list(inspect.signature(available[name]).parameters.values())[2:]
    allowed = {p.name for p in own} | _EVERYWHERE | (_WARPING if name in GEOMETRIC else set())
    missing = [p.name for p in own if p.default is p.empty and arguments.get(p.name) is None]
    if missing or set(arguments) - allowed:
        raise PoseError(
            f"data_augmentation: {name} was given {', '.join(arguments) or 'nothing'}; it needs "
            f"{', '.join(missing) or 'no more'} and takes {', '.join(sorted(allowed))}"
        )
    for argument, choices in (("fill_mode", FILL_MODES), ("interpolation", INTERPOLATIONS)):
        if arguments.get(argument, choices[0]) not in choices:
            raise PoseError(f"data_augmentation: {name}.{argument} is {arguments[argument]!r}; choose from {', '.join(choices)}")
    for argument, value in arguments.items():
        if argument.endswith("factor") or argument in ("stddev", "change_rate"):
            _check_number(f"{name}.{argument}", value)
    return arguments


def _check_number(name: str, value) -> None:
    numbers = [value] if isinstance(value, (int, float)) else value
    is_range = isinstance(numbers, (list, tuple)) and len(numbers) in (1, 2) and all(isinstance(n, (int, float)) for n in numbers)
    if value is not None and (not is_range or (len(numbers) == 2 and numbers[0] > numbers[1])):
        raise PoseError(f"data_augmentation: {name} is {value!r}; give a number or a range (low, high)")


def _warp_key(item: tuple[str, dict]) -> tuple:
    """The same for neighbors that can share one warp."""
    name, arguments = item
    if name in PHOTOMETRIC:
        return ("photometric",)
    return "geometric", *(arguments.get(key) for key in sorted(_WARPING))


def _changed(draw: _Draw, name: str, arguments: dict):
    """(B,) bool: which images this operation changes."""
    return draw.uniform((0, 1)) < arguments.get("change_rate", CHANGE_RATES.get(name, 1.0))


def _own(arguments: dict) -> dict:
    return {key: value for key, value in arguments.items() if key not in _EVERYWHERE | _WARPING}


def _recolor(draw: _Draw, images, name: str, arguments: dict):
    import tensorflow as tf

    changed = tf.clip_by_value(PHOTOMETRIC[name](draw, images, **_own(arguments)), 0, 255)
    if arguments.get("change_rate", 1) >= 1:
        return changed
    return tf.where(_changed(draw, name, arguments)[:, None, None, None], changed, images)


def _warp(draw: _Draw, images, keypoints, group: list[tuple[str, dict]], layout: KeypointLayout, size: tuple[int, int]):
    import tensorflow as tf

    matrix = tf.eye(3, batch_shape=(images.shape[0],))
    for name, arguments in group:
        step = GEOMETRIC[name](draw, size, **_own(arguments))
        matrix = tf.where(_changed(draw, name, arguments)[:, None, None], step @ matrix, matrix)
    return warp_images(images, matrix, **{k: v for k, v in group[0][1].items() if k in _WARPING}), warp_keypoints(keypoints, matrix, layout)


def warp_images(images, matrix, fill_mode: str = "reflect", fill_value: float = 0.0, interpolation: str = "bilinear"):
    """(B, H, W, 3) images moved as ``matrix`` (B, 3, 3) moves points."""
    import tensorflow as tf

    # The operation maps pixel indices of the output to indices of the input: half a pixel less than our coordinates.
    half = tf.constant([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    backward = tf.linalg.inv(half) @ tf.linalg.inv(matrix) @ half
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.reshape(backward, (-1, 9))[:, :8],
        output_shape=images.shape[1:3],
        fill_value=float(fill_value),
        interpolation=interpolation.upper(),
        fill_mode=fill_mode.upper(),
    )


def warp_keypoints(keypoints, matrix, layout: KeypointLayout):
    """(B, K, 3) keypoints moved by ``matrix`` (B, 3, 3); where it mirrors, left and right change places."""
    import tensorflow as tf

    moved = tf.einsum("bij,bkj->bki", matrix[:, :2, :2], keypoints[..., :2]) + matrix[:, None, :2, 2]
    moved = tf.concat([moved, keypoints[..., 2:]], axis=-1)
    mirrors = tf.linalg.det(matrix[:, :2, :2]) < 0
    return tf.where(mirrors[:, None, None], tf.gather(moved, list(layout.mirror), axis=1), moved)
