"""Distance metrics (PCK, PCKh, NME): errors of keypoints relative to the size of the object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..keypoints import HEAD_NAMES
from .matching import Match

PCK_BOX = 0.2
"""PCK: a keypoint is correct within this fraction of the larger side of the box (Yang and Ramanan,
TPAMI 2013)."""

PCKH_HEAD = 0.5
"""PCKh: a keypoint is correct within this fraction of the size of the head (Andriluka et al., CVPR
2014)."""

CURVE = 0.3
"""The largest threshold of the PCK curve; a hand whose mean error is larger counts as not
detected."""

FAILURE = 0.08
"""A head whose NME by interocular distance is higher counts as a failure (Sagonas et al., "300
Faces in-the-Wild", 2016)."""

_OUTER_EYE_CORNERS = (36, 45)  # of the 68 iBUG points


def box_sizes(found: Sequence[Match]) -> np.ndarray:
    """(M,) the larger side of each annotated box, in pixels."""
    return np.array([match.box.max() for match in found], np.float64)


def eye_distances(found: Sequence[Match]) -> np.ndarray:
    """(M,) interocular distance: pixels between the outer eye corners of the 68 iBUG points; NaN
    where one is not labeled."""
    corners = np.array(
        [match.truth[list(_OUTER_EYE_CORNERS)] for match in found], np.float64
    ).reshape(-1, 2, 3)
    distance = np.linalg.norm(corners[:, 0, :2] - corners[:, 1, :2], axis=1)
    return np.where((corners[:, :, 2] > 0).all(axis=1) & (distance > 0), distance, np.nan)


def head_sizes(found: Sequence[Match], names: Sequence[str]) -> np.ndarray:
    """(M,) head sizes in pixels: the largest distance between labeled keypoints of the head (nose,
    eyes, ears).

    COCO has no head boxes; from ear to ear this is about MPII's 0.6 × diagonal of the head box. NaN
    where fewer than two keypoints are labeled.
    """
    indices = [names.index(name) for name in HEAD_NAMES if name in names]
    if len(indices) < 2:
        return np.full(len(found), np.nan)
    head = np.array([match.truth[indices] for match in found], np.float64).reshape(
        -1, len(indices), 3
    )
    apart = np.linalg.norm(head[:, :, None, :2] - head[:, None, :, :2], axis=3)
    labeled = head[:, :, 2] > 0
    apart[~(labeled[:, :, None] & labeled[:, None, :])] = 0
    largest = apart.max(axis=(1, 2))
    return np.where(largest > 0, largest, np.nan)


def relative(found: Sequence[Match], sizes: np.ndarray) -> np.ndarray:
    """(M, K) normalized distances; NaN where a keypoint is not labeled or the size is unknown,
    infinite without a prediction."""
    return (
        np.array([match.distances for match in found], np.float64).reshape(len(found), -1)
        / sizes[:, None]
    )


def correct(errors: np.ndarray, limit: float) -> float:
    """Fraction of the labeled keypoints with an error of at most ``limit``; NaN if none is
    labeled."""
    known = errors[~np.isnan(errors)]
    return float((known <= limit).mean()) if len(known) else float("nan")


def area_under_curve(errors: np.ndarray, limit: float) -> float:
    """Area under the cumulative error curve from 0 to ``limit``, divided by ``limit``; computed
    exactly, not sampled."""
    known = errors[~np.isnan(errors)]
    return float(np.maximum(1 - known / limit, 0).mean()) if len(known) else float("nan")


def curve(errors: np.ndarray, limit: float) -> dict[str, np.ndarray]:
    """The cumulative error curve: the fraction of errors within each of 61 thresholds from 0 to
    ``limit``."""
    known = np.sort(errors[~np.isnan(errors)])
    thresholds = np.linspace(0, limit, 61)
    return {
        "threshold": thresholds,
        "within": np.searchsorted(known, thresholds, side="right") / max(len(known), 1),
    }


def normalized_mean_errors(errors: np.ndarray) -> np.ndarray:
    """(M,) NME: the mean over labeled keypoints; infinite without a prediction, NaN where the size
    is unknown."""
    labeled = ~np.isnan(errors)
    sums = np.where(labeled, errors, 0).sum(axis=1)
    return np.where(labeled.any(axis=1), sums / np.maximum(labeled.sum(axis=1), 1), np.nan)
