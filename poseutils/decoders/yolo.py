"""``yolo_mpe``: the anchor-free YOLO pose head (YOLOv8 and later), several people an image.

The head finds each person several times; non-maximum suppression keeps the best of those that are the same person, which is told
(``Thresholds.nms_measure``) by

- ``iou``: the intersection over union of the two boxes;
- ``oks``: the object keypoint similarity of the two poses, the better one taken for the truth (Papandreou et al., "Towards Accurate
  Multi-person Pose Estimation in the Wild", CVPR 2017). Two people who stand before each other share a box, but no pose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import AREA_OF_BOX, Poses
from .view import InputView, Thresholds, check_finite

EXPECTS = "one output (B, 5 + 3K, F) with F boxes, one a cell of the strides 8, 16 and 32"
_STRIDES = (8, 16, 32)
_CHUNK = 96
"""People that non-maximum suppression compares with each other at a time."""


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


def coordinates_normalized(found: Mapping[str, np.ndarray], view: InputView) -> bool | None:
    """Whether a network gives coordinates from 0 to 1 or in pixels of its input, told by what it gives for any image, a black one say.

    No field of a file says it: exporters stamp an .onnx in pixels and one in parts of the input with the same metadata. The head's own
    constants do: it places one box at each cell of its grids, whether it sees a person there or not, and the last cells are at the
    right and lower end of the input. So the largest center is near 1 or near the input's size, of which the geometric mean parts them.

    Args:
        found: ``candidates`` (B, 5 + 3K, F).

    Returns:
        True from 0 to 1, False in pixels, None if all centers are zero or not finite: no network that was trained.
    """
    largest = float(np.abs(found["candidates"][:, :2]).max())
    if not np.isfinite(largest) or largest == 0:
        return None
    return largest < math.sqrt(max(view.height, view.width))


def decode(found: Mapping[str, np.ndarray], view: InputView, layout: KeypointLayout, thresholds: Thresholds = Thresholds()) -> list[Poses]:
    """People above a confidence, greedily thinned by non-maximum suppression, best first.

    Args:
        found: ``candidates`` (B, 5 + 3K, F).

    Returns:
        B Poses with boxes, in pixels of the input.

    Raises:
        PoseError: if a confidence, or a candidate that has enough of it, is NaN or infinite.
    """
    scale = np.array([view.width, view.height] if view.normalized else [1, 1], np.float32)
    return [_decode_one(candidates, scale, layout, thresholds) for candidates in found["candidates"]]


def _decode_one(candidates: np.ndarray, scale: np.ndarray, layout: KeypointLayout, thresholds: Thresholds) -> Poses:
    check_finite(candidates[4], "confidences")
    passed = np.flatnonzero(candidates[4] > thresholds.confidence)
    # Scores of 8-bit networks are often equal. Which comes first is left to NumPy's fastest sort, as scripts of the field have it.
    order = passed[np.argsort(candidates[4, passed])[::-1]][: thresholds.max_candidates]
    boxes = _boxes(candidates, order, scale)
    check_finite(boxes, "boxes")
    kept = order[_suppressed(candidates, order, boxes, scale, layout, thresholds)]
    points = _points(candidates, kept, layout)
    check_finite(points, "keypoints")
    boxes = _boxes(candidates, kept, scale)
    return Poses(points[:, :, :2] * scale, np.ascontiguousarray(points[:, :, 2]), layout, boxes, candidates[4, kept])


def _suppressed(
    candidates: np.ndarray, order: np.ndarray, boxes: np.ndarray, scale: np.ndarray, layout: KeypointLayout, thresholds: Thresholds
) -> np.ndarray:
    """Which of ``order`` are kept, by the measure that is asked for."""
    if thresholds.nms_measure == "iou":
        return nms(boxes, thresholds.nms_iou, thresholds.max_detections)
    points = _points(candidates, order, layout)[:, :, :2] * scale
    check_finite(points, "keypoints")
    return oks_nms(points, boxes, layout.sigma_array, thresholds.nms_iou, thresholds.max_detections)


def _boxes(candidates: np.ndarray, chosen: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """(N, 4) x0, y0, x1, y1 in pixels."""
    center, half = candidates[0:2, chosen].T * scale, candidates[2:4, chosen].T * (scale / 2)
    return np.concatenate([center - half, center + half], axis=1)


def _points(candidates: np.ndarray, chosen: np.ndarray, layout: KeypointLayout) -> np.ndarray:
    """(N, K, 3) x, y, score, as the network gives them."""
    return candidates[5:, chosen].reshape(len(layout), 3, len(chosen)).transpose(2, 0, 1)


def nms(boxes: np.ndarray, iou: float, limit: int) -> np.ndarray:
    """Greedy non-maximum suppression by boxes.

    Args:
        boxes: (N, 4) x0, y0, x1, y1, best first.
        iou: a box that overlaps a kept one by more than this is dropped.
        limit: at most so many are kept.

    Returns:
        Indices of the boxes that are kept, best first.
    """
    return _suppress(len(boxes), lambda better, worse: overlaps(boxes[better], boxes[worse], iou), limit)


def oks_nms(keypoints: np.ndarray, boxes: np.ndarray, sigmas: np.ndarray, similarity: float, limit: int) -> np.ndarray:
    """Greedy non-maximum suppression by keypoints. All K count alike, whatever their scores.

    Args:
        keypoints: (N, K, 2), best first.
        boxes: (N, 4) x0, y0, x1, y1; ``AREA_OF_BOX`` of the better one's is the area that OKS asks for.
        sigmas: (K,) the layout's sigmas.
        similarity: a pose whose OKS with a kept one is more than this is dropped.
        limit: at most so many are kept.

    Returns:
        Indices of the poses that are kept, best first.
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    # OKS's exp(-d² / (2 · area · (2σ)²)) is exp(-d²) in units of σ · sqrt(8 · area).
    units = np.sqrt(8 * AREA_OF_BOX * np.maximum(sides[:, 0] * sides[:, 1], 1e-9)).astype(np.float32)
    points = np.ascontiguousarray((keypoints / np.asarray(sigmas)[:, None]).swapaxes(1, 2), np.float32)
    close = _within_reach(keypoints, units * np.max(sigmas) * np.sqrt(-np.log(np.clip(similarity, 1e-30, 1))))

    def alike(better: np.ndarray, worse: np.ndarray) -> np.ndarray:
        found = close(better, worse)
        rows, columns = np.nonzero(found)
        ahead, behind = better[rows], worse[columns]
        apart = (points[ahead] - points[behind]) / units[ahead, None, None]
        apart *= apart
        found[rows, columns] = np.exp(-apart.sum(axis=1)).sum(axis=1) > similarity * points.shape[2]
        return found

    return _suppress(len(boxes), alike, limit)


