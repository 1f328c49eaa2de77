"""The attributes of a .tflite's operators, out of the tables of options that the format has."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .. import attributes as kinds
from ..attributes import Attributes
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
    options, kind, fields = _OPTIONS.get(name, ("", Attributes, {}))
    content = table.BuiltinOptions()
    if _constants(schema.BuiltinOptions).get(table.BuiltinOptionsType()) != options:
        return Attributes()
    if content is None:
        return Attributes()
    made = getattr(schema, options)()
    made.Init(content.Bytes, content.Pos)
    made = bounded(made)
    return kind(**{field: _value(schema, made, getters) for field, getters in fields.items()})


def _value(schema: Any, made: Any, getters: str) -> Any:
    """What a method of the options gives, or a pair of what two give."""
    values = tuple(getattr(made, getter)() for getter in getters.split())
    if getters in _ENUMERATIONS:
        return named(getattr(schema, _ENUMERATIONS[getters]), values[0])
    if getters.endswith("AsNumpy"):  # of a vector that is absent the number 0
        return tuple(values[0].tolist()) if isinstance(values[0], np.ndarray) else ()
    return values if len(values) > 1 else values[0]


_ENUMERATIONS = {"FusedActivationFunction": "ActivationFunctionType", "Padding": "Padding"}

_FUSED = {"activation": "FusedActivationFunction"}
_WINDOW = {**_FUSED, "stride": "StrideH StrideW", "padding": "Padding"}
_CONV = {**_WINDOW, "dilation": "DilationHFactor DilationWFactor"}
_POOL = {**_WINDOW, "size": "FilterHeight FilterWidth"}
_RESIZE = {"align_corners": "AlignCorners", "half_pixel_centers": "HalfPixelCenters"}
_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD")

_OPTIONS: dict[str, tuple[str, type[Attributes], dict[str, str]]] = {
    "CONV_2D": ("Conv2DOptions", kinds.Conv2D, _CONV),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", kinds.DepthwiseConv2D, _CONV),
    "TRANSPOSE_CONV": ("TransposeConvOptions", kinds.TransposeConv, _WINDOW),
    "MAX_POOL_2D": ("Pool2DOptions", kinds.Pool2D, _POOL),
    "AVERAGE_POOL_2D": ("Pool2DOptions", kinds.Pool2D, _POOL),
    "FULLY_CONNECTED": (
        "FullyConnectedOptions",
        kinds.FullyConnected,
        {**_FUSED, "shuffled": "WeightsFormat", "keep_dims": "KeepNumDims"},
    ),
    "ADD": ("AddOptions", kinds.Arithmetic, _FUSED),
    "SUB": ("SubOptions", kinds.Arithmetic, _FUSED),
    "MUL": ("MulOptions", kinds.Arithmetic, _FUSED),
    "DIV": ("DivOptions", kinds.Arithmetic, _FUSED),
    "CONCATENATION": ("ConcatenationOptions", kinds.Concatenation, {**_FUSED, "axis": "Axis"}),
    "SOFTMAX": ("SoftmaxOptions", kinds.Softmax, {"beta": "Beta"}),
    "RESIZE_BILINEAR": ("ResizeBilinearOptions", kinds.Resize, _RESIZE),
    "RESIZE_NEAREST_NEIGHBOR": ("ResizeNearestNeighborOptions", kinds.Resize, _RESIZE),
    **dict.fromkeys(_REDUCTIONS, ("ReducerOptions", kinds.Reduce, {"keep_dims": "KeepDims"})),
    "STRIDED_SLICE": (
        "StridedSliceOptions",
        kinds.StridedSlice,
        {
            "begin_mask": "BeginMask",
            "end_mask": "EndMask",
            "ellipsis_mask": "EllipsisMask",
            "new_axis_mask": "NewAxisMask",
            "shrink_axis_mask": "ShrinkAxisMask",
            "offset": "Offset",
        },
    ),
    "PACK": ("PackOptions", kinds.Pack, {"axis": "Axis", "count": "ValuesCount"}),
    "SPLIT": ("SplitOptions", kinds.Split, {"count": "NumSplits"}),
    "SPLIT_V": ("SplitVOptions", kinds.Split, {"count": "NumSplits"}),
    "UNPACK": ("UnpackOptions", kinds.Unpack, {"axis": "Axis", "count": "Num"}),
    "LEAKY_RELU": ("LeakyReluOptions", kinds.LeakyRelu, {"alpha": "Alpha"}),
    "GELU": ("GeluOptions", kinds.Gelu, {"approximate": "Approximate"}),
    "BATCH_MATMUL": ("BatchMatMulOptions", kinds.BatchMatMul, {"adj_x": "AdjX", "adj_y": "AdjY"}),
    "GATHER": ("GatherOptions", kinds.Gather, {"axis": "Axis", "batch_dims": "BatchDims"}),
    "DEPTH_TO_SPACE": ("DepthToSpaceOptions", kinds.Blocks, {"size": "BlockSize"}),
    "SPACE_TO_DEPTH": ("SpaceToDepthOptions", kinds.Blocks, {"size": "BlockSize"}),
    "SQUEEZE": ("SqueezeOptions", kinds.Squeeze, {"dims": "SqueezeDimsAsNumpy"}),
}
"""By the operator's name: the kind of options that it has, the attributes, and for each field of
these the methods of the options that give it."""
