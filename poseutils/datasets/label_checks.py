"""The people of a dataset as arrays, and suspicious annotations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..images import image_size
from ..keypoints import KeypointLayout
from .dataset import Dataset, Sample
from .duplicates import same_files

_MARGIN = 0.1
"""How far outside its box a keypoint may be, in widths and heights of the box: boxes are
hand-drawn, too."""

_MIN_DIAGONAL = 0.02
"""Fraction of the image diagonal below which the diagonal of a box is suspiciously small."""

_MIN_DISTANCE = 0.2
"""Horizontal distance of left and right, in widths of the box, from which their order is
checked."""


@dataclass(frozen=True)
class People:
    """The P people of a dataset, without crowds.

    Attributes:
        keypoints: (P, K, 3) x, y in pixels and visibility.
        boxes: (P, 4) xyxy in pixels.
        sizes: (P, 2) width and height of their images.
        samples: (P,) the index of each person's sample.
    """

    keypoints: np.ndarray
    boxes: np.ndarray
    sizes: np.ndarray
    samples: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def box_shares(self) -> np.ndarray:
        """(P,) the square root of the fraction of the image that each box covers: 1 is the whole
        image."""
        extent = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 0)
        return np.sqrt((extent / self.sizes).prod(axis=1))

    @property
    def in_box(self) -> np.ndarray:
        """(P, K, 2) keypoints relative to their boxes, from 0 to 1; NaN where not labeled."""
        extent = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 1e-6)
        relative = (self.keypoints[:, :, :2] - self.boxes[:, None, :2]) / extent[:, None]
        return np.where(self.keypoints[:, :, 2:] > 0, relative, np.nan)


def people_of(dataset: Dataset) -> People:
    """The annotated people of a dataset in order, without crowds."""
    keep = [~s.crowd for s in dataset]
    sizes = [
        np.tile(s.size or image_size(s.path), (k.sum(), 1))
        for s, k in zip(dataset, keep, strict=True)
    ]
    return People(
        np.concatenate([s.keypoints[k] for s, k in zip(dataset, keep, strict=True)]),
        np.concatenate([s.boxes[k] for s, k in zip(dataset, keep, strict=True)]),
        np.concatenate(sizes),
        np.repeat(np.arange(len(dataset)), [k.sum() for k in keep]),
    )


def most_different(people: People, count: int) -> list[int]:
    """The indices of ``count`` people whose poses differ most, starting with the most typical pose.

    Farthest-first traversal (Gonzalez, 1985), by the mean distance of keypoints relative to their
    boxes, among people with at least three quarters of their keypoints labeled.
    """
    poses = people.in_box
    complete = np.flatnonzero(np.isfinite(poses[:, :, 0]).mean(axis=1) >= 0.75)
    if not len(complete):
        return []
    poses = poses[complete]
    mean = np.nanmean(poses, axis=0)
    chosen = [int(_distance(poses, mean).argmin())]
    nearest = _distance(poses, poses[chosen[0]])
    while len(chosen) < min(count, len(complete)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _distance(poses, poses[chosen[-1]]))
    return complete[chosen].tolist()


def _distance(poses: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(P,) mean distance of the keypoints labeled in both; 0 where there are none."""
    distance = np.linalg.norm(poses - other, axis=2)
    return np.nansum(distance, axis=1) / np.maximum(np.isfinite(distance).sum(axis=1), 1)


# ---------------------------------------------------------------- suspicious annotations


@dataclass(frozen=True)
class Suspicion:
    """An annotation that is probably wrong.

    Attributes:
        sample: the image and its people.
        person: the index of the person, or None for the whole image.
        kind: one of ``SUSPICIONS``.
        what: a description of the problem.
        weight: severity, to sort by: above 1 for keypoints outside the image.
    """

    sample: Sample
    person: int | None
    kind: str
    what: str
    weight: float

    def record(self) -> dict:
        """The suspicion as a JSON object."""
        return {
            "image": str(self.sample.path),
            "person": self.person,
            "kind": self.kind,
            "what": self.what,
            "weight": round(float(self.weight), 3),
        }


