"""Convolutions, pooling and resizing."""

from __future__ import annotations

from ..attributes import Conv2D, DepthwiseConv2D, Pair, Pool2D, Resize, TransposeConv, Window
from ..graph import Tensor
from .case import Case, Rule, Shape, Shapes

_BIAS = {
    "int8": ("int32",),
    "uint8": ("int32",),
    "int16": ("int32", "int64"),
    "float32": ("float32",),
}


def _swept(case: Case, window: Window, taps: Pair, dilation: Pair) -> Pair:
    """The number of window positions along rows and along columns."""
    places = []
    for d, axis in enumerate("hw"):
        size = case.input(0).shape[1 + d]
        stride = case.number(f"stride_{axis}", window.stride[d])
        wide = (taps[d] - 1) * case.number(f"dilation_{axis}_factor", dilation[d]) + 1
        places.append(
            -(-size // stride) if window.padding == "SAME" else (size - wide) // stride + 1
        )
        case.expect(places[d] >= 1, f"a window that reaches over {wide} of {size} rows or columns")
    return places[0], places[1]


def check_bias(case: Case, number: int, channels: int, data: Tensor) -> None:
    bias = case.optional(number)
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
        f"dimension {made.axis}; 1, or {channels} along dimension {axis}, are expected",
    )


def _convolution(case: Case) -> Shapes:
    data, weights, made = case.input(0), case.input(1), case.operator.attributes_as(Conv2D)
    case.expect_rank(data, 4)
    case.expect_rank(weights, 4)
    depthwise = case.operator.name == "DEPTHWISE_CONV_2D"
    channels, axis = weights.shape[3 if depthwise else 0], 3 if depthwise else 0
    fits = _depthwise_fits if depthwise else _groups_fit
    case.expect(
        fits(weights.shape, data.shape[3]),
        f"a filter of shape {weights.shape} on data of shape {data.shape}",
    )
    check_filter(case, weights, data, channels, axis)
    check_bias(case, 2, channels, data)
    height, width = weights.shape[1:3]
    return [(data.shape[0], *_swept(case, made, (height, width), made.dilation), channels)]


def _groups_fit(shape: Shape, channels: int) -> bool:
    """The filter is (OC, KH, KW, IC / groups)."""
    return channels % shape[3] == 0 and shape[0] % (channels // shape[3]) == 0


def _depthwise_fits(shape: Shape, channels: int) -> bool:
    """The filter is (1, KH, KW, OC)."""
    return shape[0] == 1 and shape[3] % channels == 0


def _transposed(case: Case) -> Shapes:
    """The shape of the output is an input."""
    weights, data = case.input(1), case.input(2)
    case.expect_rank(data, 4)
    case.expect_rank(weights, 4)
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
    for axis, stride in zip("hw", case.operator.attributes_as(TransposeConv).stride):
        case.number(f"stride_{axis}", stride)
    return [made]


def _pooling(case: Case) -> Shapes:
    data, made = case.input(0), case.operator.attributes_as(Pool2D)
    case.expect_rank(data, 4)
    for name, taps in zip(("filter_height", "filter_width"), made.size):
        case.number(name, taps)
    return [(data.shape[0], *_swept(case, made, made.size, (1, 1)), data.shape[3])]


def _resize(case: Case) -> Shapes:
    data = case.input(0)
    case.expect_rank(data, 4)
    made = case.operator.attributes_as(Resize)
    both = made.align_corners and made.half_pixel_centers
    case.expect(not both, "align_corners and half_pixel_centers together")
    size = case.integers(1, "the size")
    if size is None:
        return None
    case.expect(
        len(size) == 2 and int(size.min()) >= 1,
        f"the size {size.tolist()}; rows and columns are expected",
    )
    return [(data.shape[0], *map(int, size), data.shape[3])]


WINDOWS = {
    "CONV_2D": Rule(_convolution, (2, 3), attributes=Conv2D),
    "DEPTHWISE_CONV_2D": Rule(_convolution, (2, 3), attributes=DepthwiseConv2D),
    "TRANSPOSE_CONV": Rule(_transposed, (3, 4), attributes=TransposeConv, typed=(2, 3)),
    "MAX_POOL_2D": Rule(_pooling, (1, 1), attributes=Pool2D),
    "AVERAGE_POOL_2D": Rule(_pooling, (1, 1), attributes=Pool2D),
    "RESIZE_BILINEAR": Rule(_resize, (2, 2)),
    "RESIZE_NEAREST_NEIGHBOR": Rule(_resize, (2, 2), scaled=False),
}
