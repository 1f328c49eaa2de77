"""Track ids: who is who from frame to frame of a video."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..decoders.nms import shared_and_union
from ..poses import AREA_OF_BOX, Poses, join, oks

LEAST = 0.2
"""Similarity below which two poses are of two people."""
LOST = 1.0
"""Seconds without a detection after which a track ends."""


@dataclass
class Tracker:
    """Gives the people of each frame the ids of the people in the frames before.

    Pairs of a track and a pose are matched greedily, the most similar first, as by Xiao, Wu and Wei
    ("Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018). The similarity is the
    mean of the OKS of the keypoints, which tells two people apart whose boxes overlap, and the IoU
    of the boxes, which holds where keypoints are uncertain or fast. Tracks have no model of motion:
    people who cross while neither is seen may change ids.

    Attributes:
        count: people seen so far.
    """

    count: int = 0
    _people: Poses | None = None
    _seen: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def update(self, poses: Poses, seconds: float) -> Poses:
        """The poses of a frame, at a time in seconds, with ``track_ids`` from 1."""
        ids = np.zeros(len(poses), int)
        if self._people is not None:
            here = seconds - self._seen <= LOST
            self._people, self._seen = self._people[here], self._seen[here]
            for track, pose in _matched(self._people, poses):
                ids[pose] = _ids(self._people)[track]
        new = ids == 0
        ids[new] = self.count + 1 + np.arange(new.sum())
        self.count += int(new.sum())
        found = replace(poses, track_ids=ids)
        self._remember(found, seconds)
        return found

    def _remember(self, found: Poses, seconds: float) -> None:
        """Keeps each person as last seen."""
        seen = np.full(len(found), seconds)
        if self._people is not None:
            missing = ~np.isin(_ids(self._people), _ids(found))
            found = join([found, self._people[missing]])
            seen = np.concatenate([seen, self._seen[missing]])
        self._people, self._seen = found, seen


def _ids(poses: Poses) -> np.ndarray:
    assert poses.track_ids is not None  # of poses that update() gave
    return poses.track_ids


def ids_of(poses: Poses) -> list[int]:
    """The track id of each person; none if they have no ids."""
    return [] if poses.track_ids is None else poses.track_ids.tolist()


def boxes_of(poses: Poses) -> np.ndarray:
    """(N, 4) xyxy: those of the poses, or else around their keypoints."""
    if poses.boxes is not None:
        return poses.boxes
    points = poses.keypoints
    return np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)


def similarity(before: Poses, after: Poses) -> np.ndarray:
    """(N, M) from 0 to 1, of N poses with M of another frame: the mean of OKS and IoU; 0 for people
    of different classes."""
    boxes = boxes_of(before)
    areas = AREA_OF_BOX * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    of_points = oks(
        after.keypoints[None],
        before.keypoints[:, None],
        np.ones(len(before.layout)),
        areas[:, None],
        before.layout.sigma_array,
    )
    found = (of_points + box_iou(boxes, boxes_of(after))) / 2
    if before.classes is None or after.classes is None:
        return found
    return np.where(before.classes[:, None] == after.classes, found, 0)


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N, M) intersection over union of (N, 4) and (M, 4) boxes xyxy."""
    shared, union = shared_and_union(first, second)
    return np.asarray(shared / np.maximum(union, 1e-9))


def _matched(before: Poses, after: Poses) -> list[tuple[int, int]]:
    """Pairs of indices, the most similar first."""
    if not len(before) or not len(after):
        return []
    left, pairs = similarity(before, after), []
    while left.max() >= LEAST:
        track, pose = divmod(int(left.argmax()), left.shape[1])
        pairs.append((track, pose))
        left[track], left[:, pose] = 0, 0
    return pairs
