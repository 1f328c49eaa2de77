"""From sums of products to 8 bits: multipliers, and biases, as the kernels take them."""

from __future__ import annotations

import numpy as np

from ..graph import Tensor
from ..reference.elementwise import activation_range, multiplier_of, rounds_to_even
from ..reference.fixed_point import Reach, multiplier_rounded_once, quantize_multiplier
from ..unsupported import need
from .layer import Fields, Layer


def bias_of(layer: Layer, place: int = 2) -> np.ndarray:
    """The bias in 64 bits, from its place among the inputs; zeros where it is left out."""
    channels, inputs = layer.output.shape[-1], layer.operator.inputs
    if len(inputs) <= place or inputs[place] < 0:
        return np.zeros(channels, np.int64)
    bias = layer.input(place)
    reason = f"a bias of {channels} constants of int32 is expected"
    need(bias.dtype == "int32" and bias.shape == (channels,), reason)
    return layer.values(place, reason).astype(np.int64)


def requantize(
    layer: Layer,
    source: Tensor,
    weights: Tensor,
    sums: tuple[np.ndarray, np.ndarray] | None = None,
    divisor: int = 1,
) -> Fields:
    """A ``pose_requantize``: from sums of products to the output, a multiplier for each channel.

    Args:
        sums: the least and the most of each channel, where they are rounded once.
        divisor: of the sums.
    """
    channels, scales = layer.output.shape[-1], weights.known_quantization.scales
    need(channels <= 1 << 16, f"{channels} channels; up to 65536 are supported")
    ratios = float(source.scale) * scales.astype(np.float64) / float(layer.output.scale)
    ratios = ratios / divisor
    many = channels if len(scales) == 1 else 1
    if any(rounds_to_even(layer.operator, float(each)) for each in ratios):
        return requantize_fields(
            layer, [quantize_multiplier(float(each)) for each in ratios] * many
        ) | {"even": 1}
    if sums is not None:
        return requantize_fields(layer, _rounded_once(layer, ratios, *sums) * many)
    return requantize_fields(
        layer, [multiplier_of(layer.operator, float(each)) for each in ratios] * many
    )


def _rounded_once(
    layer: Layer, ratios: np.ndarray, least: np.ndarray, most: np.ndarray
) -> list[tuple[int, int]]:
    if len(ratios) == 1:
        least, most = least.min(keepdims=True), most.max(keepdims=True)
    ends = activation_range(layer.operator, layer.output)
    low, high = (end - layer.output.zero_point for end in ends)
    made = [
        multiplier_rounded_once(float(ratio), Reach(int(first), int(last), low, high))
        for ratio, first, last in zip(ratios, least, most)
    ]
    need(
        layer.operator.rounds_once or all(exact for *_, exact in made),
        "sums so large that some lie halfway between two results as far as a multiplier of 31 bits "
        "tells; fewer inputs, or a smaller scale of the output",
    )
    return [(multiplier, shift) for multiplier, shift, _ in made]


def requantize_fields(layer: Layer, pairs: list[tuple[int, int]]) -> Fields:
    need(all(-31 <= shift <= 30 for _, shift in pairs), "a ratio of scales is out of range")
    low, high = activation_range(layer.operator, layer.output)
    return {
        "multiplier": layer.constant("multiplier", np.array([m for m, _ in pairs], np.int32)),
        "shift": layer.constant("shift", np.array([s for _, s in pairs], np.int8)),
        "zero": layer.output.zero_point,
        "low": low,
        "high": high,
    }


def wrapped(sums: np.ndarray) -> np.ndarray:
    """In 32 bits, as the kernels add."""
    return sums.astype(np.int64).astype(np.uint32).view(np.int32)


def whole_words(weights: np.ndarray) -> np.ndarray:
    """(output channels, multiple of 4): rows that are padded with zeros, as the kernels load four
    weights at a time."""
    rows = weights.reshape(len(weights), -1)
    return np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))


def even_field(even: bool) -> Fields:
    """Of a layer whose halves go to even."""
    return {"even": 1} if even else {}


def pair_fields(prefix: str, pair: tuple[int, int]) -> Fields:
    need(-31 <= pair[1] <= 30, "a ratio of scales is out of range")
    return {f"{prefix}multiplier": pair[0], f"{prefix}shift": pair[1]}
