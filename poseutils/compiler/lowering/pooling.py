"""MAX_POOL_2D and AVERAGE_POOL_2D."""

from __future__ import annotations

from ..attributes import Pool2D
from ..reference.elementwise import activation_range
from ..unsupported import need
from .layer import Fields, Layer, image, need_activation, need_int8
from .window import window_fields


def lower_pooling(layer: Layer) -> None:
    source = layer.input(0)
    need_int8(source, layer.output)
    need_activation(layer.operator)
    fields: Fields = {
        "in": image(layer, layer.operator.inputs[0]),
        "out": image(layer, layer.operator.outputs[0]),
    }
    need(
        source.shape[3] == layer.output.shape[3],
        f"{source.shape[3]} channels in, {layer.output.shape[3]} out",
    )
    low, high = activation_range(layer.operator, layer.output)
    fields |= {
        "window": window_fields(layer, layer.attributes(Pool2D).size, (1, 1)),
        "low": low,
        "high": high,
    }
    function = "pose_max_pool" if layer.operator.name == "MAX_POOL_2D" else "pose_average_pool"
    layer.call_on_data(function, layer.struct("pose_pool_layer", fields))
