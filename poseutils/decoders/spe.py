"""``spe``: MoveNet single pose, which outputs keypoint coordinates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .options import KEEP_ALL, ONE_PERSON, PEOPLE, InputSpec, Thresholds, check_finite, found_people

EXPECTS = "one output (B, 1, K, 3): y, x and score of each keypoint"
THRESHOLDS = ONE_PERSON
_DOWN = 0.3
"""Least height of a person in an image of one, as a fraction of it."""


def find(outputs: Mapping[str, np.ndarray], spec: InputSpec) -> dict[str, np.ndarray] | None:
    """``keypoints`` (B, K, 3)."""
    if len(outputs) != 1:
        return None
    (points,) = outputs.values()
    if (
        points.ndim not in (3, 4)
        or points.shape[-1] != 3
        or (points.ndim == 4 and points.shape[1] != 1)
    ):
        return None
    return {"keypoints": points.reshape(points.shape[0], points.shape[-2], 3)}


def count_keypoints(found: Mapping[str, np.ndarray], spec: InputSpec) -> int:
    return int(found["keypoints"].shape[1])


def decode(
    found: Mapping[str, np.ndarray],
    spec: InputSpec,
    layout: KeypointLayout,
    thresholds: Thresholds = KEEP_ALL,
) -> list[Poses]:
    """Converts (y, x) fractions of the input, or pixels, to (x, y) pixels.

    Args:
        found: ``keypoints`` (B, K, 3) y, x, score; or x, y, score if ``spec.x_first``.

    Returns:
        B Poses in pixels of the input, of one person each, or of none: see ``confidence``.

    Raises:
        PoseError: if a coordinate or score is NaN or infinite.
    """
    points = found["keypoints"].astype(np.float32)
    check_finite(points, "keypoints")
    keypoints = (points[:, :, :2] if spec.x_first else points[:, :, 1::-1]) * spec.unit(usual=True)
    poses = [
        Poses(keypoints[b : b + 1], points[b : b + 1, :, 2], layout) for b in range(len(points))
    ]
    return [found_people(one, thresholds) for one in poses]


def is_x_first(found: Mapping[str, np.ndarray], spec: InputSpec) -> bool:
    """Whether a network of people outputs x before y, from its output for images of upright people:
    whether its first column hardly goes from head to feet, and its second does."""
    points = found["keypoints"][:, :, :2]
    if points.shape[1] not in PEOPLE:
        return False
    down = (points[:, -2:].mean(axis=1) - points[:, 0]).mean(axis=0)
    first, second = down * spec.unit(usual=True) / (spec.width, spec.height)
    return bool(second > max(_DOWN, 2 * abs(first)))
