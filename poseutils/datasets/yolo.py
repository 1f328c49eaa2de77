"""Folders of images with YOLO text labels, as the model zoo's converter and Ultralytics write them.

Beside each image, or in a ``labels`` tree beside ``images``, is a text file of the same stem, with
a line per person: ``class cx cy w h``, then x, y, v of each keypoint, all but class and v divided
by the image's width and height.
"""

from __future__ import annotations

import math
import os
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..files import decoded, listed, listed_by_case, same_name
from ..images import find_images
from ..keypoints import MAX_KEYPOINTS, KeypointLayout, layout_for, usual_layout
from ..poses import AREA_OF_BOX
from .dataset import Dataset
from .finding import capitals, other_labels
from .lazy import FRACTION, lazy_sample, note_turned
from .numbers import MAX_PEOPLE, check_count, columns_of, fill_boxes, say, triplets
from .ultralytics import Description, listed_images, read_description

FORM = "class cx cy w h, then x y v for each keypoint"
MAX_CLASSES = 10_000
_FARTHEST = 2.0
"""Largest coordinate accepted as a fraction: keypoints may be outside the image, but larger numbers
are pixels."""


def read_yolo(
    folder: str | Path,
    layout: KeypointLayout | None = None,
    described: Description | None = None,
) -> Dataset:
    """Reads a folder of images and text labels; an image without a label has no people.

    All labels are read and checked. Images are opened lazily, when pixel coordinates of a sample
    are first accessed, to read their size; of up to a thousand, the EXIF orientation is read.
    Keypoints may have two columns, without visibility, which may also be a score: a warning says
    what was taken how.

    Args:
        folder: the images, or the folder above ``images`` and ``labels``, or a list of images.
        layout: of the keypoints, whose names the labels do not have (default: by the data.yaml
            beside them, else by their number).
        described: what a data.yaml says (default: that beside them).

    Raises:
        PoseError: if a line has a wrong number of fields or is not numbers, with file and line; if
            there is no label.
    """
    folder, notes = Path(folder), list[str]()
    images = listed_images(folder) if folder.is_file() else find_images(folder)
    labels = _regular(_label_files(images, notes), folder)
    if not any(labels):
        raise PoseError(
            f"{folder} has images but neither a COCO .json nor .txt labels beside them: expected "
            f"one of the two{other_labels(folder)}"
        )
    parts = [_rows_of(label) if label else _NO_ROWS for label in labels]
    places = [(label, line) for label, (_, lines) in zip(labels, parts) for line in lines]
    table = _table([rows for rows, _ in parts if len(rows)], places, folder)
    boxes = np.concatenate(
        [table[:, 1:3] - table[:, 3:5] / 2, table[:, 1:3] + table[:, 3:5] / 2], axis=1
    )
    described = described or read_description(folder)
    count = described.count if described else None
    count = len(layout) if layout else count
    keypoints = _keypoints(table, boxes, count, places, notes)
    if layout is None and described is not None:
        layout = described.layout(keypoints.shape[1])
    layout = layout or layout_for(keypoints.shape[1])
    if keypoints.shape[1] != len(layout):
        raise PoseError(
            f"{folder}: the labels have {keypoints.shape[1]} keypoints, {len(layout)} are expected"
        )
    fill_boxes(boxes, keypoints, "box", notes)
    areas = AREA_OF_BOX * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    classes = table[:, 0].astype(int)
    crowd = np.zeros(len(table), bool)
    ends = np.cumsum([len(rows) for rows, _ in parts])
    samples = []
    for number, (image, (rows, _), end) in enumerate(zip(images, parts, ends.tolist()), 1):
        own = slice(end - len(rows), end)
        raw = keypoints[own], boxes[own], areas[own]
        samples.append(lazy_sample(number, image, FRACTION, raw, crowd[own], classes[own]))
    note_turned(samples, notes)
    say(folder, notes)
    count = 1 + classes.max()
    names = tuple(f"class_{i}" for i in range(count)) if count > 1 else ()
    if described is not None and len(described.class_names) >= count:
        names = described.class_names
    dataset = Dataset(tuple(samples), layout, folder, names)
    return dataset.with_layout(usual_layout(layout))


def _label_files(images: list[Path], notes: list[str]) -> list[str]:
    """The label file of each image, empty if missing: beside it, else in ``labels`` instead of
    ``images``. Lists each folder once.

    Raises:
        PoseError: if the label of an image is one of several, or that of several, by other
            capitals.
    """
    names_in = lru_cache(maxsize=None)(listed)
    parallel = lru_cache(maxsize=None)(parallel_labels)
    labels, missing = [], []
    for index, image in enumerate(images):
        folder, name = os.path.split(image)
        label, folders = same_name(os.path.splitext(name)[0] + ".txt"), (folder, parallel(folder))
        labels.append(next(filter(None, (names_in(f).get(label) for f in folders)), ""))
        if not labels[-1]:
            missing.append((index, label, tuple(dict.fromkeys(folders))))
    recased = _recased_labels(images, missing, set(labels))
    for index, label in recased.items():
        labels[index] = label
    if recased:
        index, label = next(iter(recased.items()))
        notes.append(capitals(len(recased), images[index].stem + ".txt", label))
    return labels


