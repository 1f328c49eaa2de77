"""Convolutions, pooling and resizing as C."""

from __future__ import annotations

import numpy as np

from ..graph import Graph, Operator, Tensor
from ..reference.elementwise import (
    activation,
    activation_range,
    is_from_onnx,
    multiplier_of,
    per_tensor,
    rounds_to_even,
    scale_of,
    zero_of,
)
from ..reference.fixed_point import multipliers_rounded_once, quantize_multiplier
from .layer import Layer, image, need

MAX_TAPS = 64
"""POSE_MAX_TAPS of pose_kernels.h."""


def need_int8(*tensors: Tensor) -> None:
    for tensor in tensors:
        need(
            tensor.dtype == "int8" and per_tensor(tensor),
            f"on {_described(tensor)} {tensor.name!r}; int8 with one scale and zero point is "
            "supported",
        )


def _described(tensor: Tensor) -> str:
    """The type of a tensor, and what else its quantization lacks."""
    if tensor.dtype != "int8":
        return tensor.dtype
    return (
        f"int8 with {0 if tensor.quantization is None else len(tensor.quantization.scales)} scales"
    )


def need_activation(operator: Operator) -> None:
    need(
        activation(operator) in ("NONE", "RELU", "RELU6", "RELU_N1_TO_1"),
        f"the activation {activation(operator)} is not known",
    )


LEAST_SCRATCH = 960
"""Bytes that any convolution has if it can use them; TensorFlow Lite Micro needs more for
itself."""


