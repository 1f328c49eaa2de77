"""Reads and writes COCO keypoint annotations (cocodataset.org, "Data format").

Coordinates are read as continuous ones from the corner of the first pixel. COCO does not define
this; the model zoo's converter and Ultralytics, with which the supported networks were trained,
read it so, while other tools add half a pixel.

Exports of annotation tools differ in details, which are accepted: ids as text or 1.0; missing
areas, crowd flags and counts; categories without keypoints beside the one that has them; file names
with backslashes, folders or %20.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..keypoints import KeypointLayout, coco_category, layout_from_coco_category, usual_layout
from ..poses import AREA_OF_BOX
from .dataset import Dataset, Sample
from .image_finder import ImageFinder

_LARGEST = 1e9
"""Upper bound of any coordinate or area."""


def read_coco(path: str | Path) -> Dataset:
    """Reads a COCO keypoints file; images without annotations are kept, without people.

    The keypoints of a known layout, such as COCO's 17, are in its order, whatever the file's.
    If an image id is text, the images are numbered from 1 in the order of the file.

    Raises:
        PoseError: if the file is missing or not COCO keypoints; if keys are missing; if keypoints
            have the wrong length; if an annotation refers to an unknown image; if two images have
            the same id or file; if an image file is missing. The message names the file and the
            annotation or image.
    """
    path = Path(path)
    document = _read_json(path)
    classes, layout = _keypoint_categories(document, path)
    people = _people(document["annotations"], list(classes), layout, path)
    images = _images(document["images"], path)
    finder = ImageFinder(path)
    numbered = all(isinstance(i, int) for i in images)
    samples = [
        _sample(
            int(identity) if numbered else number,
            record,
            people.pop(identity, people[None]),
            finder,
            where,
        )
        for number, (identity, (record, where)) in enumerate(images.items(), 1)
    ]
    unknown = [identity for identity in people if identity is not None]
    if unknown:
        raise PoseError(
            f"{path}: annotations name image_id {unknown[0]!r}, which is not among its "
            f"{len(images)} images"
        )
    dataset = Dataset(tuple(samples), layout, path, tuple(classes.values()))
    return dataset.with_layout(usual_layout(layout))


def read_coco_layout(path: str | Path) -> KeypointLayout:
    """The keypoint layout of a COCO file; raises PoseError as :func:`read_coco`."""
    return usual_layout(_keypoint_categories(_read_json(Path(path)), Path(path))[1])


def _read_json(path: Path) -> dict:
    if not path.is_file():
        what = "is no regular file" if path.exists() else "does not exist"
        raise PoseError(f"no annotation file: {path} {what}; expected a COCO .json")
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise PoseError(f"{path} is not JSON: {error}") from error
    except OSError as error:
        raise PoseError(f"{path} cannot be read: {error.strerror or error}") from error
    if not isinstance(document, dict):
        raise PoseError(
            f"{path}: expected a COCO keypoints file, an object with images, annotations and "
            f"categories; got a {type(document).__name__}"
        )
    for key in ("images", "annotations", "categories"):
        if not isinstance(document.get(key), list):
            raise PoseError(
                f"{path}: the key {key!r} is missing or not a list; a COCO keypoints file has "
                "images, annotations and categories"
            )
    return document


# ---------------------------------------------------------------- records


def _keypoint_categories(document: dict, path: Path) -> tuple[dict[int | str, str], KeypointLayout]:
    """The names of the categories with keypoints by id, and their common layout.

    If they differ, only those that an annotation uses count.
    """
    known = [c for c in document["categories"] if isinstance(c, dict) and c.get("keypoints")]
    if len({json.dumps(c["keypoints"]) for c in known}) > 1:
        used = {
            str(a.get("category_id"))
            for a in document["annotations"]
            if isinstance(a, dict) and a.get("keypoints")
        }
        known = [c for c in known if str(c.get("id")) in used] or known
    names = ", ".join(str(c.get("name")) for c in known) or "none"
    if not known or len({json.dumps(c["keypoints"]) for c in known}) > 1:
        count = len(known) or "none" if known else 0
        raise PoseError(
            f"{path}: expected one category with 'keypoints' (their names), or several with the "
            f"same ones; found {count} ({names})"
        )
    classes = {
        _identity(c.get("id", 1), f"{path}: category {c.get('name')!r}: id"): str(
            c.get("name") or f"category {c.get('id', 1)}"
        )
        for c in known
    }
    try:
        return classes, layout_from_coco_category(known[0])
    except PoseError as error:
        raise PoseError(f"{path}: category {known[0].get('name')!r}: {error}") from error


def _people(
    annotations: list, categories: list[int | str], layout: KeypointLayout, path: Path
) -> dict[int | str | None, tuple]:
    """Keypoints (N, K, 3), boxes (N, 4) xyxy, areas (N,), crowd flags (N,) and indices of their
    categories (N,) by image id; under None those of no person."""
    records: list[tuple[Mapping, str]] = []
    classes: list[int] = []
    of_image: dict[int | str | None, list[int]] = defaultdict(list, {None: []})
    for index, annotation in enumerate(annotations):
        where = f"{path}: annotations[{index}]"
        record = _require(annotation, ("image_id", "bbox"), where)
        category = _identity(record.get("category_id", categories[0]), f"{where}: category_id")
        if category in categories:
            classes.append(categories.index(category))
            of_image[_identity(record["image_id"], f"{where}: image_id")].append(len(records))
            records.append((record, where))
    tables = (
        _keypoints(records, len(layout)),
        *_boxes(records),
        _crowd(records),
        np.array(classes, int),
    )
    return {identity: tuple(table[rows] for table in tables) for identity, rows in of_image.items()}


def _keypoints(records: list[tuple[Mapping, str]], count: int) -> np.ndarray:
    """(P, K, 3) float32."""
    nothing = [0] * (3 * count)
    given = [(record.get("keypoints") or nothing, where) for record, where in records]
    keypoints = _table(
        given, 3 * count, "keypoints", f"x, y, visibility for each of {count}"
    ).reshape(-1, count, 3)
    visibility = keypoints[:, :, 2]
    odd = (visibility != 2) & ((visibility < 0) | (visibility > 1))
    if odd.any():
        person, k = np.argwhere(odd)[0]
        raise PoseError(
            f"{records[person][1]}: keypoints has visibility {visibility[person, k]:g}, expected 0 "
            "(not labeled), 1 (hidden), 2 (visible), or the score of a prediction between 0 and 1"
        )
    return keypoints.astype(np.float32)


def _boxes(records: list[tuple[Mapping, str]]) -> tuple[np.ndarray, np.ndarray]:
    """(P, 4) xyxy and areas (P,), float32."""
    boxes = _table(
        [(record["bbox"], where) for record, where in records], 4, "bbox", "x, y, width, height"
    )
    usual = AREA_OF_BOX * boxes[:, 2] * boxes[:, 3]
    areas: list[tuple[Sequence, str]] = [
        ([default if record.get("area") is None else record["area"]], where)
        for default, (record, where) in zip(usual, records, strict=True)
    ]
    boxes[:, 2:] += boxes[:, :2]
    return boxes.astype(np.float32), _table(areas, 1, "area", "square pixels")[:, 0].astype(
        np.float32
    )


def _crowd(records: list[tuple[Mapping, str]]) -> np.ndarray:
    """(P,) bool."""
    for record, where in records:
        if record.get("iscrowd", 0) not in (0, 1, None, "0", "1"):
            raise PoseError(f"{where}: iscrowd is {record['iscrowd']!r:.60}, expected 0 or 1")
    return np.array([bool(int(record.get("iscrowd") or 0)) for record, _ in records], bool)


def _table(rows: list[tuple[Sequence, str]], count: int, what: str, meaning: str) -> np.ndarray:
    """(P, count) float64 from P lists of numbers, each with its place in the file for error
    messages."""
    try:  # all at once, which is fast; on failure one by one, to name the faulty one
        table = np.array([values for values, _ in rows], dtype=np.float64).reshape(len(rows), count)
        if (np.abs(table) < _LARGEST).all():
            return table
    except (TypeError, ValueError, OverflowError):
        pass
    return np.array(
        [_numbers(values, count, f"{where}: {what}", meaning) for values, where in rows]
    )


def _images(images: list, path: Path) -> dict[int | str, tuple[Mapping, str]]:
    """The image records by id, each with its place in the file for error messages."""
    found: dict[int | str, tuple[Mapping, str]] = {}
    for index, image in enumerate(images):
        where = f"{path}: images[{index}]"
        identity = _identity(_require(image, ("id", "file_name"), where)["id"], f"{where}: id")
        if identity in found:
            raise PoseError(
                f"{where}: id {identity!r} is also that of "
                f"{found[identity][1].rsplit(' ', 1)[-1]}; give each image its own"
            )
        found[identity] = (image, where)
    return found


def _require(record, keys: tuple[str, ...], where: str) -> Mapping:
    if not isinstance(record, Mapping):
        raise PoseError(f"{where}: expected an object, got {record!r:.60}")
    missing = [key for key in keys if key not in record]
    if missing:
        raise PoseError(
            f"{where}: missing {', '.join(missing)}; it has {', '.join(record) or 'no keys'}"
        )
    return record


def _identity(value, where: str) -> int | str:
    """An id as an integer, whether written 7, 7.0 or "7"; any other text as it is."""
    if type(value) is int:
        return value
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isdecimal() and len(text) < 19 else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise PoseError(f"{where}: expected an integer or text, got {value!r:.60}")


def _numbers(values, count: int, where: str, meaning: str) -> np.ndarray:
    """(count,) float64 from a list of numbers."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise PoseError(
            f"{where} is {values!r:.60}, expected a list of {count} numbers ({meaning})"
        )
    if len(values) != count:
        raise PoseError(f"{where} has {len(values)} numbers, expected {count} ({meaning})")
    try:
        numbers = np.array([float(v) for v in values])
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseError(f"{where} must be {count} numbers ({meaning}): {error}") from error
    if not (np.abs(numbers) < _LARGEST).all():
        raise PoseError(f"{where} must be finite numbers ({meaning}), got {values!r:.80}")
    return numbers


