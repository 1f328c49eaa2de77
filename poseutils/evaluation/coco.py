"""COCO's keypoint average precision, by pycocotools itself, image after image in little memory."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field

import numpy as np

from ..datasets import Sample
from ..poses import Poses

NAMES = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar", "ar50", "ar75", "ar_medium", "ar_large")
_CHUNK = 200
"""Images that are handed to pycocotools at a time; what it keeps of them is a hundredth of what it makes on the way."""


@dataclass
class CocoAP:
    """Average precision and recall of COCO's keypoint evaluation (cocodataset.org, "Keypoint Evaluation").

    Images are added one by one. pycocotools matches them a chunk at a time, and from all matches computes the figures at the end:
    they are the same as of one run over everything. The annotated areas, crowds and people without labels count as COCO counts them.

    Attributes:
        sigmas: (K,) of the keypoints.
    """

    sigmas: np.ndarray
    _waiting: list[tuple[Sample, Poses]] = field(default_factory=list)
    _matched: list[tuple] = field(default_factory=list)

    def add(self, sample: Sample, poses: Poses) -> None:
        """Adds an image; the 20 best poses of it count."""
        self._waiting.append((sample, poses))
        if len(self._waiting) == _CHUNK:
            self._match()

    def result(self) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """The figures, without those of sizes that nobody has, and curves: ``recall`` (101,) with the ``precision`` at OKS 0.50
        and at 0.75 (101,)."""
        self._match()
        coco = _evaluation([], self.sigmas)
        by_image = sorted(self._matched, key=lambda item: item[0])  # pycocotools' order, which decides between equal scores
        coco.evalImgs = [image for area in zip(*(areas for _, areas in by_image), strict=True) for image in area]
        coco.params.imgIds = coco._paramsEval.imgIds = [image_id for image_id, _ in by_image]
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
            coco.accumulate()
            coco.summarize()
        metrics = {name: float(value) for name, value in zip(NAMES, coco.stats, strict=True) if value >= 0}
        precision = np.maximum(coco.eval["precision"][:, :, 0, 0, 0], 0)
        return metrics, {"recall": coco.params.recThrs, "OKS 0.50": precision[0], "OKS 0.75": precision[5]}

    def _match(self) -> None:
        if not self._waiting:
            return
        coco = _evaluation(self._waiting, self.sigmas)
        count = len(self._waiting)
        for place, (sample, _) in enumerate(self._waiting):
            self._matched.append((sample.image_id, [_compact(image) for image in coco.evalImgs[place::count]]))
        self._waiting = []


def _evaluation(images: list[tuple[Sample, Poses]], sigmas: np.ndarray):
    """A COCOeval that has matched these images, numbered from 0."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth, found = [], []
    for number, (sample, poses) in enumerate(images):
        for keypoints, box, area, crowd in zip(sample.keypoints, sample.boxes, sample.areas, sample.crowd, strict=True):
            truth.append(_annotation(len(truth) + 1, number, keypoints, box, float(area), bool(crowd)))
        found += _detections(number, poses)
    numbers = [{"id": number} for number in range(len(images))]
    with contextlib.redirect_stdout(io.StringIO()):
        coco_truth, coco_found = COCO(), COCO()
        coco_truth.dataset = {"images": numbers, "annotations": truth, "categories": [{"id": 1}]}
        coco_truth.createIndex()
        if found:
            coco_found = coco_truth.loadRes(found)
        else:  # loadRes fails on an empty list
            coco_found.dataset = {"images": numbers, "annotations": [], "categories": [{"id": 1}]}
            coco_found.createIndex()
        coco = COCOeval(coco_truth, coco_found, "keypoints")
        coco.params.kpt_oks_sigmas = sigmas
        coco.evaluate()
    return coco


def _annotation(annotation_id: int, number: int, keypoints: np.ndarray, box: np.ndarray, area: float, crowd: bool) -> dict:
    """What COCOeval reads of an annotation, not rounded."""
    x0, y0, x1, y1 = box.tolist()
    return {
        "id": annotation_id,
        "image_id": number,
        "category_id": 1,
        "keypoints": keypoints.ravel().tolist(),
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": area,
        "iscrowd": int(crowd),
    }


def _detections(number: int, poses: Poses) -> list[dict]:
    """COCO keypoint results, not rounded; without boxes, for pycocotools to take the area from the keypoints, as COCO does."""
    triplets = np.concatenate([poses.keypoints, poses.scores[..., None]], axis=2)
    return [
        {"image_id": number, "category_id": 1, "keypoints": points.ravel().tolist(), "score": score}
        for points, score in zip(triplets, poses.person_scores.tolist(), strict=True)
    ]


def _compact(image: dict | None) -> dict | None:
    """What COCOeval.accumulate reads of an image."""
    if image is None:
        return None
    return {
        "dtScores": np.asarray(image["dtScores"]),
        "dtMatches": image["dtMatches"] > 0,
        "dtIgnore": np.asarray(image["dtIgnore"], bool),
        "gtIgnore": np.asarray(image["gtIgnore"], np.int8),
    }
