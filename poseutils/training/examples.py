"""Training examples: images resized to the network's input, read lazily and kept in memory, or in
files if there are too many."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np

from ..crops import Region, cut, region_of_box
from ..datasets.dataset import Dataset, Sample
from ..datasets.shards import BYTES, Shards
from ..errors import PoseError
from ..files import cached_folder
from ..geometry import Transform
from ..images import fit_to, read_image, to_color_mode
from ..keypoints import KeypointLayout
from ..poses import AREA_OF_BOX
from .hosts import describe_data

MEMORY = 4 * 2**30
"""Images of a dataset are kept in memory if they need no more bytes than this: 38,000 images of
192 × 192. Others are kept in files of the cache folder."""
VERSION = 1
"""Version of what an example is made of, so that files of another one are not reused."""
PARTS = (0.3, 0.9)
"""Range of the size of a truncated person's visible part, relative to the larger side of the
box."""
_CHUNK = 256
"""Number of images that are read into memory at a time."""


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
        order: draws a random order in which they are read quickly; None if any is as quick.
    """

    images: np.ndarray | LazyArray
    keypoints: np.ndarray | LazyArray
    areas: np.ndarray | LazyArray
    layout: KeypointLayout
    names: tuple[str, ...] = ()
    order: Callable[[np.random.Generator], np.ndarray] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def shuffled(self, random: np.random.Generator) -> np.ndarray:
        """(N,) the numbers of all examples in random order, in which they are read quickly."""
        return self.order(random) if self.order else random.permutation(len(self))

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
        self, rows: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], dtype: np.dtype
    ):
        self._rows, self.shape, self.dtype = rows, shape, dtype

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

    Images are read on access, on all cores, and kept: in memory, or in files of the cache folder
    (see :class:`poseutils.datasets.shards.Shards`), where every later training with the same
    images, labels and arguments finds them. Those in files are in random order.

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
        memory: images are kept in memory if they need no more bytes than this.

    Raises:
        PoseError: if no image has a labeled person; if files have no room on the disk; on access,
            if an image cannot be read.
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

    count, dtype = len(chosen), _record_of(size, len(dataset.layout))
    pool = ThreadPoolExecutor(os.cpu_count())

    def make(rows: np.ndarray) -> np.ndarray:
        records = np.empty(len(rows), dtype)
        for row, record in enumerate(pool.map(read, [chosen[i] for i in rows])):
            records[row] = record
        return records

    order = None
    if count * dtype["images"].itemsize <= memory:
        kept = _Memory(make, count, dtype).read
    else:
        np.random.default_rng(2).shuffle(chosen)  # so that each file is a sample of the dataset
        arguments = size, aspect_ratio, interpolation, color_mode, crop_margin, truncated
        shards = Shards(_folder(dataset, arguments), make, count, dtype)
        kept, order = shards.read, shards.shuffled
    images, keypoints, areas = (
        LazyArray(partial(kept, name), (count, *dtype[name].shape), dtype[name].base)
        for name in ("images", "keypoints", "areas")
    )
    names = tuple(one.name for one in chosen)
    return Examples(images, keypoints, areas, dataset.layout, names, order)


def _record_of(size: tuple[int, int], keypoints: int) -> np.dtype:
    """The record of an example, as its attributes in :class:`Examples`."""
    return np.dtype(
        [("images", "u1", (*size, 3)), ("keypoints", "<f4", (keypoints, 3)), ("areas", "<f4")]
    )


def _folder(dataset: Dataset, arguments: tuple) -> Path:
    """The folder of the examples of a dataset, by what they are made of."""
    made_of = describe_data(dataset), VERSION, BYTES, arguments
    digest = blake2b(repr(made_of).encode(), digest_size=8)
    digest.update(np.array([sample.path.stat().st_mtime_ns for sample in dataset]).tobytes())
    height, width = arguments[0]
    name = f"{dataset.source.stem}-{height}x{width}-{digest.hexdigest()}"
    return cached_folder(f"examples/{name}")


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


class _Memory:
    """N records in memory, made when they are read for the first time."""

    def __init__(self, make: Callable[[np.ndarray], np.ndarray], count: int, dtype: np.dtype):
        self._make = make
        self._records, self._known = np.empty(count, dtype), np.zeros(count, bool)

    def read(self, field: str, rows: np.ndarray) -> np.ndarray:
        """A field (B, ...) of the records of rows (B,)."""
        new = rows[~self._known[rows]]
        for start in range(0, len(new), _CHUNK):
            part = new[start : start + _CHUNK]
            # Threads that make the same record write equal values
            self._records[part] = self._make(part)
            self._known[part] = True
        return self._records[field][rows]


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
