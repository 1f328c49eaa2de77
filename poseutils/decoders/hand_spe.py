"""``hand_spe``: MediaPipe's hand landmarks, one hand per image."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .options import InputSpec, Thresholds, check_finite
from .scores import probability

EXPECTS = (
    "outputs (B, 63) with x, y, z of 21 points in pixels, and (B, 1) presence; optionally (B, 63) "
    "in meters and (B, 1) handedness"
)
_POINTS = 21
_HANDEDNESS = re.compile(r"handedness|right|\blr_")


def find(outputs: Mapping[str, np.ndarray], spec: InputSpec) -> dict[str, np.ndarray] | None:
    """``landmarks`` (B, 63), ``presence`` (B, 1), and if present ``world`` (B, 63), ``handedness``
    (B, 1).

    The order of tensors in a file varies between conversions; the numbers in their names give the
    order in the network: landmarks, presence, handedness, world landmarks; unless
    ``spec.world_first`` says that the world landmarks come first.
    """
    named = sorted(outputs.items(), key=lambda item: _number(item[0]))
    flat = [(name, array.reshape(array.shape[0], -1)) for name, array in named]
    points = [(name, array) for name, array in flat if array.shape[1] == 3 * _POINTS]
    flags = [(name, array) for name, array in flat if array.shape[1] == 1]
    if (
        len(points) not in (1, 2)
        or len(flags) not in (1, 2)
        or len(points) + len(flags) != len(flat)
    ):
        return None
    points.sort(key=lambda item: "world" in item[0].lower())
    points = points[::-1] if spec.world_first else points
    flags.sort(key=lambda item: _HANDEDNESS.search(item[0].lower()) is not None)
    names = ("landmarks", "world")[: len(points)] + ("presence", "handedness")[: len(flags)]
    return dict(zip(names, [array for _, array in points + flags], strict=True))


def _number(name: str) -> int:
    """The number at the end of a tensor name, without TensorFlow's ``:0``: ``Identity`` 0,
    ``Identity_3:0`` 3."""
    name = re.sub(r"(?<!PartitionedCall):\d+$", "", name)
    match = re.search(r"[_:](\d+)$", name)
    return int(match.group(1)) if match else 0


def count_keypoints(found: Mapping[str, np.ndarray], spec: InputSpec) -> int:
    return _POINTS


def decode(
    found: Mapping[str, np.ndarray],
    spec: InputSpec,
    layout: KeypointLayout,
    thresholds: Thresholds = Thresholds(),
) -> list[Poses]:
    """The 21 landmarks, each with the presence of the hand as its score; image depth z is
    discarded.

    MediaPipe's documentation says that handedness assumes a mirrored (selfie) image. That concerns
    the label its graphs attach; the value is near 1 for a right hand in an image that is not
    mirrored.

    Args:
        found: ``landmarks`` (B, 63) x, y, z in pixels of the input or fractions, ``presence``
            (B, 1); optionally ``world`` (B, 63) in meters and ``handedness`` (B, 1). Presence and
            handedness are probabilities or logits.

    Returns:
        B Poses of one hand each, in pixels of the input.

    Raises:
        PoseError: if a landmark is NaN or infinite.
    """
    landmarks = found["landmarks"].reshape(-1, 1, _POINTS, 3).astype(np.float32)
    check_finite(landmarks, "landmarks")
    unit = spec.unit(usual=False)
    scores = np.repeat(probability(found["presence"]), _POINTS, axis=1)
    world = (
        found["world"].reshape(landmarks.shape).astype(np.float32)
        if "world" in found
        else [None] * len(landmarks)
    )
    right_hand = (
        probability(found["handedness"]) if "handedness" in found else [None] * len(landmarks)
    )
    return [
        Poses(points[:, :, :2] * unit, score[None], layout, world=meters, handedness=hand)
        for points, score, meters, hand in zip(landmarks, scores, world, right_hand, strict=True)
    ]
