"""Products of matrices: FULLY_CONNECTED and BATCH_MATMUL."""

from __future__ import annotations

from math import prod

import numpy as np

from ..attributes import BatchMatMul, FullyConnected
from ..graph import Tensor
from ..reference.fixed_point import quantize_multiplier
from ..unsupported import need
from .layer import Layer, four, need_activation, need_int8
from .requantize import bias_of, pair_fields, requantize, whole_words, wrapped

FEW = 3
"""The largest number of outputs whose weights are stored in 16 bits: few outputs share a load."""


def lower_fully_connected(layer: Layer) -> None:
    source, weights, output = layer.input(0), layer.input(1), layer.output
    need_int8(source, output)
    need_activation(layer.operator)
    need(weights.dtype == "int8", f"weights of {weights.dtype}")
    need(not layer.attributes(FullyConnected).shuffled, "shuffled weights")
    outputs, inputs = weights.shape
    zeros = weights.known_quantization.zero_points
    need(bool((zeros == zeros[0]).all()), "zero points that differ")
    bias, in_zero = bias_of(layer), source.zero_point
    known = weights.data if weights.is_constant else None
    need(known is not None or inputs < 1 << 15, f"a sum of {inputs} products")
    if known is not None and not zeros.any():
        bias, in_zero = bias - in_zero * known.astype(np.int64).sum(axis=1), 0
    few = known is not None and not zeros.any() and outputs <= FEW
    rows = None if known is None else in_pairs(known) if few else whole_words(known)
    most = _most(known, inputs, in_zero, zeros)
    fields = {
        "rows": source.elements // inputs,
        "inputs": inputs,
        "outputs": outputs,
        "weight_step": inputs if rows is None else rows.shape[1],
        "in_zero": in_zero,
        "weight_zero": int(zeros[0]),
        "bias": layer.constant("bias", wrapped(bias)),
        "scale": requantize(layer, source, weights, (bias - most, bias + most)),
    }
    made = layer.struct("pose_dense_layer", fields)
    matrix = (
        layer.address(layer.operator.inputs[1]) if rows is None else layer.constant("weights", rows)
    )
    layer.call(
        "pose_dense_few" if few else "pose_dense",
        made,
        layer.address(layer.operator.inputs[0]),
        matrix,
        layer.address(layer.operator.outputs[0]),
    )


def in_pairs(weights: np.ndarray) -> np.ndarray:
    """(output channels, words): weights of 16 bits, the first and third of four in one word, the
    second and fourth in the next, as instructions multiply them."""
    fours = whole_words(weights).astype(np.int32).reshape(len(weights), -1, 2, 2)
    return (fours[:, :, 0] & 0xFFFF | fours[:, :, 1] << 16).reshape(len(weights), -1)


def _most(
    weights: np.ndarray | None, inputs: int, in_zero: int, zeros: np.ndarray
) -> np.ndarray | int:
    """A bound of the sum of each channel's products, either way."""
    values = 128 + abs(in_zero)
    if weights is None:
        return inputs * values * (128 + abs(int(zeros[0])))
    return np.abs(weights.astype(np.int64) - int(zeros[0])).sum(axis=1) * values


def lower_batch_matmul(layer: Layer) -> None:
    a, b, output = layer.input(0), layer.input(1), layer.output
    need_int8(a, b, output)
    matmul = layer.attributes(BatchMatMul)
    rows, depth = a.shape[-2:][::-1] if matmul.adj_x else a.shape[-2:]
    made = output.shape[-1]
    need(depth < 1 << 15, f"a sum of {depth} products")
    batch = output.shape[:-2]
    need(len(batch) <= 2 or prod(batch[:-2]) == 1, f"a batch of {batch}")
    # Rows of a and columns of b are a step or one value apart, by which matrix is transposed.
    a_row, a_along = (1, rows) if matmul.adj_x else (depth, 1)
    b_along, b_column = (1, depth) if matmul.adj_y else (made, 1)
    grid = {
        "size": four([*batch[-2:], rows, made], 1),
        "a": four([*_batch_strides(a, batch)[-2:], a_row, 0], 0),
        "b": four([*_batch_strides(b, batch)[-2:], 0, b_column], 0),
        "out": four([*_batch_strides(output, batch)[-2:], made, 1], 0),
    }
    ratio = float(a.scale) * float(b.scale) / float(output.scale)
    fields = {
        "grid": grid,
        "depth": depth,
        "a_along": a_along,
        "b_along": b_along,
        "a_zero": a.zero_point,
        "b_zero": b.zero_point,
        "zero": output.zero_point,
        **pair_fields("", quantize_multiplier(ratio)),
    }
    layer.call_on_tensors("pose_matmul", layer.struct("pose_matmul_layer", fields))


def _batch_strides(tensor: Tensor, batch: tuple[int, ...]) -> list[int]:
    """From one matrix of a tensor to the next along each dimension of a batch; 0 where it
    repeats."""
    own = (1,) * (len(batch) + 2 - len(tensor.shape)) + tensor.shape
    return [0 if own[d] == 1 else prod(own[d + 1 :]) for d in range(len(batch))]
