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
    order = passed[np.argsort(-candidates[4, passed], kind="stable")][:_MAX_CANDIDATES]
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
    area = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
    remaining, kept = np.arange(len(boxes)), []
    while len(remaining) and len(kept) < limit:
        best, remaining = remaining[0], remaining[1:]
        kept.append(best)
        rest = boxes[remaining]
        overlap = (np.minimum(boxes[best, 2:], rest[:, 2:]) - np.maximum(boxes[best, :2], rest[:, :2])).clip(0).prod(axis=1)
        remaining = remaining[overlap <= iou * (area[best] + area[remaining] - overlap)]
    return np.array(kept, dtype=np.intp)
