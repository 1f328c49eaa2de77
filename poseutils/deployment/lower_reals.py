"""The arithmetic of QDQ networks as C: sums of integers are scaled by one 32-bit float and rounded once, halves to even.

ONNX Runtime computes so on a CPU. LiteRT's multipliers round twice, which is one step off now and then, and a network of many layers makes
of one such step quite other results.
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


def real_requantize(layer: Layer, ratio: np.ndarray) -> dict:
    """A ``pose_requantize`` by a ratio of scales for each channel."""
    return {"real": layer.constant("real", ratio.astype(np.float32)), **_clamped(layer)}


def _clamped(layer: Layer) -> dict:
    low, high = activation_range(layer.operator, layer.output)
    return {"zero": zero_of(layer.output), "low": low, "high": high}


def real_pair(layer: Layer) -> dict:
    """The fields of a ``pose_real_layer`` but its grid."""
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


# ---------------------------------------------------------------- along rows


def real_softmax(layer: Layer) -> None:
    """SOFTMAX of the last dimension, by exponentials of the 256 differences that two values can have."""
    source, (output,) = layer.input(0), layer.operator.outputs
    need(source.shape == layer.output.shape, "shapes differ")
    powers = np.exp(-np.arange(256) * float(scale_of(source))).astype(np.float32)
    fields = {"rows": row_fields(layer, layer.operator.inputs[0], output), "powers": layer.constant("powers", powers)}
    made = layer.struct("pose_softmax_real_layer", fields | {"scale": c_float(scale_of(layer.output)), **_clamped(layer)})
    layer.call("pose_softmax_real", made, layer.address(layer.operator.inputs[0]), layer.address(output))


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
