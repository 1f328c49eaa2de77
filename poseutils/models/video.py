"""Pose tracking in a video: the crop of each frame follows the last pose, so that no detector has
to run on every frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..crops import Region
from ..poses import Poses
from .model import Model
from .predictor import ImageLike, Prediction, infer, prepare, read_source

_CONFIDENT = 0.2  # keypoints that score less do not move the region
_TORSO_MARGIN, _BODY_MARGIN = 1.9, 1.2


def follow(model: Model, frames: Iterable[ImageLike], **thresholds: Any) -> Iterator[Prediction]:
    """Yields the poses of one person through the frames of a video.

    The input is the whole first frame (or a crop by the model's detector). From then on it is a
    square around the pose of the frame before, as long as that pose shows a torso, as in MoveNet's
    own demonstration (TensorFlow Hub, "MoveNet: Ultra fast and accurate pose detection model").
    When the person is lost, or has no score above the confidence, the whole frame is searched
    again.

    Args:
        model: a single-person network.
        frames: paths or (H, W, 3) uint8 arrays, in order.
        thresholds: see :meth:`poseutils.models.Model.predict`.

    Raises:
        PoseError: if a frame cannot be read.
    """
    region = None
    for source in frames:
        image = read_source(source)
        if region is None:
            poses = model.predict(image, **thresholds)
        else:
            poses = infer(model, prepare(model, image, region), thresholds)
        region = region_to_follow(poses[:1], image.shape[:2])
        yield Prediction(source, image, poses)


def region_to_follow(poses: Poses, image_size: tuple[int, int]) -> Region | None:
    """The crop of the next frame: a square around the center of the hips, or, if the layout has no
    hips, of all confident keypoints.

    Args:
        poses: of one person, or empty.
        image_size: height and width of the frame.

    Returns:
        None if the person is lost, or fills the frame.
    """
    if not len(poses):
        return None
    points, confident = poses.keypoints[0].astype(np.float64), poses.scores[0] > _CONFIDENT
    torso = _torso(poses.layout.names)
    if not all(confident[list(pair)].any() for pair in torso) or not confident.any():
        return None
    core = [i for pair in torso for i in pair]
    center = (
        points[list(torso[1])].mean(axis=0)
        if torso
        else (points[confident].min(axis=0) + points[confident].max(axis=0)) / 2
    )
    half = _BODY_MARGIN * np.abs(points[confident] - center).max()
    if core:
        half = max(half, _TORSO_MARGIN * np.abs(points[core] - center).max())
    height, width = image_size
    if half < 1 or half > max(height, width) / 2:
        return None
    return Region((float(center[0]), float(center[1])), (2 * half, 2 * half))


def _torso(names: tuple[str, ...]) -> list[tuple[int, int]]:
    """Indices of the shoulders and of the hips; empty if the layout does not have all four."""
    pairs = [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")]
    if not all(name in names for pair in pairs for name in pair):
        return []
    return [(names.index(left), names.index(right)) for left, right in pairs]
