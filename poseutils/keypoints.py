"""Keypoint layouts: names, limbs, mirror indices and OKS sigmas of the K keypoints of a kind of
object."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .errors import PoseError
from .faces import (
    IBUG68_FROM_MESH468 as IBUG68_FROM_MESH468,
)  # re-exported beside the two layouts that it connects
from .faces import IBUG_LIMBS, IBUG_MIRROR, MESH_CONTOURS, MESH_MIRROR

DEFAULT_SIGMA = 0.05
"""OKS sigma of keypoints without a published one: between COCO's eyes (0.025) and hips (0.107)."""


@dataclass(frozen=True)
class KeypointLayout:
    """The K keypoints of one kind of object.

    Attributes:
        name: of the layout, for example ``"coco17"``.
        names: K keypoint names.
        limbs: pairs of keypoint indices that are joined by a line in figures.
        mirror: K indices; ``mirror[k]`` is the keypoint that keypoint k becomes when the image is
            flipped left to right. Default: from ``left`` and ``right`` in the names.
        sigmas: K OKS standard deviations, relative to the square root of the object's area.
            Default: ``DEFAULT_SIGMA``.
    """

    name: str
    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...] = ()
    mirror: tuple[int, ...] = ()
    sigmas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.names)
        object.__setattr__(self, "mirror", tuple(self.mirror) or _mirror_by_name(self.names))
        object.__setattr__(self, "sigmas", tuple(self.sigmas) or (DEFAULT_SIGMA,) * count)
        for what in ("mirror", "sigmas"):
            if len(getattr(self, what)) != count:
                raise PoseError(
                    f"layout {self.name!r} has {count} keypoint names and "
                    f"{len(getattr(self, what))} {what}; expected as many"
                )
        if any(not 0 <= index < count for limb in self.limbs for index in limb):
            raise PoseError(
                f"layout {self.name!r}: limbs {self.limbs} must be pairs of indices from 0 to "
                f"{count - 1}"
            )
        if sorted(self.mirror) != list(range(count)):
            raise PoseError(
                f"layout {self.name!r}: mirror {self.mirror} must hold every index from 0 to "
                f"{count - 1} once"
            )

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def sigma_array(self) -> np.ndarray:
        """(K,) float64 sigmas."""
        return np.asarray(self.sigmas, dtype=np.float64)

    def to_coco_category(self) -> dict[str, Any]:
        """The layout as a COCO category: limbs become ``skeleton``, with COCO's indices from 1."""
        usual = LAYOUTS.get(self.name, KeypointLayout(self.name, self.names)).sigmas
        return {
            "id": 1,
            "name": "person" if self.name in ("coco17", "person13") else self.name,
            "keypoints": list(self.names),
            "skeleton": [[a + 1, b + 1] for a, b in self.limbs],
            **({} if self.sigmas == usual else {"sigmas": list(self.sigmas)}),
        }


def _mirror_by_name(names: Sequence[str]) -> tuple[int, ...]:
    """The index of each keypoint's mirror image: ``left_x`` and ``right_x`` swap, all others
    stay."""
    swap = {"left": "right", "right": "left"}
    index = {name.lower(): i for i, name in enumerate(names)}

    def mirrored(name: str) -> str:
        return re.sub(r"(?<![a-z])(left|right)(?![a-z])", lambda m: swap[m.group()], name.lower())

    return tuple(index.get(mirrored(name), i) for i, name in enumerate(names))


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


def layout_from_names(
    names: Sequence[str],
    limbs: Sequence[Sequence[int | str]] = (),
    sigmas: Sequence[float] | float | None = None,
    name: str | None = None,
    mirror: Sequence[Any] = (),
) -> KeypointLayout:
    """A custom layout.

    Args:
        names: K different names.
        limbs: pairs of keypoints, by index from 0 or by name.
        sigmas: K OKS sigmas, or one number for all (default: ``DEFAULT_SIGMA``).
        name: of the layout (default: ``custom`` and K).
        mirror: K indices, or the pairs that swap when the image is flipped, by index or name
            (default: from ``left`` and ``right`` in the names).

    Raises:
        PoseError: if a name is repeated, or a limb or pair names an unknown keypoint.
    """
    names = tuple(str(n) for n in names)
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise PoseError(f"keypoint names must differ; {', '.join(twice)} is given more than once")
    pairs = tuple(_pair(limb, names, "skeleton") for limb in limbs)
    return with_sigmas(
        KeypointLayout(name or f"custom{len(names)}", names, pairs, _mirror(mirror, names)), sigmas
    )


