"""The integer arithmetic of LiteRT's reference kernels, on arrays: multipliers, and exponentials.

A 32-bit number that stands for x / 2^31 is in Q0, for x / 2^27 in Q4, as in gemmlowp (Jacob et al.,
2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor, frexp, inf

import numpy as np

_MOST = 2**31 - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A real multiplier as (32-bit multiplier, shift to the left): real ≈ multiplier / 2^31 ·
    2^shift."""
    if real == 0:
        return 0, 0
    mantissa, shift = frexp(real)
    multiplier = round_half_away(abs(mantissa) * 2**31)
    if multiplier == 2**31:
        multiplier, shift = multiplier // 2, shift + 1
    if shift < -31:
        return 0, 0
    return (multiplier, shift) if real > 0 else (-multiplier, shift)


_ONCE_FROM = 2.0**-12
"""From this ratio on a multiplier without a shift has bits enough: as exact as one that is shifted,
which rounds twice."""


def rounding_once(real: float) -> tuple[int, int]:
    """As :func:`quantize_multiplier`, with no shift to the right wherever that is as exact: the
    product is rounded once, at its end."""
    if _ONCE_FROM <= real < 0.5:
        return (round_half_away(real * 2**31), 0)
    return quantize_multiplier(real)


@dataclass(frozen=True)
class Reach:
    """The sums that a channel can have, and the results between which others are clamped."""

    least: int = -_MOST
    most: int = _MOST
    low: int = -255
    high: int = 255


def multiplier_rounded_once(real: float, reach: Reach) -> tuple[int, int, bool]:
    """The multiplier and shift by which a sum that is rounded once, halves upwards, comes to the
    8-bit result that LiteRT computes in 64-bit floats: sum · real, rounded to nearest, halves away
    from zero; and whether it does so for all sums within reach.

    The nearest multiplier may be wrong where a sum lies halfway between two results, or so close to
    it that 31 bits do not tell; then one of its neighbors is mostly right, which is tried at every
    such sum.
    """
    multiplier, shift = quantize_multiplier(real)
    best, least_wrong = multiplier, inf
    for step in (0, 1, -1, 2, -2, 3):
        wrong = _wrongly_rounded(multiplier + step, shift, real, reach)
        if multiplier + step <= _MOST and wrong < least_wrong:
            best, least_wrong = multiplier + step, wrong
        if least_wrong == 0:
            break
    return best, shift, least_wrong == 0


def _wrongly_rounded(multiplier: int, shift: int, real: float, reach: Reach) -> int:
    """How many of the sums next to a half have another result."""
    if not 0 < real < 2**30:
        return 0
    nearest = np.round((np.arange(256) + 0.5) / real)
    halves = nearest[nearest < _MOST].astype(np.int64)
    sums = np.add.outer(halves, np.array([-1, 0, 1])).reshape(-1)
    sums = np.concatenate([sums, -sums])
    sums = sums[(reach.least <= sums) & (sums <= reach.most)]
    exact, bits = sums * real, 31 - shift
    whole = np.trunc(exact)
    expected = whole + np.copysign(np.abs(exact - whole) >= 0.5, exact)
    made = sums * multiplier + (1 << (bits - 1)) >> bits
    return int((made.clip(reach.low, reach.high) != expected.clip(reach.low, reach.high)).sum())


def round_half_away(x: float) -> int:
    """The nearest integer to a number that is not negative, halves upwards."""
    return floor(x + 0.5)


def high_product(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """a · b of numbers in Q0, rounded to nearest, halves upwards."""
    product = np.asarray(a, np.int64) * b
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    return np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))


def shift_right(x: np.ndarray, bits: int) -> np.ndarray:
    """x / 2^bits, rounded to nearest, halves away from zero."""
    if bits == 0:
        return np.asarray(x, np.int64)
    return (np.asarray(x, np.int64) + (1 << (bits - 1)) - (np.asarray(x) < 0)) >> bits