def _sample(
    image_id: int, record: Mapping, people: tuple, finder: ImageFinder, where: str
) -> Sample:
    return Sample(image_id, finder.find(record["file_name"], where), _size(record, where), *people)


def _size(record: Mapping, where: str) -> tuple[int, int] | None:
    width, height = record.get("width"), record.get("height")
    if not width or not height:
        return None
    try:
        size = int(width), int(height)
    except (TypeError, ValueError, OverflowError) as error:
        raise PoseError(
            f"{where}: width and height are {(width, height)!r:.60}, expected pixels: {error}"
        ) from error
    if not 0 < min(size) <= max(size) < _LARGEST:
        raise PoseError(
            f"{where}: width and height are {size[0]} and {size[1]}, expected pixels above 0"
        )
    return size


# ---------------------------------------------------------------- writing


def to_coco(dataset: Dataset, file_names: Sequence[str] | None = None) -> dict:
    """A dataset as a COCO keypoints document, as pycocotools reads it.

    Args:
        dataset: to write; areas, boxes and crowd flags are kept.
        file_names: paths of the images relative to their new folder (default: the names of the
            files).
    """
    images: list[dict] = []
    annotations: list[dict] = []
    for sample, name in zip(dataset, file_names or [s.path.name for s in dataset], strict=True):
        width, height = sample.size or (0, 0)
        images.append({"id": sample.image_id, "file_name": name, "width": width, "height": height})
        for keypoints, box, area, crowd, index in zip(
            sample.keypoints,
            sample.boxes,
            sample.areas,
            sample.crowd,
            sample.classes.tolist(),
            strict=True,
        ):
            record = annotation_record(
                len(annotations) + 1, sample.image_id, keypoints, box, float(area), bool(crowd)
            )
            annotations.append(record | {"category_id": index + 1})
    return {
        "images": images,
        "annotations": annotations,
        "categories": [
            coco_category(dataset.layout) | {"id": index, "name": name}
            for index, name in enumerate(dataset.class_names, 1)
        ],
    }


def annotation_record(
    annotation_id: int,
    image_id: int,
    keypoints: np.ndarray,
    box: np.ndarray,
    area: float,
    crowd: bool = False,
) -> dict:
    """A COCO annotation from keypoints (K, 3) and box (4,) xyxy."""
    labeled = keypoints[:, 2] > 0
    triplets = np.concatenate(
        [np.where(labeled[:, None], keypoints[:, :2], 0), keypoints[:, 2:]], axis=1
    )
    x0, y0, x1, y1 = (float(v) for v in box)
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": int(crowd),
        "num_keypoints": int(labeled.sum()),
        "keypoints": [
            int(v) if i % 3 == 2 and v.is_integer() else round(v, 2)
            for i, v in enumerate(triplets.ravel().tolist())
        ],
        "bbox": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "area": round(area, 2),
    }
