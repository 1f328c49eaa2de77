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
from ...unsupported import Unsupported, a, cannot_become_c, known, need
from ..onnx import OnnxGraph, parse_onnx
from .builder import Builder
from .conv_pool_resize import WINDOWS
from .data_movement import MOVES
from .dense import DENSE
from .elementwise import ELEMENTWISE
from .onnx_operator import Converter, OnnxOperator
from .values import (
    IMAGE,
    Constant,
    Deferred,
    FloatTensor,
    Lookup,
    Quantized,
    Stored,
    Value,
    Weights,
    quantization,
    same_scale,
)

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
    graph = parse_onnx(data, name, folder, _CONVERTERS)
    _check_quantized(graph, name)
    builder, refused = Builder(), list[str]()
    values = {tensor: _input(graph, builder, tensor) for tensor in graph.inputs}
    for node in graph.nodes:
        refused += _convert(OnnxOperator(node, graph, builder, values))
    outputs = (
        []
        if refused
        else [_output(graph, builder, t, values.get(t), refused) for t in graph.outputs]
    )
    if refused:
        raise cannot_become_c(name, refused)
    inputs = tuple(range(len(graph.inputs)))  # they were the first tensors to be built
    tensors, operators = tuple(builder.tensors), tuple(builder.operators)
    return remove_dead(Graph(tensors, operators, inputs, tuple(outputs), graph.opset))


def _check_quantized(graph: OnnxGraph, name: str) -> None:
    if not any(node.name in ENDS for node in graph.nodes):
        raise PoseError(
            f"{name} computes in floating point; an .onnx network of QuantizeLinear and "
            "DequantizeLinear pairs (QDQ) is expected. "
            "Quantize it first, with quant_pre_process and quantize_static of "
            "onnxruntime.quantization, or the .keras or .h5 that it was made of: operation_mode "
            "chain_qd quantizes and then deploys."
        )


def _convert(op: OnnxOperator) -> list[str]:
    """Converts one operator; what is not supported about it. What depends on an operator that was
    refused is passed over."""
    tensors, node = op.graph.tensors, op.node
    if any(t >= 0 and not tensors[t].is_constant and t not in op.values for t in node.inputs):
        return []
    label = f"{node.name} of {next(tensors[t].name for t in node.outputs if t >= 0)!r}"
    try:
        made = _CONVERTERS[node.name](op)
    except Refused as refused:
        return [str(refused)]
    except Unsupported as reason:
        return [f"{label}: {reason}"]
    results = made if isinstance(made, list) else [made]
    op.values.update({t: _labeled(v, label) for t, v in zip(node.outputs, results) if t >= 0})
    return []


def _labeled(value: Value, label: str) -> Value:
    """A value whose refusal later names the operator that it comes from."""
    if not isinstance(value, Deferred):
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


def _input(graph: OnnxGraph, builder: Builder, tensor: int) -> Value:
    """An input; images are taken channels last."""
    made = graph.tensors[tensor]
    rank = len(made.shape)
    is_image = rank == 4 and made.shape[1] in (1, 3, 4) and made.shape[3] not in (1, 3, 4)
    order = IMAGE if is_image else tuple(range(rank))
    shape = tuple(made.shape[d] for d in order)
    stored = Stored(builder.activation(made.name, shape, made.dtype), order)
    if made.dtype in ("int8", "uint8"):
        return Lookup(stored, np.arange(256).astype(np.uint8).view(made.dtype).astype(np.float32))
    return FloatTensor(stored)


def _output(
    graph: OnnxGraph, builder: Builder, tensor: int, value: Value | None, refused: list[str]
) -> int:
    """The tensor that the network gives for an output of the file."""
    made = graph.tensors[tensor]
    try:
        if value is None:
            raise Unsupported("a constant, or the input as it is")
        if isinstance(value, Quantized):
            stored = _as_given(builder, builder.stored(value))
            if made.dtype != "int8":
                return _unsigned(builder, stored, made.name)
            return _named(builder, stored.tensor, made.name)
        if isinstance(value, Lookup) and value.quantized is not None:
            stored = _as_given(builder, builder.stored(value.quantized))
            quantized = _named(builder, stored.tensor, value.quantized.name)
            output = builder.activation(made.name, builder.tensors[quantized].shape, "float32")
            return builder.emit("DEQUANTIZE", [quantized], output)
        stored = _as_given(builder, builder.floats(value, made.name).stored)
        return _named(builder, stored.tensor, made.name)
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
    return stored if is_map and stored.order == IMAGE else builder.as_filed(stored)


def _unsigned(builder: Builder, stored: Stored, name: str) -> int:
    """int8 to uint8, of the same meaning."""
    tensor = builder.tensors[stored.tensor]
    scaled = quantization(float(tensor.scale), tensor.zero_point + 128)
    output = builder.activation(name, tensor.shape, "uint8", scaled)
    return builder.emit("QUANTIZE", [stored.tensor], output)


