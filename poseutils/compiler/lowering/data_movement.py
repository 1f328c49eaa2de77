"""Operators that move values without computing, as C: nothing where the values are in place
already."""

from __future__ import annotations

from math import prod

from ..graph import RESHAPES
from ..memory.views import channel_padding, inputs_side_by_side, matrix
from ..reference.elementwise import zero_of
from ..slices import slices_of
from .conv_pool_resize import need_int8
from .layer import Layer, columns, need, rows

MAX_DIMS = 6
"""POSE_MAX_DIMS of pose_kernels.h."""


def _strides(layer: Layer, tensor: int) -> list[int]:
    shape, step = layer.graph.tensors[tensor].shape, layer.step(tensor)
    return [1 if d == len(shape) - 1 else step * prod(shape[d + 1 : -1]) for d in range(len(shape))]


def _item(layer: Layer, tensor: int) -> int:
    made = layer.graph.tensors[tensor]
    return made.bytes // max(1, made.elements)


def _copy(
    layer: Layer,
    source: int,
    output: int,
    sizes: list[int],
    strides: tuple[list[int], list[int]],
    starts=(0, 0),
    suffix="",
) -> None:
    """Copies ``sizes`` values, strides in values, from and to where ``starts`` say; nothing where
    they are there already."""
    bytes_ = _item(layer, output)
    need(
        _item(layer, source) == bytes_
        and layer.graph.tensors[source].dtype == layer.graph.tensors[output].dtype,
        "types differ",
    )
    kept = [d for d, size in enumerate(sizes) if size != 1] or [len(sizes) - 1]
    size, into, out = ([list_[d] for d in kept] for list_ in (sizes, *strides))
    need(len(size) <= MAX_DIMS, f"{len(size)} dimensions; up to {MAX_DIMS} are supported")
    here = (
        source in layer.places
        and layer.offset(source) + starts[0] * bytes_ == layer.offset(output) + starts[1] * bytes_
    )
    if here and into == out:
        return
    fields = {"dims": len(size), "bytes": bytes_, "size": size, "in": into, "out": out}
    made = layer.struct("pose_copy_layer", fields, suffix)
    layer.call(
        "pose_copy", made, layer.address(source, starts[0]), layer.address(output, starts[1])
    )


def _reshape(layer: Layer) -> None:
    source, output = layer.operator.inputs[0], layer.operator.outputs[0]
    need(layer.input(0).elements == layer.output.elements, "sizes differ")
    whole = matrix(layer.output)
    if matrix(layer.input(0)) == whole:
        strides = [layer.step(source), 1], [layer.step(output), 1]
        _copy(layer, source, output, [whole.rows, whole.columns], strides)
    else:
        _copy(layer, source, output, [layer.output.elements], ([1], [1]))


def _slice(layer: Layer) -> None:
    source = layer.operator.inputs[1 if layer.operator.name == "SPLIT" else 0]
    slices = slices_of(layer.graph, layer.operator)
    need(slices is not None, "a slice that is not constant, is empty, or does not fill its output")
    strides = _strides(layer, source)
    for number, (output, part) in enumerate(zip(layer.operator.outputs, slices)):
        first = sum(a * b for a, b in zip(part.starts, strides))
        steps = [a * b for a, b in zip(part.steps, strides)]
        _copy(
            layer,
            source,
            output,
            part.sizes,
            (steps, _strides_by_size(layer, output, part.sizes)),
            (first, 0),
            f"_{number}",
        )


def _strides_by_size(layer: Layer, tensor: int, sizes: list[int]) -> list[int]:
    """The strides of a tensor along dimensions of these sizes, of which those of one may be missing
    or more in its own shape."""
    own = iter(
        [
            stride
            for n, stride in zip(layer.graph.tensors[tensor].shape, _strides(layer, tensor))
            if n != 1
        ]
    )
    return [next(own) if n != 1 else 0 for n in sizes]


def _concatenate(layer: Layer) -> None:
    need(
        str(layer.operator.options.get("fused_activation_function", "NONE")) == "NONE",
        "an activation",
    )
    shape, start = layer.output.shape, 0
    axis = int(layer.operator.options.get("axis", 0)) % max(1, len(shape))
    into = _strides(layer, layer.operator.outputs[0])
    for number, tensor in enumerate(layer.operator.inputs):
        source = layer.graph.tensors[tensor]
        own = source.shape
        matches = len(own) == len(shape) and all(
            n == m for d, (n, m) in enumerate(zip(own, shape)) if d != axis
        )
        need(
            matches and (source.data is not None or not source.is_constant),
            f"an input of shape {own}",
        )
        need(_same_quantization(layer, tensor), "inputs of other scales than the output's")
        _copy(
            layer,
            tensor,
            layer.operator.outputs[0],
            list(own),
            (_strides(layer, tensor), into),
            (0, start * into[axis]),
            f"_{number}",
        )
        start += own[axis]
    need(start == shape[axis], "inputs do not fill the output")


