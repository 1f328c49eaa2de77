"""Poses, the result type of every model, and object keypoint similarity (OKS), which measures
them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .keypoints import KeypointLayout

_OPTIONAL = ("boxes", "box_scores", "world", "handedness", "classes", "track_ids")
AREA_OF_BOX = 0.53
"""Area of a person as a fraction of their box, where no segmentation mask gives it; ST's model zoo
always uses it for OKS."""


@dataclass(frozen=True)
class Poses:
    """The N people (or hands, heads, objects) detected in one image.

    Attributes:
        keypoints: (N, K, 2) float32, x and y in pixels of the original image; the center of the
            top left pixel is (0.5, 0.5).
        scores: (N, K) float32, the confidence of each keypoint.
        layout: names, limbs and sigmas of the K keypoints.
        boxes: (N, 4) float32, x0, y0, x1, y1 in pixels; None if the model has no boxes.
        box_scores: (N,) float32, the confidence of each person, or None.
        world: (N, K, 3) float32, x, y, z in meters relative to the center of the object, x and y as
            in the image, z away from the camera; None if the model has no world coordinates.
        handedness: (N,) float32, the probability that a hand is a right hand, or None.
        classes: (N,) integers, the class of each among those of the model, from 0, or None.
        track_ids: (N,) integers, who is who in the frames of a video, from 1, or None.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    layout: KeypointLayout
    boxes: np.ndarray | None = None
    box_scores: np.ndarray | None = None
    world: np.ndarray | None = None
    handedness: np.ndarray | None = None
    classes: np.ndarray | None = None
    track_ids: np.ndarray | None = None

    def __post_init__(self) -> None:
        expected = (len(self.scores), len(self.layout))
        if self.keypoints.shape != expected + (2,) or self.scores.shape != expected:
            raise ValueError(
                f"keypoints {self.keypoints.shape} and scores {self.scores.shape} given; layout "
                f"{self.layout.name!r} "
                f"expects (N, {len(self.layout)}, 2) and (N, {len(self.layout)})"
            )

    def __len__(self) -> int:
        return len(self.keypoints)

    def __getitem__(self, index: Any) -> Poses:
        """The people selected by an index, a slice, or an array of indices or booleans."""
        index = [index] if isinstance(index, (int, np.integer)) else index
        optional = {name: getattr(self, name) for name in _OPTIONAL}
        selected: dict[str, Any] = {
            name: None if array is None else array[index] for name, array in optional.items()
        }
        return replace(self, keypoints=self.keypoints[index], scores=self.scores[index], **selected)

    @property
    def person_scores(self) -> np.ndarray:
        """(N,) the confidence of each person: that of the box if there is one, else by
        :func:`person_scores` of the keypoints."""
        return person_scores(self.scores) if self.box_scores is None else self.box_scores

    def transformed(self, affine: np.ndarray) -> Poses:
        """The poses after a (2, 3) affine transform of keypoints, boxes and world coordinates.

        A rotated box becomes the axis-aligned box around its corners. World coordinates are rotated
        with the image, not scaled; a reflection turns a right hand into a left one.
        """
        affine = np.asarray(affine, dtype=np.float64)

        def move(points: np.ndarray) -> np.ndarray:
            return np.asarray(points @ affine[:, :2].T + affine[:, 2], np.float32)

        boxes, world, handedness = self.boxes, self.world, self.handedness
        if boxes is not None:
            corners = move(boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]])
            boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        if world is not None:
            world = np.concatenate(
                [world[:, :, :2] @ _rotation(affine[:, :2]).T, world[:, :, 2:]], axis=2
            ).astype(np.float32)
        if handedness is not None and np.linalg.det(affine[:, :2]) < 0:
            handedness = 1 - handedness
        return replace(
            self, keypoints=move(self.keypoints), boxes=boxes, world=world, handedness=handedness
        )

    def plot(self, image: str | Path | np.ndarray, threshold: float = 0.15) -> None:
        """Shows a figure of the image with the poses drawn over it.

        Args:
            image: a path, or a (H, W, 3) uint8 RGB array.
            threshold: keypoints with lower scores are drawn hollow, without limbs.
        """
        # An upward import, deferred: users expect poses to plot themselves
        from .plots import show_poses

        show_poses(image, self, threshold=threshold)

    def to_coco(self, image_id: int, category_id: int = 1) -> list[dict[str, Any]]:
        """The poses as COCO keypoint results (cocodataset.org, "Results Format"), one dictionary
        per person. The category of class 0 is ``category_id``, that of class 1 the next."""
        records = []
        for i, score in enumerate(self.person_scores):
            triplets = np.concatenate([self.keypoints[i], self.scores[i][:, None]], axis=1)
            record: dict[str, Any] = {
                "image_id": int(image_id),
                "category_id": category_id + (0 if self.classes is None else int(self.classes[i])),
                "keypoints": [round(float(v), 3) for v in triplets.ravel()],
                "score": round(float(score), 5),
            }
            if self.boxes is not None:
                x0, y0, x1, y1 = self.boxes[i].tolist()
                record["bbox"] = [round(v, 3) for v in (x0, y0, x1 - x0, y1 - y0)]
            if self.track_ids is not None:
                record["track_id"] = int(self.track_ids[i])
            records.append(record)
        return records


