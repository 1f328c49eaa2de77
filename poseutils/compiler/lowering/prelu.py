"""PRELU: of one slope a channel, of slopes of any shape, and as a QDQ network has it."""

from __future__ import annotations

from ..reference.elementwise import multiplier_of
from .layer import Fields, Layer, columns, grid_fields, need_int8, row_fields
from .requantize import pair_fields


def lower_prelu(layer: Layer) -> None:
    source, slopes, output = layer.input(0), layer.input(1), layer.output
    need_int8(source, slopes, output)
    between = len(layer.operator.inputs) > 2
    by_channel = slopes.is_constant and slopes.elements == columns(source) == columns(slopes)
    if between or (by_channel and source.shape == output.shape):
        _by_channel(layer, between)
        return
    fields = {"grid": grid_fields(layer), "in_zero": source.zero_point}
    fields |= {"slope_zero": slopes.zero_point, "zero": output.zero_point}
    made = layer.struct("pose_prelu_grid_layer", fields | _multipliers(layer))
    layer.call_on_tensors("pose_prelu_grid", made)


def _by_channel(layer: Layer, between: bool) -> None:
    source, slopes = layer.input(0), layer.input(1)
    fields = row_fields(layer)
    fields |= {
        "in_zero": source.zero_point,
        "slope_zero": slopes.zero_point,
        "slopes": layer.constant("slopes", slopes.data),
    }
    if between:
        made = layer.struct("pose_prelu_between_layer", fields | _between_fields(layer))
        layer.call_on_data("pose_prelu_between", made)
        return
    fields |= {"zero": layer.output.zero_point, **_multipliers(layer)}
    layer.call_on_data("pose_prelu", layer.struct("pose_prelu_layer", fields))


def _multipliers(layer: Layer) -> Fields:
    """From a value at or above zero to the output, and from its product with a slope below zero."""
    source, slopes, output = layer.input(0), layer.input(1), layer.output
    ratios = {
        "positive_": float(source.scale / output.scale),
        "negative_": float(source.scale * slopes.scale / output.scale),
    }
    return {
        name: value
        for prefix, ratio in ratios.items()
        for name, value in pair_fields(prefix, multiplier_of(layer.operator, ratio)).items()
    }


def _between_fields(layer: Layer) -> Fields:
    """Of a PRELU with 8-bit values on the way, see
    :func:`poseutils.compiler.frontends.qdq.prelu.prelu_of`."""
    slopes, first, second = (layer.input(number) for number in (1, 2, 3))
    ratio = float(first.scale) * float(slopes.scale) / float(second.scale)
    fields = {
        "first_zero": first.zero_point,
        "second_zero": second.zero_point,
        **pair_fields("", multiplier_of(layer.operator, ratio)),
    }
    return fields | {
        name: layer.constant(name, tensor.data)
        for name, tensor in (("first", first), ("second", second))
    }
