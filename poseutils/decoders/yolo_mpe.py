"""``yolo_mpe``: the anchor-free YOLO pose head (YOLOv8 and later), several people per image.

The head detects each person several times; non-maximum suppression keeps the best of the detections
that are similar to one another. The similarity (``Thresholds.nms_measure``) is

- ``iou``: the intersection over union of the two boxes;
- ``oks``: the object keypoint similarity of the two poses, the better one as the reference
  (Papandreou et al., "Towards Accurate Multi-person Pose Estimation in the Wild", CVPR 2017). Two
  people, one in front of the other, may share a box but not a pose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import AREA_OF_BOX, Poses
from .options import InputView, Thresholds, check_finite

EXPECTS = "one output (B, 5 + 3K, F) with F boxes, one per cell at strides 8, 16 and 32"
_STRIDES = (8, 16, 32)
_CHUNK = 96
"""Number of detections that non-maximum suppression compares with one another at a time."""


def find(outputs: Mapping[str, np.ndarray], view: InputView) -> dict[str, np.ndarray] | None:
    """``candidates`` (B, 5 + 3K, F): rows cx, cy, w, h, score, then x, y, score of each
    keypoint."""
    if len(outputs) != 1:
        return None
    (candidates,) = outputs.values()
    if candidates.ndim != 3:
        return None
    boxes = sum(-(-view.height // s) * -(-view.width // s) for s in _STRIDES)
    if candidates.shape[1] == boxes and candidates.shape[2] != boxes:
        candidates = candidates.swapaxes(1, 2)
    rows = candidates.shape[1]
    return (
        {"candidates": candidates}
        if candidates.shape[2] == boxes and rows > 5 and (rows - 5) % 3 == 0
        else None
    )


def count_keypoints(found: Mapping[str, np.ndarray]) -> int:
    return int(found["candidates"].shape[1] - 5) // 3


def coordinates_normalized(found: Mapping[str, np.ndarray], view: InputView) -> bool | None:
    """Whether a network outputs coordinates from 0 to 1 or in pixels, from its output for any
    image.

    No field of a file records it: exporters write the same metadata into an .onnx with pixels and
    into one with fractions. But the head places a box at every cell of its grids, with or without a
    person, and the last cells are at the right and lower border of the input. So the largest box
    center is near 1 or near the size of the input; the threshold is their geometric mean.

    Args:
        found: ``candidates`` (B, 5 + 3K, F).

    Returns:
        True if from 0 to 1, False if in pixels, None if all centers are zero or one is not finite,
        as of an untrained network.
    """
    largest = float(np.abs(found["candidates"][:, :2]).max())
    if not np.isfinite(largest) or largest == 0:
        return None
    return largest < math.sqrt(max(view.height, view.width))


def decode(
    found: Mapping[str, np.ndarray],
    view: InputView,
    layout: KeypointLayout,
    thresholds: Thresholds = Thresholds(),
) -> list[Poses]:
    """Detections above the confidence after greedy non-maximum suppression, best first.

    Args:
        found: ``candidates`` (B, 5 + 3K, F).

    Returns:
        B Poses with boxes, in pixels of the input.

    Raises:
        PoseError: if a confidence, or a candidate above the confidence, is NaN or infinite.
    """
    scale = np.array([view.width, view.height] if view.normalized else [1, 1], np.float32)
    return [
        _decode_one(candidates, scale, layout, thresholds) for candidates in found["candidates"]
    ]


def _decode_one(
    candidates: np.ndarray, scale: np.ndarray, layout: KeypointLayout, thresholds: Thresholds
) -> Poses:
    check_finite(candidates[4], "confidences")
    passed = np.flatnonzero(candidates[4] > thresholds.confidence)
    # 8-bit networks often give equal scores: those stay in the order of the candidates.
    order = passed[np.argsort(-candidates[4, passed], kind="stable")][: thresholds.max_candidates]
    boxes = _boxes(candidates, order, scale)
    check_finite(boxes, "boxes")
    kept = order[_suppressed(candidates, order, boxes, scale, layout, thresholds)]
    points = _points(candidates, kept, layout)
    check_finite(points, "keypoints")
    boxes = _boxes(candidates, kept, scale)
    return Poses(
        points[:, :, :2] * scale,
        np.ascontiguousarray(points[:, :, 2]),
        layout,
        boxes,
        candidates[4, kept],
    )


def _suppressed(
    candidates: np.ndarray,
    order: np.ndarray,
    boxes: np.ndarray,
    scale: np.ndarray,
    layout: KeypointLayout,
    thresholds: Thresholds,
) -> np.ndarray:
    """Indices into ``order`` of the detections to keep."""
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
    """(N, K, 3) x, y, score in the units of the network."""
    return candidates[5:, chosen].reshape(len(layout), 3, len(chosen)).transpose(2, 0, 1)


def nms(boxes: np.ndarray, iou: float, limit: int) -> np.ndarray:
    """Greedy non-maximum suppression by boxes.

    Args:
        boxes: (N, 4) x0, y0, x1, y1, best first.
        iou: a box whose IoU with a kept one is higher than this is dropped.
        limit: maximum number of boxes to keep.

    Returns:
        Indices of the boxes that are kept, best first.
    """
    return _suppress(
        len(boxes), lambda better, worse: overlaps(boxes[better], boxes[worse], iou), limit
    )


def oks_nms(
    keypoints: np.ndarray, boxes: np.ndarray, sigmas: np.ndarray, similarity: float, limit: int
) -> np.ndarray:
    """Greedy non-maximum suppression by OKS, over all K keypoints whatever their scores.

    Args:
        keypoints: (N, K, 2), best first.
        boxes: (N, 4) x0, y0, x1, y1; the area in OKS is ``AREA_OF_BOX`` × the box of the better
            pose.
        sigmas: (K,) the layout's sigmas.
        similarity: a pose whose OKS with a kept one is higher than this is dropped.
        limit: maximum number of poses to keep.

    Returns:
        Indices of the poses that are kept, best first.
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    # OKS's exp(-d² / (2 · area · (2σ)²)) is exp(-d²) in units of σ · sqrt(8 · area).
    units = np.sqrt(8 * AREA_OF_BOX * np.maximum(sides[:, 0] * sides[:, 1], 1e-9)).astype(
        np.float32
    )
    points = np.ascontiguousarray(
        (keypoints / np.asarray(sigmas)[:, None]).swapaxes(1, 2), np.float32
    )
    may_match = _pair_filter(
        keypoints, units * np.max(sigmas) * np.sqrt(-np.log(np.clip(similarity, 1e-30, 1)))
    )

    def similar(better: np.ndarray, worse: np.ndarray) -> np.ndarray:
        found = may_match(better, worse)
        rows, columns = np.nonzero(found)
        first, second = better[rows], worse[columns]
        distances = (points[first] - points[second]) / units[first, None, None]
        distances *= distances
        found[rows, columns] = (
            np.exp(-distances.sum(axis=1)).sum(axis=1) > similarity * points.shape[2]
        )
        return found

    return _suppress(len(boxes), similar, limit)


