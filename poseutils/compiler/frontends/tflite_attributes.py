"""The attributes of a .tflite's operators, out of the tables of options that the format has."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from .. import attributes as kinds
from ..attributes import Attributes, Pair
from .flatbuffer import Damaged, bounded


@cache
def _constants(namespace: Any) -> dict[int, str]:
    """The names of an enumeration by their values."""
    return {value: key for key, value in vars(namespace).items() if isinstance(value, int)}


def named(namespace: Any, value: int) -> str:
    """The name of a value of an enumeration."""
    names = _constants(namespace)
    if value not in names:
        raise Damaged(f"{value} is not a {namespace.__name__}")
    return names[value]


def read_attributes(schema: Any, table: Any, name: str) -> Attributes:
    """The attributes of an operator; none if the file leaves them out, or has those of another
    kind of operator."""
    options, read = _READERS.get(name, ("", _none))
    content = table.BuiltinOptions()
    if _constants(schema.BuiltinOptions).get(table.BuiltinOptionsType()) != options:
        return Attributes()
    if content is None:
        return Attributes()
    made = getattr(schema, options)()
    made.Init(content.Bytes, content.Pos)
    return read(schema, bounded(made))


def _none(schema: Any, made: Any) -> Attributes:
    return Attributes()


def _fused(schema: Any, made: Any) -> str:
    return named(schema.ActivationFunctionType, made.FusedActivationFunction())


def _window(schema: Any, made: Any) -> dict[str, Any]:
    return {
        "activation": _fused(schema, made),
        "stride": (made.StrideH(), made.StrideW()),
        "padding": named(schema.Padding, made.Padding()),
    }


def _dilation(made: Any) -> Pair:
    return made.DilationHFactor(), made.DilationWFactor()


def _conv(schema: Any, made: Any) -> Attributes:
    return kinds.Conv2D(**_window(schema, made), dilation=_dilation(made))


def _depthwise(schema: Any, made: Any) -> Attributes:
    return kinds.DepthwiseConv2D(**_window(schema, made), dilation=_dilation(made))


def _transposed(schema: Any, made: Any) -> Attributes:
    return kinds.TransposeConv(**_window(schema, made))


def _pool(schema: Any, made: Any) -> Attributes:
    return kinds.Pool2D(**_window(schema, made), size=(made.FilterHeight(), made.FilterWidth()))


def _dense(schema: Any, made: Any) -> Attributes:
    shuffled, keep_dims = bool(made.WeightsFormat()), bool(made.KeepNumDims())
    return kinds.FullyConnected(_fused(schema, made), shuffled, keep_dims)


def _arithmetic(schema: Any, made: Any) -> Attributes:
    return kinds.Arithmetic(_fused(schema, made))


def _concatenation(schema: Any, made: Any) -> Attributes:
    return kinds.Concatenation(_fused(schema, made), made.Axis())


def _resize(schema: Any, made: Any) -> Attributes:
    return kinds.Resize(made.AlignCorners(), made.HalfPixelCenters())


def _strided_slice(schema: Any, made: Any) -> Attributes:
    return kinds.StridedSlice(
        made.BeginMask(),
        made.EndMask(),
        made.EllipsisMask(),
        made.NewAxisMask(),
        made.ShrinkAxisMask(),
        made.Offset(),
    )


def _squeeze(schema: Any, made: Any) -> Attributes:
    dims = made.SqueezeDimsAsNumpy()
    return kinds.Squeeze(tuple(dims.tolist()) if isinstance(dims, np.ndarray) else ())


def _blocks(schema: Any, made: Any) -> Attributes:
    return kinds.Blocks(made.BlockSize())


def _reduce(schema: Any, made: Any) -> Attributes:
    return kinds.Reduce(made.KeepDims())


_READERS: dict[str, tuple[str, Callable[[Any, Any], Attributes]]] = {
    "CONV_2D": ("Conv2DOptions", _conv),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", _depthwise),
    "TRANSPOSE_CONV": ("TransposeConvOptions", _transposed),
    "MAX_POOL_2D": ("Pool2DOptions", _pool),
    "AVERAGE_POOL_2D": ("Pool2DOptions", _pool),
    "FULLY_CONNECTED": ("FullyConnectedOptions", _dense),
    "ADD": ("AddOptions", _arithmetic),
    "SUB": ("SubOptions", _arithmetic),
    "MUL": ("MulOptions", _arithmetic),
    "DIV": ("DivOptions", _arithmetic),
    "CONCATENATION": ("ConcatenationOptions", _concatenation),
    "SOFTMAX": ("SoftmaxOptions", lambda schema, made: kinds.Softmax(made.Beta())),
    "RESIZE_BILINEAR": ("ResizeBilinearOptions", _resize),
    "RESIZE_NEAREST_NEIGHBOR": ("ResizeNearestNeighborOptions", _resize),
    **dict.fromkeys(
        ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD"), ("ReducerOptions", _reduce)
    ),
    "STRIDED_SLICE": ("StridedSliceOptions", _strided_slice),
    "PACK": ("PackOptions", lambda schema, made: kinds.Pack(made.Axis(), made.ValuesCount())),
    "SPLIT": ("SplitOptions", lambda schema, made: kinds.Split(made.NumSplits())),
    "SPLIT_V": ("SplitVOptions", lambda schema, made: kinds.Split(made.NumSplits())),
    "UNPACK": ("UnpackOptions", lambda schema, made: kinds.Unpack(made.Axis(), made.Num())),
    "LEAKY_RELU": ("LeakyReluOptions", lambda schema, made: kinds.LeakyRelu(made.Alpha())),
    "GELU": ("GeluOptions", lambda schema, made: kinds.Gelu(made.Approximate())),
    "BATCH_MATMUL": (
        "BatchMatMulOptions",
        lambda schema, made: kinds.BatchMatMul(made.AdjX(), made.AdjY()),
    ),
    "GATHER": ("GatherOptions", lambda schema, made: kinds.Gather(made.Axis(), made.BatchDims())),
    "DEPTH_TO_SPACE": ("DepthToSpaceOptions", _blocks),
    "SPACE_TO_DEPTH": ("SpaceToDepthOptions", _blocks),
    "SQUEEZE": ("SqueezeOptions", _squeeze),
}
"""By the operator's name: the kind of options that it has, and what reads them."""
