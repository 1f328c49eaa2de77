"""The forms that a value of an .onnx network takes while it is converted.

DequantizeLinear, an operator and QuantizeLinear become one operator on 8-bit tensors. So the float
values between them are held back until it is known what they are quantized to:

- :class:`Quantized`: 8-bit values with a scale. They may still be a table away from the tensor
  that they come from.
- :class:`Lookup`: float values that are a function of one 8-bit tensor, value by value or channel
  by channel.
- :class:`Deferred`: float results of an operator that is written when its result is quantized.
- :class:`FloatTensor`: float values that the network really has, such as its input.
- :class:`Constant`: weights, and other numbers of the file.

Shapes are the file's. A tensor may store its dimensions in another order, because images of H×W×C
suit the kernels better than C×H×W: its ``order`` says which dimension of the file each of its own
is, and a Transpose mostly changes that alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...graph import Quantization
from .prelu import Product

IMAGE = (0, 2, 3, 1)
"""The order in which images of N×C×H×W are stored: N×H×W×C."""

BYTES = np.arange(256).astype(np.uint8)

UNLIMITED = (-np.inf, np.inf)


def quantization(scale: float, zero_point: int) -> Quantization:
    return Quantization(np.array([scale], np.float32), np.array([zero_point], np.int64), 0)


def same_scale(a: Quantization, b: Quantization) -> bool:
    return bool(a.scales[0] == b.scales[0] and a.zero_points[0] == b.zero_points[0])


def quantize_linear(values: np.ndarray, to: Quantization) -> np.ndarray:
    """QuantizeLinear to int8, as ONNX Runtime computes it: divided in 32-bit floats, halves to
    even."""
    with np.errstate(over="ignore", invalid="ignore"):
        integers = np.rint(np.nan_to_num(values.astype(np.float32) / to.scales[0]))
    return (integers + np.float32(to.zero_points[0])).clip(-128, 127).astype(np.int8)


@dataclass(frozen=True)
class Stored:
    """A tensor of the network that is built; its dimension d is the file's dimension
    ``order[d]``."""

    tensor: int
    order: tuple[int, ...]


@dataclass
class Quantized:
    """8-bit values: ``table`` of the bytes of ``source``, or those themselves where it is None;
    (256,) int8, or (C, 256) by channel.

    ``product`` is what they are computed of besides, if there is one; likewise of :class:`Lookup`.
    """

    name: str
    quantization: Quantization
    source: Stored
    table: np.ndarray | None = None
    product: Product | None = None

    def dequantized(self) -> Lookup:
        integers = BYTES.view(np.int8) if self.table is None else self.table
        integers = integers.astype(np.int32) - int(self.quantization.zero_points[0])
        values = integers.astype(np.float32) * self.quantization.scales[0]
        return Lookup(self.source, values, self, self.product)


@dataclass(frozen=True)
class Lookup:
    """Float values by the bytes of ``source``, (256,) or, by its last dimension, (C, 256);
    ``quantized`` if they stand for such values.

    ``floats`` writes what computes them, where no table does.
    """

    source: Stored
    values: np.ndarray
    quantized: Quantized | None = None
    product: Product | None = None
    floats: Callable[[], FloatTensor] | None = None


@dataclass(frozen=True)
class FloatTensor:
    """A float32 tensor."""

    stored: Stored


@dataclass(frozen=True)
class Wanted:
    """The requested result of an operator: int8 of a quantization, with a fused activation."""

    quantization: Quantization
    name: str
    activation: str = "NONE"

    def quantized(self, stored: Stored) -> Quantized:
        return Quantized(self.name, self.quantization, stored)


@dataclass(frozen=True)
class Deferred:
    """The result of an operator.

    Attributes:
        quantized: writes the operator so that it gives the 8-bit values that are wanted.
        floats: writes it on floats; None if the kernels cannot.
        fuses: whether it can have an activation.
        limits: the least and the greatest value that are let through.
    """

    quantized: Callable[[Wanted], Quantized]
    floats: Callable[[], FloatTensor] | None = None
    fuses: bool = True
    limits: tuple[float, float] = UNLIMITED


@dataclass(frozen=True)
class Weights:
    """Quantized weights of the file."""

    integers: np.ndarray
    quantization: Quantization


@dataclass(frozen=True)
class Constant:
    """A constant of the file; ``weights`` are the integers it was dequantized from, if any."""

    values: np.ndarray
    weights: Weights | None = None


Value = Quantized | Lookup | FloatTensor | Deferred | Constant
