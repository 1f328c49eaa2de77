"""Reads an .onnx file into an :class:`OnnxGraph`.

Tensors have ONNX's order of dimensions; every shape is known, because it is inferred where the file
does not give it. Everything is checked, so that a damaged file ends in a clear error.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import PoseError
from ..graph import Tensor
from ..unsupported import cannot_become_c
from .onnx_file import (
    MAX_BYTES,
    OWN_DOMAINS,
    Damaged,
    by_onnx,
    damage_reported,
    embed_weights,
    onnx_library,
    opset_of,
    parse_quantized,
)

_FOLDED = 1 << 20
"""Elements of a constant that is computed while reading: shapes and indices, not images."""

FOLDABLE = frozenset(
    "Identity Reshape Transpose Squeeze Unsqueeze Flatten Concat Slice Gather Split Cast "
    "Add Sub Mul Div Neg Floor Ceil Sqrt Min Max Pow ReduceProd Shape Size".split()
)
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
    with damage_reported(name):
        proto = parse_quantized(data, name)
        _check_known(proto, name, known)
        _open_one_image(proto, name)
        embed_weights(proto, name, folder)
        infer = onnx_library().shape_inference.infer_shapes
        infer = partial(infer, check_type=False, strict_mode=True, data_prop=True)
        proto = by_onnx(infer, proto)
        # Each node has the inputs, outputs and attributes of its operator, of the right types.
        by_onnx(onnx_library().checker.check_model, proto)
        return _Reader(proto).graph()


def _check_known(proto: Any, name: str, known: Container[str]) -> None:
    """Before anything else: shapes cannot be inferred through an operator that ONNX does not
    define."""
    other: dict[str, list[str]] = {}
    for node in proto.graph.node:
        kind = node.op_type if node.domain in OWN_DOMAINS else f"{node.domain}:{node.op_type}"
        if not (kind in known or kind in FOLDABLE or kind == "Constant"):
            other.setdefault(kind, []).append(node.name or next(iter(node.output), ""))
    if other:
        lines = [f"{kind}, {len(names)} times, first {names[0]!r}" for kind, names in other.items()]
        raise cannot_become_c(name, lines, "operators that are not supported")


def _open_one_image(proto: Any, name: str) -> None:
    """An open first dimension of an input becomes 1; any other that is open is refused."""
    constants = {tensor.name for tensor in proto.graph.initializer}
    for value in (value for value in proto.graph.input if value.name not in constants):
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
        if missing:
            raise Damaged(f"its outputs {missing} are not made by any node")
        if not inputs:
            raise Damaged("it has no input")
        outputs = tuple(self.index[value.name] for value in graph.output)
        return OnnxGraph(
            tuple(self.tensors), tuple(self.nodes), tuple(inputs), outputs, opset_of(self.proto)
        )

    def _add(self, tensor: Tensor) -> int:
        if tensor.name in self.index:
            raise Damaged(f"{tensor.name!r} is made twice")
        if tensor.bytes > MAX_BYTES:
            raise Damaged(f"{tensor.name!r} of shape {tensor.shape} has {tensor.bytes} bytes")
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
        dims = kind.shape.dim if kind is not None else []
        fixed = all(d.HasField("dim_value") and d.dim_value >= 1 for d in dims)
        if kind is None or not kind.HasField("shape") or not fixed:
            found = [d.dim_value or d.dim_param or "?" for d in dims] or "unknown"
            raise PoseError(
                f"the shape of {name!r} ({found}) does not follow from the input's: only networks "
                "of fixed shapes are read"
            )
        to_numpy = onnx_library().helper.tensor_dtype_to_np_dtype
        dtype = np.dtype(by_onnx(to_numpy, kind.elem_type))
        shape = tuple(d.dim_value for d in dims)
        return self._add(Tensor(name, shape, dtype.name, prod(shape) * dtype.itemsize, None, False))

    def _node(self, node: Any) -> None:
        unknown = [name for name in node.input if name and name not in self.index]
        if unknown:
            raise Damaged(
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
            raise Damaged(f"{node.op_type} {node.name!r} makes nothing")
        self.nodes.append(Node(node.op_type, inputs, outputs, options))

    def _folded(self, node: Any, inputs: tuple[int, ...]) -> list[np.ndarray] | None:
        """The results of a node that depends on nothing but constants, or on the shape of its input
        alone."""
        if node.op_type == "Constant":
            return [_constant_value(node)]
        given = [self.tensors[i] for i in inputs if i >= 0]
        if node.op_type == "Shape" and given and not given[0].is_constant:
            limits = {attribute.name: attribute.i for attribute in node.attribute}
            shape = np.array(given[0].shape, np.int64)
            return [shape[limits.get("start") : limits.get("end")]]
        foldable = node.op_type in FOLDABLE and node.domain in OWN_DOMAINS and given
        small = sum(tensor.elements for tensor in given) <= _FOLDED
        if foldable and small and all(tensor.is_constant for tensor in given):
            return self._computed(node)
        return None

    def _computed(self, node: Any) -> list[np.ndarray]:
        onnx, helper = onnx_library(), onnx_library().helper
        values = {n: self.tensors[self.index[n]].values for n in node.input if n}
        described = [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for n, v in values.items()
        ]
        results = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = helper.make_graph([node], "constants", described, results)
        opset = helper.make_opsetid("", opset_of(self.proto))
        run = onnx.reference.ReferenceEvaluator(helper.make_model(graph, opset_imports=[opset])).run
        return [np.asarray(each) for each in by_onnx(run, None, values)]


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
        raise Damaged(f"the constant {node.name!r} of {sorted(attributes)} holds no numbers")
    return np.asarray(_attribute(attributes[given[0]]), numbers[given[0]])


def _array(tensor: Any) -> np.ndarray:
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape) or prod(shape) > MAX_BYTES:
        raise Damaged(f"the constant {tensor.name!r} has the shape {shape}")
    return by_onnx(onnx_library().numpy_helper.to_array, tensor)


def _attribute(attribute: Any) -> Any:
    value = by_onnx(onnx_library().helper.get_attribute_value, attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return _array(value) if hasattr(value, "dims") else value
