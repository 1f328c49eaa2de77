"""ONNX operators that compute value by value: a table where they depend on one 8-bit tensor, else
an operator of two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import erf

import numpy as np

from ...attributes import Arithmetic, Attributes
from ...unsupported import a, known, need
from .onnx_operator import Converter, OnnxOperator
from .prelu import Product, product
from .values import Constant, Deferred, FloatTensor, Lookup, Quantized, Stored, Value, Wanted

# ---------------------------------------------------------------- one operand


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _hard_sigmoid(x: np.ndarray, alpha: float = 0.2, beta: float = 0.5) -> np.ndarray:
    return np.clip(alpha * x + beta, 0, 1)


def _erf(x: np.ndarray) -> np.ndarray:
    return np.vectorize(erf, otypes=[np.float64])(x)


def _gelu(x: np.ndarray, approximate: str = "none") -> np.ndarray:
    if approximate == "tanh":
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + _erf(x / np.sqrt(2)))


_FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "Relu": lambda x: np.maximum(x, 0),
    "LeakyRelu": lambda x, alpha=0.01: np.where(x < 0, alpha * x, x),
    "Elu": lambda x, alpha=1.0: np.where(x < 0, alpha * np.expm1(x), x),
    "Sigmoid": _sigmoid,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda x: x * _hard_sigmoid(x, 1 / 6),
    "Softplus": lambda x: np.logaddexp(x, 0),
    "Mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "Gelu": _gelu,
    "Tanh": np.tanh,
    "Erf": _erf,
    "Neg": np.negative,
    "Abs": np.abs,
    "Exp": np.exp,
    "Log": np.log,
    "Sqrt": np.sqrt,
    "Reciprocal": np.reciprocal,
}
"""With their attributes and the defaults of these."""


def _function(op: OnnxOperator) -> Value:
    value = op.value()
    if op.kind == "Relu" and isinstance(value, Deferred):
        return _limited(value, 0.0, np.inf)
    return _mapped(value, partial(_FUNCTIONS[op.kind], **op.options))


def _mapped(value: Value, function: Callable[[np.ndarray], np.ndarray]) -> Lookup:
    in_floats = isinstance(value, (FloatTensor, Deferred))
    need(not in_floats, "it computes in floating point: its input is not quantized")
    value = a(Lookup, value, "of 8-bit values themselves")
    with np.errstate(all="ignore"):
        # In 64 bits, so that only one rounding to 32 bits is left.
        results = np.asarray(function(value.values.astype(np.float64))).astype(np.float32)
    return Lookup(value.source, results, product=value.product)


def _limited(value: Deferred, low: float, high: float) -> Deferred:
    least, most = (float(np.clip(limit, low, high)) for limit in value.limits)
    return replace(value, limits=(least, most))


def _clip(op: OnnxOperator) -> Value:
    value, least, most = op.value(), op.numbers(1, "min"), op.numbers(2, "max")
    low = -np.inf if least is None else float(least)
    high = np.inf if most is None else float(most)
    need(low <= high, f"limits {low} and {high}")
    if isinstance(value, Deferred):
        return _limited(value, low, high)
    return _mapped(value, lambda x: np.clip(x, low, high))


def _as_it_is(op: OnnxOperator) -> Value:
    return op.value()


def _cast(op: OnnxOperator) -> Value:
    value = op.value()
    real = isinstance(value, (Lookup, FloatTensor, Deferred))
    need(real and op.dtype == "float32", f"to {op.dtype}")
    return value


# ---------------------------------------------------------------- two operands

_PAIRS: dict[str, Callable[..., np.ndarray]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Min": np.minimum,
    "Max": np.maximum,
    "Pow": np.power,
    "PRelu": lambda x, slope: np.where(x < 0, slope * x, x),
}
_EXTREME = {"Min": "MINIMUM", "Max": "MAXIMUM"}
_INTEGER = {"Add": "ADD", "Sub": "SUB", "Mul": "MUL"}
_FLOAT = {**_INTEGER, "Div": "DIV"}


def _pair(op: OnnxOperator) -> Value:
    need(len(op.node.inputs) == 2, f"of {len(op.node.inputs)} operands")
    values = op.given()
    function = _function_of_one(op, values)
    if function is not None:
        return function
    computed = partial(_on_floats, op, values)
    if any(isinstance(value, FloatTensor) for value in values):
        return computed()
    if op.kind in _EXTREME:
        return Deferred(partial(_extreme_quantized, op, values), fuses=False)
    need(op.kind in _FLOAT, "of two results")
    if op.kind in _INTEGER and all(_is_integer(value) for value in values):
        return Deferred(partial(_on_integers, op, values), computed)
    return Deferred(partial(_through_floats, op, computed), computed, fuses=False)


def _function_of_one(op: OnnxOperator, values: list[Value]) -> Value | None:
    """The result where it depends on one 8-bit tensor alone, or on none."""
    reals = [value for value in values if isinstance(value, Lookup)]
    constants = [value for value in values if isinstance(value, Constant)]
    compute = _PAIRS[op.kind]
    with np.errstate(all="ignore"):
        if len(constants) == len(values):
            return Constant(compute(*(each.values for each in constants)))
        sources = {real.source for real in reals}
        if len(sources) != 1 or op.builder.shape(reals[0].source) != op.shape:
            return None
        operands = [_along(value, reals[0].source, op.shape) for value in values]
        if any(operand is None for operand in operands):
            return None
        results = compute(*operands).astype(np.float32)
    made = next((real.product for real in reals if real.product is not None), None)
    made = _product_of(op, reals[0], constants) or made
    return Lookup(reals[0].source, results, None, made, partial(_on_floats, op, values))


def _product_of(op: OnnxOperator, real: Lookup, constants: list[Constant]) -> Product | None:
    """The product with 8-bit constants by channel that an operator computes."""
    if op.kind not in ("Mul", "PRelu") or len(constants) != 1 or constants[0].weights is None:
        return None
    scaled, integers = constants[0].weights.quantization, constants[0].weights.integers
    by_channel = integers.size == max(integers.shape, default=1)
    if scaled.scales.size != 1 or integers.dtype != np.int8 or not by_channel:
        return None
    given = real.quantized or op.builder.tensors[real.source.tensor]
    step = float(given.quantization.scales[0]) if given.quantization is not None else 0.0
    return product(real.values, step, integers.reshape(-1), scaled)


def _along(value: Value, source: Stored, shape: tuple[int, ...]) -> np.ndarray | None:
    """Values of a function of ``source``, or a constant that is one number, (1,), or one for each
    of its last index, (C, 1)."""
    if isinstance(value, Lookup):
        return value.values.astype(np.float64)
    if not isinstance(value, Constant):
        return None
    numbers: np.ndarray = value.values.astype(np.float64)
    if numbers.size == 1 or (numbers.size and (numbers == numbers.flat[0]).all()):
        return numbers.reshape(-1)[:1]
    full = numbers.reshape((1,) * (len(shape) - numbers.ndim) + numbers.shape)
    varying = [d for d in range(full.ndim) if full.shape[d] > 1]
    last = source.order[-1]
    return numbers.reshape(-1, 1) if varying == [last] and full.shape[last] == shape[last] else None


def _on_integers(op: OnnxOperator, values: list[Value], wanted: Wanted) -> Quantized:
    stored = _side_by_side(op, [_integer_operand(op, value) for value in values])
    return _written(op, _INTEGER[op.kind], stored, wanted, Arithmetic(wanted.activation))


def _integer_operand(op: OnnxOperator, value: Value) -> Stored:
    if not isinstance(value, Constant):
        return op.builder.operand(value)[0]
    weights = known(value.weights, "a constant that is not quantized")
    return op.builder.stored_constant("operand", weights.integers, weights.quantization)


def _is_integer(value: Value) -> bool:
    """A result, or a constant that is quantized to 8 bits."""
    if not isinstance(value, Constant):
        return True
    weights = value.weights
    one = weights is not None and weights.quantization.scales.size == 1
    return weights is not None and one and bool(weights.integers.dtype == np.int8)


def _through_floats(
    op: OnnxOperator, computed: Callable[[], FloatTensor], wanted: Wanted
) -> Quantized:
    """With constants that have no 8 bits: anchors, say."""
    return op.builder.quantized(computed(), wanted.quantization, wanted.name)


def _extreme_quantized(op: OnnxOperator, values: list[Value], wanted: Wanted) -> Quantized:
    """Rounding first changes nothing: the larger of two numbers is no smaller once both are
    rounded."""
    name = f"{wanted.name}/operand"
    constants_last = sorted(values, key=lambda value: isinstance(value, Constant))
    results = [op.builder.eight_bit(each, wanted.quantization, name) for each in constants_last]
    return _written(op, _EXTREME[op.kind], _side_by_side(op, results), wanted, Attributes())


def _written(
    op: OnnxOperator, name: str, stored: list[Stored], wanted: Wanted, attributes: Attributes
) -> Quantized:
    builder = op.builder
    shape = _broadcast(op, stored)
    output = builder.activation(wanted.name, shape, "int8", wanted.quantization)
    builder.emit(name, [each.tensor for each in stored], output, attributes)
    return wanted.quantized(Stored(output, stored[0].order))


def _on_floats(op: OnnxOperator, values: list[Value]) -> FloatTensor:
    need(op.kind in _FLOAT, "it computes in floating point")
    operands = [op.builder.floats(value, f"{op.name}/operand").stored for value in values]
    stored = _side_by_side(op, operands)
    output = op.builder.activation(op.name, _broadcast(op, stored), "float32")
    op.builder.emit(_FLOAT[op.kind], [each.tensor for each in stored], output)
    return FloatTensor(Stored(output, stored[0].order))


def _side_by_side(op: OnnxOperator, operands: list[Stored]) -> list[Stored]:
    """Two operands with as many dimensions as the result, and in one order: that of the larger one
    that is not constant."""
    builder, shape = op.builder, op.shape
    full = [_of_rank(op, operand, len(shape)) for operand in operands]
    leading = [s for s in full if builder.shape(s) == shape]
    leading.sort(key=lambda s: builder.tensors[s.tensor].is_constant)
    order = leading[0].order if leading else tuple(range(len(shape)))
    return [builder.arranged(s, order) for s in full]


def _of_rank(op: OnnxOperator, stored: Stored, rank: int) -> Stored:
    builder, own = op.builder, op.builder.shape(stored)
    if len(own) == rank:
        return stored
    shape, tensor = (1,) * (rank - len(own)) + own, builder.tensors[stored.tensor]
    if not tensor.is_constant:
        return builder.reshaped(stored, shape)
    return builder.stored_constant(tensor.name, tensor.values.reshape(shape), tensor.quantization)


def _broadcast(op: OnnxOperator, stored: list[Stored]) -> tuple[int, ...]:
    return tuple(np.broadcast_shapes(*(op.builder.tensors[s.tensor].shape for s in stored)))


ELEMENTWISE: dict[str, Converter] = {
    **dict.fromkeys(_FUNCTIONS, _function),
    **dict.fromkeys(_PAIRS, _pair),
    "Clip": _clip,
    "Identity": _as_it_is,
    "Dropout": _as_it_is,
    "Cast": _cast,
}
