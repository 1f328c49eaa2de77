"""Operators that can run row by row: which rows of its operands an operator reads for each row of
its result.

The rows of a tensor are the indices of its first dimension of more than one, if two dimensions or
more follow: of an image (1, H, W, C) its H rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from .attributes import Concatenation, Resize, Window
from .graph import TABLE, Graph, Operator, Tensor
from .memory.views import channel_padding
from .reference.resizing import places_of
from .slices import slices_of
from .windows import window_dilation, window_pads, window_size

Range: TypeAlias = tuple[int, int]
"""The first row, and the one after the last."""

WINDOWED = (
    *("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "MAX_POOL_2D", "AVERAGE_POOL_2D"),
    *("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"),
)
"""Operators whose kernels compute one row of an image; each reads some rows of one operand."""

ROW_BY_ROW = (
    *("ADD", "SUB", "MUL", "DIV", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM", "PRELU", TABLE),
    *("QUANTIZE", "DEQUANTIZE", "SOFTMAX", "LOG_SOFTMAX"),
    *("CONCATENATION", "PAD", "SPLIT", "SPLIT_V", "SLICE", "STRIDED_SLICE", "TRANSPOSE"),
)
"""Operators that may do with each row what they do with a tensor of one row."""


def row_axis(tensor: Tensor) -> int | None:
    """The dimension that the rows of a tensor are counted along; None if it has no rows."""
    for axis, size in enumerate(tensor.shape[:-2]):
        if size > 1:
            return axis
    return None


def row_count(tensor: Tensor) -> int:
    """1 for a tensor that has no rows."""
    axis = row_axis(tensor)
    return 1 if axis is None else tensor.shape[axis]


def one_row(tensor: Tensor) -> Tensor:
    """A tensor as one of its rows."""
    axis, rows = row_axis(tensor), row_count(tensor)
    shape = tuple(1 if d == axis else size for d, size in enumerate(tensor.shape))
    return replace(tensor, shape=shape, bytes=tensor.bytes // rows)


def row_reads(graph: Graph, operator: Operator) -> dict[int, list[Range]] | None:
    """For each activation that an operator reads, its rows by row of the result; None for an
    operator that does not run row by row.

    An operand that repeats along the rows has one row.
    """
    outputs = [graph.tensors[t] for t in operator.outputs]
    rows = row_count(outputs[0])
    if rows == 1 or any(row_count(output) != rows for output in outputs):
        return None
    if operator.name in WINDOWED:
        return _windowed(graph, operator, rows)
    return _row_by_row(graph, operator, rows) if operator.name in ROW_BY_ROW else None


def _windowed(graph: Graph, operator: Operator, rows: int) -> dict[int, list[Range]] | None:
    source = graph.tensors[operator.data_input]
    shapes = source.shape, graph.tensors[operator.outputs[0]].shape
    if source.is_constant or any(len(shape) != 4 or shape[0] != 1 for shape in shapes):
        return None
    if row_count(source) != source.shape[1]:
        return None
    if operator.name.startswith("RESIZE"):
        ranges = _resized(operator, source.shape[1], rows)
    elif operator.name == "TRANSPOSE_CONV":
        ranges = _under_transposed_window(graph, operator, source.shape[1], rows)
    else:
        ranges = _under_window(graph, operator, source.shape[1], rows)
    return {operator.data_input: ranges}


def _resized(operator: Operator, height: int, rows: int) -> list[Range]:
    first, second, _ = places_of(operator)(height, rows, operator.attributes_as(Resize))
    ends = first if second is None else second
    return [
        (min(int(a), int(b)), max(int(a), int(b)) + 1) for a, b in zip(first, ends, strict=True)
    ]


def _under_window(graph: Graph, operator: Operator, height: int, rows: int) -> list[Range]:
    (taps, _), (dilation, _) = window_size(graph, operator), window_dilation(operator)
    stride, above = operator.attributes_as(Window).stride[0], window_pads(graph, operator)[0]
    first = [y * stride - above for y in range(rows)]
    return [_inside(top, top + (taps - 1) * dilation + 1, height) for top in first]


def _under_transposed_window(
    graph: Graph, operator: Operator, height: int, rows: int
) -> list[Range]:
    """Input row i reaches the output rows i * stride - pad to that plus the taps."""
    taps, above = window_size(graph, operator)[0], window_pads(graph, operator)[0]
    stride = operator.attributes_as(Window).stride[0]
    return [
        _inside(-(-(y + above - taps + 1) // stride), (y + above) // stride + 1, height)
        for y in range(rows)
    ]


def _inside(first: int, end: int, height: int) -> Range:
    """What of a range is inside an image; an empty range at its edge where nothing is."""
    return min(max(first, 0), height), min(max(end, 0), height)


def _row_by_row(graph: Graph, operator: Operator, rows: int) -> dict[int, list[Range]] | None:
    axis = row_axis(graph.tensors[operator.outputs[0]])
    if axis is None or not _keeps_rows(graph, operator, axis):
        return None
    reads: dict[int, list[Range]] = {}
    if operator.name == "TRANSPOSE":
        return {operator.inputs[0]: [(y, y + 1) for y in range(rows)]}
    for index in operator.inputs:
        if index < 0:
            continue
        own = _own_rows(graph.tensors[index], graph.tensors[operator.outputs[0]], axis)
        if own not in (1, rows):
            return None
        if not graph.tensors[index].is_constant:
            reads[index] = [(y, y + 1) if own == rows else (0, 1) for y in range(rows)]
    return reads


def _own_rows(operand: Tensor, output: Tensor, axis: int) -> int:
    """The rows of an operand along the rows of the result, with which it is aligned at the last
    dimension; 1 if it has none and repeats, 0 if its rows are others."""
    along = axis - len(output.shape) + len(operand.shape)
    own = operand.shape[along] if along >= 0 else 1
    fits = own == row_count(operand) and (own == 1 or row_axis(operand) == along)
    return own if fits else 0


def _keeps_rows(graph: Graph, operator: Operator, axis: int) -> bool:
    """Whether row y of the result is made of row y of the operands."""
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    if operator.name == "CONCATENATION":
        return operator.attributes_as(Concatenation).axis % len(output.shape) > axis
    if operator.name == "PAD":
        return channel_padding(graph, operator) is not None
    if operator.name in ("SPLIT", "SPLIT_V", "SLICE", "STRIDED_SLICE"):
        return _slices_keep_rows(graph, operator, axis)
    if operator.name == "TRANSPOSE":
        order = graph.tensors[operator.inputs[1]].data
        first = row_axis(source) == axis and not source.is_constant
        return first and order is not None and order[: axis + 1].tolist() == [*range(axis + 1)]
    same = operator.name in (TABLE, "PRELU", "QUANTIZE", "DEQUANTIZE", "SOFTMAX", "LOG_SOFTMAX")
    return not same or source.shape == output.shape


def _slices_keep_rows(graph: Graph, operator: Operator, axis: int) -> bool:
    source = graph.tensors[operator.inputs[1 if operator.name == "SPLIT" else 0]]
    slices = slices_of(graph, operator)
    same_rank = all(len(graph.tensors[t].shape) == len(source.shape) for t in operator.outputs)
    return bool(
        slices
        and same_rank
        and row_axis(source) == axis
        and all(part.sizes[axis] == source.shape[axis] and part.steps[axis] == 1 for part in slices)
    )
