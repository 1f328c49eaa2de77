"""Smoothing over time: a running median, then the one-euro filter (Casiez, Roussel and Vogel, "1 €
Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems", CHI 2012)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ..poses import Poses
from .frames import Frame
from .tracks import LOST, boxes_of, ids_of

AHEAD = 8
"""Frames after a frame that a video is smoothed with."""
BETA_BOTH_WAYS = 2.0
"""Without a lag, a lower one loses no accuracy: on rendered people who walk, as MoveNet sees them,
it halves the jitter at the same OKS, of which a filter of the frames before alone loses 0.08."""


@dataclass
class OneEuro:
    """A low-pass filter of points, whose cutoff frequency rises with their speed: what rests does
    not tremble, what moves lags little.

    Speeds are relative to the size of the object, as in MediaPipe, so that a person near and far
    is smoothed alike.

    Attributes:
        min_cutoff: of a point at rest, Hz; lower is smoother.
        beta: Hz that a speed of one object a second adds; higher lags less.
        speed_cutoff: of the speed itself, Hz.
    """

    min_cutoff: float = 1.0
    beta: float = 10.0
    speed_cutoff: float = 1.0
    _points: np.ndarray | None = None
    _velocity: np.ndarray | None = None
    _seconds: float = 0.0

    def __call__(self, points: np.ndarray, seconds: float, size: float) -> np.ndarray:
        """(P, 2) smoothed points of (P, 2), seen at a time in seconds, later than the last, on an
        object of a size in pixels."""
        points = np.asarray(points, np.float64)
        if self._points is None or self._velocity is None:
            self._points, self._velocity = points, np.zeros_like(points)
        else:
            step = max(seconds - self._seconds, 1e-3)
            velocity = (points - self._points) / step
            weight = _weight(self.speed_cutoff, step)
            self._velocity = self._velocity + weight * (velocity - self._velocity)
            speed = np.linalg.norm(self._velocity, axis=1, keepdims=True) / max(size, 1.0)
            weight = _weight(self.min_cutoff + self.beta * speed, step)
            self._points = self._points + weight * (points - self._points)
        self._seconds = seconds
        return self._points


def _weight(cutoff: np.ndarray | float, step: float) -> np.ndarray | float:
    """That of a new value in an exponential moving average with a cutoff frequency in Hz, for
    values ``step`` seconds apart."""
    turns = 2 * np.pi * cutoff * step
    return turns / (turns + 1)


@dataclass
class Smoother:
    """One-euro filters of the keypoints and boxes of people with track ids.

    Attributes:
        beta: of the filters.
    """

    beta: float = OneEuro.beta
    _filters: dict[int, OneEuro] = field(default_factory=dict)
    _seen: dict[int, float] = field(default_factory=dict)

    def update(self, poses: Poses, seconds: float) -> Poses:
        """The poses of a frame, at a time in seconds, smoothed with those before."""
        boxes, count = boxes_of(poses), len(poses.layout)
        points = np.concatenate([poses.keypoints, boxes.reshape(-1, 2, 2)], axis=1)
        sizes = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
        for i, track in enumerate(ids_of(poses)):
            one = self._filters.setdefault(track, OneEuro(beta=self.beta))
            points[i] = one(points[i], seconds, float(sizes[i]))
            self._seen[track] = seconds
        for track in [track for track, last in self._seen.items() if seconds - last > LOST]:
            del self._filters[track], self._seen[track]
        corners = None if poses.boxes is None else points[:, count:].reshape(-1, 4)
        return replace(poses, keypoints=points[:, :count], boxes=corners)


def medians(tracked: Iterable[tuple[Frame, Poses]]) -> Iterator[tuple[Frame, Poses]]:
    """The poses of a video with each coordinate the median of the frame before, the frame, and the
    one after, where a person is in all three: steady movement is kept, a jump of one frame is not
    (Tukey, "Exploratory Data Analysis", 1977)."""
    before: Poses | None = None
    held: tuple[Frame, Poses] | None = None
    for frame, poses in tracked:
        if held is not None:
            yield held[0], held[1] if before is None else _median(before, held[1], poses)
            before = held[1]
        held = frame, poses
    if held is not None:
        yield held


def _median(before: Poses, now: Poses, after: Poses) -> Poses:
    keypoints = now.keypoints.copy()
    for person, track in enumerate(ids_of(now)):
        around = [p.keypoints[p.track_ids == track] for p in (before, after)]
        if all(map(len, around)):
            keypoints[person] = np.median([now.keypoints[person], *np.concatenate(around)], axis=0)
    return replace(now, keypoints=keypoints)


def smooth(tracked: Iterable[tuple[Frame, Poses]]) -> Iterator[tuple[Frame, Poses]]:
    """Smooths the poses of a video with the frames before and after each: by :func:`medians`, then
    by the mean of a filter that runs forward and one that runs backward, whose lags cancel out."""
    forward, window = Smoother(BETA_BOTH_WAYS), deque[tuple[Frame, Poses, Poses]]()
    for frame, poses in medians(tracked):
        window.append((frame, poses, forward.update(poses, frame.seconds)))
        if len(window) > AHEAD:
            yield _first_of(window)
    while window:
        yield _first_of(window)


def _first_of(window: deque[tuple[Frame, Poses, Poses]]) -> tuple[Frame, Poses]:
    """Removes the first frame of the window: it, and its poses smoothed from both sides."""
    backward = Smoother(BETA_BOTH_WAYS)
    for frame, poses, _ in reversed(window):
        behind = backward.update(poses, -frame.seconds)
    frame, _, before = window.popleft()
    boxes = None
    if before.boxes is not None and behind.boxes is not None:
        boxes = (before.boxes + behind.boxes) / 2
    return frame, replace(before, keypoints=(before.keypoints + behind.keypoints) / 2, boxes=boxes)
