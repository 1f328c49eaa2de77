"""The layouts that are known by name, COCO categories, and the reduction of 17 keypoints to 13."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import PoseError
from .faces import IBUG_LIMBS, IBUG_MIRROR, MESH_CONTOURS, MESH_MIRROR
from .layout import KeypointLayout, layout_from_names, with_sigmas
from .spelling import same_keypoints

_COCO_NAMES = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
HEAD_NAMES = _COCO_NAMES[:5]
"""The keypoints of the head among a person's: nose, eyes and ears."""

# The published per-keypoint constants of the COCO keypoint evaluation (cocodataset.org, "Keypoint
# Evaluation").
_COCO_SIGMAS = (
    0.026,
    0.025,
    0.025,
    0.035,
    0.035,
    0.079,
    0.079,
    0.072,
    0.072,
    0.062,
    0.062,
    0.107,
    0.107,
    0.087,
    0.087,
    0.089,
    0.089,
)
_BODY_LIMBS = (
    (5, 6),
    (5, 7),
    (7, 9),
    (6, 8),
    (8, 10),
    (5, 11),
    (6, 12),
    (11, 12),
    (11, 13),
    (13, 15),
    (12, 14),
    (14, 16),
)
_FINGERS = ("thumb", "index", "middle", "ring", "little")
_FINGER_LIMBS = tuple(
    (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1)
    for finger in range(5)
    for joint in range(4)
)

