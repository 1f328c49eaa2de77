"""A dataset: images on disk with their annotations as plain arrays."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..keypoints import (
    COCO17,
    PERSON13,
    KeypointLayout,
    coco_category,
    reduce_17_to_13,
    same_keypoints,
)
from ..keypoints.spelling import are_numbers, check_same_order


@dataclass(frozen=True)
class Sample:
    """An image and its N annotated people, in pixels of the image (pixel centers at +0.5).

    Attributes:
        image_id: unique within the dataset.
        path: the image file.
        size: width and height in pixels, or None if the annotation file does not have them.
        keypoints: (N, K, 3) float32 x, y and visibility: 0 not labeled, 1 labeled but hidden, 2
            visible; between 0 and 1, the score of a keypoint that a model predicted.
        boxes: (N, 4) float32 x0, y0, x1, y1.
        areas: (N,) float32, square pixels.
        crowd: (N,) bool, True where the annotation covers a group.
        classes: (N,) integers, indices into the dataset's ``class_names`` (default: 0).
    """

    image_id: int
    path: Path
    size: tuple[int, int] | None
    keypoints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray
    classes: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.classes is None:
            object.__setattr__(self, "classes", np.zeros(len(self.keypoints), int))

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def visibility(self) -> np.ndarray:
        """(N, K) float32, as in ``keypoints``. Never opens the image."""
        return self.keypoints[:, :, 2]

    @property
    def relative_areas(self) -> np.ndarray:
        """(N,) areas up to a factor common to all people in the image. Never opens the image."""
        return self.areas

    @property
    def labels(self) -> tuple[np.ndarray, ...]:
        """The annotations, in any units. Never opens the image."""
        return self.keypoints, self.boxes, self.areas, self.crowd

    def renumbered(self, image_id: int) -> Sample:
        """The sample with another image id."""
        return self._with(image_id=image_id)

    def for_worker(self) -> Sample:
        """The sample with the absolute path of its image, for another process, whose warnings are
        lost: who sent it calls :meth:`warn_of_scaling`."""
        return self._with(path=self.path.absolute())

    def warn_of_scaling(self, size: tuple[int, int]) -> None:
        """Warns if the annotations were of another size than the width and height of the image."""

    def reclassified(self, classes: Sequence[int]) -> Sample:
        """The sample with class ``classes[c]`` instead of c."""
        return self._with(classes=np.asarray(classes, int)[self.classes])

    def chosen(self, people: np.ndarray) -> Sample:
        """The sample with some of its people.

        Args:
            people: (N,) bool.
        """
        names = ("keypoints", "boxes", "areas", "crowd", "classes")
        return replace(self, **{name: getattr(self, name)[people] for name in names})

    def _with(self, **attributes) -> Sample:
        """A copy with other attributes, which does not open the image."""
        other = copy(self)
        other.__dict__.update(attributes)
        return other

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Sample:
        """The sample with other keypoints: a function of those of each person, in any units."""
        return self._with(keypoints=function(self.keypoints))


@dataclass(frozen=True)
class Dataset(Sequence):
    """A sequence of samples.

    Attributes:
        samples: the images with their annotations.
        layout: of the keypoints.
        source: the file or folder that was read.
        class_names: what the annotated objects are, by ``Sample.classes`` (default: one class,
            called after the layout).
    """

    samples: tuple[Sample, ...]
    layout: KeypointLayout
    source: Path
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.class_names:
            object.__setattr__(self, "class_names", (coco_category(self.layout)["name"],))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.subset(self.samples[index])
        return self.samples[index]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def subset(self, samples: Sequence[Sample]) -> Dataset:
        """The dataset with only these samples."""
        return replace(self, samples=tuple(samples))

    def summary(self) -> dict[str, str | int]:
        """Counts of images, people and keypoints, for a table."""
        visibility = (
            np.concatenate([s.visibility.ravel() for s in self.samples])
            if self.samples
            else np.zeros(0)
        )
        predicted = int(((visibility > 0) & (visibility < 1)).sum())
        counts = Counter(name for s in self.samples for name in s.classes.tolist())
        return {
            "dataset": self.source.stem,
            "images": len(self),
            "people": sum(map(len, self.samples)),
            **(
                {"classes": ", ".join(f"{self.class_names[c]} {counts[c]}" for c in sorted(counts))}
                if len(counts) > 1
                else {}
            ),
            "images of one person": len(self.single()),
            "keypoints": self.layout.name,
            "visible": int((visibility == 2).sum()),
            "hidden": int((visibility == 1).sum()),
            **({"predicted": predicted} if predicted else {}),
        }

    def with_layout(self, layout: KeypointLayout) -> Dataset:
        """The dataset with the keypoints of another layout, found by their names, however spelled.

        COCO's 17 keypoints are reduced to the zoo's 13. The same number of keypoints of other names
        is taken in its order, with a warning, if neither layout only counts its keypoints.

        Raises:
            PoseError: for any other pair of layouts.
        """
        own = self.layout
        order = same_keypoints(layout.names, own.names)
        if layout.names == own.names:
            return self
        if order is not None and len(layout) == len(own):
            samples = tuple(s.mapped(lambda kpts: kpts[:, list(order)]) for s in self.samples)
            made = layout.with_sigmas_of(own.reordered(order))
            return replace(self, samples=samples, layout=made)
        if len(layout) == len(own):
            if not are_numbers(layout.names) and not are_numbers(own.names):
                said = check_same_order(layout.names, own.names, self.source)
                warnings.warn(said, stacklevel=2)
            return self
        is_person13 = same_keypoints(PERSON13.names, layout.names) is not None
        if is_person13 and same_keypoints(COCO17.names, own.names) is not None:
            reduced = tuple(s.mapped(reduce_17_to_13) for s in self.with_layout(COCO17))
            return replace(self, samples=reduced, layout=PERSON13).with_layout(layout)
        raise PoseError(
            f"{self.source} has {len(self.layout)} keypoints ({self.layout.name}), and "
            f"{len(layout)} ({layout.name}) are expected: "
            "use a dataset with the keypoints of the model"
        )

    def single(self) -> Dataset:
        """The images with exactly one annotation, which is not a crowd and has a labeled keypoint.

        Single-person models are trained and evaluated on them, as selected by the zoo's converter
        (``single``).
        """
        return self.subset(
            [s for s in self.samples if len(s) == 1 and not s.crowd[0] and (s.visibility > 0).any()]
        )

    def split(self, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
        """Splits the dataset in two: the larger part, and about ``fraction`` of the images, held
        out.

        An image is assigned by a hash of its path within the dataset and ``seed``, so that it stays
        on its side when other images are added or removed; hence the fraction is approximate. With
        two or more images and a fraction between 0 and 1, neither side is empty.
        """
        hashes = np.array([_hash(name, seed) for name in self.relative_paths()])
        held_out = hashes < fraction
        if len(self) > 1 and 0 < fraction < 1:
            held_out[hashes.argmin()], held_out[hashes.argmax()] = True, False
        pairs = list(zip(self.samples, held_out.tolist(), strict=True))
        return self.subset([s for s, held in pairs if not held]), self.subset(
            [s for s, held in pairs if held]
        )

    def relative_paths(self) -> list[str]:
        """The path of each image relative to the folder of the dataset, with forward slashes."""
        root = self.source if self.source.is_dir() else self.source.parent
        return [_relative(str(s.path), str(root)).replace(os.sep, "/") for s in self.samples]


def _relative(path: str, root: str) -> str:
    """``os.path.relpath``, with a shortcut for paths below the root."""
    below = path.startswith(root + os.sep) and ".." not in path
    return path[len(root) + 1 :] if below else os.path.relpath(path, root)


def _hash(name: str, seed: int) -> float:
    """A number from 0 to 1 from a name and a seed, the same on every machine."""
    digest = blake2b(f"{seed}/{name}".encode("utf-8", "surrogateescape"), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 256**7