def _same_quantization(layer: Layer, tensor: int) -> bool:
    a, b = layer.graph.tensors[tensor].quantization, layer.output.quantization
    return (
        a is None
        or b is None
        or bool(a.scales[0] == b.scales[0] and a.zero_points[0] == b.zero_points[0])
    )


def _pack(layer: Layer) -> None:
    """Tensors become the slices of one with a dimension more."""
    shape, output = layer.output.shape, layer.operator.outputs[0]
    axis = int(layer.operator.options.get("axis", 0)) % len(shape)
    need(
        shape[axis] == len(layer.operator.inputs),
        f"{len(layer.operator.inputs)} inputs for {shape}",
    )
    strides = _strides(layer, output)
    for number, tensor in enumerate(layer.operator.inputs):
        own = layer.graph.tensors[tensor].shape
        need(own == shape[:axis] + shape[axis + 1 :], f"an input of shape {own}")
        need(_same_quantization(layer, tensor), "inputs of other scales than the output's")
        rest = strides[:axis] + strides[axis + 1 :]
        _copy(
            layer,
            tensor,
            output,
            [*own, 1],
            ([*_strides(layer, tensor), 1], [*rest, 1]),
            (0, number * strides[axis]),
            f"_{number}",
        )


def _unpack(layer: Layer) -> None:
    source = layer.operator.inputs[0]
    shape = layer.input(0).shape
    axis = int(layer.operator.options.get("axis", 0)) % len(shape)
    need(
        shape[axis] == len(layer.operator.outputs),
        f"{len(layer.operator.outputs)} outputs of {shape}",
    )
    strides = _strides(layer, source)
    for number, output in enumerate(layer.operator.outputs):
        own = layer.graph.tensors[output].shape
        need(own == shape[:axis] + shape[axis + 1 :], f"an output of shape {own}")
        rest = strides[:axis] + strides[axis + 1 :]
        _copy(
            layer,
            source,
            output,
            [*own, 1],
            ([*rest, 1], [*_strides(layer, output), 1]),
            (number * strides[axis], 0),
            f"_{number}",
        )


def _transpose(layer: Layer) -> None:
    source, output = layer.operator.inputs[0], layer.operator.outputs[0]
    order, shape = layer.input(1).data, layer.input(0).shape
    need(
        order is not None and sorted(order.tolist()) == list(range(len(shape))),
        "an order that is not a constant permutation",
    )
    sizes = [shape[d] for d in order.tolist()]
    need(tuple(sizes) == layer.output.shape, f"an output of shape {layer.output.shape}")
    strides = _strides(layer, source)
    _copy(
        layer,
        source,
        output,
        sizes,
        ([strides[d] for d in order.tolist()], _strides(layer, output)),
    )


def _pad(layer: Layer) -> None:
    """A value in the whole output, or in the margins of one whose inside is in place already, and a
    copy of the input."""
    source, output = layer.operator.inputs[0], layer.operator.outputs[0]
    pads, shape = layer.input(1).data, layer.input(0).shape
    need_int8(layer.input(0), layer.output)
    need(
        pads is not None and pads.shape == (len(shape), 2) and bool((pads >= 0).all()),
        "margins that are not constant",
    )
    need(
        tuple(n + int(p.sum()) for n, p in zip(shape, pads)) == layer.output.shape,
        f"an output of shape {layer.output.shape}",
    )
    need(_same_quantization(layer, source), "input of another scale than the output's")
    strides, value = _strides(layer, output), str(_padding_value(layer))
    start = sum(int(p[0]) * stride for p, stride in zip(pads, strides))
    blocks = (
        inputs_side_by_side(layer.graph, layer.operator)
        if channel_padding(layer.graph, layer.operator) is not None
        else None
    )
    margins = [(0, columns(layer.output))]
    if blocks is not None:
        margins = [
            (0, blocks[0].column),
            (blocks[0].column + blocks[0].columns, columns(layer.output)),
        ]
    for number, (first, last) in enumerate(margins):
        if first < last:
            fields = {
                "rows": rows(layer.output),
                "channels": last - first,
                "in_step": 0,
                "out_step": layer.step(output),
            }
            layer.call(
                "pose_fill",
                layer.struct("pose_rows", fields, f"_fill{number}"),
                value,
                layer.address(output, first),
            )
    _copy(layer, source, output, list(shape), (_strides(layer, source), strides), (0, start))


def _padding_value(layer: Layer) -> int:
    if layer.operator.name == "PAD":
        return zero_of(layer.output)
    value = layer.input(2).data
    need(
        value is not None and value.size == 1 and value.dtype == "int8",
        "a margin that is not one constant int8",
    )
    return int(value.flat[0])


