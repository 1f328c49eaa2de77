"""TRANSPOSE_CONV: its inputs are the output's shape, the weights, the data, and maybe a bias."""

from __future__ import annotations

from ..unsupported import need
from .conv import need_weights
from .layer import Layer, images
from .requantize import bias_of, requantize, wrapped
from .window import transposed_window_fields


def lower_transpose_conv(layer: Layer) -> None:
    weights, source, output = layer.input(1), layer.input(2), layer.output
    values = need_weights(layer, source, weights)
    channels, _, _, depth = weights.shape
    fields = images(layer, 2)
    need(
        depth == source.shape[3] and channels == output.shape[3],
        f"weights of shape {weights.shape} for {source.shape} and {output.shape}",
    )
    fields |= {
        "window": transposed_window_fields(layer),
        "in_zero": source.zero_point,
        "weights": layer.constant("weights", values),
        "bias": layer.constant("bias", wrapped(bias_of(layer, 3))),
        "scale": requantize(layer, source, weights),
    }
    layer.call_on_image("pose_transposed", layer.struct("pose_transposed_layer", fields))