def _pair_filter(
    keypoints: np.ndarray, reach: np.ndarray
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A cheap necessary condition for similar pairs (better, worse), given indices (N,) and (M,):
    (N, M) bool.

    A mean over keypoints exceeds a threshold only if one of its terms does. So at least one
    keypoint is within ``reach`` (N,) of its counterpart, and the bounding boxes of all keypoints
    are no farther apart.
    """
    by_keypoint = np.ascontiguousarray(
        keypoints.transpose(1, 2, 0)
    )  # (K, 2, N): NumPy reduces the first axis ten times as fast
    low, high = by_keypoint.min(axis=0), by_keypoint.max(axis=0)
    wide_low, wide_high = low - 1.001 * reach, high + 1.001 * reach  # a margin for rounding

    def may_match(better: np.ndarray, worse: np.ndarray) -> np.ndarray:
        found = better[:, None] < worse
        for axis in (0, 1):
            found &= wide_low[axis, better, None] <= high[axis, worse]
            found &= low[axis, worse] <= wide_high[axis, better, None]
        return found

    return may_match


def _suppress(
    count: int, similar: Callable[[np.ndarray, np.ndarray], np.ndarray], limit: int
) -> np.ndarray:
    """Greedy suppression of ``count`` candidates, best first; ``similar(better, worse)`` of indices
    (N,) and (M,) is (N, M) bool."""
    kept = np.zeros(0, dtype=np.intp)
    for start in range(0, count, _CHUNK):
        chunk = np.arange(start, min(start + _CHUNK, count))
        chunk = chunk[~similar(kept, chunk).any(axis=0)]
        kept = np.concatenate([kept, chunk[_greedy(similar(chunk, chunk))]])[:limit]
        if len(kept) == limit:
            break
    return kept


def _greedy(similar: np.ndarray) -> np.ndarray:
    """(N, N) similarity of pairs, best first -> (N,) bool, the candidates that are kept.

    A fixed-point iteration: all start as kept, and a candidate similar to a better one that is
    still kept is dropped, until nothing changes. After i rounds the first i are final; real images
    take three or four rounds.
    """
    better = np.triu(similar, 1)
    kept, before = np.logical_not(better.any(axis=0)), np.zeros(0, bool)
    while not np.array_equal(kept, before):
        kept, before = np.logical_not(better[kept].any(axis=0)), kept
    return kept


def overlaps(a: np.ndarray, b: np.ndarray, iou: float) -> np.ndarray:
    """(N, 4) and (M, 4) boxes -> (N, M) bool, True where the intersection over union is higher than
    ``iou``."""
    ax0, ay0, ax1, ay1 = a.T[:, :, None]
    bx0, by0, bx1, by1 = b.T
    width = np.minimum(ax1, bx1) - np.maximum(ax0, bx0)
    height = np.minimum(ay1, by1) - np.maximum(ay0, by0)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    area = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0)
    return np.asarray(shared > iou * (area - shared))
