"""What an operator has besides its tensors: one small class for each kind that has something.

Fields have the defaults of the .tflite format. Pairs are along rows, then along columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Pair = tuple[int, int]
Padding = Literal["SAME", "VALID", "EXPLICIT"]


@dataclass(frozen=True)
class Attributes:
    """Of an operator that has none."""


@dataclass(frozen=True)
class Fused(Attributes):
    """Of an operator with a fused activation, such as ``RELU6``, or ``NONE``."""

    activation: str = "NONE"


@dataclass(frozen=True)
class Window(Fused):
    """A window that moves over an image by a stride.

    Attributes:
        pads: rows above and columns left of the image, where ``padding`` does not determine them.
    """

    stride: Pair = (1, 1)
    padding: Padding = "SAME"
    pads: Pair | None = None


@dataclass(frozen=True)
class Conv2D(Window):
    dilation: Pair = (1, 1)


@dataclass(frozen=True)
class DepthwiseConv2D(Conv2D):
    """``divisor`` divides the sums, so that a window of ones computes means."""

    divisor: int = 1


@dataclass(frozen=True)
class TransposeConv(Window):
    pass


@dataclass(frozen=True)
class Pool2D(Window):
    size: Pair = (1, 1)


@dataclass(frozen=True)
class FullyConnected(Fused):
    """``shuffled`` weights are stored in another order, for one instruction set."""

    shuffled: bool = False
    keep_dims: bool = False


@dataclass(frozen=True)
class Arithmetic(Fused):
    """ADD, SUB, MUL and DIV; of an ADD whose second operand has fewer channels, ``channel`` is the
    one that it begins at."""

    channel: int | None = None


@dataclass(frozen=True)
class Concatenation(Fused):
    axis: int = 0


@dataclass(frozen=True)
class Softmax(Attributes):
    beta: float = 1.0


@dataclass(frozen=True)
class Resize(Attributes):
    align_corners: bool = False
    half_pixel_centers: bool = False


@dataclass(frozen=True)
class Reduce(Attributes):
    keep_dims: bool = False


@dataclass(frozen=True)
class StridedSlice(Attributes):
    """A bit of a mask each is about an entry of begin, end and strides."""

    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0
    offset: bool = False


@dataclass(frozen=True)
class Pack(Attributes):
    axis: int = 0
    count: int = 0


@dataclass(frozen=True)
class Split(Attributes):
    """How many parts; 0 where the file leaves it to the outputs."""

    count: int = 0


@dataclass(frozen=True)
class Unpack(Attributes):
    axis: int = 0
    count: int = 0


@dataclass(frozen=True)
class LeakyRelu(Attributes):
    alpha: float = 0.0


@dataclass(frozen=True)
class Gelu(Attributes):
    approximate: bool = False


@dataclass(frozen=True)
class BatchMatMul(Attributes):
    """Which operands are transposed."""

    adj_x: bool = False
    adj_y: bool = False


@dataclass(frozen=True)
class Gather(Attributes):
    axis: int = 0
    batch_dims: int = 0


@dataclass(frozen=True)
class Blocks(Attributes):
    """DEPTH_TO_SPACE and SPACE_TO_DEPTH, in blocks of ``size`` × ``size``."""

    size: int = 0


@dataclass(frozen=True)
class Squeeze(Attributes):
    dims: tuple[int, ...] = ()
