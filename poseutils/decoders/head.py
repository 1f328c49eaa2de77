"""``head_spe``: MediaPipe's face mesh on an image of one head."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .scores import probability
from .view import InputView, Thresholds, check_finite

EXPECTS = "an output of 2 × 468 or 3 × 468 numbers an image, points in pixels; may give presence besides"
_POINTS = 468


def find(outputs: Mapping[str, np.ndarray], view: InputView) -> dict[str, np.ndarray] | None:
    """``landmarks`` (B, 468, 2 or 3), and ``presence`` (B, 1) if the network has one output of one number."""
    flat = [array.reshape(array.shape[0], -1) for array in outputs.values()]
    points = [array for array in flat if array.shape[1] in (2 * _POINTS, 3 * _POINTS)]
    flags = [array for array in flat if array.shape[1] == 1]
    if len(points) != 1 or len(points) + len(flags) != len(flat):
        return None
    found = {"landmarks": points[0].reshape(len(points[0]), _POINTS, -1)}
    return found | ({"presence": flags[0]} if len(flags) == 1 else {})


def count_keypoints(found: Mapping[str, np.ndarray]) -> int:
    return _POINTS


def decode(found: Mapping[str, np.ndarray], view: InputView, layout: KeypointLayout, thresholds: Thresholds = Thresholds()) -> list[Poses]:
    """The 468 points as they are; every point's score is the head's presence, or 1 where the network gives none. Depth is not kept.

    Args:
        found: ``landmarks`` (B, 468, 2 or 3) in pixels of the input; ``presence`` (B, 1), a probability or, as in MediaPipe's
            own files, a logit: a number outside 0…1 is taken for one.

    Returns:
        B Poses of one head each, in pixels of the input.
    """
    landmarks = found["landmarks"].astype(np.float32)
    check_finite(landmarks, "landmarks")
    presence = probability(found.get("presence", np.ones((len(landmarks), 1))))
    scores = np.repeat(presence, _POINTS, axis=1)
    return [Poses(points[None, :, :2], score[None], layout) for points, score in zip(landmarks, scores, strict=True)]
