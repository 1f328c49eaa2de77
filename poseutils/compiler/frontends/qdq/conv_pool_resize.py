"""ONNX operators on images: convolutions, pooling, resizing."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...attributes import Conv2D, DepthwiseConv2D, Pool2D, Resize
from ...graph import Quantization
from ...lowering.resize import nearest_index
from ...unsupported import Unsupported, a, known, need
from ..onnx import Node
from .conversion import Conversion
from .data_movement import moved
from .values import IMAGE, Constant, Pending, Steps, Stored, Value, Weights, quantization

# ---------------------------------------------------------------- images, and rows as images


def _as_image(shape: tuple[int, ...]) -> tuple[int, ...]:
    """N×C×H×W; of a row of N×C×L values an image of one row."""
    need(
        len(shape) in (3, 4),
        f"an input of shape {shape}; images of N×C×H×W and rows of N×C×L are supported",
    )
    return shape if len(shape) == 4 else (*shape[:2], 1, shape[2])


def _shapes(conversion: Conversion, node: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the input and of the output, both as images."""
    return _as_image(conversion.graph.tensors[node.inputs[0]].shape), _as_image(
        conversion.output(node).shape
    )


_EACH = {"kernel_shape": 1, "strides": 1, "dilations": 1, "pads": 0}
"""Options with a number for each dimension, and the number for that of one row."""


def _image_options(node: Node) -> dict[str, Any]:
    """The options as of an image."""
    options = dict(node.options)
    for name, own in _EACH.items():
        given = [int(n) for n in options.get(name, ())]
        if len(given) == (2 if name == "pads" else 1):
            options[name] = [n for value in given for n in (own, value)]
    return options


def _source(conversion: Conversion, stored: Stored) -> Stored:
    """What an operator reads, as an image, channels last."""
    builder = conversion.builder
    shape = builder.shape(stored)
    return builder.arranged(
        stored if len(shape) == 4 else builder.reshaped(stored, _as_image(shape)), IMAGE
    )


def _result(conversion: Conversion, node: Node, output: int) -> Stored:
    """An image that was written, in the file's shape."""
    shape, stored = conversion.output(node).shape, Stored(output, IMAGE)
    return stored if len(shape) == 4 else conversion.builder.reshaped(stored, shape)


# ---------------------------------------------------------------- convolution


def _convolution(conversion: Conversion, node: Node) -> list[Value]:
    source, scaled = conversion.builder.operand(conversion.value(node, 0))
    weights = _filter(conversion, node)
    window = _window(conversion, node, weights.integers.shape[2:])
    bias = _bias(conversion, node, weights.integers.shape[0], scaled, weights.quantization)
    source = _source(conversion, source)
    return [Pending(partial(_convolution_steps, conversion, node, source, weights, bias, window))]


def _filter(conversion: Conversion, node: Node) -> Weights:
    """The weights, (OC, IC / groups, KH, KW)."""
    reason = "weights that are not constants of 8 bits"
    weights = known(a(Constant, conversion.value(node, 1), reason).weights, reason)
    if weights.integers.ndim == 3:
        weights = replace(weights, integers=weights.integers[:, :, None])
    integers, scaled = weights.integers, weights.quantization
    need(
        integers.dtype == np.int8 and integers.ndim == 4,
        f"weights of {integers.dtype} and {integers.ndim} dimensions",
    )
    need(
        not scaled.zero_points.any(), "weights that are not symmetric (their zero points are not 0)"
    )
    need(scaled.scales.size == 1 or scaled.axis == 0, "a scale for each input channel")
    groups, channels = (
        int(node.options.get("group", 1)),
        conversion.graph.tensors[node.inputs[0]].shape[1],
    )
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


