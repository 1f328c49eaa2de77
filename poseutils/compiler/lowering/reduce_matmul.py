"""Operators on tensors of any shape as C: reductions, products of matrices, and pairs of
operands."""

from __future__ import annotations

from math import prod

from ..graph import Tensor
from ..reference.elementwise import multiplier_of, rounds_to_even, scale_of, zero_of
from ..reference.fixed_point import quantize_multiplier
from .conv_pool_resize import need_int8
from .elementwise import VALUES, even_field, grid_fields, mean_fields, pair_fields
from .layer import Layer, columns, need

# ---------------------------------------------------------------- reductions


def _mean(layer: Layer) -> None:
    """Over height and width of an image as its own kernel does; over anything else in general."""
    if (
        _reduced(layer) == [1, 2]
        and len(layer.input(0).shape) == 4
        and layer.input(0).shape[0] == 1
    ):
        VALUES["MEAN"](layer)
    else:
        _reduce(layer)


def _reduced(layer: Layer) -> list[int]:
    """The dimensions that are reduced."""
    rank, axes = len(layer.input(0).shape), layer.input(1).data
    need(
        axes is not None and all(-rank <= int(a) < rank for a in axes.flat),
        "over dimensions that are not constant",
    )
    return sorted({int(a) % rank for a in axes.flat})


def _sum(layer: Layer) -> None:
    need(
        False,
        "LiteRT's reference kernel takes int8 for uint8 here; a MEAN and a scale that is so many "
        "times larger give the sum",
    )