def multiply(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """x times a multiplier of :func:`quantize_multiplier`, rounded twice: the product, and its
    shift.

    A negative multiplier gives the negative of what the positive one gives: halves round the other
    way.
    """
    if multiplier < 0:
        return -multiply(x, -multiplier, shift)
    return shift_right(
        high_product(np.asarray(x, np.int64) << max(shift, 0), multiplier), max(-shift, 0)
    )


def multiply_even(x: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
    """x times a multiplier of :func:`quantize_multiplier`, rounded once, halves to even, as ONNX's
    QuantizeLinear rounds.

    What the multiplier is too short to tell from a half counts as one.
    """
    x = np.asarray(x, np.int64)
    product, bits = x * multiplier, 31 - shift
    below, over_half = product >> bits, (product & ((1 << bits) - 1)) - (1 << (bits - 1))
    return below + np.where(np.abs(over_half) <= np.abs(x) // 2, below & 1, over_half > 0)


_MOST_ODD = 512
"""Up to here an odd divisor leaves halves among 8-bit results."""


def has_halves(real: float) -> bool:
    """Whether some integer times a ratio lies halfway between two 8-bit results: if it is a power
    of two times a fraction of few digits."""
    mantissa = frexp(real)[0]
    return abs(Fraction(mantissa).limit_denominator(_MOST_ODD) - Fraction(mantissa)) < Fraction(
        1, 2**29
    )


def saturated_32(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -_MOST - 1, _MOST)


_EXP_STEPS = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
"""exp(-2^k) in Q0, for each bit k of the exponent."""


def _exp_near_zero(a: np.ndarray) -> np.ndarray:
    """exp of numbers in Q0 from -1/4 to 0: a Taylor series around -1/8."""
    x = a + (1 << 28)
    x2 = high_product(x, x)
    x3, x4 = high_product(x2, x), high_product(x2, x2)
    tail = shift_right(high_product(shift_right(x4, 2) + x3, 715827883) + x2, 1)
    return 1895147668 + high_product(x + tail, 1895147668)


def exp_of_negative(a: np.ndarray, bits: int) -> np.ndarray:
    """exp of numbers from -2^bits to 0, in Q of that many bits, in Q0."""
    one = 31 - bits
    quarter = 1 << (one - 2)
    rest = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(rest << bits)
    whole = rest - a
    for bit, factor in _EXP_STEPS:
        if bit < bits:
            result = np.where(whole & (1 << (one + bit)), high_product(result, factor), result)
    return np.where(a == 0, _MOST, result)


def high_product_16(a: np.ndarray, b: np.ndarray | int, nearest: bool) -> np.ndarray:
    """a · b of 16-bit numbers in 1/2^15, rounded to nearest, halves upwards, or towards zero."""
    product = np.asarray(a, np.int64) * b
    nudge = np.where(product >= 0, 1 << 14, 1 - (1 << 14)) if nearest else 0
    return saturated_16((np.abs(product + nudge) >> 15) * np.sign(product + nudge))


def saturated_16(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -(2**15), 2**15 - 1)


def multiplier_16(multiplier: int) -> int:
    """The upper half of a 32-bit multiplier, rounded."""
    return min((multiplier + (1 << 15)) >> 16, 2**15 - 1)


def softmax_exponentials(step: float) -> np.ndarray:
    """exp(-step · i) for i = 0 ... 255 in Q0, int32; 0 where the exponent is out of the range of 5
    bits."""
    multiplier, shift = quantize_multiplier(min(step * 2**26, float(_MOST)))
    steps = -np.arange(256, dtype=np.int64)
    inside = steps >= -floor(31 * 2**26 / 2.0**shift)
    exponents = multiply(np.where(inside, steps, 0), multiplier, shift)
    return np.where(inside, exp_of_negative(exponents, 5), 0).astype(np.int32)


def log_softmax_differences(scale: float) -> tuple[np.ndarray, int, tuple[int, int]]:
    """-scale · i for i = 0 ... 255 in Q5, int32; the least difference in steps that counts; and
    what leads from Q5 back to steps."""
    multiplier, shift = quantize_multiplier(min(scale * 2**26, float(_MOST)))
    steps, least = -np.arange(256, dtype=np.int64), -floor(31 * 2**26 / 2.0**shift)
    differences = multiply(np.maximum(steps, least), multiplier, shift)
    return (
        differences.astype(np.int32),
        least,
        quantize_multiplier(2.0 ** (31 - shift) / multiplier),
    )
