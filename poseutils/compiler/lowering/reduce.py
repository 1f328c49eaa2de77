"""Reductions: MEAN, REDUCE_MAX, REDUCE_MIN, and ARG_MAX."""

from __future__ import annotations

from math import prod

from ..graph import Tensor
from ..reference.elementwise import multiplier_of, rounds_to_even
from ..reference.fixed_point import quantize_multiplier
from ..unsupported import Unsupported, need
from .layer import Fields, Layer, four, image, need_int8
from .requantize import even_field, pair_fields


def lower_mean(layer: Layer) -> None:
    """Over height and width of an image as its own kernel does; over anything else in general."""
    if (
        _reduced(layer) == [1, 2]
        and len(layer.input(0).shape) == 4
        and layer.input(0).shape[0] == 1
    ):
        _mean_of_image(layer)
    else:
        lower_reduce(layer)


def _reduced(layer: Layer) -> list[int]:
    """The dimensions that are reduced."""
    rank = len(layer.input(0).shape)
    axes = layer.values(1, "over dimensions that are not constant")
    return sorted({int(a) % rank for a in axes.flat})


def refuse_sum(layer: Layer) -> None:
    raise Unsupported(
        "LiteRT's reference kernel takes int8 for uint8 here; a MEAN and a scale that is so many "
        "times larger give the sum"
    )


def lower_reduce(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need_int8(source, output)
    reduced, shape = _reduced(layer), source.shape
    strides = layer.strides(layer.operator.inputs[0])
    many = [d for d, n in enumerate(shape) if n != 1]
    kept, summed = [d for d in many if d not in reduced], [d for d in many if d in reduced]
    count = prod(shape[d] for d in reduced)
    fields = {
        "what": {"REDUCE_MAX": "POSE_REDUCE_MAX", "REDUCE_MIN": "POSE_REDUCE_MIN"}.get(
            layer.operator.name, "POSE_REDUCE_SUM"
        ),
        "size": four([shape[d] for d in kept], 1),
        "in": four([strides[d] for d in kept], 0),
        "out": four(layer.strides_of_many(layer.operator.outputs[0]), 0),
        "length": four([shape[d] for d in summed], 1),
        "apart": four([strides[d] for d in summed], 0),
        "in_zero": source.zero_point,
        "zero": output.zero_point,
        **_reduction_fields(layer, source, count),
    }
    need(count < 1 << 23, f"{count} values in one")  # their sum has 32 bits
    layer.call_on_data("pose_reduce", layer.struct("pose_reduce_layer", fields))


def _reduction_fields(layer: Layer, source: Tensor, count: int) -> Fields:
    ratio = float(source.scale) / float(layer.output.scale)
    if layer.operator.name == "MEAN":
        return _mean_fields(layer, count)
    need(
        ratio == 1 and source.zero_point == layer.output.zero_point,
        "an output of another scale than the input's",
    )
    return pair_fields("", quantize_multiplier(ratio))


def _mean_of_image(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need_int8(source, output)
    fields = {
        "in": image(layer, layer.operator.inputs[0]),
        "in_zero": source.zero_point,
        "zero": output.zero_point,
    }
    fields |= _mean_fields(layer, source.shape[1] * source.shape[2])
    layer.call_on_data("pose_mean", layer.struct("pose_mean_layer", fields))


def _mean_fields(layer: Layer, count: int) -> Fields:
    """From a sum of ``count`` values to their mean."""
    ratio = float(layer.input(0).scale) / float(layer.output.scale)
    if not layer.operator.rounds_once:
        return pair_fields("", _over_count(ratio, count))
    return pair_fields("", multiplier_of(layer.operator, ratio / count)) | even_field(
        rounds_to_even(layer.operator, ratio / count)
    )


def _over_count(ratio: float, count: int) -> tuple[int, int]:
    """A multiplier that divides by ``count`` too, with as many bits as 64 have room for."""
    multiplier, shift = quantize_multiplier(ratio)
    room = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << room) // count, shift - room


def lower_arg_max(layer: Layer) -> None:
    source = layer.input(0)
    need(
        source.dtype == "int8" and layer.output.dtype == "int32",
        f"from {source.dtype} to {layer.output.dtype}",
    )
    axis = layer.values(1, "an axis that is not constant")
    along = int(axis.flat[0]) % len(source.shape)
    fields = {
        "outer": prod(source.shape[:along]),
        "length": source.shape[along],
        "inner": prod(source.shape[along + 1 :]),
    }
    layer.call_on_data("pose_arg_max", layer.struct("pose_argmax_layer", fields))
