"""ONNX operators that compute value by value: a table where they depend on one 8-bit tensor, else
an operator of two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import erf

import numpy as np

from ...attributes import Arithmetic
from ...graph import Quantization
from ...unsupported import a, known, need
from ..onnx import Node
from .conversion import Conversion
from .prelu import Product, product
from .values import Constant, Floats, Pending, Real, Steps, Stored, Value

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


def _function(conversion: Conversion, node: Node) -> list[Value]:
    value = conversion.value(node, 0)
    if node.name == "Relu" and isinstance(value, Pending):
        return [_limited(value, 0.0, np.inf)]
    return [_mapped(value, partial(_FUNCTIONS[node.name], **node.options))]


def _mapped(value: Value, function: Callable[[np.ndarray], np.ndarray]) -> Real:
    need(
        not isinstance(value, (Floats, Pending)),
        "it computes in floating point: its input is not quantized",
    )
    value = a(Real, value, "of 8-bit values themselves")
    with np.errstate(all="ignore"):
        # In 64 bits, so that only one rounding to 32 bits is left.
        return Real(
            value.source,
            np.asarray(function(value.values.astype(np.float64))).astype(np.float32),
            product=value.product,
        )


def _limited(value: Pending, low: float, high: float) -> Pending:
    least, most = (float(np.clip(limit, low, high)) for limit in value.limits)
    return replace(value, limits=(least, most))


def _clip(conversion: Conversion, node: Node) -> list[Value]:
    value = conversion.value(node, 0)
    least, most = conversion.numbers(node, 1, "min"), conversion.numbers(node, 2, "max")
    low = -np.inf if least is None else float(least)
    high = np.inf if most is None else float(most)
    need(low <= high, f"limits {low} and {high}")
    return [
        _limited(value, low, high)
        if isinstance(value, Pending)
        else _mapped(value, lambda x: np.clip(x, low, high))
    ]


def _as_it_is(conversion: Conversion, node: Node) -> list[Value]:
    return [conversion.value(node, 0)]


def _cast(conversion: Conversion, node: Node) -> list[Value]:
    value, output = conversion.value(node, 0), conversion.output(node)
    need(
        output.dtype == "float32" and isinstance(value, (Real, Floats, Pending)),
        f"to {output.dtype}",
    )
    return [value]


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


def _pair(conversion: Conversion, node: Node) -> list[Value]:
    need(len(node.inputs) == 2, f"of {len(node.inputs)} operands")
    values = conversion.given(node)
    function = _function_of_one(conversion, node, values)
    if function is not None:
        return [function]
    computed = partial(_on_floats, conversion, node, values)
    if any(isinstance(value, Floats) for value in values):
        return [computed()]
    if node.name in _EXTREME:
        return [Pending(partial(_extreme_steps, conversion, node, values), fuses=False)]
    need(node.name in _FLOAT, "of two results")
    if node.name in _INTEGER and all(_is_integer(value) for value in values):
        return [Pending(partial(_on_steps, conversion, node, values), computed)]
    return [Pending(partial(_through_floats, conversion, node, values), computed, fuses=False)]


def _function_of_one(conversion: Conversion, node: Node, values: list[Value]) -> Value | None:
    """The result where it depends on one 8-bit tensor alone, or on none."""
    shape = conversion.output(node).shape
    reals = [value for value in values if isinstance(value, Real)]
    compute = _PAIRS[node.name]
    with np.errstate(all="ignore"):
        if all(isinstance(value, Constant) for value in values):
            return Constant(compute(*(a(Constant, each, "of constants").values for each in values)))
        if (
            not reals
            or any(r.source != reals[0].source for r in reals)
            or conversion.builder.shape(reals[0].source) != shape
        ):
            return None
        operands = [_along(value, reals[0].source, shape) for value in values]
        if any(operand is None for operand in operands):
            return None
        results = compute(*operands).astype(np.float32)
    made = _product_of(conversion, node, values) or next(
        (real.product for real in reals if real.product is not None), None
    )
    return Real(reals[0].source, results, None, made, partial(_on_floats, conversion, node, values))


def _product_of(conversion: Conversion, node: Node, values: list[Value]) -> Product | None:
    """The product with 8-bit constants by channel that an operator computes."""
    constants = [value for value in values if isinstance(value, Constant)]
    if node.name not in ("Mul", "PRelu") or len(constants) != 1 or constants[0].weights is None:
        return None
    (real,) = [value for value in values if isinstance(value, Real)]
    scaled, integers = constants[0].weights.quantization, constants[0].weights.integers
    if (
        scaled.scales.size != 1
        or integers.dtype != np.int8
        or integers.size != max(integers.shape, default=1)
    ):
        return None
    given = (
        real.steps.quantization
        if real.steps is not None
        else conversion.builder.tensors[real.source.tensor].quantization
    )
    return product(
        real.values,
        float(given.scales[0]) if given is not None else 0.0,
        integers.reshape(-1),
        scaled,
    )


def _along(value: Value, source: Stored, shape: tuple[int, ...]) -> np.ndarray | None:
    """Values of a function of ``source``, or a constant that is one number, (1,), or one for each
    of its last index, (C, 1)."""
    if isinstance(value, Real):
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


def _on_steps(
    conversion: Conversion,
    node: Node,
    values: list[Value],
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    stored = _side_by_side(
        conversion, node, [_steps_operand(conversion, value) for value in values]
    )
    output = conversion.builder.activation(name, _broadcast(conversion, stored), "int8", to)
    conversion.builder.emit(
        _INTEGER[node.name],
        [s.tensor for s in stored],
        output,
        Arithmetic(activation),
    )
    return Steps(name, to, Stored(output, stored[0].order))


def _steps_operand(conversion: Conversion, value: Value) -> Stored:
    if not isinstance(value, Constant):
        return conversion.builder.operand(value)[0]
    weights = known(value.weights, "a constant that is not quantized")
    made = conversion.builder.constant("operand", weights.integers, weights.quantization)
    return Stored(made, tuple(range(weights.integers.ndim)))


def _is_integer(value: Value) -> bool:
    """A result, or a constant that is quantized to 8 bits."""
    if not isinstance(value, Constant):
        return True
    weights = value.weights
    one = weights is not None and weights.quantization.scales.size == 1
    return weights is not None and one and bool(weights.integers.dtype == np.int8)


def _through_floats(
    conversion: Conversion,
    node: Node,
    values: list[Value],
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    """With constants that have no 8 bits: anchors, say."""
    return conversion.builder.quantized(_on_floats(conversion, node, values), to, name)


def _extreme_steps(
    conversion: Conversion,
    node: Node,
    values: list[Value],
    to: Quantization,
    name: str,
    activation: str,
) -> Steps:
    """Rounding first changes nothing: the larger of two numbers is no smaller once both are
    rounded."""
    builder = conversion.builder
    constants = [value for value in values if isinstance(value, Constant)]
    results = [
        builder.stored(builder.quantized(value, to, f"{name}/operand"))
        for value in values
        if not isinstance(value, Constant)
    ]
    results += [builder.constant_steps(value.values, to) for value in constants]
    stored = _side_by_side(conversion, node, results)
    output = builder.activation(name, _broadcast(conversion, stored), "int8", to)
    return Steps(
        name,
        to,
        Stored(
            builder.emit(_EXTREME[node.name], [s.tensor for s in stored], output),
            stored[0].order,
        ),
    )


def _on_floats(conversion: Conversion, node: Node, values: list[Value]) -> Floats:
    need(node.name in _FLOAT, "it computes in floating point")
    name = conversion.output(node).name
    stored = _side_by_side(
        conversion,
        node,
        [conversion.builder.floats(value, f"{name}/operand").stored for value in values],
    )
    output = conversion.builder.activation(name, _broadcast(conversion, stored), "float32")
    return Floats(
        Stored(
            conversion.builder.emit(_FLOAT[node.name], [s.tensor for s in stored], output),
            stored[0].order,
        )
    )


def _side_by_side(conversion: Conversion, node: Node, operands: list[Stored]) -> list[Stored]:
    """Two operands with as many dimensions as the result, and in one order: that of the larger one
    that is no constant."""
    builder, shape = conversion.builder, conversion.output(node).shape
    full = [_of_rank(conversion, operand, len(shape)) for operand in operands]
    leading = [s for s in full if builder.shape(s) == shape]
    leading.sort(key=lambda s: builder.tensors[s.tensor].is_constant)
    order = leading[0].order if leading else tuple(range(len(shape)))
    return [builder.arranged(s, order) for s in full]


def _of_rank(conversion: Conversion, stored: Stored, rank: int) -> Stored:
    builder, own = conversion.builder, conversion.builder.shape(stored)
    if len(own) == rank:
        return stored
    shape, tensor = (1,) * (rank - len(own)) + own, builder.tensors[stored.tensor]
    if not tensor.is_constant:
        return builder.reshaped(stored, shape)
    return Stored(
        builder.constant(tensor.name, tensor.values.reshape(shape), tensor.quantization),
        tuple(range(rank)),
    )


def _broadcast(conversion: Conversion, stored: list[Stored]) -> tuple[int, ...]:
    return tuple(np.broadcast_shapes(*(conversion.builder.tensors[s.tensor].shape for s in stored)))


ELEMENTWISE = {
    **dict.fromkeys(_FUNCTIONS, _function),
    **dict.fromkeys(_PAIRS, _pair),
    "Clip": _clip,
    "Identity": _as_it_is,
    "Dropout": _as_it_is,
    "Cast": _cast,
}
