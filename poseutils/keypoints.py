"""Keypoint layouts: what the K points are called, which pairs make limbs, and how OKS weighs them.

A :class:`KeypointLayout` says everything about a set of keypoints that is not in the network: names, limbs to draw,
the mirrored index of each point (left and right swap when an image is flipped) and the OKS sigmas.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .errors import PoseError
from .faces import IBUG68_FROM_MESH468 as IBUG68_FROM_MESH468  # for those who look for it beside its layouts
from .faces import IBUG_LIMBS, IBUG_MIRROR, MESH_CONTOURS, MESH_MIRROR

DEFAULT_SIGMA = 0.05
"""OKS sigma of a keypoint about which nothing is known: between COCO's eyes (0.025) and hips (0.107)."""


@dataclass(frozen=True)
class KeypointLayout:
    """The K keypoints of one kind of object.

    Attributes:
        name: what the layout is called, for example ``"coco17"``.
        names: K keypoint names.
        limbs: pairs of keypoint indices that are drawn as a line.
        mirror: K indices; ``mirror[k]`` is the point that point k becomes when the image is flipped left to right.
        sigmas: K OKS standard deviations, relative to the square root of the object's area.
    """

    name: str
    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...] = ()
    mirror: tuple[int, ...] = ()
    sigmas: tuple[float, ...] = ()

    def __post_init__(self):
        count = len(self.names)
        object.__setattr__(self, "mirror", tuple(self.mirror) or _mirror_by_name(self.names))
        object.__setattr__(self, "sigmas", tuple(self.sigmas) or (DEFAULT_SIGMA,) * count)
        for what in ("mirror", "sigmas"):
            if len(getattr(self, what)) != count:
                raise PoseError(f"layout {self.name!r} names {count} keypoints but gives {len(getattr(self, what))} {what}")
        if any(not 0 <= index < count for limb in self.limbs for index in limb):
            raise PoseError(f"layout {self.name!r}: limbs {self.limbs} must be pairs of indices from 0 to {count - 1}")
        if sorted(self.mirror) != list(range(count)):
            raise PoseError(f"layout {self.name!r}: mirror {self.mirror} must hold every index from 0 to {count - 1} once")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def sigma_array(self) -> np.ndarray:
        """(K,) float64 sigmas."""
        return np.asarray(self.sigmas, dtype=np.float64)

    def to_coco_category(self) -> dict:
        """The layout as a COCO category: limbs become ``skeleton``, counted from 1 as COCO counts."""
        usual = LAYOUTS.get(self.name, KeypointLayout(self.name, self.names)).sigmas
        return {
            "id": 1,
            "name": "person" if self.name in ("coco17", "person13") else self.name,
            "keypoints": list(self.names),
            "skeleton": [[a + 1, b + 1] for a, b in self.limbs],
            **({} if self.sigmas == usual else {"sigmas": list(self.sigmas)}),
        }


def _mirror_by_name(names: Sequence[str]) -> tuple[int, ...]:
    """Index of each name's mirror image: ``left_x`` and ``right_x`` swap, all others stay."""
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
"""The points of a head among a person's keypoints: nose, eyes and ears."""

# The published per-keypoint constants of the COCO keypoint evaluation (cocodataset.org, "Keypoint Evaluation").
_COCO_SIGMAS = (0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089)
_BODY_LIMBS = ((5, 6), (5, 7), (7, 9), (6, 8), (8, 10), (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16))
_FINGERS = ("thumb", "index", "middle", "ring", "little")
_FINGER_LIMBS = tuple((0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1) for finger in range(5) for joint in range(4))

COCO17 = KeypointLayout("coco17", _COCO_NAMES, limbs=((0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6)) + _BODY_LIMBS, sigmas=_COCO_SIGMAS)
PERSON13 = KeypointLayout(
    "person13",
    ("head",) + _COCO_NAMES[5:],
    limbs=((0, 1), (0, 2)) + tuple((a - 4, b - 4) for a, b in _BODY_LIMBS),
    sigmas=(sum(_COCO_SIGMAS[:5]) / 5,) + _COCO_SIGMAS[5:],
)
HAND21 = KeypointLayout(
    "hand21", ("wrist",) + tuple(f"{finger}_{joint}" for finger in _FINGERS for joint in range(1, 5)), limbs=_FINGER_LIMBS
)
HEAD468 = KeypointLayout("head468", tuple(f"mesh_{i}" for i in range(468)), limbs=MESH_CONTOURS, mirror=MESH_MIRROR)
IBUG68 = KeypointLayout("ibug68", tuple(f"ibug_{i}" for i in range(68)), limbs=IBUG_LIMBS, mirror=IBUG_MIRROR)
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
_COUNTED = (COCO17, PERSON13, HAND21, HEAD468)
LAYOUTS = {layout.name: layout for layout in (*_COUNTED, PALM7, FACE6, IBUG68)}
DETECTED = {7: PALM7, 6: FACE6}
"""What detectors of hands and faces give with their boxes, by the number of points."""


def layout_for(count: int) -> KeypointLayout:
    """The usual layout of ``count`` keypoints: 13, 17, 21 and 468 are known, any other is numbered."""
    known = {len(layout): layout for layout in _COUNTED}
    return known.get(count) or layout_from_names([f"keypoint_{i}" for i in range(count)])


