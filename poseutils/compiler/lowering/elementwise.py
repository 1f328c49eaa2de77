"""Elementwise operators: of one tensor a table or a conversion, of two the arithmetic."""

from __future__ import annotations

import numpy as np

from ..attributes import Arithmetic
from ..memory.views import matrix
from ..reference.elementwise import (
    activation,
    activation_range,
    add_multipliers,
    multiplier_of,
    product_ratio,
    rounds_to_even,
    sum_is_even,
)
from ..reference.functions import square_multipliers
from ..unsupported import Unsupported, need
from .layer import Fields, Layer, columns, grid_fields, need_activation, need_int8, row_fields, rows
from .requantize import even_field, pair_fields

# ---------------------------------------------------------------- one operand


def lower_table(layer: Layer) -> None:
    source = layer.operator.inputs[0]
    values = layer.values(1, "a table that is not constant")
    function, kind = _TABLES[values.dtype.name, values.ndim]
    need(
        values.ndim == 1
        or (len(values) == columns(layer.output) and layer.input(0).shape == layer.output.shape),
        "other channels",
    )
    output = f"({kind} *){layer.address(layer.operator.outputs[0])}"
    layer.call(
        function, _rows(layer), layer.constant("table", values), layer.address(source), output
    )


_TABLES = {
    ("int8", 1): ("pose_table", "int8_t"),
    ("int8", 2): ("pose_channel_table", "int8_t"),
    ("float32", 1): ("pose_float_table", "float"),
}
"""By the type of the results and whether they are the same for all channels: function, and type of
the output."""


def _rows(layer: Layer) -> str:
    source, output = layer.operator.inputs[0], layer.operator.outputs[0]
    same = matrix(layer.input(0)) == matrix(layer.output)
    need(same or _dense(layer, source, output), "shapes differ")
    fields = row_fields(layer)
    if not same:
        fields = {"rows": 1, "channels": layer.output.elements, "in_step": 0, "out_step": 0}
    return layer.struct("pose_rows", fields)


def _dense(layer: Layer, *tensors: int) -> bool:
    return all(layer.step(t) == columns(layer.graph.tensors[t]) for t in tensors)