def _within_reach(keypoints: np.ndarray, reach: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Which pairs (better before worse) are worth a look: a mean over keypoints exceeds a threshold only if one of them does, so at
    least one must lie within ``reach`` (N,) of its partner, and the rectangles around all keypoints no farther apart than that."""
    by_keypoint = np.ascontiguousarray(keypoints.transpose(1, 2, 0))  # (K, 2, N): NumPy is ten times as fast along the first axis
    low, high = by_keypoint.min(axis=0), by_keypoint.max(axis=0)
    wide_low, wide_high = low - 1.001 * reach, high + 1.001 * reach  # a little more, for rounding

    def close(better: np.ndarray, worse: np.ndarray) -> np.ndarray:
        found = better[:, None] < worse
        for axis in (0, 1):
            found &= wide_low[axis, better, None] <= high[axis, worse]
            found &= low[axis, worse] <= wide_high[axis, better, None]
        return found

    return close


def _suppress(count: int, alike: Callable[[np.ndarray, np.ndarray], np.ndarray], limit: int) -> np.ndarray:
    """Greedy suppression of ``count`` candidates, best first; ``alike(better, worse)`` of indices (N,) and (M,) is (N, M) bool."""
    kept = np.zeros(0, dtype=np.intp)
    for start in range(0, count, _CHUNK):
        chunk = np.arange(start, min(start + _CHUNK, count))
        chunk = chunk[~alike(kept, chunk).any(axis=0)]
        kept = np.concatenate([kept, chunk[_greedy(alike(chunk, chunk))]])[:limit]
        if len(kept) == limit:
            break
    return kept


def _greedy(alike: np.ndarray) -> np.ndarray:
    """(N, N) which is like which, best first -> (N,) which are kept.

    All start as kept; whoever is like a better one that is still kept goes, again and again until nothing changes. The first i
    are right after i rounds at the latest, and so is everybody; on real pictures, after three or four.
    """
    better = np.triu(alike, 1)
    kept, before = ~better.any(axis=0), None
    while before is None or (kept != before).any():
        kept, before = ~better[kept].any(axis=0), kept
    return kept


def overlaps(a: np.ndarray, b: np.ndarray, iou: float) -> np.ndarray:
    """(N, 4) and (M, 4) boxes -> (N, M), True where intersection over union is more than ``iou``."""
    ax0, ay0, ax1, ay1 = a.T[:, :, None]
    bx0, by0, bx1, by1 = b.T
    width = np.minimum(ax1, bx1) - np.maximum(ax0, bx0)
    height = np.minimum(ay1, by1) - np.maximum(ay0, by0)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    area = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0)
    return shared > iou * (area - shared)
