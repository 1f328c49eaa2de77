"""Matches annotated people with predictions, and maps keypoints between layouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..datasets import Sample
from ..errors import PoseError
from ..keypoints import IBUG68_FROM_MESH468, KeypointLayout, same_keypoints
from ..keypoints.spelling import keys
from ..poses import AREA_OF_BOX, Poses, keypoint_similarity, mean_of_labeled


@dataclass(frozen=True, slots=True)
class Match:
    """An annotated person (hand, head, object) with its best prediction.

    Attributes:
        oks: object keypoint similarity, 0 without a prediction.
        distances: (K,) pixels between prediction and annotation; NaN where not labeled, infinite
            without a prediction.
        similarities: (K,) per-keypoint OKS; NaN where not labeled.
        box: (2,) width and height of the annotated box in pixels.
        truth: (K, 3) annotated x, y and visibility.
    """

    oks: float
    distances: np.ndarray
    similarities: np.ndarray
    box: np.ndarray
    truth: np.ndarray


def are_measured(sample: Sample) -> np.ndarray:
    """(N,) bool, whether each person is measured: is not a crowd and has a labeled keypoint."""
    return ~sample.crowd & (sample.visibility > 0).any(axis=1)


def labeled_people(sample: Sample) -> np.ndarray:
    """Indices of the people to measure."""
    return np.flatnonzero(are_measured(sample))


def matches(sample: Sample, poses: Poses, sigmas: np.ndarray, in_order: bool) -> list[Match]:
    """Each labeled person with the prediction of highest OKS, or, ``in_order``, with the prediction
    of the same index.

    The area of a person is 0.53 × the area of their box, as in ST's model zoo.
    """
    people = labeled_people(sample)
    truth = sample.keypoints[people]
    sizes = np.maximum(sample.boxes[people, 2:] - sample.boxes[people, :2], 1)
    oks, distances, terms = _nearest(truth, sizes, poses, sigmas, in_order)
    labeled = truth[..., 2] > 0
    distances, terms = (np.where(labeled, each, np.nan) for each in (distances, terms))
    each = zip(oks.tolist(), distances, terms, sizes, truth, strict=True)
    return [Match(*values) for values in each]


def _nearest(
    truth: np.ndarray, sizes: np.ndarray, poses: Poses, sigmas: np.ndarray, in_order: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of G people (G, K, 3) with boxes of the sizes (G, 2): (G,) OKS, and for each keypoint (G, K)
    the distance and the similarity, to the prediction with the highest OKS."""
    if not len(poses):
        return np.zeros(len(truth)), np.array(np.inf), np.array(0.0)
    found = poses.keypoints[:, None] if in_order else poses.keypoints[None]
    points, labeled = truth[:, None, :, :2], truth[:, None, :, 2] > 0
    areas = AREA_OF_BOX * sizes.prod(axis=1, dtype=np.float64)[:, None]
    terms = keypoint_similarity(found, points, areas, sigmas)
    similarity = mean_of_labeled(terms, labeled)
    each, best = np.arange(len(truth)), similarity.argmax(axis=1)
    nearest = poses.keypoints if in_order else poses.keypoints[best]
    distances = np.linalg.norm(nearest - truth[..., :2], axis=2)
    return similarity[each, best], distances, terms[each, best]


# ---------------------------------------------------------------- mapping of keypoints


def keypoint_mapping(model: KeypointLayout, labels: KeypointLayout, source) -> np.ndarray:
    """(K,) for each annotated keypoint the index of the model's keypoint, for two different
    layouts.

    A face mesh of 468 points is mapped to the 68 iBUG points by the published correspondence; other
    layouts by the names of their keypoints, however spelled.

    Raises:
        PoseError: if an annotated keypoint has no counterpart.
    """
    if len(model) == 468 and len(labels) == 68:
        return np.array(IBUG68_FROM_MESH468)
    order = same_keypoints(labels.names, model.names)
    if order is not None:
        return np.array(order)
    own = set(keys(model.names))
    missing = [n for n, key in zip(labels.names, keys(labels.names)) if key not in own]
    raise PoseError(
        f"{source} has {len(labels)} keypoints ({labels.name}), the model gives {len(model)} "
        f"({model.name}); no counterpart for "
        f"{', '.join(missing[:5])}{'…' if len(missing) > 5 else ''}. Use a dataset with the "
        "model's keypoints, or give the mapping: keypoint_map=[...], for each of the "
        f"{len(labels)} labeled keypoints the index of the model's"
    )


def checked_mapping(
    mapping: Sequence[int], model: KeypointLayout, labels: KeypointLayout
) -> np.ndarray:
    """The mapping that a user gave, as an array.

    Raises:
        PoseError: if it is not one valid index of the model's keypoints per annotated keypoint.
    """
    indices = np.asarray(mapping)
    if (
        indices.shape != (len(labels),)
        or indices.dtype.kind not in "iu"
        or not ((indices >= 0) & (indices < len(model))).all()
    ):
        raise PoseError(
            f"keypoint_map={list(mapping)!r:.80}: expected {len(labels)} integers from 0 to "
            f"{len(model) - 1}, one per labeled keypoint"
        )
    return indices


def mapped(poses: Poses, mapping: np.ndarray | None, labels: KeypointLayout) -> Poses:
    """The poses with the annotated keypoints, in their order."""
    order = slice(None) if mapping is None else mapping
    return replace(
        poses, keypoints=poses.keypoints[:, order], scores=poses.scores[:, order], layout=labels
    )
