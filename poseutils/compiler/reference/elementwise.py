"""What the elementwise operators compute, value by value, as LiteRT's reference kernels do: to fold
a chain of them into one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ..attributes import Fused, LeakyRelu
from ..graph import Operator, Tensor
from .fixed_point import (
    has_halves,
    high_product_16,
    multiplier_16,
    multiply,
    multiply_even,
    quantize_multiplier,
    rounding_once,
    saturated_16,
    shift_right,
)
from .functions import (
    SQUARE_BITS,
    Elementwise,
    elu,
    exponential,
    gelu,
    hyperbolic_tangent,
    inverse_root,
    logarithm,
    logistic,
    looked_up,
    negative,
    rounded,
    square_multipliers,
    square_root,
)

LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}
"""The values of the 8-bit types."""


def per_tensor(tensor: Tensor) -> bool:
    """An 8-bit tensor with one scale, which is positive, and a zero point that its type has."""
    quantization = tensor.quantization
    if tensor.dtype not in LIMITS or quantization is None or len(quantization.scales) != 1:
        return False
    low, high = LIMITS[tensor.dtype]
    return bool(quantization.scales[0] > 0) and low <= tensor.zero_point <= high


def same_scale(a: Tensor, b: Tensor) -> bool:
    """Whether two 8-bit tensors of one scale stand for the same real values."""
    return a.zero_point == b.zero_point and bool(a.scale == b.scale)


_RANGES = {
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}
"""The real values that each activation lets through."""


def activation_range(operator: Operator, output: Tensor) -> tuple[int, int]:
    """The least and the greatest value that the operator's fused activation lets through."""
    least, most = LIMITS[output.dtype]
    low, high = _RANGES.get(activation(operator), (None, None))
    if low is not None:
        least = max(least, _quantized(low, output))
    if high is not None:
        most = min(most, _quantized(high, output))
    return least, most


def activation(operator: Operator) -> str:
    """The fused activation, ``NONE`` without one."""
    return operator.attributes_as(Fused).activation


def _quantized(real: float, tensor: Tensor) -> int:
    return tensor.zero_point + int(rounded(np.float32(real) / tensor.scale))


def add_multipliers(a: Tensor, b: Tensor, output: Tensor) -> list[tuple[int, int]]:
    """Multiplier and shift of the operands, and of the result: both operands come to twice the
    larger scale, 20 bits finer."""
    twice = 2 * max(float(a.scale), float(b.scale))
    reals = [float(a.scale) / twice, float(b.scale) / twice, twice / (2**20 * float(output.scale))]
    return [quantize_multiplier(real) for real in reals]


def multiplier_of(operator: Operator, ratio: float) -> tuple[int, int]:
    """Multiplier and shift of a ratio of scales."""
    once = operator.rounds_once and not rounds_to_even(operator, ratio)
    return rounding_once(ratio) if once else quantize_multiplier(ratio)


def rounds_to_even(operator: Operator, *ratios: float) -> bool:
    """Whether an operator of a QDQ network has results halfway between two steps; these go to the
    even one, as ONNX has it."""
    return operator.rounds_once and all(has_halves(ratio) for ratio in ratios)


def product_ratio(a: Tensor, b: Tensor, output: Tensor) -> float:
    """The scale of a product over that of the output; LiteRT multiplies as 32-bit floats."""
    return float(a.scale * b.scale / output.scale)


def sum_is_even(operator: Operator, a: Tensor, b: Tensor, output: Tensor) -> bool:
    """:func:`rounds_to_even` of a sum."""
    return rounds_to_even(operator, *(float(each.scale) / float(output.scale) for each in (a, b)))


def _clamped(op: Elementwise, q: np.ndarray) -> np.ndarray:
    limits = activation_range(op.operator, op.output)
    return np.clip(q + op.output.zero_point, *limits).astype(op.output.dtype)


