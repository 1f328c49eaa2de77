"""The heads that the output of a YOLO network may have, by the values of its rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..keypoints import MAX_KEYPOINTS
from .options import Head, InputSpec
from .yolo_mpe import point_rows, score_rows, usual_head

USUAL_COUNTS = (13, 17, 21)
"""The usual numbers of keypoints of people and of hands."""
SUPPRESSED = (
    "lists detections after non-maximum suppression (box, score, class, keypoints of each); "
    "without metadata expected 300 of 6 columns and 3 per keypoint. Export it with Ultralytics' "
    "metadata (kpt_shape), or without the suppression"
)
_FEW_CLASSES = 10
"""Of a pose network; those that detect have more."""
_MOVES = 0.75
"""Least correlation of the coordinate of a keypoint with that of its box."""


def all_heads(rows: int) -> list[Head]:
    """All heads of that many rows, those of few classes and of three columns first."""
    heads = [
        Head(rows - 4 - keypoints * columns, keypoints, columns)
        for columns in (3, 2)
        for keypoints in range(1, min((rows - 5) // columns, MAX_KEYPOINTS) + 1)
    ]
    return sorted(heads, key=lambda head: (head.classes, -head.columns))


def allowed_heads(found: Mapping[str, np.ndarray], spec: InputSpec) -> list[Head]:
    """The heads that the values allow. Scores are from 0 to 1. Coordinates of keypoints change from
    cell to cell as those of the boxes do; where none does, as of no trained network, they are at
    least in the units of the boxes."""
    table = _table(found)
    if not np.isfinite(table).all():
        return all_heads(len(table))
    is_score = (table.min(axis=1) >= -0.01) & (table.max(axis=1) <= 1.01)
    moves = _moving(found)
    if moves[5:].any():
        is_point, is_score = moves, is_score & ~moves
    else:
        in_pixels = spec.reads_fractions(float(np.abs(table[:2]).max())) is False
        is_point = ~(in_pixels & is_score & (table.max(axis=1) > 0))
    return [head for head in all_heads(len(table)) if _allowed(head, is_score, is_point)]


def has_keypoints(found: Mapping[str, np.ndarray], spec: InputSpec) -> bool:
    """Whether rows after the box and the first score can only be coordinates, or there are as many
    as people or hands have, rather than scores of classes."""
    few = [head for head in allowed_heads(found, spec) if head.classes <= _FEW_CLASSES]
    return bool(few) and (
        float(found["candidates"][:, 5:].max()) > 1.5
        or bool(_moving(found)[5:].any())
        or any(head.keypoints in USUAL_COUNTS for head in few)
    )


def _moving(found: Mapping[str, np.ndarray]) -> np.ndarray:
    """(R,) whether a row changes from cell to cell as the boxes do."""
    table = _table(found)
    return np.max([_correlation(table, table[axis]) for axis in (0, 1)], axis=0) > _MOVES


def _table(found: Mapping[str, np.ndarray]) -> np.ndarray:
    """(R, B · F) float64 from the candidates (B, R, F)."""
    candidates = found["candidates"]
    return candidates.transpose(1, 0, 2).reshape(candidates.shape[1], -1).astype(np.float64)


def _allowed(head: Head, is_score: np.ndarray, is_point: np.ndarray) -> bool:
    return bool(is_score[score_rows(head)].all() and is_point[point_rows(head).ravel()].all())


def usual_heads(fitting: list[Head], rows: int) -> list[Head]:
    """Of several heads the one of one class, that of people with the fewest classes, or both."""
    usual = [head for head in fitting if head == usual_head(rows)]
    people = [head for head in fitting if head.columns == 3 and head.keypoints in USUAL_COUNTS][:1]
    return list(dict.fromkeys(usual + people)) or fitting


def is_suppressed(outputs: Mapping[str, np.ndarray]) -> bool:
    """Whether the only output (B, N, 6 + 2K or 3K) has the rows of N detections after non-maximum
    suppression."""
    if len(outputs) != 1:
        return False
    (rows,) = outputs.values()
    largest = Head(1, MAX_KEYPOINTS, end_to_end=True)
    fits = rows.ndim == 3 and largest.first_point < rows.shape[2] <= largest.rows
    return fits and are_detections(rows)


def are_detections(rows: np.ndarray) -> bool:
    """Whether (B, N, R) can be N detections by their values: box, score, class, keypoints; best
    first, as Ultralytics' exporters list them."""
    scores, classes = rows[:, :, 4], rows[:, :, 5]
    return bool(
        ((scores >= 0) & (scores <= 1)).all()
        and (np.diff(scores, axis=1) <= 0).all()
        and ((classes >= 0) & (classes % 1 == 0)).all()
    )


def _correlation(table: np.ndarray, row: np.ndarray) -> np.ndarray:
    """(R,) the correlation of each row with one; 0 for constant rows."""
    centered = table - table.mean(axis=1, keepdims=True)
    other = row - row.mean()
    norms = np.linalg.norm(centered, axis=1) * np.linalg.norm(other)
    return np.where(norms > 1e-9, centered @ other / np.maximum(norms, 1e-9), 0)
