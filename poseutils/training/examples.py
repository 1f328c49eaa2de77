"""Training examples: images resized to the network's input, read lazily and cached in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..crops import Region, cut, region_of_box
from ..datasets.dataset import Dataset, Sample
from ..errors import PoseError
from ..geometry import Transform
from ..images import fit_to, read_image, to_color_mode
from ..keypoints import KeypointLayout
from ..poses import AREA_OF_BOX

MEMORY = 4 * 2**30
"""Images of a dataset are cached if they need no more bytes than this: 38,000 images of 192 × 192.
Others are read again in every epoch."""
PARTS = (0.3, 0.9)
"""Range of the size of a truncated person's visible part, relative to the larger side of the
box."""
_CHUNK = 256
"""Number of images that are read at a time where only their keypoints are needed."""


@dataclass(frozen=True)
class Examples:
    """N images of the network's input size, with one person each; coordinates in pixels of the
    input (pixel centers at +0.5).

    Attributes:
        images: (N, H, W, 3) uint8 RGB.
        keypoints: (N, K, 3) float32 x, y and visibility.
        areas: (N,) float32, square pixels: 0.53 × the area of the box.
        layout: of the K keypoints.
        names: of the images, for messages; may be missing.
    """

    images: np.ndarray | LazyArray
    keypoints: np.ndarray | LazyArray
    areas: np.ndarray | LazyArray
    layout: KeypointLayout
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> Examples:
        """The first ``count`` examples."""
        return self.part(slice(count))

    def part(self, rows: slice) -> Examples:
        """The examples of some rows, read."""
        return Examples(
            self.images[rows], self.keypoints[rows], self.areas[rows], self.layout, self.names[rows]
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the images."""
        height, width = self.images.shape[1:3]
        return height, width


class LazyArray:
    """A lazy array (N, ...): rows are computed on access; supports NumPy indexing.

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
        selection = (which, *rest)
        return self._rows(np.atleast_1d(numbers))[selection]

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
    """The largest person of each image of a dataset, or a crop of every person. Images without a
    labeled person are left out.

    Images are read on access, on all cores.

    Args:
        dataset: with annotations.
        size: height and width of the network's input.
        aspect_ratio, interpolation: of resizing, as in ``images.fit_to``.
        color_mode: channel order, as in ``images.to_color_mode``.
        crop_margin: if given, each example is the square crop of one person, as for
            :func:`poseutils.evaluate` with ``from_boxes``. Its side relative to the larger side of
            the box is drawn from this range, once per person.
        truncated: with ``crop_margin``, the fraction of people of whom only a part is visible, as
            at the border of a photograph or behind others.
        memory: images are cached if they need no more bytes than this.

    Raises:
        PoseError: if no image has a labeled person; on access, if an image cannot be read.
    """
    if crop_margin is None:
        chosen = _largest_people(dataset)
    else:
        chosen = _all_people(dataset, crop_margin, truncated)
    if not chosen:
        raise PoseError(
            f"{dataset.source}: none of its {len(dataset)} images has a person with a labeled "
            "keypoint; there is nothing to train on"
        )

    def read(chosen: _Chosen):
        image = _masked(to_color_mode(read_image(chosen.sample.path), color_mode), chosen.frame)
        if chosen.region:
            return _example(chosen, *cut(image, chosen.region, size))
        return _example(chosen, *fit_to(image, size, aspect_ratio, interpolation))

    cache = _Cache(chosen, read, size, len(dataset.layout), memory)
    return Examples(
        LazyArray(cache.read_images, (len(chosen), *size, 3), np.uint8),
        LazyArray(cache.read_keypoints, cache.keypoints.shape, np.float32),
        LazyArray(cache.read_areas, cache.areas.shape, np.float32),
        dataset.layout,
        tuple(one.name for one in chosen),
    )


@dataclass(frozen=True)
class _Chosen:
    """A person of an image, and the crop.

    Attributes:
        box: x0, y0, x1, y1 of the person, or of a truncated person's visible part; None without
            crop.
        region: the crop, or None for the whole image.
        frame: x0, y0, x1, y1 beyond which the image is black, for a truncated person; infinite
            where the frame does not limit the image.
    """

    sample: Sample
    person: int
    box: np.ndarray | None = None
    region: Region | None = None
    frame: np.ndarray | None = None

    @property
    def name(self) -> str:
        """Of the image, and which of its people this is."""
        several = f", person {self.person + 1}" if len(self.sample) > 1 else ""
        return f"{self.sample.path.name}{several}"


def _largest_people(dataset: Dataset) -> list[_Chosen]:
    usable = ((sample, _usable(sample)) for sample in dataset)
    return [
        _Chosen(sample, int(np.where(which, sample.relative_areas, -1).argmax()))
        for sample, which in usable
        if which.any()
    ]


def _all_people(dataset: Dataset, margins: tuple[float, float], truncated: float) -> list[_Chosen]:
    people = [
        (sample, int(person)) for sample in dataset for person in np.flatnonzero(_usable(sample))
    ]
    drawn = np.random.default_rng(0).uniform(*margins, len(people))
    random = np.random.default_rng(1)
    chosen = []
    for (sample, person), margin in zip(people, drawn):
        box, frame = sample.boxes[person], None
        if random.random() < truncated:
            box, frame = _part(sample, person, random)
        chosen.append(_Chosen(sample, person, box, region_of_box(box, margin), frame))
    return chosen


def _part(
    sample: Sample, person: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The box of a part of a person, in a square around one of their keypoints, and the frame: each
    of its four sides either ends with the part or is infinite, with equal probability."""
    box, keypoints = sample.boxes[person], sample.keypoints[person][sample.visibility[person] > 0]
    half = random.uniform(*PARTS) / 2 * (box[2:] - box[:2]).max()
    center = random.choice(keypoints)[:2] + random.uniform(-half, half, 2) / 2
    square = np.concatenate([center - half, center + half])
    frame = np.where(random.random(4) < 0.5, square.round(), (0, 0, np.inf, np.inf))
    return np.concatenate([np.maximum(box[:2], square[:2]), np.minimum(box[2:], square[2:])]), frame


