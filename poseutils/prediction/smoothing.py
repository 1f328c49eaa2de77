"""Smoothing over time by robust local regression (Cleveland, "Robust Locally Weighted Regression
and Smoothing Scatterplots", JASA 1979)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from ..poses import Poses
from .frames import Frame
from .tracks import boxes_of, ids_of

AHEAD = 8
"""Frames before and after a frame that it is smoothed with, at most."""
REACH = 0.36
"""Seconds before and after it beyond which they have no weight."""
ROUNDS = 3
"""How often outliers are weighted anew."""
OUTLIER = 3.0
"""Distance from the curve, in medians of it, from which a point has no weight."""
LEAST_SCORE = 0.02
"""What lower scores count as."""
PENALTIES = 0.0, 1e-6, 1e-3
"""Of place, speed and acceleration, relative to the errors: so that one frame is enough, and a
parabola does not swing out at the ends of a track."""


def smooth(tracked: Iterable[tuple[Frame, Poses]]) -> Iterator[tuple[Frame, Poses]]:
    """Smooths the poses of a video: each point of a person with a track id, keypoint or corner of a
    box, becomes that of a parabola in time, fitted to the frames around by least squares.

    A frame has less weight the farther away it is, and a keypoint by the square of its score, and
    by its distance from the parabola: a jump of a frame or two is not followed, nor a gesture as
    short, which looks the same.
    """
    before = deque[tuple[float, Poses]](maxlen=AHEAD)
    ahead = deque[tuple[Frame, Poses]]()
    for seen in tracked:
        ahead.append(seen)
        if len(ahead) > AHEAD:
            yield _first_of(ahead, before)
    while ahead:
        yield _first_of(ahead, before)


def _first_of(
    ahead: deque[tuple[Frame, Poses]], before: deque[tuple[float, Poses]]
) -> tuple[Frame, Poses]:
    """Moves the first frame from those ahead to those before: it, and its poses smoothed."""
    frame, poses = ahead[0]
    around = [*before, *((f.seconds, p) for f, p in ahead)]
    near = [((s - frame.seconds) / REACH, p) for s, p in around]
    ahead.popleft()
    before.append((frame.seconds, poses))
    return frame, _smoothed(poses, [(time, p) for time, p in near if abs(time) < 1])


def _smoothed(poses: Poses, near: list[tuple[float, Poses]]) -> Poses:
    points, count = _points(poses), len(poses.layout)
    frames = [(time, ids_of(p), _points(p), p.scores) for time, p in near]
    for person, track in enumerate(ids_of(poses)):
        seen = [
            (time, placed[ids.index(track)], scored[ids.index(track)])
            for time, ids, placed, scored in frames
            if track in ids
        ]
        times = np.array([time for time, _, _ in seen])
        scores = np.ones((len(seen), count + 2))  # a box has no less in one frame than in another
        scores[:, :count] = [scored for _, _, scored in seen]
        weights = np.maximum(scores, LEAST_SCORE) ** 2 * (1 - np.abs(times[:, None]) ** 3) ** 3
        points[person] = _regression(times, np.array([placed for _, placed, _ in seen]), weights)
    boxes = None if poses.boxes is None else points[:, count:].reshape(-1, 4)
    return replace(poses, keypoints=points[:, :count], boxes=boxes)


def _points(poses: Poses) -> np.ndarray:
    """(N, K + 2, 2) keypoints, and the corners of the box."""
    return np.concatenate([poses.keypoints, boxes_of(poses).reshape(-1, 2, 2)], axis=1)


def _regression(times: np.ndarray, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(P, 2) at time 0, of polynomials through points (F, P, 2) with weights (F, P) at times (F,)
    from -1 to 1; outliers are weighted by Tukey's biweight."""
    powers = times[:, None] ** np.arange(len(PENALTIES))
    trust = np.ones_like(weights)
    for _ in range(ROUNDS + 1):
        curves = _least_squares(powers, points, weights * trust)
        apart = np.linalg.norm(points - np.einsum("fd,pdc->fpc", powers, curves), axis=2)
        limit = OUTLIER * np.median(apart, axis=0) + 1e-9
        trust = np.maximum(1 - (apart / limit) ** 2, 0) ** 2
    return curves[:, 0]


def _least_squares(powers: np.ndarray, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(P, D, 2) coefficients of powers of time (F, D); points (F, P, 2), weights (F, P)."""
    weights = weights / weights.sum(axis=0)
    products = np.einsum("fp,fd,fe->pde", weights, powers, powers) + np.diag(PENALTIES)
    return np.linalg.solve(products, np.einsum("fp,fd,fpc->pdc", weights, powers, points))
