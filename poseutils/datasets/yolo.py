"""Folders of images with YOLO text labels, as the model zoo's converter and Ultralytics write them.

Beside each image, or in a ``labels`` tree beside ``images``, is a text file of the same stem, with
a line per person: ``class cx cy w h``, then x, y, v of each keypoint, all but class and v divided
by the image's width and height.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..files import listed_files, same_name
from ..images import find_images, image_size
from ..keypoints import KeypointLayout, layout_for, reduce_17_to_13
from ..poses import AREA_OF_BOX
from .dataset import Dataset, Sample
from .finding import other_labels

FORM = "class cx cy w h, then x y v for each keypoint"
MAX_CLASSES = 10_000
_FARTHEST = 2.0
"""Largest coordinate accepted as a fraction: keypoints may be outside the image, but larger numbers
are pixels."""


def read_yolo(folder: str | Path, layout: KeypointLayout | None = None) -> Dataset:
    """Reads a folder of images and text labels; an image without a label has no people.

    All labels are read and checked. Images are opened lazily, when pixel coordinates of a sample
    are first accessed, to read their size.

    Args:
        folder: the images, or the folder above ``images`` and ``labels``.
        layout: of the keypoints, whose names the labels do not have (default: by their number).

    Raises:
        PoseError: if a line has a wrong number of fields or is not numbers, with file and line; if
            there is no label.
    """
    folder = Path(folder)
    images = find_images(folder)
    labels = _regular(_label_files(images), folder)
    if not any(labels):
        raise PoseError(
            f"{folder} has images but neither a COCO .json nor .txt labels beside them: expected "
            f"one of the two{other_labels(folder)}"
        )
    rows = _rows_of(labels, folder)
    layout = layout or layout_for((max(r.shape[1] for r in rows) - 5) // 3)
    fields = 5 + 3 * len(layout)
    if any(r.shape[1] not in (0, fields) for r in rows):
        raise PoseError(
            f"{folder}: the labels have {(max(r.shape[1] for r in rows) - 5) // 3} keypoints, "
            f"{len(layout)} are expected"
        )
    samples = [
        _sample(number, image, r.reshape(-1, fields))
        for number, (image, r) in enumerate(zip(images, rows, strict=True), 1)
    ]
    count = 1 + max(int(r[:, 0].max()) for r in rows if len(r))
    names = tuple(f"class_{i}" for i in range(count)) if count > 1 else ()
    return Dataset(tuple(samples), layout, folder, names)


def _label_files(images: list[Path]) -> list[str]:
    """The label file of each image, empty if missing: beside it, else in ``labels`` instead of
    ``images``. Lists each folder once."""
    listed = lru_cache(maxsize=None)(listed_files)
    parallel = lru_cache(maxsize=None)(parallel_labels)
    labels = []
    for image in images:
        folder, name = os.path.split(image)
        label = same_name(os.path.splitext(name)[0] + ".txt")
        labels.append(listed(folder).get(label) or listed(parallel(folder)).get(label, ""))
    return labels


def _regular(labels: list[str], folder: Path) -> list[str]:
    """The labels that are regular files, empty for others: pipes would be waited for."""
    left = [label for label in labels if label and not os.path.isfile(label)]
    if left:
        warnings.warn(
            f"{folder}: {len(left)} labels are no regular files ({left[0]}): their images count as "
            "ones without people",
            stacklevel=3,
        )
    return [label if label not in left else "" for label in labels]


def parallel_labels(folder: str | Path) -> str:
    """The folder of labels for a folder of images, in Ultralytics' structure: ``labels/train`` for
    ``images/train``; the folder itself for others."""
    parts = list(Path(folder).parts)
    if "images" not in parts:
        return str(folder)
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return os.path.join(*parts)


def _rows_of(labels: list[str], folder: Path) -> list[np.ndarray]:
    """The numbers of each label file, (N, 5 + 3K), K the same for all; (0, 0) where nobody is
    annotated."""
    rows, count = [], None
    for label in labels:
        parsed = _parse(label) if label else []
        for number, values in parsed:
            here = (len(values) - 5) // 3
            count = here if count is None else count
            if here != count:
                raise PoseError(
                    f"{label}, line {number}: {len(values)} fields, which is {here} keypoints; "
                    f"the lines before had {count}"
                )
        rows.append(np.array([values for _, values in parsed]) if parsed else np.zeros((0, 0)))
    if count is None:
        raise PoseError(f"all label files of {folder} are empty: nobody is annotated")
    return rows


def _parse(label: str) -> list[tuple[int, list[float]]]:
    """The lines of a label file as (line number, numbers)."""
    try:
        with open(label, "rb") as file:  # opening as text takes twice as long
            lines = file.read().decode("utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError) as error:
        raise PoseError(f"{label} is not a text label: {error}") from error
    return [
        (number, _numbers(line, f"{label}, line {number}"))
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def _numbers(line: str, where: str) -> list[float]:
    fields = line.split()
    try:
        values = [float(field) for field in fields]
    except ValueError as error:
        raise PoseError(f"{where}: {error}; expected numbers: {FORM}") from error
    if len(values) < 8 or (len(values) - 5) % 3 or not math.isfinite(sum(values)):
        raise PoseError(
            f"{where}: {len(values)} fields; expected 5 + 3 × keypoints finite numbers: {FORM}"
        )
    if not {0.0, 1.0, 2.0}.issuperset(values[7::3]):
        wrong = next(v for v in values[7::3] if v not in (0, 1, 2))
        raise PoseError(
            f"{where}: visibility {wrong:g}; expected 0 (not labeled), 1 (labeled) or 2 "
            f"(visible): {FORM}"
        )
    if values[0] not in range(MAX_CLASSES):
        raise PoseError(
            f"{where}: class {values[0]:g}; expected an integer from 0 to {MAX_CLASSES - 1}: {FORM}"
        )
    coordinates = values[1:5] + values[5::3] + values[6::3]
    if max(coordinates) > _FARTHEST or min(coordinates) < 1 - _FARTHEST or min(values[3:5]) < 0:
        raise PoseError(
            f"{where}: {max(coordinates, key=abs):g} is no fraction of an image; expected numbers "
            f"from 0 to 1, that is pixels divided by the image's width and height: {FORM}"
        )
    return values


def _sample(image_id: int, path: Path, rows: np.ndarray) -> Sample:
    sample = object.__new__(_TextSample)
    sample.__dict__.update(
        image_id=image_id,
        path=path,
        rows=rows,
        crowd=np.zeros(len(rows), bool),
        classes=rows[:, 0].astype(int),
    )
    return sample


class _TextSample(Sample):
    """A sample with a label in fractions; attributes in pixels (size, keypoints, boxes, areas) are
    computed on first access."""

    def __getattr__(self, name: str):
        if name not in ("size", "keypoints", "boxes", "areas"):
            raise AttributeError(name)
        self.__dict__.update(_in_pixels(self.rows, image_size(self.path)))
        return self.__dict__[name]

    def __len__(self) -> int:
        return len(self.crowd)

    @property
    def visibility(self) -> np.ndarray:
        return (
            self.keypoints[:, :, 2]
            if "keypoints" in self.__dict__
            else self.rows[:, 7::3].astype(np.float32)
        )

    @property
    def relative_areas(self) -> np.ndarray:
        return self.rows[:, 3] * self.rows[:, 4]

    def reordered(self, order: Sequence[int]) -> Sample:
        if "keypoints" in self.__dict__:
            return super().reordered(order)
        keypoints = self.rows[:, 5:].reshape(len(self), len(order), 3)[:, list(order)]
        rows = np.concatenate([self.rows[:, :5], keypoints.reshape(self.rows[:, 5:].shape)], axis=1)
        return self._with(rows=rows)

    def reduced(self) -> Sample:
        if "keypoints" in self.__dict__:
            return super().reduced()
        keypoints = reduce_17_to_13(self.rows[:, 5:].reshape(-1, 17, 3)).reshape(-1, 39)
        return self._with(rows=np.concatenate([self.rows[:, :5], keypoints], axis=1))


def _in_pixels(rows: np.ndarray, size: tuple[int, int]) -> dict:
    """The attributes in pixels, from rows (N, 5 + 3K) of fractions and the width and height of the
    image."""
    center, extent = rows[:, 1:3] * size, rows[:, 3:5] * size
    return {
        "size": size,
        "keypoints": (rows[:, 5:].reshape(-1, rows.shape[1] // 3 - 1, 3) * (*size, 1)).astype(
            np.float32
        ),
        "boxes": np.concatenate([center - extent / 2, center + extent / 2], axis=1).astype(
            np.float32
        ),
        "areas": (AREA_OF_BOX * extent.prod(axis=1)).astype(np.float32),
    }
