"""Composition of augmentations: the function that applies a configuration's operations in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...config.calls import AUGMENTATIONS as ARGUMENTS
from ...config.problems import cannot_flip, checked_augmentations
from ...errors import PoseError
from ...keypoints import KeypointLayout
from ...models.networks.keras_files import load_tensorflow
from .color import COLOR, clipped
from .draw import Draw
from .geometry import GEOMETRIC, size_of, warp_images, warp_keypoints, without_labels_outside
from .texture import TEXTURE

tf = load_tensorflow()


def periodic_resizing(
    draw: Draw,
    images,
    image_sizes: Sequence[tuple[int, int]],
    period: int = 10,
    interpolation: str = "bilinear",
    change_rate: float = 1.0,
):
    """(B, H, W, 3) images resized to one of several sizes, the same for the batch (multi-scale
    training; Redmon and Farhadi, "YOLO9000", 2017).

    Args:
        image_sizes: pairs (height, width).
        period: number of batches of the same size; ``training_batches`` uses it.
        interpolation: a method of ``tf.image.resize``.
        change_rate: probability that a period has another size than the original.
    """
    index = draw.of_period(len(image_sizes), change_rate)
    chosen = tf.gather(tf.constant(image_sizes, tf.int32), tf.maximum(index, 0))
    size = tf.where(index < 0, tf.shape(images)[1:3], chosen)
    return tf.clip_by_value(tf.image.resize(images, size, interpolation, antialias=True), 0, 255)


RESIZING = "random_periodic_resizing"
AUGMENTATIONS: dict[str, Callable] = {**COLOR, **TEXTURE, **GEOMETRIC, RESIZING: periodic_resizing}
"""All operations by name; ``config.calls.AUGMENTATIONS`` has their arguments."""
WARPING = {"fill_mode": "reflect", "fill_value": 0.0, "interpolation": "bilinear"}
"""Arguments of warping with their defaults."""
_COLORS = ("rgb_to_hsv", "rgb_to_grayscale", "invert", "solarize", "autocontrast")
CHANGE_RATES = {
    "random_flip": 0.5,
    "random_crop": 0.9,
    "random_blur": 0.5,
    "random_gaussian_noise": 0.5,
    **{f"random_{name}": 0.25 for name in _COLORS},
}
"""Default probabilities of operations, as in ST's model zoo; 1 for all others."""


def make_augment(operations: Mapping[str, Mapping], layout: KeypointLayout) -> Callable:
    """A function that augments a batch.

    Args:
        operations: ``{name: arguments}``, applied in this order; successive geometric operations
            are composed into one warp.
        layout: its ``mirror`` gives the keypoints to exchange when an image is flipped.

    Returns:
        ``augment(images, keypoints, seed, period=None, part=None)``, which runs eagerly, in a
        ``tf.function`` and in ``tf.data``. It takes (B, H, W, 3) float32 images 0…255, (B, K, 3) or
        (B, N, K, 3) keypoints x, y, visibility, and a seed of two integers; it returns images and
        keypoints. Keypoints that leave the image become unlabeled (visibility 0). ``period`` is the
        seed of the size that ``random_periodic_resizing`` chooses (default: a new size in each
        call). ``part`` is the position of the images in a larger batch, and its size: they become
        what they would as rows of that batch.

    Raises:
        PoseError: for an unknown operation or argument; for ``random_flip`` where the layout does
            not tell which keypoints to exchange.
    """
    if "random_flip" in operations and not layout.mirror_known:
        raise PoseError(cannot_flip(layout.names))
    operations = {
        name: {"change_rate": CHANGE_RATES.get(name, 1.0), **arguments}
        for name, arguments in checked_augmentations(operations).items()
    }
    steps = [
        _step(names, {name: operations[name] for name in names}, layout)
        for names in _groups(operations)
    ]

    def augment(images, keypoints, seed, period=None, part=None):
        images = tf.convert_to_tensor(images, tf.float32)
        keypoints = tf.convert_to_tensor(keypoints, tf.float32)
        draw = Draw(images.shape[0] or tf.shape(images)[0], seed, period, part)
        for step in steps:
            images, keypoints = step(draw, images, keypoints)
        return images, keypoints

    return augment


def resizing_period(operations: Mapping[str, Mapping] | None) -> int:
    """The number of batches of the same image size; 1 without ``random_periodic_resizing``."""
    given = {name: (operations or {})[name] for name in (operations or {}) if name == RESIZING}
    return checked_augmentations(given)[RESIZING].get("period", 10) if given else 1


def _groups(operations: Mapping[str, Mapping]) -> list[list[str]]:
    """The names in order, grouped by what can be composed into one warp."""
    groups: list[list[str]] = []
    settings: dict = {}
    for name, arguments in operations.items():
        own = {key: arguments.get(key, WARPING[key]) for key in WARPING if key in ARGUMENTS[name]}
        shares = name in GEOMETRIC and groups and groups[-1][0] in GEOMETRIC
        if shares and all(settings.get(key, value) == value for key, value in own.items()):
            groups[-1].append(name)
            settings |= own
        else:
            groups.append([name])
            settings = own
    return groups


def _step(names: list[str], operations: Mapping[str, Mapping], layout: KeypointLayout) -> Callable:
    """A group of operations as a function: draw, images, keypoints -> the latter two, augmented."""
    if names[0] in GEOMETRIC:
        return _warp(operations, layout)
    (arguments,) = operations.values()
    return _resize(arguments) if names[0] == RESIZING else _recolor(names[0], arguments)


def _recolor(name: str, arguments: Mapping) -> Callable:
    own = {key: value for key, value in arguments.items() if key != "change_rate"}
    rate = arguments["change_rate"]

    def step(draw: Draw, images, keypoints):
        if rate == 1:
            return clipped(AUGMENTATIONS[name](draw, images, **own)), keypoints
        # Only the chosen images are computed: some operations take longer than a training step.
        which, among = draw.some(rate)
        chosen = tf.ensure_shape(tf.gather_nd(images, which), (None, *images.shape[1:]))
        changed = clipped(AUGMENTATIONS[name](among, chosen, **own))
        return tf.tensor_scatter_nd_update(images, which, changed), keypoints

    return step


def _resize(arguments: Mapping) -> Callable:
    def step(draw: Draw, images, keypoints):
        resized = periodic_resizing(draw, images, **arguments)
        before, after = size_of(images), size_of(resized)
        scales = tf.stack([after[1] / before[1], after[0] / before[0], 1.0])
        return resized, keypoints * scales

    return step


def _warp(operations: Mapping[str, Mapping], layout: KeypointLayout) -> Callable:
    settings = {
        key: value
        for arguments in operations.values()
        for key, value in arguments.items()
        if key in WARPING
    }
    kept = {"change_rate", *WARPING}
    own = {
        name: {key: value for key, value in arguments.items() if key not in kept}
        for name, arguments in operations.items()
    }

    def step(draw: Draw, images, keypoints):
        size, matrix = size_of(images), tf.eye(3, batch_shape=[draw.count])
        for name, arguments in own.items():
            moved = GEOMETRIC[name](draw, size, **arguments) @ matrix
            matrix = tf.where(
                draw.happens(operations[name]["change_rate"])[:, None, None], moved, matrix
            )
        keypoints = without_labels_outside(warp_keypoints(keypoints, matrix, layout), size)
        return warp_images(images, matrix, **settings), keypoints

    return step
