"""Operators that move values without computing, as C: nothing where the values are in place
already."""

from __future__ import annotations

from math import prod

from ..attributes import Blocks, Concatenation, Gather, Pack, Unpack
from ..memory.views import channel_padding, inputs_side_by_side, matrix
from ..reference.elementwise import activation
from ..unsupported import Unsupported, need
from .layer import Layer, columns, need_int8, rows

MAX_DIMS = 6
"""POSE_MAX_DIMS of pose_kernels.h."""


def _copy(
    layer: Layer,
    source: int,
    output: int,
    sizes: list[int],
    strides: tuple[list[int], list[int]],
    starts: tuple[int, int] = (0, 0),
    suffix: str = "",
) -> None:
    """Copies ``sizes`` values, strides in values, from and to where ``starts`` say; nothing where
    they are there already."""
    bytes_ = layer.graph.tensors[output].item_bytes
    # A dimension of one before them, as a single number has none.
    lists = [1, *sizes], [0, *strides[0]], [0, *strides[1]]
    kept = [d for d, size in enumerate(lists[0]) if size != 1] or [len(sizes)]
    size, into, out = ([list_[d] for d in kept] for list_ in lists)
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


def lower_reshape(layer: Layer) -> None:
    source, output = layer.operator.inputs[0], layer.operator.outputs[0]
    whole = matrix(layer.output)
    if matrix(layer.input(0)) == whole:
        strides = [layer.step(source), 1], [layer.step(output), 1]
        _copy(layer, source, output, [whole.rows, whole.columns], strides)
    else:
        _copy(layer, source, output, [layer.output.elements], ([1], [1]))


def lower_slice(layer: Layer) -> None:
    source = layer.operator.inputs[1 if layer.operator.name == "SPLIT" else 0]
    slices = layer.slices()
    if slices is None:
        raise Unsupported("a slice that is not constant, is empty, or does not fill its output")
    strides = layer.strides(source)
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
    own = iter(layer.strides_of_many(tensor))
    return [next(own) if n != 1 else 0 for n in sizes]


def lower_concatenate(layer: Layer) -> None:
    need(activation(layer.operator) == "NONE", "an activation")
    shape, start = layer.output.shape, 0
    axis = layer.attributes(Concatenation).axis % max(1, len(shape))
    into = layer.strides(layer.operator.outputs[0])
    for number, tensor in enumerate(layer.operator.inputs):
        own = layer.graph.tensors[tensor].shape
        need(_same_quantization(layer, tensor), "inputs of other scales than the output's")
        _copy(
            layer,
            tensor,
            layer.operator.outputs[0],
            list(own),
            (layer.strides(tensor), into),
            (0, start * into[axis]),
            f"_{number}",
        )
        start += own[axis]


def _same_quantization(layer: Layer, tensor: int) -> bool:
    a, b = layer.graph.tensors[tensor].quantization, layer.output.quantization
    return (
        a is None
        or b is None
        or bool(a.scales[0] == b.scales[0] and a.zero_points[0] == b.zero_points[0])
    )


def lower_pack(layer: Layer) -> None:
    """PACK and UNPACK: tensors are the slices of one that has a dimension more."""
    packs = layer.operator.name == "PACK"
    axis = layer.attributes(Pack).axis if packs else layer.attributes(Unpack).axis
    inputs, outputs = layer.operator.inputs, layer.operator.outputs
    whole, parts = (outputs[0], inputs) if packs else (inputs[0], outputs)
    shape, strides = layer.graph.tensors[whole].shape, layer.strides(whole)
    axis %= len(shape)
    rest = [*strides[:axis], *strides[axis + 1 :], 1]
    for number, part in enumerate(parts):
        own = layer.graph.tensors[part].shape
        same_scale = not packs or _same_quantization(layer, part)
        need(same_scale, "inputs of other scales than the output's")
        ends = [(part, [*layer.strides(part), 1], 0), (whole, rest, number * strides[axis])]
        source, target = ends if packs else ends[::-1]
        _copy(
            layer,
            source[0],
            target[0],
            [*own, 1],
            (source[1], target[1]),
            (source[2], target[2]),
            f"_{number}",
        )


