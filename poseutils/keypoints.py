"""Keypoint layouts: what the K points are called, which pairs make limbs, and how OKS weighs them.

A :class:`KeypointLayout` says everything about a set of keypoints that is not in the network: names, limbs to draw,
the mirrored index of each point (left and right swap when an image is flipped) and the OKS sigmas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

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
                raise ValueError(f"layout {self.name!r} names {count} keypoints but gives {len(getattr(self, what))} {what}")
        if any(not 0 <= index < count for limb in self.limbs for index in limb):
            raise ValueError(f"layout {self.name!r}: limbs {self.limbs} must be pairs of indices from 0 to {count - 1}")
        if sorted(self.mirror) != list(range(count)):
            raise ValueError(f"layout {self.name!r}: mirror {self.mirror} must hold every index from 0 to {count - 1} once")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def sigma_array(self) -> np.ndarray:
        """(K,) float64 sigmas."""
        return np.asarray(self.sigmas, dtype=np.float64)

    def to_coco_category(self) -> dict:
        """The layout as a COCO category: limbs become ``skeleton``, counted from 1 as COCO counts."""
        return {
            "id": 1,
            "name": "person" if self.name in ("coco17", "person13") else self.name,
            "keypoints": list(self.names),
            "skeleton": [[a + 1, b + 1] for a, b in self.limbs],
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
    names: Sequence[str], limbs: Sequence[Sequence[int]] = (), sigmas: Sequence[float] | float | None = None, name: str | None = None
) -> KeypointLayout:
    """A layout from a list of names; ``sigmas`` may be one number for all (``DEFAULT_SIGMA`` if not given)."""
    names = tuple(str(n) for n in names)
    layout = KeypointLayout(name or f"custom{len(names)}", names, tuple((int(a), int(b)) for a, b in limbs))
    return with_sigmas(layout, sigmas)


def with_sigmas(layout: KeypointLayout, sigmas: Sequence[float] | float | None) -> KeypointLayout:
    """The layout with other OKS sigmas: one for all keypoints, or one for each; None keeps its own."""
    if sigmas is None:
        return layout
    return replace(layout, sigmas=(float(sigmas),) * len(layout) if isinstance(sigmas, (int, float)) else tuple(sigmas))


def layout_from_coco_category(category: Mapping) -> KeypointLayout:
    """A layout from a COCO category with ``keypoints`` (names), and ``skeleton`` (pairs counted from 1) if it has one.

    The seventeen person keypoints, whatever the skeleton drawn between them, are ``coco17``; likewise the other known layouts.
    """
    names = tuple(category.get("keypoints") or ())
    if not names:
        raise ValueError(f"COCO category {category.get('name')!r} has no 'keypoints': give it the list of keypoint names")
    for known in LAYOUTS.values():
        if known.names == names:
            return with_sigmas(known, category.get("sigmas"))
    limbs = [(a - 1, b - 1) for a, b in category.get("skeleton") or ()]
    return layout_from_names(names, limbs, name=category.get("name"))


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