def _pair(pair: Any, names: Sequence[str], what: str) -> tuple[int, int]:
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise PoseError(
            f"{what}: expected pairs of keypoints, by index from 0 or by name; got {pair!r}"
        )
    return _index(pair[0], names, what), _index(pair[1], names, what)


def _index(given: int | str, names: Sequence[str], what: str) -> int:
    """The index of a keypoint that is given by index or name."""
    if isinstance(given, str) and given in names:
        return names.index(given)
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(names):
        return given
    shown = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    raise PoseError(
        f"{what}: no keypoint {given!r}; expected an index from 0 to {len(names) - 1}, or one of "
        f"{shown}"
    )


def _mirror(given: Sequence[Any], names: Sequence[str]) -> tuple[int, ...]:
    """K indices from K indices, or from pairs that swap."""
    if not given or not isinstance(given[0], (list, tuple)):
        return tuple(_index(g, names, "mirror") for g in given)
    indices = list(range(len(names)))
    for a, b in (_pair(pair, names, "mirror") for pair in given):
        indices[a], indices[b] = b, a
    return tuple(indices)


def redefined(
    layout: KeypointLayout,
    names: Sequence[str] | None = None,
    limbs: Sequence[Any] | None = None,
    mirror: Sequence[Any] | None = None,
) -> KeypointLayout:
    """A layout with other names, limbs or mirror pairs; None keeps those it has.

    With other names, limbs and sigmas are kept, and the mirror indices are derived from the new
    names.

    Raises:
        PoseError: as :func:`layout_from_names`; if there are not K names.
    """
    if names is None and limbs is None and mirror is None:
        return layout
    if names is not None and len(names) != len(layout):
        raise PoseError(
            f"{len(names)} keypoint names given ({', '.join(map(str, names))}), expected "
            f"{len(layout)}"
        )
    if mirror is None:
        mirror = layout.mirror if names is None else ()
    limbs = layout.limbs if limbs is None else limbs
    return layout_from_names(
        layout.names if names is None else names, limbs, layout.sigmas, mirror=mirror
    )


def with_sigmas(layout: KeypointLayout, sigmas: Sequence[float] | float | None) -> KeypointLayout:
    """The layout with other OKS sigmas: one number for all keypoints, or K numbers; None keeps its
    own."""
    if sigmas is None:
        return layout
    try:
        given = (
            (float(sigmas),) * len(layout)
            if isinstance(sigmas, (int, float))
            else tuple(float(s) for s in sigmas)
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseError(
            f"sigmas: expected one number, or {len(layout)}; got {sigmas!r:.80}"
        ) from error
    if not all(0 < sigma < math.inf for sigma in given):
        raise PoseError(f"sigmas: expected numbers above 0, got {sigmas!r:.80}")
    return replace(layout, sigmas=given)


def layout_from_coco_category(category: Mapping[str, Any]) -> KeypointLayout:
    """The layout of a COCO category with ``keypoints`` (names) and optionally ``skeleton`` (pairs
    of indices from 1).

    Names of a known layout give that layout, whatever the skeleton: COCO's 17 person keypoints are
    ``coco17``.

    Raises:
        PoseError: if the category has no keypoint names, or a pair or sigma is invalid.
    """
    names = category.get("keypoints")
    if not names or not isinstance(names, Sequence) or isinstance(names, str):
        raise PoseError(
            f"COCO category {category.get('name')!r} has no 'keypoints'; expected a list of "
            "keypoint names"
        )
    names, sigmas = tuple(str(n) for n in names), category.get("sigmas")
    for known in LAYOUTS.values():
        if known.names == names:
            return with_sigmas(known, sigmas)
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
