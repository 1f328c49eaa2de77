"""Regions of interest: the rectangle around a person, hand or head, possibly rotated, that is
cropped for a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .geometry import Transform
from .keypoints import FACE6, PALM7
from .poses import Poses

MARGIN = 1.25
"""Side of a crop relative to the box, as is usual for top-down networks (Xiao et al., "Simple
Baselines", ECCV 2018)."""


@dataclass(frozen=True)
class Region:
    """A rectangle in an image, which may be rotated and extend beyond the image.

    Attributes:
        center: x, y in pixels of the image.
        size: width and height in pixels of the image.
        angle: rotation in radians, clockwise as displayed (y points down).
    """

    center: tuple[float, float]
    size: tuple[float, float]
    angle: float = 0.0

    def transform(self, input_size: tuple[int, int]) -> Transform:
        """The map from the image to an input of (height, width) that this region fills."""
        height, width = input_size
        rotation = np.array(
            [[np.cos(self.angle), np.sin(self.angle)], [-np.sin(self.angle), np.cos(self.angle)]]
        )
        linear = rotation * np.array([[width / self.size[0]], [height / self.size[1]]])
        return Transform(
            np.column_stack(
                [
                    linear,
                    np.array([width, height]) / 2 - linear @ np.asarray(self.center, np.float64),
                ]
            )
        )

    def corners(self) -> np.ndarray:
        """(4, 2) top left, top right, bottom right and bottom left, in the region's own
        orientation."""
        return self.transform((1, 1)).to_image(
            np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
        )


def region_of_box(box: np.ndarray, margin: float = MARGIN) -> Region:
    """The square centered on a box (4,) x0, y0, x1, y1, whose side is ``margin`` times the larger
    side of the box."""
    x0, y0, x1, y1 = (float(v) for v in box)
    side = max(x1 - x0, y1 - y0, 1.0) * margin
    return Region(((x0 + x1) / 2, (y0 + y1) / 2), (side, side))


def cut(
    image: np.ndarray, region: Region, input_size: tuple[int, int]
) -> tuple[np.ndarray, Transform]:
    """Crops a region and resizes it bilinearly to ``input_size`` (height, width); black outside the
    image.

    Args:
        image: (H, W, 3) uint8.

    Returns:
        (height, width, 3) uint8, and the transform of points.
    """
    transform = region.transform(input_size)
    # The center of the first pixel is (0, 0) in OpenCV, (0.5, 0.5) in this package.
    shift = transform.matrix[:, :2] @ (0.5, 0.5) + transform.matrix[:, 2] - 0.5
    matrix = np.column_stack([transform.matrix[:, :2], shift])
    return cv2.warpAffine(image, matrix, input_size[::-1], flags=cv2.INTER_LINEAR), transform


# ---------------------------------------------------------------- the crops of MediaPipe's landmark
# networks


def region_of_detection(found: Poses, index: int) -> Region:
    """The region to crop for a detection with a box: rotated upright for palms and faces, else the
    square around the box."""
    if found.boxes is None:
        raise ValueError("poses without boxes given; expected those of a detector")
    if found.layout.name == PALM7.name:
        return region_of_palm(found.keypoints[index], found.boxes[index])
    if found.layout.name == FACE6.name:
        return region_of_face(found.keypoints[index], found.boxes[index])
    return region_of_box(found.boxes[index])


def turned(region: Region, angle: float) -> Region:
    """The region rotated about its center by ``angle`` radians, clockwise as displayed."""
    return replace(region, angle=region.angle + angle)


def region_of_palm(points: np.ndarray, box: np.ndarray) -> Region:
    """The hand of a detected palm, fingers up.

    As in MediaPipe's graph ``palm_detection_detection_to_roi``: the line from the wrist to the
    knuckle of the middle finger points up, the box is shifted by half its height along it, and the
    side of the square is 2.6 times the longer side of the box.

    Args:
        points: (7, 2) in the order of ``PALM7``.
        box: (4,) x0, y0, x1, y1.
    """
    return _enlarged(box, _up(points[2] - points[0]), scale=2.6, shift=-0.5)


def region_of_face(points: np.ndarray, box: np.ndarray) -> Region:
    """The head of a detected face, eyes level: 1.5 times the longer side of the box.

    As in MediaPipe's graph ``face_detection_front_detection_to_roi``.

    Args:
        points: (6, 2) in the order of ``FACE6``.
        box: (4,) x0, y0, x1, y1.
    """
    return _enlarged(box, _level(points[1] - points[0]), scale=1.5)


# Wrist, thumb without its tip, the two lower joints of each finger
_STABLE = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]
_INDEX, _MIDDLE, _RING = 6, 10, 14  # the middle joints of the fingers


