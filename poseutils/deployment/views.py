"""Operators that compute nothing: their result is some of the rows or columns of a tensor, or several tensors side by side.

A tensor is taken for a matrix: its last dimension along the columns, all others along the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ..graph import Graph, Operator, Tensor


@dataclass(frozen=True)
class Block:
    """A rectangle of a matrix."""

    row: int
    column: int
    rows: int
    columns: int

    def overlaps(self, other: Block) -> bool:
        across = self.column < other.column + other.columns and other.column < self.column + self.columns
        return across and self.row < other.row + other.rows and other.row < self.row + self.rows

    def contains(self, other: Block) -> bool:
        return (
            self.row <= other.row
            and self.column <= other.column
            and other.row + other.rows <= self.row + self.rows
            and other.column + other.columns <= self.column + self.columns
        )

    def moved(self, rows: int, columns: int) -> Block:
        return Block(self.row + rows, self.column + columns, self.rows, self.columns)


def matrix(tensor: Tensor) -> Block:
    """The whole tensor as a block."""
    return Block(0, 0, prod(tensor.shape[:-1]), tensor.shape[-1] if tensor.shape else 1)


RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


def parts_of_input(graph: Graph, operator: Operator) -> list[Block] | None:
    """For an operator whose outputs are blocks of its data input, the block of each output; else None."""
    if operator.name in RESHAPES:
        source, output = (matrix(graph.tensors[t]) for t in (operator.inputs[0], operator.outputs[0]))
        return [source] if source == output else None
    slices = slices_of(graph, operator)
    if slices is None:
        return None
    source = graph.tensors[operator.inputs[1 if operator.name == "SPLIT" else 0]]
    blocks = [_block(source.shape, starts, sizes) for starts, sizes in slices]
    return None if None in blocks else blocks


def slices_of(graph: Graph, operator: Operator) -> list[tuple[list[int], list[int]]] | None:
    """For SPLIT, STRIDED_SLICE and SLICE, the start and the size along each dimension, an output each; None for anything else."""
    if operator.name == "SPLIT":
        return _split(graph, operator)
    if operator.name == "STRIDED_SLICE":
        found = _strided_slice(graph, operator)
        return None if found is None else [found]
    return None


def _split(graph: Graph, operator: Operator) -> list[tuple[list[int], list[int]]] | None:
    shape, axes = graph.tensors[operator.inputs[1]].shape, graph.tensors[operator.inputs[0]].data
    if axes is None or axes.size != 1 or not -len(shape) <= int(axes.flat[0]) < len(shape):
        return None
    axis, start, found = int(axes.flat[0]) % len(shape), 0, []
    for output in operator.outputs:
        sizes = list(graph.tensors[output].shape)
        found.append(([start if d == axis else 0 for d in range(len(shape))], sizes))
        start += sizes[axis] if len(sizes) == len(shape) else 0
    return found if all(_inside(shape, *each) for each in found) else None


def _strided_slice(graph: Graph, operator: Operator) -> tuple[list[int], list[int]] | None:
    shape, output = graph.tensors[operator.inputs[0]].shape, graph.tensors[operator.outputs[0]].shape
    begin, end, strides = (graph.tensors[t].data for t in operator.inputs[1:4])
    masks = [operator.options.get(f"{name}_mask", 0) for name in ("ellipsis", "new_axis", "shrink_axis")]
    if any(masks) or begin is None or end is None or strides is None or begin.size != len(shape) or (strides != 1).any():
        return None
    starts, sizes = [], []
    for d, length in enumerate(shape):
        start = 0 if operator.options.get("begin_mask", 0) >> d & 1 else _position(int(begin[d]), length)
        stop = length if operator.options.get("end_mask", 0) >> d & 1 else _position(int(end[d]), length)
        starts.append(start)
        sizes.append(stop - start)
    return (starts, sizes) if tuple(sizes) == tuple(output) and _inside(shape, starts, sizes) else None


def _position(index: int, length: int) -> int:
    return int(np.clip(index + length if index < 0 else index, 0, length))


def _inside(shape: tuple[int, ...], starts: list[int], sizes: list[int]) -> bool:
    return len(sizes) == len(shape) and all(0 <= a and 0 < n and a + n <= length for a, n, length in zip(starts, sizes, shape))


def _block(shape: tuple[int, ...], starts: list[int], sizes: list[int]) -> Block | None:
    """A slice of a tensor as a block of its matrix; None if its rows do not follow each other."""
    rows = prod(shape[:-1])
    cut = [d for d in range(len(shape) - 1) if sizes[d] != shape[d]]
    if not cut:
        return Block(0, starts[-1], rows, sizes[-1])
    axis = cut[0]
    if len(cut) > 1 or prod(shape[:axis]) != 1:
        return None
    inner = prod(shape[axis + 1 : -1])
    return Block(starts[axis] * inner, starts[-1], sizes[axis] * inner, sizes[-1])


def inputs_side_by_side(graph: Graph, operator: Operator) -> list[Block] | None:
    """For a CONCATENATION, and for a PAD of channels (its one input), where in the output each input lies; else None."""
    if operator.name == "PAD":
        before = channel_padding(graph, operator)
        return None if before is None else [matrix(graph.tensors[operator.inputs[0]]).moved(0, before)]
    if operator.name != "CONCATENATION":
        return None
    shape = graph.tensors[operator.outputs[0]].shape
    axis, start, blocks = int(operator.options.get("axis", 0)) % max(1, len(shape)), 0, []
    for tensor in operator.inputs:
        sizes = graph.tensors[tensor].shape
        if len(sizes) != len(shape):
            return None
        blocks.append(_block(shape, [start if d == axis else 0 for d in range(len(shape))], list(sizes)))
        start += sizes[axis]
    return None if None in blocks or start != shape[axis] else blocks


def channel_padding(graph: Graph, operator: Operator) -> int | None:
    """For a PAD of the last dimension alone, the columns before the input; else None."""
    pads = graph.tensors[operator.inputs[1]].data if len(operator.inputs) > 1 else None
    rank = len(graph.tensors[operator.inputs[0]].shape)
    if pads is None or pads.shape != (rank, 2) or pads[:-1].any() or (pads < 0).any():
        return None
    return int(pads[-1, 0])