COCO17 = KeypointLayout(
    "coco17",
    _COCO_NAMES,
    limbs=((0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)) + _BODY_LIMBS,
    sigmas=_COCO_SIGMAS,
)
PERSON13 = KeypointLayout(
    "person13",
    ("head",) + _COCO_NAMES[5:],
    limbs=((0, 1), (0, 2)) + tuple((a - 4, b - 4) for a, b in _BODY_LIMBS),
    sigmas=(sum(_COCO_SIGMAS[:5]) / 5,) + _COCO_SIGMAS[5:],
)
HAND21 = KeypointLayout(
    "hand21",
    ("wrist",) + tuple(f"{finger}_{joint}" for finger in _FINGERS for joint in range(1, 5)),
    limbs=_FINGER_LIMBS,
    mirror=tuple(range(21)),
)
HEAD468 = KeypointLayout(
    "head468", tuple(f"mesh_{i}" for i in range(468)), limbs=MESH_CONTOURS, mirror=MESH_MIRROR
)
IBUG68 = KeypointLayout(
    "ibug68", tuple(f"ibug_{i}" for i in range(68)), limbs=IBUG_LIMBS, mirror=IBUG_MIRROR
)
PALM7 = KeypointLayout(
    "palm7",
    ("wrist", "index_mcp", "middle_mcp", "ring_mcp", "little_mcp", "thumb_cmc", "thumb_mcp"),
    limbs=((0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (5, 6)),
    mirror=tuple(range(7)),
)
FACE6 = KeypointLayout(
    "face6",
    ("right_eye", "left_eye", "nose_tip", "mouth_center", "right_ear_tragion", "left_ear_tragion"),
    limbs=((0, 1), (0, 2), (1, 2), (2, 3), (0, 4), (1, 5)),
)
_USUAL = (COCO17, PERSON13, HAND21, HEAD468)
LAYOUTS = {layout.name: layout for layout in (*_USUAL, PALM7, FACE6, IBUG68)}
DETECTED = {7: PALM7, 6: FACE6}
"""Layouts of the points that palm and face detectors output with each box, by their number."""


def layout_for(count: int) -> KeypointLayout:
    """The usual layout of 13, 17, 21 or 468 keypoints; any other number gives keypoints named by
    their index."""
    known = {len(layout): layout for layout in _USUAL}
    return known.get(count) or layout_from_names([f"keypoint_{i}" for i in range(count)])


def coco_category(layout: KeypointLayout) -> dict[str, Any]:
    """A layout as a COCO category: limbs become ``skeleton``, with COCO's indices from 1; sigmas
    stand in it where they differ from those that the names imply."""
    usual = LAYOUTS.get(layout.name, layout_from_names(layout.names)).sigmas
    return {
        "id": 1,
        "name": "person" if layout.name in ("coco17", "person13") else layout.name,
        "keypoints": list(layout.names),
        "skeleton": [[a + 1, b + 1] for a, b in layout.limbs],
        **({} if layout.sigmas == usual else {"sigmas": list(layout.sigmas)}),
    }


def layout_from_coco_category(category: Mapping[str, Any]) -> KeypointLayout:
    """The layout of a COCO category with ``keypoints`` (names, or objects with a ``name``) and
    optionally ``skeleton`` (pairs of indices from 1).

    Names of a known layout in its order, however spelled, give that layout, whatever the skeleton:
    COCO's 17 person keypoints are ``coco17``.

    Raises:
        PoseError: if the category has no keypoint names, or a pair or sigma is invalid.
    """
    names = category.get("keypoints")
    if not names or not isinstance(names, Sequence) or isinstance(names, str):
        raise PoseError(
            f"COCO category {category.get('name')!r} has no 'keypoints'; expected a list of "
            "keypoint names"
        )
    names = [n.get("name") if isinstance(n, Mapping) else n for n in names]
    wrong_names = [n for n in names if not isinstance(n, (str, int, float))]
    if wrong_names:
        raise PoseError(f"keypoints: {wrong_names[0]!r:.60} given; expected the name of a keypoint")
    names, sigmas = tuple(str(n) for n in names), category.get("sigmas")
    known = _known(names)
    if known is not None and known[1] == list(range(len(names))):
        return with_sigmas(known[0], sigmas)
    try:
        limbs = [(int(a) - 1, int(b) - 1) for a, b in category.get("skeleton") or ()]
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseError(f"skeleton: expected pairs of numbers, counted from 1: {error}") from error
    wrong = [(a + 1, b + 1) for a, b in limbs if not (0 <= a < len(names) and 0 <= b < len(names))]
    if wrong:
        raise PoseError(
            f"skeleton: {list(wrong[0])} given; expected pairs of keypoints, counted from 1 to "
            f"{len(names)} as COCO counts"
        )
    return layout_from_names(
        names, limbs, sigmas, name=str(category.get("name") or f"custom{len(names)}")
    )


def usual_layout(layout: KeypointLayout) -> KeypointLayout:
    """The known layout with the same keypoints, whatever their spelling and order, with the sigmas
    that were set; the layout itself if none is known."""
    known = _known(layout.names)
    if known is None or known[0].names == layout.names:
        return layout
    return known[0].with_sigmas_of(layout.reordered(known[1]))


def _known(names: Sequence[str]) -> tuple[KeypointLayout, list[int]] | None:
    """The known layout with these keypoints, and the index in ``names`` of each of its own."""
    for layout in LAYOUTS.values():
        order = same_keypoints(layout.names, names) if len(layout) == len(names) else None
        if order is not None:
            return layout, order
    return None


def reduce_17_to_13(keypoints: np.ndarray) -> np.ndarray:
    """Reduces COCO's 17 keypoints to the model zoo's 13: the head is the mean of its labeled
    keypoints.

    Args:
        keypoints: (..., 17, 3) x, y in pixels and visibility 0, 1 or 2.

    Returns:
        (..., 13, 3), the head first; its visibility is the maximum of the five, 0 if none is
        labeled.
    """
    head = keypoints[..., :5, :]
    labeled = (head[..., 2] > 0).astype(keypoints.dtype)[..., None]
    count = labeled.sum(axis=-2)
    mean = (head[..., :2] * labeled).sum(axis=-2) / np.maximum(count, 1)
    merged = np.concatenate([mean, head[..., 2].max(axis=-1, keepdims=True)], axis=-1)
    return np.concatenate([merged[..., None, :], keypoints[..., 5:, :]], axis=-2).astype(
        keypoints.dtype
    )