def lower_quantize(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need(source.dtype == "float32", f"from {source.dtype} to {output.dtype}")
    need_int8(output)
    layer.call_on_data(
        "pose_quantize", _rows(layer), _c_float(output.scale), str(output.zero_point)
    )


def _c_float(value: np.float32) -> str:
    """A float in C, to the last bit: hexadecimal digits."""
    return float(value).hex() + "f"


def lower_dequantize(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need_int8(source)
    need(output.dtype == "float32", f"to {output.dtype}")
    layer.call_on_data(
        "pose_dequantize", _rows(layer), _c_float(source.scale), str(source.zero_point)
    )


def lower_cast(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need(
        (source.dtype, output.dtype) == ("int32", "float32"),
        f"from {source.dtype} to {output.dtype}",
    )
    layer.call_on_data("pose_int32_to_float", str(output.elements))


def refuse_other_than_table(layer: Layer) -> None:
    """Elementwise operators become tables before; what comes here could not."""
    kind, shapes = layer.input(0).dtype, f"{layer.input(0).shape} to {layer.output.shape}"
    raise Unsupported(
        f"on {kind}, {shapes}; 8-bit tensors of one scale and zero point and of the same shape "
        "are supported"
    )


# ---------------------------------------------------------------- two operands


def lower_sum(layer: Layer) -> None:
    if _plain(layer):
        return
    a, b, output = layer.input(0), layer.input(1), layer.output
    need_int8(a, b, output)
    need_activation(layer.operator)
    if layer.attributes(Arithmetic).channel is not None:
        _narrow_sum(layer)
        return
    made = layer.struct("pose_add_layer", {"grid": grid_fields(layer), **_add_fields(layer)})
    layer.call_on_tensors("pose_add", made)


def _add_fields(layer: Layer) -> Fields:
    operands = layer.input(0), layer.input(1), layer.output
    return _pair_of_operands(layer, add_multipliers(*operands)) | even_field(
        sum_is_even(layer.operator, *operands)
    )


def _pair_of_operands(layer: Layer, pairs: list[tuple[int, int]]) -> Fields:
    """A ``pose_add_layer``, by the multipliers of its operands and of the result, but the grid."""
    a, b, output = layer.input(0), layer.input(1), layer.output
    low, high = activation_range(layer.operator, output)
    return {
        "a_zero": a.zero_point,
        **pair_fields("a_", pairs[0]),
        "b_zero": b.zero_point,
        **pair_fields("b_", pairs[1]),
        "b_sign": -1 if layer.operator.name == "SUB" else 1,
        "zero": output.zero_point,
        **pair_fields("", pairs[2]),
        "low": low,
        "high": high,
    }


def lower_squared_difference(layer: Layer) -> None:
    a, b, output = layer.input(0), layer.input(1), layer.output
    need_int8(a, b, output)
    fields = _pair_of_operands(layer, square_multipliers(a.scale, b.scale, output.scale))
    made = layer.struct("pose_add_layer", {"grid": grid_fields(layer), **fields})
    layer.call_on_tensors("pose_squared_difference", made)


def _narrow_sum(layer: Layer) -> None:
    """The second operand has some of the channels; to the others zero is added."""
    (wide, narrow), (output,) = layer.operator.inputs, layer.operator.outputs
    places, begin = rows(layer.output), layer.attributes(Arithmetic).channel or 0
    end = begin + columns(layer.input(1))
    zero = layer.constant("zero", np.array([layer.input(1).zero_point], np.int8))
    parts = [("_before", 0, begin), ("", begin, end), ("_after", end, columns(layer.output))]
    for suffix, first, last in parts:
        if first == last:
            continue
        inside = suffix == ""
        grid = {
            "size": [1, 1, places, last - first],
            "a": [0, 0, layer.step(wide), 1],
            "b": [0, 0, layer.step(narrow) if inside else 0, int(inside)],
            "out": [0, 0, layer.step(output), 1],
        }
        fields = layer.struct("pose_add_layer", {"grid": grid, **_add_fields(layer)}, suffix)
        other = layer.address(narrow) if inside else zero
        layer.call(
            "pose_add", fields, layer.address(wide, first), other, layer.address(output, first)
        )


def lower_product(layer: Layer) -> None:
    if _plain(layer):
        return
    a, b, output = layer.input(0), layer.input(1), layer.output
    need_int8(a, b, output)
    need_activation(layer.operator)
    low, high = activation_range(layer.operator, output)
    ratio = product_ratio(a, b, output)
    fields = {
        "grid": grid_fields(layer),
        "a_zero": a.zero_point,
        "b_zero": b.zero_point,
        "zero": output.zero_point,
        **pair_fields("", multiplier_of(layer.operator, ratio)),
        "low": low,
        "high": high,
        **even_field(rounds_to_even(layer.operator, ratio)),
    }
    layer.call_on_tensors("pose_mul", layer.struct("pose_mul_layer", fields))


_ARITHMETIC = {
    "ADD": "POSE_ADD",
    "SUB": "POSE_SUB",
    "MUL": "POSE_MUL",
    "DIV": "POSE_DIV",
    "FLOOR_DIV": "POSE_DIV",
}


def _plain(layer: Layer) -> bool:
    """Operands that are integers of 32 bits or floats. Returns False for others."""
    kinds = {layer.input(0).dtype, layer.input(1).dtype, layer.output.dtype}
    name = layer.operator.name
    if kinds not in ({"int32"}, {"float32"}):
        return False
    need(activation(layer.operator) == "NONE", "an activation on floats or 32-bit integers")
    fits = "int32" in kinds if name == "FLOOR_DIV" else "float32" in kinds or name != "DIV"
    need(fits, f"on {', '.join(kinds)}")
    if name == "FLOOR_DIV":
        need(
            layer.input(1).data is not None and bool((layer.input(1).values != 0).all()),
            "by what is not a constant other than 0",
        )
    function = "pose_int32" if "int32" in kinds else "pose_float"
    layer.call_on_tensors(
        function, _ARITHMETIC[name], layer.struct("pose_grid", grid_fields(layer))
    )
    return True


def lower_divide(layer: Layer) -> None:
    need(_plain(layer), f"on {layer.input(0).dtype}")


def lower_extreme(layer: Layer) -> None:
    need_int8(layer.input(0), layer.input(1), layer.output)
    function = "pose_maximum" if layer.operator.name == "MAXIMUM" else "pose_minimum"
    layer.call_on_tensors(function, layer.struct("pose_grid", grid_fields(layer)))
