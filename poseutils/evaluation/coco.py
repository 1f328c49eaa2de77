"""COCO's keypoint average precision, computed by pycocotools in chunks, in little memory."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field

import numpy as np

from ..datasets import Sample
from ..poses import Poses

NAMES = tuple("ap ap50 ap75 ap_medium ap_large ar ar50 ar75 ar_medium ar_large".split())
_CHUNK = 32
"""Number of images that pycocotools matches at a time, while the network runs on; its result takes
a hundredth of its working memory."""
_MAX_DETECTIONS = 20


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
        coco = _evaluation([], self.sigmas)
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
            coco.eval = _accumulated(coco, _concatenated(self._chunks))
            coco.summarize()
        metrics = {
            name: float(value) for name, value in zip(NAMES, coco.stats, strict=True) if value >= 0
        }
        precision = np.maximum(coco.eval["precision"][:, :, 0, 0, 0], 0)
        curves = {"OKS 0.50": precision[0], "OKS 0.75": precision[5]}
        return metrics, {"recall": coco.params.recThrs, **curves}

    def _match(self) -> None:
        self._chunks.append(_compact(_evaluation(self._waiting, self.sigmas)))
        self._waiting = []


def _evaluation(images: list[tuple[Sample, Poses]], sigmas: np.ndarray):
    """A COCOeval that has matched the detections of some images."""
    from pycocotools.cocoeval import COCOeval

    ids = [sample.image_id for sample, _ in images]
    people = [record for sample, _ in images for record in _people(sample)]
    detections = [record for sample, poses in images for record in _detections(sample, poses)]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCOeval(_indexed(people, ids), _indexed(detections, ids), "keypoints")
        coco.params.kpt_oks_sigmas = sigmas
        coco.evaluate()
    return coco


def _people(sample: Sample) -> list[dict]:
    """The annotations of an image as COCO's records; arrays, as pycocotools is slow with lists."""
    return [
        {
            "image_id": sample.image_id,
            "keypoints": keypoints.ravel().astype(np.float64),
            "num_keypoints": np.count_nonzero(keypoints[:, 2] > 0),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "area": float(area),
            "iscrowd": int(crowd),
        }
        for keypoints, (x0, y0, x1, y1), area, crowd in zip(
            sample.keypoints, sample.boxes.tolist(), sample.areas, sample.crowd, strict=True
        )
    ]


def _detections(sample: Sample, poses: Poses) -> list[dict]:
    """The best detections in an image as COCO's records. The area is that of the bounding box of
    the keypoints, as in pycocotools."""
    scores = poses.person_scores.astype(np.float64)
    best = np.argsort(-scores, kind="stable")[:_MAX_DETECTIONS]
    points = poses.keypoints[best].astype(np.float64)
    triplets = np.concatenate([points, np.ones_like(points[..., :1])], axis=2)
    areas = np.ptp(points, axis=1).prod(axis=1)
    return [
        {"image_id": sample.image_id, "score": score, "area": area, "keypoints": row}
        for score, area, row in zip(
            scores[best].tolist(),
            areas.tolist(),
            triplets.reshape(len(best), 3 * len(poses.layout)),
        )
    ]


def _indexed(annotations: list[dict], image_ids: list[int]):
    """A pycocotools COCO with the annotations, whose ids have to start at 1."""
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = {
        "images": [{"id": image_id} for image_id in image_ids],
        "annotations": [
            {"id": number, "category_id": 1, **annotation}
            for number, annotation in enumerate(annotations, 1)
        ],
        "categories": [{"id": 1}],
    }
    coco.createIndex()
    return coco


def _compact(coco) -> _Matched:
    """The matches of the images that have annotations or detections."""
    count, thresholds = len(coco.params.imgIds), len(coco.params.iouThrs)
    by_area = [
        [image for image in coco.evalImgs[index * count : (index + 1) * count] if image]
        for index in range(len(coco.params.areaRng))
    ]
    empty, none = np.zeros((thresholds, 0)), np.zeros(0)

    def joined(name: str) -> np.ndarray:
        """(A, T, D) bool."""
        rows = [np.concatenate([empty, *(i[name] for i in images)], axis=1) for images in by_area]
        return np.stack(rows) > 0

    people = [np.concatenate([none, *(i["gtIgnore"] for i in images)]) for images in by_area]
    return _Matched(
        np.concatenate([none, *([i["image_id"]] * len(i["dtScores"]) for i in by_area[0])]),
        np.concatenate([none, *(i["dtScores"] for i in by_area[0])]),
        joined("dtMatches"),
        joined("dtIgnore"),
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
    """COCOeval.accumulate, all images as one, and one threshold at a time: for all together it
    takes ten times the memory."""
    params, thresholds, usual = coco.params, coco.params.iouThrs, coco.params.maxDets
    params.imgIds, params.maxDets = [0], [len(detections.scores) + 1]
    columns = detections.matched, detections.ignored, detections.people_ignored
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
            for matched, ignored, people in zip(*columns, strict=True)
        ]
        coco.accumulate()
        parts.append(coco.eval)
    params.iouThrs, params.maxDets = thresholds, usual
    return {
        name: np.concatenate([part[name] for part in parts]) for name in ("precision", "recall")
    }
