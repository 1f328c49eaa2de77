"""COCO's keypoint average precision and recall, equal to those of pycocotools to the bit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..datasets import Sample
from ..poses import Poses
from .matching import are_measured

NAMES = tuple("ap ap50 ap75 ap_medium ap_large ar ar50 ar75 ar_medium ar_large".split())
OKS_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
SIZES = {"": (0, 1e10), "_medium": (32**2, 96**2), "_large": (96**2, 1e10)}
"""Ranges of areas in square pixels, by the suffix of their metrics."""
_CHUNK = 64
"""Number of images that are matched at a time, by the same array operations."""
_MAX_DETECTIONS = 20


@dataclass(frozen=True)
class Compared:
    """An image: D detections, highest score first, compared with G annotated people.

    Attributes:
        image_id: of the image.
        scores: (D,) of the detections.
        areas: (D,) of the bounding boxes of the detections' keypoints.
        similarity: (D, G) OKS.
        people_areas: (G,) annotated.
        crowd: (G,) bool.
        ignored: (G,) bool, crowds and people without labeled keypoints.
    """

    image_id: int
    scores: np.ndarray
    areas: np.ndarray
    similarity: np.ndarray
    people_areas: np.ndarray
    crowd: np.ndarray
    ignored: np.ndarray


@dataclass(frozen=True)
class _Matched:
    """The matches of some images: D detections, G people, A area ranges, T OKS thresholds.

    Attributes:
        image_ids: (D,) image id of each detection.
        scores: (D,).
        matched: (A, T, D) bool, whether the detection is matched with a person.
        ignored: (A, T, D) bool, whether the detection counts neither as true nor as false positive.
        people: (A,) number of people that count.
    """

    image_ids: np.ndarray
    scores: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray
    people: np.ndarray


@dataclass
class CocoAP:
    """Average precision and recall of COCO's keypoint evaluation (cocodataset.org, "Keypoint
    Evaluation").

    Images are added one by one and matched in chunks; what is kept of them are a few bits per
    detection. Annotated areas, crowds and people without labeled keypoints are treated as COCO
    does.

    Attributes:
        sigmas: (K,) of the keypoints.
    """

    sigmas: np.ndarray
    _waiting: list[Compared] = field(default_factory=list)
    _chunks: list[_Matched] = field(default_factory=list)

    def add(self, sample: Sample, poses: Poses) -> None:
        """Adds an image; its 20 poses with the highest scores count."""
        self.add_compared(compared(sample, poses, self.sigmas))

    def add_compared(self, image: Compared) -> None:
        """Adds an image that was compared before, by :func:`compared`."""
        self._waiting.append(image)
        if len(self._waiting) == _CHUNK:
            self._match()

    def result(self) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """Metrics and curves.

        Returns:
            The metrics by name, without those of area ranges without people; and ``recall`` (101,)
            with the precision (101,) at OKS 0.50 and 0.75.
        """
        if self._waiting:
            self._match()
        found = _concatenated(self._chunks)
        curves = {"recall": RECALLS, "OKS 0.50": np.zeros(101), "OKS 0.75": np.zeros(101)}
        metrics: dict[str, float] = {}
        for index, size in enumerate(SIZES):
            if not found.people[index]:
                continue
            precision, recall = _precision_and_recall(found, index)
            metrics |= {f"ap{size}": precision.mean(), f"ar{size}": recall.mean()}
            if not size:
                curves |= {"OKS 0.50": precision[0], "OKS 0.75": precision[5]}
                metrics |= {"ap50": precision[0].mean(), "ap75": precision[5].mean()}
                metrics |= {"ar50": recall[0], "ar75": recall[5]}
        return {name: float(metrics[name]) for name in NAMES if name in metrics}, curves

    def _match(self) -> None:
        self._chunks.append(_matches(self._waiting))
        self._waiting = []


def compared(sample: Sample, poses: Poses, sigmas: np.ndarray) -> Compared:
    """The OKS of an image's 20 poses with the highest scores and its people, with the sigmas (K,)
    of the keypoints."""
    scores = poses.person_scores.astype(np.float64)
    best = np.argsort(-scores, kind="stable")[:_MAX_DETECTIONS]
    points = poses.keypoints[best].astype(np.float64)
    return Compared(
        sample.image_id,
        scores[best],
        np.ptp(points, axis=1).prod(axis=1),
        _similarity(points, sample, sigmas).T,
        sample.areas.astype(np.float64),
        sample.crowd,
        ~are_measured(sample),
    )


def _similarity(points: np.ndarray, sample: Sample, sigmas: np.ndarray) -> np.ndarray:
    """(G, D) the OKS of the annotated people with detections (D, K, 2).

    Unlike :func:`poseutils.poses.oks` it rounds as pycocotools does, in the order of its
    operations. If none of a person's keypoints is labeled, distances are those to their box at
    twice its size.
    """
    people = sample.keypoints.astype(np.float64)
    labeled = people[..., 2] > 0
    distance = points - people[:, None, :, :2]
    unlabeled = np.asarray(~labeled.any(axis=1))
    if unlabeled.any():
        low, high = np.split(sample.boxes[unlabeled, None, None].astype(np.float64), 2, axis=-1)
        beyond = np.maximum(0, points - (low + 2 * (high - low)))
        distance[unlabeled] = np.maximum(0, low - (high - low) - points) + beyond
        labeled = labeled | unlabeled[:, None]
    exponent = (distance**2).sum(axis=3) / (2 * sigmas) ** 2
    exponent = exponent / (sample.areas[:, None, None] + np.spacing(1)) / 2
    # Each sum is over the labeled keypoints alone, and in rows: both decide how it rounds
    terms = zip(np.exp(-exponent), labeled, strict=True)
    sums = [term.compress(its, axis=1).sum(axis=1) for term, its in terms]
    return np.reshape(sums, distance.shape[:2]) / labeled.sum(axis=1)[:, None]


def _matches(images: list[Compared]) -> _Matched:
    low, high = np.array(list(SIZES.values()), np.float64).T[..., None]

    def outside(areas: list[np.ndarray]) -> np.ndarray:
        """(B, A, N) bool, of the areas of each image, whether they are outside the ranges."""
        each = _padded(areas, 0.0)[:, None]
        return (each < low) | (each > high)

    ignored = _padded([image.ignored for image in images], True)[:, None]
    ignored = ignored | outside([image.people_areas for image in images])
    crowd = _padded([image.crowd for image in images], False)
    similarity = _padded([image.similarity for image in images], -1.0)
    matched, with_ignored = _assigned(similarity, ignored, crowd)
    without = ~matched & outside([image.areas for image in images])[:, :, None]
    counts = [len(image.scores) for image in images]
    present = np.arange(similarity.shape[1]) < np.array(counts)[:, None]
    return _Matched(
        np.repeat([image.image_id for image in images], counts),
        np.concatenate([image.scores for image in images]),
        np.moveaxis(matched, 0, 2)[:, :, present],
        np.moveaxis(with_ignored | without, 0, 2)[:, :, present],
        (~ignored).sum(axis=(0, 2)),
    )


def _padded(arrays: list[np.ndarray], fill: float) -> np.ndarray:
    """(B, ...) arrays of different shapes in one."""
    shape = np.max([array.shape for array in arrays], axis=0)
    padded = np.full((len(arrays), *shape), fill)
    for row, array in zip(padded, arrays, strict=True):
        row[tuple(map(slice, array.shape))] = array
    return padded


def _assigned(
    similarity: np.ndarray, ignored: np.ndarray, crowd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Assigns detections to people as COCO does: in the order of their scores, each to the person
    with the highest OKS among those that are still free, at or above the threshold; to one that is
    ignored only if there is no other; to a crowd any number of detections.

    Args:
        similarity: (B, D, G) OKS, below 0 where there is no such detection or person.
        ignored: (B, A, G) bool.
        crowd: (B, G) bool.

    Returns:
        (B, A, T, D) bool: whether the detection is matched, and whether with one that is ignored.
    """
    images, detections, people = similarity.shape
    shape = images, len(SIZES), len(OKS_THRESHOLDS)
    matched, with_ignored = np.zeros((2, *shape, detections), bool)
    taken = np.zeros((*shape, people), bool)
    least = np.minimum(OKS_THRESHOLDS, 1 - 1e-10)[:, None]
    ignored, several = ignored[:, :, None], crowd[:, None, None]
    for index in range(detections if people else 0):
        near = np.flatnonzero((similarity[:, index] >= least.min()).any(axis=1))
        oks, counts = similarity[near, index, None, None], ~ignored[near]
        free = (oks >= least) & (several[near] | ~taken[near])
        candidates = np.where((free & counts).any(axis=-1, keepdims=True), free & counts, free)
        # Of equal similarities the last, as in pycocotools
        best = people - 1 - np.where(candidates, oks, -1)[..., ::-1].argmax(axis=-1)
        chosen = candidates & (np.arange(people) == best[..., None])
        matched[near, ..., index] = chosen.any(axis=-1)
        with_ignored[near, ..., index] = (chosen & ~counts).any(axis=-1)
        taken[near] |= chosen
    return matched, with_ignored


