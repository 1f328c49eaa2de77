"""MAX_POOL_2D and AVERAGE_POOL_2D."""

from __future__ import annotations

from ..reference.elementwise import activation_range
from .layer import Layer, images, need_activation, need_int8
from .window import window_fields


def lower_pooling(layer: Layer) -> None:
    need_int8(layer.input(0), layer.output)
    need_activation(layer.operator)
    low, high = activation_range(layer.operator, layer.output)
    fields = images(layer) | {
        "window": window_fields(layer),
        "low": low,
        "high": high,
    }
    function = "pose_max_pool" if layer.operator.name == "MAX_POOL_2D" else "pose_average_pool"
    layer.call_on_image(function, layer.struct("pose_pool_layer", fields))
