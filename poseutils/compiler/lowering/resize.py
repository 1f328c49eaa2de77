"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR."""

from __future__ import annotations

import numpy as np

from ..attributes import Resize
from ..reference.fixed_point import quantize_multiplier
from ..reference.resizing import places_of
from ..unsupported import need
from .layer import Layer, images, need_int8


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
    places = places_of(layer.operator)
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
    layer.call_on_image(function, layer.struct("pose_resize_layer", fields))