def _recased_labels(
    images: list[Path], missing: list[tuple[int, str, tuple[str, ...]]], used: set[str]
) -> dict[int, str]:
    """The labels of images that have one with other capitals, which is not that of another image,
    by the index of the image."""
    by_case = lru_cache(maxsize=None)(listed_by_case)
    found: dict[str, int] = {}
    for index, name, folders in missing:
        paths = [path for f in folders for path in by_case(f).get(name.casefold(), [])]
        paths = [path for path in paths if path not in used]
        if len(paths) > 1:
            raise PoseError(
                f"{images[index]}: no label {name}; {paths[0]} and {paths[1]} are called so with "
                "other capitals: rename one"
            )
        for path in paths:
            other = found.setdefault(path, index)
            if other != index:
                raise PoseError(
                    f"{path}: may be the label of {images[other]} or {images[index]}, which have "
                    "other capitals: rename it"
                )
    return {index: path for path, index in found.items()}


def _regular(labels: list[str], folder: Path) -> list[str]:
    """The labels that are regular files, empty for others: pipes would be waited for."""
    left = [label for label in labels if label and not os.path.isfile(label)]
    if left:
        warnings.warn(
            f"{folder}: {len(left)} labels are not regular files ({left[0]}): their images count "
            "as ones without people",
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


_NO_ROWS: tuple[np.ndarray, list[int]] = np.zeros((0, 0)), []


def _rows_of(label: str) -> tuple[np.ndarray, list[int]]:
    """The numbers of a label file, (N, fields), and the number of each line."""
    try:
        with open(label, "rb") as file:  # opening as text takes twice as long
            lines = decoded(file.read(), label).splitlines()
    except OSError as error:
        raise PoseError(f"{label} cannot be read: {error.strerror or error}") from error
    filled = [number for number, line in enumerate(lines, 1) if line.strip()]
    check_count(len(filled), MAX_PEOPLE, "people", label)
    rows = [_numbers(lines[number - 1], f"{label}, line {number}") for number in filled]
    for number, row in zip(filled, rows):
        if len(row) != len(rows[0]):
            raise PoseError(f"{label}, line {number}: {_other_count(len(row), len(rows[0]))}")
    return (np.array(rows), filled) if rows else _NO_ROWS


def _other_count(fields: int, before: int) -> str:
    return f"{fields} fields; the lines before had {before}; expected the same for all"


def _numbers(line: str, where: str) -> list[float]:
    fields = line.split()
    check_count(len(fields) / 3, MAX_KEYPOINTS + 2, "keypoints", where)
    try:
        values = [float(field) for field in fields]
    except ValueError as error:
        raise PoseError(f"{where}: {error}; expected numbers: {FORM}") from error
    if len(values) < 7 or not math.isfinite(sum(values)):
        raise PoseError(
            f"{where}: {len(values)} fields; expected 5 + 3 × keypoints finite numbers: {FORM}"
        )
    return values


def _table(rows: list[np.ndarray], places: list[tuple[str, int]], folder: Path) -> np.ndarray:
    """(P, fields) of all label files; classes, and fractions of the image.

    Raises:
        PoseError: if the files differ in their number of fields; if no person is annotated; if a
            number can be neither.
    """
    if not rows:
        raise PoseError(f"all label files of {folder} are empty: no person is annotated")
    start = 0
    for part in rows:
        if part.shape[1] != rows[0].shape[1]:
            label, line = places[start]
            what = _other_count(part.shape[1], rows[0].shape[1])
            raise PoseError(f"{label}, line {line}: {what}")
        start += len(part)
    table = np.concatenate(rows)
    classes, fractions = table[:, :1], table[:, 1:]
    what = f"a class; expected an integer from 0 to {MAX_CLASSES - 1}"
    _refuse((classes < 0) | (classes >= MAX_CLASSES) | (classes % 1 != 0), classes, what, places)
    far = (fractions > _FARTHEST) | (fractions < 1 - _FARTHEST)
    far[:, 2:4] |= fractions[:, 2:4] < 0
    what = (
        "a fraction of an image; expected numbers from 0 to 1, that is pixels divided by the "
        "image's width and height"
    )
    _refuse(far, fractions, what, places)
    return table


def _refuse(
    wrong: np.ndarray, values: np.ndarray, what: str, places: list[tuple[str, int]]
) -> None:
    """Raises PoseError if a value is wrong, with its file and line."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        label, line = places[row]
        raise PoseError(f"{label}, line {line}: {values[row, column]:g} is not {what}: {FORM}")


def _keypoints(
    table: np.ndarray,
    boxes: np.ndarray,
    count: int | None,
    places: list[tuple[str, int]],
    notes: list[str],
) -> np.ndarray:
    """(P, K, 3) in fractions of the image."""
    values = table[:, 5:]
    columns = columns_of(values, boxes, count)
    if not columns and values.shape[1] % 3:
        label, line = places[0]
        raise PoseError(
            f"{label}, line {line}: {table.shape[1]} fields; expected 5 + 3 × keypoints (or 2 × "
            f"keypoints) numbers: {FORM}"
        )
    keypoints = triplets(values, columns or 3, notes)
    if columns == 2 and values.shape[1] % 3 == 0 and count is None:
        notes.append(f"if not, write kpt_shape: [{values.shape[1] // 3}, 3] to a data.yaml there")
    seen = keypoints[:, :, 2]
    is_score = (seen > 0) & (seen < 1)
    what = "a visibility; expected 0 (not labeled), 1 (labeled) or 2 (visible), or a score"
    _refuse(~is_score & ~np.isin(seen, (0, 1, 2)), seen, what, places)
    if is_score.any():
        notes.append("visibilities between 0 and 1 are taken as the scores of predictions")
    return keypoints
