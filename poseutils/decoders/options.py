"""Inputs of a decoder besides the outputs of the network: the input's specification, thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..config.names import NMS_MEASURES, REFINEMENTS
from ..errors import PoseError
from ..poses import Poses

PEOPLE = (13, 17)
"""The usual numbers of keypoints of people."""


@dataclass(frozen=True)
class Head:
    """The rows of a YOLO pose head: 4 of the box, one per class, ``columns`` per keypoint: x, y,
    and with 3 columns its score.

    An ``end_to_end`` head gives each object once: the corners of its box, its score, the index of
    its class, then the keypoints.
    """

    classes: int
    keypoints: int
    columns: int = 3
    end_to_end: bool = False

    @property
    def first_point(self) -> int:
        """The rows before the keypoints."""
        return 6 if self.end_to_end else 4 + self.classes

    @property
    def scores(self) -> slice:
        """The rows of the scores of objects."""
        return slice(4, 5 if self.end_to_end else self.first_point)

    @property
    def rows(self) -> int:
        return self.first_point + self.keypoints * self.columns

    def __str__(self) -> str:
        kind = "detections of " * self.end_to_end
        return (
            f"{kind}{self.classes} classes and {self.keypoints} keypoints of {self.columns} columns"
        )


@dataclass(frozen=True)
class InputSpec:
    """The input of a network, and the units and order of its outputs, as its decoder needs to know
    them.

    Attributes:
        height, width: of the input, in pixels.
        channels_first: True if heatmaps are K×H×W, usually as images are C×H×W.
        normalized: True if the network outputs coordinates from 0 to 1, False if pixels of the
            input; None: pixels for hands and heads, 0 to 1 for others.
        points_normalized: the same for the keypoints beside boxes; None: as the boxes.
        head: of a ``yolo_mpe`` network; None: one class, three columns per keypoint; of 300
            detections where there are not as many boxes as cells.
        x_first: True if a network of one person outputs x, y, score rather than y, x, score.
        world_first: True if a hand network lists landmarks in meters before those in the image.
        sums_to_one: True if each heatmap is a softmax over its cells, whose values are no
            confidences.
    """

    height: int
    width: int
    channels_first: bool = False
    normalized: bool | None = None
    points_normalized: bool | None = None
    head: Head | None = None
    world_first: bool = False
    x_first: bool = False
    sums_to_one: bool = False

    def unit(self, usual: bool) -> np.ndarray:
        """(2,) pixels per unit of x and y of boxes, or of keypoints without boxes."""
        return self._pixels(usual if self.normalized is None else self.normalized)

    def points_unit(self, usual: bool) -> np.ndarray:
        """(2,) pixels per unit of x and y of keypoints beside boxes."""
        given = self.points_normalized
        return self.unit(usual) if given is None else self._pixels(given)

    def _pixels(self, normalized: bool) -> np.ndarray:
        return np.array([self.width, self.height] if normalized else [1, 1], np.float32)

    def reads_fractions(self, largest: float) -> bool | None:
        """Whether coordinates, of which ``largest`` is the largest anywhere in an image, are from 0
        to 1 rather than pixels: whether it is nearer to 1 or to the size of the input, by their
        geometric mean; None if it is 0 or not finite, as of an untrained network."""
        if not np.isfinite(largest) or largest == 0:
            return None
        return bool(largest < np.sqrt(max(self.height, self.width)))


MAX_DETECTIONS = 100_000
"""More than any network has candidates."""


@dataclass(frozen=True)
class Thresholds:
    """Thresholds and options of decoding. Which of them apply depends on the model type.

    Attributes:
        confidence: people with this score or less (:attr:`~poseutils.poses.Poses.person_scores`)
            are dropped; of networks of one person, 0 drops none.
        nms_iou: a detection whose similarity to a better one, by ``nms_measure``, is higher than
            this is dropped.
        max_detections: maximum number of detections per image, best first.
        nms_measure: ``iou``, the intersection over union of the boxes, or ``oks``, the object
            keypoint similarity of the poses.
        max_candidates: maximum number of detections that enter non-maximum suppression, best first.
        refine: one of ``REFINEMENTS``, for networks that output heatmaps.
    """

    confidence: float = 0.25
    nms_iou: float = 0.7
    max_detections: int = 100
    nms_measure: str = "iou"
    max_candidates: int = 1024
    refine: str = "dark"

    def __post_init__(self) -> None:
        if (
            not 0 <= self.confidence <= 1
            or not 0 <= self.nms_iou <= 1
            or not 1 <= self.max_detections <= MAX_DETECTIONS
            or not 1 <= self.max_candidates <= MAX_DETECTIONS
        ):
            raise PoseError(
                f"{self}: expected confidence and nms_iou from 0 to 1, max_detections and "
                f"max_candidates at least 1 and at most {MAX_DETECTIONS}"
            )
        for name, words in (("nms_measure", NMS_MEASURES), ("refine", REFINEMENTS)):
            if getattr(self, name) not in words:
                raise PoseError(
                    f"{name}={getattr(self, name)!r}: expected one of {', '.join(words)}"
                )


KEEP_ALL = Thresholds(confidence=0)
"""Of networks of one person: each image has its pose, with a person in it or not."""

ONE_PERSON = Thresholds(confidence=0.3)
"""Of networks of one person. The mean of false alarms and misses over the networks, on photographs
with and without people, whole and cropped, is about lowest there; at the best threshold of each
network it is hardly lower: ``python -m tests.bench person_scores`` measures it anew."""


def found_people(poses: Poses, thresholds: Thresholds) -> Poses:
    """Those poses of a network of one person whose score is above the confidence; all if it is
    0."""
    if not thresholds.confidence:
        return poses
    return poses[poses.person_scores > np.float32(thresholds.confidence)]


def check_finite(values: np.ndarray, what: str) -> None:
    """Refuses the output of a broken network.

    Raises:
        PoseError: if any of the values is NaN or infinite.
    """
    finite = np.isfinite(values)
    if not finite.all():
        raise PoseError(
            f"the network gives NaN or infinity in its {what} "
            f"({finite.size - np.count_nonzero(finite)} of {finite.size} values read): "
            "its weights or its input are damaged, or its quantization overflows"
        )