def _reduce(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need_int8(source, output)
    reduced, shape, strides = (
        _reduced(layer),
        source.shape,
        _strides(layer, layer.operator.inputs[0]),
    )
    kept = [d for d in range(len(shape)) if d not in reduced]
    need(
        [shape[d] for d in kept if shape[d] != 1] == [n for n in output.shape if n != 1],
        f"an output of shape {output.shape}",
    )
    own = [
        stride
        for n, stride in zip(output.shape, _strides(layer, layer.operator.outputs[0]))
        if n != 1
    ]
    count = prod(shape[d] for d in reduced)
    fields = {
        "what": {"REDUCE_MAX": "POSE_REDUCE_MAX", "REDUCE_MIN": "POSE_REDUCE_MIN"}.get(
            layer.operator.name, "POSE_REDUCE_SUM"
        ),
        "size": _four([shape[d] for d in kept if shape[d] != 1], 1),
        "in": _four([strides[d] for d in kept if shape[d] != 1], 0),
        "out": _four(own, 0),
        "length": _four([shape[d] for d in reduced if shape[d] != 1], 1),
        "apart": _four([strides[d] for d in reduced if shape[d] != 1], 0),
        "in_zero": zero_of(source),
        "zero": zero_of(output),
        **_reduction_fields(layer, source, count),
    }
    need(count < 1 << 23, f"{count} values in one")  # their sum has 32 bits
    _call(layer, "pose_reduce", layer.struct("pose_reduce_layer", fields))


def _reduction_fields(layer: Layer, source: Tensor, count: int) -> dict:
    ratio = float(scale_of(source)) / float(scale_of(layer.output))
    if layer.operator.name == "MEAN":
        return mean_fields(layer, count)
    need(
        ratio == 1 and zero_of(source) == zero_of(layer.output),
        "an output of another scale than the input's",
    )
    return pair_fields("", quantize_multiplier(ratio))


def _four(values: list[int], fill: int) -> list[int]:
    need(len(values) <= 4, "more than four dimensions that are not one")
    return [fill] * (4 - len(values)) + values


def _strides(layer: Layer, tensor: int) -> list[int]:
    shape, step = layer.graph.tensors[tensor].shape, layer.step(tensor)
    return [1 if d == len(shape) - 1 else step * prod(shape[d + 1 : -1]) for d in range(len(shape))]


def _call(layer: Layer, function: str, *first: str) -> None:
    layer.call(
        function,
        *first,
        layer.address(layer.operator.inputs[0]),
        layer.address(layer.operator.outputs[0]),
    )


# ---------------------------------------------------------------- two operands


def _extreme(layer: Layer) -> None:
    need_int8(layer.input(0), layer.input(1), layer.output)
    grid = layer.struct(
        "pose_grid", grid_fields(layer, *layer.operator.inputs, layer.operator.outputs[0])
    )
    function = "pose_maximum" if layer.operator.name == "MAXIMUM" else "pose_minimum"
    layer.call(
        function,
        grid,
        *(layer.address(t) for t in (*layer.operator.inputs, *layer.operator.outputs)),
    )


def _prelu(layer: Layer) -> None:
    """One slope a channel as its own kernel does; slopes of any other shape in general."""
    source, slopes, output = layer.input(0), layer.input(1), layer.output
    if len(layer.operator.inputs) > 2:
        VALUES["PRELU"](layer)
        return
    if (
        slopes.is_constant
        and slopes.elements == columns(source) == columns(slopes)
        and source.shape == output.shape
    ):
        VALUES["PRELU"](layer)
        return
    need_int8(source, slopes, output)
    fields = {"grid": grid_fields(layer, *layer.operator.inputs, layer.operator.outputs[0])}
    fields |= {"in_zero": zero_of(source), "slope_zero": zero_of(slopes), "zero": zero_of(output)}
    fields |= pair_fields(
        "positive_", multiplier_of(layer.operator, float(scale_of(source) / scale_of(output)))
    )
    fields |= pair_fields(
        "negative_",
        multiplier_of(
            layer.operator, float(scale_of(source) * scale_of(slopes) / scale_of(output))
        ),
    )
    made = layer.struct("pose_prelu_grid_layer", fields)
    layer.call(
        "pose_prelu_grid",
        made,
        *(layer.address(t) for t in (*layer.operator.inputs, *layer.operator.outputs)),
    )


def _batch_matmul(layer: Layer) -> None:
    a, b, output = layer.input(0), layer.input(1), layer.output
    need_int8(a, b, output)
    need(
        min(len(a.shape), len(b.shape)) >= 2
        and len(output.shape) == max(len(a.shape), len(b.shape)),
        f"{a.shape} times {b.shape}",
    )
    turned = [bool(layer.operator.options.get(name)) for name in ("adj_x", "adj_y")]
    rows, depth = a.shape[-2:][::-1] if turned[0] else a.shape[-2:]
    also, made = b.shape[-2:][::-1] if turned[1] else b.shape[-2:]
    need(
        depth == also and output.shape[-2:] == (rows, made),
        f"{a.shape} times {b.shape} is not {output.shape}",
    )
    need(depth < 1 << 15, f"a sum of {depth} products")
    batch = output.shape[:-2]
    need(len(batch) <= 2 or prod(batch[:-2]) == 1, f"a batch of {batch}")
    # Rows of a and columns of b are a step or one value apart, by how each matrix is turned.
    a_row, a_along = (1, rows) if turned[0] else (depth, 1)
    b_along, b_column = (1, depth) if turned[1] else (made, 1)
    grid = {
        "size": _four([*batch[-2:], rows, made], 1),
        "a": _four([*_batch_strides(a, batch)[-2:], a_row, 0], 0),
        "b": _four([*_batch_strides(b, batch)[-2:], 0, b_column], 0),
        "out": _four([*_batch_strides(output, batch)[-2:], made, 1], 0),
    }
    ratio = float(scale_of(a)) * float(scale_of(b)) / float(scale_of(output))
    fields = {
        "grid": grid,
        "depth": depth,
        "a_along": a_along,
        "b_along": b_along,
        "a_zero": zero_of(a),
        "b_zero": zero_of(b),
    }
    fields |= {
        "zero": zero_of(output),
        **pair_fields("", quantize_multiplier(ratio)),
        **even_field(rounds_to_even(layer.operator, ratio)),
    }
    made_layer = layer.struct("pose_matmul_layer", fields)
    layer.call(
        "pose_matmul",
        made_layer,
        *(layer.address(t) for t in (*layer.operator.inputs, *layer.operator.outputs)),
    )


def _batch_strides(tensor: Tensor, batch: tuple[int, ...]) -> list[int]:
    """From one matrix of a tensor to the next along each dimension of a batch; 0 where it
    repeats."""
    own = (1,) * (len(batch) + 2 - len(tensor.shape)) + tensor.shape
    need(all(n in (1, m) for n, m in zip(own, batch)), f"{tensor.shape} in a batch of {batch}")
    return [0 if own[d] == 1 else prod(own[d + 1 :]) for d in range(len(batch))]


# ---------------------------------------------------------------- only as tables


def _only_a_table(layer: Layer) -> None:
    """Elementwise operators become tables before; what comes here could not."""
    kind, shapes = layer.input(0).dtype, f"{layer.input(0).shape} to {layer.output.shape}"
    need(
        False,
        f"on {kind}, {shapes}; 8-bit tensors of one scale and zero point and of the same shape "
        "are supported",
    )


TENSORS = {
    "MEAN": _mean,
    "SUM": _sum,
    "REDUCE_MAX": _reduce,
    "REDUCE_MIN": _reduce,
    "MAXIMUM": _extreme,
    "MINIMUM": _extreme,
    "PRELU": _prelu,
    "BATCH_MATMUL": _batch_matmul,
    **dict.fromkeys(("ABS", "HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "TANH"), _only_a_table),
    **dict.fromkeys(("ELU", "EXP", "GELU", "LOG", "NEG", "RSQRT"), _only_a_table),
    **dict.fromkeys(("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "SQRT"), _only_a_table),
}
