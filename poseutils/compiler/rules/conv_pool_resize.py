"""Convolutions, pooling and resizing."""

from __future__ import annotations

from ..graph import Tensor
from .case import Case, Rule

_BIAS = {
    "int8": ("int32",),
    "uint8": ("int32",),
    "int16": ("int32", "int64"),
    "float32": ("float32",),
}
_STRIDES = ("padding", "stride_h", "stride_w")


def reach(case: Case, size: int, taps: int, axis: str, dilated: bool = True) -> int:
    """How many places a window has along an axis, by the options."""
    stride = case.number(f"stride_{axis}", 1)
    dilation = case.number(f"dilation_{axis}_factor", 1) if dilated else 1
    wide = (taps - 1) * dilation + 1
    made = (
        -(-size // stride)
        if case.operator.options["padding"] == "SAME"
        else (size - wide) // stride + 1
    )
    case.expect(made >= 1, f"a window that reaches over {wide} of {size} rows or columns")
    return made


def check_bias(case: Case, number: int, channels: int, data: Tensor) -> None:
    bias = case.input(number)
    if bias is None:
        return
    case.expect(
        bias.elements == channels,
        f"the bias {bias.name!r} of shape {bias.shape}; {channels} values are expected",
    )
    known = _BIAS.get(data.dtype, (bias.dtype,))
    case.expect(
        bias.dtype in known,
        f"the bias {bias.name!r} of {bias.dtype} with data of {data.dtype}; {' or '.join(known)} "
        "is expected",
    )


def check_filter(case: Case, weights: Tensor, data: Tensor, channels: int, axis: int) -> None:
    """Types go together, and there is one scale, or one a channel along a dimension that has as
    many."""
    kinds = {
        "uint8": ("uint8",),
        "int8": ("int8", "int4"),
        "int16": ("int8",),
        "float32": ("float32", "int8", "uint8", "int4"),
    }
    known = kinds.get(data.dtype, (weights.dtype,))
    case.expect(
        weights.dtype in known,
        f"weights {weights.name!r} of {weights.dtype} with data of {data.dtype}",
    )
    made = weights.quantization
    if made is None:
        quantized = data.dtype in ("int8", "uint8", "int16")
        case.expect(not quantized, f"weights {weights.name!r} without a scale")
        return
    along = 0 <= made.axis < len(weights.shape) and weights.shape[made.axis] == channels
    case.expect(
        len(made.scales) == 1 or (len(made.scales) == channels and along),
        f"weights {weights.name!r} of shape {weights.shape} with {len(made.scales)} scales along "
        f"dimension {made.axis}; "
        f"1, or {channels} along dimension {axis}, are expected",
    )


def _convolution(case: Case):
    data, weights = case.input(0), case.input(1)
    case.expect_rank(data, 4)
    case.expect_rank(weights, 4)
    case.expect_same_type(data, case.outputs[0])
    channels, height, width, depth = weights.shape
    groups = data.shape[3] // depth
    case.expect(
        data.shape[3] % depth == 0 and channels % groups == 0,
        f"a filter of shape {weights.shape} on data of shape {data.shape}",
    )
    check_filter(case, weights, data, channels, 0)
    check_bias(case, 2, channels, data)
    return [
        (
            data.shape[0],
            reach(case, data.shape[1], height, "h"),
            reach(case, data.shape[2], width, "w"),
            channels,
        )
    ]


def _depthwise(case: Case):
    data, weights = case.input(0), case.input(1)
    case.expect_rank(data, 4)
    case.expect_rank(weights, 4)
    case.expect_same_type(data, case.outputs[0])
    one, height, width, channels = weights.shape
    case.expect(
        one == 1 and channels % data.shape[3] == 0,
        f"a filter of shape {weights.shape} on data of shape {data.shape}",
    )
    check_filter(case, weights, data, channels, 3)
    check_bias(case, 2, channels, data)
    return [
        (
            data.shape[0],
            reach(case, data.shape[1], height, "h"),
            reach(case, data.shape[2], width, "w"),
            channels,
        )
    ]


def _transposed(case: Case):
    """The shape of the output is an input."""
    weights, data = case.input(1), case.input(2)
    case.expect_rank(data, 4)
    case.expect_rank(weights, 4)
    case.expect_same_type(data, case.outputs[0])
    channels, height, width, depth = weights.shape
    case.expect(
        depth == data.shape[3], f"a filter of shape {weights.shape} on data of shape {data.shape}"
    )
    check_filter(case, weights, data, channels, 0)
    check_bias(case, 3, channels, data)
    shape = case.integers(0, "the output's shape")
    if shape is None:
        return None
    case.expect(
        len(shape) == 4 and int(shape.min()) >= 1,
        f"the output's shape {shape.tolist()}; four sizes are expected",
    )
    made = [int(n) for n in shape]
    case.expect(
        made[0] == data.shape[0] and made[3] == channels,
        f"an output of shape {made} from data of shape {data.shape} by a filter of shape "
        f"{weights.shape}",
    )
    for name in ("stride_h", "stride_w"):
        case.number(name, 1)
    return [made]


def _pooling(case: Case):
    data = case.input(0)
    case.expect_rank(data, 4)
    case.expect_same_type(data, case.outputs[0])
    taps = case.number("filter_height", 1), case.number("filter_width", 1)
    sizes = (
        reach(case, data.shape[1], taps[0], "h", False),
        reach(case, data.shape[2], taps[1], "w", False),
    )
    return [(data.shape[0], *sizes, data.shape[3])]


def _resize(case: Case):
    data = case.input(0)
    case.expect_rank(data, 4)
    case.expect_same_type(data, case.outputs[0])
    both = case.operator.options.get("align_corners") and case.operator.options.get(
        "half_pixel_centers"
    )
    case.expect(not both, "align_corners and half_pixel_centers together")
    size = case.integers(1, "the size")
    if size is None:
        return None
    case.expect(
        len(size) == 2 and int(size.min()) >= 1,
        f"the size {size.tolist()}; rows and columns are expected",
    )
    return [(data.shape[0], *map(int, size), data.shape[3])]


_DILATIONS = ("dilation_h_factor", "dilation_w_factor")
WINDOWS = {
    "CONV_2D": Rule(_convolution, (2, 3), options=(*_STRIDES, *_DILATIONS)),
    "DEPTHWISE_CONV_2D": Rule(_depthwise, (2, 3), options=(*_STRIDES, *_DILATIONS)),
    "TRANSPOSE_CONV": Rule(_transposed, (3, 4), options=_STRIDES),
    "MAX_POOL_2D": Rule(_pooling, (1, 1), options=(*_STRIDES, "filter_height", "filter_width")),
    "AVERAGE_POOL_2D": Rule(_pooling, (1, 1), options=(*_STRIDES, "filter_height", "filter_width")),
    "RESIZE_BILINEAR": Rule(_resize, (2, 2)),
    "RESIZE_NEAREST_NEIGHBOR": Rule(_resize, (2, 2), scaled=False),
}