# ---------------------------------------------------------------- QuantizeLinear, DequantizeLinear


def _parameters(op: OnnxOperator, dtype: str) -> Quantization:
    """Scales and zero points of one of the two, as they are in the file."""
    reason = "scales that are not float32"
    scales = known(op.numbers(1), reason)
    need(scales.dtype == np.float32 and scales.size > 0 and scales.ndim <= 1, reason)
    positive = bool(np.isfinite(scales).all() and (scales > 0).all())
    need(positive, "a scale that is not a positive number")
    zeros = op.numbers(2)
    zeros = np.zeros(scales.size, dtype) if zeros is None else zeros
    need(zeros.dtype.kind in "iu", f"zero points of {zeros.dtype}")
    need(zeros.size == scales.size, f"{scales.size} scales and {zeros.size} zero points")
    need(not op.options.get("block_size"), "scales of blocks")
    zeros, axis = zeros.reshape(-1).astype(np.int64), int(op.options.get("axis", 1))
    return Quantization(scales.reshape(-1), zeros, axis)


def _signed(scaled: Quantization, dtype: str) -> Quantization:
    """The same scale of the int8 tensor that stands for an int8 or uint8 one."""
    need(dtype in ("int8", "uint8"), f"values of {dtype}; int8 and uint8 are supported")
    need(scaled.scales.size == 1, "results with a scale a channel; one scale is supported")
    return replace(
        scaled, zero_points=scaled.zero_points - (128 if dtype == "uint8" else 0), axis=0
    )


def _quantize_linear(op: OnnxOperator) -> Value:
    to, value = _signed(_parameters(op, op.dtype), op.dtype), op.value()
    need(not isinstance(value, Quantized), "8-bit values are quantized once more")
    return op.builder.quantized(value, to, op.name)


def _dequantize_linear(op: OnnxOperator) -> Value:
    value, tensor = op.value(), op.node.inputs[0]
    dtype = op.graph.tensors[tensor].dtype
    scaled = _parameters(op, dtype)
    if isinstance(value, Constant):
        return _weights(value.values, scaled)
    scaled = _signed(scaled, dtype)
    if isinstance(value, Lookup):
        value = op.values[tensor] = _integer_input(op.builder, value, scaled)
    value = a(Quantized, value, f"of {dtype} results")
    if not same_scale(value.quantization, scaled):
        value = replace(value, quantization=scaled)
    return value.dequantized()


def _weights(integers: np.ndarray, scaled: Quantization) -> Constant:
    need(
        integers.dtype.name in ("int8", "uint8", "int32"),
        f"constants of {integers.dtype}; int8, uint8 and int32 are supported",
    )
    axis = scaled.axis + integers.ndim if scaled.axis < 0 else scaled.axis
    many = scaled.scales.size > 1
    fits = 0 <= axis < integers.ndim and integers.shape[axis] == scaled.scales.size
    need(not many or fits, f"{scaled.scales.size} scales along axis {axis}")
    along = [-1 if many and d == axis else 1 for d in range(integers.ndim)]
    zeros, scales = scaled.zero_points.reshape(along), scaled.scales.reshape(along)
    values = (integers.astype(np.int64) - zeros).astype(np.float32) * scales
    if integers.dtype == np.uint8:
        integers = (integers.astype(np.int16) - 128).astype(np.int8)
        scaled = replace(scaled, zero_points=scaled.zero_points - 128)
    return Constant(
        np.asarray(values), Weights(integers, replace(scaled, axis=axis if many else 0))
    )


def _integer_input(builder: Builder, value: Lookup, scaled: Quantization) -> Quantized:
    """The 8-bit input of the network, whose scale is known here for the first time."""
    source = value.source.tensor
    tensor = builder.tensors[source]
    if tensor.dtype == "int8":
        builder.tensors[source] = replace(tensor, quantization=scaled)
        return Quantized(tensor.name, scaled, value.source)
    own = replace(scaled, zero_points=scaled.zero_points + 128)
    builder.tensors[source] = replace(tensor, quantization=own)
    output = builder.activation(f"{tensor.name}/signed", tensor.shape, "int8", scaled)
    signed = Stored(builder.emit("QUANTIZE", [source], output), value.source.order)
    return Quantized(tensor.name, scaled, signed)


OPERATORS: dict[str, Converter] = {**ELEMENTWISE, **MOVES, **WINDOWS, **DENSE}
"""The ONNX operators that become C, and what converts each."""

_CONVERTERS = {
    **OPERATORS,
    "QuantizeLinear": _quantize_linear,
    "DequantizeLinear": _dequantize_linear,
}