def _repeat(layer: Layer) -> None:
    """TILE and BROADCAST_TO: along each dimension the input again and again."""
    source, output = layer.operator.inputs[0], layer.operator.outputs[0]
    shape, made = layer.input(0).shape, layer.output.shape
    own = (1,) * (len(made) - len(shape)) + shape
    need(
        len(own) == len(made) and all(n and m % n == 0 for n, m in zip(own, made)),
        f"an output of shape {made} of {shape}",
    )
    tiles = layer.operator.name == "TILE"
    need(
        tiles or all(n in (1, m) for n, m in zip(own, made)),
        f"{shape} does not broadcast to {made}",
    )
    inner, outer = [0] * (len(made) - len(shape)) + _strides(layer, source), _strides(layer, output)
    sizes, into, out = [], [], []
    for n, m, a, b in zip(own, made, inner, outer):
        sizes += [m // n, n]
        into += [0, a]
        out += [n * b, b]
    _copy(layer, source, output, sizes, (into, out))


def _blocks(layer: Layer) -> None:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH: block by block, channels become a square of places or the
    other way."""
    (source,), (output,) = layer.operator.inputs, layer.operator.outputs
    block, to_space = (
        int(layer.operator.options.get("block_size", 0)),
        layer.operator.name == "DEPTH_TO_SPACE",
    )
    deep, wide = (source, output) if to_space else (output, source)
    shape, places = layer.graph.tensors[deep].shape, layer.graph.tensors[wide].shape
    need(
        block >= 1 and len(shape) == len(places) == 4 and shape[0] == 1,
        f"blocks of {block} in {shape}",
    )
    height, width, channels = shape[1], shape[2], places[3]
    need(
        places == (1, height * block, width * block, channels)
        and shape[3] == block * block * channels,
        f"{shape} and {places}",
    )
    d, w = _strides(layer, deep), _strides(layer, wide)
    strides = {
        deep: [d[1], block * channels, d[2], channels, 1],
        wide: [block * w[1], w[1], block * w[2], w[2], 1],
    }
    _copy(
        layer,
        source,
        output,
        [height, block, width, block, channels],
        (strides[source], strides[output]),
    )


def _gather_along(layer: Layer) -> None:
    """GATHER: along one dimension, the slices that are named, in each part of the dimensions
    before."""
    source, indices, options = layer.input(0), layer.input(1), layer.operator.options
    axis = int(options.get("axis", 0)) % max(1, len(source.shape))
    need(int(options.get("batch_dims", 0)) == 0, "dimensions of a batch")
    _gathered(layer, prod(source.shape[:axis]), source.shape[axis:], indices.elements, 1)


def _gather(layer: Layer) -> None:
    """GATHER_ND: the slices at places, each named by several indices."""
    source, indices = layer.input(0), layer.input(1)
    depth = columns(indices)
    need(1 <= depth <= min(4, len(source.shape)), f"{depth} indices into {source.shape}")
    _gathered(layer, 1, source.shape, rows(indices), depth)


def _gathered(layer: Layer, outer: int, shape: tuple[int, ...], count: int, depth: int) -> None:
    """So many slices, each named by so many indices, of each of ``outer`` parts of a shape."""
    source, indices, output = layer.input(0), layer.input(1), layer.output
    slice_, item = prod(shape[depth:]), _item(layer, layer.operator.inputs[0])
    need(indices.dtype == "int32" and source.dtype == output.dtype, f"indices of {indices.dtype}")
    need(
        output.elements == outer * count * slice_ and source.elements > 0,
        f"an output of shape {output.shape}",
    )
    fields = {
        "outer": outer,
        "part": prod(shape) * item,
        "count": count,
        "depth": depth,
        "slice": slice_ * item,
        "size": [*shape[:depth], *[1] * (4 - depth)],
        "stride": [*(prod(shape[d + 1 : depth]) for d in range(depth)), *[0] * (4 - depth)],
    }
    made = layer.struct("pose_gather_layer", fields)
    addresses = [layer.address(t) for t in (*layer.operator.inputs, *layer.operator.outputs)]
    layer.call("pose_gather", made, *addresses)


MOVES = {
    **dict.fromkeys(RESHAPES, _reshape),
    **dict.fromkeys(("SPLIT", "SPLIT_V", "SLICE", "STRIDED_SLICE"), _slice),
    "CONCATENATION": _concatenate,
    "PACK": _pack,
    "UNPACK": _unpack,
    "TRANSPOSE": _transpose,
    "PAD": _pad,
    "PADV2": _pad,
    "TILE": _repeat,
    "BROADCAST_TO": _repeat,
    "DEPTH_TO_SPACE": _blocks,
    "SPACE_TO_DEPTH": _blocks,
    "GATHER": _gather_along,
    "GATHER_ND": _gather,
}
