"""Convolutions in groups, and transposed ones, as C."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Quantization, Tensor
from ..reference.elementwise import zero_of
from .conv_pool_resize import (
    MAX_TAPS,
    WINDOWS,
    bias_of,
    need_activation,
    need_int8,
    requantize,
    wrapped,
)
from .layer import Layer, image, need

_MOST_GROUPS = 1024
"""More groups than this would be more code than weights."""


def _conv(layer: Layer) -> None:
    """A convolution in groups is one convolution for each: of some of the input's channels, to some
    of the output's."""
    depth, channels = layer.input(1).shape[3], layer.input(0).shape[-1]
    if depth == channels:
        WINDOWS["CONV_2D"](layer)
        return
    weights, made = layer.input(1), layer.output.shape[-1]
    need(depth > 0 and channels % depth == 0, f"weights for {depth} of {channels} channels")
    groups = channels // depth
    need(
        groups <= _MOST_GROUPS and made % groups == 0 and weights.shape[0] == made,
        f"{groups} groups of {channels} channels, to {made}",
    )
    need(
        weights.data is not None and weights.quantization is not None,
        "constant int8 weights are expected",
    )
    for group in range(groups):
        WINDOWS["CONV_2D"](_group(layer, group, groups))


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
    made, data = tensor.quantization, tensor.data[part]
    if made is not None and len(made.scales) == tensor.shape[0] > 1:
        made = Quantization(made.scales[part], made.zero_points[part], made.axis)
    return replace(tensor, shape=data.shape, bytes=data.nbytes, data=data, quantization=made)


def _transposed(layer: Layer) -> None:
    """TRANSPOSE_CONV: its inputs are the output's shape, the weights, the data, and maybe a
    bias."""
    weights, source, output = layer.input(1), layer.input(2), layer.output
    need_int8(source, output)
    need_activation(layer.operator)
    need(
        weights.dtype == "int8" and weights.data is not None and weights.quantization is not None,
        "constant int8 weights are expected",
    )
    need(not weights.quantization.zero_points.any(), "weights with zero points of 0 are expected")
    channels, height, width, depth = weights.shape
    fields = {
        "in": image(layer, layer.operator.inputs[2]),
        "out": image(layer, layer.operator.outputs[0]),
    }
    need(
        depth == source.shape[3] and channels == output.shape[3],
        f"weights of shape {weights.shape} for {source.shape} and {output.shape}",
    )
    fields |= {"window": _transposed_window(layer, height, width), "in_zero": zero_of(source)}
    fields |= {
        "weights": layer.constant("weights", weights.data),
        "bias": layer.constant("bias", wrapped(bias_of(layer, 3))),
    }
    made = layer.struct(
        "pose_transposed_layer", fields | {"scale": requantize(layer, source, weights)}
    )
    layer.call(
        "pose_transposed",
        made,
        layer.address(layer.operator.inputs[2]),
        layer.address(layer.operator.outputs[0]),
    )


def _transposed_window(layer: Layer, height: int, width: int) -> dict:
    """A ``pose_window``: the padding is that of the convolution which it turns around, the output's
    size being that one's input."""
    options = layer.operator.options
    stride = (int(options["stride_h"]), int(options["stride_w"]))
    need(min(*stride, height, width) >= 1, "a stride or window of less than 1")
    need(
        max(height, width) <= MAX_TAPS,
        f"a window of {height} x {width}; up to {MAX_TAPS} rows and columns are supported",
    )
    need(max(stride) < 2**15, f"a stride of {max(stride)}")
    same, pads = options.get("padding") == "SAME", []
    for size, taps, step in zip(layer.output.shape[1:3], (height, width), stride):
        pads.append(max((-(-size // step) - 1) * step + taps - size, 0) // 2 if same else 0)
    names = (
        "height",
        "width",
        "stride_y",
        "stride_x",
        "dilation_y",
        "dilation_x",
        "pad_y",
        "pad_x",
    )
    return dict(zip(names, (height, width, *stride, 1, 1, *pads)))


CONVOLUTIONS = {"CONV_2D": _conv, "TRANSPOSE_CONV": _transposed}
