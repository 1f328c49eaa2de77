"""Reads a .tflite flatbuffer into a :class:`~poseutils.compiler.graph.Graph`.

The format is TensorFlow Lite's schema.fbs, version 3; the generated reader that comes with LiteRT
does the unpacking, within the bounds of the file. What it returns is held to the rules of
:mod:`poseutils.compiler.rules`: a damaged file ends in a clear error.
"""

from __future__ import annotations

from collections.abc import Set
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import PoseError
from ..graph import Graph, Operator, Quantization, Tensor
from ..rules import Broken, validate
from .flatbuffer import Damaged, bounded
from .tflite_attributes import named, read_attributes

IDENTIFIER = b"TFL3"
MAX_TABLES = 1 << 16
"""More tensors, operators or buffers than this is a damaged length, not a network."""

MAX_ELEMENTS = 1 << 40
"""A larger tensor, not counting sizes of 0, is a damaged shape."""

_BY_BITS = {
    2: "int2",
    4: "int4 uint4",
    8: "bool int8 uint8 float8_e4m3fn float8_e5m2",
    16: "int16 uint16 float16 bfloat16",
    32: "int32 uint32 float32",
    64: "int64 uint64 float64",
}
_BITS = {name: bits for bits, names in _BY_BITS.items() for name in names.split()}

