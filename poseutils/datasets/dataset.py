"""A dataset: images on disk with the people on them, as plain arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..keypoints import COCO17, PERSON13, KeypointLayout, reduce_17_to_13


@dataclass(frozen=True)
class Sample:
    """One image and the N annotated people on it, in pixels of that image (pixel centres at +0.5).

    Attributes:
        image_id: a number that is the image's own within its dataset.
        path: the image file.
        size: width and height in pixels, or None if the annotation file does not say.
        keypoints: (N, K, 3) float32 x, y and visibility: 0 not labeled, 1 labeled but hidden, 2 visible.
        boxes: (N, 4) float32 x0, y0, x1, y1.
        areas: (N,) float32, square pixels.
        crowd: (N,) bool, True where the annotation covers a group.
    """

    image_id: int
    path: Path
    size: tuple[int, int] | None
    keypoints: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray

    def __len__(self) -> int:
        return len(self.keypoints)

    @property
    def visibility(self) -> np.ndarray:
        """(N, K) float32: 0 not labeled, 1 labeled but hidden, 2 visible; never opens the image."""
        return self.keypoints[:, :, 2]

    @property
    def relative_areas(self) -> np.ndarray:
        """(N,) areas, but for a factor that all people of the image share; never opens the image."""
        return self.areas

    def renumbered(self, image_id: int) -> Sample:
        """The same sample under another number."""
        other = copy(self)
        object.__setattr__(other, "image_id", image_id)
        return other

    def reduced(self) -> Sample:
        """The same people with the zoo's 13 keypoints instead of COCO's 17."""
        return replace(self, keypoints=reduce_17_to_13(self.keypoints))


@dataclass(frozen=True)
class Dataset(Sequence):
    """Samples in order, the layout of their keypoints, and where they came from."""

    samples: tuple[Sample, ...]
    layout: KeypointLayout
    source: Path

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.subset(self.samples[index])
        return self.samples[index]

    def __iter__(self) -> Iterator[Sample]:
        return iter(self.samples)

    def subset(self, samples: Sequence[Sample]) -> Dataset:
        """The same dataset with only these samples."""
        return Dataset(tuple(samples), self.layout, self.source)

    def summary(self) -> dict[str, str | int]:
        """What the dataset holds, in words for a table."""
        visibility = np.concatenate([s.visibility.ravel() for s in self.samples]) if self.samples else np.zeros(0)
        return {
            "dataset": self.source.stem,
            "images": len(self),
            "people": sum(map(len, self.samples)),
            "images of one person": len(self.single()),
            "keypoints": self.layout.name,
            "visible": int((visibility == 2).sum()),
            "hidden": int((visibility == 1).sum()),
        }

    def with_layout(self, layout: KeypointLayout) -> Dataset:
        """The same samples with the keypoints of another layout.

        COCO's 17 keypoints become the zoo's 13; keypoints of the same number are taken to be the same.

        Raises:
            PoseError: for any other pair of layouts.
        """
        if len(layout) == len(self.layout):
            return self
        if layout.names == PERSON13.names and self.layout.names == COCO17.names:
            return Dataset(tuple(s.reduced() for s in self.samples), layout, self.source)
        raise PoseError(
            f"{self.source} has {len(self.layout)} keypoints ({self.layout.name}), and {len(layout)} ({layout.name}) are wanted: "
            "use a dataset with the keypoints of the model"
        )

    def single(self) -> Dataset:
        """Only the images with exactly one annotation, which is not a crowd and has a labeled keypoint.

        This is what single-person models are trained and measured on, as the zoo's converter selects it (``single``).
        """
        return self.subset([s for s in self.samples if len(s) == 1 and not s.crowd[0] and (s.visibility > 0).any()])

    def split(self, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
        """Two disjoint datasets: all but about ``fraction`` of the images, and about ``fraction`` of them.

        An image's path within the dataset and ``seed`` decide its side, so that it stays there when other images come or go;
        that is why the shares are as given only nearly. Both sides have an image if there are two, and the fraction is not 0 or 1.
        """
        places = np.array([_place(name, seed) for name in self.relative_paths()])
        held_out = places < fraction
        if len(self) > 1 and 0 < fraction < 1:
            held_out[places.argmin()], held_out[places.argmax()] = True, False
        return tuple(self.subset([s for s, held in zip(self.samples, held_out, strict=True) if held == side]) for side in (False, True))

    def relative_paths(self) -> list[str]:
        """The path of each image from the dataset's folder, with slashes."""
        root = self.source if self.source.is_dir() else self.source.parent
        return [_relative(str(s.path), str(root)).replace(os.sep, "/") for s in self.samples]


def _relative(path: str, root: str) -> str:
    """``os.path.relpath``, at once where the path is below the root."""
    below = path.startswith(root + os.sep) and ".." not in path
    return path[len(root) + 1 :] if below else os.path.relpath(path, root)


def _place(name: str, seed: int) -> float:
    """A number from 0 to 1 that is the name's own under a seed, the same on every machine."""
    digest = blake2b(f"{seed}/{name}".encode("utf-8", "surrogateescape"), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 256**7
