"""The arithmetic of QDQ networks as C: sums of integers are scaled by one 32-bit float and rounded once, halves to even.

ONNX Runtime computes so on a CPU. LiteRT's multipliers round twice, which is one step off now and then, and a network of many layers makes
of one such step quite other results. Where ONNX Runtime adds products of floats (see ``qdq.fusions``) the integers decide as long as they
are clear, and floats in its own order where a sum lies about halfway between two steps.
"""

from __future__ import annotations

import numpy as np

from .elementwise import activation_range, scale_of, zero_of
from .lowering import Layer, image, need, row_fields


def is_real(layer: Layer) -> bool:
    """Whether an operator comes from a QDQ network."""
    return layer.operator.options.get("rounding") == "even"


def c_float(value: np.float32) -> str:
    """A float in C, to the last bit: hexadecimal digits."""
    return float(value).hex() + "f"


def real_ratio(layer: Layer) -> np.ndarray:
    """For each channel, what a sum of products is multiplied by to become steps of the output."""
    return scale_of(layer.input(0)) * channel_scales(layer) / scale_of(layer.output)


def channel_scales(layer: Layer) -> np.ndarray:
    """The scale of each channel's weights."""
    return np.broadcast_to(layer.input(1).quantization.scales, layer.output.shape[-1:])


def real_requantize(layer: Layer, ratio: np.ndarray) -> dict:
    """A ``pose_requantize`` by a ratio of scales for each channel."""
    return {"real": layer.constant("real", ratio.astype(np.float32)), **_clamped(layer)}


def _clamped(layer: Layer) -> dict:
    low, high = activation_range(layer.operator, layer.output)
    return {"zero": zero_of(layer.output), "low": low, "high": high}


def real_pair(layer: Layer) -> tuple[str, str, dict]:
    """The structure and the function of a sum, difference or product, and the fields but the grid."""
    if "integers" in layer.operator.options:
        return "pose_linear_layer", "pose_linear", _linear_pair(layer)
    return "pose_real_layer", "pose_real", _float_pair(layer)


def _float_pair(layer: Layer) -> dict:
    a, b, output = layer.input(0), layer.input(1), layer.output
    return {
        "what": f"POSE_{layer.operator.name}",
        "a_zero": zero_of(a),
        "b_zero": zero_of(b),
        "a_scale": c_float(scale_of(a)),
        "b_scale": c_float(scale_of(b)),
        "scale": c_float(scale_of(output)),
        **_clamped(layer),
    }


def _linear_pair(layer: Layer) -> dict:
    """Of operands that ONNX Runtime takes as they are, uint8 or int8: a sum has all zero points in one offset, a product its own."""
    a, b, output = layer.input(0), layer.input(1), layer.output
    moved = 128 if layer.operator.options["integers"] == "uint8" else 0
    zeros = [np.float32(zero_of(tensor) + moved) for tensor in (a, b, output)]
    low, high = activation_range(layer.operator, output)
    fields = {"what": f"POSE_{layer.operator.name}", "zero": -moved, "low": low, "high": high}
    if layer.operator.name == "MUL":
        scale = scale_of(a) * scale_of(b) / scale_of(output)
        fields |= {"a_zero": zero_of(a), "b_zero": zero_of(b), "a_scale": c_float(scale), "b_scale": "0.0f"}
        return fields | {"offset": c_float(zeros[2])}
    scales = [scale_of(tensor) / scale_of(output) for tensor in (a, b)]
    offset = zeros[2] - (scales[0] * zeros[0] + scales[1] * zeros[1])
    fields |= {"a_zero": -moved, "b_zero": -moved, "a_scale": c_float(scales[0]), "b_scale": c_float(scales[1])}
    return fields | {"offset": c_float(offset)}


# ---------------------------------------------------------------- sums of floats


def float_sums(layer: Layer, weights: np.ndarray, bias: np.ndarray) -> dict:
    """The ``floats`` of a ``pose_requantize`` where ONNX Runtime adds products of floats, else nothing.

    Args:
        weights: integers, output channels first, then in the order in which the products are added.
        bias: in the scale of the sums.
    """
    options, inputs = layer.operator.options, layer.operator.inputs
    if "run" not in options:
        return {}
    real_bias = layer.input(3).data if len(inputs) > 3 else None
    fields = {
        "in_scale": c_float(scale_of(layer.input(0))),
        "scale": c_float(scale_of(layer.output)),
        "weight_scale": layer.constant("weight_scale", channel_scales(layer).astype(np.float32)),
        "bias": "NULL" if real_bias is None else layer.constant("real_bias", real_bias),
        "sure": layer.constant("sure", _sure(layer, weights.reshape(len(weights), -1), bias, real_bias)),
        "run": int(options["run"]),
        "joined": int(options["joined"]),
    }
    return {"floats": layer.struct("pose_float_sums", fields, "_floats")}