def _sum(op: Elementwise, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    tensors = op.inputs[0], op.inputs[1], op.output
    first, second, result = add_multipliers(*tensors)
    left, right = multiply(op.steps(a) << 20, *first), multiply(op.steps(b, 1) << 20, *second)
    total = left - right if op.operator.name == "SUB" else left + right
    rounded_sum = multiply_even if sum_is_even(op.operator, *tensors) else multiply
    return _clamped(op, rounded_sum(total, *result))


def _product(op: Elementwise, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    ratio = product_ratio(op.inputs[0], op.inputs[1], op.output)
    rounded_product = multiply_even if rounds_to_even(op.operator, ratio) else multiply
    pair = multiplier_of(op.operator, ratio)
    return _clamped(op, rounded_product(op.steps(a) * op.steps(b, 1), *pair))


def _quantize(op: Elementwise, values: np.ndarray) -> np.ndarray:
    given, output = op.inputs[0], op.output
    if given.dtype == "float32":
        q = rounded(np.nan_to_num(values / output.scale)).clip(-1024, 1024)
    else:
        ratio = float(given.scale) / float(output.scale)
        q = multiply(op.steps(values), *quantize_multiplier(ratio))
    return np.clip(q + output.zero_point, *LIMITS[output.dtype]).astype(output.dtype)


def _cast(op: Elementwise, values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)


def _square_root(op: Elementwise, values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.sqrt(values)


def _on_floats(op: Elementwise, values: np.ndarray) -> np.ndarray:
    """Those that are exact on 32-bit floats."""
    if op.operator.name in ("NEG", "ABS"):
        return -values if op.operator.name == "NEG" else np.abs(values)
    low, high = _RANGES[op.operator.name]
    return np.clip(values, np.float32(low), None if high is None else np.float32(high))


def _relu(op: Elementwise, values: np.ndarray) -> np.ndarray:
    q = multiply(op.steps(values), *quantize_multiplier(op.ratio()))
    fused = replace(op.operator, attributes=Fused(op.operator.name))
    return _clamped(replace(op, operator=fused), q)


def _leaky_relu(op: Elementwise, values: np.ndarray) -> np.ndarray:
    slope, x = np.float32(op.operator.attributes_as(LeakyRelu).alpha), op.steps(values)
    below = float(op.inputs[0].scale * slope / op.output.scale)
    scaled = [multiply(x, *quantize_multiplier(ratio)) for ratio in (op.ratio(), below)]
    return _clamped(op, np.where(x >= 0, *scaled))


def _absolute(op: Elementwise, values: np.ndarray) -> np.ndarray:
    return _clamped(op, multiply(np.abs(op.steps(values)), *quantize_multiplier(op.ratio())))


def _hard_swish(op: Elementwise, values: np.ndarray) -> np.ndarray:
    """x · min(max(x + 3, 0), 6) / 6 in 16 bits: x is made 128 times finer, and multiplied by what
    is from 0 to 1 for x = -3 ... 3."""
    x, (out_multiplier, out_shift) = op.steps(values) << 7, _hard_swish_multiplier(op)
    gate_multiplier, gate_shift = quantize_multiplier(
        float(_fine(op.inputs[0]) / (np.float32(3) / np.float32(32768)))
    )
    gate = saturated_16(x << (gate_shift - 1)) if gate_shift > 0 else x
    gate = high_product_16(gate, multiplier_16(gate_multiplier), nearest=True)
    gate = saturated_16(gate << 1) if gate_shift > 0 else shift_right(gate, -gate_shift)
    scaled = high_product_16(x, multiplier_16(out_multiplier), nearest=True)
    product = high_product_16((gate + (1 << 15)) >> 1, scaled, nearest=False)
    return _clamped(op, shift_right(product, -out_shift))


def _fine(tensor: Tensor) -> np.float32:
    return tensor.scale * np.float32(1 / 128)


def _hard_swish_multiplier(op: Elementwise) -> tuple[int, int]:
    return quantize_multiplier(float(_fine(op.inputs[0]) / op.output.scale))


def _squared_difference(op: Elementwise, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    scales = op.inputs[0].scale, op.inputs[1].scale, op.output.scale
    first, second, result = square_multipliers(*scales)
    left = multiply(op.steps(a) << SQUARE_BITS, *first)
    right = multiply(op.steps(b, 1) << SQUARE_BITS, *second)
    return _clamped(op, multiply((left - right) ** 2, *result))


def _extreme(op: Elementwise, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (np.maximum if op.operator.name == "MAXIMUM" else np.minimum)(a, b)


_PAIRED = (_sum, _product, _squared_difference, _extreme)
"""Those of two operands."""

Evaluator = Callable[..., np.ndarray]
"""An array of values for each input -> values of the output."""

_INTEGER, _FLOAT, _BYTES = ("int8",), ("float32",), ("int8", "uint8")
Signature = tuple[tuple[str, ...], tuple[str, ...], Evaluator]
_KNOWN: dict[str, list[Signature]] = {
    "ADD": [(_INTEGER, _INTEGER, _sum)],
    "SUB": [(_INTEGER, _INTEGER, _sum)],
    "MUL": [(_INTEGER, _INTEGER, _product)],
    "LOGISTIC": [(_INTEGER, _INTEGER, looked_up(logistic))],
    "QUANTIZE": [(_BYTES, _BYTES, _quantize), (_FLOAT, _BYTES, _quantize)],
    "DEQUANTIZE": [(_BYTES, _FLOAT, Elementwise.real)],
    "CAST": [(_BYTES, _FLOAT, _cast)],
    "SQRT": [(_FLOAT, _FLOAT, _square_root), (_INTEGER, _INTEGER, square_root)],
    **dict.fromkeys(_RANGES, [(_INTEGER, _INTEGER, _relu), (_FLOAT, _FLOAT, _on_floats)]),
    "LEAKY_RELU": [(_INTEGER, _INTEGER, _leaky_relu)],
    "HARD_SWISH": [(_INTEGER, _INTEGER, _hard_swish)],
    "TANH": [(_INTEGER, _INTEGER, looked_up(hyperbolic_tangent))],
    "ABS": [(_INTEGER, _INTEGER, _absolute), (_FLOAT, _FLOAT, _on_floats)],
    "EXP": [(_INTEGER, _INTEGER, looked_up(exponential))],
    "ELU": [(_INTEGER, _INTEGER, looked_up(elu))],
    "GELU": [(_INTEGER, _INTEGER, looked_up(gelu))],
    "LOG": [(_INTEGER, _INTEGER, looked_up(logarithm))],
    "NEG": [(_INTEGER, _INTEGER, negative), (_FLOAT, _FLOAT, _on_floats)],
    "RSQRT": [(_INTEGER, _INTEGER, inverse_root)],
    "SQUARED_DIFFERENCE": [(_INTEGER, _INTEGER, _squared_difference)],
    "MAXIMUM": [(_INTEGER, _INTEGER, _extreme)],
    "MINIMUM": [(_INTEGER, _INTEGER, _extreme)],
}


def evaluator(operator: Operator, inputs: list[Tensor], output: Tensor) -> Evaluator | None:
    """The function above that computes an operator, or None if it is not elementwise, or not on
    these types."""
    scaled = [*inputs, output] if operator.name != "CAST" else []
    if not all(per_tensor(t) or t.dtype == "float32" for t in scaled):
        return None
    op = Elementwise(operator, inputs, output)
    for reads, writes, function in _KNOWN.get(operator.name, ()):
        fits = all(t.dtype in reads for t in inputs) and output.dtype in writes
        if fits and len(inputs) == (2 if function in _PAIRED else 1):
            # LiteRT does not run a HARD_SWISH whose output is that much finer than its input, and
            # shifts out of range if much coarser.
            if function is _hard_swish and not -15 <= _hard_swish_multiplier(op)[1] <= 0:
                return None
            return partial(function, op)
    return None
