"""The model zoo's own average precision at OKS 0.5, so that its published figures can be compared."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..datasets import Sample
from ..poses import AREA_OF_BOX, Poses, oks
from .matching import labeled_people

_OKS = 0.5


@dataclass
class ZooAP:
    """Average precision at OKS 0.5 as the zoo's evaluation service defines it. It differs from COCO's in this:

    - only images with a labeled person count; crowds are left out, not ignored;
    - distances and areas are fractions of the image's width and height, and the area of a person is 0.53 × their box;
    - every detection belongs to the person whom it fits best, and of those of one person only the best fitting one may be right;
      it is if its OKS is above 0.5;
    - precision is interpolated linearly at 101 recalls between 0 and 1 and integrated, with a straight line from the highest recall
      that was reached down to precision 0 at recall 1: half of what was missed counts.

    Attributes:
        sigmas: (K,) of the keypoints.
    """

    sigmas: np.ndarray
    _scores: list[np.ndarray] = field(default_factory=list)
    _right: list[np.ndarray] = field(default_factory=list)
    _people: int = 0

    def add(self, sample: Sample, poses: Poses, image_size: tuple[int, int]) -> None:
        """Adds an image of this height and width."""
        people = labeled_people(sample)
        if not len(people):
            return
        scale = np.array(image_size[::-1], np.float64)
        truth, size = sample.keypoints[people], (sample.boxes[people, 2:] - sample.boxes[people, :2]) / scale
        similarity = oks(
            poses.keypoints[None] / scale,
            truth[:, None, :, :2] / scale,
            truth[:, None, :, 2] > 0,
            np.repeat(AREA_OF_BOX * size.prod(axis=1)[:, None], len(poses), axis=1),
            self.sigmas,
        )
        self._people += len(people)
        self._scores.append(poses.person_scores)
        self._right.append(_right(similarity))

    def result(self) -> float:
        """The average precision; 0 if nothing was detected."""
        if not sum(map(len, self._scores)):
            return 0.0
        scores, right = np.concatenate(self._scores), np.concatenate(self._right)
        right = right[np.argsort(-scores, kind="stable")]
        true, false = np.cumsum(right), np.cumsum(~right)
        recall, precision = true / self._people, true / np.maximum(true + false, 1)
        return _area(np.concatenate([[0], recall, [1]]), np.concatenate([[1], precision, [0]]))


def _right(similarity: np.ndarray) -> np.ndarray:
    """(people, detections) OKS -> (detections,) which are right."""
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
    places = np.linspace(0, 1, 101)
    return float(np.trapezoid(np.interp(places, recall, envelope[first]), places))
