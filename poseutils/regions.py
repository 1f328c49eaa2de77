"""Regions: the part of an image around one person, hand or head, upright or turned, that a network gets to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from .geometry import Transform
from .keypoints import FACE6, PALM7
from .poses import Poses

MARGIN = 1.25
"""How much larger than the box the region around it is, as the top-down literature crops (Xiao et al., "Simple Baselines", ECCV 2018)."""


@dataclass(frozen=True)
class Region:
    """A rectangle of an image, which may be turned and may reach beyond the image.

    Attributes:
        center: x, y in pixels of the image.
        size: width and height in pixels of the image.
        angle: radians by which the rectangle's own "right" is turned from the image's, clockwise as one sees it (y points down).
    """

    center: tuple[float, float]
    size: tuple[float, float]
    angle: float = 0.0

    def transform(self, input_size: tuple[int, int]) -> Transform:
        """The map from the image to an input of height × width that shows just this region."""
        height, width = input_size
        turn = np.array([[np.cos(self.angle), np.sin(self.angle)], [-np.sin(self.angle), np.cos(self.angle)]])
        linear = turn * np.array([[width / self.size[0]], [height / self.size[1]]])
        return Transform(np.column_stack([linear, np.array([width, height]) / 2 - linear @ np.asarray(self.center, np.float64)]))

    def corners(self) -> np.ndarray:
        """(4, 2) top left, top right, bottom right, bottom left, as the region's own up goes."""
        return self.transform((1, 1)).to_image(np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64))


def region_of_box(box: np.ndarray, margin: float = MARGIN) -> Region:
    """The square around the middle of a box (4,) x0, y0, x1, y1 whose side is ``margin`` times the box's larger one."""
    x0, y0, x1, y1 = (float(v) for v in box)
    side = max(x1 - x0, y1 - y0, 1.0) * margin
    return Region(((x0 + x1) / 2, (y0 + y1) / 2), (side, side))


def cut(image: np.ndarray, region: Region, input_size: tuple[int, int]) -> tuple[np.ndarray, Transform]:
    """What a network of ``input_size`` (height, width) sees of a region: bilinear, black beyond the image.

    Args:
        image: (H, W, 3) uint8.

    Returns:
        (height, width, 3) uint8, and the transform that maps points.
    """
    transform = region.transform(input_size)
    # OpenCV counts a pixel's center as (0, 0), this package as (0.5, 0.5).
    shift = transform.matrix[:, :2] @ (0.5, 0.5) + transform.matrix[:, 2] - 0.5
    matrix = np.column_stack([transform.matrix[:, :2], shift])
    return cv2.warpAffine(image, matrix, input_size[::-1], flags=cv2.INTER_LINEAR), transform


# ---------------------------------------------------------------- what MediaPipe's second stages look at


def region_of_detection(found: Poses, index: int) -> Region:
    """Where a second network looks for one of several detections: turned upright by its points if they are a palm's or a face's,
    else around its box."""
    if found.layout.name == PALM7.name:
        return region_of_palm(found.keypoints[index], found.boxes[index])
    if found.layout.name == FACE6.name:
        return region_of_face(found.keypoints[index], found.boxes[index])
    return region_of_box(found.boxes[index])


def turned(region: Region, angle: float) -> Region:
    """The region turned by ``angle`` radians, clockwise as one sees it, about its center."""
    return replace(region, angle=region.angle + angle)


def region_of_palm(points: np.ndarray, box: np.ndarray) -> Region:
    """The hand of a detected palm, fingers up.

    As MediaPipe's graph ``palm_detection_detection_to_roi`` has it: the line from the wrist to the knuckle of the middle finger
    points up, the box moves half its height along it, and its longer side times 2.6 is the square's.

    Args:
        points: (7, 2) in the order of ``PALM7``.
        box: (4,) x0, y0, x1, y1.
    """
    return _enlarged(box, _up(points[2] - points[0]), scale=2.6, shift=-0.5)


def region_of_face(points: np.ndarray, box: np.ndarray) -> Region:
    """The head of a detected face, eyes level: 1.5 times the longer side of the box.

    As MediaPipe's graph ``face_detection_front_detection_to_roi`` has it.

    Args:
        points: (6, 2) in the order of ``FACE6``.
        box: (4,) x0, y0, x1, y1.
    """
    return _enlarged(box, _level(points[1] - points[0]), scale=1.5)


