"""``yolo_mpe``: the anchor-free YOLO pose head (YOLOv8 and later), several people an image."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .view import InputView, Thresholds

EXPECTS = "one output (B, 5 + 3K, F) with F boxes, one a cell of the strides 8, 16 and 32"
_STRIDES = (8, 16, 32)
_MAX_CANDIDATES = 1024
"""Best boxes that enter non-maximum suppression; more cannot change which are kept on any real picture, only cost time."""

_CHUNK = 128
"""Boxes that non-maximum suppression compares with each other at a time."""


def find(outputs: Mapping[str, np.ndarray], view: InputView) -> dict[str, np.ndarray] | None:
    """``candidates`` (B, 5 + 3K, F): rows cx, cy, w, h, score, then x, y, score for each keypoint."""
    if len(outputs) != 1:
        return None
    (candidates,) = outputs.values()
    if candidates.ndim != 3:
        return None
    boxes = sum(-(-view.height // s) * -(-view.width // s) for s in _STRIDES)
    if candidates.shape[1] == boxes and candidates.shape[2] != boxes:
        candidates = candidates.swapaxes(1, 2)
    rows = candidates.shape[1]
    return {"candidates": candidates} if candidates.shape[2] == boxes and rows > 5 and (rows - 5) % 3 == 0 else None


def count_keypoints(found: Mapping[str, np.ndarray]) -> int:
    return (found["candidates"].shape[1] - 5) // 3


def decode(found: Mapping[str, np.ndarray], view: InputView, layout: KeypointLayout, thresholds: Thresholds = Thresholds()) -> list[Poses]:
    """Boxes above a confidence, greedily thinned by non-maximum suppression, best first.

    Args:
        found: ``candidates`` (B, 5 + 3K, F).

    Returns:
        B Poses with boxes, in pixels of the input.
    """
    scale = np.array([view.width, view.height] if view.normalized else [1, 1], np.float32)
    return [_decode_one(candidates, scale, layout, thresholds) for candidates in found["candidates"]]


def _decode_one(candidates: np.ndarray, scale: np.ndarray, layout: KeypointLayout, thresholds: Thresholds) -> Poses:
    passed = np.flatnonzero(candidates[4] > thresholds.confidence)
    order = passed[np.argsort(candidates[4, passed])[::-1]][:_MAX_CANDIDATES]
    center, half = candidates[0:2, order].T * scale, candidates[2:4, order].T * (scale / 2)
    boxes = np.concatenate([center - half, center + half], axis=1)
    kept = nms(boxes, thresholds.nms_iou, thresholds.max_detections)
    points = candidates[5:, order[kept]].reshape(len(layout), 3, len(kept)).transpose(2, 0, 1)
    return Poses(points[:, :, :2] * scale, np.ascontiguousarray(points[:, :, 2]), layout, boxes[kept], candidates[4, order[kept]])


def nms(boxes: np.ndarray, iou: float, limit: int) -> np.ndarray:
    """Greedy non-maximum suppression.

    Args:
        boxes: (N, 4) x0, y0, x1, y1, best first.
        iou: a box that overlaps a kept one by more than this is dropped.
        limit: at most so many are kept.

    Returns:
        Indices of the boxes that are kept, best first.
    """
    kept = np.zeros(0, dtype=np.intp)
    for start in range(0, len(boxes), _CHUNK):
        chunk = np.arange(start, min(start + _CHUNK, len(boxes)))
        chunk = chunk[~overlaps(boxes[chunk], boxes[kept], iou).any(axis=1)]
        kept = np.concatenate([kept, chunk[_greedy(overlaps(boxes[chunk], boxes[chunk], iou))]])[:limit]
        if len(kept) == limit:
            break
    return kept


def _greedy(overlapping: np.ndarray) -> np.ndarray:
    """(N, N) which overlaps which, best first -> (N,) which are kept."""
    alive = np.ones(len(overlapping), dtype=bool)
    for i in range(len(overlapping)):
        if alive[i]:
            alive[i + 1 :] &= ~overlapping[i, i + 1 :]
    return alive


def overlaps(a: np.ndarray, b: np.ndarray, iou: float) -> np.ndarray:
    """(N, 4) and (M, 4) boxes -> (N, M), True where intersection over union is more than ``iou``."""
    ax0, ay0, ax1, ay1 = a.T[:, :, None]
    bx0, by0, bx1, by1 = b.T
    width = np.minimum(ax1, bx1) - np.maximum(ax0, bx0)
    height = np.minimum(ay1, by1) - np.maximum(ay0, by0)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    area = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0)
    return shared > iou * (area - shared)