def lower_transpose(layer: Layer) -> None:
    source, output = layer.operator.inputs[0], layer.operator.outputs[0]
    order = layer.values(1, "an order that is not constant").tolist()
    strides = layer.strides(source)
    reordered = [strides[d] for d in order], layer.strides(output)
    _copy(layer, source, output, list(layer.output.shape), reordered)


def lower_pad(layer: Layer) -> None:
    """A value in the whole output, or in the margins of one whose inside is in place already, and a
    copy of the input."""
    source, output = layer.operator.inputs[0], layer.operator.outputs[0]
    need_int8(layer.input(0), layer.output)
    pads = layer.values(1, "margins that are not constant")
    need(_same_quantization(layer, source), "input of another scale than the output's")
    strides, value = layer.strides(output), str(_padding_value(layer))
    start = sum(int(p[0]) * stride for p, stride in zip(pads, strides))
    margins, inside = [(0, columns(layer.output))], None
    if channel_padding(layer.graph, layer.operator) is not None:
        inside = inputs_side_by_side(layer.graph, layer.operator)
    if inside is not None:
        end = inside[0].column + inside[0].columns
        margins = [(0, inside[0].column), (end, columns(layer.output))]
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
    own = list(layer.input(0).shape)
    _copy(layer, source, output, own, (layer.strides(source), strides), (0, start))


def _padding_value(layer: Layer) -> int:
    if layer.operator.name == "PAD":
        return layer.output.zero_point
    reason = "a margin that is not one constant int8"
    return int(layer.values(2, reason).flat[0])


def lower_repeat(layer: Layer) -> None:
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
    inner, outer = [0] * (len(made) - len(shape)) + layer.strides(source), layer.strides(output)
    sizes, into, out = [], [], []
    for n, m, a, b in zip(own, made, inner, outer):
        sizes += [m // n, n]
        into += [0, a]
        out += [n * b, b]
    _copy(layer, source, output, sizes, (into, out))


def lower_blocks(layer: Layer) -> None:
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH: block by block, channels become a square of places or the
    other way."""
    (source,), (output,) = layer.operator.inputs, layer.operator.outputs
    block, to_space = layer.attributes(Blocks).size, layer.operator.name == "DEPTH_TO_SPACE"
    deep, wide = (source, output) if to_space else (output, source)
    count, height, width, _ = layer.graph.tensors[deep].shape
    channels = layer.graph.tensors[wide].shape[3]
    need(count == 1, f"blocks in {count} images")
    d, w = layer.strides(deep), layer.strides(wide)
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


def lower_gather(layer: Layer) -> None:
    """GATHER: along one dimension, the slices that are named, in each part of the dimensions
    before."""
    source, indices, gather = layer.input(0), layer.input(1), layer.attributes(Gather)
    axis = gather.axis % max(1, len(source.shape))
    need(gather.batch_dims == 0, "dimensions of a batch")
    _gathered(layer, prod(source.shape[:axis]), source.shape[axis:], indices.elements, 1)


def lower_gather_nd(layer: Layer) -> None:
    """GATHER_ND: the slices at places, each named by several indices."""
    source, indices = layer.input(0), layer.input(1)
    depth = columns(indices)
    need(depth <= 4, f"{depth} indices into {source.shape}; up to 4 are supported")
    _gathered(layer, 1, source.shape, rows(indices), depth)


def _gathered(layer: Layer, outer: int, shape: tuple[int, ...], count: int, depth: int) -> None:
    """From each of ``outer`` parts, ``count`` slices, each addressed by ``depth`` indices."""
    indices, slice_, item = layer.input(1), prod(shape[depth:]), layer.input(0).item_bytes
    need(indices.dtype == "int32", f"indices of {indices.dtype}; int32 is supported")
    fields = {
        "outer": outer,
        "part": prod(shape) * item,
        "count": count,
        "depth": depth,
        "slice": slice_ * item,
        "size": [*shape[:depth], *[1] * (4 - depth)],
        "stride": [*(prod(shape[d + 1 : depth]) for d in range(depth)), *[0] * (4 - depth)],
    }
    layer.call_on_tensors("pose_gather", layer.struct("pose_gather_layer", fields))
