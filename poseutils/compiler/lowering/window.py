"""Where a window looks: its size, stride, dilation, and the padding that follows."""

from __future__ import annotations

from ..attributes import Pair, TransposeConv, Window
from ..unsupported import need
from .layer import Fields, Layer

MAX_TAPS = 64
"""POSE_MAX_TAPS of pose_kernels.h."""


def window_fields(layer: Layer, size: Pair, dilation: Pair) -> Fields:
    """A ``pose_window``, of a convolution or of pooling."""
    made = layer.attributes(Window)
    numbers = (*made.stride, *dilation, *size)
    need(min(numbers) >= 1, "a stride, dilation or window of less than 1")
    need(
        "POOL" in layer.operator.name or size[0] <= MAX_TAPS,
        f"a window of {size[0]} rows; up to {MAX_TAPS} are supported",
    )
    need(max(numbers) <= 4096, "a stride, dilation or window of more than 4096")
    return _fields(size, made.stride, dilation, made.pads or _padding(layer, size, dilation))


def _fields(size: Pair, stride: Pair, dilation: Pair, pads: Pair) -> Fields:
    pairs = {"stride": stride, "dilation": dilation, "pad": pads}
    return {
        "height": size[0],
        "width": size[1],
        **{f"{name}_{axis}": n for name, pair in pairs.items() for axis, n in zip("yx", pair)},
    }


def _padding(layer: Layer, size: Pair, dilation: Pair) -> Pair:
    """Rows and columns before the image: none for VALID; for SAME half of what is missing, the
    smaller half."""
    window, pads = layer.attributes(Window), []
    for d, (whole, out) in enumerate(zip(layer.input(0).shape[1:3], layer.output.shape[1:3])):
        stride, reach = window.stride[d], (size[d] - 1) * dilation[d] + 1
        missing = max((out - 1) * stride + reach - whole, 0)
        pads.append(missing // 2 if window.padding == "SAME" else 0)
    return pads[0], pads[1]


def transposed_window_fields(layer: Layer, size: Pair) -> Fields:
    """A ``pose_window``: the padding is that of the convolution which it turns around, the output's
    size being that one's input."""
    window, pads = layer.attributes(TransposeConv), []
    need(min(*window.stride, *size) >= 1, "a stride or window of less than 1")
    need(
        max(size) <= MAX_TAPS,
        f"a window of {size[0]} x {size[1]}; up to {MAX_TAPS} rows and columns are supported",
    )
    need(max(window.stride) < 2**15, f"a stride of {max(window.stride)}")
    for whole, taps, stride in zip(layer.output.shape[1:3], size, window.stride):
        missing = (-(-whole // stride) - 1) * stride + taps - whole
        pads.append(max(missing, 0) // 2 if window.padding == "SAME" else 0)
    return _fields(size, window.stride, (1, 1), (pads[0], pads[1]))
