"""COCO's keypoint average precision, computed by pycocotools incrementally, in little memory."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field

import numpy as np

from ..datasets import Sample
from ..poses import Poses

NAMES = (
    "ap",
    "ap50",
    "ap75",
    "ap_medium",
    "ap_large",
    "ar",
    "ar50",
    "ar75",
    "ar_medium",
    "ar_large",
)
_CHUNK = 8
"""Number of images that pycocotools matches at a time; its result takes a hundredth of its working
memory."""
_MAX_DETECTIONS = 20
_MIN_OKS = 0.5  # the lowest of COCO's thresholds


@dataclass(frozen=True)
class _Matched:
    """The input of COCOeval.accumulate for some images: D detections, G people, A area ranges, T
    OKS thresholds.

    Attributes:
        image_ids: (D,) image id of each detection.
        scores: (D,).
        matched: (A, T, D) bool, whether the detection is matched with an annotation.
        ignored: (A, T, D) bool, whether the detection counts neither as true nor as false positive.
        people_ignored: (A, G) bool.
    """

    image_ids: np.ndarray
    scores: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray
    people_ignored: np.ndarray


@dataclass
class CocoAP:
    """Average precision and recall of COCO's keypoint evaluation (cocodataset.org, "Keypoint
    Evaluation").

    Images are added one by one. pycocotools matches them in chunks, and computes the metrics from
    all matches at the end, one threshold at a time; the values equal those of a single run.
    Annotated areas, crowds and people without labeled keypoints are treated as COCO does.

    Attributes:
        sigmas: (K,) of the keypoints.
    """

    sigmas: np.ndarray
    _waiting: list[tuple[Sample, Poses]] = field(default_factory=list)
    _chunks: list[_Matched] = field(default_factory=list)

    def add(self, sample: Sample, poses: Poses) -> None:
        """Adds an image; its 20 poses with the highest scores count."""
        self._waiting.append((sample, poses))
        if len(self._waiting) == _CHUNK:
            self._match()

    def result(self) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Metrics and curves.

        Returns:
            The metrics by name, without those of area ranges without people; and ``recall`` (101,)
            with the precision (101,) at OKS 0.50 and 0.75.
        """
        self._match()
        coco = _evaluation([], [])
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
            coco.eval = _accumulated(coco, _concatenated(self._chunks))
            coco.summarize()
        metrics = {
            name: float(value) for name, value in zip(NAMES, coco.stats, strict=True) if value >= 0
        }
        precision = np.maximum(coco.eval["precision"][:, :, 0, 0, 0], 0)
        return metrics, {
            "recall": coco.params.recThrs,
            "OKS 0.50": precision[0],
            "OKS 0.75": precision[5],
        }

    def _match(self) -> None:
        if self._waiting:
            ranked = [_ranked(sample, poses, self.sigmas) for sample, poses in self._waiting]
            samples = [sample for sample, _ in self._waiting]
            self._chunks.append(_compact(_evaluation(samples, ranked), samples, ranked))
            self._waiting = []


@dataclass(frozen=True)
class _Ranked:
    """The D best detections of an image, best first.

    Attributes:
        scores: (D,).
        areas: (D,) area of the keypoints' bounding box, which COCO uses for detections, in square
            pixels.
        similarities: (D, G) OKS with each annotated person.
        near: (N,) indices of the detections whose OKS is high enough for a match. Only they are
            given to pycocotools, which would try the others 30 times each in vain.
    """

    scores: np.ndarray
    areas: np.ndarray
    similarities: np.ndarray
    near: np.ndarray


def _ranked(sample: Sample, poses: Poses, sigmas: np.ndarray) -> _Ranked:
    scores = poses.person_scores.astype(np.float64)
    best = np.argsort(-scores, kind="stable")[:_MAX_DETECTIONS]
    points = poses.keypoints[best].astype(np.float64)
    columns = [
        _similarities(*person, points, (sigmas * 2) ** 2)
        for person in zip(sample.keypoints, sample.boxes, sample.areas, strict=True)
    ]
    similarities = np.stack(columns, axis=1) if columns else np.zeros((len(best), 0))
    near = np.flatnonzero((similarities >= _MIN_OKS).any(axis=1))
    return _Ranked(scores[best], np.ptp(points, axis=1).prod(axis=1), similarities, near)


def _similarities(
    keypoints: np.ndarray, box: np.ndarray, area: float, points: np.ndarray, variances: np.ndarray
) -> np.ndarray:
    """(D,) OKS of detections (D, K, 2) with an annotated person, bit by bit as pycocotools computes
    it.

    For a person without labeled keypoints, distances are to a box three times as large as theirs.
    """
    labeled = keypoints[:, 2] > 0
    if labeled.any():
        offsets = points - keypoints[:, :2]
    else:
        corner, size = box[:2].astype(np.float64), np.subtract(box[2:], box[:2], dtype=np.float64)
        offsets = np.maximum(0, corner - size - points) + np.maximum(
            0, points - (corner + size * 2)
        )
        labeled = ~labeled
    errors = (
        (offsets[..., 0] ** 2 + offsets[..., 1] ** 2)
        / variances
        / (float(area) + np.spacing(1))
        / 2
    )
    return np.exp(-np.ascontiguousarray(errors[:, labeled])).sum(axis=1) / labeled.sum()


