"""COCO's keypoint average precision, by pycocotools itself, image after image in little memory."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field

import numpy as np

from ..datasets import Sample
from ..poses import Poses

NAMES = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar", "ar50", "ar75", "ar_medium", "ar_large")
_CHUNK = 8
"""Images that are handed to pycocotools at a time; what it keeps of them is a hundredth of what it makes on the way."""


@dataclass(frozen=True)
class _Matched:
    """What COCOeval.accumulate reads of some images: D detections and G people in A areas at T thresholds of OKS.

    Attributes:
        image_ids: (D,) of each detection.
        scores: (D,).
        found: (A, T, D) bool, whether somebody was matched.
        ignored: (A, T, D) bool, whether the detection neither helps nor harms.
        people_ignored: (A, G) bool.
    """

    image_ids: np.ndarray
    scores: np.ndarray
    found: np.ndarray
    ignored: np.ndarray
    people_ignored: np.ndarray


@dataclass
class CocoAP:
    """Average precision and recall of COCO's keypoint evaluation (cocodataset.org, "Keypoint Evaluation").

    Images are added one by one. pycocotools matches them a chunk at a time, and computes the figures from all matches at the end, a
    threshold at a time: they are the same as of one run over everything. The annotated areas, crowds and people without labels count
    as COCO counts them.

    Attributes:
        sigmas: (K,) of the keypoints.
    """

    sigmas: np.ndarray
    _waiting: list[tuple[Sample, Poses]] = field(default_factory=list)
    _matched: list[_Matched] = field(default_factory=list)

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
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
            coco.eval = _accumulated(coco, _joined(self._matched))
            coco.summarize()
        metrics = {name: float(value) for name, value in zip(NAMES, coco.stats, strict=True) if value >= 0}
        precision = np.maximum(coco.eval["precision"][:, :, 0, 0, 0], 0)
        return metrics, {"recall": coco.params.recThrs, "OKS 0.50": precision[0], "OKS 0.75": precision[5]}

    def _match(self) -> None:
        if self._waiting:
            coco = _evaluation(self._waiting, self.sigmas)
            self._matched.append(_compact(coco, [sample.image_id for sample, _ in self._waiting]))
            self._waiting = []


def _compact(coco, image_ids: list[int]) -> _Matched:
    """What is kept of a chunk that COCOeval has matched; images without people and detections leave nothing."""
    count = len(image_ids)
    areas = [[image for image in coco.evalImgs[start : start + count] if image] for start in range(0, len(coco.evalImgs), count)]
    first = areas[0]
    ids = [np.full(len(image["dtScores"]), image_ids[image["image_id"]]) for image in first]
    thresholds = len(coco.params.iouThrs)

    def together(key: str) -> np.ndarray:
        return np.stack([np.concatenate([image[key] for image in images] or [np.zeros((thresholds, 0))], axis=1) > 0 for images in areas])

    return _Matched(
        np.concatenate(ids or [np.zeros(0)]),
        np.concatenate([image["dtScores"] for image in first] or [np.zeros(0)]),
        together("dtMatches"),
        together("dtIgnore"),
        np.stack([np.concatenate([image["gtIgnore"] for image in images] or [np.zeros(0)]) > 0 for images in areas]),
    )


def _joined(parts: list[_Matched]) -> _Matched:
    """All chunks as one, by image id: pycocotools' order, which decides between equal scores."""
    ids = np.concatenate([part.image_ids for part in parts])
    order = np.argsort(ids, kind="stable")
    return _Matched(
        ids[order],
        np.concatenate([part.scores for part in parts])[order],
        np.concatenate([part.found for part in parts], axis=2)[:, :, order],
        np.concatenate([part.ignored for part in parts], axis=2)[:, :, order],
        np.concatenate([part.people_ignored for part in parts], axis=1),
    )


