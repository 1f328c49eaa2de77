"""PReLU, however a QDQ network writes it: as PRelu, or as Relu(x) + (-slope) · Relu(-x) with 8-bit
results on the way.

What is below zero is a product of an 8-bit function of x with 8-bit slopes. The product is carried
along with the values that are computed of it; where a table by channel is written, it is one PRELU
if the product is all that tells channels apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...graph import Quantization, Tensor
from ...reference.elementwise import per_tensor
from ...reference.fixed_point import multiply, rounding_once

_BYTES = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int64)


@dataclass(frozen=True)
class Product:
    """A function of one 8-bit tensor times a constant for each channel.

    Attributes:
        factors: the function by the tensor's bytes, (256,), in steps of ``scale``.
        slopes: (C,) int8, and by what they are scaled.
        rounded: what the product is quantized to, None before it is.
    """

    factors: np.ndarray
    scale: float
    slopes: np.ndarray
    scaled: Quantization
    rounded: Quantization | None = None

    def table(self, rounded: Quantization) -> np.ndarray:
        """(C, 256), as PRELU computes it and quantizes it."""
        ratio = self.scale * float(self.scaled.scales[0]) / float(rounded.scales[0])
        zero = int(rounded.zero_points[0])
        slopes = self.slopes.astype(np.int64) - self.scaled.zero_points[0]
        return (multiply(slopes[:, None] * self.factors, *rounding_once(ratio)) + zero).clip(
            -128, 127
        )


def product(
    values: np.ndarray, step: float, slopes: np.ndarray, scaled: Quantization
) -> Product | None:
    """Of real values by byte and 8-bit slopes; None if the values are not multiples of one step
    in an 8-bit range."""
    if values.ndim > 1 or not step:
        return None
    factors = np.rint(values / step)
    if not (np.abs(factors * step - values).max() < 1e-3 * step and np.ptp(factors) <= 255):
        return None
    return Product(factors.astype(np.int64), step, slopes, scaled)


def prelu_of(
    made: Product | None, table: np.ndarray, source: Tensor, to: Quantization
) -> list[tuple[np.ndarray, Quantization]] | None:
    """The constant inputs of the PRELU that stands for a table by channel, (C, 256) int8; None if
    there is none.

    They are the slopes, (1, 1, C); and where other 8-bit values lie between, two tables, (256,).
    From zero on, the first one is the result; below it, what the slopes multiply. The second is the
    result by the product.
    """
    if (
        made is None
        or made.rounded is None
        or table.shape != (len(made.slopes), 256)
        or source.dtype != "int8"
        or not per_tensor(source)
    ):
        return None
    below = source.zero_point > _BYTES
    products = made.table(made.rounded)
    second = np.zeros(256, np.int8)
    second[products[:, below].astype(np.uint8)] = table[:, below]
    same = second[products[:, below].astype(np.uint8)].astype(int) - table[:, below]
    if (
        (table[:, ~below] != table[0, ~below]).any()
        or np.abs(same).max(initial=0) > 1
        or (same != 0).mean() > 1e-3
    ):
        return None
    lowest = int(made.factors.min())
    factors = Quantization(
        np.array([made.scale], np.float32), np.array([-128 - lowest], np.int64), 0
    )
    first = np.where(below, made.factors - lowest - 128, table[0]).astype(np.int8)
    slopes = made.slopes.reshape(1, 1, -1), made.scaled
    if _is_plain(made, table, second, products, source, to, below):
        return [slopes]
    return [slopes, (first, factors), (second, made.rounded)]


def _is_plain(
    made: Product,
    table: np.ndarray,
    second: np.ndarray,
    products: np.ndarray,
    source: Tensor,
    to: Quantization,
    below: np.ndarray,
) -> bool:
    """Whether nothing is rounded on the way, so that PRELU needs no tables."""
    x = _BYTES - source.zero_point
    above = multiply(x, *rounding_once(float(source.scale) / float(to.scales[0]))) + int(
        to.zero_points[0]
    )
    unchanged = np.array_equal(second[products[:, below].astype(np.uint8)], products[:, below])
    own = abs(made.scale / float(source.scale) - 1) < 1e-6 and np.array_equal(
        made.factors[below], x[below]
    )
    return unchanged and own and np.array_equal(above.clip(-128, 127)[~below], table[0, ~below])
