"""Images become what a network takes: its size, and its channels."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from ..config.names import INTERPOLATIONS
from ..errors import PoseError
from ..geometry import Transform, fitted

COLOR_MODES = {1: ("rgb", "grayscale"), 3: ("rgb", "bgr"), 4: ("rgb", "bgr", "rgba")}
"""By the channels of a network, the color modes of its images. ``rgb`` goes with all: images are
brought to the channels."""


def to_color_mode(image: np.ndarray, color_mode: str, channels: int = 3) -> np.ndarray:
    """(H, W, 3) RGB with its channels in the order that a network was trained on.

    Args:
        color_mode: ``rgb`` or ``bgr``; ``grayscale`` with one channel, ``rgba`` with four.
        channels: of the network; one is made of three, or four, by
            :meth:`poseutils.models.networks.network.Network.prepare`.

    Raises:
        PoseError: for any other order.
    """
    if color_mode not in COLOR_MODES[channels]:
        known = " or ".join(COLOR_MODES[channels])
        raise PoseError(f"color_mode={color_mode!r}: networks of {channels} channels take {known}")
    return np.ascontiguousarray(image[:, :, ::-1]) if color_mode == "bgr" else image


# ---------------------------------------------------------------- fitting


def fit_to(
    image: np.ndarray,
    size: tuple[int, int],
    aspect_ratio: str = "fit",
    interpolation: str = "bilinear",
) -> tuple[np.ndarray, Transform]:
    """Resizes an image to a network's input.

    Args:
        image: (H, W, 3) uint8.
        size: height and width of the input.
        aspect_ratio: ``fit`` (or ``full_screen``) stretches the whole image over the input;
            ``padding`` keeps its proportions and fills the rest with gray (letterbox); ``crop``
            keeps them and fills the input with the middle of the image.
        interpolation: one of ``INTERPOLATIONS``. None of them but ``area`` smooths before it
            shrinks.

    Returns:
        (height, width, 3) from 0 to 255, uint8, or float32 where the interpolation gives fractions
        (those that OpenCV lacks), and the transform that maps points.
    """
    return fitted(
        image, size, aspect_ratio, lambda part, its_size: _resize(part, its_size, interpolation)
    )


# ---------------------------------------------------------------- resampling

_OPENCV = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST_EXACT, "area": cv2.INTER_AREA}


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.sinc(x) * np.sinc(x / radius)


def _cubic(b: float, c: float) -> Callable[[np.ndarray], np.ndarray]:
    """The two-parameter family of Mitchell and Netravali, "Reconstruction Filters in Computer
    Graphics" (1988)."""

    def kernel(x: np.ndarray) -> np.ndarray:
        near = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + 6 - 2 * b
        far = (
            (-b - 6 * c) * x**3 + (6 * b + 30 * c) * x**2 + (-12 * b - 48 * c) * x + 8 * b + 24 * c
        )
        return np.where(x < 1, near, far) / 6

    return kernel


_KERNELS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "bicubic": (2, _cubic(0, 0.5)),
    "mitchellcubic": (2, _cubic(1 / 3, 1 / 3)),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, lambda x: np.exp(-2 * x**2)),
}
"""What OpenCV lacks, as ``tf.image.resize`` defines it without antialiasing: radius in pixels,
weight at a distance."""


def _resize(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """(H, W, 3) uint8 -> (height, width, 3) uint8 or float32."""
    if interpolation in _OPENCV:
        return cv2.resize(image, size[::-1], interpolation=_OPENCV[interpolation])
    if interpolation not in _KERNELS:
        raise PoseError(
            f"interpolation={interpolation!r}: expected one of {', '.join(INTERPOLATIONS)}"
        )
    rows = _resample(image, size[0], axis=0, interpolation=interpolation)
    return _resample(rows, size[1], axis=1, interpolation=interpolation)


def _resample(image: np.ndarray, count: int, axis: int, interpolation: str) -> np.ndarray:
    """Resamples one axis of an (H, W, C) image to ``count`` pixels, in float32."""
    index, weight = _taps(image.shape[axis], count, interpolation)
    shape = (-1, 1, 1) if axis == 0 else (1, -1, 1)
    return sum(
        image.take(index[:, tap], axis=axis) * weight[:, tap].reshape(shape)
        for tap in range(index.shape[1])
    )


@lru_cache(maxsize=256)
def _taps(length: int, count: int, interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels of a row of ``length`` each of ``count`` outputs reads, and with what weight.

    Returns:
        (count, T) indices and (count, T) float32 weights that sum to one; weight zero where a tap
        falls outside.
    """
    radius, kernel = _KERNELS[interpolation]
    centers = (np.arange(count) + 0.5) * (length / count)
    first = np.ceil(centers - radius - 0.5).astype(np.intp)
    index = first[:, None] + np.arange(int(np.ceil(2 * radius)))
    distance = np.abs(index + 0.5 - centers[:, None])
    weight = np.where((distance < radius) & (index >= 0) & (index < length), kernel(distance), 0)
    return np.clip(index, 0, length - 1), (weight / weight.sum(axis=1, keepdims=True)).astype(
        np.float32
    )
