"""Reads an .onnx file into an :class:`OnnxGraph`.

Tensors have ONNX's order of dimensions; every shape is known, because it is inferred where the file
does not give it. Nothing in the file is run: the protobuf is parsed,
weights beside the file are read only from its own folder, and everything is checked, so that a
damaged file ends in a clear error.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import PoseError
from ..graph import Tensor

OLDEST_OPSET = 10
"""The first with QuantizeLinear and DequantizeLinear."""

MAX_NODES = 1 << 16
"""More nodes or values than this is a damaged file, not a network."""

MAX_BYTES = 1 << 30
"""Of one tensor; a damaged shape must not take all memory."""

_OWN_DOMAINS = ("", "ai.onnx")

_FOLDED = 1 << 20
"""Elements of a constant that is computed while reading: shapes and indices, not images."""

_MOVES = (
    "Identity",
    "Reshape",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
    "Concat",
    "Slice",
    "Gather",
    "Split",
    "Cast",
)
_ARITHMETIC = (
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Neg",
    "Floor",
    "Ceil",
    "Sqrt",
    "Min",
    "Max",
    "Pow",
    "ReduceProd",
)
FOLDABLE = (*_MOVES, *_ARITHMETIC, "Shape", "Size")
"""Operators of constants that become constants. None of them makes much more than it is given."""


@dataclass(frozen=True)
class Node:
    """One operator of ONNX; inputs and outputs are indices of tensors, -1 for one left out."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class OnnxGraph:
    """A network of ONNX's operators, in the order in which they run."""

    tensors: tuple[Tensor, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    opset: int


def parse_onnx(data: bytes, name: str, folder: Path, known: Container[str]) -> OnnxGraph:
    """The graph of an .onnx file's bytes. A first dimension that is left open is one image.

    Args:
        name: what errors call the file.
        folder: where weights that are kept beside the file may lie.
        known: the operators that may be in it, besides those on constants.

    Raises:
        PoseError: if it is not an .onnx model, is damaged, has no fixed shape, holds operators that
            are not known (names all of them), or keeps its weights elsewhere than below ``folder``.
    """
    proto = _parsed(data, name)
    _check_known(proto, name, known)
    proto = _with_one_image(proto, name)
    _embed_weights(proto, name, folder)
    proto = _with_shapes(proto, name)
    _check(proto, name)
    try:
        return _Reader(proto).graph()
    except _Damaged as error:
        raise _damaged(name, error) from error


class _Damaged(ValueError):
    """What a healthy file does not hold, in words."""


def _by_onnx(function: Callable[..., Any], *given: Any) -> Any:
    """What a function of the package onnx makes of the file's content. On damaged content they
    raise many kinds of exceptions; nothing of ours runs inside."""
    try:
        return function(*given)
    except Exception as error:
        raise _Damaged(str(error) or type(error).__name__) from error


def self_contained(data: bytes, name: str, folder: Path) -> bytes:
    """The bytes of a file with the weights in it that it keeps beside itself; the same bytes if it
    has them already."""
    proto = _parsed(data, name)
    if not any(tensor.data_location for tensor in _stored_tensors(proto.graph)):
        return data
    _embed_weights(proto, name, folder)
    return bytes(proto.SerializeToString(deterministic=True))


def _damaged(name: str, error: Exception) -> PoseError:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    return PoseError(f"{name} is damaged or not an .onnx model: {reason}. Copy or export it again.")


def _parsed(data: bytes, name: str) -> Any:
    try:
        proto = _by_onnx(_onnx().load_model_from_string, data)
        graph = proto.graph
        if not (graph.node and graph.input and graph.output):
            raise _Damaged(f"{len(data)} bytes in which no network is found")
        if max(len(graph.node), len(graph.initializer), len(graph.value_info)) > MAX_NODES:
            raise _Damaged(f"{len(graph.node)} nodes and {len(graph.initializer)} constants")
    except _Damaged as error:
        raise _damaged(name, error) from error
    opset = _opset(proto)
    if opset < OLDEST_OPSET:
        raise PoseError(
            f"{name} is of opset {opset}; networks in 8 bits are of {OLDEST_OPSET} or later. "
            "Export it again with opset 17."
        )
    return proto


def _onnx() -> Any:
    try:
        import onnx
        import onnx.checker
        import onnx.external_data_helper
        import onnx.reference
        import onnx.shape_inference
    except ImportError as error:
        raise PoseError(
            f"reading .onnx files needs the package onnx ({error}): pip install onnx"
        ) from error
    return onnx


def _opset(proto: Any) -> int:
    return max(
        (each.version for each in proto.opset_import if each.domain in _OWN_DOMAINS), default=0
    )


def _check_known(proto: Any, name: str, known: Container[str]) -> None:
    """Before anything else: shapes cannot be inferred through an operator that ONNX does not
    define."""
    other: dict[str, list[str]] = {}
    for node in proto.graph.node:
        own = node.domain in _OWN_DOMAINS
        if not own or not (
            node.op_type in known or node.op_type in FOLDABLE or node.op_type == "Constant"
        ):
            kind = node.op_type if own else f"{node.domain}:{node.op_type}"
            other.setdefault(kind, []).append(node.name or next(iter(node.output), ""))
    if other:
        lines = [
            f"- {kind}, {len(names)} times, first {names[0]!r}" for kind, names in other.items()
        ]
        raise PoseError(
            f"{name} cannot become C; operators that are not supported:\n" + "\n".join(lines)
        )


# ---------------------------------------------------------------- shapes


def _with_one_image(proto: Any, name: str) -> Any:
    """An open first dimension of an input becomes 1; any other that is open is refused."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    for value in proto.graph.input:
        if value.name in constants:
            continue
        dims = value.type.tensor_type.shape.dim
        if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
            raise PoseError(
                f"{name}: its input {value.name!r} has no shape. Export the model with a fixed "
                "input size."
            )
        if dims and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1
            for output in proto.graph.output:
                output.type.tensor_type.ClearField("shape")
            del proto.graph.value_info[:]
        shape = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in dims]
        if not all(isinstance(size, int) and size > 0 for size in shape):
            raise PoseError(
                f"{name}: its input {value.name!r} of shape {shape} is not fixed. Export the model "
                "with a fixed input size."
            )
    return proto


def _with_shapes(proto: Any, name: str) -> Any:
    infer = partial(
        _onnx().shape_inference.infer_shapes, check_type=False, strict_mode=True, data_prop=True
    )
    try:
        return _by_onnx(infer, proto)
    except _Damaged as error:
        raise _damaged(name, error) from error


def _check(proto: Any, name: str) -> None:
    """By ONNX's own rules: each node has the inputs, outputs and attributes that its operator
    wants, of the right types."""
    try:
        _by_onnx(_onnx().checker.check_model, proto)
    except _Damaged as error:
        raise _damaged(name, error) from error


# ---------------------------------------------------------------- weights in other files


def _stored_tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        yield from (attribute.t for attribute in node.attribute if attribute.HasField("t"))


def _embed_weights(proto: Any, name: str, folder: Path) -> None:
    """Reads what is kept beside the file, from its folder or below, and nowhere else."""
    for tensor in _stored_tensors(proto.graph):
        if tensor.data_location:
            tensor.raw_data = _outside_bytes(
                {entry.key: entry.value for entry in tensor.external_data},
                tensor.name,
                name,
                folder,
            )
            tensor.ClearField("data_location")
            tensor.ClearField("external_data")


def _outside_bytes(where: dict[str, str], tensor: str, name: str, folder: Path) -> bytes:
    location, home = where.get("location", ""), folder.resolve()
    path = (folder / location).resolve() if location and "\0" not in location else home
    if not path.is_relative_to(home) or Path(location).is_absolute():
        raise PoseError(
            f"{name} keeps {tensor!r} in {location!r}, outside of its own folder: that is not "
            "read. Export it as one file."
        )
    try:
        offset, length = int(where.get("offset", 0)), int(where.get("length", -1))
        if not path.is_file() or offset < 0 or length > MAX_BYTES:
            raise ValueError(
                f"{length} bytes from {offset} of {location!r}, which is "
                f"{'' if path.is_file() else 'not '}a file"
            )
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(MAX_BYTES if length < 0 else length)
    except (OSError, ValueError) as error:
        raise PoseError(
            f"{name} keeps {tensor!r} in another file, which cannot be read: {error}. Copy it with "
            "that file."
        ) from error
    if len(data) < length:
        raise PoseError(
            f"{name} keeps {length} bytes of {tensor!r} in {location!r}, which has {len(data)} of "
            "them. Copy both again."
        )
    return data


# ---------------------------------------------------------------- the graph


@dataclass
class _Reader:
    """Fills a graph, node after node."""

    proto: Any
    tensors: list[Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    index: dict[str, int] = field(default_factory=dict)

    def graph(self) -> OnnxGraph:
        graph = self.proto.graph
        self.types = {
            value.name: value for value in (*graph.input, *graph.value_info, *graph.output)
        }
        for tensor in graph.initializer:
            self._constant(tensor.name, _array(tensor))
        inputs = [
            self._activation(value.name) for value in graph.input if value.name not in self.index
        ]
        for node in graph.node:
            self._node(node)
        missing = [value.name for value in graph.output if value.name not in self.index]
        if missing or not inputs:
            raise _Damaged(
                f"its outputs {missing} are not made by any node" if missing else "it has no input"
            )
        outputs = tuple(self.index[value.name] for value in graph.output)
        return OnnxGraph(
            tuple(self.tensors), tuple(self.nodes), tuple(inputs), outputs, _opset(self.proto)
        )

    def _add(self, tensor: Tensor) -> int:
        if tensor.name in self.index:
            raise _Damaged(f"{tensor.name!r} is made twice")
        if tensor.bytes > MAX_BYTES:
            raise _Damaged(f"{tensor.name!r} of shape {tensor.shape} has {tensor.bytes} bytes")
        self.tensors.append(tensor)
        self.index[tensor.name] = len(self.tensors) - 1
        return len(self.tensors) - 1

    def _constant(self, name: str, values: np.ndarray) -> int:
        return self._add(
            Tensor(name, values.shape, values.dtype.name, values.nbytes, None, True, values)
        )

    def _activation(self, name: str) -> int:
        value = self.types.get(name)
        kind = value.type.tensor_type if value is not None else None
        if (
            kind is None
            or not kind.HasField("shape")
            or any(not d.HasField("dim_value") or d.dim_value < 1 for d in kind.shape.dim)
        ):
            dims = [] if kind is None else kind.shape.dim
            found = [d.dim_value or d.dim_param or "?" for d in dims] or "unknown"
            raise PoseError(
                f"the shape of {name!r} ({found}) does not follow from the input's: only networks "
                "of fixed shapes are read"
            )
        dtype = np.dtype(_by_onnx(_onnx().helper.tensor_dtype_to_np_dtype, kind.elem_type))
        shape = tuple(d.dim_value for d in kind.shape.dim)
        return self._add(Tensor(name, shape, dtype.name, prod(shape) * dtype.itemsize, None, False))

    def _node(self, node: Any) -> None:
        unknown = [name for name in node.input if name and name not in self.index]
        if unknown:
            raise _Damaged(
                f"{node.op_type} {node.name!r} reads {unknown}, which nothing before it makes"
            )
        inputs = tuple(self.index[name] if name else -1 for name in node.input)
        results = self._folded(node, inputs)
        if results is not None:
            for name, values in zip(node.output, results):
                if name:
                    self._constant(name, values)
            return
        options = {attribute.name: _attribute(attribute) for attribute in node.attribute}
        outputs = tuple(self._activation(name) if name else -1 for name in node.output)
        if not any(output >= 0 for output in outputs):
            raise _Damaged(f"{node.op_type} {node.name!r} makes nothing")
        self.nodes.append(Node(node.op_type, inputs, outputs, options))

    def _folded(self, node: Any, inputs: tuple[int, ...]) -> list[np.ndarray] | None:
        """The results of a node that depends on nothing but constants, or on the shape of its input
        alone."""
        if node.op_type == "Constant":
            return [_constant_value(node)]
        given = [self.tensors[i] for i in inputs if i >= 0]
        if node.op_type == "Shape" and given and not given[0].is_constant:
            shape = np.array(given[0].shape, np.int64)
            start, end = (
                next((a.i for a in node.attribute if a.name == name), None)
                for name in ("start", "end")
            )
            return [shape[start:end]]
        small = sum(tensor.elements for tensor in given) <= _FOLDED
        if (
            node.op_type not in FOLDABLE
            or node.domain not in _OWN_DOMAINS
            or not given
            or not small
        ):
            return None
        if not all(tensor.is_constant for tensor in given):
            return None
        return self._computed(node)

    def _computed(self, node: Any) -> list[np.ndarray]:
        onnx = _onnx()
        values = {name: self.tensors[self.index[name]].values for name in node.input if name}
        described = [
            onnx.helper.make_tensor_value_info(
                n, onnx.helper.np_dtype_to_tensor_dtype(v.dtype), v.shape
            )
            for n, v in values.items()
        ]
        results = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "constants", described, results)
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", _opset(self.proto))]
        )
        run = onnx.reference.ReferenceEvaluator(model).run
        return [np.asarray(each) for each in _by_onnx(run, None, values)]


def _constant_value(node: Any) -> np.ndarray:
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if "value" in attributes:
        return _array(attributes["value"].t)
    numbers = {
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": np.int64,
        "value_ints": np.int64,
    }
    given = sorted(attributes.keys() & numbers)
    if not given:
        raise _Damaged(f"the constant {node.name!r} of {sorted(attributes)} holds no numbers")
    return np.asarray(_attribute(attributes[given[0]]), numbers[given[0]])


def _array(tensor: Any) -> np.ndarray:
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape) or prod(shape) > MAX_BYTES:
        raise _Damaged(f"the constant {tensor.name!r} has the shape {shape}")
    return _by_onnx(_onnx().numpy_helper.to_array, tensor)


def _attribute(attribute: Any) -> Any:
    value = _by_onnx(_onnx().helper.get_attribute_value, attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return _array(value) if hasattr(value, "dims") else value
