"""Reads a .tflite flatbuffer into a :class:`~poseutils.graph.Graph`.

The format is TensorFlow Lite's schema.fbs, version 3; the generated reader that comes with LiteRT does the unpacking. That reader
believes every number in the file, so everything it returns is checked here: a damaged file ends in a clear error.
"""

from __future__ import annotations

from functools import cache
from math import prod
from pathlib import Path

import numpy as np

from .errors import PoseError
from .graph import FILTER_RANK, Graph, Operator, Quantization, Tensor

IDENTIFIER = b"TFL3"
MAX_TABLES = 1 << 16
"""More tensors, operators or buffers than this is a damaged length, not a network."""

_BITS = {
    "bool": 8,
    "int2": 2,
    "int4": 4,
    "uint4": 4,
    "int8": 8,
    "uint8": 8,
    "int16": 16,
    "uint16": 16,
    "int32": 32,
    "uint32": 32,
    "int64": 64,
    "uint64": 64,
    "float8_e4m3fn": 8,
    "float8_e5m2": 8,
    "float16": 16,
    "bfloat16": 16,
    "float32": 32,
    "float64": 64,
}

_CONVOLUTION = ("Padding", "StrideW", "StrideH", "FusedActivationFunction")
_DILATION = ("DilationWFactor", "DilationHFactor")
_POOLING = (*_CONVOLUTION, "FilterWidth", "FilterHeight")
_ACTIVATED = ("FusedActivationFunction",)
_OPTIONS = {
    "Conv2DOptions": (*_CONVOLUTION, *_DILATION),
    "DepthwiseConv2DOptions": (*_CONVOLUTION, *_DILATION, "DepthMultiplier"),
    "TransposeConvOptions": _CONVOLUTION,
    "Pool2DOptions": _POOLING,
    "FullyConnectedOptions": ("FusedActivationFunction", "WeightsFormat", "KeepNumDims"),
    "AddOptions": _ACTIVATED,
    "SubOptions": _ACTIVATED,
    "MulOptions": _ACTIVATED,
    "DivOptions": _ACTIVATED,
    "ConcatenationOptions": ("Axis", "FusedActivationFunction"),
    "SoftmaxOptions": ("Beta",),
    "ResizeBilinearOptions": ("AlignCorners", "HalfPixelCenters"),
    "ResizeNearestNeighborOptions": ("AlignCorners", "HalfPixelCenters"),
    "ReducerOptions": ("KeepDims",),
    "StridedSliceOptions": ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset"),
    "PackOptions": ("Axis", "ValuesCount"),
    "UnpackOptions": ("Axis", "Num"),
    "LeakyReluOptions": ("Alpha",),
    "BatchMatMulOptions": ("AdjX", "AdjY"),
    "GatherOptions": ("Axis", "BatchDims"),
    "DepthToSpaceOptions": ("BlockSize",),
    "SpaceToDepthOptions": ("BlockSize",),
}
"""The fields that are read of each kind of options."""


def read_tflite(path: str | Path) -> Graph:
    """The graph of a .tflite file.

    Raises:
        PoseError: if the file is missing, is not a .tflite, is damaged, or holds more than one subgraph.
    """
    path = Path(path)
    return parse_tflite(read_bytes(path), path.name)


def read_bytes(path: Path) -> bytes:
    """The bytes of a model file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PoseError(f"cannot read the model {path}: {error.strerror or error}. Give the path of a .tflite file.") from error


def parse_tflite(data: bytes, name: str) -> Graph:
    """As :func:`read_tflite`, from the file's bytes; ``name`` is what errors call it."""
    if data[4:8] != IDENTIFIER:
        raise PoseError(
            f"{name} is not a .tflite model: {len(data)} bytes, with {data[4:8]!r} where {IDENTIFIER!r} is expected. "
            "Give a file made by the TFLite converter."
        )
    try:
        return _graph(data, name)
    except PoseError:
        raise
    except Exception as error:  # the generated reader has no error of its own: a damaged offset surfaces as almost any exception
        raise PoseError(
            f"{name} is damaged or truncated ({len(data)} bytes): {error or type(error).__name__}. Copy or convert it again."
        ) from error


def _graph(data: bytes, name: str) -> Graph:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(data, 0)
    count = _count(model.SubgraphsLength())
    if count != 1:
        raise PoseError(
            f"{name} holds {count} subgraphs; only networks of one (without loops or branches) are supported. "
            "Convert a model with a single signature."
        )
    subgraph = model.Subgraphs(0)
    stored = [_stored(model.Buffers(i)) for i in range(_count(model.BuffersLength()))]
    tensors = tuple(_tensor(schema, subgraph.Tensors(i), stored) for i in range(_count(subgraph.TensorsLength())))
    names = [_operator_name(schema, model.OperatorCodes(i)) for i in range(_count(model.OperatorCodesLength()))]
    operators = tuple(_operator(schema, subgraph.Operators(i), names) for i in range(_count(subgraph.OperatorsLength())))
    graph = Graph(tensors, operators, _indices(subgraph.InputsAsNumpy()), _indices(subgraph.OutputsAsNumpy()), model.Version())
    _check(graph)
    return graph


def _count(length: int) -> int:
    if length > MAX_TABLES:
        raise ValueError(f"a table of {length} entries")
    return length


def _indices(vector) -> tuple[int, ...]:
    """A vector of integers; the generated reader gives the number 0 for one that is absent."""
    return tuple(np.atleast_1d(vector).tolist()) if isinstance(vector, np.ndarray) else ()


def _stored(buffer) -> np.ndarray:
    # Asking for the array makes NumPy check that it lies within the file.
    return np.zeros(0, np.uint8) if buffer.DataIsNone() else buffer.DataAsNumpy()


