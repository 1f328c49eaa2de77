"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..attributes import Resize
from ..reference.fixed_point import quantize_multiplier
from ..unsupported import need
from .layer import Layer, images, need_int8

Places = tuple[np.ndarray, "np.ndarray | None", "np.ndarray | None"]
"""For each output row or column the two inputs, and the share of the second in 1/1024."""


def lower_resize(layer: Layer) -> None:
    source, output, made = layer.input(0), layer.output, layer.attributes(Resize)
    need_int8(source, output)
    fields = images(layer)
    need(
        source.shape[3] == output.shape[3], f"{source.shape[3]} channels in, {output.shape[3]} out"
    )
    need(
        max(*source.shape[1:3], *output.shape[1:3]) < 2**15,
        "an image of more than 32767 rows or columns",
    )
    bilinear, once = layer.operator.name == "RESIZE_BILINEAR", layer.operator.rounds_once
    places: Callable[[int, int, Resize], Places] = nearest_index
    if bilinear:
        places = _between_exactly if once else _between
    for axis, letter in ((1, "y"), (2, "x")):
        found = places(source.shape[axis], output.shape[axis], made)
        for name, values in zip(("first", "second", "share"), found):
            text = "NULL"
            if values is not None:
                text = layer.constant(f"{name}_{letter}", values.astype(np.int16))
            fields[f"{name}_{letter}"] = text
    if bilinear and once:
        multiplier, shift = quantize_multiplier(float(source.scale) / float(output.scale) / 2**20)
        fields |= {
            "in_zero": source.zero_point,
            "zero": output.zero_point,
            "multiplier": multiplier,
            "shift": shift,
        }
    function = "pose_resize_bilinear" if bilinear else "pose_resize_nearest"
    layer.call_on_data(function, layer.struct("pose_resize_layer", fields))


def _between(size: int, made: int, resize: Resize) -> Places:
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


def _between_exactly(size: int, made: int, resize: Resize) -> Places:
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
