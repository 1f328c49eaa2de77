"""What a dataset holds, as arrays, and what is suspicious about its labels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..images import image_size
from ..keypoints import KeypointLayout
from .dataset import Dataset, Sample
from .shared import same_files

_MARGIN = 0.1
"""How far outside its box a keypoint may be, in widths and heights of the box: boxes are drawn by hand, too."""

_SMALLEST = 0.02
"""A box smaller than this share of its image, along the diagonal, shows no keypoint."""

_APART = 0.2
"""Left and right are told apart where they are this far from each other, in widths of the box."""


@dataclass(frozen=True)
class People:
    """The P people of a dataset, crowds aside.

    Attributes:
        keypoints: (P, K, 3) x, y in pixels and visibility.
        boxes: (P, 4) xyxy in pixels.
        sizes: (P, 2) width and height of their images.
        samples: (P,) the index of each one's sample.
    """

    keypoints: np.ndarray
    boxes: np.ndarray
    sizes: np.ndarray
    samples: np.ndarray

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def box_shares(self) -> np.ndarray:
        """(P,) how large boxes are beside their images, in length: 1 is the whole image."""
        extent = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 0)
        return np.sqrt((extent / self.sizes).prod(axis=1))

    @property
    def in_box(self) -> np.ndarray:
        """(P, K, 2) keypoints from 0 to 1 across their boxes; NaN where not labeled."""
        extent = np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 1e-6)
        places = (self.keypoints[:, :, :2] - self.boxes[:, None, :2]) / extent[:, None]
        return np.where(self.keypoints[:, :, 2:] > 0, places, np.nan)


def people_of(dataset: Dataset) -> People:
    """Everybody on the images of a dataset, in order, crowds aside."""
    keep = [~s.crowd for s in dataset]
    sizes = [np.tile(s.size or image_size(s.path), (k.sum(), 1)) for s, k in zip(dataset, keep, strict=True)]
    return People(
        np.concatenate([s.keypoints[k] for s, k in zip(dataset, keep, strict=True)]),
        np.concatenate([s.boxes[k] for s, k in zip(dataset, keep, strict=True)]),
        np.concatenate(sizes),
        np.repeat(np.arange(len(dataset)), [k.sum() for k in keep]),
    )


def most_different(people: People, count: int) -> list[int]:
    """The indices of people whose poses differ most from each other, the most usual one first.

    Each next one is the farthest from those taken (Gonzalez, 1985), by the mean distance of keypoints within their boxes; only
    those count of whom three quarters of the keypoints are labeled.
    """
    places = people.in_box
    whole = np.flatnonzero(np.isfinite(places[:, :, 0]).mean(axis=1) >= 0.75)
    if not len(whole):
        return []
    places = places[whole]
    middle = np.nanmean(places, axis=0)
    chosen = [int(_distance(places, middle).argmin())]
    nearest = _distance(places, places[chosen[0]])
    while len(chosen) < min(count, len(whole)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _distance(places, places[chosen[-1]]))
    return whole[chosen].tolist()


def _distance(places: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(P,) mean distance of the keypoints that both have; 0 where there are none."""
    distance = np.linalg.norm(places - other, axis=2)
    return np.nansum(distance, axis=1) / np.maximum(np.isfinite(distance).sum(axis=1), 1)


# ---------------------------------------------------------------- suspicions


@dataclass(frozen=True)
class Suspicion:
    """Something on an image that looks wrong.

    Attributes:
        sample: the image and its people.
        person: the index of the one meant, or None for the image as a whole.
        kind: one of ``SUSPICIONS``.
        what: what looks wrong, in words.
        weight: how wrong, to sort by: above 1 for keypoints outside the image.
    """

    sample: Sample
    person: int | None
    kind: str
    what: str
    weight: float

    def record(self) -> dict:
        """The same for a file."""
        return {
            "image": str(self.sample.path),
            "person": self.person,
            "kind": self.kind,
            "what": self.what,
            "weight": round(float(self.weight), 3),
        }


SUSPICIONS = ("outside image", "outside box", "tiny box", "no keypoint", "left and right", "twice", "image size")


def suspicions(dataset: Dataset) -> list[Suspicion]:
    """Everything that looks wrong, the worst first; every image is opened, but not decoded.

    Keypoints outside the image or well outside their box, tiny boxes, people of whom nothing is labeled, a left that is on the
    right while the others are not, the same image twice, and sizes in the annotations that are not the image's.
    """
    found = []
    for sample in dataset:
        size = image_size(sample.path)
        if sample.size not in (None, size):
            found.append(Suspicion(sample, None, "image size", f"labels say {_times(sample.size)}, it is {_times(size)}", 2.0))
        for person in np.flatnonzero(~sample.crowd):
            found += [Suspicion(sample, int(person), *reason) for reason in _of_person(sample, person, size, dataset.layout)]
    for first, second in same_files(dataset):
        found.append(Suspicion(second, None, "twice", f"the same image as {first.path.name}", 0.7))
    return sorted(found, key=lambda s: -s.weight)


def _of_person(sample: Sample, person: int, size: tuple[int, int], layout: KeypointLayout) -> list[tuple[str, str, float]]:
    """What looks wrong about a person: kind, words, weight."""
    points, labeled = sample.keypoints[person, :, :2], sample.keypoints[person, :, 2] > 0
    box = sample.boxes[person]
    extent = np.maximum(box[2:] - box[:2], 1e-6)
    found = []
    if math.hypot(*extent) < _SMALLEST * math.hypot(*size):
        found.append(("tiny box", f"the box is {extent[0]:.0f} × {extent[1]:.0f} pixels", 0.5))
    if not labeled.any():
        return [*found, ("no keypoint", "no keypoint is labeled", 0.1)]
    distance, k = _farthest(points, labeled, np.array([0, 0, *size]), np.array(size))
    if distance > 0:
        found.append(("outside image", f"{layout.names[k]} is outside the image", 1 + distance))
    visible = sample.keypoints[person, :, 2] == 2
    distance, k = _farthest(points, visible if visible.any() else labeled, box, extent)  # boxes end where people are hidden
    if distance > _MARGIN:
        found.append(("outside box", f"{layout.names[k]} is outside the box", min(0.95, distance)))
    pair = _exchanged(points[:, 0] / extent[0], labeled, layout)
    if pair is not None:
        found.append(("left and right", f"{layout.names[pair[0]]} and {layout.names[pair[1]]} look exchanged", 0.6))
    return found


def _farthest(points: np.ndarray, labeled: np.ndarray, box: np.ndarray, extent: np.ndarray) -> tuple[float, int]:
    """How far the farthest labeled keypoint is outside a box, in its widths or heights, and which it is."""
    outside = np.maximum(box[:2] - points, points - box[2:]) / extent
    distance = np.where(labeled, outside.max(axis=1), -np.inf)
    return float(distance.max()), int(distance.argmax())


def _exchanged(x: np.ndarray, labeled: np.ndarray, layout: KeypointLayout) -> tuple[int, int] | None:
    """The mirrored pair that is the other way round than all others: nobody's shoulders face us while their hips do not.

    Only pairs that are well apart count, and at least two others must agree. Crossed arms and legs look so, too.
    """
    pairs = [(k, other) for k, other in enumerate(layout.mirror) if k < other and labeled[k] and labeled[other]]
    apart = [(x[b] - x[a], (a, b)) for a, b in pairs if abs(x[b] - x[a]) > _APART]
    for sides in (1, -1):
        odd = [pair for distance, pair in apart if distance * sides > 0]
        if len(odd) == 1 and len(apart) >= 3:
            return odd[0]
    return None


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"