SUSPICIONS = ("outside image", "outside box", "tiny box", "no keypoint", "left and right", "twice")


def suspicions(dataset: Dataset) -> list[Suspicion]:
    """All suspicious annotations, most severe first. Images are opened to read their size, but not
    decoded.

    Keypoints outside the image or far outside their box, tiny boxes, people without labeled
    keypoints, a left-right pair in the opposite order of all others, and duplicate images.
    """
    found = []
    for sample in dataset:
        size = image_size(sample.path)
        for person in np.flatnonzero(~sample.crowd).tolist():
            found += [
                Suspicion(sample, person, *reason)
                for reason in _of_person(sample, person, size, dataset.layout)
            ]
    for first, second in same_files(dataset):
        found.append(Suspicion(second, None, "twice", f"the same image as {first.path.name}", 0.7))
    return sorted(found, key=lambda s: -s.weight)


def _of_person(
    sample: Sample, person: int, size: tuple[int, int], layout: KeypointLayout
) -> list[tuple[str, str, float]]:
    """Suspicions about a person: kind, description, weight."""
    points, labeled = sample.keypoints[person, :, :2], sample.keypoints[person, :, 2] > 0
    box = sample.boxes[person]
    extent = np.maximum(box[2:] - box[:2], 1e-6)
    found = []
    if math.hypot(*extent) < _MIN_DIAGONAL * math.hypot(*size):
        found.append(("tiny box", f"the box is {extent[0]:.0f} × {extent[1]:.0f} pixels", 0.5))
    if not labeled.any():
        return [*found, ("no keypoint", "no keypoint is labeled", 0.1)]
    distance, k = _farthest(points, labeled, np.array([0, 0, *size]), np.array(size))
    if distance > 0:
        found.append(("outside image", f"{layout.names[k]} is outside the image", 1 + distance))
    visible = sample.keypoints[person, :, 2] == 2
    # Boxes often exclude hidden keypoints
    distance, k = _farthest(points, visible if visible.any() else labeled, box, extent)
    if distance > _MARGIN:
        found.append(("outside box", f"{layout.names[k]} is outside the box", min(0.95, distance)))
    pair = _swapped(points[:, 0] / extent[0], labeled, layout)
    if pair is not None:
        found.append(
            (
                "left and right",
                f"{layout.names[pair[0]]} and {layout.names[pair[1]]} look swapped",
                0.6,
            )
        )
    return found


def _farthest(
    points: np.ndarray, labeled: np.ndarray, box: np.ndarray, extent: np.ndarray
) -> tuple[float, int]:
    """The largest distance of a labeled keypoint from a box, in widths or heights of ``extent``,
    and its index."""
    outside = np.maximum(box[:2] - points, points - box[2:]) / extent
    distance = np.where(labeled, outside.max(axis=1), -np.inf)
    return float(distance.max()), int(distance.argmax())


def _swapped(x: np.ndarray, labeled: np.ndarray, layout: KeypointLayout) -> tuple[int, int] | None:
    """The one left-right pair that is in the opposite order of all others, for example shoulders
    against hips.

    Only pairs with enough distance count, and at least two others must agree. Crossed arms and legs
    give false alarms.
    """
    pairs = [
        (k, other)
        for k, other in enumerate(layout.mirror)
        if k < other and labeled[k] and labeled[other]
    ]
    apart = [(x[b] - x[a], (a, b)) for a, b in pairs if abs(x[b] - x[a]) > _MIN_DISTANCE]
    for sides in (1, -1):
        odd = [pair for distance, pair in apart if distance * sides > 0]
        if len(odd) == 1 and len(apart) >= 3:
            return odd[0]
    return None
