"""ONNX operators of matrices: products with weights or with each other, as attention has them, and
softmax."""

from __future__ import annotations

from functools import partial
from math import prod

import numpy as np

from ...attributes import FullyConnected, Pack
from ...graph import Quantization
from ...unsupported import a, known, need
from ..onnx import Node
from .conv_pool_resize import sums_of
from .conversion import Conversion
from .data_movement import part_of
from .values import Builder, Constant, Pending, Steps, Stored, Value, Weights

MAX_PRODUCTS = 64
"""Matrices of one MatMul; each becomes separate operators."""


def _product(conversion: Conversion, node: Node) -> list[Value]:
    first, second = conversion.given(node)[:2]
    need(not isinstance(first, Constant), "of a constant with a result")
    if isinstance(second, Constant):
        need(second.values.ndim == 2, f"of weights of {second.values.ndim} dimensions")
        source, scaled = conversion.builder.operand(first)
        return [Pending(partial(_dense, conversion, node, source, scaled, second, False, None))]
    left, right = (conversion.builder.operand(value)[0] for value in (first, second))
    return [Pending(partial(_products, conversion, node, left, right))]


def _gemm(conversion: Conversion, node: Node) -> list[Value]:
    options = node.options
    reason = "of weights that are not constant"
    need(
        not options.get("transA", 0)
        and options.get("alpha", 1.0) == options.get("beta", 1.0) == 1.0,
        "with transA, alpha or beta",
    )
    weights = a(Constant, conversion.value(node, 1), reason)
    need(weights.values.ndim == 2, reason)
    bias = None
    if conversion.has(node, 2):
        bias = a(Constant, conversion.value(node, 2), "a bias that is not constant")
    source, scaled = conversion.builder.operand(conversion.value(node, 0))
    return [
        Pending(
            partial(
                _dense,
                conversion,
                node,
                source,
                scaled,
                weights,
                bool(options.get("transB", 0)),
                bias,
            )
        )
    ]


def _dense(
    conversion: Conversion,
    node: Node,
    source: Stored,
    scaled: Quantization,
    weights: Constant,
    by_output: bool,
    bias: Constant | None,
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    """FULLY_CONNECTED; ``by_output`` if the file's weights are output by input already."""
    builder, shape = conversion.builder, conversion.output(node).shape
    reason = "weights that are not quantized to 8 bits"
    own = known(weights.weights, reason)
    need(own.integers.dtype == np.int8, reason)
    need(
        own.quantization.scales.size == 1 or own.quantization.axis == (0 if by_output else 1),
        "a scale for each input",
    )
    matrix = own.integers if by_output else own.integers.T
    inputs = [
        builder.as_filed(source).tensor,
        builder.constant(f"{name}/weights", matrix, own.quantization),
    ]
    if bias is not None:
        need(bias.values.size == shape[-1], f"a bias of shape {bias.values.shape}")
        sums = sums_of(_flat(bias), scaled, own.quantization)
        inputs.append(builder.constant(f"{name}/bias", sums))
    output = builder.activation(name, shape, "int8", to)
    builder.emit("FULLY_CONNECTED", inputs, output, FullyConnected(activation))
    return Steps(name, to, Stored(output, tuple(range(len(shape)))))


def _flat(bias: Constant) -> Constant:
    own = bias.weights
    flat = None if own is None else Weights(own.integers.reshape(-1), own.quantization)
    return Constant(bias.values.reshape(-1), flat)


# ---------------------------------------------------------------- two results


def _products(
    conversion: Conversion,
    node: Node,
    a: Stored,
    b: Stored,
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    """One FULLY_CONNECTED for each pair of matrices: the rows of one times the columns of the
    other."""
    builder, shape = conversion.builder, conversion.output(node).shape
    first, second = builder.shape(a), builder.shape(b)
    need(len(first) == len(second) >= 2 and first[:-2] == second[:-2], f"of {first} and {second}")
    count = prod(first[:-2])
    need(count <= MAX_PRODUCTS, f"of {count} matrices; up to {MAX_PRODUCTS} are supported")
    results = []
    for number in range(count):
        left, right = (_matrix(builder, stored, number) for stored in (a, b))
        output = builder.activation(
            f"{name}/{number}" if count > 1 else name, shape[-2:], "int8", to
        )
        inputs = [builder.arranged(left, (0, 1)).tensor, builder.arranged(right, (1, 0)).tensor]
        results.append(builder.emit("FULLY_CONNECTED", inputs, output, FullyConnected(activation)))
    return Steps(name, to, builder.reshaped(_stacked(builder, results, to, name), shape))


def _matrix(builder: Builder, stored: Stored, number: int) -> Stored:
    """One of the matrices, in the order in which it is stored."""
    shape = builder.shape(stored)
    starts = [int(n) for n in np.unravel_index(number, shape[:-2])] if len(shape) > 2 else []
    cut = part_of(builder, stored, [*starts, 0, 0], (1,) * len(starts) + shape[-2:])
    return builder.reshaped(cut, shape[-2:])


def _stacked(builder: Builder, matrices: list[int], to: Quantization, name: str) -> Stored:
    rows, columns = builder.tensors[matrices[0]].shape
    if len(matrices) == 1:
        return Stored(matrices[0], (0, 1))
    output = builder.activation(name, (len(matrices), rows, columns), "int8", to)
    return Stored(builder.emit("PACK", matrices, output, Pack(0, len(matrices))), (0, 1, 2))


# ---------------------------------------------------------------- softmax


def _softmax(conversion: Conversion, node: Node) -> list[Value]:
    builder, shape = conversion.builder, conversion.output(node).shape
    old = conversion.graph.opset < 13
    axis = int(node.options.get("axis", 1 if old else -1)) % len(shape)
    need(not old or prod(shape[axis + 1 :]) == 1, "over several dimensions")
    source, _ = builder.operand(conversion.value(node, 0))
    order = (*(d for d in source.order if d != axis), axis)
    return [Pending(partial(_softmax_steps, builder, builder.arranged(source, order)), fuses=False)]


def _softmax_steps(
    builder: Builder, source: Stored, to: Quantization, name: str, activation: str
) -> Steps:
    output = builder.activation(name, builder.tensors[source.tensor].shape, "int8", to)
    builder.emit("SOFTMAX", [source.tensor], output)
    return Steps(name, to, Stored(output, source.order))


PRODUCTS = {"MatMul": _product, "Gemm": _gemm, "Softmax": _softmax}
