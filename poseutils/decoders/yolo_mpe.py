"""``yolo_mpe``: the anchor-free YOLO pose head (YOLOv8 and later), several people per image.

The head detects each person several times; non-maximum suppression keeps the best of the detections
that are similar to one another by ``Thresholds.nms_measure``, see :mod:`.nms`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..keypoints import KeypointLayout
from ..poses import Poses
from .nms import nms, oks_nms
from .options import InputSpec, Thresholds, check_finite

EXPECTS = "one output (B, 5 + 3K, F) with F boxes, one per cell at strides 8, 16 and 32"
_STRIDES = (8, 16, 32)


def find(outputs: Mapping[str, np.ndarray], spec: InputSpec) -> dict[str, np.ndarray] | None:
    """``candidates`` (B, 5 + 3K, F): rows cx, cy, w, h, score, then x, y, score of each
    keypoint."""
    if len(outputs) != 1:
        return None
    (candidates,) = outputs.values()
    if candidates.ndim != 3:
        return None
    boxes = sum(-(-spec.height // s) * -(-spec.width // s) for s in _STRIDES)
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


def coordinates_normalized(found: Mapping[str, np.ndarray], spec: InputSpec) -> bool | None:
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
    return largest < math.sqrt(max(spec.height, spec.width))


def decode(
    found: Mapping[str, np.ndarray],
    spec: InputSpec,
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
    scale = np.array([spec.width, spec.height] if spec.normalized else [1, 1], np.float32)
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
