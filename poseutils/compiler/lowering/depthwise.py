"""DEPTHWISE_CONV_2D."""

from __future__ import annotations

from ..attributes import DepthwiseConv2D
from .conv import need_weights
from .layer import Layer, images
from .requantize import bias_of, requantize, wrapped
from .window import window_fields


def lower_depthwise(layer: Layer) -> None:
    source, weights = layer.input(0), layer.input(1)
    values, bias = need_weights(layer, source, weights), bias_of(layer)
    channels, divisor = weights.shape[3], layer.attributes(DepthwiseConv2D).divisor
    fields = images(layer) | {
        "window": window_fields(layer),
        "in_zero": source.zero_point,
        "multiplier": channels // source.shape[3],
        "weights": layer.constant("weights", values),
        "bias": layer.constant("bias", wrapped(bias)),
        "scale": requantize(layer, source, weights, divisor=divisor),
    }
    layer.call_on_image("pose_depthwise", layer.struct("pose_depthwise_layer", fields))
