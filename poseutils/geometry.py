"""Resizing an image to a network's input, and the map of points between the two. NumPy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .config.names import ASPECT_RATIOS
from .errors import PoseError

PADDING_GRAY = 114
"""The gray value of letterbox bars, with which YOLO networks are trained."""


@dataclass(frozen=True)
class Transform:
    """The affine map from an image to a network's input, and its inverse.

    Attributes:
        matrix: (2, 3) float64, from pixels of the image to pixels of the input; pixel centers at
            +0.5 in both.
    """

    matrix: np.ndarray

    def to_input(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) points of the image -> (..., 2) float64 points of the input."""
        return np.asarray(points, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) points of the input -> (..., 2) float64 points of the image."""
        return np.asarray(points, np.float64) @ self.inverse[:, :2].T + self.inverse[:, 2]

    @property
    def inverse(self) -> np.ndarray:
        """(2, 3) the affine map from the input to the image."""
        linear = np.linalg.inv(self.matrix[:, :2])
        return np.column_stack([linear, -linear @ self.matrix[:, 2]])


def fitted(
    image: np.ndarray,
    size: tuple[int, int],
    aspect_ratio: str,
    resize: Callable[[np.ndarray, tuple[int, int]], np.ndarray],
) -> tuple[np.ndarray, Transform]:
    """Resizes an image to a network's input.

    Args:
        image: (H, W, 3).
        size: height and width of the input.
        aspect_ratio: one of ``ASPECT_RATIOS``, see :func:`poseutils.images.fit_to`.
        resize: function of an (H, W, 3) image and (height, width) -> (height, width, 3).

    Returns:
        (height, width, 3), and the transform of points.

    Raises:
        PoseError: if ``aspect_ratio`` is unknown.
    """
    height, width = size
    (sx, sy, sw, sh), (tx, ty, tw, th) = _regions(image.shape[:2], size, aspect_ratio)
    resized = resize(image[sy : sy + sh, sx : sx + sw], (th, tw))
    if (th, tw) != (height, width):
        canvas = np.full((height, width, image.shape[2]), PADDING_GRAY, dtype=resized.dtype)
        canvas[ty : ty + th, tx : tx + tw] = resized
        resized = canvas
    scale_x, scale_y = tw / sw, th / sh
    return resized, Transform(
        np.array([[scale_x, 0, tx - sx * scale_x], [0, scale_y, ty - sy * scale_y]])
    )


def _regions(
    image_size: tuple[int, int], size: tuple[int, int], aspect_ratio: str
) -> tuple[tuple, tuple]:
    """The rectangle (x, y, width, height) of the image that is used, and the rectangle of the input
    that it fills, in whole pixels."""
    (image_height, image_width), (height, width) = image_size, size
    whole_image, whole_input = (0, 0, image_width, image_height), (0, 0, width, height)
    if aspect_ratio in ("fit", "full_screen"):
        return whole_image, whole_input
    if aspect_ratio == "padding":
        scale = min(width / image_width, height / image_height)
        w, h = max(1, round(image_width * scale)), max(1, round(image_height * scale))
        return whole_image, ((width - w) // 2, (height - h) // 2, w, h)
    if aspect_ratio == "crop":
        scale = max(width / image_width, height / image_height)
        w, h = max(1, round(width / scale)), max(1, round(height / scale))
        return ((image_width - w) // 2, (image_height - h) // 2, w, h), whole_input
    raise PoseError(f"aspect_ratio={aspect_ratio!r}: expected one of {', '.join(ASPECT_RATIOS)}")
