"""``yolo_mpe``: the anchor-free YOLO pose head (YOLOv8 and later), several people per image.

The head detects each person several times; non-maximum suppression keeps the best of the detections
that are similar to one another by ``Thresholds.nms_measure``, see :mod:`.nms`. An end-to-end head
(YOLO26, or one exported with its suppression) gives each person once, and nothing is suppressed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import PoseError
from ..keypoints import KeypointLayout
from ..poses import Poses
from .nms import nms, oks_nms
from .options import Head, InputSpec, Thresholds, check_finite

EXPECTS = (
    "one output (B, 4 + C + 3K or 2K, F) of C classes with F boxes, one per cell at strides 8, 16 "
    "and 32; or (B, 300, 6 + 3K), of an end-to-end head"
)
_STRIDES = (8, 16, 32)
_DETECTIONS = 300
"""The usual number of an end-to-end head."""


def find(outputs: Mapping[str, np.ndarray], spec: InputSpec) -> dict[str, np.ndarray] | None:
    """``candidates`` (B, R, F): rows cx, cy, w, h, the score of each class, then x, y, and often a
    score, of each keypoint; of an end-to-end head x0, y0, x1, y1, score, class, keypoints."""
    if len(outputs) != 1:
        return None
    (candidates,) = outputs.values()
    if candidates.ndim != 3:
        return None
    if _lists_detections(candidates.shape, spec):
        return {"candidates": candidates.swapaxes(1, 2)}
    boxes = cells_of(spec)
    if candidates.shape[1] == boxes and candidates.shape[2] != boxes:
        candidates = candidates.swapaxes(1, 2)
    fits = candidates.shape[2] == boxes and candidates.shape[1] >= Head(1, 1, 2).rows
    return {"candidates": candidates} if fits else None


def cells_of(spec: InputSpec) -> int:
    """How many boxes a head has that gives one per cell."""
    return sum(-(-spec.height // s) * -(-spec.width // s) for s in _STRIDES)


def _lists_detections(shape: tuple[int, ...], spec: InputSpec) -> bool:
    """Whether an output (B, N, R) is that of an end-to-end head: the one that is specified, or the
    usual one, unless it has a box per cell."""
    if spec.head is not None:
        return spec.head.end_to_end and shape[2] == spec.head.rows
    usual = shape[1] == _DETECTIONS and usual_head(shape[2], end_to_end=True) is not None
    return usual and cells_of(spec) not in shape[1:]


def usual_head(rows: int, end_to_end: bool = False) -> Head | None:
    """The head of one class with three columns per keypoint; None if it has not so many rows."""
    head = Head(1, (rows - (6 if end_to_end else 5)) // 3, end_to_end=end_to_end)
    return head if head.rows == rows and head.keypoints > 0 else None


def head_of(found: Mapping[str, np.ndarray], spec: InputSpec) -> Head:
    """The head that is specified, else the usual one.

    Raises:
        PoseError: if it does not have the rows of the output.
    """
    rows = found["candidates"].shape[1]
    head = spec.head or usual_head(rows, gives_detections(found, spec))
    if head is None or head.rows != rows:
        said = f"{head} ({head.rows} rows)" if head else "one class and keypoints of 3 columns"
        raise PoseError(f"a YOLO output of {rows} rows does not have {said}; expected {EXPECTS}")
    return head


def gives_detections(found: Mapping[str, np.ndarray], spec: InputSpec) -> bool:
    """Whether what is found is of an end-to-end head."""
    if spec.head is not None:
        return spec.head.end_to_end
    return found["candidates"].shape[2] == _DETECTIONS != cells_of(spec)


def count_keypoints(found: Mapping[str, np.ndarray], spec: InputSpec) -> int:
    return head_of(found, spec).keypoints


def point_rows(head: Head) -> np.ndarray:
    """The rows (K, 2) of x and y of the keypoints."""
    first = head.first_point + head.columns * np.arange(head.keypoints)
    return np.stack([first, first + 1], axis=1)


def score_rows(head: Head) -> np.ndarray:
    """The rows of the scores of classes and, of 3 columns, of keypoints."""
    classes = np.arange(head.rows)[head.scores]
    return np.append(classes, point_rows(head)[:, 1] + 1) if head.columns == 3 else classes


def units(found: Mapping[str, np.ndarray], spec: InputSpec) -> tuple[bool | None, bool | None]:
    """Whether a network outputs boxes, and keypoints, from 0 to 1 (True) or in pixels (False), from
    its output for any images; None if it cannot be told.

    No field of a file records it: exporters write the same metadata into an .onnx with pixels and
    into one with fractions. But the head places a box at every cell of its grids, with or without a
    person, and the last cells are at the right and lower border of the input. So the largest box
    center is near 1 or near the size of the input; and so is the largest corner of the many
    detections of an end-to-end head.
    """
    candidates = found["candidates"]
    places = candidates[:, 2:4] if gives_detections(found, spec) else candidates[:, :2]
    points = candidates[:, point_rows(head_of(found, spec)).ravel()]
    return (
        spec.reads_fractions(float(np.abs(places).max())),
        spec.reads_fractions(float(np.abs(points).max())),
    )


def decode(
    found: Mapping[str, np.ndarray],
    spec: InputSpec,
    layout: KeypointLayout,
    thresholds: Thresholds = Thresholds(),
) -> list[Poses]:
    """Detections above the confidence after greedy non-maximum suppression within each class, best
    first. The class of a detection is the one with the highest score; keypoints of two columns have
    the score of their detection. Those of an end-to-end head are not suppressed.

    Args:
        found: ``candidates`` (B, R, F).

    Returns:
        B Poses with boxes and classes, in pixels of the input.

    Raises:
        PoseError: if the rows are not those of the head; if a confidence, or a candidate above the
            confidence, is NaN or infinite, or of a class that the head does not have.
    """
    head = head_of(found, spec)
    return [_decode_one(one, head, spec, layout, thresholds) for one in found["candidates"]]


def _decode_one(
    candidates: np.ndarray,
    head: Head,
    spec: InputSpec,
    layout: KeypointLayout,
    thresholds: Thresholds,
) -> Poses:
    by_class = candidates[head.scores]
    check_finite(by_class, "confidences")
    scores = by_class.max(axis=0)
    passed = np.flatnonzero(scores > thresholds.confidence)
    # 8-bit networks often give equal scores: those stay in the order of the candidates.
    order = passed[np.argsort(-scores[passed], kind="stable")][: thresholds.max_candidates]
    boxes, points = _boxes(candidates, order, head, spec), _points(candidates, order, head, spec)
    check_finite(boxes, "boxes")
    classes = _classes(candidates, order, head)
    if head.end_to_end:
        kept = np.arange(min(len(order), thresholds.max_detections))
    else:
        kept = _kept(boxes, points[:, :, :2], classes, layout, thresholds)
    points = points[kept]
    check_finite(points, "keypoints")
    return Poses(
        np.ascontiguousarray(points[:, :, :2]),
        np.ascontiguousarray(points[:, :, 2]),
        layout,
        boxes[kept],
        scores[order[kept]],
        classes=classes[kept],
    )


def _kept(
    boxes: np.ndarray,
    points: np.ndarray,
    classes: np.ndarray,
    layout: KeypointLayout,
    thresholds: Thresholds,
) -> np.ndarray:
    """Indices of the detections that NMS keeps."""
    limits = thresholds.nms_iou, thresholds.max_detections
    # Classes are moved apart, so that none suppresses another's.
    apart = classes[:, None] * (2 * np.abs(boxes).max(initial=0) + 1) if classes.any() else 0
    boxes = boxes + np.float32(apart)
    if thresholds.nms_measure == "iou":
        return nms(boxes, *limits)
    check_finite(points, "keypoints")
    points = points + np.expand_dims(np.float32(apart), -1)
    return oks_nms(points, boxes, layout.sigma_array, *limits)


def _classes(candidates: np.ndarray, chosen: np.ndarray, head: Head) -> np.ndarray:
    """(N,) the class of each detection.

    Raises:
        PoseError: if an end-to-end head gives one that it does not have.
    """
    if not head.end_to_end:
        return candidates[head.scores, chosen].argmax(axis=0)
    given = candidates[5, chosen]
    check_finite(given, "classes")
    nearest = np.floor(given + np.float32(0.5))
    others = given[(nearest < 0) | (nearest >= head.classes)]
    if len(others):
        raise PoseError(
            f"the network gives a detection of class {others[0]:g}; its head has {head.classes} "
            "classes, counted from 0. Name all of them: names in the metadata of the file, "
            "dataset.class_names, or class_names="
        )
    return nearest.astype(int)


def _boxes(candidates: np.ndarray, chosen: np.ndarray, head: Head, spec: InputSpec) -> np.ndarray:
    """(N, 4) x0, y0, x1, y1 in pixels."""
    unit = spec.unit(usual=True)
    if head.end_to_end:
        return candidates[:4, chosen].T * np.tile(unit, 2)
    center, half = candidates[0:2, chosen].T * unit, candidates[2:4, chosen].T * (unit / 2)
    return np.concatenate([center - half, center + half], axis=1)


def _points(candidates: np.ndarray, chosen: np.ndarray, head: Head, spec: InputSpec) -> np.ndarray:
    """(N, K, 3) x, y in pixels and score."""
    rows = candidates[head.first_point :, chosen].reshape(head.keypoints, head.columns, -1)
    if head.columns == 3:
        scores = rows[:, 2]
    else:
        scores = np.broadcast_to(candidates[head.scores, chosen].max(axis=0), rows[:, 0].shape)
    points = rows[:, :2] * spec.points_unit(usual=True)[:, None]
    return np.concatenate([points, scores[:, None]], axis=1).transpose(2, 0, 1)
