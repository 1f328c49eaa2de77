"""Operators whose result can be a view: a part of one tensor, or several tensors side by side.

A tensor is taken as a matrix: the last dimension along the columns, all others along the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from ..attributes import Concatenation
from ..graph import RESHAPES, Graph, Operator, Tensor
from ..slices import slices_of


@dataclass(frozen=True)
class SubView:
    """A rectangle of a matrix, such as a base buffer."""

    row: int
    column: int
    rows: int
    columns: int

    def overlaps(self, other: SubView) -> bool:
        across = (
            self.column < other.column + other.columns and other.column < self.column + self.columns
        )
        return across and self.row < other.row + other.rows and other.row < self.row + self.rows

    def intersection(self, other: SubView) -> SubView:
        """Of two that overlap."""
        row, column = max(self.row, other.row), max(self.column, other.column)
        bottom = min(self.row + self.rows, other.row + other.rows)
        right = min(self.column + self.columns, other.column + other.columns)
        return SubView(row, column, bottom - row, right - column)

    @property
    def size(self) -> int:
        return self.rows * self.columns

    def contains(self, other: SubView) -> bool:
        return (
            self.row <= other.row
            and self.column <= other.column
            and other.row + other.rows <= self.row + self.rows
            and other.column + other.columns <= self.column + self.columns
        )

    def moved(self, rows: int, columns: int) -> SubView:
        return SubView(self.row + rows, self.column + columns, self.rows, self.columns)


def matrix(tensor: Tensor) -> SubView:
    """The whole of a tensor."""
    return SubView(0, 0, prod(tensor.shape[:-1]), tensor.shape[-1] if tensor.shape else 1)


def parts_of_input(graph: Graph, operator: Operator) -> list[SubView] | None:
    """For an operator whose outputs are sub-views of its data input, these; else None."""
    if operator.name in RESHAPES:
        whole = matrix(graph.tensors[operator.inputs[0]])
        return [whole] if whole == matrix(graph.tensors[operator.outputs[0]]) else None
    slices = slices_of(graph, operator)
    if slices is None or any(step != 1 for each in slices for step in each.steps):
        return None
    source = graph.tensors[operator.inputs[1 if operator.name == "SPLIT" else 0]]
    blocks = [_sub_view(source.shape, each.starts, each.sizes) for each in slices]
    wholes = [matrix(graph.tensors[t]) for t in operator.outputs]
    # Dimensions that vanish or appear may turn columns into rows.
    same = all(
        b is not None and (b.rows, b.columns) == (whole.rows, whole.columns)
        for b, whole in zip(blocks, wholes)
    )
    return [b for b in blocks if b is not None] if same else None


def _sub_view(shape: tuple[int, ...], starts: list[int], sizes: list[int]) -> SubView | None:
    """A slice of a tensor as a sub-view of its matrix; None if its rows do not follow each
    other."""
    rows = prod(shape[:-1])
    cut = [d for d in range(len(shape) - 1) if sizes[d] != shape[d]]
    if not cut:
        return SubView(0, starts[-1], rows, sizes[-1])
    axis = cut[0]
    if len(cut) > 1 or prod(shape[:axis]) != 1:
        return None
    inner = prod(shape[axis + 1 : -1])
    return SubView(starts[axis] * inner, starts[-1], sizes[axis] * inner, sizes[-1])


def inputs_side_by_side(graph: Graph, operator: Operator) -> list[SubView] | None:
    """For a CONCATENATION, and for a PAD of channels (its one input), where in the output each
    input lies; else None."""
    if operator.name == "PAD":
        before = channel_padding(graph, operator)
        return (
            None if before is None else [matrix(graph.tensors[operator.inputs[0]]).moved(0, before)]
        )
    if operator.name != "CONCATENATION":
        return None
    shape = graph.tensors[operator.outputs[0]].shape
    axis, start, blocks = operator.attributes_as(Concatenation).axis % len(shape), 0, []
    for tensor in operator.inputs:
        sizes = graph.tensors[tensor].shape
        starts = [start if d == axis else 0 for d in range(len(shape))]
        blocks.append(_sub_view(shape, starts, list(sizes)))
        start += sizes[axis]
    found = [block for block in blocks if block is not None]
    return found if len(found) == len(blocks) else None


def channel_padding(graph: Graph, operator: Operator) -> int | None:
    """For a PAD of the last dimension alone, the columns before the input; else None."""
    pads = graph.tensors[operator.inputs[1]].data
    return None if pads is None or pads.size == 0 or pads[:-1].any() else int(pads[-1, 0])
