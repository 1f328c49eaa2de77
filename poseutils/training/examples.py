"""Training images fitted to a network's input: read when they are asked for, and kept in memory
where they have room."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..crops import Region, cut, region_of_box
from ..datasets.dataset import Dataset, Sample
from ..errors import PoseError
from ..images import Transform, fit_to, read_image, to_color_mode
from ..keypoints import KeypointLayout
from ..poses import AREA_OF_BOX

MEMORY = 4 * 2**30
"""Bytes of the images of one dataset that are kept once they are read, 38,000 of 192 × 192; more
are read again for every epoch."""
PARTS = (0.3, 0.9)
"""How large the part of a truncated person is, in larger sides of their box."""


@dataclass(frozen=True)
class Examples:
    """N images fitted to a network's input, with one person each; coordinates in pixels of the
    input, pixel centers at +0.5.

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
        return Examples(
            self.images[:count], self.keypoints[:count], self.areas[:count], self.layout
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        return self.images.shape[1:3]


class ReadWhenAsked:
    """An array (N, ...) whose rows come to be when they are asked for; indexed as NumPy's arrays
    are, it gives these.

    Attributes:
        shape, dtype: of the whole array.
    """

    def __init__(
        self, rows: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], dtype: type
    ):
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
    crop_margin: tuple[float, float] | None = None,
    truncated: float = 0.0,
    memory: int = MEMORY,
) -> Examples:
    """The images of a dataset with the largest person of each, or each person cut out. Images
    without a labeled person are left out.

    No image is opened yet; those that are asked for are read on all cores.

    Args:
        dataset: images and people.
        size: height and width of the network's input.
        aspect_ratio, interpolation: how images are fitted, as in ``images.fit_to``.
        color_mode: the order of channels, as in ``images.to_color_mode``.
        crop_margin: if given, an example is one person, looked at as :func:`poseutils.evaluate`
            does ``from_boxes``: a square around the middle of the box, so many times its larger
            side; drawn for each person between these two, always the same.
        truncated: with ``crop_margin``, the share of people of whom only a part is seen, as where a
            photograph ends or others stand before them; drawn in the same way.
        memory: bytes; if the images need no more, they are kept once they are read.

    Raises:
        PoseError: if no image has a labeled person; where images are asked for, if one cannot be
            read.
    """
    chosen = (
        _largest_people(dataset)
        if crop_margin is None
        else _everybody(dataset, crop_margin, truncated)
    )
    if not chosen:
        raise PoseError(
            f"{dataset.source}: none of its {len(dataset)} images has a person with a labeled "
            "keypoint; there is nothing to train on"
        )

    def read(chosen: _Chosen):
        image = _framed(to_color_mode(read_image(chosen.sample.path), color_mode), chosen.frame)
        return _example(
            chosen,
            *(
                cut(image, chosen.region, size)
                if chosen.region
                else fit_to(image, size, aspect_ratio, interpolation)
            ),
        )

    store = _Store(chosen, read, size, len(dataset.layout), memory)
    shapes = (len(chosen), *size, 3), store.keypoints.shape, store.areas.shape
    columns = zip(
        (store.pixels, store.points, store.extents), shapes, (np.uint8, np.float32, np.float32)
    )
    return Examples(*(ReadWhenAsked(*column) for column in columns), dataset.layout)


@dataclass(frozen=True)
class _Chosen:
    """A person of an image, and what of the image is shown: a region, or all of it; of a truncated
    person nothing beyond a frame.

    Attributes:
        box: x0, y0, x1, y1 of a person who is cut out or, if they are truncated, of the part.
        frame: x0, y0, x1, y1, whole pixels or, where the image goes on, infinite.
    """

    sample: Sample
    person: int
    box: np.ndarray | None = None
    region: Region | None = None
    frame: np.ndarray | None = None


def _largest_people(dataset: Dataset) -> list[_Chosen]:
    usable = ((sample, _usable(sample)) for sample in dataset)
    return [
        _Chosen(sample, int(np.where(which, sample.relative_areas, -1).argmax()))
        for sample, which in usable
        if which.any()
    ]