def _convolution_steps(
    conversion: Conversion,
    node: Node,
    source: Stored,
    weights: Weights,
    bias: np.ndarray,
    window: Conv2D,
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    builder, shape = conversion.builder, _shapes(conversion, node)[1]
    depthwise = int(node.options.get("group", 1)) > 1
    layout, axis = ((1, 2, 3, 0), 3) if depthwise else ((0, 2, 3, 1), 0)
    matrix = builder.constant(
        f"{name}/weights",
        weights.integers.transpose(layout),
        replace(weights.quantization, axis=axis),
    )
    inputs = [source.tensor, matrix, builder.constant(f"{name}/bias", bias)]
    output = builder.activation(name, tuple(shape[d] for d in IMAGE), "int8", to)
    made = replace(window, activation=activation)
    if depthwise:
        builder.emit("DEPTHWISE_CONV_2D", inputs, output, DepthwiseConv2D(**vars(made)))
    else:
        builder.emit("CONV_2D", inputs, output, made)
    return Steps(name, to, _result(conversion, node, output))


def _bias(
    conversion: Conversion,
    node: Node,
    count: int,
    scaled: Quantization,
    weights: Quantization,
) -> np.ndarray:
    """The third input in the scale of the sums, that of the input times that of the weights; zeros
    where there is none."""
    if not conversion.has(node, 2):
        return np.zeros(count, np.int32)
    reason = f"a bias that is not {count} constants"
    bias = a(Constant, conversion.value(node, 2), reason)
    need(bias.values.shape == (count,), reason)
    return sums_of(bias, scaled, weights)


def sums_of(bias: Constant, scaled: Quantization, weights: Quantization) -> np.ndarray:
    """A bias in the scale of the sums of products."""
    real = bias.values.astype(np.float64)
    if bias.weights is not None:
        own = bias.weights.quantization
        real = (bias.weights.integers - own.zero_points) * own.scales.astype(np.float64)
    sums = np.rint(real / (float(scaled.scales[0]) * weights.scales.astype(np.float64)))
    need(
        bool(np.isfinite(sums).all() and (np.abs(sums) < 2**31).all()),
        "a bias that does not go into 32 bits",
    )
    return sums.astype(np.int32)


def _window(conversion: Conversion, node: Node, taps: tuple[int, ...]) -> Conv2D:
    """Strides, dilations and margins, checked against the size of the output."""
    options, (image, made) = _image_options(node), _shapes(conversion, node)
    need(len(taps) == 2, f"a window of {len(taps)} dimensions")
    need(
        list(options.get("kernel_shape", taps)) == list(taps),
        f"a kernel_shape of {options.get('kernel_shape')} for weights of {taps}",
    )
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
        need(
            fits <= out <= fits + rounding and before < far and after < far,
            f"an output of {made} from {size}",
        )
    return pads


# ---------------------------------------------------------------- pooling


def _max_pool(conversion: Conversion, node: Node) -> list[Value]:
    need(len([t for t in node.outputs if t >= 0]) == 1, "with indices")
    pool = partial(_pooled, conversion, node, window=_pooling(conversion, node))
    return [moved(conversion.builder, conversion.value(node, 0), pool, increasing=True)]


def _average_pool(conversion: Conversion, node: Node) -> list[Value]:
    """Each channel's convolution with a window of ones."""
    window = _pooling(conversion, node)
    counted = window.padding == "VALID" or node.options.get("count_include_pad", 0)
    need(
        bool(counted),
        "pads that are not counted in the mean (count_include_pad=0); pads of 0, or "
        "count_include_pad=1, are supported",
    )
    need(
        not node.options.get("ceil_mode", 0),
        "a window that reaches over the edge (ceil_mode=1); ceil_mode=0 is supported",
    )
    source, _ = conversion.builder.operand(conversion.value(node, 0))
    return [Pending(partial(_average_steps, conversion, node, _source(conversion, source), window))]


def _average_steps(
    conversion: Conversion,
    node: Node,
    source: Stored,
    window: Pool2D,
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    builder, shape = conversion.builder, _shapes(conversion, node)[1]
    height, width = window.size
    ones = builder.constant(
        f"{name}/ones", np.ones((1, height, width, shape[1]), np.int8), quantization(1, 0)
    )
    bias = builder.constant(f"{name}/bias", np.zeros(shape[1], np.int32))
    output = builder.activation(name, tuple(shape[d] for d in IMAGE), "int8", to)
    made = DepthwiseConv2D(activation, window.stride, window.padding, window.pads)
    made = replace(made, divisor=height * width)
    builder.emit("DEPTHWISE_CONV_2D", [source.tensor, ones, bias], output, made)
    return Steps(name, to, _result(conversion, node, output))


def _pooling(conversion: Conversion, node: Node) -> Pool2D:
    taps = [int(n) for n in _image_options(node)["kernel_shape"]]
    need(len(taps) == 2, f"a window of {len(taps)} dimensions")
    height, width = taps
    need(all(n == 1 for n in node.options.get("dilations", (1, 1))), "dilations")
    window = _window(conversion, node, (height, width))
    return Pool2D("NONE", window.stride, window.padding, window.pads, (height, width))


def _pooled(conversion: Conversion, node: Node, stored: Stored, window: Pool2D) -> Stored:
    builder, shape = conversion.builder, _shapes(conversion, node)[1]
    source = _source(conversion, stored)
    output = builder.like(
        source, f"{conversion.output(node).name}/pooled", tuple(shape[d] for d in IMAGE)
    )
    return _result(conversion, node, builder.emit("MAX_POOL_2D", [source.tensor], output, window))


def _mean(conversion: Conversion, node: Node) -> list[Value]:
    """Over rows and columns, or over the one row that there is."""
    value, rank = (
        conversion.value(node, 0),
        len(conversion.graph.tensors[node.inputs[0]].shape),
    )
    places = list(range(2, rank))
    axes = conversion.numbers(node, 1, "axes") if node.name == "ReduceMean" else np.array(places)
    every = axes is not None and sorted(int(a) % rank for a in axes.flat) == places
    need(rank in (3, 4) and every, "over other than rows and columns")
    source = _source(conversion, conversion.builder.operand(value)[0])
    return [Pending(partial(_mean_steps, conversion, node, source), fuses=False)]


def _mean_steps(
    conversion: Conversion,
    node: Node,
    source: Stored,
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    builder, channels = conversion.builder, conversion.builder.shape(source)[1]
    output = builder.activation(name, (1, 1, 1, channels), "int8", to)
    axes = builder.constant("axes", np.array([1, 2], np.int32))
    builder.emit("MEAN", [source.tensor, axes], output)
    return Steps(name, to, builder.reshaped(Stored(output, IMAGE), conversion.output(node).shape))


# ---------------------------------------------------------------- resizing


def _resize(conversion: Conversion, node: Node) -> list[Value]:
    image, made = (
        conversion.graph.tensors[node.inputs[0]].shape,
        conversion.output(node).shape,
    )
    need(
        len(image) == 4 and image[:2] == made[:2],
        f"{image} to {made}; rows and columns can be resized",
    )
    need(
        not node.options.get("antialias") and not node.options.get("exclude_outside"),
        "antialias or exclude_outside",
    )
    mode = node.options.get("mode", "nearest")
    need(mode in ("nearest", "linear"), f"the mode {mode}; nearest and linear are supported")
    centers = node.options.get(
        "coordinate_transformation_mode",
        "asymmetric" if node.name == "Upsample" else "half_pixel",
    )
    if mode == "nearest":
        found = _nearest(node, image[2:], made[2:], centers)
        resize = partial(_resized, conversion, node, resize=found)
        return [moved(conversion.builder, conversion.value(node, 0), resize)]
    centers = "half_pixel" if centers == "pytorch_half_pixel" and min(made[2:]) > 1 else centers
    need(
        centers in _CENTERS,
        f"the coordinate_transformation_mode {centers}; {', '.join(_CENTERS)} are supported",
    )
    _check_scales(conversion, node, image[2:], made[2:])
    source = conversion.builder.arranged(
        conversion.builder.operand(conversion.value(node, 0))[0], IMAGE
    )
    return [Pending(partial(_linear_steps, conversion, node, source, centers), fuses=False)]


_CENTERS = {
    "half_pixel": Resize(half_pixel_centers=True),
    "align_corners": Resize(align_corners=True),
    "asymmetric": Resize(),
}


def _linear_steps(
    conversion: Conversion,
    node: Node,
    source: Stored,
    centers: str,
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    shape = conversion.output(node).shape
    output = conversion.builder.activation(name, tuple(shape[d] for d in IMAGE), "int8", to)
    return Steps(
        name,
        to,
        Stored(
            conversion.builder.emit("RESIZE_BILINEAR", [source.tensor], output, _CENTERS[centers]),
            IMAGE,
        ),
    )


def _check_scales(
    conversion: Conversion, node: Node, size: tuple[int, ...], made: tuple[int, ...]
) -> None:
    """Scales that are given, and are not just how much larger the output is, put the pixels
    elsewhere."""
    number = 1 if node.name == "Upsample" else 2
    scales = conversion.numbers(node, number, "scales")
    if scales is not None and scales.size:
        need(
            all(
                abs(n * s - m) < 1e-3
                for n, s, m in zip(size, scales.reshape(-1)[-2:].tolist(), made)
            ),
            f"by {scales.tolist()}",
        )


def _nearest(node: Node, size: tuple[int, ...], made: tuple[int, ...], centers: str) -> Resize:
    """The attributes by which the kernel takes the very rows and columns that ONNX does."""
    wanted = [
        _wanted_index(n, m, centers, node.options.get("nearest_mode", "round_prefer_floor"))
        for n, m in zip(size, made)
    ]
    for resize in _CENTERS.values():
        if all(
            np.array_equal(_kernel_index(n, m, resize), index)
            for n, m, index in zip(size, made, wanted)
        ):
            return resize
    raise Unsupported(
        f"nearest from {size} to {made} with {centers} and "
        f"{node.options.get('nearest_mode', 'round_prefer_floor')}",
    )


def _wanted_index(size: int, made: int, centers: str, rounding: str) -> np.ndarray:
    x = np.arange(made)
    places = {
        "half_pixel": (x + 0.5) * size / made - 0.5,
        "pytorch_half_pixel": (x + 0.5) * size / made - 0.5 if made > 1 else x * 0.0,
        "asymmetric": x * size / made,
        "align_corners": x * (size - 1) / max(made - 1, 1),
    }
    need(
        centers in places,
        f"the coordinate_transformation_mode {centers}; {', '.join(places)} are supported",
    )
    rounded = {
        "round_prefer_floor": np.ceil(places[centers] - 0.5),
        "round_prefer_ceil": np.floor(places[centers] + 0.5),
        "floor": np.floor(places[centers]),
        "ceil": np.ceil(places[centers]),
    }
    need(rounding in rounded, f"the nearest_mode {rounding}")
    return rounded[rounding].clip(0, size - 1).astype(int)


def _kernel_index(size: int, made: int, resize: Resize) -> np.ndarray:
    """The rule of ``RESIZE_NEAREST_NEIGHBOR``."""
    return nearest_index(size, made, resize)[0].astype(int)


def _resized(conversion: Conversion, node: Node, stored: Stored, resize: Resize) -> Stored:
    builder, shape = conversion.builder, conversion.output(node).shape
    source = builder.arranged(stored, IMAGE)
    output = builder.like(
        source, f"{conversion.output(node).name}/resized", tuple(shape[d] for d in IMAGE)
    )
    return Stored(builder.emit("RESIZE_NEAREST_NEIGHBOR", [source.tensor], output, resize), IMAGE)


WINDOWS = {
    "Conv": _convolution,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _mean,
    "ReduceMean": _mean,
    "Resize": _resize,
    "Upsample": _resize,
}
