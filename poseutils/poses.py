"""Poses, the one result type that every model is decoded to, and the similarity (OKS) that they are measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .keypoints import KeypointLayout

_OPTIONAL = ("boxes", "box_scores", "world", "right")
AREA_OF_BOX = 0.53
"""Area of a person as a part of their box, where no mask says it; the zoo's OKS uses it always."""


@dataclass(frozen=True)
class Poses:
    """N people (or hands, heads, objects) found on one image.

    Attributes:
        keypoints: (N, K, 2) float32, x and y in pixels of the original image; the centre of the first pixel is (0.5, 0.5).
        scores: (N, K) float32, the model's confidence in each keypoint.
        boxes: (N, 4) float32, x0, y0, x1, y1 in pixels, or None if the model gives none.
        box_scores: (N,) float32, the confidence in each person, or None.
        layout: names, limbs and sigmas of the K keypoints.
        world: (N, K, 3) float32, x, y, z in meters about the object's own middle, x and y as in the image, z away from the camera;
            or None if the model gives none.
        right: (N,) float32, the probability that a hand is a right one, or None.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    layout: KeypointLayout
    boxes: np.ndarray | None = None
    box_scores: np.ndarray | None = None
    world: np.ndarray | None = None
    right: np.ndarray | None = None

    def __post_init__(self):
        expected = (len(self.scores), len(self.layout))
        if self.keypoints.shape != expected + (2,) or self.scores.shape != expected:
            raise ValueError(
                f"keypoints {self.keypoints.shape} and scores {self.scores.shape} given; layout {self.layout.name!r} "
                f"expects (N, {len(self.layout)}, 2) and (N, {len(self.layout)})"
            )

    def __len__(self) -> int:
        return len(self.keypoints)

    def __getitem__(self, index) -> Poses:
        """The people selected by an index, a slice, or an array of indices or booleans."""
        index = [index] if isinstance(index, (int, np.integer)) else index

        def pick(array: np.ndarray | None) -> np.ndarray | None:
            return None if array is None else array[index]

        return replace(self, keypoints=self.keypoints[index], scores=self.scores[index], **{n: pick(getattr(self, n)) for n in _OPTIONAL})

    @property
    def person_scores(self) -> np.ndarray:
        """(N,) one confidence a person: the box's where there is one, else the mean over keypoints."""
        return self.scores.mean(axis=1) if self.box_scores is None else self.box_scores

    def moved(self, affine: np.ndarray) -> Poses:
        """The same poses with keypoints, boxes and world coordinates moved by a (2, 3) affine matrix.

        A turned box becomes the upright one around its corners. World coordinates turn with the image and keep their size; a matrix
        that mirrors makes a left hand of a right one.
        """
        affine = np.asarray(affine, dtype=np.float64)

        def move(points: np.ndarray) -> np.ndarray:
            return (points @ affine[:, :2].T + affine[:, 2]).astype(np.float32)

        boxes, world, right = self.boxes, self.world, self.right
        if boxes is not None:
            corners = move(boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]])
            boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        if world is not None:
            world = np.concatenate([world[:, :, :2] @ _rotation(affine[:, :2]).T, world[:, :, 2:]], axis=2).astype(np.float32)
        if right is not None and np.linalg.det(affine[:, :2]) < 0:
            right = 1 - right
        return replace(self, keypoints=move(self.keypoints), boxes=boxes, world=world, right=right)

    def plot(self, image, threshold: float = 0.15) -> None:
        """Draws the poses over ``image``, a path or an array, as a matplotlib figure."""
        from .plots import show_poses  # a way up: people expect poses to draw themselves

        show_poses(image, self, threshold=threshold)

    def to_coco(self, image_id: int, category_id: int = 1) -> list[dict]:
        """The poses as COCO keypoint results (cocodataset.org, "Results Format"), one dictionary a person."""
        records = []
        for i, score in enumerate(self.person_scores):
            triplets = np.concatenate([self.keypoints[i], self.scores[i][:, None]], axis=1)
            record = {
                "image_id": int(image_id),
                "category_id": category_id,
                "keypoints": [round(float(v), 3) for v in triplets.ravel()],
                "score": round(float(score), 5),
            }
            if self.boxes is not None:
                x0, y0, x1, y1 = self.boxes[i].tolist()
                record["bbox"] = [round(v, 3) for v in (x0, y0, x1 - x0, y1 - y0)]
            records.append(record)
        return records


def _rotation(linear: np.ndarray) -> np.ndarray:
    """(2, 2) the rotation in a linear map: the orthogonal matrix that is nearest to it, which also mirrors if the map does."""
    left, _, right = np.linalg.svd(linear)
    return left @ right


def join(poses: Sequence[Poses]) -> Poses:
    """Several Poses of one layout as one, in their order. What any of them lacks (boxes, world coordinates…), all lack.

    Raises:
        ValueError: if there are none, or layouts differ.
    """
    names = sorted({p.layout.name for p in poses})
    if len(names) != 1:
        raise ValueError(f"poses of the layouts {names} given; expected one or more of one layout")

    def joined(name: str) -> np.ndarray | None:
        arrays = [getattr(p, name) for p in poses]
        return None if any(array is None for array in arrays) else np.concatenate(arrays)

    return replace(poses[0], keypoints=joined("keypoints"), scores=joined("scores"), **{name: joined(name) for name in _OPTIONAL})


def oks(keypoints: np.ndarray, truth: np.ndarray, visible: np.ndarray, area: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Object keypoint similarity, as COCO defines it (cocodataset.org, "Keypoint Evaluation"). Broadcasts over leading axes.

    The mean over labeled keypoints of exp(-d² / (2 · area · (2σ)²)), d being the distance in pixels.

    Args:
        keypoints: (..., K, 2) predicted x, y.
        truth: (..., K, 2) true x, y.
        visible: (..., K), above zero where the keypoint is labeled.
        area: (...) area of the object in square pixels.
        sigmas: (K,) the layout's sigmas.

    Returns:
        (...) similarity from 0 to 1; NaN where no keypoint is labeled.
    """
    similarity = keypoint_similarity(keypoints, truth, area, sigmas)
    labeled = np.broadcast_to(np.asarray(visible) > 0, similarity.shape)
    count = labeled.sum(axis=-1)
    return np.where(count > 0, np.where(labeled, similarity, 0).sum(axis=-1) / np.maximum(count, 1), np.nan)


def keypoint_similarity(keypoints: np.ndarray, truth: np.ndarray, area: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """The terms that :func:`oks` averages: (..., K) similarities from 0 to 1, labeled or not."""
    distance2 = np.square(np.asarray(keypoints, np.float64) - truth).sum(axis=-1)
    variance2 = 2 * np.square(2 * np.asarray(sigmas, np.float64)) * np.maximum(np.asarray(area, np.float64), 1e-9)[..., None]
    return np.exp(-distance2 / variance2)
