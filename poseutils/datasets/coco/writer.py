"""Writes COCO keypoint annotations, as pycocotools reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...keypoints import coco_category
from ..dataset import Dataset


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
