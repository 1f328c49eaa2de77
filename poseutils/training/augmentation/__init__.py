"""Random changes of a batch of images, and of the keypoints with them.

The names and arguments are those of the ``data_augmentation`` section of user_config.yaml. A factor
or delta is a number f, for a draw from -f to f, or a range (low, high); other amounts are a number,
or a range to draw from. Every operation draws anew for each image, and takes ``change_rate``, the
share of images that it changes. B images, K keypoints; images are (B, H, W, 3) float32, 0 to 255;
points in pixels, pixel centers at +0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...keypoints import KeypointLayout
from .arguments import WARPING, checked
from .color import COLOR, clipped
from .draw import Draw
from .geometry import (
    GEOMETRIC,
    size_of,
    warp_boxes,
    warp_images,
    warp_keypoints,
    without_labels_outside,
)
from .sizes import periodic_resizing
from .texture import TEXTURE

__all__ = [
    "AUGMENTATIONS",
    "make_augment",
    "resizing_period",
    "warp_boxes",
    "warp_images",
    "warp_keypoints",
]

RESIZING = "random_periodic_resizing"
AUGMENTATIONS: dict[str, Callable] = {**COLOR, **TEXTURE, **GEOMETRIC, RESIZING: periodic_resizing}
"""All operations by name."""

_TAKES = {name: tuple(WARPING) for name in GEOMETRIC} | {
    "random_flip": (),
    "random_crop": ("interpolation",),
}
"""Which arguments of a warp an operation takes: a mirror image and a part of an image have nothing
to fill."""


def make_augment(operations: Mapping[str, Mapping], layout: KeypointLayout) -> Callable:
    """A function that augments a batch.

    Args:
        operations: ``{name: arguments}``, applied in this order; neighbors that move pixels become
            one warp.
        layout: says which keypoints change places in a mirror.

    Returns:
        ``augment(images, keypoints, seed, boxes=None, period=None)``, which runs eagerly, in a
        ``tf.function`` and in ``tf.data``: (B, H, W, 3) float32 images 0 to 255, (B, K, 3) or (B,
        N, K, 3) keypoints x, y, visibility, a seed of two integers, and (B, N, 4) boxes xyxy if
        there are any -> the same, changed: two, or with boxes three. A keypoint that leaves the
        image is unlabeled afterwards (visibility 0), and a box that does is all zeros. ``period``
        is a number for which ``random_periodic_resizing`` draws a size, always the same for the
        same number; without it each call draws one.

    Raises:
        PoseError: for an operation that is not there, or arguments that it does not take.
    """
    operations = {
        name: checked(name, arguments, AUGMENTATIONS, _TAKES)
        for name, arguments in operations.items()
    }
    steps = [
        _step(names, {name: operations[name] for name in names}, layout)
        for names in _groups(operations)
    ]

    def augment(images, keypoints, seed, boxes=None, period=None):
        import tensorflow as tf

        images = tf.convert_to_tensor(images, tf.float32)
        keypoints = tf.convert_to_tensor(keypoints, tf.float32)
        draw = Draw(images.shape[0] or tf.shape(images)[0], seed, period)
        scene = images, keypoints, boxes
        for step in steps:
            scene = step(draw, *scene)
        return scene[:2] if boxes is None else scene

    return augment


def resizing_period(operations: Mapping[str, Mapping] | None) -> int:
    """For how many batches all images have one size; 1 if nothing resizes them."""
    arguments = dict((operations or {}).get(RESIZING) or {})
    return checked(RESIZING, arguments, AUGMENTATIONS, _TAKES).get("period", 10) if arguments else 1


def _groups(operations: Mapping[str, Mapping]) -> list[list[str]]:
    """The names in their order, neighbors that can share one warp together."""
    groups: list[list[str]] = []
    settings: dict = {}
    for name, arguments in operations.items():
        own = {key: arguments.get(key, WARPING[key]) for key in _TAKES.get(name, ())}
        shares = name in GEOMETRIC and groups and groups[-1][0] in GEOMETRIC
        if shares and all(settings.get(key, value) == value for key, value in own.items()):
            groups[-1].append(name)
            settings |= own
        else:
            groups.append([name])
            settings = own
    return groups


def _step(names: list[str], operations: Mapping[str, Mapping], layout: KeypointLayout) -> Callable:
    """What a group of operations does: from the draw, images, keypoints and boxes to the latter
    three, changed."""
    if names[0] in GEOMETRIC:
        return _warp(operations, layout)
    (arguments,) = operations.values()
    return _resize(arguments) if names[0] == RESIZING else _recolor(names[0], arguments)


def _recolor(name: str, arguments: Mapping) -> Callable:
    own = {key: value for key, value in arguments.items() if key != "change_rate"}
    rate = arguments["change_rate"]

    def step(draw: Draw, images, keypoints, boxes):
        import tensorflow as tf

        if rate == 1:
            return clipped(AUGMENTATIONS[name](draw, images, **own)), keypoints, boxes
        # Only these are computed: some operations take longer than a step of training
        which = tf.where(draw.happens(rate))
        chosen = tf.ensure_shape(tf.gather_nd(images, which), (None, *images.shape[1:]))
        changed = clipped(AUGMENTATIONS[name](draw.among(tf.size(which)), chosen, **own))
        return tf.tensor_scatter_nd_update(images, which, changed), keypoints, boxes

    return step


def _resize(arguments: Mapping) -> Callable:
    def step(draw: Draw, images, keypoints, boxes):
        import tensorflow as tf

        resized = periodic_resizing(draw, images, **arguments)
        before, after = size_of(images), size_of(resized)
        scales = tf.stack([after[1] / before[1], after[0] / before[0], 1.0])
        return (
            resized,
            keypoints * scales,
            None if boxes is None else boxes * tf.gather(scales, [0, 1, 0, 1]),
        )

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

    def step(draw: Draw, images, keypoints, boxes):
        import tensorflow as tf

        size, matrix = size_of(images), tf.eye(3, batch_shape=[draw.count])
        for name, arguments in own.items():
            moved = GEOMETRIC[name](draw, size, **arguments) @ matrix
            matrix = tf.where(
                draw.happens(operations[name]["change_rate"])[:, None, None], moved, matrix
            )
        keypoints = without_labels_outside(warp_keypoints(keypoints, matrix, layout), size)
        return (
            warp_images(images, matrix, **settings),
            keypoints,
            None if boxes is None else warp_boxes(boxes, matrix, size),
        )

    return step