def conv_scratch(graph: Graph, operator: Operator) -> tuple[int, int]:
    """The least scratch of a convolution, and the most that it can use, see pose_conv_row."""
    _, height, width, channels = graph.tensors[operator.inputs[1]].shape
    most = 6 * (-(-height * width * channels // 4) * 4)
    return min(most, LEAST_SCRATCH), most


def _convolution(layer: Layer) -> tuple[Tensor, Tensor, np.ndarray]:
    """Checks what all convolutions have in common; the input, the weights, and the bias in 64
    bits."""
    operator = layer.operator
    source, weights = layer.input(0), layer.input(1)
    need_int8(source, layer.output)
    need_activation(operator)
    need(
        weights.is_constant and weights.dtype == "int8" and weights.data is not None,
        "constant int8 weights are expected",
    )
    need(
        weights.quantization is not None and not weights.quantization.zero_points.any(),
        "weights with zero points of 0 are expected",
    )
    return source, weights, bias_of(layer)


def bias_of(layer: Layer, place: int = 2) -> np.ndarray:
    """The bias in 64 bits, from its place among the inputs; zeros where it is left out."""
    channels, inputs = layer.output.shape[-1], layer.operator.inputs
    if len(inputs) <= place or inputs[place] < 0:
        return np.zeros(channels, np.int64)
    bias = layer.input(place)
    need(
        bias.dtype == "int32" and bias.data is not None and bias.shape == (channels,),
        f"a bias of {channels} constants of int32 is expected",
    )
    return bias.data.astype(np.int64)


def requantize(layer: Layer, source: Tensor, weights: Tensor, once: bool = False) -> dict:
    """A ``pose_requantize``: from sums of products to the output, a multiplier for each channel;
    ``once`` is how sums are rounded."""
    channels, scales = layer.output.shape[-1], weights.quantization.scales
    need(channels <= 1 << 16, f"{channels} channels; up to 65536 are supported")
    need(
        len(scales) in (1, channels),
        f"1 or {channels} scales of the weights are expected, there are {len(scales)}",
    )
    need(bool((scales >= 0).all()), "a scale of the weights is negative")
    ratios = float(scale_of(source)) * scales.astype(np.float64) / float(scale_of(layer.output))
    ratios = ratios / int(layer.operator.options.get("divisor", 1))
    many = channels if len(scales) == 1 else 1
    if any(rounds_to_even(layer.operator, float(each)) for each in ratios):
        return requantize_fields(
            layer, [quantize_multiplier(float(each)) for each in ratios] * many
        ) | {"even": 1}
    pairs = (
        multipliers_rounded_once(ratios)
        if once
        else [multiplier_of(layer.operator, float(each)) for each in ratios]
    )
    return requantize_fields(layer, pairs * many)


def requantize_fields(layer: Layer, pairs: list[tuple[int, int]]) -> dict:
    need(all(-31 <= shift <= 30 for _, shift in pairs), "a ratio of scales is out of range")
    low, high = activation_range(layer.operator, layer.output)
    return {
        "multiplier": layer.constant("multiplier", np.array([m for m, _ in pairs], np.int32)),
        "shift": layer.constant("shift", np.array([s for _, s in pairs], np.int8)),
        "zero": zero_of(layer.output),
        "low": low,
        "high": high,
    }


def wrapped(sums: np.ndarray) -> np.ndarray:
    """In 32 bits, as the kernels add."""
    return sums.astype(np.int64).astype(np.uint32).view(np.int32)


def _window(layer: Layer, height: int, width: int) -> dict:
    """A ``pose_window``, of a convolution or of pooling."""
    options = layer.operator.options
    stride = (int(options["stride_h"]), int(options["stride_w"]))
    dilation = (int(options.get("dilation_h_factor", 1)), int(options.get("dilation_w_factor", 1)))
    need(min(*stride, *dilation, height, width) >= 1, "a stride, dilation or window of less than 1")
    pooling = "POOL" in layer.operator.name
    need(
        pooling or height <= MAX_TAPS, f"a window of {height} rows; up to {MAX_TAPS} are supported"
    )
    need(
        max(*stride, *dilation, height, width) <= 4096,
        "a stride, dilation or window of more than 4096",
    )
    pads = options.get("pads") or _same_padding(layer, (height, width), stride, dilation)
    return {
        "height": height,
        "width": width,
        "stride_y": stride[0],
        "stride_x": stride[1],
        "dilation_y": dilation[0],
        "dilation_x": dilation[1],
        "pad_y": pads[0],
        "pad_x": pads[1],
    }


def _same_padding(
    layer: Layer, window: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int]:
    """Rows and columns before the image: none for VALID; for SAME half of what is missing, the
    smaller half."""
    sizes, made = layer.input(0).shape[1:3], layer.output.shape[1:3]
    same, pads = layer.operator.options.get("padding") == "SAME", []
    for size, out, taps, step, apart in zip(sizes, made, window, stride, dilation):
        reach = (taps - 1) * apart + 1
        need(
            out == (-(-size // step) if same else (size - reach) // step + 1),
            f"an output of {out} rows or columns does not follow from {size}",
        )
        pads.append(max((out - 1) * step + reach - size, 0) // 2 if same else 0)
    return pads[0], pads[1]


def _conv(layer: Layer) -> None:
    source, weights, bias = _convolution(layer)
    channels, height, width, depth = weights.shape
    fields = {
        "in": image(layer, layer.operator.inputs[0]),
        "out": image(layer, layer.operator.outputs[0]),
    }
    need(depth == source.shape[3], f"groups: weights for {depth} of {source.shape[3]} channels")
    need(
        channels == layer.output.shape[3],
        f"weights for {channels} channels, the output has {layer.output.shape[3]}",
    )
    folded = bias - zero_of(source) * weights.data.reshape(channels, -1).astype(np.int64).sum(
        axis=1
    )
    fields |= {
        "window": _window(layer, height, width),
        "in_zero": zero_of(source),
        "scratch_bytes": layer.scratch[1],
        "weights": layer.constant("weights", whole_words(weights.data)),
        "bias": layer.constant("bias", wrapped(folded)),
        "scale": requantize(layer, source, weights),
    }
    _call(layer, "pose_conv", fields, f"AT(int8_t, {layer.scratch[0]})")


def whole_words(weights: np.ndarray) -> np.ndarray:
    """(output channels, multiple of 4): rows that are padded with zeros, as the kernels load four
    weights at a time."""
    rows = weights.reshape(len(weights), -1)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))


def _depthwise(layer: Layer) -> None:
    source, weights, bias = _convolution(layer)
    one, height, width, channels = weights.shape
    fields = {
        "in": image(layer, layer.operator.inputs[0]),
        "out": image(layer, layer.operator.outputs[0]),
    }
    need(
        one == 1 and channels == layer.output.shape[3] and channels % source.shape[3] == 0,
        f"weights of shape {weights.shape}",
    )
    fields |= {
        "window": _window(layer, height, width),
        "in_zero": zero_of(source),
        "multiplier": channels // source.shape[3],
        "weights": layer.constant("weights", weights.data),
        "bias": layer.constant("bias", wrapped(bias)),
        "scale": requantize(layer, source, weights),
    }
    _call(layer, "pose_depthwise", fields)


def _call(layer: Layer, function: str, fields: dict, *more: str) -> None:
    kind = {"pose_conv": "pose_conv_layer", "pose_depthwise": "pose_depthwise_layer"}.get(function)
    kind = kind or ("pose_pool_layer" if "pool" in function else "pose_resize_layer")
    source, output = layer.operator.inputs[0], layer.operator.outputs[0]
    layer.call(
        function, layer.struct(kind, fields), layer.address(source), layer.address(output), *more
    )


def _pool(layer: Layer) -> None:
    source, options = layer.input(0), layer.operator.options
    need_int8(source, layer.output)
    need_activation(layer.operator)
    fields = {
        "in": image(layer, layer.operator.inputs[0]),
        "out": image(layer, layer.operator.outputs[0]),
    }
    need(
        source.shape[3] == layer.output.shape[3],
        f"{source.shape[3]} channels in, {layer.output.shape[3]} out",
    )
    low, high = activation_range(layer.operator, layer.output)
    fields |= {
        "window": _window(layer, int(options["filter_height"]), int(options["filter_width"])),
        "low": low,
        "high": high,
    }
    _call(
        layer,
        "pose_max_pool" if layer.operator.name == "MAX_POOL_2D" else "pose_average_pool",
        fields,
    )


# ---------------------------------------------------------------- resizing


def _resize(layer: Layer) -> None:
    source = layer.input(0)
    need_int8(source, layer.output)
    fields = {
        "in": image(layer, layer.operator.inputs[0]),
        "out": image(layer, layer.operator.outputs[0]),
    }
    need(
        source.shape[3] == layer.output.shape[3],
        f"{source.shape[3]} channels in, {layer.output.shape[3]} out",
    )
    need(
        max(*source.shape[1:3], *layer.output.shape[1:3]) < 2**15,
        "an image of more than 32767 rows or columns",
    )
    bilinear = layer.operator.name == "RESIZE_BILINEAR"
    for axis, letter in ((1, "y"), (2, "x")):
        rule = (
            nearest_index
            if not bilinear
            else _between_exactly
            if is_from_onnx(layer.operator)
            else _between
        )
        first, second, share = rule(source.shape[axis], layer.output.shape[axis], layer.operator)
        for name, values in (("first", first), ("second", second), ("share", share)):
            fields[f"{name}_{letter}"] = (
                "NULL"
                if values is None
                else layer.constant(f"{name}_{letter}", values.astype(np.int16))
            )
    if bilinear and is_from_onnx(layer.operator):
        multiplier, shift = quantize_multiplier(
            float(scale_of(source)) / float(scale_of(layer.output)) / 2**20
        )
        fields |= {
            "in_zero": zero_of(source),
            "zero": zero_of(layer.output),
            "multiplier": multiplier,
            "shift": shift,
        }
    _call(layer, "pose_resize_bilinear" if bilinear else "pose_resize_nearest", fields)


def _between(size: int, made: int, operator: Operator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each output row or column the two inputs, and the share of the second in 1/1024."""
    corners = operator.options.get("align_corners") and made > 1
    ratio = (
        (((size - 1) << 10) + (made - 1) // 2) // (made - 1)
        if corners
        else ((size << 10) + made // 2) // made
    )
    place = np.arange(made, dtype=np.int64) * ratio
    if operator.options.get("half_pixel_centers"):
        place += ratio // 2 - (1 << 9)
    first = np.maximum(place >> 10, 0)
    second = np.minimum((place + 1023) >> 10, size - 1)
    return first.clip(0, size - 1), second.clip(0), place - (first << 10)


def _between_exactly(
    size: int, made: int, operator: Operator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As :func:`_between` for ONNX's coordinate_transformation_mode, each share rounded by
    itself."""
    x = np.arange(made)
    place = {
        "half_pixel": (x + 0.5) * size / made - 0.5,
        "asymmetric": x * size / made,
        "align_corners": x * (size - 1) / max(made - 1, 1),
    }[str(operator.options["centers"])].clip(0, size - 1)
    first = np.floor(place).astype(np.int64)
    return first, np.minimum(first + 1, size - 1), np.rint((place - first) * 1024).astype(np.int64)


def nearest_index(size: int, made: int, operator: Operator) -> tuple[np.ndarray, None, None]:
    """For each output row or column the input, found in 32-bit floats."""
    corners, centers = (
        operator.options.get("align_corners"),
        operator.options.get("half_pixel_centers"),
    )
    ratio = (
        np.float32(size - 1) / np.float32(made - 1)
        if corners and made > 1
        else np.float32(size) / np.float32(made)
    )
    place = (np.arange(made, dtype=np.float32) + np.float32(0.5 if centers else 0)) * ratio
    index = np.floor(place + np.float32(0.5)) if corners else np.floor(place)
    return index.clip(0, size - 1), None, None


WINDOWS = {
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "MAX_POOL_2D": _pool,
    "AVERAGE_POOL_2D": _pool,
    "RESIZE_BILINEAR": _resize,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
}