def layout_from_names(
    names: Sequence[str],
    limbs: Sequence[Sequence[int | str]] = (),
    sigmas: Sequence[float] | float | None = None,
    name: str | None = None,
    mirror: Sequence = (),
) -> KeypointLayout:
    """A layout of one's own.

    Args:
        names: K names, no two the same.
        limbs: pairs of keypoints, by index from 0 or by name.
        sigmas: K OKS sigmas, or one number for all (default: ``DEFAULT_SIGMA``).
        name: of the layout (default: ``custom`` and K).
        mirror: K indices, or the pairs that change places, by index or name (default: ``left`` and ``right`` in the names).

    Raises:
        PoseError: if a name is there twice, or a limb or pair names a keypoint that is not there.
    """
    names = tuple(str(n) for n in names)
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise PoseError(f"keypoint names must differ; {', '.join(twice)} is there more than once")
    limbs = tuple(_pair(limb, names, "skeleton") for limb in limbs)
    return with_sigmas(KeypointLayout(name or f"custom{len(names)}", names, limbs, _mirror(mirror, names)), sigmas)


def _pair(pair, names: Sequence[str], what: str) -> tuple[int, int]:
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise PoseError(f"{what}: expected pairs of keypoints, by index from 0 or by name; got {pair!r}")
    return _index(pair[0], names, what), _index(pair[1], names, what)


def _index(given: int | str, names: Sequence[str], what: str) -> int:
    """The index of a keypoint that is given by index or name."""
    if given in names:
        return names.index(given)
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(names):
        return given
    shown = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    raise PoseError(f"{what}: no keypoint {given!r}; expected an index from 0 to {len(names) - 1}, or one of {shown}")


def _mirror(given: Sequence, names: Sequence[str]) -> tuple[int, ...]:
    """K indices from K indices, or from the pairs that change places."""
    if not given or not isinstance(given[0], (list, tuple)):
        return tuple(_index(g, names, "mirror") for g in given)
    indices = list(range(len(names)))
    for a, b in (_pair(pair, names, "mirror") for pair in given):
        indices[a], indices[b] = b, a
    return tuple(indices)


def redefined(
    layout: KeypointLayout, names: Sequence[str] | None = None, limbs: Sequence | None = None, mirror: Sequence | None = None
) -> KeypointLayout:
    """A layout with other names, limbs or mirror pairs; None keeps what it has.

    With other names the limbs and sigmas stay, as they belong to the points, and the mirror pairs are found anew.

    Raises:
        PoseError: as :func:`layout_from_names`; if there are not K names.
    """
    if names is None and limbs is None and mirror is None:
        return layout
    if names is not None and len(names) != len(layout):
        raise PoseError(f"{len(names)} keypoint names given ({', '.join(map(str, names))}), expected {len(layout)}")
    if mirror is None:
        mirror = layout.mirror if names is None else ()
    limbs = layout.limbs if limbs is None else limbs
    return layout_from_names(layout.names if names is None else names, limbs, layout.sigmas, mirror=mirror)


def with_sigmas(layout: KeypointLayout, sigmas: Sequence[float] | float | None) -> KeypointLayout:
    """The layout with other OKS sigmas: one for all keypoints, or one for each; None keeps its own."""
    if sigmas is None:
        return layout
    try:
        given = (float(sigmas),) * len(layout) if isinstance(sigmas, (int, float)) else tuple(float(s) for s in sigmas)
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseError(f"sigmas: expected one number, or {len(layout)}; got {sigmas!r:.80}") from error
    if not all(0 < sigma < math.inf for sigma in given):
        raise PoseError(f"sigmas: expected numbers above 0, got {sigmas!r:.80}")
    return replace(layout, sigmas=given)


def layout_from_coco_category(category: Mapping) -> KeypointLayout:
    """A layout from a COCO category with ``keypoints`` (names), and ``skeleton`` (pairs counted from 1) if it has one.

    The seventeen person keypoints, whatever the skeleton drawn between them, are ``coco17``; likewise the other known layouts.
    """
    names = category.get("keypoints")
    if not names or not isinstance(names, Sequence) or isinstance(names, str):
        raise PoseError(f"COCO category {category.get('name')!r} has no 'keypoints': give it the list of keypoint names")
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
        raise PoseError(f"skeleton: {list(wrong[0])} is there, expected pairs of keypoints, counted from 1 to {len(names)} as COCO counts")
    return layout_from_names(names, limbs, sigmas, name=str(category.get("name") or f"custom{len(names)}"))


def reduce_17_to_13(keypoints: np.ndarray) -> np.ndarray:
    """COCO's 17 keypoints as the zoo's 13: the five head points become the mean of those that are labeled.

    Args:
        keypoints: (..., 17, 3) x, y in pixels and visibility 0, 1 or 2.

    Returns:
        (..., 13, 3), the head first; its visibility is the highest of the five, zero if none is labeled.
    """
    head = keypoints[..., :5, :]
    labeled = (head[..., 2] > 0).astype(keypoints.dtype)[..., None]
    count = labeled.sum(axis=-2)
    mean = (head[..., :2] * labeled).sum(axis=-2) / np.maximum(count, 1)
    merged = np.concatenate([mean, head[..., 2].max(axis=-1, keepdims=True)], axis=-1)
    return np.concatenate([merged[..., None, :], keypoints[..., 5:, :]], axis=-2).astype(keypoints.dtype)
