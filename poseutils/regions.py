"""Regions: the part of an image around one person, hand or head, upright or turned, that a network gets to see."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .images import Transform

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