def _everybody(dataset: Dataset, margins: tuple[float, float], truncated: float) -> list[_Chosen]:
    people = [
        (sample, int(person)) for sample in dataset for person in np.flatnonzero(_usable(sample))
    ]
    drawn = np.random.default_rng(0).uniform(*margins, len(people))
    random = np.random.default_rng(1)
    parts = (
        _part(*one, random) if random.random() < truncated else (one[0].boxes[one[1]], None)
        for one in people
    )
    return [
        _Chosen(*one, box, region_of_box(box, margin), frame)
        for one, margin, (box, frame) in zip(people, drawn, parts)
    ]


def _part(
    sample: Sample, person: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The box of a part of a person, in a square around one of their keypoints, and the frame that
    is left of the image: on each of the four sides it ends with the part or goes on as far as the
    image does."""
    box, keypoints = sample.boxes[person], sample.keypoints[person][sample.visibility[person] > 0]
    half = random.uniform(*PARTS) / 2 * (box[2:] - box[:2]).max()
    around = random.choice(keypoints)[:2] + random.uniform(-half, half, 2) / 2
    square = np.concatenate([around - half, around + half])
    frame = np.where(random.random(4) < 0.5, square.round(), (0, 0, np.inf, np.inf))
    return np.concatenate([np.maximum(box[:2], square[:2]), np.minimum(box[2:], square[2:])]), frame


def _framed(image: np.ndarray, frame: np.ndarray | None) -> np.ndarray:
    """The image (H, W, 3), black beyond the frame."""
    if frame is None:
        return image
    x0, y0, x1, y1 = np.clip(frame, 0, np.tile(image.shape[1::-1], 2)).astype(int)
    rows, columns = slice(y0, y1), slice(x0, x1)
    framed = np.zeros_like(image)
    framed[rows, columns] = image[rows, columns]
    return framed


class _Store:
    """What was read of the images of a dataset."""

    def __init__(
        self,
        chosen: Sequence[_Chosen],
        read: Callable,
        size: tuple[int, int],
        keypoints: int,
        memory: int,
    ):
        self.chosen, self.read = chosen, read
        shape = (len(chosen), *size, 3)
        self.images = (
            np.empty(shape, np.uint8) if np.prod(shape, dtype=np.int64) <= memory else None
        )
        self.keypoints = np.zeros((len(chosen), keypoints, 3), np.float32)
        self.areas = np.zeros(len(chosen), np.float32)
        self.known = np.zeros(len(chosen), bool)
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
        # Images that are not kept should not all be in memory either
        for start in range(0, len(new), 256):
            self._read(new[start : start + 256])

    def _read(self, rows: np.ndarray) -> np.ndarray:
        """Reads images (B, H, W, 3). Two threads may read the same: they write the same."""
        images, self.keypoints[rows], self.areas[rows] = map(
            np.stack, zip(*self.pool.map(self.read, [self.chosen[i] for i in rows]))
        )
        if self.images is not None:
            self.images[rows] = images
        self.known[rows] = True
        return images


def _usable(sample: Sample) -> np.ndarray:
    """(N,) bool: which people have a labeled keypoint, crowds aside; no image is opened."""
    return ~sample.crowd & (sample.visibility > 0).any(axis=1)


def _example(
    chosen: _Chosen, image: np.ndarray, transform: Transform
) -> tuple[np.ndarray, np.ndarray, np.float32]:
    """The image (H, W, 3) uint8, the person's keypoints (K, 3) and area, in pixels of the input."""
    keypoints = chosen.sample.keypoints[chosen.person].astype(np.float32)
    if chosen.frame is not None:
        beyond = (keypoints[:, :2] < chosen.frame[:2]) | (keypoints[:, :2] >= chosen.frame[2:])
        keypoints[beyond.any(axis=1), 2] = 0
    keypoints[:, :2] = transform.to_input(keypoints[:, :2])
    box = chosen.sample.boxes[chosen.person] if chosen.box is None else chosen.box
    corners = transform.to_input(box.reshape(2, 2))
    pixels = image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return pixels, keypoints, np.float32(AREA_OF_BOX * float(np.prod(corners[1] - corners[0])))
