"""Training images fitted to a network's input: read when they are asked for, and kept in memory where they have room."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..datasets.dataset import Dataset, Sample
from ..errors import PoseError
from ..images import fit_to, read_image, to_color_mode
from ..keypoints import KeypointLayout
from ..poses import AREA_OF_BOX

MEMORY = 4 * 2**30
"""Bytes of the images of one dataset that are kept once they are read, 38,000 of 192 × 192; more are read again for every epoch."""


@dataclass(frozen=True)
class Examples:
    """N images fitted to a network's input, with one person each; coordinates in pixels of the input, pixel centers at +0.5.

    Attributes:
        images: (N, H, W, 3) uint8 RGB.
        keypoints: (N, K, 3) float32 x, y and visibility.
        areas: (N,) float32, square pixels: 0.53 of the box.
        layout: of the K keypoints.
    """

    images: np.ndarray | ReadWhenAsked
    keypoints: np.ndarray | ReadWhenAsked
    areas: np.ndarray | ReadWhenAsked
    layout: KeypointLayout

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> Examples:
        """The first of them."""
        return Examples(self.images[:count], self.keypoints[:count], self.areas[:count], self.layout)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.images.shape[1:3]


class ReadWhenAsked:
    """An array (N, ...) whose rows come to be when they are asked for; indexed as NumPy's arrays are, it gives these.

    Attributes:
        shape, dtype: of the whole array.
    """

    def __init__(self, rows: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], dtype: type):
        self._rows, self.shape, self.dtype = rows, shape, np.dtype(dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index) -> np.ndarray:
        first, *rest = index if isinstance(index, tuple) else (index,)
        numbers = np.arange(len(self))[first]
        which = slice(None) if np.ndim(numbers) else 0
        return self._rows(np.atleast_1d(numbers))[(which, *rest)]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self[:], dtype)


def load_examples(
    dataset: Dataset,
    size: tuple[int, int],
    aspect_ratio: str = "fit",
    interpolation: str = "bilinear",
    color_mode: str = "rgb",
    memory: int = MEMORY,
) -> Examples:
    """The images of a dataset with the largest person of each. Images without a labeled person are left out.

    No image is opened yet; those that are asked for are read on all cores.

    Args:
        dataset: images and people.
        size: height and width of the network's input.
        aspect_ratio, interpolation: how images are fitted, as in ``images.fit_to``.
        color_mode: the order of channels, as in ``images.to_color_mode``.
        memory: bytes; if the images need no more, they are kept once they are read.

    Raises:
        PoseError: if no image has a labeled person; where images are asked for, if one cannot be read.
    """
    chosen = [sample for sample in dataset if _usable(sample).any()]
    if not chosen:
        raise PoseError(
            f"{dataset.source}: none of its {len(dataset)} images has a person with a labeled keypoint; there is nothing to train on"
        )

    def read(sample: Sample):
        return _fitted(sample, size, aspect_ratio, interpolation, color_mode)

    store = _Store(chosen, read, size, len(dataset.layout), memory)
    shapes = (len(chosen), *size, 3), store.keypoints.shape, store.areas.shape
    columns = zip((store.pixels, store.points, store.extents), shapes, (np.uint8, np.float32, np.float32))
    return Examples(*(ReadWhenAsked(*column) for column in columns), dataset.layout)


class _Store:
    """What was read of the images of a dataset."""

    def __init__(self, samples: Sequence[Sample], read: Callable, size: tuple[int, int], keypoints: int, memory: int):
        self.samples, self.read = samples, read
        shape = (len(samples), *size, 3)
        self.images = np.empty(shape, np.uint8) if np.prod(shape, dtype=np.int64) <= memory else None
        self.keypoints, self.areas = np.zeros((len(samples), keypoints, 3), np.float32), np.zeros(len(samples), np.float32)
        self.known = np.zeros(len(samples), bool)
        self.pool = ThreadPoolExecutor(os.cpu_count())

    def pixels(self, rows: np.ndarray) -> np.ndarray:
        if self.images is None:
            return self._read(rows)
        self._read_new(rows)
        return self.images[rows]

    def points(self, rows: np.ndarray) -> np.ndarray:
        self._read_new(rows)
        return self.keypoints[rows]

    def extents(self, rows: np.ndarray) -> np.ndarray:
        self._read_new(rows)
        return self.areas[rows]

    def _read_new(self, rows: np.ndarray) -> None:
        new = rows[~self.known[rows]]
        for start in range(0, len(new), 256):  # images that are not kept should not all be in memory either
            self._read(new[start : start + 256])

    def _read(self, rows: np.ndarray) -> np.ndarray:
        """Reads images (B, H, W, 3). Two threads may read the same: they write the same."""
        images, self.keypoints[rows], self.areas[rows] = map(np.stack, zip(*self.pool.map(self.read, [self.samples[i] for i in rows])))
        if self.images is not None:
            self.images[rows] = images
        self.known[rows] = True
        return images


def _usable(sample: Sample) -> np.ndarray:
    """(N,) bool: which people have a labeled keypoint, crowds aside; no image is opened."""
    return ~sample.crowd & (sample.visibility > 0).any(axis=1)


def _fitted(sample: Sample, size: tuple[int, int], aspect_ratio: str, interpolation: str, color_mode: str):
    """The image (H, W, 3) uint8, the largest person's keypoints (K, 3) and area, in pixels of the input."""
    image, transform = fit_to(to_color_mode(read_image(sample.path), color_mode), size, aspect_ratio, interpolation)
    person = int(np.where(_usable(sample), sample.areas, -1).argmax())
    keypoints = sample.keypoints[person].astype(np.float32)
    keypoints[:, :2] = transform.to_input(keypoints[:, :2])
    corners = transform.to_input(sample.boxes[person].reshape(2, 2))
    pixels = image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return pixels, keypoints, np.float32(AREA_OF_BOX * float(np.prod(corners[1] - corners[0])))
