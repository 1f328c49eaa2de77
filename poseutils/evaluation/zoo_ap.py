"""The model zoo's own average precision at OKS 0.5, for comparison with its published figures."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..datasets import Sample
from ..poses import AREA_OF_BOX, Poses, oks
from .matching import labeled_people

_OKS = 0.5


@dataclass(frozen=True)
class Ranked:
    """The detections of an image.

    Attributes:
        scores: (D,).
        true_positive: (D,) bool.
        people: number of annotated people.
    """

    scores: np.ndarray
    true_positive: np.ndarray
    people: int


@dataclass
class ZooAP:
    """Average precision at OKS 0.5 as defined by the model zoo's evaluation service. Differences to
    COCO's AP:

    - only images with a labeled person count; crowds are left out instead of ignored;
    - distances and areas are fractions of the image's width and height, and the area of a person is
      0.53 × that of their box;
    - each detection is assigned to the person with whom it has the highest OKS; of those assigned
      to one person, only the one with the highest OKS is a true positive, and only above 0.5;
    - precision is interpolated linearly at 101 recalls between 0 and 1 and integrated, with a
      straight line from the highest recall reached down to precision 0 at recall 1, so that half of
      the area beyond it counts.
    """

    _scores: list[np.ndarray] = field(default_factory=list)
    _true_positive: list[np.ndarray] = field(default_factory=list)
    _people: int = 0

    def add(self, image: Ranked) -> None:
        """Adds an image, whose detections were ranked by :func:`ranked`."""
        self._people += image.people
        self._scores.append(image.scores)
        self._true_positive.append(image.true_positive)

    def result(self) -> float:
        """The average precision; 0 if nothing was detected."""
        if not sum(map(len, self._scores)):
            return 0.0
        scores, positive = np.concatenate(self._scores), np.concatenate(self._true_positive)
        positive = positive[np.argsort(-scores, kind="stable")]
        true, false = np.cumsum(positive), np.cumsum(~positive)
        recall, precision = true / self._people, true / np.maximum(true + false, 1)
        return _area(np.concatenate([[0], recall, [1]]), np.concatenate([[1], precision, [0]]))


def ranked(sample: Sample, poses: Poses, image_size: tuple[int, int], sigmas: np.ndarray) -> Ranked:
    """Which poses in an image of this height and width are true positives, by the sigmas (K,) of
    the keypoints; without a labeled person none counts."""
    people = labeled_people(sample)
    if not len(people):
        return Ranked(np.zeros(0, np.float32), np.zeros(0, bool), 0)
    scale = np.array(image_size[::-1], np.float64)
    truth = sample.keypoints[people]
    size = (sample.boxes[people, 2:] - sample.boxes[people, :2]) / scale
    similarity = oks(
        poses.keypoints[None] / scale,
        truth[:, None, :, :2] / scale,
        truth[:, None, :, 2] > 0,
        np.repeat(AREA_OF_BOX * size.prod(axis=1)[:, None], len(poses), axis=1),
        sigmas,
    )
    return Ranked(poses.person_scores, _true_positives(similarity), len(people))


def _true_positives(similarity: np.ndarray) -> np.ndarray:
    """(people, detections) OKS -> (detections,) bool."""
    count = similarity.shape[1]
    if not count:
        return np.zeros(0, bool)
    owner = similarity.argmax(axis=0)
    own = np.where(owner == np.arange(len(similarity))[:, None], similarity, -1)
    best = own.argmax(axis=1)
    return (own.max(axis=0) > _OKS) & (best[owner] == np.arange(count))


def _area(recall: np.ndarray, precision: np.ndarray) -> float:
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    recall, first = np.unique(recall, return_index=True)
    recalls = np.linspace(0, 1, 101)
    return float(np.trapezoid(np.interp(recalls, recall, envelope[first]), recalls))