def _concatenated(parts: list[_Matched]) -> _Matched:
    """All chunks as one, ordered by image id as in pycocotools and then by score: the order decides
    between equal scores."""
    ids = np.concatenate([part.image_ids for part in parts])
    scores = np.concatenate([part.scores for part in parts])
    order = np.lexsort((ids, -scores))
    return _Matched(
        ids[order],
        scores[order],
        np.concatenate([part.matched for part in parts], axis=2)[:, :, order],
        np.concatenate([part.ignored for part in parts], axis=2)[:, :, order],
        np.sum([part.people for part in parts], axis=0),
    )


def _precision_and_recall(found: _Matched, area: int) -> tuple[np.ndarray, np.ndarray]:
    """(T, 101) precision, interpolated as COCO does: at each recall the highest that is reached at
    it or a higher one, 0 beyond the highest recall; and (T,) the highest recalls."""
    precisions, recalls = [], []
    for matched, ignored in zip(found.matched[area], found.ignored[area], strict=True):
        true, false = np.cumsum(matched & ~ignored), np.cumsum(~matched & ~ignored)
        recall = true / found.people[area]
        precision = true / (false + true + np.spacing(1))
        highest = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
        precisions.append(highest[np.searchsorted(recall, RECALLS)])
        recalls.append(recall[-1] if len(recall) else 0.0)
    return np.array(precisions), np.array(recalls)
