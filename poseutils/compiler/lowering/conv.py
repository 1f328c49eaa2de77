"""CONV_2D, in groups too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..graph import Graph, Operator, Quantization, Tensor
from ..unsupported import need
from .layer import Layer, at, images, need_activation, need_int8
from .requantize import bias_of, requantize, whole_words, wrapped
from .window import window_fields

_MAX_GROUPS = 1024
"""More groups than this would be more code than weights."""

LEAST_SCRATCH = 960
"""Bytes of scratch that any convolution has if it can use them."""


def conv_scratch(graph: Graph, operator: Operator) -> tuple[int, int]:
    """The least scratch of a convolution, and the most that it can use, see pose_conv."""
    _, height, width, channels = graph.tensors[operator.inputs[1]].shape
    most = 6 * (-(-height * width * channels // 4) * 4)
    return min(most, LEAST_SCRATCH), most


def lower_conv(layer: Layer) -> None:
    """A convolution in groups is one for each: of some input channels to some output channels."""
    depth, channels = layer.input(1).shape[3], layer.input(0).shape[-1]
    if depth == channels:
        _conv(layer)
        return
    groups = channels // depth
    need(groups <= _MAX_GROUPS, f"{groups} groups; up to {_MAX_GROUPS} are supported")
    for group in range(groups):
        _conv(_group(layer, group, groups))


def need_weights(layer: Layer, source: Tensor, weights: Tensor) -> np.ndarray:
    """The weights of a convolution, which are constant and symmetric."""
    need_int8(source, layer.output)
    need_activation(layer.operator)
    values = layer.values(1, "constant int8 weights are expected")
    need(weights.dtype == "int8", "constant int8 weights are expected")
    symmetric = not weights.known_quantization.zero_points.any()
    need(symmetric, "weights with zero points of 0 are expected")
    return values


def _conv(layer: Layer) -> None:
    source, weights = layer.input(0), layer.input(1)
    values, bias = need_weights(layer, source, weights), bias_of(layer)
    sums = values.reshape(len(values), -1).astype(np.int64).sum(axis=1)
    fields = images(layer) | {
        "window": window_fields(layer),
        "in_zero": source.zero_point,
        "scratch_bytes": layer.scratch[1],
        "weights": layer.constant("weights", whole_words(values)),
        "bias": layer.constant("bias", wrapped(bias - source.zero_point * sums)),
        "scale": requantize(layer, source, weights),
    }
    made = layer.struct("pose_conv_layer", fields)
    layer.call_on_image("pose_conv", made, at("int8_t", layer.scratch[0]))


def _group(layer: Layer, group: int, groups: int) -> Layer:
    """The operator on one group, as a layer of its own: its tensors are columns of the
    operator's."""
    operator, count = layer.operator, len(layer.graph.tensors)
    source, output = operator.inputs[0], operator.outputs[0]
    filters = _rows(layer.input(1), group, groups)
    has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
    bias = _rows(layer.input(2), group, groups) if has_bias else filters
    own = [_columns(layer.input(0), groups), filters, bias, _columns(layer.output, groups)]
    places = dict(layer.places)
    for number, (tensor, columns) in enumerate([(source, own[0]), (output, own[3])]):
        whole = layer.places[tensor]
        places[count + 3 * number] = replace(whole, offset=whole.offset + group * columns.shape[-1])
    return replace(
        layer,
        graph=replace(layer.graph, tensors=(*layer.graph.tensors, *own)),
        operator=replace(
            operator, inputs=(count, count + 1, count + 2 if has_bias else -1), outputs=(count + 3,)
        ),
        index=f"{layer.index}_{group}",
        places=places,
        moving={count + 3: own[3]} if layer.moving else {},
    )


def _columns(tensor: Tensor, groups: int) -> Tensor:
    return replace(
        tensor,
        shape=(*tensor.shape[:-1], tensor.shape[-1] // groups),
        bytes=tensor.bytes // groups,
        data=None,
    )


def _rows(tensor: Tensor, group: int, groups: int) -> Tensor:
    """The group's part of a constant along its first dimension, its scales with it."""
    need(
        tensor.data is not None and tensor.shape[0] % groups == 0,
        f"a constant of shape {tensor.shape} for {groups} groups",
    )
    size = tensor.shape[0] // groups
    part = slice(group * size, (group + 1) * size)
    made, data = tensor.quantization, tensor.values[part]
    if made is not None and len(made.scales) == tensor.shape[0] > 1:
        made = Quantization(made.scales[part], made.zero_points[part], made.axis)
    return replace(tensor, shape=data.shape, bytes=data.nbytes, data=data, quantization=made)
