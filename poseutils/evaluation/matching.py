"""Predictions beside ground truth, person by person: how far each keypoint is off, and how alike the two are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets import Sample
from ..errors import PoseError
from ..keypoints import IBUG68_FROM_MESH468, KeypointLayout
from ..poses import AREA_OF_BOX, Poses, keypoint_similarity, oks


@dataclass(frozen=True, slots=True)
class Match:
    """One labeled person (hand, head, object) with the prediction that fits best.

    Attributes:
        oks: object keypoint similarity, 0 where there is no prediction.
        distances: (K,) pixels between prediction and label; NaN where not labeled, infinite where there is no prediction.
        similarities: (K,) the terms that OKS averages; NaN where not labeled.
        box: (2,) width and height of the labeled box in pixels.
        truth: (K, 3) the labels.
    """

    oks: float
    distances: np.ndarray
    similarities: np.ndarray
    box: np.ndarray
    truth: np.ndarray


def labeled_people(sample: Sample) -> np.ndarray:
    """Indices of the people who are measured: no crowds, and at least one keypoint labeled."""
    return np.flatnonzero(~sample.crowd & (sample.keypoints[:, :, 2] > 0).any(axis=1))


def matches(sample: Sample, poses: Poses, sigmas: np.ndarray, in_order: bool) -> list[Match]:
    """Each labeled person with the prediction of the highest OKS, or, ``in_order``, with the prediction of the same place.

    The area of a person is 0.53 × the area of their box, as in the zoo.
    """
    people = labeled_people(sample)
    return [_match(sample, person, poses[place : place + 1] if in_order else poses, sigmas) for place, person in enumerate(people)]


def _match(sample: Sample, person: int, poses: Poses, sigmas: np.ndarray) -> Match:
    truth, size = sample.keypoints[person], np.maximum(sample.boxes[person, 2:] - sample.boxes[person, :2], 1)
    labeled, area = truth[:, 2] > 0, AREA_OF_BOX * float(np.prod(size))
    if not len(poses):
        return Match(0.0, np.where(labeled, np.inf, np.nan), np.where(labeled, 0.0, np.nan), size, truth)
    similarity = oks(poses.keypoints, truth[:, :2], labeled, np.full(len(poses), area), sigmas)
    best = int(similarity.argmax())
    terms = keypoint_similarity(poses.keypoints[best], truth[:, :2], area, sigmas)
    distances = np.linalg.norm(poses.keypoints[best] - truth[:, :2], axis=1)
    return Match(float(similarity[best]), np.where(labeled, distances, np.nan), np.where(labeled, terms, np.nan), size, truth)


# ---------------------------------------------------------------- keypoints of the model and of the labels


def keypoint_mapping(model: KeypointLayout, labels: KeypointLayout, source) -> np.ndarray:
    """For each labeled keypoint the index of the model's, of two layouts that differ.

    A head's mesh of 468 points is measured on the 68 iBUG points by the published correspondence; else keypoints go by their names.

    Raises:
        PoseError: if a labeled keypoint has no counterpart.
    """
    if len(model) == 468 and len(labels) == 68:
        return np.array(IBUG68_FROM_MESH468)
    missing = [name for name in labels.names if name not in model.names]
    if not missing:
        return np.array([model.names.index(name) for name in labels.names])
    raise PoseError(
        f"{source} has {len(labels)} keypoints ({labels.name}), the model gives {len(model)} ({model.name}); no counterpart for "
        f"{', '.join(missing[:5])}{'…' if len(missing) > 5 else ''}. Use a dataset with the model's keypoints, or say which is which: "
        f"keypoint_map=[...], for each of the {len(labels)} labeled keypoints the index of the model's"
    )


def checked_mapping(mapping: Sequence[int], model: KeypointLayout, labels: KeypointLayout) -> np.ndarray:
    """A mapping that a user gave.

    Raises:
        PoseError: if it has not one index of the model's keypoints for each labeled one.
    """
    indices = np.asarray(mapping)
    if indices.shape != (len(labels),) or indices.dtype.kind not in "iu" or not ((indices >= 0) & (indices < len(model))).all():
        raise PoseError(
            f"keypoint_map={list(mapping)!r:.80}: expected {len(labels)} whole numbers, one a labeled keypoint, from 0 to {len(model) - 1}"
        )
    return indices


def mapped(poses: Poses, mapping: np.ndarray | None, labels: KeypointLayout) -> Poses:
    """The poses with the keypoints that the labels have, in their order."""
    if mapping is None:
        return Poses(poses.keypoints, poses.scores, labels, poses.boxes, poses.box_scores)
    return Poses(poses.keypoints[:, mapping], poses.scores[:, mapping], labels, poses.boxes, poses.box_scores)
