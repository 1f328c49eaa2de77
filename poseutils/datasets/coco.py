"""COCO keypoint annotations (cocodataset.org, "Data format"): read and written.

Coordinates are taken as they are, as continuous ones that count from the corner of the first pixel. COCO does not say so; the
networks at hand were trained by tools that read it so (the model zoo's converter, Ultralytics), and other tools add half a pixel.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..keypoints import KeypointLayout, layout_from_coco_category
from .dataset import Dataset, Sample


def read_coco(path: str | Path) -> Dataset:
    """Reads a COCO keypoints file; images without annotations stay in, as images without people.

    Raises:
        PoseError: if the file is missing or not COCO keypoints; keys are missing; keypoints have the wrong length;
            an annotation names an image that is not listed; no image file is where it should be.
    """
    path = Path(path)
    document = _read_json(path)
    category = _keypoint_category(document, path)
    layout = layout_from_coco_category(category)
    people = defaultdict(list)
    for index, annotation in enumerate(document["annotations"]):
        where = f"{path}: annotations[{index}]"
        record = _require(annotation, ("image_id", "bbox"), where)
        if record.get("category_id", category.get("id")) == category.get("id"):
            people[record["image_id"]].append(_person(record, layout, where))
    folder = _image_folder(path, document["images"])
    samples = [
        _sample(image, people.pop(image.get("id"), []), folder, len(layout), f"{path}: images[{i}]")
        for i, image in enumerate(document["images"])
    ]
    if people:
        raise PoseError(f"{path}: annotations name image_id {next(iter(people))!r}, which is not among its {len(samples)} images")
    return Dataset(tuple(samples), layout, path)


def _read_json(path: Path) -> dict:
    if not path.is_file():
        raise PoseError(f"no such annotation file: {path}")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise PoseError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise PoseError(
            f"{path}: expected a COCO keypoints file, an object with images, annotations and categories; got a {type(document).__name__}"
        )
    for key in ("images", "annotations", "categories"):
        if not isinstance(document.get(key), list):
            raise PoseError(
                f"{path}: the key {key!r} is missing or not a list; a COCO keypoints file has images, annotations and categories"
            )
    return document


def _keypoint_category(document: dict, path: Path) -> dict:
    categories = [c for c in document["categories"] if isinstance(c, dict) and c.get("keypoints")]
    if len(categories) != 1:
        names = ", ".join(str(c.get("name")) for c in categories) or "none"
        raise PoseError(f"{path}: expected one category with 'keypoints' (their names), found {len(categories)} ({names})")
    return categories[0]


def _require(record, keys: tuple[str, ...], where: str) -> Mapping:
    if not isinstance(record, Mapping):
        raise PoseError(f"{where}: expected an object, got {record!r:.60}")
    missing = [key for key in keys if key not in record]
    if missing:
        raise PoseError(f"{where}: missing {', '.join(missing)}; it has {', '.join(record) or 'nothing'}")
    return record


def _person(record: Mapping, layout: KeypointLayout, where: str) -> tuple:
    """Keypoints (K, 3), box (4,) xyxy, area, crowd of one annotation."""
    flat = record.get("keypoints") or [0] * (3 * len(layout))
    if len(flat) != 3 * len(layout):
        raise PoseError(
            f"{where}: keypoints has {len(flat)} numbers, expected {3 * len(layout)} (x, y, visibility for each of {len(layout)})"
        )
    box = record["bbox"]
    try:
        keypoints = np.array(flat, dtype=np.float32).reshape(-1, 3)
        x, y, width, height = (float(v) for v in box)
    except (TypeError, ValueError) as error:
        raise PoseError(f"{where}: keypoints and bbox must be numbers, bbox four of them (x, y, width, height): {error}") from error
    if not np.isfinite([x, y, width, height]).all() or not np.isfinite(keypoints).all():
        raise PoseError(f"{where}: keypoints and bbox must be finite numbers")
    return keypoints, (x, y, x + width, y + height), float(record.get("area", width * height)), bool(record.get("iscrowd", 0))


def _sample(image, people: list[tuple], folder: Path, count: int, where: str) -> Sample:
    image = _require(image, ("id", "file_name"), where)
    path = folder / image["file_name"]
    if not path.is_file():
        raise PoseError(f"{where}: no such image: {path}")
    size = (int(image["width"]), int(image["height"])) if "width" in image and "height" in image else None
    keypoints, boxes, areas, crowd = zip(*people, strict=True) if people else ((), (), (), ())
    return Sample(
        image["id"],
        path,
        size,
        np.array(keypoints, np.float32).reshape(-1, count, 3),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(areas, np.float32),
        np.array(crowd, bool),
    )


def _image_folder(path: Path, images: list) -> Path:
    """Where the images of an annotation file are: the first usual place that has the first of them."""
    split = path.stem.removeprefix("person_keypoints_").removeprefix("instances_")
    root = path.parent.parent if path.parent.name == "annotations" else path.parent
    candidates = [root / split, root / "images" / split, root / "images", path.parent, root]
    first = images[0].get("file_name", "") if images and isinstance(images[0], Mapping) else ""
    return next((folder for folder in candidates if first and (folder / first).is_file()), candidates[0])


def to_coco(dataset: Dataset) -> dict:
    """A dataset as a COCO keypoints document, with areas, boxes and crowds as they are (what pycocotools reads)."""
    images, annotations = [], []
    for sample in dataset:
        width, height = sample.size or (0, 0)
        images.append({"id": sample.image_id, "file_name": sample.path.name, "width": width, "height": height})
        for keypoints, box, area, crowd in zip(sample.keypoints, sample.boxes, sample.areas, sample.crowd, strict=True):
            annotations.append(annotation_record(len(annotations) + 1, sample.image_id, keypoints, box, float(area), bool(crowd)))
    return {"images": images, "annotations": annotations, "categories": [dataset.layout.to_coco_category()]}


def annotation_record(annotation_id: int, image_id: int, keypoints: np.ndarray, box: np.ndarray, area: float, crowd: bool = False) -> dict:
    """One COCO annotation from keypoints (K, 3) and box (4,) xyxy."""
    labeled = keypoints[:, 2] > 0
    triplets = np.concatenate([np.where(labeled[:, None], keypoints[:, :2], 0), keypoints[:, 2:]], axis=1)
    x0, y0, x1, y1 = (float(v) for v in box)
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": int(crowd),
        "num_keypoints": int(labeled.sum()),
        "keypoints": [int(v) if i % 3 == 2 else round(v, 2) for i, v in enumerate(triplets.ravel().tolist())],
        "bbox": [round(v, 2) for v in (x0, y0, x1 - x0, y1 - y0)],
        "area": round(area, 2),
    }
