"""Keypoint layouts: names, limbs, mirror indices and OKS sigmas of the K keypoints of a kind of
object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import PoseError
from .spelling import mirror_by_name, same_keypoints

DEFAULT_SIGMA = 0.05
"""OKS sigma of keypoints without a published one: between COCO's eyes (0.025) and hips (0.107)."""

MAX_KEYPOINTS = 1000
"""Of one object, in annotations, networks and configurations; a face mesh has 478."""


@dataclass(frozen=True)
class KeypointLayout:
    """The K keypoints of one kind of object.

    Attributes:
        name: of the layout, for example ``"coco17"``.
        names: K keypoint names.
        limbs: pairs of keypoint indices that are joined by a line in figures.
        mirror: K indices; ``mirror[k]`` is the keypoint that keypoint k becomes when the image is
            flipped left to right. Default: from the sides in the names.
        sigmas: K OKS standard deviations, relative to the square root of the object's area.
            Default: ``DEFAULT_SIGMA``.
        mirror_known: whether ``mirror`` was given, or the names tell it.
    """

    name: str
    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...] = ()
    mirror: tuple[int, ...] = ()
    sigmas: tuple[float, ...] = ()
    mirror_known: bool | None = None

    def __post_init__(self) -> None:
        count = len(self.names)
        by_name, told = mirror_by_name(self.names)
        if self.mirror_known is None:
            object.__setattr__(self, "mirror_known", told or bool(self.mirror))
        object.__setattr__(self, "mirror", tuple(self.mirror) or by_name)
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

    def with_sigmas_of(self, other: KeypointLayout) -> KeypointLayout:
        """The layout with the sigmas of the same keypoints, if those were set."""
        was_set = set(other.sigmas) != {DEFAULT_SIGMA}
        return replace(self, sigmas=other.sigmas) if was_set else self

    def reordered(self, order: Sequence[int]) -> KeypointLayout:
        """The layout of the keypoints ``order``, K different indices."""
        if list(order) == list(range(len(self))):
            return self
        place = {old: new for new, old in enumerate(order)}
        return replace(
            self,
            names=tuple(self.names[old] for old in order),
            limbs=tuple((place[a], place[b]) for a, b in self.limbs),
            mirror=tuple(place[self.mirror[old]] for old in order),
            sigmas=tuple(self.sigmas[old] for old in order),
        )


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

    Names of the same keypoints in another order bring their limbs, mirror pairs and sigmas along.
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
    order = same_keypoints(names, layout.names) if names is not None else None
    if order is not None:
        layout = layout.reordered(order)
    if mirror is None:
        mirror = layout.mirror if layout.mirror_known and (names is None or order) else ()
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