def region_of_hand(keypoints: np.ndarray) -> Region:
    """The hand around its landmarks, fingers up: for the next frame of a video, or to refine a
    prediction.

    As in MediaPipe's ``HandLandmarksToRectCalculator`` and graph
    ``hand_landmark_landmarks_to_roi``: the box of the joints that move least, in the hand's own
    orientation; the side of the square is twice its longer side, shifted by a tenth of its height
    towards the fingers.

    Args:
        keypoints: (21, 2) in the order of ``HAND21``.
    """
    knuckles = (keypoints[_INDEX] + keypoints[_RING]) / 4 + keypoints[_MIDDLE] / 2
    angle = _up(knuckles - keypoints[0])
    own = keypoints[_STABLE] @ _rotation(angle)
    low, high = own.min(axis=0), own.max(axis=0)
    center, half = _rotation(angle) @ ((low + high) / 2), (high - low) / 2
    return _enlarged(np.concatenate([center - half, center + half]), angle, scale=2.0, shift=-0.1)


_ANGLE_SIGMA = np.radians(30)
"""Width of the Gaussian by which estimates of a hand's angle support one another."""


def upright_hand(
    predict: Callable[[Region], Poses],
    region: Region,
    angles: int = 8,
    min_relative_score: float = 0.8,
) -> Region:
    """The region rotated so that the fingers of the hand in it point up, where the orientation is
    unknown.

    The network predicts the region at ``angles`` rotations, each of which gives an estimate of the
    hand's angle. Estimates are weighted by how upright the hand is in their crop, as networks
    trained on upright hands are unreliable for others; the estimate with the most support wins.
    Scores alone do not suffice, as they saturate in quantized networks.

    Args:
        predict: a region -> one hand of layout ``HAND21``, in pixels of the image.
        region: around the hand.
        angles: number of rotations to try, evenly spaced; six or more.
        min_relative_score: estimates with a lower score relative to the best one are ignored.

    Returns:
        The region, rotated to the angle of the hand.
    """
    tries = region.angle + 2 * np.pi * np.arange(angles) / angles
    hands = [predict(replace(region, angle=float(angle))) for angle in tries]
    found = np.array([region_of_hand(hand.keypoints[0]).angle for hand in hands])
    scores = np.array([hand.person_scores[0] for hand in hands])
    weights = (scores >= min_relative_score * scores.max()) * np.maximum(np.cos(found - tries), 0)
    support = np.exp(-((_wrapped(found[:, None] - found) / _ANGLE_SIGMA) ** 2)) @ weights
    return replace(region, angle=float(found[np.argmax(weights * support)]))


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """Angles wrapped to -π…π."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _up(direction: np.ndarray) -> float:
    """The angle of a region in which this direction (x, y) points up."""
    return float(np.arctan2(direction[0], -direction[1]))


def _level(direction: np.ndarray) -> float:
    """The angle of a region in which this direction (x, y) points right."""
    return float(np.arctan2(direction[1], direction[0]))


def _rotation(angle: float) -> np.ndarray:
    """(2, 2) rotation by ``angle``, from the axes of a region to those of the image."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _enlarged(box: np.ndarray, angle: float, scale: float, shift: float = 0.0) -> Region:
    """The rotated square of ``scale`` times the longer side of a box, shifted by ``shift`` times
    its height along its own y axis."""
    low, high = np.asarray(box, np.float64).reshape(2, 2)
    width, height = high - low
    center = (low + high) / 2 + _rotation(angle) @ (0, shift * height)
    side = max(width, height, 1.0) * scale
    return Region((float(center[0]), float(center[1])), (float(side), float(side)), angle)
