"""ONNX operators of matrices: products with weights or with each other, as attention has them, and
softmax."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import prod

import numpy as np

from ...attributes import FullyConnected, Pack
from ...graph import Quantization
from ...unsupported import a, known, need
from .builder import Builder
from .data_movement import part_of
from .onnx_operator import Converter, OnnxOperator
from .values import Constant, Deferred, Quantized, Stored, Value, Wanted, Weights

MAX_PRODUCTS = 64
"""Matrices of one MatMul; each becomes separate operators."""


def sums_of(bias: Constant, scaled: Quantization, weights: Quantization) -> np.ndarray:
    """A bias in the scale of the sums of products, that of the input times that of the weights."""
    real = bias.values.astype(np.float64)
    if bias.weights is not None:
        own = bias.weights.quantization
        real = (bias.weights.integers - own.zero_points) * own.scales.astype(np.float64)
    sums = np.rint(real / (float(scaled.scales[0]) * weights.scales.astype(np.float64)))
    fits = bool(np.isfinite(sums).all() and (np.abs(sums) < 2**31).all())
    need(fits, "a bias that does not go into 32 bits")
    return sums.astype(np.int32)


def _product(op: OnnxOperator) -> Value:
    first, second = op.given()[:2]
    need(not isinstance(first, Constant), "of a constant with a result")
    if isinstance(second, Constant):
        need(second.values.ndim == 2, f"of weights of {second.values.ndim} dimensions")
        return Deferred(partial(_dense, op, _Layer(*op.builder.operand(first), second)))
    left, right = (op.builder.operand(value)[0] for value in (first, second))
    return Deferred(partial(_products, op, left, right))


def _gemm(op: OnnxOperator) -> Value:
    plain = op.options.get("alpha", 1.0) == op.options.get("beta", 1.0) == 1.0
    need(plain and not op.options.get("transA", 0), "with transA, alpha or beta")
    reason = "of weights that are not constant"
    weights, bias = a(Constant, op.value(1), reason), None
    need(weights.values.ndim == 2, reason)
    if op.has(2):
        bias = a(Constant, op.value(2), "a bias that is not constant")
    by_output = bool(op.options.get("transB", 0))
    return Deferred(
        partial(_dense, op, _Layer(*op.builder.operand(op.value()), weights, by_output, bias))
    )


@dataclass(frozen=True)
class _Layer:
    """A product with constant weights; ``by_output`` if those are output by input in the file."""

    source: Stored
    scaled: Quantization
    weights: Constant
    by_output: bool = False
    bias: Constant | None = None


def _dense(op: OnnxOperator, layer: _Layer, wanted: Wanted) -> Quantized:
    builder, shape = op.builder, op.shape
    reason = "weights that are not quantized to 8 bits"
    own = known(layer.weights.weights, reason)
    need(own.integers.dtype == np.int8, reason)
    axis = 0 if layer.by_output else 1
    one_scale = own.quantization.scales.size == 1
    need(one_scale or own.quantization.axis == axis, "a scale for each input")
    matrix = own.integers if layer.by_output else own.integers.T
    inputs = [
        builder.as_filed(layer.source).tensor,
        builder.constant(f"{wanted.name}/weights", matrix, own.quantization),
    ]
    if layer.bias is not None:
        need(layer.bias.values.size == shape[-1], f"a bias of shape {layer.bias.values.shape}")
        sums = sums_of(_flat(layer.bias), layer.scaled, own.quantization)
        inputs.append(builder.constant(f"{wanted.name}/bias", sums))
    order, attributes = tuple(range(len(shape))), FullyConnected(wanted.activation)
    return wanted.quantized(
        builder.result("FULLY_CONNECTED", inputs, wanted, shape, order, attributes)
    )


def _flat(bias: Constant) -> Constant:
    own = bias.weights
    flat = None if own is None else Weights(own.integers.reshape(-1), own.quantization)
    return Constant(bias.values.reshape(-1), flat)


# ---------------------------------------------------------------- two results


def _products(op: OnnxOperator, a: Stored, b: Stored, wanted: Wanted) -> Quantized:
    """One FULLY_CONNECTED for each pair of matrices: the rows of one times the columns of the
    other."""
    builder, shape = op.builder, op.shape
    first, second = builder.shape(a), builder.shape(b)
    need(len(first) == len(second) >= 2 and first[:-2] == second[:-2], f"of {first} and {second}")
    count = prod(first[:-2])
    need(count <= MAX_PRODUCTS, f"of {count} matrices; up to {MAX_PRODUCTS} are supported")
    results = []
    for number in range(count):
        left, right = (_matrix(builder, stored, number) for stored in (a, b))
        name = f"{wanted.name}/{number}" if count > 1 else wanted.name
        output = builder.activation(name, shape[-2:], "int8", wanted.quantization)
        inputs = [builder.arranged(left, (0, 1)).tensor, builder.arranged(right, (1, 0)).tensor]
        attributes = FullyConnected(wanted.activation)
        results.append(builder.emit("FULLY_CONNECTED", inputs, output, attributes))
    return wanted.quantized(builder.reshaped(_stacked(builder, results, wanted), shape))


def _matrix(builder: Builder, stored: Stored, number: int) -> Stored:
    """One of the matrices, in the order in which it is stored."""
    shape = builder.shape(stored)
    starts = [int(n) for n in np.unravel_index(number, shape[:-2])] if len(shape) > 2 else []
    cut = part_of(builder, stored, [*starts, 0, 0], (1,) * len(starts) + shape[-2:])
    return builder.reshaped(cut, shape[-2:])


def _stacked(builder: Builder, matrices: list[int], wanted: Wanted) -> Stored:
    if len(matrices) == 1:
        return Stored(matrices[0], (0, 1))
    shape, pack = (len(matrices), *builder.tensors[matrices[0]].shape), Pack(0, len(matrices))
    return builder.result("PACK", matrices, wanted, shape, (0, 1, 2), pack)


# ---------------------------------------------------------------- softmax


def _softmax(op: OnnxOperator) -> Value:
    old = op.graph.opset < 13
    axis = int(op.options.get("axis", 1 if old else -1)) % len(op.shape)
    need(not old or prod(op.shape[axis + 1 :]) == 1, "over several dimensions")
    source, _ = op.builder.operand(op.value())
    order = (*(d for d in source.order if d != axis), axis)
    return Deferred(
        partial(_softmax_quantized, op, op.builder.arranged(source, order)), fuses=False
    )


def _softmax_quantized(op: OnnxOperator, source: Stored, wanted: Wanted) -> Quantized:
    return wanted.quantized(
        op.builder.result("SOFTMAX", [source.tensor], wanted, op.shape, source.order)
    )


DENSE: dict[str, Converter] = {"MatMul": _product, "Gemm": _gemm, "Softmax": _softmax}
