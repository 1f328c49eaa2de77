"""Folders of images with YOLO text labels, as the model zoo's converter and Ultralytics write them.

Beside each image, or in a ``labels`` folder beside ``images``, a text file of the same stem; one line a person:
``class cx cy w h`` and then x, y, v for each keypoint, all but class and v divided by the image's width and height.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ..errors import PoseError
from ..images import SUFFIXES, find_images
from ..keypoints import KeypointLayout, layout_for
from ..poses import AREA_OF_BOX
from .dataset import Dataset, Sample


def read_yolo(folder: str | Path, layout: KeypointLayout | None = None) -> Dataset:
    """Reads a folder of images and text labels; an image without a label is an image without people.

    Args:
        folder: the images, or the folder above ``images`` and ``labels``.
        layout: names and limbs of the keypoints, which the labels do not say (default: by their number).

    Raises:
        PoseError: naming file and line, if a line has a wrong number of fields or is not numbers; if no label is found;
            if an image cannot be read.
    """
    folder = Path(folder)
    pairs = [(image, _label_file(image)) for image in find_images(folder)]
    parsed = {label: _parse(label) for _, label in pairs if label is not None}
    if not parsed:
        raise PoseError(f"{folder} has images but neither a COCO .json nor .txt labels beside them: expected one of the two")
    layout = layout or layout_for(_keypoint_count(parsed, folder))
    samples = [_sample(number, image, parsed.get(label, []), layout) for number, (image, label) in enumerate(pairs, 1)]
    return Dataset(tuple(samples), layout, folder)


def _label_file(image: Path) -> Path | None:
    beside = image.with_suffix(".txt")
    if beside.is_file():
        return beside
    parts = list(image.parts)
    if "images" not in parts:
        return None
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    other = Path(*parts).with_suffix(".txt")
    return other if other.is_file() else None


def _parse(label: Path) -> list[tuple[int, np.ndarray]]:
    """The lines of a label file as (line number, numbers)."""
    rows = []
    try:
        lines = label.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise PoseError(f"{label} is not a text label: {error}") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = np.array([float(v) for v in line.split()], dtype=np.float64)
        except ValueError as error:
            raise PoseError(f"{label}, line {number}: {error}; expected numbers: class cx cy w h, then x y v for each keypoint") from error
        if len(values) < 8 or (len(values) - 5) % 3 or not np.isfinite(values).all():
            raise PoseError(
                f"{label}, line {number}: {len(values)} fields; expected 5 + 3 × keypoints finite numbers: "
                "class cx cy w h, then x y v for each keypoint"
            )
        rows.append((number, values))
    return rows


def _keypoint_count(parsed: dict[Path, list], folder: Path) -> int:
    """The number of keypoints that every line of every label has."""
    count = None
    for label, rows in parsed.items():
        for number, values in rows:
            here = (len(values) - 5) // 3
            count = here if count is None else count
            if here != count:
                raise PoseError(f"{label}, line {number}: {len(values)} fields, which is {here} keypoints; the lines before had {count}")
    if count is None:
        raise PoseError(f"all label files of {folder} are empty: nobody is annotated")
    return count


def _sample(image_id: int, path: Path, rows: list[tuple[int, np.ndarray]], layout: KeypointLayout) -> Sample:
    width, height = _image_size(path)
    values = np.array([v for _, v in rows], dtype=np.float64).reshape(-1, 5 + 3 * len(layout))
    center, extent = values[:, 1:3] * (width, height), values[:, 3:5] * (width, height)
    keypoints = values[:, 5:].reshape(-1, len(layout), 3) * (width, height, 1)
    boxes = np.concatenate([center - extent / 2, center + extent / 2], axis=1)
    return Sample(
        image_id,
        path,
        (width, height),
        keypoints.astype(np.float32),
        boxes.astype(np.float32),
        (AREA_OF_BOX * extent.prod(axis=1)).astype(np.float32),
        np.zeros(len(rows), bool),
    )


def _image_size(path: Path) -> tuple[int, int]:
    """Width and height as shown, EXIF orientation applied, without decoding the pixels."""
    try:
        with Image.open(path) as image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) >= 5
            return (height, width) if turned else (width, height)
    except OSError as error:
        raise PoseError(f"{path} is not an image that can be read ({', '.join(sorted(SUFFIXES))}): {error}") from error