def _masked(image: np.ndarray, frame: np.ndarray | None) -> np.ndarray:
    """The image (H, W, 3), black outside the frame."""
    if frame is None:
        return image
    x0, y0, x1, y1 = np.clip(frame, 0, np.tile(image.shape[1::-1], 2)).astype(int)
    masked = np.zeros_like(image)
    masked[y0:y1, x0:x1] = image[y0:y1, x0:x1]
    return masked


class _Cache:
    """Reads the examples of a dataset, and keeps what has been read: keypoints and areas always,
    images if they fit in memory."""

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
        fits = np.prod(shape, dtype=np.int64) <= memory
        self.images = np.empty(shape, np.uint8) if fits else None
        self.keypoints = np.zeros((len(chosen), keypoints, 3), np.float32)
        self.areas = np.zeros(len(chosen), np.float32)
        self.known = np.zeros(len(chosen), bool)
        self.pool = ThreadPoolExecutor(os.cpu_count())

    def read_images(self, rows: np.ndarray) -> np.ndarray:
        if self.images is None:
            return self._read(rows)
        self._read_new(rows)
        return self.images[rows]

    def read_keypoints(self, rows: np.ndarray) -> np.ndarray:
        self._read_new(rows)
        return self.keypoints[rows]

    def read_areas(self, rows: np.ndarray) -> np.ndarray:
        self._read_new(rows)
        return self.areas[rows]

    def _read_new(self, rows: np.ndarray) -> None:
        new = rows[~self.known[rows]]
        for start in range(0, len(new), _CHUNK):
            self._read(new[start : start + _CHUNK])

    def _read(self, rows: np.ndarray) -> np.ndarray:
        """Reads images (B, H, W, 3). Threads that read the same image write equal values."""
        read = list(self.pool.map(self.read, [self.chosen[i] for i in rows]))
        images, self.keypoints[rows], self.areas[rows] = map(np.stack, zip(*read))
        if self.images is not None:
            self.images[rows] = images
        self.known[rows] = True
        return images


def _usable(sample: Sample) -> np.ndarray:
    """(N,) bool: people with a labeled keypoint, no crowds. Never opens the image."""
    return ~sample.crowd & (sample.visibility > 0).any(axis=1)


def _example(
    chosen: _Chosen, image: np.ndarray, transform: Transform
) -> tuple[np.ndarray, np.ndarray, np.float32]:
    """Image (H, W, 3) uint8, keypoints (K, 3) and area in pixels of the input."""
    keypoints = chosen.sample.keypoints[chosen.person].astype(np.float32)
    if chosen.frame is not None:
        beyond = (keypoints[:, :2] < chosen.frame[:2]) | (keypoints[:, :2] >= chosen.frame[2:])
        keypoints[beyond.any(axis=1), 2] = 0
    keypoints[:, :2] = transform.to_input(keypoints[:, :2])
    box = chosen.sample.boxes[chosen.person] if chosen.box is None else chosen.box
    corners = transform.to_input(box.reshape(2, 2))
    pixels = image if image.dtype == np.uint8 else np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return pixels, keypoints, np.float32(AREA_OF_BOX * float(np.prod(corners[1] - corners[0])))
