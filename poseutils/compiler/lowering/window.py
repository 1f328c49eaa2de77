"""Where a window looks, as the kernels take it."""

from __future__ import annotations

from ..attributes import Pair, TransposeConv, Window
from ..unsupported import need
from ..windows import window_dilation, window_pads, window_size
from .layer import Fields, Layer

MAX_TAPS = 64
"""POSE_MAX_TAPS of pose_kernels.h."""


def window_fields(layer: Layer) -> Fields:
    """A ``pose_window``, of a convolution or of pooling."""
    made, dilation = layer.attributes(Window), window_dilation(layer.operator)
    size = window_size(layer.graph, layer.operator)
    numbers = (*made.stride, *dilation, *size)
    need(min(numbers) >= 1, "a stride, dilation or window of less than 1")
    need(
        "POOL" in layer.operator.name or size[0] <= MAX_TAPS,
        f"a window of {size[0]} rows; up to {MAX_TAPS} are supported",
    )
    need(max(numbers) <= 4096, "a stride, dilation or window of more than 4096")
    return _fields(size, made.stride, dilation, window_pads(layer.graph, layer.operator))


def _fields(size: Pair, stride: Pair, dilation: Pair, pads: Pair) -> Fields:
    pairs = {"stride": stride, "dilation": dilation, "pad": pads}
    return {
        "height": size[0],
        "width": size[1],
        **{f"{name}_{axis}": n for name, pair in pairs.items() for axis, n in zip("yx", pair)},
    }


def transposed_window_fields(layer: Layer) -> Fields:
    """A ``pose_window`` of a TRANSPOSE_CONV."""
    window, size = layer.attributes(TransposeConv), window_size(layer.graph, layer.operator)
    need(min(*window.stride, *size) >= 1, "a stride or window of less than 1")
    need(
        max(size) <= MAX_TAPS,
        f"a window of {size[0]} x {size[1]}; up to {MAX_TAPS} rows and columns are supported",
    )
    need(max(window.stride) < 2**15, f"a stride of {max(window.stride)}")
    return _fields(size, window.stride, (1, 1), window_pads(layer.graph, layer.operator))
