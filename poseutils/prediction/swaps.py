"""Left and right keypoints that a network swaps for some frames of a video, as it does in people
seen from the side, and how they are swapped back."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .frames import Frame
from .tracks import boxes_of, ids_of

AHEAD = 8
"""Frames after a frame that decide about it."""
PENALTY = 0.25
"""Cost of a second in which a pair is swapped, in squares of the size of the person: a swap of two
keypoints a fifth of that size apart is undone if it lasts up to a third of a second."""


@dataclass
class _Track:
    """The mirrored pairs of a person as last seen.

    Attributes:
        pairs: (P, 2, 2) the x, y of each keypoint of each pair.
        cost: (2, P) of the best past in which a pair is now as the network gave it, or swapped.
    """

    pairs: np.ndarray
    cost: np.ndarray
    seconds: float


@dataclass
class _Seen:
    """A frame; ``before`` has for each track (2, P): whether its pairs were swapped when it was
    seen before, in the best past of either state."""

    frame: Frame
    poses: Poses
    before: dict[int, np.ndarray]


def swapped_back(tracked: Iterable[tuple[Frame, Poses]]) -> Iterator[tuple[Frame, Poses]]:
    """The poses of a video with the left and right keypoints of each pair assigned so that they
    move least: by the Viterbi algorithm, of two states a pair and frame, as given or swapped. What
    is swapped costs :data:`PENALTY`, so that a network that changes its mind for good, or a person
    who turns around, is believed."""
    tracks: dict[int, _Track] = {}
    window = deque[_Seen]()
    for frame, poses in tracked:
        pairs = _mirrored(poses.layout)
        before = {}
        for track, points, size in zip(ids_of(poses), poses.keypoints[:, pairs], _sizes(poses)):
            tracks[track], before[track] = _step(tracks.get(track), points, size, frame.seconds)
        window.append(_Seen(frame, poses, before))
        if len(window) > AHEAD:
            yield _first_of(window, tracks)
    while window:
        yield _first_of(window, tracks)


def _mirrored(layout: KeypointLayout) -> np.ndarray:
    """(P, 2) indices of the keypoints that are each other's mirror."""
    pairs = [(k, other) for k, other in enumerate(layout.mirror) if k < other]
    return np.array(pairs, int).reshape(-1, 2)


def _sizes(poses: Poses) -> np.ndarray:
    """(N,) squares of their sizes, in square pixels."""
    boxes = boxes_of(poses)
    return np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1.0)


def _step(
    track: _Track | None, pairs: np.ndarray, size: float, seconds: float
) -> tuple[_Track, np.ndarray]:
    """The track with the pairs of another frame, and the best states before it."""
    states = np.stack([pairs, pairs[:, ::-1]])
    if track is None:
        return _Track(pairs, np.zeros((2, len(pairs))), seconds), np.zeros((2, len(pairs)), int)
    then = np.stack([track.pairs, track.pairs[:, ::-1]])
    moved = ((then[:, None] - states) ** 2).sum(axis=(3, 4)) / size  # (2 before, 2 now, P)
    total = track.cost[:, None] + moved
    cost = total.min(axis=0)
    cost[1] += PENALTY * (seconds - track.seconds)
    return _Track(pairs, cost - cost.min(axis=0), seconds), total.argmin(axis=0)


def _first_of(window: deque[_Seen], tracks: dict[int, _Track]) -> tuple[Frame, Poses]:
    """Removes the first frame of the window: it, and its poses with pairs swapped back."""
    first, pairs = window[0], _mirrored(window[0].poses.layout)
    keypoints, scores = first.poses.keypoints.copy(), first.poses.scores.copy()
    for person, track in enumerate(ids_of(first.poses)):
        state = tracks[track].cost.argmin(axis=0)
        for seen in list(window)[:0:-1]:
            if track in seen.before:
                state = np.take_along_axis(seen.before[track], state[None], axis=0)[0]
        for values in (keypoints[person], scores[person]):
            swapped = pairs[state == 1]
            values[swapped] = values[swapped[:, ::-1]]
    window.popleft()
    return first.frame, replace(first.poses, keypoints=keypoints, scores=scores)