def _accumulated(coco, matched: _Matched) -> dict[str, np.ndarray]:
    """COCOeval.accumulate at one threshold after the other: at all of them together it takes ten times the memory."""
    params, thresholds = coco.params, coco.params.iouThrs
    usual, params.imgIds, params.maxDets = params.maxDets, [0], [len(matched.scores) + 1]  # all images as one
    parts = []
    for place in range(len(thresholds)):
        params.iouThrs = thresholds[place : place + 1]
        coco._paramsEval = params
        coco.evalImgs = [
            {"dtScores": matched.scores, "dtMatches": found[[place]], "dtIgnore": ignored[[place]], "gtIgnore": people}
            for found, ignored, people in zip(matched.found, matched.ignored, matched.people_ignored, strict=True)
        ]
        coco.accumulate()
        parts.append(coco.eval)
    params.iouThrs, params.maxDets = thresholds, usual
    return {name: np.concatenate([part[name] for part in parts]) for name in ("precision", "recall")}


def _evaluation(images: list[tuple[Sample, Poses]], sigmas: np.ndarray):
    """A COCOeval that has matched these images, numbered from 0."""
    from pycocotools.coco import COCO

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
        coco = _keypoint_evaluation(coco_truth, coco_found)
        coco.params.kpt_oks_sigmas = sigmas
        coco.evaluate()
    return coco


def _keypoint_evaluation(truth, found):
    """pycocotools' COCOeval, which takes the OKS of all detections with a person at once instead of one by one: the same operations in
    the same order, and so the same bits."""
    from pycocotools.cocoeval import COCOeval

    class KeypointEvaluation(COCOeval):
        def computeOks(self, imgId, catId):
            people, detections = self._gts[imgId, catId], self._dts[imgId, catId]
            if not people or not detections:
                return []
            best = np.argsort([-detection["score"] for detection in detections], kind="mergesort")[: self.params.maxDets[-1]]
            points = np.stack([detections[index]["keypoints"] for index in best]).reshape(len(best), -1, 3)
            variances = (self.params.kpt_oks_sigmas * 2) ** 2
            return np.stack([_similarities(person, points[..., 0], points[..., 1], variances) for person in people], axis=1)

    return KeypointEvaluation(truth, found, "keypoints")


def _similarities(person: dict, x: np.ndarray, y: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """The OKS (D,) of detections' x and y (D, K) with an annotated person; with one who has no labels by how far they are from a box
    three times as large as the person's."""
    expected_x, expected_y, visibility = person["keypoints"].reshape(-1, 3).T
    labeled = visibility > 0
    if labeled.any():
        dx, dy = x - expected_x, y - expected_y
    else:
        left, top, width, height = person["bbox"]
        dx, dy = _outside(x, left - width, left + width * 2), _outside(y, top - height, top + height * 2)
        labeled = ~labeled
    errors = (dx**2 + dy**2) / variances / (person["area"] + np.spacing(1)) / 2
    return np.exp(-np.ascontiguousarray(errors[:, labeled])).sum(axis=1) / labeled.sum()


def _outside(positions: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.maximum(0, low - positions) + np.maximum(0, positions - high)


def _annotation(annotation_id: int, number: int, keypoints: np.ndarray, box: np.ndarray, area: float, crowd: bool) -> dict:
    """What COCOeval reads of an annotation, not rounded."""
    x0, y0, x1, y1 = box.tolist()
    return {
        "id": annotation_id,
        "image_id": number,
        "category_id": 1,
        "keypoints": keypoints.ravel().astype(np.float64),  # pycocotools takes lists, and is faster on arrays
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": area,
        "iscrowd": int(crowd),
    }


def _detections(number: int, poses: Poses) -> list[dict]:
    """COCO keypoint results, not rounded; without boxes, for pycocotools to take the area from the keypoints, as COCO does."""
    triplets = np.concatenate([poses.keypoints, poses.scores[..., None]], axis=2, dtype=np.float64)
    return [
        {"image_id": number, "category_id": 1, "keypoints": points.ravel(), "score": score}
        for points, score in zip(triplets, poses.person_scores.tolist(), strict=True)
    ]
