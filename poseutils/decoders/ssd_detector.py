"""``detector``: BlazeFace and BlazePalm, SSD detectors of the faces and palms that a landmark
network crops.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs" (2019); Zhang
et al., "MediaPipe Hands: On-device Real-time Hand Tracking" (2020). In shapes, A is the number of
anchors.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from ..errors import PoseError
from ..keypoints import KeypointLayout
from ..poses import Poses
from .nms import weighted_nms
from .options import InputSpec, Thresholds, check_finite
from .scores import probability

EXPECTS = (
    "boxes with points (B, A, 4 + 2K) and scores (B, A, 1), in one pair of tensors or one pair "
    "per layer, with the number A of anchors that a released BlazeFace or BlazePalm has for this "
    "input (128 × 128: 896; 192 × 192: 2016; 256 × 256: 896 or 2944)"
)
THRESHOLDS = Thresholds(confidence=0.5, nms_iou=0.3)
"""The thresholds of MediaPipe's graphs for faces and palms."""

_GRIDS = (
    ((8, 2), (16, 6)),  # faces at 128 (short range), palms at 128 and 192
    ((16, 2), (32, 6)),  # faces at 256 (back camera)
    ((8, 2), (16, 2), (32, 6)),  # palms at 256
    ((4, 1),),  # faces at 192 (full range)
)
"""Stride and anchors per cell of each grid, as MediaPipe's graphs configure them: two anchors per
layer, layers of the same stride joined."""


def find(outputs: Mapping[str, np.ndarray], spec: InputSpec) -> dict[str, np.ndarray] | None:
    """``boxes`` (B, A, 4 + 2K) and ``scores`` (B, A), the layers concatenated from fine to coarse.

    Names and order of tensors vary between files; layers are identified by their size, as a finer
    one always has more anchors.
    """
    boxes = [
        array
        for array in outputs.values()
        if array.ndim == 3 and array.shape[2] > 4 and array.shape[2] % 2 == 0
    ]
    scores = [
        array.reshape(array.shape[:2])
        for array in outputs.values()
        if array.ndim == 2 or array.shape[2:] == (1,)
    ]
    boxes, scores = (sorted(arrays, key=lambda a: -a.shape[1]) for arrays in (boxes, scores))
    if len(boxes) + len(scores) != len(outputs) or [b.shape[:2] for b in boxes] != [
        s.shape for s in scores
    ]:
        return None
    if (
        len({b.shape[2] for b in boxes}) != 1
        or anchors(spec.height, spec.width, sum(b.shape[1] for b in boxes)) is None
    ):
        return None
    return {"boxes": np.concatenate(boxes, axis=1), "scores": np.concatenate(scores, axis=1)}


def count_keypoints(found: Mapping[str, np.ndarray], spec: InputSpec) -> int:
    return int(found["boxes"].shape[2] - 4) // 2


@lru_cache(maxsize=16)
def anchors(height: int, width: int, count: int) -> np.ndarray | None:
    """(A, 2) float32 centers x, y of the anchors, in pixels of the input; None if no known grid has
    ``count`` anchors.

    All anchors are as large as the input ("fixed anchor size"): a box is relative to the center of
    its anchor, in pixels.
    """
    grid = grid_of(height, width, count)
    if grid is None:
        return None
    return np.concatenate([_centers(*layer) for layer in _cells(grid, height, width)]) * np.array(
        [width, height], np.float32
    )


def grid_of(height: int, width: int, count: int) -> tuple[tuple[int, int], ...] | None:
    """Stride and anchors per cell of each layer, of the known grid with ``count`` anchors; None if
    there is none."""
    for grid in _GRIDS:
        if (
            sum(rows * columns * each for rows, columns, each in _cells(grid, height, width))
            == count
        ):
            return grid
    return None


def _cells(
    grid: tuple[tuple[int, int], ...], height: int, width: int
) -> list[tuple[int, int, int]]:
    """Rows, columns and anchors per cell of each layer."""
    return [(-(-height // stride), -(-width // stride), each) for stride, each in grid]


def _centers(rows: int, columns: int, each: int) -> np.ndarray:
    """(rows · columns · each, 2) cell centers as fractions of the input, row by row, each repeated
    per anchor."""
    y, x = np.mgrid[:rows, :columns].reshape(2, -1).astype(np.float32)
    return np.repeat(np.stack([(x + 0.5) / columns, (y + 0.5) / rows], axis=1), each, axis=0)


def decode(
    found: Mapping[str, np.ndarray],
    spec: InputSpec,
    layout: KeypointLayout,
    thresholds: Thresholds = THRESHOLDS,
) -> list[Poses]:
    """Detections above the confidence after weighted NMS, best first; points have the score of
    their box.

    Args:
        found: ``boxes`` (B, A, 4 + 2K) center, size and points x, y, all in pixels from the
            anchor's center; ``scores`` (B, A) as logits or probabilities.

    Returns:
        B Poses with boxes, in pixels of the input.

    Raises:
        PoseError: if no known grid has A anchors; if a score, or a detection above the confidence,
            is NaN or infinite.
    """
    centers = anchors(spec.height, spec.width, found["boxes"].shape[1])
    if centers is None:
        raise PoseError(
            f"{found['boxes'].shape[1]} anchors on an input of {spec.height} × {spec.width}: "
            f"expected {EXPECTS}"
        )
    check_finite(found["scores"], "scores")
    scores = probability(found["scores"])
    return [
        _decode_one(boxes, score, centers, layout, thresholds)
        for boxes, score in zip(found["boxes"], scores, strict=True)
    ]


def _decode_one(
    raw: np.ndarray,
    scores: np.ndarray,
    centers: np.ndarray,
    layout: KeypointLayout,
    thresholds: Thresholds,
) -> Poses:
    passed = np.flatnonzero((scores > thresholds.confidence) & (raw[:, 2:4] > 0).all(axis=1))
    order = passed[np.argsort(-scores[passed], kind="stable")]
    middle, half = raw[order, :2], raw[order, 2:4] / 2
    corners = np.stack([middle - half, middle + half], axis=1)
    check_finite(raw[order], "boxes")
    points = (
        np.concatenate([corners, raw[order, 4:].reshape(len(order), len(layout), 2)], axis=1)
        + centers[order, None]
    )
    blended, best = weighted_nms(
        points.astype(np.float32), scores[order], thresholds.nms_iou, thresholds.max_detections
    )
    box_scores = scores[order][best]
    point_scores = np.repeat(box_scores[:, None], len(layout), axis=1)
    return Poses(blended[:, 2:], point_scores, layout, blended[:, :2].reshape(-1, 4), box_scores)