def _sure(layer: Layer, weights: np.ndarray, bias: np.ndarray, real_bias: np.ndarray | None) -> np.ndarray:
    """For each channel, how far from a whole number of steps a result may be so that no order of sums in floats rounds it otherwise.

    Each rounding is half a unit in the last place at most; the sums are as large as the input's least and greatest value can make them.
    """
    values = np.array([-128, 127]) - zero_of(layer.input(0))
    ends = np.sort(weights[..., None].astype(np.float64) * values, axis=-1)
    reach = np.abs(ends.cumsum(axis=1)).max(axis=-1)
    products, largest = np.abs(ends).max(axis=-1), reach[:, -1] + np.abs(bias)
    runs = weights.shape[1] // int(layer.operator.options["run"]) + 1
    roundings = reach.sum(axis=1) + 3 * products.sum(axis=1) + (runs + 7) * largest
    ratio = real_ratio(layer).astype(np.float64)
    other_bias = 0 if real_bias is None else np.abs(real_bias / np.float64(scale_of(layer.output)) - bias * ratio)
    return (0.5 - 1.01 * 2.0**-24 * roundings * ratio - other_bias).astype(np.float32)


# ---------------------------------------------------------------- along rows


def real_softmax(layer: Layer) -> None:
    """SOFTMAX of the last dimension, by exponentials of the 256 differences that two values can have."""
    source, (output,) = layer.input(0), layer.operator.outputs
    need(source.shape == layer.output.shape, "shapes differ")
    fused = "integers" in layer.operator.options
    fields = {"rows": row_fields(layer, layer.operator.inputs[0], output)}
    fields |= {"powers": layer.constant("powers", _powers(float(scale_of(source)), source.shape[-1] if fused else None))}
    if fused:
        fields |= {"whole": c_float(np.floor(np.float32(1) / scale_of(layer.output)))}
    made = layer.struct("pose_softmax_real_layer", fields | {"scale": c_float(scale_of(layer.output)), **_clamped(layer)})
    layer.call("pose_softmax_real", made, layer.address(layer.operator.inputs[0]), layer.address(output))


def _powers(scale: float, count: int | None) -> np.ndarray:
    """exp(-scale * i); where ONNX Runtime sums ``count`` of them by a table, all times what brings the sum close to the largest float."""
    more = 0.0 if count is None else max(0.0, float(np.log(np.finfo(np.float32).max / np.float32(count))) - 5) / scale
    return np.exp((more - np.arange(256)) * scale).astype(np.float32)


def real_mean(layer: Layer) -> None:
    """MEAN over rows and columns."""
    source = layer.input(0)
    fields = {"in": image(layer, layer.operator.inputs[0]), "in_zero": zero_of(source)}
    need(layer.output.elements == source.shape[3], f"an output of shape {layer.output.shape}")
    ratio = scale_of(source) / (np.float32(source.shape[1] * source.shape[2]) * scale_of(layer.output))
    made = layer.struct("pose_mean_real_layer", fields | {"ratio": c_float(ratio), **_clamped(layer)})
    layer.call("pose_mean_real", made, layer.address(layer.operator.inputs[0]), layer.address(layer.operator.outputs[0]))


# ---------------------------------------------------------------- resizing


def real_resize(layer: Layer) -> None:
    """RESIZE_BILINEAR, by shares in floating point."""
    source, output = layer.input(0), layer.output
    fields = {"in": image(layer, layer.operator.inputs[0]), "out": image(layer, layer.operator.outputs[0])}
    need(source.shape[3] == output.shape[3], f"{source.shape[3]} channels in, {output.shape[3]} out")
    need(max(*source.shape[1:3], *output.shape[1:3]) < 2**15, "an image of more than 32767 rows or columns")
    for axis, letter in ((1, "y"), (2, "x")):
        first, second, before, after = _shares(source.shape[axis], output.shape[axis], str(layer.operator.options.get("centers")))
        for name, values in (("first", first.astype(np.int16)), ("second", second.astype(np.int16)), ("before", before), ("after", after)):
            fields[f"{name}_{letter}"] = layer.constant(f"{name}_{letter}", values)
    fields |= {"in_zero": zero_of(source), "in_scale": c_float(scale_of(source)), "scale": c_float(scale_of(output)), **_clamped(layer)}
    made = layer.struct("pose_resize_real_layer", fields)
    layer.call("pose_resize_real", made, layer.address(layer.operator.inputs[0]), layer.address(layer.operator.outputs[0]))


def _shares(size: int, made: int, centers: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For each output row or column the two inputs, and the share of each, by the coordinate_transformation_mode."""
    x, ratio = np.arange(made, dtype=np.float32), np.float32(size) / np.float32(made)
    place = {
        "half_pixel": (x + np.float32(0.5)) * ratio - np.float32(0.5),
        "asymmetric": x * ratio,
        "align_corners": x * (np.float32(size - 1) / np.float32(max(made - 1, 1))),
    }[centers].clip(0, size - 1)
    first = np.floor(place).astype(np.int64)
    second = np.minimum(first + 1, size - 1)
    after = np.where(first == second, np.float32(0.5), place - first.astype(np.float32))
    return first, second, (np.float32(1) - after).astype(np.float32), after.astype(np.float32)
