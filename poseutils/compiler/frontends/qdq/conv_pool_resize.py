"""ONNX operators on images: convolutions, pooling, resizing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...attributes import Conv2D, DepthwiseConv2D, Pool2D, Resize
from ...graph import Quantization
from ...reference.resizing import nearest_index
from ...unsupported import Unsupported, a, known, need
from .data_movement import moved
from .dense import sums_of
from .onnx_operator import Converter, OnnxOperator
from .values import (
    IMAGE,
    Constant,
    Deferred,
    Quantized,
    Stored,
    Value,
    Wanted,
    Weights,
    quantization,
)

# ---------------------------------------------------------------- images, and rows as images


def _as_image(shape: tuple[int, ...]) -> tuple[int, ...]:
    """N×C×H×W; of a row of N×C×L values an image of one row."""
    need(
        len(shape) in (3, 4),
        f"an input of shape {shape}; images of N×C×H×W and rows of N×C×L are supported",
    )
    return shape if len(shape) == 4 else (*shape[:2], 1, shape[2])


_EACH = {"kernel_shape": 1, "strides": 1, "dilations": 1, "pads": 0}
"""Options with a number for each dimension, and the number for that of one row."""


def _image_options(op: OnnxOperator) -> dict[str, Any]:
    """The options as of an image."""
    options = dict(op.options)
    for name, own in _EACH.items():
        given = [int(n) for n in options.get(name, ())]
        if len(given) == (2 if name == "pads" else 1):
            options[name] = [n for value in given for n in (own, value)]
    return options


def _source(op: OnnxOperator, stored: Stored) -> Stored:
    """What an operator reads, as an image, channels last."""
    shape = op.builder.shape(stored)
    if len(shape) != 4:
        stored = op.builder.reshaped(stored, _as_image(shape))
    return op.builder.arranged(stored, IMAGE)


def _result(op: OnnxOperator, image: Stored) -> Stored:
    """An image that was written, in the file's shape."""
    return image if len(op.shape) == 4 else op.builder.reshaped(image, op.shape)


# ---------------------------------------------------------------- convolution


def _convolution(op: OnnxOperator) -> Value:
    source, scaled = op.builder.operand(op.value())
    weights = _filter(op)
    window = _window(op, weights.integers.shape[2:])
    bias = _bias(op, weights.integers.shape[0], scaled, weights.quantization)
    return Deferred(partial(_convolved, op, _source(op, source), weights, bias, window))


def _filter(op: OnnxOperator) -> Weights:
    """The weights, (OC, IC / groups, KH, KW)."""
    reason = "weights that are not constants of 8 bits"
    weights = known(a(Constant, op.value(1), reason).weights, reason)
    if weights.integers.ndim == 3:
        weights = replace(weights, integers=weights.integers[:, :, None])
    integers, scaled = weights.integers, weights.quantization
    need(
        integers.dtype == np.int8 and integers.ndim == 4,
        f"weights of {integers.dtype} and {integers.ndim} dimensions",
    )
    symmetric = not scaled.zero_points.any()
    need(symmetric, "weights that are not symmetric (their zero points are not 0)")
    need(scaled.scales.size == 1 or scaled.axis == 0, "a scale for each input channel")
    groups, channels = int(op.options.get("group", 1)), op.input_shape[1]
    depth = integers.shape[1]
    need(
        depth * groups == channels,
        f"weights for {depth} channels in {groups} groups; the input has {channels}",
    )
    need(
        groups == 1 or depth == 1,
        f"{groups} groups of {depth} channels; one group, or groups of one channel, are supported",
    )
    return weights


def _convolved(
    op: OnnxOperator,
    source: Stored,
    weights: Weights,
    bias: np.ndarray,
    window: Conv2D,
    wanted: Wanted,
) -> Quantized:
    window = replace(window, activation=wanted.activation)
    name, layout, axis = "CONV_2D", (0, 2, 3, 1), 0
    if int(op.options.get("group", 1)) > 1:
        window = DepthwiseConv2D(**vars(window))
        name, layout, axis = "DEPTHWISE_CONV_2D", (1, 2, 3, 0), 3
    matrix = weights.integers.transpose(layout)
    inputs = [
        source.tensor,
        op.builder.constant(
            f"{wanted.name}/weights", matrix, replace(weights.quantization, axis=axis)
        ),
        op.builder.constant(f"{wanted.name}/bias", bias),
    ]
    return _image(op, name, inputs, wanted, window)


def _image(
    op: OnnxOperator, name: str, inputs: list[int], wanted: Wanted, window: Conv2D
) -> Quantized:
    made = op.builder.result(name, inputs, wanted, _as_image(op.shape), IMAGE, window)
    return wanted.quantized(_result(op, made))


def _bias(op: OnnxOperator, count: int, scaled: Quantization, weights: Quantization) -> np.ndarray:
    """The third input in the scale of the sums; zeros where there is none."""
    if not op.has(2):
        return np.zeros(count, np.int32)
    reason = f"a bias that is not {count} constants"
    bias = a(Constant, op.value(2), reason)
    need(bias.values.shape == (count,), reason)
    return sums_of(bias, scaled, weights)


