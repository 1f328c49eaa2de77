"""``head_spe``: MediaPipe's face mesh, one head per image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .options import InputSpec, Thresholds, check_finite
from .scores import probability

EXPECTS = (
    "one output of 2 × 468 or 3 × 468 numbers per image, points in pixels; optionally (B, 1) "
    "presence"
)
_POINTS = 468


def find(outputs: Mapping[str, np.ndarray], spec: InputSpec) -> dict[str, np.ndarray] | None:
    """``landmarks`` (B, 468, 2 or 3), and ``presence`` (B, 1) if exactly one output is a single
    number per image."""
    flat = [array.reshape(array.shape[0], -1) for array in outputs.values()]
    points = [array for array in flat if array.shape[1] in (2 * _POINTS, 3 * _POINTS)]
    flags = [array for array in flat if array.shape[1] == 1]
    if len(points) != 1 or len(points) + len(flags) != len(flat):
        return None
    found = {"landmarks": points[0].reshape(len(points[0]), _POINTS, -1)}
    return found | ({"presence": flags[0]} if len(flags) == 1 else {})


def count_keypoints(found: Mapping[str, np.ndarray], spec: InputSpec) -> int:
    return _POINTS


def decode(
    found: Mapping[str, np.ndarray],
    spec: InputSpec,
    layout: KeypointLayout,
    thresholds: Thresholds = Thresholds(),
) -> list[Poses]:
    """The 468 landmarks, each with the presence of the head as its score, or 1 without one; depth
    is discarded.

    Args:
        found: ``landmarks`` (B, 468, 2 or 3) in pixels of the input or fractions; ``presence``
            (B, 1), a probability or, as in MediaPipe's files, a logit, which a value outside 0…1
            indicates.

    Returns:
        B Poses of one head each, in pixels of the input.

    Raises:
        PoseError: if a landmark is NaN or infinite.
    """
    landmarks = found["landmarks"].astype(np.float32)
    check_finite(landmarks, "landmarks")
    unit = spec.unit(usual=False)
    presence = probability(found.get("presence", np.ones((len(landmarks), 1))))
    scores = np.repeat(presence, _POINTS, axis=1)
    return [
        Poses(points[None, :, :2] * unit, score[None], layout)
        for points, score in zip(landmarks, scores, strict=True)
    ]
