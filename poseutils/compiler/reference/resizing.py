"""Which input rows or columns a resized image is made of."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..attributes import Resize
from ..graph import Operator

Places = tuple[np.ndarray, "np.ndarray | None", "np.ndarray | None"]
"""For each output row or column the two inputs, and the share of the second in 1/1024."""


def places_of(operator: Operator) -> Callable[[int, int, Resize], Places]:
    """The function that finds them for a RESIZE_BILINEAR or RESIZE_NEAREST_NEIGHBOR, from the sizes
    of input and output."""
    if operator.name == "RESIZE_NEAREST_NEIGHBOR":
        return nearest_index
    return between_exactly if operator.rounds_once else between


def between(size: int, made: int, resize: Resize) -> Places:
    """As LiteRT has it, in fixed point."""
    corners = resize.align_corners and made > 1
    ratio = (
        (((size - 1) << 10) + (made - 1) // 2) // (made - 1)
        if corners
        else ((size << 10) + made // 2) // made
    )
    place = np.arange(made, dtype=np.int64) * ratio
    if resize.half_pixel_centers:
        place += ratio // 2 - (1 << 9)
    first = np.maximum(place >> 10, 0)
    second = np.minimum((place + 1023) >> 10, size - 1)
    return first.clip(0, size - 1), second.clip(0), place - (first << 10)


def between_exactly(size: int, made: int, resize: Resize) -> Places:
    """As ONNX has it, each share rounded by itself."""
    x = np.arange(made)
    place = x * size / made
    if resize.half_pixel_centers:
        place = (x + 0.5) * size / made - 0.5
    elif resize.align_corners:
        place = x * (size - 1) / max(made - 1, 1)
    place = place.clip(0, size - 1)
    first = np.floor(place).astype(np.int64)
    return first, np.minimum(first + 1, size - 1), np.rint((place - first) * 1024).astype(np.int64)


def nearest_index(size: int, made: int, resize: Resize) -> Places:
    """The input alone, found in 32-bit floats."""
    corners, centers = resize.align_corners, resize.half_pixel_centers
    ratio = (
        np.float32(size - 1) / np.float32(made - 1)
        if corners and made > 1
        else np.float32(size) / np.float32(made)
    )
    place = (np.arange(made, dtype=np.float32) + np.float32(0.5 if centers else 0)) * ratio
    index = np.floor(place + np.float32(0.5)) if corners else np.floor(place)
    return index.clip(0, size - 1), None, None