_RECURRENT = (
    *("LSTM", "RNN", "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"),
    *("BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "SVDF"),
)
STATEFUL = (*_RECURRENT, "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")
"""Operators that keep a state from one run to the next."""

SUBGRAPHS = (
    *("CALL", "CALL_ONCE", "IF", "WHILE", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE"),
    *("STABLEHLO_REDUCE", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SCATTER", "STABLEHLO_SORT"),
    "STABLEHLO_WHILE",
)
"""Operators that run a subgraph, be it again the one that they are in."""

_CONNECTED = frozenset(("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"))
"""Those whose state lies in tensors without a size, and is filled by a subgraph of its own."""


def read_tflite(path: str | Path) -> Graph:
    """The graph of a .tflite file.

    Raises:
        PoseError: if the file is missing, is not a .tflite, is damaged, holds more than one
            subgraph, or keeps a state between calls.
    """
    path = Path(path)
    return parse_tflite(read_bytes(path), path.name)


def read_bytes(path: Path) -> bytes:
    """The bytes of a model file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PoseError(
            f"cannot read the model {path}: {error.strerror or error}. Give the path of a .tflite "
            "or .onnx file."
        ) from error


def parse_tflite(data: bytes, name: str) -> Graph:
    """As :func:`read_tflite`, from the file's bytes; ``name`` is what errors call it."""
    if data[4:8] != IDENTIFIER:
        raise PoseError(
            f"{name} is not a .tflite model: {len(data)} bytes, with {data[4:8]!r} where "
            f"{IDENTIFIER!r} is expected. Give a file made by the TFLite converter."
        )
    try:
        graph = _graph(data, name)
    except Damaged as error:
        raise PoseError(
            f"{name} is damaged or truncated ({len(data)} bytes): {error}. Copy or convert it "
            "again."
        ) from error
    _refuse_state(graph, name)
    try:
        return validate(graph)
    except Broken as broken:
        raise PoseError(
            f"{name} is damaged: {broken}. Copy or convert the model again."
        ) from broken


def _refuse_state(graph: Graph, name: str) -> None:
    names = {operator.name for operator in graph.operators if operator.name in STATEFUL}
    tensors = graph.tensors
    kept = [
        op.name
        for op in graph.operators
        if any(0 <= t < len(tensors) and tensors[t].is_variable for t in op.inputs)
    ]
    _refuse_stateful(names.union(kept), name)


def _refuse_stateful(names: Set[str], name: str) -> None:
    if names:
        raise PoseError(
            f"{name} keeps a state between calls ({', '.join(sorted(names))}): what it gives "
            "depends on earlier inputs. A network whose outputs follow from its inputs alone is "
            "expected; make the state an input and an output."
        )


def stored_under(data: bytes, name: str) -> bytes:
    """What the bytes of a .tflite keep under a name of its metadata; empty if there is nothing.

    Raises:
        Damaged: if it lies outside of the file.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = _model(schema, data)
    for entry in (bounded(model.Metadata(i)) for i in range(_count(model.MetadataLength()))):
        if entry.Name() == name.encode() and entry.Buffer() < model.BuffersLength():
            return _stored(bounded(model.Buffers(entry.Buffer()))).tobytes()
    return b""


def _model(schema: Any, data: bytes) -> Any:
    model = schema.Model()
    model.Init(data, 0)
    model.Init(data, bounded(model)._tab.Indirect(0))
    return bounded(model)


def _graph(data: bytes, name: str) -> Graph:
    from ai_edge_litert import schema_py_generated as schema

    model = _model(schema, data)
    names = [
        _operator_name(schema, bounded(model.OperatorCodes(i)))
        for i in range(_count(model.OperatorCodesLength()))
    ]
    _refuse_stateful(_CONNECTED.intersection(names), name)
    count, controlling = _count(model.SubgraphsLength()), sorted(set(names).intersection(SUBGRAPHS))
    if count != 1 or controlling:
        what = f" ({', '.join(controlling)})" if controlling else ""
        raise PoseError(
            f"{name} holds {count} subgraphs; only networks of one, without loops or branches"
            f"{what}, are supported. Convert a model with a single signature."
        )
    subgraph = bounded(model.Subgraphs(0))
    stored = [_stored(bounded(model.Buffers(i))) for i in range(_count(model.BuffersLength()))]
    tensors = tuple(
        _tensor(schema, bounded(subgraph.Tensors(i)), stored)
        for i in range(_count(subgraph.TensorsLength()))
    )
    operators = tuple(
        _operator(schema, bounded(subgraph.Operators(i)), names)
        for i in range(_count(subgraph.OperatorsLength()))
    )
    return Graph(
        tensors,
        operators,
        _indices(subgraph.InputsAsNumpy()),
        _indices(subgraph.OutputsAsNumpy()),
        model.Version(),
    )


def _count(length: int) -> int:
    if length > MAX_TABLES:
        raise Damaged(f"a table of {length} entries")
    return length


def _text(characters: bytes | None) -> str:
    try:
        return (characters or b"").decode("utf-8")
    except UnicodeDecodeError as error:
        raise Damaged(f"the name {characters!r} is not UTF-8") from error


def _entry(entries: list[Any], index: int, what: str) -> Any:
    if index >= len(entries):
        raise Damaged(f"{what} {index} of {len(entries)}")
    return entries[index]


def _indices(vector: Any) -> tuple[int, ...]:
    """A vector of integers; the generated reader gives the number 0 for one that is absent."""
    return tuple(np.atleast_1d(vector).tolist()) if isinstance(vector, np.ndarray) else ()


def _stored(buffer: Any) -> np.ndarray:
    return np.zeros(0, np.uint8) if buffer.DataIsNone() else buffer.DataAsNumpy()


def _tensor(schema: Any, table: Any, stored: list[np.ndarray]) -> Tensor:
    dtype, name = named(schema.TensorType, table.Type()).lower(), _text(table.Name())
    if dtype not in _BITS:
        raise Damaged(f"tensor {name!r} is of type {dtype}, which has no fixed size")
    shape = _indices(table.ShapeAsNumpy())
    if any(size < 0 for size in shape) or prod(max(1, size) for size in shape) > MAX_ELEMENTS:
        raise Damaged(f"tensor {name!r} has the shape {shape}")
    size = -(-prod(shape) * _BITS[dtype] // 8)
    content = _entry(stored, table.Buffer(), f"tensor {name!r} has buffer")
    is_constant = len(content) > 0 or size == 0
    if is_constant and len(content) < size:
        raise Damaged(f"tensor {name!r} of {size} bytes has {len(content)} in the file")
    data = _values(content, dtype, shape, size) if is_constant else None
    signature = _indices(table.ShapeSignatureAsNumpy())
    is_fixed = -1 not in signature[1:]  # the first is the number of images
    quantization = _quantization(table.Quantization())
    return Tensor(
        name,
        shape,
        dtype,
        size,
        quantization,
        is_constant,
        data,
        is_fixed,
        bool(table.IsVariable()),
        -1 in signature,
    )


def _values(
    content: np.ndarray, dtype: str, shape: tuple[int, ...], size: int
) -> np.ndarray | None:
    kind = "bool_" if dtype == "bool" else dtype
    return content[:size].view(getattr(np, kind)).reshape(shape) if hasattr(np, kind) else None


def _quantization(table: Any) -> Quantization | None:
    if table is None or bounded(table).ScaleIsNone():
        return None
    scales, axis = table.ScaleAsNumpy(), table.QuantizedDimension()
    if len(scales) == 0:
        return None
    zero_points = (
        np.zeros(len(scales), np.int64) if table.ZeroPointIsNone() else table.ZeroPointAsNumpy()
    )
    return Quantization(scales.astype(np.float32), zero_points.astype(np.int64), axis)


def _operator_name(schema: Any, code: Any) -> str:
    # Codes over 127 came later and are in a wider field; the older one then holds 127.
    name = named(schema.BuiltinOperator, max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
    return f"CUSTOM:{_text(code.CustomCode())}" if name == "CUSTOM" else name


def _operator(schema: Any, table: Any, names: list[str]) -> Operator:
    inputs, outputs = _indices(table.InputsAsNumpy()), _indices(table.OutputsAsNumpy())
    name = _entry(names, table.OpcodeIndex(), "an operator has code")
    return Operator(name, inputs, outputs, read_attributes(schema, table, name))