def person_scores(scores: np.ndarray) -> np.ndarray:
    """The confidence of a network of one person that there is a person: the mean of the highest
    half of the keypoints' scores, rounded up. Half of a person, as where the rest is hidden or
    outside the image, is a person, too.

    It separates images with and without people better than the mean or the median of all
    keypoints (``tests/bench/people/person_scores.md``). The few highest separate them as well, but
    stand on single keypoints, such as those of a face.

    Args:
        scores: (N, K) of the keypoints.

    Returns:
        (N,) float32. Sums are exact in float64, whatever their order, so that C gives the same.
    """
    half = (scores.shape[1] + 1) // 2
    highest = np.sort(scores, axis=1)[:, -half:].astype(np.float64)
    return np.asarray(highest.sum(axis=1) / half, np.float32)


def _rotation(linear: np.ndarray) -> np.ndarray:
    """(2, 2) the orthogonal matrix nearest to a linear map: its rotation, and its reflection if it
    has one."""
    left, _, right = np.linalg.svd(linear)
    return np.asarray(left @ right)


def join(poses: Sequence[Poses]) -> Poses:
    """Concatenates Poses of one layout. Optional fields (boxes, world coordinates…) are kept if all
    have them.

    Raises:
        ValueError: if ``poses`` is empty, or layouts differ.
    """
    names = sorted({p.layout.name for p in poses})
    if len(names) != 1:
        raise ValueError(f"poses of the layouts {names} given; expected one or more of one layout")

    arrays = {
        name: [getattr(p, name) for p in poses] for name in ("keypoints", "scores", *_OPTIONAL)
    }
    joined: dict[str, Any] = {
        name: None if any(array is None for array in parts) else np.concatenate(parts)
        for name, parts in arrays.items()
    }
    return replace(poses[0], **joined)


def oks(
    keypoints: np.ndarray,
    truth: np.ndarray,
    visible: np.ndarray,
    area: np.ndarray,
    sigmas: np.ndarray,
) -> np.ndarray:
    """Object keypoint similarity (OKS) as COCO defines it (cocodataset.org, "Keypoint Evaluation").

    The mean over labeled keypoints of exp(-d² / (2 · area · (2σ)²)), where d is the distance in
    pixels. Broadcasts over leading axes.

    Args:
        keypoints: (..., K, 2) predicted x, y.
        truth: (..., K, 2) annotated x, y.
        visible: (..., K), above zero where the keypoint is labeled.
        area: (...) area of the object in square pixels.
        sigmas: (K,) the layout's sigmas.

    Returns:
        (...) OKS from 0 to 1; NaN where no keypoint is labeled.
    """
    return mean_of_labeled(keypoint_similarity(keypoints, truth, area, sigmas), visible)


def mean_of_labeled(similarity: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """(...) OKS from the per-keypoint OKS (..., K) and the visibility of the keypoints (..., K)."""
    labeled = np.broadcast_to(np.asarray(visible) > 0, similarity.shape)
    count = labeled.sum(axis=-1)
    return np.where(
        count > 0, np.where(labeled, similarity, 0).sum(axis=-1) / np.maximum(count, 1), np.nan
    )


def keypoint_similarity(
    keypoints: np.ndarray, truth: np.ndarray, area: np.ndarray | float, sigmas: np.ndarray
) -> np.ndarray:
    """(..., K) the per-keypoint OKS that :func:`oks` averages, from 0 to 1, whether labeled or
    not."""
    distance2 = np.square(np.asarray(keypoints, np.float64) - truth).sum(axis=-1)
    variance2 = (
        2
        * np.square(2 * np.asarray(sigmas, np.float64))
        * np.maximum(np.asarray(area, np.float64), 1e-9)[..., None]
    )
    return np.asarray(np.exp(-distance2 / variance2))


def standard_error(values: Sequence[float] | np.ndarray) -> float:
    """Of the mean of values, NaN left out; NaN for fewer than two."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else np.nan
