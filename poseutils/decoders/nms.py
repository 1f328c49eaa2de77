"""Non-maximum suppression (NMS): of detections that are similar to one another, keep the best.

The similarity of two detections is

- the intersection over union (IoU) of their boxes, or
- the object keypoint similarity (OKS) of their poses, the better one as the reference
  (Papandreou et al., "Towards Accurate Multi-person Pose Estimation in the Wild", CVPR 2017). Two
  people, one in front of the other, may share a box but not a pose.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..poses import AREA_OF_BOX

_CHUNK = 96
"""Number of detections that are compared with one another at a time."""


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


def weighted_nms(
    points: np.ndarray, scores: np.ndarray, iou: float, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted NMS: overlapping detections are averaged by score, which reduces jitter between
    frames.

    As in BlazeFace (Bazarevsky et al., 2019, "blending").

    Args:
        points: (N, 2 + K, 2) of N detections, best first: the box's two corners, then its points.
        scores: (N,) the weights.
        iou: detections whose IoU with the best one is higher than this are averaged with it.
        limit: maximum number of detections to keep.

    Returns:
        (M, 2 + K, 2) float32 weighted means, and the (M,) indices of the best detection of each
        group.
    """
    boxes = points[:, :2].reshape(-1, 4)
    remaining = np.arange(len(points))
    means: list[np.ndarray] = []
    best: list[int] = []
    while len(remaining) and len(best) < limit:
        overlapping = overlaps(boxes[remaining[:1]], boxes[remaining], iou)[0]
        overlapping[0] = True
        group = remaining[overlapping]
        means.append(np.average(points[group], axis=0, weights=scores[group]))
        best.append(group[0])
        remaining = remaining[~overlapping]
    return np.array(means, np.float32).reshape(-1, *points.shape[1:]), np.array(best, np.intp)


def overlaps(a: np.ndarray, b: np.ndarray, iou: float) -> np.ndarray:
    """(N, 4) and (M, 4) boxes -> (N, M) bool, True where the intersection over union is higher than
    ``iou``."""
    shared, union = shared_and_union(a, b)
    return np.asarray(shared > iou * union)


def shared_and_union(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The areas (N, M) of intersection and union of (N, 4) and (M, 4) boxes x0, y0, x1, y1."""
    ax0, ay0, ax1, ay1 = a.T[:, :, None]
    bx0, by0, bx1, by1 = b.T
    width = np.minimum(ax1, bx1) - np.maximum(ax0, bx0)
    height = np.minimum(ay1, by1) - np.maximum(ay0, by0)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    area = (ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0)
    return shared, area - shared


def _pair_filter(
    keypoints: np.ndarray, reach: np.ndarray
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A cheap necessary condition for similar pairs (better, worse), given indices (N,) and (M,):
    (N, M) bool.

    A mean over keypoints exceeds a threshold only if one of its terms does. So at least one
    keypoint is within ``reach`` (N,) of its counterpart, and the bounding boxes of all keypoints
    are no farther apart.
    """
    # (K, 2, N): NumPy reduces the first axis ten times as fast
    by_keypoint = np.ascontiguousarray(keypoints.transpose(1, 2, 0))
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
