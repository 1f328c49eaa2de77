"""Elementwise operators, products of vectors, and what works along rows, as C."""

from __future__ import annotations

from math import prod

import numpy as np

from ..graph import TABLE
from ..memory.views import matrix
from ..reference.elementwise import (
    activation_range,
    add_multipliers,
    is_from_onnx,
    multiplier_of,
    product_multiplier,
    product_ratio,
    rounds_to_even,
    scale_of,
    sum_is_even,
    zero_of,
)
from ..reference.fixed_point import (
    log_softmax_differences,
    quantize_multiplier,
    softmax_exponentials,
)
from ..reference.functions import square_multipliers
from .conv_pool_resize import bias_of, need_activation, need_int8, requantize, whole_words, wrapped
from .layer import Layer, columns, image, need, row_fields

# ---------------------------------------------------------------- one operand


def _table(layer: Layer) -> None:
    source, table = layer.operator.inputs
    values = layer.graph.tensors[table].data
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
    need(layer.input(0).elements == layer.output.elements, "sizes differ")
    fields = row_fields(layer, source, output)
    if not same:
        fields = {"rows": 1, "channels": layer.output.elements, "in_step": 0, "out_step": 0}
    return layer.struct("pose_rows", fields)


def _dense(layer: Layer, *tensors: int) -> bool:
    return all(layer.step(t) == columns(layer.graph.tensors[t]) for t in tensors)


def _prelu(layer: Layer) -> None:
    source, slopes = layer.input(0), layer.input(1)
    need_int8(source, slopes, layer.output)
    need(
        slopes.data is not None and slopes.elements == columns(source) == columns(slopes),
        "one constant slope a channel is expected",
    )
    need(source.shape == layer.output.shape, "shapes differ")
    fields = row_fields(layer, layer.operator.inputs[0], layer.operator.outputs[0]) | {
        "in_zero": zero_of(source)
    }
    fields |= {"slope_zero": zero_of(slopes), "slopes": layer.constant("slopes", slopes.data)}
    if len(layer.operator.inputs) > 2:
        _call(
            layer,
            "pose_prelu_between",
            layer.struct("pose_prelu_between_layer", fields | _between_fields(layer)),
        )
        return
    positive = multiplier_of(layer.operator, float(scale_of(source) / scale_of(layer.output)))
    negative = multiplier_of(
        layer.operator, float(scale_of(source) * scale_of(slopes) / scale_of(layer.output))
    )
    fields |= {
        "zero": zero_of(layer.output),
        **pair_fields("positive_", positive),
        **pair_fields("negative_", negative),
    }
    _call(layer, "pose_prelu", layer.struct("pose_prelu_layer", fields))


def _between_fields(layer: Layer) -> dict:
    """Of a PRELU with 8-bit values on the way, see
    :class:`poseutils.compiler.frontends.qdq.prelu.Prelu`."""
    slopes, first, second = (layer.input(number) for number in (1, 2, 3))
    ratio = float(scale_of(first)) * float(scale_of(slopes)) / float(scale_of(second))
    fields = {
        "first_zero": zero_of(first),
        "second_zero": zero_of(second),
        **pair_fields("", multiplier_of(layer.operator, ratio)),
    }
    return fields | {
        name: layer.constant(name, tensor.data)
        for name, tensor in (("first", first), ("second", second))
    }


def even_field(even: bool) -> dict:
    """Of a layer whose halves go to even."""
    return {"even": 1} if even else {}


def pair_fields(prefix: str, pair: tuple[int, int]) -> dict:
    need(-31 <= pair[1] <= 30, "a ratio of scales is out of range")
    return {f"{prefix}multiplier": pair[0], f"{prefix}shift": pair[1]}


def _call(layer: Layer, function: str, *first: str) -> None:
    layer.call(
        function,
        *first,
        layer.address(layer.operator.inputs[0]),
        layer.address(layer.operator.outputs[0]),
    )


