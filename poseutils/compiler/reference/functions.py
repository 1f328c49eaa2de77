"""Functions of one 8-bit value that LiteRT's kernels look up in a table, or could: what the table
holds.

Where LiteRT makes the table, it computes in 32-bit floats. Here the function itself is computed in
64 bits and rounded, so that every computer makes the same table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import erfc, sqrt

import numpy as np

from ..attributes import Gelu
from ..graph import Operator, Tensor
from .fixed_point import high_product, multiply, quantize_multiplier, saturated_32, shift_right


@dataclass(frozen=True)
class Elementwise:
    """An elementwise operator with its tensors."""

    operator: Operator
    inputs: list[Tensor]
    output: Tensor

    def steps(self, values: np.ndarray, number: int = 0) -> np.ndarray:
        """Values of an input less its zero point, in 64 bits."""
        return values.astype(np.int64) - self.inputs[number].zero_point

    def real(self, values: np.ndarray) -> np.ndarray:
        """Dequantizes values of the first input, to float32."""
        steps = values.astype(np.int32) - self.inputs[0].zero_point
        return self.inputs[0].scale * steps.astype(np.float32)

    def ratio(self) -> float:
        """The scale of the first input over that of the output, divided in 32-bit floats."""
        return float(self.inputs[0].scale / self.output.scale)


def looked_up(
    function: Callable[[np.ndarray, Elementwise], np.ndarray],
) -> Callable[[Elementwise, np.ndarray], np.ndarray]:
    """An evaluator of :mod:`poseutils.compiler.reference.elementwise`: the input's real values, the
    function of them, in steps of the output."""

    def evaluate(op: Elementwise, values: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            results = function(op.real(values), op).astype(np.float32)
            steps = rounded(results * (np.float32(1) / op.output.scale))
        return np.clip(steps + np.float32(op.output.zero_point), -128, 127).astype(np.int8)

    return evaluate


def rounded(x: np.ndarray) -> np.ndarray:
    """To the nearest integer, halves away from zero."""
    whole = np.trunc(x)
    return whole + np.copysign(np.abs(x - whole) >= 0.5, x)


def logistic(x: np.ndarray, op: Elementwise) -> np.ndarray:
    return np.float32(1) / (np.float32(1) + np.exp(-x.astype(np.float64)).astype(np.float32))


def hyperbolic_tangent(x: np.ndarray, op: Elementwise) -> np.ndarray:
    return np.tanh(x.astype(np.float64))


def exponential(x: np.ndarray, op: Elementwise) -> np.ndarray:
    return np.exp(x.astype(np.float64))


def elu(x: np.ndarray, op: Elementwise) -> np.ndarray:
    return np.where(x < 0, np.expm1(x.astype(np.float64)), x)


def logarithm(x: np.ndarray, op: Elementwise) -> np.ndarray:
    """Of what is not positive, the least that the output holds."""
    least = np.float32(-128 - op.output.zero_point) * op.output.scale
    return np.where(x <= 0, least, np.log(np.where(x <= 0, 1, x).astype(np.float64)))


def gelu(x: np.ndarray, op: Elementwise) -> np.ndarray:
    """x · Φ(x), by the complementary error function, or by tanh where the option says approximate.
    Each step is one of 32 bits."""
    half = np.float32(0.5) * x
    if op.operator.attributes_as(Gelu).approximate:
        inner = np.float32(sqrt(2 / np.pi)) * (x + np.float32(0.044715) * x * x * x)
        return half * (np.float32(1) + np.tanh(inner.astype(np.float64)).astype(np.float32))
    inner = x * np.float32(-sqrt(0.5))
    return half * np.vectorize(erfc, otypes=[np.float64])(inner).astype(np.float32)


def negative(op: Elementwise, values: np.ndarray) -> np.ndarray:
    """The bytes themselves, as LiteRT negates them: scales and zero points are not looked at, and
    -128 stays."""
    return (-values.astype(np.int16)).astype(np.int8)


def square_root(op: Elementwise, values: np.ndarray) -> np.ndarray:
    """In whole steps, cut off. LiteRT computes nothing of negative values; here their root is 0."""
    steps = np.trunc(np.sqrt(np.maximum(op.real(values), 0)) / op.output.scale)
    return np.clip(steps + np.float32(op.output.zero_point), -128, 127).astype(np.int8)


def inverse_root(op: Elementwise, values: np.ndarray) -> np.ndarray:
    """1 / √x in fixed point; the greatest value of the output for 0, and for negative ones, of
    which LiteRT computes nothing."""
    scale = 1 / float(np.sqrt(op.inputs[0].scale) * op.output.scale)
    multiplier, shift = quantize_multiplier(scale)
    steps, zero = op.steps(values), op.output.zero_point
    made = [
        127 if n <= 0 else _scaled_inverse_root(int(n), multiplier, shift) + zero
        for n in steps.flat
    ]
    return np.clip(made, -128, 127).reshape(steps.shape).astype(np.int8)


_FINER = 20
"""Bits that an inverse root of steps is kept finer by."""


def _scaled_inverse_root(steps: int, multiplier: int, shift: int) -> int:
    root, left = _inverse_root_multiplier(steps)
    finer = int(multiply(np.array(1), root, left + _FINER))
    return int(multiply(np.array(finer), multiplier, shift - _FINER))


@lru_cache(maxsize=256)
def _inverse_root_multiplier(steps: int) -> tuple[int, int]:
    """1 / √steps as a multiplier in 1/2^31 and a shift to the left, by five steps of Newton and
    Raphson in numbers of three whole bits."""
    if steps <= 1:
        return 2**31 - 1, 0
    pairs = (32 - steps.bit_length() - 1) // 2 - 1
    half = int(shift_right(np.array((steps << (2 * pairs)) >> 1), 1))
    x = 1 << 28
    for _ in range(5):
        cube = _times(_times(x, x), x)
        x = int(
            saturated_32(
                np.int64(
                    _times((1 << 28) + (1 << 27), x)
                    - _times(half, int(saturated_32(np.int64(cube << 6))))
                )
                << 3
            )
        )
    return _times(x, 1518500250), pairs - 11


def _times(a: int, b: int) -> int:
    return int(high_product(np.array(a), b))


SQUARE_BITS = 7
"""Bits that both operands of SQUARED_DIFFERENCE are raised by."""


def square_multipliers(a: np.float32, b: np.float32, output: np.float32) -> list[tuple[int, int]]:
    """Multiplier and shift of the operands of SQUARED_DIFFERENCE, and of the square."""
    twice = 2 * max(float(a), float(b))
    reals = [
        float(a) / twice,
        float(b) / twice,
        twice * twice / ((1 << 2 * SQUARE_BITS) * float(output)),
    ]
    return [quantize_multiplier(real) for real in reals]
