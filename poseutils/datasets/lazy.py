"""Samples that become pixels of their image when its size is known."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..images import image_size, is_turned
from .dataset import Sample

FRACTION = (1, 1)
_MEASURED = ("size", "keypoints", "boxes", "areas")
_COMPARED = 1000
"""Images whose sizes or orientations are read with the annotations."""


class LazySample(Sample):
    """A sample with annotations in pixels of a stated size, or in fractions of the image; what is
    in pixels of the image (size, keypoints, boxes, areas) is computed on first access, from the
    size of the image as shown.

    Attributes:
        stated: width and height in the units of ``raw``; ``FRACTION`` fits any image.
        raw: keypoints, boxes and areas as in a sample, in these units.
    """

    stated: tuple[int, int]
    raw: tuple[np.ndarray, np.ndarray, np.ndarray]

    def __new__(cls, *args, **attributes):
        """A plain sample from all attributes, as ``dataclasses.replace`` gives them."""
        return Sample(*args, **attributes) if args or attributes else object.__new__(cls)

    def __getattr__(self, name: str):
        if name not in _MEASURED:
            raise AttributeError(name)
        size = self.size_of_image()
        if self.stated not in (FRACTION, size) and not _same_shape(self.stated, size):
            raise PoseError(_mismatch([(self, size)], 1, "this image"))
        self.warn_of_scaling(size)
        self.scale_to(size)
        return self.__dict__[name]

    def for_worker(self) -> Sample:
        other = super().for_worker()
        other.__dict__["said"] = True
        return other

    def warn_of_scaling(self, size: tuple[int, int]) -> None:
        if self.stated not in (FRACTION, size) and "said" not in self.__dict__:
            warnings.warn(f"{_sizes(self, size)}: annotations are scaled to it", stacklevel=3)

    def size_of_image(self) -> tuple[int, int]:
        """Width and height as shown; as stated, if the image cannot be read: reading its pixels
        tells why."""
        try:
            return image_size(self.path)
        except PoseError:
            if self.stated == FRACTION:
                raise
            return self.stated

    def scale_to(self, size: tuple[int, int]) -> None:
        """Computes what is in pixels of the image, of this width and height."""
        factors = np.divide(size, self.stated)
        keypoints, boxes, areas = self.raw
        self.__dict__.update(
            size=size,
            keypoints=(keypoints * (*factors, 1)).astype(np.float32),
            boxes=(boxes * np.tile(factors, 2)).astype(np.float32),
            areas=(areas * factors.prod()).astype(np.float32),
        )

    def __len__(self) -> int:
        return len(self.crowd)

    @property
    def visibility(self) -> np.ndarray:
        return self.raw[0][:, :, 2].astype(np.float32)

    @property
    def relative_areas(self) -> np.ndarray:
        return self.raw[2]

    @property
    def labels(self) -> tuple[np.ndarray, ...]:
        return np.array(self.stated), *self.raw, self.crowd

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Sample:
        other = self._with(raw=(function(self.raw[0]), *self.raw[1:]))
        for name in _MEASURED:
            other.__dict__.pop(name, None)
        return other


def lazy_sample(
    image_id: int,
    path: Path,
    stated: tuple[int, int],
    raw: Sequence[np.ndarray],
    crowd: np.ndarray,
    classes: np.ndarray,
) -> LazySample:
    """A sample whose image is not opened; see :class:`LazySample`."""
    sample = LazySample.__new__(LazySample)
    sample.__dict__.update(
        image_id=image_id, path=path, stated=stated, raw=tuple(raw), crowd=crowd, classes=classes
    )
    return sample


def compare_sizes(samples: Sequence[Sample], source: Path, notes: list[str]) -> None:
    """Compares the stated sizes with those of the images, of up to a thousand, evenly spread; adds
    to the notes how many are scaled.

    Raises:
        PoseError: if images are not of the stated proportions; counts them.
    """
    lazy = [sample for sample in samples if isinstance(sample, LazySample)]
    compared = [(s, s.size_of_image()) for s in _spread(lazy)]
    other = [(sample, size) for sample, size in compared if size != sample.stated]
    wrong = [(sample, size) for sample, size in other if not _same_shape(sample.stated, size)]
    if wrong:
        raise PoseError(_mismatch(wrong, len(compared), source))
    if other:
        notes.append(
            f"{len(other)} of {len(compared)} images are larger or smaller than annotated "
            f"({_sizes(*other[0])}): annotations are scaled to them"
        )
        for sample in lazy:
            sample.__dict__["said"] = True
    for sample, size in compared:
        sample.scale_to(size)


def note_turned(samples: Sequence[Sample], notes: list[str]) -> None:
    """Adds to the notes how many images, of up to a thousand, have an EXIF orientation: fractions
    of the image as stored cannot be told from those of the image as shown."""
    looked_at = _spread([sample for sample in samples if len(sample)])
    turned = [sample.path.name for sample in looked_at if is_turned(sample.path)]
    if turned:
        notes.append(
            f"{len(turned)} of {len(looked_at)} images have an EXIF orientation ({turned[0]}): "
            "their labels are read as of the upright image, as Ultralytics reads them; if they "
            "are of the image as stored, remove it (exiftool -Orientation=)"
        )


def _spread(samples: list) -> list:
    """Up to ``_COMPARED`` of them, evenly spread."""
    return samples[:: -(-len(samples) // _COMPARED) or 1]


def _same_shape(stated: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether one is the other resized, up to a pixel of rounding."""
    (width, height), (new_width, new_height) = stated, size
    return abs(new_width * height - new_height * width) <= max(*stated, *size)


def _mismatch(
    wrong: Sequence[tuple[LazySample, tuple[int, int]]], compared: int, source: object
) -> str:
    """What is wrong with images that are not of the stated proportions."""
    if all(size == sample.stated[::-1] for sample, size in wrong):
        cause = (
            "Width and height are exchanged: if the labels belong to photographs as stored, "
            "without their EXIF orientation, remove it (exiftool -n -Orientation=1); else correct "
            "width and height in the annotations"
        )
    else:
        cause = "Give the images that were annotated, or annotations of these"
    return (
        f"{source}: {len(wrong)} of {compared} images are not of the size that was annotated "
        f"({_sizes(*wrong[0])}); expected this size, or another of the same proportions. {cause}"
    )


def _sizes(sample: LazySample, size: tuple[int, int]) -> str:
    return (
        f"{sample.path.name} is {size[0]} × {size[1]} as shown, annotated as "
        f"{sample.stated[0]} × {sample.stated[1]}"
    )