def _quantize(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need(source.dtype == "float32", f"from {source.dtype} to {output.dtype}")
    need_int8(output)
    _call(layer, "pose_quantize", _rows(layer), _c_float(scale_of(output)), str(zero_of(output)))


def _c_float(value: np.float32) -> str:
    """A float in C, to the last bit: hexadecimal digits."""
    return float(value).hex() + "f"


def _dequantize(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need_int8(source)
    need(output.dtype == "float32", f"to {output.dtype}")
    _call(layer, "pose_dequantize", _rows(layer), _c_float(scale_of(source)), str(zero_of(source)))


def _cast(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need(
        (source.dtype, output.dtype) == ("int32", "float32"),
        f"from {source.dtype} to {output.dtype}",
    )
    need(source.elements == output.elements, "sizes differ")
    _call(layer, "pose_int32_to_float", str(output.elements))


# ---------------------------------------------------------------- two operands


def grid_fields(layer: Layer, a: int, b: int, output: int) -> dict:
    """A ``pose_grid``, with as few dimensions as possible."""
    shape = layer.graph.tensors[output].shape or (1,)
    strides = [_strides(layer, t, shape) for t in (a, b, output)]
    size, merged = [1], [[0], [0], [0]]
    for d, length in enumerate(shape):
        if length == 1:
            continue
        if all(kept[-1] == own[d] * length for kept, own in zip(merged, strides)) and size[-1] != 1:
            size[-1] *= length
            for kept, own in zip(merged, strides):
                kept[-1] = own[d]
        else:
            size.append(length)
            for kept, own in zip(merged, strides):
                kept.append(own[d])
    need(len(size) <= 5, f"operands of shapes that repeat in too many ways: {shape}")
    return {
        "size": _four(size, 1),
        **{name: _four(kept, 0) for name, kept in zip(("a", "b", "out"), merged)},
    }


def _four(values: list[int], fill: int) -> list[int]:
    return [fill] * (5 - len(values)) + values[1:]


def _strides(layer: Layer, tensor: int, shape: tuple[int, ...]) -> list[int]:
    """Values from one index to the next along each dimension of ``shape``; 0 where the tensor
    repeats."""
    own = layer.graph.tensors[tensor].shape
    need(
        len(own) <= len(shape) and all(n in (1, m) for n, m in zip(own[::-1], shape[::-1])),
        f"{own} does not broadcast to {shape}",
    )
    step, strides = layer.step(tensor), []
    for d in range(len(own)):
        stride = 1 if d == len(own) - 1 else step * prod(own[d + 1 : -1])
        strides.append(0 if own[d] == 1 else stride)
    return [0] * (len(shape) - len(own)) + strides


def _sum(layer: Layer) -> None:
    if _plain(layer):
        return
    a, b, output = layer.input(0), layer.input(1), layer.output
    need_int8(a, b, output)
    need_activation(layer.operator)
    if "narrow" in layer.operator.options:
        _narrow_sum(layer)
        return
    grid = grid_fields(layer, *layer.operator.inputs, layer.operator.outputs[0])
    made = layer.struct("pose_add_layer", {"grid": grid, **_add_fields(layer)})
    layer.call(
        "pose_add",
        made,
        *(layer.address(t) for t in (*layer.operator.inputs, *layer.operator.outputs)),
    )


def _add_fields(layer: Layer) -> dict:
    operands = layer.input(0), layer.input(1), layer.output
    return _pair_of_operands(layer, add_multipliers(*operands)) | even_field(
        sum_is_even(layer.operator, *operands)
    )


def _pair_of_operands(layer: Layer, pairs: list[tuple[int, int]]) -> dict:
    """A ``pose_add_layer``, by the multipliers of its operands and of the result, but the grid."""
    a, b, output = layer.input(0), layer.input(1), layer.output
    low, high = activation_range(layer.operator, output)
    return {
        "a_zero": zero_of(a),
        **pair_fields("a_", pairs[0]),
        "b_zero": zero_of(b),
        **pair_fields("b_", pairs[1]),
        "b_sign": -1 if layer.operator.name == "SUB" else 1,
        "zero": zero_of(output),
        **pair_fields("", pairs[2]),
        "low": low,
        "high": high,
    }


def _squared_difference(layer: Layer) -> None:
    a, b, output = layer.input(0), layer.input(1), layer.output
    need_int8(a, b, output)
    grid = grid_fields(layer, *layer.operator.inputs, layer.operator.outputs[0])
    pairs = square_multipliers(scale_of(a), scale_of(b), scale_of(output))
    made = layer.struct("pose_add_layer", {"grid": grid, **_pair_of_operands(layer, pairs)})
    layer.call(
        "pose_squared_difference",
        made,
        *(layer.address(t) for t in (*layer.operator.inputs, *layer.operator.outputs)),
    )


def _narrow_sum(layer: Layer) -> None:
    """The second operand has some of the channels; to the others zero is added."""
    (wide, narrow), (output,) = layer.operator.inputs, layer.operator.outputs
    places, begin = (
        layer.output.elements // columns(layer.output),
        int(layer.operator.options["narrow"]),
    )
    end = begin + columns(layer.input(1))
    need(
        layer.input(1).elements == places * (end - begin) and end <= columns(layer.output),
        "operands do not match",
    )
    zero = layer.constant("zero", np.array([zero_of(layer.input(1))], np.int8))
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


def _product(layer: Layer) -> None:
    if _plain(layer):
        return
    a, b, output = layer.input(0), layer.input(1), layer.output
    need_int8(a, b, output)
    need_activation(layer.operator)
    grid = grid_fields(layer, *layer.operator.inputs, layer.operator.outputs[0])
    low, high = activation_range(layer.operator, output)
    fields = {"grid": grid, "a_zero": zero_of(a), "b_zero": zero_of(b), "zero": zero_of(output)}
    fields |= {
        **pair_fields("", product_multiplier(layer.operator, a, b, output)),
        "low": low,
        "high": high,
    }
    fields |= even_field(rounds_to_even(layer.operator, product_ratio(a, b, output)))
    layer.call(
        "pose_mul",
        layer.struct("pose_mul_layer", fields),
        *(layer.address(t) for t in (*layer.operator.inputs, *layer.operator.outputs)),
    )


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
    need(
        layer.operator.options.get("fused_activation_function", "NONE") == "NONE",
        "an activation on floats or 32-bit integers",
    )
    need(
        ("int32" in kinds) != (name == "DIV") or name not in ("DIV", "FLOOR_DIV"),
        f"on {', '.join(kinds)}",
    )
    if name == "FLOOR_DIV":
        need(
            layer.input(1).data is not None and bool((layer.input(1).data != 0).all()),
            "by what is not a constant other than 0",
        )
        need("int32" in kinds, "on floats")
    grid = layer.struct(
        "pose_grid", grid_fields(layer, *layer.operator.inputs, layer.operator.outputs[0])
    )
    function = "pose_int32" if "int32" in kinds else "pose_float"
    layer.call(
        function,
        _ARITHMETIC[name],
        grid,
        *(layer.address(t) for t in (*layer.operator.inputs, *layer.operator.outputs)),
    )
    return True


def _divide(layer: Layer) -> None:
    need(_plain(layer), f"on {layer.input(0).dtype}")


# ---------------------------------------------------------------- along rows


def _dense_layer(layer: Layer) -> None:
    source, weights, output = layer.input(0), layer.input(1), layer.output
    need_int8(source, output)
    need_activation(layer.operator)
    need(
        weights.dtype == "int8" and weights.quantization is not None, f"weights of {weights.dtype}"
    )
    need(layer.operator.options.get("weights_format", 0) == 0, "shuffled weights")
    outputs, inputs = weights.shape
    need(
        source.elements % inputs == 0 and output.elements == source.elements // inputs * outputs,
        f"weights of shape {weights.shape}",
    )
    need(columns(output) == outputs, f"an output of shape {output.shape}")
    zeros = weights.quantization.zero_points
    need(
        bool((zeros == zeros[0]).all()) and -128 <= int(zeros[0]) <= 127,
        "zero points that differ or are out of range",
    )
    bias, in_zero = bias_of(layer), zero_of(source)
    if weights.is_constant and weights.data is not None and not zeros.any():
        bias, in_zero = bias - in_zero * weights.data.astype(np.int64).sum(axis=1), 0
    rows = whole_words(weights.data) if weights.is_constant and weights.data is not None else None
    fields = {
        "rows": source.elements // inputs,
        "inputs": inputs,
        "outputs": outputs,
        "weight_step": inputs if rows is None else rows.shape[1],
        "in_zero": in_zero,
        "weight_zero": int(zeros[0]),
        "bias": layer.constant("bias", wrapped(bias)),
        "scale": requantize(layer, source, weights, once=True),
    }
    made = layer.struct("pose_dense_layer", fields)
    matrix = (
        layer.address(layer.operator.inputs[1]) if rows is None else layer.constant("weights", rows)
    )
    layer.call(
        "pose_dense",
        made,
        layer.address(layer.operator.inputs[0]),
        matrix,
        layer.address(layer.operator.outputs[0]),
    )


def _mean(layer: Layer) -> None:
    source, output, axes = layer.input(0), layer.output, layer.input(1).data
    need_int8(source, output)
    need(
        axes is not None and sorted(int(a) % 4 for a in axes.flat) == [1, 2],
        "over other dimensions than height and width",
    )
    fields = {
        "in": image(layer, layer.operator.inputs[0]),
        "in_zero": zero_of(source),
        "zero": zero_of(output),
    }
    need(output.elements == source.shape[3], f"an output of shape {output.shape}")
    fields |= mean_fields(layer, source.shape[1] * source.shape[2])
    _call(layer, "pose_mean", layer.struct("pose_mean_layer", fields))


def mean_fields(layer: Layer, count: int) -> dict:
    """From a sum of ``count`` values to their mean."""
    ratio = float(scale_of(layer.input(0))) / float(scale_of(layer.output))
    if not is_from_onnx(layer.operator):
        return pair_fields("", _over_count(ratio, count))
    return pair_fields("", multiplier_of(layer.operator, ratio / count)) | even_field(
        rounds_to_even(layer.operator, ratio / count)
    )


def _over_count(ratio: float, count: int) -> tuple[int, int]:
    """A multiplier that divides by ``count`` too, with as many bits as 64 have room for."""
    multiplier, shift = quantize_multiplier(ratio)
    room = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << room) // count, shift - room


def _softmax(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need_int8(source, output)
    need(source.shape == output.shape, "shapes differ")
    exact = float(scale_of(output)) == 1 / 256 and zero_of(output) == -128
    need(exact or is_from_onnx(layer.operator), "an output of another scale than 1/256")
    need(columns(source) < 4096, f"{columns(source)} channels; up to 4095 are supported")
    step = float(scale_of(source)) * float(layer.operator.options.get("beta", 1.0))
    need(step > 0, "beta that is not positive")
    fields = {
        "rows": row_fields(layer, layer.operator.inputs[0], layer.operator.outputs[0]),
        "exponentials": layer.constant("exponentials", softmax_exponentials(step)),
        **_share_fields(float(scale_of(output))),
        "zero": zero_of(output),
    }
    _call(layer, "pose_softmax", layer.struct("pose_softmax_layer", fields))


def _share_fields(scale: float) -> dict:
    """How many steps of the output a share of 1 is: a power of two, as of LiteRT, or a multiplier
    and one."""
    multiplier, shift = quantize_multiplier(1 / scale)
    return (
        {"multiplier": 0, "bits": shift - 1}
        if multiplier == 2**30
        else {"multiplier": multiplier, "bits": shift}
    )


def _log_softmax(layer: Layer) -> None:
    source, output = layer.input(0), layer.output
    need_int8(source, output)
    need(
        float(scale_of(output)) == 1 / 16 and zero_of(output) == 127,
        "an output of another scale than 1/16 and zero point than 127",
    )
    need(columns(source) < 4096, f"{columns(source)} channels; up to 4095 are supported")
    differences, least, reverse = log_softmax_differences(float(scale_of(source)))
    fields = {
        "rows": row_fields(layer, layer.operator.inputs[0], layer.operator.outputs[0]),
        "exponentials": layer.constant(
            "exponentials", softmax_exponentials(float(scale_of(source)))
        ),
        "differences": layer.constant("differences", differences),
        "least": least,
        **pair_fields("reverse_", reverse),
    }
    _call(layer, "pose_log_softmax", layer.struct("pose_log_softmax_layer", fields))


def _arg_max(layer: Layer) -> None:
    source, axis = layer.input(0), layer.input(1).data
    rank = len(source.shape)
    need(
        source.dtype == "int8" and layer.output.dtype == "int32",
        f"from {source.dtype} to {layer.output.dtype}",
    )
    need(
        axis is not None and axis.size == 1 and -rank <= int(axis.flat[0]) < rank,
        "an axis that is not constant",
    )
    along = int(axis.flat[0]) % rank
    fields = {
        "outer": prod(source.shape[:along]),
        "length": source.shape[along],
        "inner": prod(source.shape[along + 1 :]),
    }
    need(
        layer.output.elements == fields["outer"] * fields["inner"] and fields["length"] > 0,
        f"an output of shape {layer.output.shape}",
    )
    _call(layer, "pose_arg_max", layer.struct("pose_argmax_layer", fields))


VALUES = {
    TABLE: _table,
    "PRELU": _prelu,
    "QUANTIZE": _quantize,
    "DEQUANTIZE": _dequantize,
    "CAST": _cast,
    "ADD": _sum,
    "SUB": _sum,
    "MUL": _product,
    "DIV": _divide,
    "FLOOR_DIV": _divide,
    "FULLY_CONNECTED": _dense_layer,
    "MEAN": _mean,
    "SQUARED_DIFFERENCE": _squared_difference,
    "SOFTMAX": _softmax,
    "LOG_SOFTMAX": _log_softmax,
    "ARG_MAX": _arg_max,
}