def _compact(coco, samples: list[Sample], ranked: list[_Ranked]) -> _Matched:
    """The matches of a chunk from COCOeval, and the detections that it was not given as unmatched
    ones."""
    ranges, thresholds = coco.params.areaRng, len(coco.params.iouThrs)
    by_area = [
        coco.evalImgs[start : start + len(samples)]
        for start in range(0, len(coco.evalImgs), len(samples))
    ]
    areas = np.concatenate([image.areas for image in ranked])
    outside = np.array([(areas < low) | (areas > high) for low, high in ranges])
    matched = np.zeros((len(ranges), thresholds, len(areas)), bool)
    # COCO ignores unmatched detections outside the area range
    ignored = np.repeat(outside[:, None], thresholds, axis=1)
    starts = np.cumsum([0] + [len(image.scores) for image in ranked])
    for number, (image, start) in enumerate(zip(ranked, starts, strict=False)):
        if len(image.near):
            matched[..., start + image.near] = [
                images[number]["dtMatches"] > 0 for images in by_area
            ]
            ignored[..., start + image.near] = [images[number]["dtIgnore"] for images in by_area]
    people = [
        np.concatenate([found["gtIgnore"] for found in images if found] or [np.zeros(0)])
        for images in by_area
    ]
    return _Matched(
        np.concatenate(
            [
                np.full(len(image.scores), sample.image_id)
                for sample, image in zip(samples, ranked, strict=True)
            ]
        ),
        np.concatenate([image.scores for image in ranked]),
        matched,
        ignored,
        np.stack(people) > 0,
    )


def _concatenated(parts: list[_Matched]) -> _Matched:
    """All chunks as one, ordered by image id as in pycocotools: the order decides between equal
    scores."""
    ids = np.concatenate([part.image_ids for part in parts])
    order = np.argsort(ids, kind="stable")
    return _Matched(
        ids[order],
        np.concatenate([part.scores for part in parts])[order],
        np.concatenate([part.matched for part in parts], axis=2)[:, :, order],
        np.concatenate([part.ignored for part in parts], axis=2)[:, :, order],
        np.concatenate([part.people_ignored for part in parts], axis=1),
    )


def _accumulated(coco, detections: _Matched) -> dict[str, np.ndarray]:
    """COCOeval.accumulate, one threshold at a time: for all of them together it takes ten times the
    memory."""
    params, thresholds = coco.params, coco.params.iouThrs
    # All images as one
    usual, params.imgIds, params.maxDets = (
        params.maxDets,
        [0],
        [len(detections.scores) + 1],
    )
    parts = []
    for index in range(len(thresholds)):
        params.iouThrs = thresholds[index : index + 1]
        coco._paramsEval = params
        coco.evalImgs = [
            {
                "dtScores": detections.scores,
                "dtMatches": matched[[index]],
                "dtIgnore": ignored[[index]],
                "gtIgnore": people,
            }
            for matched, ignored, people in zip(
                detections.matched, detections.ignored, detections.people_ignored, strict=True
            )
        ]
        coco.accumulate()
        parts.append(coco.eval)
    params.iouThrs, params.maxDets = thresholds, usual
    return {
        name: np.concatenate([part[name] for part in parts]) for name in ("precision", "recall")
    }


def _evaluation(samples: list[Sample], ranked: list[_Ranked]):
    """A COCOeval after matching the images, whose ids are their indices."""
    from pycocotools.cocoeval import COCOeval

    class KeypointEvaluation(COCOeval):
        def computeOks(self, imgId, catId):
            return ranked[imgId].similarities[ranked[imgId].near]

    people = [
        {
            "image_id": number,
            "num_keypoints": int(labels),
            "area": float(area),
            "iscrowd": int(crowd),
        }
        for number, sample in enumerate(samples)
        for labels, area, crowd in zip(
            (sample.visibility > 0).sum(axis=1), sample.areas, sample.crowd, strict=True
        )
    ]
    detections = [
        {"image_id": number, "score": image.scores[index], "area": image.areas[index]}
        for number, image in enumerate(ranked)
        for index in image.near
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = KeypointEvaluation(
            _indexed(people, len(samples)), _indexed(detections, len(samples)), "keypoints"
        )
        coco.evaluate()
    return coco


def _indexed(annotations: list[dict], images: int):
    """A pycocotools COCO with the annotations, whose ids have to start at 1."""
    from pycocotools.coco import COCO

    coco = COCO()
    numbered = [
        {"id": number, "category_id": 1, **annotation}
        for number, annotation in enumerate(annotations, 1)
    ]
    coco.dataset = {
        "images": [{"id": number} for number in range(images)],
        "annotations": numbered,
        "categories": [{"id": 1}],
    }
    coco.createIndex()
    return coco
