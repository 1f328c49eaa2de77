"""``detector``: the anchors of BlazeFace and BlazePalm, which find faces and palms for a second network to look at closely.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019); Zhang et al., "MediaPipe Hands:
On-device Real-time Hand Tracking" (2020). A is the number of anchors in shapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .scores import probability
from .view import InputView, Thresholds, check_finite
from .yolo import overlaps

EXPECTS = (
    "boxes with points (B, A, 4 + 2K) and scores (B, A, 1), whole or in one pair of tensors a layer, A being the number of anchors "
    "that a released BlazeFace or BlazePalm has on this input (128 × 128: 896; 192 × 192: 2016; 256 × 256: 896 or 2944)"
)
THRESHOLDS = Thresholds(confidence=0.5, nms_iou=0.3)
"""What MediaPipe's graphs ask of a face or a palm."""

_GRIDS = (
    ((8, 2), (16, 6)),  # faces at 128 (short range), palms at 128 and 192
    ((16, 2), (32, 6)),  # faces at 256 (back camera)
    ((8, 2), (16, 2), (32, 6)),  # palms at 256
    ((4, 1),),  # faces at 192 (full range)
)
"""Stride and anchors a cell of each layer, as MediaPipe's graphs set their SSD anchors: two a layer, layers of one stride together."""


def find(outputs: Mapping[str, np.ndarray], view: InputView) -> dict[str, np.ndarray] | None:
    """``boxes`` (B, A, 4 + 2K) and ``scores`` (B, A), the layers joined from fine to coarse.

    Names and order of a file's tensors vary; sizes tell the layers, because a finer one always has more anchors.
    """
    boxes = [array for array in outputs.values() if array.ndim == 3 and array.shape[2] > 4 and array.shape[2] % 2 == 0]
    scores = [array.reshape(array.shape[:2]) for array in outputs.values() if array.ndim == 2 or array.shape[2:] == (1,)]
    boxes, scores = (sorted(arrays, key=lambda a: -a.shape[1]) for arrays in (boxes, scores))
    if len(boxes) + len(scores) != len(outputs) or [b.shape[:2] for b in boxes] != [s.shape for s in scores]:
        return None
    if len({b.shape[2] for b in boxes}) != 1 or anchors(view.height, view.width, sum(b.shape[1] for b in boxes)) is None:
        return None
    return {"boxes": np.concatenate(boxes, axis=1), "scores": np.concatenate(scores, axis=1)}


def count_keypoints(found: Mapping[str, np.ndarray]) -> int:
    return (found["boxes"].shape[2] - 4) // 2


@lru_cache(maxsize=16)
def anchors(height: int, width: int, count: int) -> np.ndarray | None:
    """(A, 2) float32 centers of the anchors, in pixels of an input of height × width; None if no known grid has ``count`` of them.

    All anchors are as large as the input ("fixed anchor size"), so that a box is its anchor's center plus what the network says.
    """
    grid = grid_of(height, width, count)
    if grid is None:
        return None
    return np.concatenate([_centers(*layer) for layer in _cells(grid, height, width)]) * np.array([width, height], np.float32)


def grid_of(height: int, width: int, count: int) -> tuple[tuple[int, int], ...] | None:
    """Stride and anchors a cell of each layer of the known grid that has ``count`` anchors; None if there is none."""
    for grid in _GRIDS:
        if sum(rows * columns * each for rows, columns, each in _cells(grid, height, width)) == count:
            return grid
    return None


def _cells(grid: tuple[tuple[int, int], ...], height: int, width: int) -> list[tuple[int, int, int]]:
    """Rows, columns and anchors a cell of each layer."""
    return [(-(-height // stride), -(-width // stride), each) for stride, each in grid]


def _centers(rows: int, columns: int, each: int) -> np.ndarray:
    """(rows · columns · each, 2) centers of a grid's cells as fractions, row by row, each as often as it has anchors."""
    y, x = np.mgrid[:rows, :columns].reshape(2, -1).astype(np.float32)
    return np.repeat(np.stack([(x + 0.5) / columns, (y + 0.5) / rows], axis=1), each, axis=0)


def decode(found: Mapping[str, np.ndarray], view: InputView, layout: KeypointLayout, thresholds: Thresholds = THRESHOLDS) -> list[Poses]:
    """Boxes and points above a confidence, overlapping ones blended, best first; every point's score is its box's.

    Args:
        found: ``boxes`` (B, A, 4 + 2K) center, size and points x, y, all in pixels from the anchor's center; ``scores`` (B, A)
            as logits or probabilities.

    Returns:
        B Poses with boxes, in pixels of the input.
    """
    centers = anchors(view.height, view.width, found["boxes"].shape[1])
    check_finite(found["scores"], "scores")
    scores = probability(found["scores"])
    return [_decode_one(boxes, score, centers, layout, thresholds) for boxes, score in zip(found["boxes"], scores, strict=True)]


def _decode_one(raw: np.ndarray, scores: np.ndarray, centers: np.ndarray, layout: KeypointLayout, thresholds: Thresholds) -> Poses:
    passed = np.flatnonzero((scores > thresholds.confidence) & (raw[:, 2:4] > 0).all(axis=1))
    order = passed[np.argsort(-scores[passed], kind="stable")]
    middle, half = raw[order, :2], raw[order, 2:4] / 2
    corners = np.stack([middle - half, middle + half], axis=1)
    check_finite(raw[order], "boxes")
    points = np.concatenate([corners, raw[order, 4:].reshape(len(order), len(layout), 2)], axis=1) + centers[order, None]
    blended, best = blend(points.astype(np.float32), scores[order], thresholds.nms_iou, thresholds.max_detections)
    box_scores = scores[order][best]
    point_scores = np.repeat(box_scores[:, None], len(layout), axis=1)
    return Poses(blended[:, 2:], point_scores, layout, blended[:, :2].reshape(-1, 4), box_scores)


def blend(points: np.ndarray, scores: np.ndarray, iou: float, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """Non-maximum suppression that averages instead of dropping, as BlazeFace has it: what is found jitters less from frame to frame.

    Args:
        points: (N, 2 + K, 2) of N detections, best first: the box's two corners, then its points.
        scores: (N,) the weights.
        iou: detections whose boxes overlap the best one's by more than this are blended with it.
        limit: at most so many are kept.

    Returns:
        (M, 2 + K, 2) float32 weighted means, and the (M,) indices of the best detection in each.
    """
    boxes = points[:, :2].reshape(-1, 4)
    left, blended, best = np.arange(len(points)), [], []
    while len(left) and len(best) < limit:
        together = overlaps(boxes[left[:1]], boxes[left], iou)[0]
        together[0] = True
        group = left[together]
        blended.append(np.average(points[group], axis=0, weights=scores[group]))
        best.append(group[0])
        left = left[~together]
    return np.array(blended, np.float32).reshape(-1, *points.shape[1:]), np.array(best, np.intp)