@cache
def _constants(namespace) -> dict[int, str]:
    """The names of an enumeration by their values."""
    return {value: key for key, value in vars(namespace).items() if isinstance(value, int)}


def _tensor(schema, table, stored: list[np.ndarray]) -> Tensor:
    dtype = _constants(schema.TensorType)[table.Type()].lower()
    name = (table.Name() or b"").decode("utf-8", "replace")
    if dtype not in _BITS:
        raise ValueError(f"tensor {name!r} is of type {dtype}, which has no fixed size")
    shape = _indices(table.ShapeAsNumpy())
    if any(size < 0 for size in shape):
        raise ValueError(f"tensor {name!r} has the shape {shape}")
    size = -(-prod(shape) * _BITS[dtype] // 8)
    content = stored[table.Buffer()]
    is_constant = len(content) > 0
    if is_constant and len(content) < size:
        raise ValueError(f"tensor {name!r} of {size} bytes has {len(content)} in the file")
    data = _values(content, dtype, shape, size) if is_constant else None
    return Tensor(name, shape, dtype, size, _quantization(table.Quantization(), name, shape), is_constant, data)


def _values(content: np.ndarray, dtype: str, shape: tuple[int, ...], size: int) -> np.ndarray | None:
    kind = "bool_" if dtype == "bool" else dtype
    return content[:size].view(getattr(np, kind)).reshape(shape) if hasattr(np, kind) else None


def _quantization(table, name: str, shape: tuple[int, ...]) -> Quantization | None:
    if table is None or table.ScaleIsNone():
        return None
    scales, axis = table.ScaleAsNumpy(), table.QuantizedDimension()
    if len(scales) == 0:
        return None
    if len(scales) != 1 and (not 0 <= axis < len(shape) or len(scales) != shape[axis]):
        raise ValueError(f"tensor {name!r} of shape {shape} has {len(scales)} scales along axis {axis}")
    zero_points = np.zeros(len(scales), np.int64) if table.ZeroPointIsNone() else table.ZeroPointAsNumpy()
    if len(zero_points) != len(scales):
        raise ValueError(f"tensor {name!r} has {len(scales)} scales and {len(zero_points)} zero points")
    if not np.isfinite(scales).all():
        raise ValueError(f"tensor {name!r} has a scale that is not a number")
    return Quantization(scales.astype(np.float32), zero_points.astype(np.int64), axis)


def _operator_name(schema, code) -> str:
    # Codes over 127 came later and are in a wider field; the older one then holds 127.
    name = _constants(schema.BuiltinOperator)[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    return f"CUSTOM:{(code.CustomCode() or b'').decode('utf-8', 'replace')}" if name == "CUSTOM" else name


def _operator(schema, table, names: list[str]) -> Operator:
    inputs, outputs = _indices(table.InputsAsNumpy()), _indices(table.OutputsAsNumpy())
    return Operator(names[table.OpcodeIndex()], inputs, outputs, _options(schema, table))


def _options(schema, table) -> dict[str, object]:
    kind = _constants(schema.BuiltinOptions).get(table.BuiltinOptionsType())
    content = table.BuiltinOptions()
    if kind not in _OPTIONS or content is None:
        return {}
    read = getattr(schema, kind)()
    read.Init(content.Bytes, content.Pos)
    return {_snake(field): _named(schema, field, getattr(read, field)()) for field in _OPTIONS[kind]}


def _snake(field: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in field).lstrip("_")


def _named(schema, field: str, value):
    enumeration = {"Padding": "Padding", "FusedActivationFunction": "ActivationFunctionType"}.get(field)
    return _constants(getattr(schema, enumeration))[value] if enumeration else value


def _check(graph: Graph) -> None:
    """Every index is of a tensor, everything read was written before, and convolutions have their filter."""
    if not (graph.operators and graph.inputs and graph.outputs):
        raise ValueError("a network needs operators, inputs and outputs")
    count = len(graph.tensors)
    written = {i for i, tensor in enumerate(graph.tensors) if tensor.is_constant} | set(graph.inputs) | {-1}
    if not all(0 <= i < count for i in graph.inputs):
        raise ValueError(f"network inputs {graph.inputs} of {count} tensors")
    for number, operator in enumerate(graph.operators):
        if not (operator.outputs and all(0 <= i < count for i in operator.outputs)):
            raise ValueError(f"operator {number} ({operator.name}) writes {operator.outputs} of {count} tensors")
        if not written.issuperset(operator.inputs):
            raise ValueError(f"operator {number} ({operator.name}) reads tensors {operator.inputs}, not all of them written before")
        written.update(operator.outputs)
        _check_filter(graph, number, operator)
    if not written.issuperset(graph.outputs) or min(graph.outputs) < 0:
        raise ValueError(f"network outputs {graph.outputs}, not all of them written")


def _check_filter(graph: Graph, number: int, operator: Operator) -> None:
    if operator.name == "BATCH_MATMUL" and [t >= 0 and len(graph.tensors[t].shape) >= 2 for t in operator.inputs] != [True, True]:
        raise ValueError(f"operator {number} (BATCH_MATMUL) does not have two matrices")
    if operator.name not in FILTER_RANK:
        return
    needed = 3 if operator.name == "TRANSPOSE_CONV" else 2
    if len(operator.inputs) < needed or min(operator.inputs[:needed]) < 0:
        raise ValueError(f"operator {number} ({operator.name}) has {len(operator.inputs)} inputs, at least {needed} are expected")
    rank = len(graph.tensors[operator.inputs[1]].shape)
    if rank != FILTER_RANK[operator.name]:
        raise ValueError(f"operator {number} ({operator.name}) has a filter of rank {rank}, {FILTER_RANK[operator.name]} is expected")
