"""Shapes, scales, values and fields by chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.helpers.networks.tiny_tflite import build, tensor

Dice = np.random.Generator


ACTIVATIONS = (0, 0, 1, 2, 3)
"""None, RELU, RELU_N1_TO_1, RELU6."""


def quantized(dice: Dice, low: float = 0.004, high: float = 0.4) -> dict:
    """A scale and a zero point."""
    scale = float(np.exp(dice.uniform(np.log(low), np.log(high))))
    zero = int(dice.choice([-128, 127, 0, *dice.integers(-128, 128, 6)]))
    return {"scale": scale, "zero_point": zero}


def int8(dice: Dice, *shape: int) -> np.ndarray:
    return dice.integers(-128, 128, shape).astype(np.int8)


def values_of(dice: Dice, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values of a tensor's type; floats lie between steps, and beyond what 8 bits hold."""
    if dtype in ("int8", "uint8"):
        return int8(dice, *shape).view(dtype)
    if dtype == "int32":
        return dice.integers(-3000, 3000, shape).astype(np.int32)
    return (dice.normal(0, 3, shape)).astype(np.float32)


def integers(name: str, *values: int, scalar: bool = False) -> dict:
    data = np.array(values, np.int32)
    return tensor(name, () if scalar else (len(values),), "INT32", data, scale=None)


def shape_of(dice: Dice, *ranks: int) -> tuple[int, ...]:
    return tuple(int(n) for n in dice.integers(1, 6, dice.choice(ranks)))


def network(
    name: str, given: list[dict], made: list[dict], options=None, order: list[int] | None = None
) -> bytes:
    """An operator; its inputs are those of ``given`` that are not constant, in order."""
    inputs = [i for i, each in enumerate(given) if each["data"] is None]
    outputs = list(range(len(given), len(given) + len(made)))
    return build(
        [*given, *made],
        [(name, order or list(range(len(given))), outputs, options)],
        inputs,
        outputs,
    )


def window_options(
    dice: Dice, kind: str, dilated: bool = True, **more
) -> tuple[tuple[str, dict], Callable]:
    """Options, and the size of an output by the size of the input and of the window."""
    padding, strides = int(dice.integers(0, 2)), [int(n) for n in dice.integers(1, 4, 2)]
    apart = [int(n) for n in dice.integers(1, 3, 2)] if dilated else [1, 1]
    fields = {
        "padding": padding,
        "strideH": strides[0],
        "strideW": strides[1],
        "fusedActivationFunction": int(dice.choice(ACTIVATIONS)),
    }
    fields |= {"dilationHFactor": apart[0], "dilationWFactor": apart[1]} if dilated else {}

    def size(d: int, n: int, taps: int) -> int:
        if padding == 0:
            return -(-n // strides[d])
        return (n - ((taps - 1) * apart[d] + 1)) // strides[d] + 1

    return (kind, fields | more), size


def weights_of(dice: Dice, shape: tuple[int, ...], channels: int) -> dict:
    each = 0.02
    if dice.random() < 0.6 and channels > 1:
        each = [float(s) for s in dice.uniform(0.002, 0.05, channels)]
    return tensor("w", shape, data=np.maximum(int8(dice, *shape), -127), scale=each)


def bias_of(dice: Dice, channels: int) -> dict:
    return tensor(
        "b",
        (channels,),
        "INT32",
        dice.integers(-4000, 4000, channels).astype(np.int32),
        scale=0.001,
    )