_STEADY = [0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]  # wrist, thumb without its tip, the two lower joints of each finger
_INDEX, _MIDDLE, _RING = 6, 10, 14  # the joints in the middle of the fingers


def region_of_hand(keypoints: np.ndarray) -> Region:
    """The hand around its own landmarks, fingers up: for the next frame of a video, or a second look at the same one.

    As MediaPipe's ``HandLandmarksToRectCalculator`` and graph ``hand_landmark_landmarks_to_roi`` have it: the joints that move
    least give the box, upright in the hand's own frame; twice its longer side, moved a tenth of its height towards the fingers.

    Args:
        keypoints: (21, 2) in the order of ``HAND21``.
    """
    knuckles = (keypoints[_INDEX] + keypoints[_RING]) / 4 + keypoints[_MIDDLE] / 2
    angle = _up(knuckles - keypoints[0])
    own = keypoints[_STEADY] @ _rotation(angle)
    low, high = own.min(axis=0), own.max(axis=0)
    center, half = _rotation(angle) @ ((low + high) / 2), (high - low) / 2
    return _enlarged(np.concatenate([center - half, center + half]), angle, scale=2.0, shift=-0.1)


def region_of_head(keypoints: np.ndarray) -> Region:
    """The head around its own landmarks, eyes level: 1.5 times the longer side of their box.

    As MediaPipe's graph ``face_landmark_landmarks_to_roi`` has it, but from outer corner to outer corner of the eyes.

    Args:
        keypoints: (468, 2) in the order of ``HEAD468``.
    """
    box = np.concatenate([keypoints.min(axis=0), keypoints.max(axis=0)])
    return _enlarged(box, _level(keypoints[263] - keypoints[33]), scale=1.5)


_AGREE = np.radians(30)
"""Two looks at a hand that find its angle within about this of each other support one another."""


def upright_hand(look: Callable[[Region], Poses], region: Region, angles: int = 8, sure: float = 0.8) -> Region:
    """The region turned so that the hand in it points its fingers up, where nothing tells which way it points.

    The network looks at the region from ``angles`` directions, and each look says how far the hand that it found is turned. A look
    counts for more the more upright its own hand stands, because networks trained on upright hands contradict themselves about
    others; the turn wins that is supported most. Confidence alone does not tell: in quantized files it saturates.

    Args:
        look: gives the one hand, of layout ``HAND21``, in pixels of the image, that a network sees in a region.
        region: around the hand.
        angles: how many directions are tried, evenly around; six or more.
        sure: a look counts if its score is at least this part of the best one's.

    Returns:
        The region, turned to the hand's own angle.
    """
    tries = region.angle + 2 * np.pi * np.arange(angles) / angles
    hands = [look(replace(region, angle=float(angle))) for angle in tries]
    found = np.array([region_of_hand(hand.keypoints[0]).angle for hand in hands])
    scores = np.array([hand.person_scores[0] for hand in hands])
    weights = (scores >= sure * scores.max()) * np.maximum(np.cos(found - tries), 0)
    support = np.exp(-((_wrapped(found[:, None] - found) / _AGREE) ** 2)) @ weights
    return replace(region, angle=float(found[np.argmax(weights * support)]))


def _wrapped(angle: np.ndarray) -> np.ndarray:
    """The same angles from -π to π."""
    return (angle + np.pi) % (2 * np.pi) - np.pi


def _up(direction: np.ndarray) -> float:
    """The angle of a region in which this direction (x, y) points up."""
    return float(np.arctan2(direction[0], -direction[1]))


def _level(direction: np.ndarray) -> float:
    """The angle of a region in which this direction (x, y) points right."""
    return float(np.arctan2(direction[1], direction[0]))


def _rotation(angle: float) -> np.ndarray:
    """(2, 2) the matrix that takes vectors of a region turned by ``angle`` to the image."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _enlarged(box: np.ndarray, angle: float, scale: float, shift: float = 0.0) -> Region:
    """The turned square of ``scale`` times the box's longer side, moved by ``shift`` times its height along its own y."""
    low, high = np.asarray(box, np.float64).reshape(2, 2)
    width, height = high - low
    center = (low + high) / 2 + _rotation(angle) @ (0, shift * height)
    side = max(width, height, 1.0) * scale
    return Region((float(center[0]), float(center[1])), (float(side), float(side)), angle)
