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
_MOST = 20  # detections an image that count
_LEAST_OKS = 0.5  # the lowest of COCO's thresholds


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
        coco = _evaluation([], [])
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
            coco.eval = _accumulated(coco, _joined(self._matched))
            coco.summarize()
        metrics = {name: float(value) for name, value in zip(NAMES, coco.stats, strict=True) if value >= 0}
        precision = np.maximum(coco.eval["precision"][:, :, 0, 0, 0], 0)
        return metrics, {"recall": coco.params.recThrs, "OKS 0.50": precision[0], "OKS 0.75": precision[5]}

    def _match(self) -> None:
        if self._waiting:
            ranked = [_ranked(sample, poses, self.sigmas) for sample, poses in self._waiting]
            samples = [sample for sample, _ in self._waiting]
            self._matched.append(_compact(_evaluation(samples, ranked), samples, ranked))
            self._waiting = []


@dataclass(frozen=True)
class _Ranked:
    """The D best detections of an image, the best first.

    Attributes:
        scores: (D,).
        areas: (D,) square pixels around the keypoints, which COCO takes for a detection's.
        similarities: (D, G) OKS with each of the annotated people.
        near: (N,) those that pycocotools may match, which takes a certain OKS: most are of nobody, and it would try each 30 times.
    """

    scores: np.ndarray
    areas: np.ndarray
    similarities: np.ndarray
    near: np.ndarray


def _ranked(sample: Sample, poses: Poses, sigmas: np.ndarray) -> _Ranked:
    scores = poses.person_scores.astype(np.float64)
    best = np.argsort(-scores, kind="stable")[:_MOST]
    points = poses.keypoints[best].astype(np.float64)
    columns = [
        _similarities(*person, points, (sigmas * 2) ** 2) for person in zip(sample.keypoints, sample.boxes, sample.areas, strict=True)
    ]
    similarities = np.stack(columns, axis=1) if columns else np.zeros((len(best), 0))
    near = np.flatnonzero((similarities >= _LEAST_OKS).any(axis=1))
    return _Ranked(scores[best], np.ptp(points, axis=1).prod(axis=1), similarities, near)


def _similarities(keypoints: np.ndarray, box: np.ndarray, area: float, points: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """The OKS (D,) of detections (D, K, 2) with an annotated person; with one who has no labels by how far they are from a box three
    times as large as the person's. pycocotools' operations in their order, and so its bits, for all detections at once."""
    labeled = keypoints[:, 2] > 0
    if labeled.any():
        offsets = points - keypoints[:, :2]
    else:
        corner, size = box[:2].astype(np.float64), np.subtract(box[2:], box[:2], dtype=np.float64)
        offsets = np.maximum(0, corner - size - points) + np.maximum(0, points - (corner + size * 2))
        labeled = ~labeled
    errors = (offsets[..., 0] ** 2 + offsets[..., 1] ** 2) / variances / (float(area) + np.spacing(1)) / 2
    return np.exp(-np.ascontiguousarray(errors[:, labeled])).sum(axis=1) / labeled.sum()


def _compact(coco, samples: list[Sample], ranked: list[_Ranked]) -> _Matched:
    """What is kept of a chunk that COCOeval has matched, and of the detections that it was not shown."""
    ranges, thresholds = coco.params.areaRng, len(coco.params.iouThrs)
    by_area = [coco.evalImgs[start : start + len(samples)] for start in range(0, len(coco.evalImgs), len(samples))]
    areas = np.concatenate([its.areas for its in ranked])
    outside = np.array([(areas < low) | (areas > high) for low, high in ranges])
    found = np.zeros((len(ranges), thresholds, len(areas)), bool)
    ignored = np.repeat(outside[:, None], thresholds, axis=1)  # as COCO ignores those that nobody is matched with
    starts = np.cumsum([0] + [len(its.scores) for its in ranked])
    for number, (its, start) in enumerate(zip(ranked, starts, strict=False)):
        if len(its.near):
            found[..., start + its.near] = [images[number]["dtMatches"] > 0 for images in by_area]
            ignored[..., start + its.near] = [images[number]["dtIgnore"] for images in by_area]
    people = [np.concatenate([image["gtIgnore"] for image in images if image] or [np.zeros(0)]) for images in by_area]
    return _Matched(
        np.concatenate([np.full(len(its.scores), sample.image_id) for sample, its in zip(samples, ranked, strict=True)]),
        np.concatenate([its.scores for its in ranked]),
        found,
        ignored,
        np.stack(people) > 0,
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


def _evaluation(samples: list[Sample], ranked: list[_Ranked]):
    """A COCOeval that has matched these images, numbered from 0."""
    from pycocotools.cocoeval import COCOeval

    class KeypointEvaluation(COCOeval):
        def computeOks(self, imgId, catId):
            return ranked[imgId].similarities[ranked[imgId].near]

    people = [
        {"image_id": number, "num_keypoints": int(labels), "area": float(area), "iscrowd": int(crowd)}
        for number, sample in enumerate(samples)
        for labels, area, crowd in zip((sample.visibility > 0).sum(axis=1), sample.areas, sample.crowd, strict=True)
    ]
    detections = [
        {"image_id": number, "score": its.scores[index], "area": its.areas[index]}
        for number, its in enumerate(ranked)
        for index in its.near
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = KeypointEvaluation(_indexed(people, len(samples)), _indexed(detections, len(samples)), "keypoints")
        coco.evaluate()
    return coco


def _indexed(annotations: list[dict], images: int):
    """pycocotools' COCO of what its COCOeval reads of annotations, whose numbers it wants to begin with 1."""
    from pycocotools.coco import COCO

    coco = COCO()
    numbered = [{"id": number, "category_id": 1, **annotation} for number, annotation in enumerate(annotations, 1)]
    coco.dataset = {"images": [{"id": number} for number in range(images)], "annotations": numbered, "categories": [{"id": 1}]}
    coco.createIndex()
    return coco
