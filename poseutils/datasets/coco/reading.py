"""Reads COCO keypoint annotations (cocodataset.org, "Data format").

Coordinates are read as continuous ones from the corner of the first pixel. COCO does not define
this; the model zoo's converter and Ultralytics, with which the supported networks were trained,
read it so, while other tools add half a pixel.

Exports of annotation tools differ in details, which are accepted: ids as text or 1.0; missing
boxes, areas, crowd flags and counts; categories without keypoints beside the one that has them, or
without their names; two columns a keypoint; -1 or null for not labeled; limbs that point nowhere;
file names with backslashes, folders or %20.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...errors import PoseError
from ...files import decoded
from ...keypoints import KeypointLayout, usual_layout
from ...poses import AREA_OF_BOX
from ..dataset import Dataset, Sample
from ..finding import LABELME, ImageFinder
from ..lazy import compare_sizes, lazy_sample
from ..numbers import (
    LARGEST,
    MAX_PEOPLE,
    check_count,
    fill_boxes,
    flat,
    identity_of,
    require,
    say,
    table_of,
    triplets,
    without_nulls,
)
from .categories import annotations_of, keypoint_categories

_FRACTION = 1.5
"""Largest coordinate of files in which they are fractions of the image."""

_TINY = 25
"""Area of a box in square pixels, above which an annotated area of 1 is a placeholder."""


def read_coco(path: str | Path) -> Dataset:
    """Reads a COCO keypoints file; images without annotations are kept, without people.

    The keypoints of a known layout, such as COCO's 17, are in its order, whatever the file's.
    If an image id is text, the images are numbered from 1 in the order of the file. Images of
    another size but the same proportions have their annotations scaled. A warning says what was
    taken how.

    Raises:
        PoseError: if the file is missing or not COCO keypoints; if keys are missing; if keypoints
            have the wrong length; if an annotation refers to an unknown image; if two images have
            the same id or file; if an image file is missing, or of other proportions. The message
            names the file and the annotation or image.
    """
    path, notes = Path(path), list[str]()
    document = _read_json(path)
    classes, layout = keypoint_categories(document, path, notes)
    records, indices = annotations_of(document, list(classes), path, notes)
    people = _people(records, indices, layout, path, notes)
    images = _images(document["images"], path)
    finder = ImageFinder(path)
    numbered = all(isinstance(i, int) for i in images)
    found = [
        _sample(
            int(identity) if numbered else number,
            record,
            people.pop(identity, people[None]),
            finder,
            where,
        )
        for number, (identity, (record, where)) in enumerate(images.items(), 1)
    ]
    samples = [sample for sample in found if sample is not None]
    notes += finder.notes()
    unknown = [identity for identity in people if identity is not None]
    if unknown:
        raise PoseError(
            f"{path}: annotations name image_id {unknown[0]!r}, which is not among its "
            f"{len(images)} images"
        )
    compare_sizes(samples, path, notes)
    say(path, notes)
    dataset = Dataset(tuple(samples), layout, path, tuple(classes.values()))
    return dataset.with_layout(usual_layout(layout))


def read_coco_layout(path: str | Path) -> KeypointLayout:
    """The keypoint layout of a COCO file; raises PoseError as :func:`read_coco`."""
    return usual_layout(keypoint_categories(_read_json(Path(path)), Path(path), [])[1])


def _read_json(path: Path) -> dict:
    if not path.is_file():
        what = "is not a regular file" if path.exists() else "does not exist"
        raise PoseError(f"no annotation file: {path} {what}; expected a COCO .json")
    try:
        text = decoded(path.read_bytes(), path)
    except OSError as error:
        raise PoseError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PoseError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise PoseError(
            f"{path}: expected a COCO keypoints file, an object with images, annotations and "
            f"categories; got a {type(document).__name__}"
        )
    if {"shapes", "imagePath"} <= document.keys():
        raise PoseError(f"{path} {LABELME}")
    document["categories"] = document.get("categories") or []
    for key in ("images", "annotations", "categories"):
        if not isinstance(document.get(key), list):
            raise PoseError(
                f"{path}: the key {key!r} is missing or not a list; a COCO keypoints file has "
                "images, annotations and categories"
            )
    return document


def _people(
    records: list[tuple[Mapping, str]],
    indices: np.ndarray,
    layout: KeypointLayout,
    path: Path,
    notes: list[str],
) -> dict[int | str | None, tuple]:
    """Keypoints (N, K, 3), boxes (N, 4) xyxy, areas (N,), crowd flags (N,) and indices of their
    categories (N,) by image id; under None those of no person."""
    of_image: dict[int | str | None, list[int]] = defaultdict(list, {None: []})
    for index, (record, where) in enumerate(records):
        of_image[identity_of(record["image_id"], f"{where}: image_id")].append(index)
    for identity, rows in of_image.items():
        check_count(len(rows), MAX_PEOPLE, "annotations", f"{path}: image_id {identity!r}")
    keypoints = _keypoints(records, len(layout), notes)
    boxes = _boxes(records, keypoints, notes)
    tables = keypoints, boxes, _areas(records, boxes, notes), _crowd(records), indices
    return {identity: tuple(table[rows] for table in tables) for identity, rows in of_image.items()}


def _keypoints(records: list[tuple[Mapping, str]], count: int, notes: list[str]) -> np.ndarray:
    """(P, K, 3) float32."""
    rows = [flat(record.get("keypoints") or []) for record, _ in records]
    sizes = {len(row) for row in rows if isinstance(row, list) and row}
    columns, meaning = (2, "x, y") if sizes == {2 * count} else (3, "x, y, visibility")
    rows = without_nulls(rows, columns, notes)
    table = table_of(
        [(row or [0] * (columns * count), where) for row, (_, where) in zip(rows, records)],
        columns * count,
        "keypoints",
        f"{meaning} for each of {count}",
    )
    keypoints = triplets(table, columns, notes)
    visibility = keypoints[:, :, 2]
    if visibility.any() and np.abs(keypoints[:, :, :2]).max() <= _FRACTION:
        notes.append(
            "all keypoints are within a pixel or two of the corner, as fractions of the image are; "
            "expected pixels"
        )
    odd = (visibility != 2) & ((visibility < 0) | (visibility > 1))
    if odd.any():
        person, k = np.argwhere(odd)[0]
        raise PoseError(
            f"{records[person][1]}: keypoints has visibility {visibility[person, k]:g}, expected 0 "
            "(not labeled), 1 (hidden), 2 (visible), or the score of a prediction between 0 and 1"
        )
    return keypoints.astype(np.float32)


def _boxes(
    records: list[tuple[Mapping, str]], keypoints: np.ndarray, notes: list[str]
) -> np.ndarray:
    """(P, 4) xyxy float32; around the keypoints where there is none."""
    given = [record.get("bbox") for record, _ in records]
    rows = [
        ([0] * 4 if box in (None, [], [None] * 4) else box, where)
        for box, (_, where) in zip(given, records)
    ]
    boxes = table_of(rows, 4, "bbox", "x, y, width, height")
    boxes[:, 2:] += boxes[:, :2]
    fill_boxes(boxes, keypoints, "bbox", notes)
    return boxes.astype(np.float32)


def _areas(records: list[tuple[Mapping, str]], boxes: np.ndarray, notes: list[str]) -> np.ndarray:
    """(P,) float32; of the box where there is none, or one that cannot be."""
    extent = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1, dtype=np.float64)
    usual = AREA_OF_BOX * extent
    given = [record.get("area") for record, _ in records]
    rows: list[tuple[Sequence, str]] = [
        ([default if area in (None, "") else area], where)
        for default, area, (_, where) in zip(usual.tolist(), given, records, strict=True)
    ]
    areas = table_of(rows, 1, "area", "square pixels")[:, 0]
    empty = (areas <= 1) & (extent > _TINY)
    if empty.any():
        notes.append(
            f"area is 0 or 1 for {empty.sum()} of {len(areas)} annotations, against which no "
            "keypoint would be near enough (OKS and AP 0), probably as their tool measures none: "
            f"taken as {AREA_OF_BOX} of the box"
        )
    return np.where(empty, usual, areas).astype(np.float32)


def _crowd(records: list[tuple[Mapping, str]]) -> np.ndarray:
    """(P,) bool."""
    for record, where in records:
        if record.get("iscrowd", 0) not in (0, 1, None, "0", "1"):
            raise PoseError(f"{where}: iscrowd is {record['iscrowd']!r:.60}, expected 0 or 1")
    return np.array([bool(int(record.get("iscrowd") or 0)) for record, _ in records], bool)


def _images(images: list, path: Path) -> dict[int | str, tuple[Mapping, str]]:
    """The image records by id, each with its place in the file for error messages."""
    found: dict[int | str, tuple[Mapping, str]] = {}
    for index, image in enumerate(images):
        where = f"{path}: images[{index}]"
        identity = identity_of(require(image, ("id", "file_name"), where)["id"], f"{where}: id")
        if identity in found:
            raise PoseError(
                f"{where}: id {identity!r} is also that of "
                f"{found[identity][1].rsplit(' ', 1)[-1]}; give each image its own"
            )
        found[identity] = (image, where)
    return found


def _sample(
    image_id: int, record: Mapping, people: tuple, finder: ImageFinder, where: str
) -> Sample | None:
    path, size = finder.find(record["file_name"], where), _size(record, where)
    if path is None:
        return None
    if size is None:
        return Sample(image_id, path, None, *people)
    *raw, crowd, classes = people
    return lazy_sample(image_id, path, size, raw, crowd, classes)


def _size(record: Mapping, where: str) -> tuple[int, int] | None:
    width, height = record.get("width"), record.get("height")
    if not width or not height:
        return None
    try:
        size = int(float(width)), int(float(height))
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseError(
            f"{where}: width and height are {(width, height)!r:.60}, expected pixels: {error}"
        ) from error
    if not 0 < min(size) <= max(size) < LARGEST:
        raise PoseError(
            f"{where}: width and height are {size[0]} and {size[1]}, expected pixels above 0"
        )
    return size if size != (1, 1) else None  # some tools do not know it