def _window(op: OnnxOperator, taps: tuple[int, ...]) -> Conv2D:
    """Strides, dilations and margins, checked against the size of the output."""
    options, image, made = _image_options(op), _as_image(op.input_shape), _as_image(op.shape)
    need(len(taps) == 2, f"a window of {len(taps)} dimensions")
    shape = options.get("kernel_shape", taps)
    need(list(shape) == list(taps), f"a kernel_shape of {shape} for weights of {taps}")
    strides, dilations = (
        [int(n) for n in options.get(name, (1, 1))] for name in ("strides", "dilations")
    )
    reach = [(tap - 1) * apart + 1 for tap, apart in zip(taps, dilations)]
    pads = _margins(options, image[2:], made[2:], strides, reach)
    return Conv2D(
        stride=(strides[0], strides[1]),
        dilation=(dilations[0], dilations[1]),
        padding="EXPLICIT" if any(pads) else "VALID",
        pads=(pads[0], pads[1]),
    )


def _margins(
    options: dict[str, Any],
    size: tuple[int, ...],
    made: tuple[int, ...],
    strides: list[int],
    reach: list[int],
) -> list[int]:
    """Rows and columns before the image, then those after it."""
    automatic = options.get("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        missing = [
            max((out - 1) * step + far - n, 0)
            for out, step, far, n in zip(made, strides, reach, size)
        ]
        half = [n // 2 if automatic == "SAME_UPPER" else n - n // 2 for n in missing]
        return half + [n - h for n, h in zip(missing, half)]
    pads = [0] * 4 if automatic == "VALID" else [int(n) for n in options.get("pads", (0, 0, 0, 0))]
    need(len(pads) == 4 and min(pads) >= 0, f"margins of {pads}")
    rounding = int(options.get("ceil_mode", 0))
    for n, before, after, far, step, out in zip(size, pads[:2], pads[2:], reach, strides, made):
        fits = (n + before + after - far) // step + 1
        possible = fits <= out <= fits + rounding and before < far and after < far
        need(possible, f"an output of {made} from {size}")
    return pads


# ---------------------------------------------------------------- pooling


def _max_pool(op: OnnxOperator) -> Value:
    need(len([t for t in op.node.outputs if t >= 0]) == 1, "with indices")
    pool = partial(_pooled, op, window=_pooling(op))
    return moved(op.builder, op.value(), pool, increasing=True)


def _average_pool(op: OnnxOperator) -> Value:
    """Each channel's convolution with a window of ones."""
    window = _pooling(op)
    need(
        window.padding == "VALID" or bool(op.options.get("count_include_pad", 0)),
        "pads that are not counted in the mean (count_include_pad=0); pads of 0, or "
        "count_include_pad=1, are supported",
    )
    need(
        not op.options.get("ceil_mode", 0),
        "a window that reaches over the edge (ceil_mode=1); ceil_mode=0 is supported",
    )
    source = _source(op, op.builder.operand(op.value())[0])
    return Deferred(partial(_averaged, op, source, window))


def _averaged(op: OnnxOperator, source: Stored, window: Pool2D, wanted: Wanted) -> Quantized:
    channels, (height, width) = op.shape[1], window.size
    ones = np.ones((1, height, width, channels), np.int8)
    inputs = [
        source.tensor,
        op.builder.constant(f"{wanted.name}/ones", ones, quantization(1, 0)),
        op.builder.constant(f"{wanted.name}/bias", np.zeros(channels, np.int32)),
    ]
    made = DepthwiseConv2D(wanted.activation, window.stride, window.padding, window.pads)
    return _image(op, "DEPTHWISE_CONV_2D", inputs, wanted, replace(made, divisor=height * width))


def _pooling(op: OnnxOperator) -> Pool2D:
    taps = [int(n) for n in _image_options(op)["kernel_shape"]]
    need(len(taps) == 2, f"a window of {len(taps)} dimensions")
    height, width = taps
    need(all(n == 1 for n in op.options.get("dilations", (1, 1))), "dilations")
    window = _window(op, (height, width))
    return Pool2D("NONE", window.stride, window.padding, window.pads, (height, width))


def _pooled(op: OnnxOperator, stored: Stored, window: Pool2D) -> Stored:
    made = _like(op, "MAX_POOL_2D", _source(op, stored), f"{op.name}/pooled", window)
    return _result(op, made)


def _like(
    op: OnnxOperator, name: str, source: Stored, result: str, attributes: Pool2D | Resize
) -> Stored:
    """An operator on an image whose result has the image's type and scale."""
    shape = _as_image(op.shape)
    output = op.builder.like(source, result, tuple(shape[d] for d in IMAGE))
    return Stored(op.builder.emit(name, [source.tensor], output, attributes), IMAGE)


def _mean(op: OnnxOperator) -> Value:
    """Over rows and columns, or over the one row that there is."""
    value, rank = op.value(), len(op.input_shape)
    places = list(range(2, rank))
    axes = op.numbers(1, "axes") if op.kind == "ReduceMean" else np.array(places)
    every = axes is not None and sorted(int(a) % rank for a in axes.flat) == places
    need(rank in (3, 4) and every, "over other than rows and columns")
    source = _source(op, op.builder.operand(value)[0])
    return Deferred(partial(_mean_quantized, op, source), fuses=False)


def _mean_quantized(op: OnnxOperator, source: Stored, wanted: Wanted) -> Quantized:
    builder, shape = op.builder, (1, 1, 1, op.builder.shape(source)[1])
    output = builder.activation(wanted.name, shape, "int8", wanted.quantization)
    axes = builder.constant("axes", np.array([1, 2], np.int32))
    builder.emit("MEAN", [source.tensor, axes], output)
    return wanted.quantized(builder.reshaped(Stored(output, IMAGE), op.shape))


# ---------------------------------------------------------------- resizing

_CENTERS = {
    "half_pixel": Resize(half_pixel_centers=True),
    "align_corners": Resize(align_corners=True),
    "asymmetric": Resize(),
}


def _resize(op: OnnxOperator) -> Value:
    image, made = op.input_shape, op.shape
    need(
        len(image) == 4 and image[:2] == made[:2],
        f"{image} to {made}; rows and columns can be resized",
    )
    special = op.options.get("antialias") or op.options.get("exclude_outside")
    need(not special, "antialias or exclude_outside")
    mode = op.options.get("mode", "nearest")
    need(mode in ("nearest", "linear"), f"the mode {mode}; nearest and linear are supported")
    usual = "asymmetric" if op.kind == "Upsample" else "half_pixel"
    centers = op.options.get("coordinate_transformation_mode", usual)
    if mode == "nearest":
        found = _nearest(op, centers)
        return moved(op.builder, op.value(), partial(_resized, op, resize=found))
    centers = "half_pixel" if centers == "pytorch_half_pixel" and min(made[2:]) > 1 else centers
    _check_centers(centers, _CENTERS)
    _check_scales(op)
    source = op.builder.arranged(op.builder.operand(op.value())[0], IMAGE)
    return Deferred(partial(_linear_quantized, op, source, _CENTERS[centers]), fuses=False)


def _check_centers(centers: str, supported: Collection[str]) -> None:
    need(
        centers in supported,
        f"the coordinate_transformation_mode {centers}; {', '.join(supported)} are supported",
    )


def _linear_quantized(
    op: OnnxOperator, source: Stored, resize: Resize, wanted: Wanted
) -> Quantized:
    return wanted.quantized(
        op.builder.result("RESIZE_BILINEAR", [source.tensor], wanted, op.shape, IMAGE, resize)
    )


def _check_scales(op: OnnxOperator) -> None:
    """Scales that are given, and are not just how much larger the output is, put the pixels
    elsewhere."""
    scales = op.numbers(1 if op.kind == "Upsample" else 2, "scales")
    if scales is not None and scales.size:
        expected = zip(op.input_shape[2:], scales.reshape(-1)[-2:].tolist(), op.shape[2:])
        need(all(abs(n * s - m) < 1e-3 for n, s, m in expected), f"by {scales.tolist()}")


def _nearest(op: OnnxOperator, centers: str) -> Resize:
    """The attributes by which the kernel takes the very rows and columns that ONNX does."""
    rounding = op.options.get("nearest_mode", "round_prefer_floor")
    size, made = op.input_shape[2:], op.shape[2:]
    wanted = [_wanted_index(n, m, centers, rounding) for n, m in zip(size, made)]
    for resize in _CENTERS.values():
        taken = [nearest_index(n, m, resize)[0].astype(int) for n, m in zip(size, made)]
        if all(map(np.array_equal, taken, wanted)):
            return resize
    raise Unsupported(f"nearest from {size} to {made} with {centers} and {rounding}")


def _wanted_index(size: int, made: int, centers: str, rounding: str) -> np.ndarray:
    x = np.arange(made)
    places = {
        "half_pixel": (x + 0.5) * size / made - 0.5,
        "pytorch_half_pixel": (x + 0.5) * size / made - 0.5 if made > 1 else x * 0.0,
        "asymmetric": x * size / made,
        "align_corners": x * (size - 1) / max(made - 1, 1),
    }
    _check_centers(centers, places)
    rounded = {
        "round_prefer_floor": np.ceil(places[centers] - 0.5),
        "round_prefer_ceil": np.floor(places[centers] + 0.5),
        "floor": np.floor(places[centers]),
        "ceil": np.ceil(places[centers]),
    }
    need(rounding in rounded, f"the nearest_mode {rounding}")
    return rounded[rounding].clip(0, size - 1).astype(int)


def _resized(op: OnnxOperator, stored: Stored, resize: Resize) -> Stored:
    source = op.builder.arranged(stored, IMAGE)
    return _like(op, "RESIZE_NEAREST_NEIGHBOR", source, f"{op.name}/resized", resize)


WINDOWS: dict[str, Converter] = {
    "Conv": _convolution,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _mean,
    "ReduceMean": _mean,
    "Resize": _resize,
    "Upsample": _resize,
}
