"""A QDQ network, as :mod:`poseutils.compiler.frontends.onnx` reads it from an .onnx file, becomes
the graph of integer operators that turns into C.

DequantizeLinear, an operator and QuantizeLinear become the operator on 8-bit values; what is
computed of one tensor value by value becomes a table; images are stored channels last. Unsigned
8-bit tensors become signed ones: other bytes of the same meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ....errors import PoseError
from ...graph import Graph, Quantization
from ...passes.remove_dead import remove_dead
from ...unsupported import Unsupported, a, known, need
from ..onnx import Node, OnnxGraph, parse_onnx
from .conversion import Conversion
from .operators import OPERATORS
from .values import (
    IMAGE,
    Builder,
    Constant,
    Floats,
    Pending,
    Real,
    Steps,
    Stored,
    Value,
    Weights,
    quantization,
)

Converter = Callable[[Conversion, Node], list[Value]]
T = TypeVar("T")

ENDS = ("QuantizeLinear", "DequantizeLinear")


class Refused(Unsupported):
    """An operator that was refused when its result was quantized; the message names it."""


def read_qdq(data: bytes, name: str, folder: Path) -> Graph:
    """The integer network of an .onnx file, its images channels last.

    Its first operators are QUANTIZE and its last ones DEQUANTIZE where the file's are
    QuantizeLinear and DequantizeLinear. Outputs with rows and columns are channels last too; others
    have the file's shape.

    Args:
        data: the file's bytes.
        name: what errors call it.
        folder: where it lies, for weights beside it.

    Raises:
        PoseError: if the file is damaged, has no fixed shape, computes in floating point, or holds
            what the kernels do not compute: all of that is named.
    """
    converters: dict[str, Converter] = {
        **OPERATORS,
        "QuantizeLinear": _quantize_linear,
        "DequantizeLinear": _dequantize_linear,
    }
    graph = parse_onnx(data, name, folder, converters)
    _check_quantized(graph, name)
    conversion, refused = Conversion(graph), []
    for tensor in graph.inputs:
        conversion.values[tensor] = _input(conversion, tensor)
    for node in graph.nodes:
        refused += _convert(conversion, node, converters)
    outputs = [] if refused else [_output(conversion, tensor, refused) for tensor in graph.outputs]
    if refused:
        raise PoseError(
            f"{name} cannot become C; not supported are:\n"
            + "\n".join(f"- {line}" for line in refused)
        )
    builder = conversion.builder
    inputs = tuple(range(len(graph.inputs)))  # they were the first tensors to be built
    return remove_dead(
        Graph(
            tuple(builder.tensors),
            tuple(builder.operators),
            inputs,
            tuple(outputs),
            graph.opset,
        )
    )


def _check_quantized(graph: OnnxGraph, name: str) -> None:
    if not any(node.name in ENDS for node in graph.nodes):
        raise PoseError(
            f"{name} computes in floating point; an .onnx network of QuantizeLinear and "
            "DequantizeLinear pairs (QDQ) is expected. "
            "Quantize it first: operation_mode chain_qd quantizes and then deploys."
        )


def _convert(conversion: Conversion, node: Node, converters: dict[str, Converter]) -> list[str]:
    """Converts one operator; what is not supported about it. What depends on an operator that was
    refused is passed over."""
    tensors = conversion.graph.tensors
    if any(
        t >= 0 and not tensors[t].is_constant and t not in conversion.values for t in node.inputs
    ):
        return []
    label = f"{node.name} of {next(tensors[t].name for t in node.outputs if t >= 0)!r}"
    try:
        results = [_labeled(value, label) for value in converters[node.name](conversion, node)]
    except Refused as refused:
        return [str(refused)]
    except Unsupported as reason:
        return [f"{label}: {reason}"]
    conversion.values.update({t: value for t, value in zip(node.outputs, results) if t >= 0})
    return []


def _labeled(value: Value, label: str) -> Value:
    """A value whose refusal later names the operator that it comes from."""
    if not isinstance(value, Pending):
        return value
    floats = value.floats and partial(_explained, label, value.floats)
    return replace(value, quantized=partial(_explained, label, value.quantized), floats=floats)


def _explained(label: str, write: Callable[..., T], *arguments: Any) -> T:
    try:
        return write(*arguments)
    except Refused:
        raise
    except Unsupported as reason:
        raise Refused(f"{label}: {reason}") from reason


# ---------------------------------------------------------------- the ends of the network


def _input(conversion: Conversion, tensor: int) -> Value:
    """An input; images are taken channels last."""
    made, builder = conversion.graph.tensors[tensor], conversion.builder
    rank = len(made.shape)
    order = (
        IMAGE
        if rank == 4 and made.shape[1] in (1, 3, 4) and made.shape[3] not in (1, 3, 4)
        else tuple(range(rank))
    )
    stored = Stored(
        builder.activation(made.name, tuple(made.shape[d] for d in order), made.dtype), order
    )
    if made.dtype in ("int8", "uint8"):
        return Real(stored, np.arange(256).astype(np.uint8).view(made.dtype).astype(np.float32))
    return Floats(stored)


def _output(conversion: Conversion, tensor: int, refused: list[str]) -> int:
    """The tensor that the network gives for an output of the file."""
    made, builder = conversion.graph.tensors[tensor], conversion.builder
    value = conversion.values.get(tensor)
    if value is None:
        refused.append(f"the output {made.name!r}: a constant, or the input as it is")
        return -1
    try:
        if isinstance(value, Steps):
            stored = _as_given(builder, builder.stored(value))
            return (
                _named(builder, stored.tensor, made.name)
                if made.dtype == "int8"
                else _unsigned(builder, stored, made.name)
            )
        if isinstance(value, Real) and value.steps is not None:
            stored = _as_given(builder, builder.stored(value.steps))
            steps = _named(builder, stored.tensor, value.steps.name)
            output = builder.activation(made.name, builder.tensors[steps].shape, "float32")
            return builder.emit("DEQUANTIZE", [steps], output)
        return _named(
            builder, _as_given(builder, builder.floats(value, made.name).stored).tensor, made.name
        )
    except Refused as other:
        refused.append(str(other))
    except Unsupported as reason:
        refused.append(f"the output {made.name!r}: {reason}")
    return -1


def _named(builder: Builder, tensor: int, name: str) -> int:
    """The tensor by the file's name, if it is that one only in another order; what it is made of
    gives the name away."""
    if builder.tensors[tensor].name != f"{name}/arranged":
        return tensor
    made = {t for operator in builder.operators for t in operator.outputs}
    owner = next((t for t in made if builder.tensors[t].name == name), None)
    if owner is not None:
        builder.tensors[owner] = replace(builder.tensors[owner], name=f"{name}/before")
        builder.tensors[tensor] = replace(builder.tensors[tensor], name=name)
    return tensor


def _as_given(builder: Builder, stored: Stored) -> Stored:
    """Maps with rows and columns channels last, all else as in the file."""
    shape = builder.shape(stored)
    is_map = len(shape) == 4 and min(shape[2:]) > 1 and shape[1] not in shape[2:]
    return (
        builder.arranged(stored, IMAGE)
        if is_map and stored.order == IMAGE
        else builder.as_filed(stored)
    )


def _unsigned(builder: Builder, stored: Stored, name: str) -> int:
    """int8 to uint8, of the same meaning."""
    tensor = builder.tensors[stored.tensor]
    scaled = quantization(float(tensor.scale), tensor.zero_point + 128)
    output = builder.activation(name, tensor.shape, "uint8", scaled)
    return builder.emit("QUANTIZE", [stored.tensor], output)


# ---------------------------------------------------------------- QuantizeLinear, DequantizeLinear


def _parameters(conversion: Conversion, node: Node, dtype: str) -> Quantization:
    """Scales and zero points of one of the two, as they are in the file."""
    reason = "scales that are not float32"
    scales = known(conversion.numbers(node, 1), reason)
    need(scales.dtype == np.float32 and scales.size > 0 and scales.ndim <= 1, reason)
    need(
        bool(np.isfinite(scales).all() and (scales > 0).all()),
        "a scale that is not a positive number",
    )
    zeros = conversion.numbers(node, 2)
    zeros = np.zeros(scales.size, dtype) if zeros is None else zeros
    need(zeros.dtype.kind in "iu", f"zero points of {zeros.dtype}")
    need(zeros.size == scales.size, f"{scales.size} scales and {zeros.size} zero points")
    need(not node.options.get("block_size"), "scales of blocks")
    return Quantization(
        scales.reshape(-1), zeros.reshape(-1).astype(np.int64), int(node.options.get("axis", 1))
    )


def _signed(scaled: Quantization, dtype: str) -> Quantization:
    """The same scale of the int8 tensor that stands for an int8 or uint8 one."""
    need(dtype in ("int8", "uint8"), f"values of {dtype}; int8 and uint8 are supported")
    need(scaled.scales.size == 1, "results with a scale a channel; one scale is supported")
    return replace(
        scaled, zero_points=scaled.zero_points - (128 if dtype == "uint8" else 0), axis=0
    )


def _quantize_linear(conversion: Conversion, node: Node) -> list[Value]:
    output = conversion.output(node)
    to = _signed(_parameters(conversion, node, output.dtype), output.dtype)
    return [conversion.builder.quantized(_real(conversion.value(node, 0)), to, output.name)]


def _real(value: Value) -> Value:
    need(not isinstance(value, Steps), "8-bit values are quantized once more")
    return value


def _dequantize_linear(conversion: Conversion, node: Node) -> list[Value]:
    value, source = conversion.value(node, 0), conversion.graph.tensors[node.inputs[0]]
    scaled = _parameters(conversion, node, source.dtype)
    if isinstance(value, Constant):
        return [_weights(value.values, scaled)]
    scaled = _signed(scaled, source.dtype)
    if isinstance(value, Real):
        value = conversion.values[node.inputs[0]] = _integer_input(
            conversion.builder, value, scaled
        )
    value = a(Steps, value, f"of {source.dtype} results")
    return [
        replace(value, quantization=scaled).real()
        if not _same(value.quantization, scaled)
        else value.real()
    ]


def _same(a: Quantization, b: Quantization) -> bool:
    return bool(a.scales[0] == b.scales[0] and a.zero_points[0] == b.zero_points[0])


def _weights(integers: np.ndarray, scaled: Quantization) -> Constant:
    need(
        integers.dtype.name in ("int8", "uint8", "int32"),
        f"constants of {integers.dtype}; int8, uint8 and int32 are supported",
    )
    axis = scaled.axis + integers.ndim if scaled.axis < 0 else scaled.axis
    many = scaled.scales.size > 1
    fits = 0 <= axis < integers.ndim and integers.shape[axis] == scaled.scales.size
    need(not many or fits, f"{scaled.scales.size} scales along axis {axis}")
    along = [-1 if d == axis else 1 for d in range(integers.ndim)] if many else [1] * integers.ndim
    zeros = scaled.zero_points.reshape(along) if many or integers.ndim else scaled.zero_points[0]
    scales = scaled.scales.reshape(along) if many or integers.ndim else scaled.scales[0]
    values = (integers.astype(np.int64) - zeros).astype(
        np.float32
    ) * scales  # as DequantizeLinear does
    if integers.dtype == np.uint8:
        integers = (integers.astype(np.int16) - 128).astype(np.int8)
        scaled = replace(scaled, zero_points=scaled.zero_points - 128)
    return Constant(
        np.asarray(values), Weights(integers, replace(scaled, axis=axis if many else 0))
    )


def _integer_input(builder: Builder, value: Real, scaled: Quantization) -> Steps:
    """The 8-bit input of the network, whose scale is known here for the first time."""
    source = value.source.tensor
    tensor = builder.tensors[source]
    unsigned = tensor.dtype == "uint8"
    own = replace(scaled, zero_points=scaled.zero_points + (128 if unsigned else 0))
    builder.tensors[source] = replace(tensor, quantization=own)
    if not unsigned:
        return Steps(tensor.name, scaled, value.source)
    output = builder.activation(f"{tensor.name}/signed", tensor.shape, "int8", scaled)
    return Steps(
        tensor.name, scaled, Stored(builder.emit("QUANTIZE", [source], output), value.source.order)
    )
