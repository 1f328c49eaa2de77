"""Proves a memory plan by running it: every byte of every value gets a symbol of its own, and an operator must read what was meant for it.

Operators run in order on an arena of symbols. One that computes writes new symbols. One that moves values without computing gives its
result the symbols of its source, and writes only what is not there already: a view of the same bytes. Before an operator, each operand must
still have its symbols; after it too, except where the result is written over an operand in place. At the end the outputs must have theirs.

This knows the graph and bytes, nothing of how the plan was made.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..graph import Graph, Operator, Tensor
from .slices import Slice, slices_of
from .views import RESHAPES, channel_padding

SCRATCH_ALIGNMENT = 4
"""Bytes; the kernels store words in their scratch."""


class PlanError(Exception):
    """The memory plan of a network is wrong: an error of this package, not of the model's file."""


@dataclass(frozen=True)
class Region:
    """Bytes of the arena: ``rows`` runs of ``row_bytes`` that begin ``stride`` bytes apart. A contiguous region is one row."""

    offset: int
    rows: int
    row_bytes: int
    stride: int

    @property
    def end(self) -> int:
        return self.offset + (self.rows - 1) * self.stride + self.row_bytes

    def touches(self, other: Region) -> bool:
        """Whether the two overlap from their first to their last bytes; the runs of one may be between those of the other."""
        return self.offset < other.end and other.offset < self.end


def region_of(tensor: Tensor, offset: int, row_stride: int) -> Region:
    """Of a tensor at a byte offset, the rows of its last dimension ``row_stride`` values apart."""
    rows, stride = prod(tensor.shape[:-1]), row_stride * _item(tensor)
    if rows == 1 or rows * stride == tensor.bytes:
        return Region(offset, 1, tensor.bytes, tensor.bytes)
    return Region(offset, rows, tensor.bytes // rows, stride)


def _item(tensor: Tensor) -> int:
    """Bytes of a value."""
    return tensor.bytes // max(1, tensor.elements)


def check_plan(
    graph: Graph,
    regions: Mapping[int, Region],
    arena_bytes: int,
    scratch: Mapping[int, Region],
    in_place: Collection[int],
    strided: Collection[int],
) -> None:
    """Proves that a plan gives every operator the values that it must read, and the caller the outputs.

    Args:
        regions: where each activation tensor is.
        scratch: where operators (indices) have their scratch.
        in_place: operators (indices) that may write their result over an operand in the same region.
        strided: operators (indices) that take tensors with gaps between their rows.

    Raises:
        PlanError: if the plan is wrong; names the tensors.
    """
    _check_regions(graph, regions, arena_bytes, scratch, strided)
    run = _Run(graph, regions, scratch, arena_bytes)
    run.write_inputs()
    for index in range(len(graph.operators)):
        run.step(index, index in in_place)
    for tensor in graph.outputs:
        run.read(tensor, "before the caller reads it")


# ---------------------------------------------------------------- single regions


def _check_regions(graph: Graph, regions: Mapping[int, Region], arena_bytes: int, scratch: Mapping[int, Region], strided) -> None:
    """Inside the arena, aligned, and contiguous where that is needed."""
    for tensor, region in regions.items():
        made = graph.tensors[tensor]
        _check_region(f"tensor {made.name!r}", region, arena_bytes, _item(made))
    for index, region in scratch.items():
        _check_region(f"the scratch of {_describe(graph, index)}", region, arena_bytes, SCRATCH_ALIGNMENT)
    for tensor in {*graph.inputs, *graph.outputs}:
        if regions[tensor].rows > 1:
            raise PlanError(f"the network's input or output {graph.tensors[tensor].name!r} is not contiguous: {regions[tensor]}")
    for index, operator in enumerate(graph.operators):
        for tensor in (*operator.inputs, *operator.outputs):
            if tensor in regions and index not in strided and regions[tensor].rows > 1:
                raise PlanError(f"tensor {graph.tensors[tensor].name!r} is not contiguous for {_describe(graph, index)}: {regions[tensor]}")


def _check_region(name: str, region: Region, arena_bytes: int, alignment: int) -> None:
    if region.offset < 0 or region.end > arena_bytes:
        raise PlanError(f"{name} is outside of the arena of {arena_bytes} bytes: {region}")
    if region.rows > 1 and region.stride < region.row_bytes:
        raise PlanError(f"{name} overlaps itself: {region}")
    if region.offset % alignment or (region.rows > 1 and region.stride % alignment):
        raise PlanError(f"{name} is not aligned to {alignment} bytes: {region}")


def _describe(graph: Graph, index: int) -> str:
    operator = graph.operators[index]
    return f"operator {index}, {operator.name} of {graph.tensors[operator.outputs[0]].name!r}"


# ---------------------------------------------------------------- the run


class _Run:
    """An arena of symbols, and the symbols of the tensors that are still read: their shape, and a last dimension of the value's bytes."""

    def __init__(self, graph: Graph, regions: Mapping[int, Region], scratch: Mapping[int, Region], arena_bytes: int):
        self.graph, self.regions, self.scratch = graph, regions, scratch
        written = [*graph.inputs, *(t for operator in graph.operators for t in operator.outputs)]
        most = sum(graph.tensors[t].bytes for t in written) + sum(region.row_bytes for region in scratch.values())
        self.arena = np.zeros(arena_bytes, np.int32 if most < 2**31 - 1 else np.int64)
        self.symbols: dict[int, np.ndarray] = {}
        self.firsts, self.writers = [1], ["nothing"]
        self.last_reads = {t: i for i, operator in enumerate(graph.operators) for t in operator.inputs} | dict.fromkeys(graph.outputs, -1)

    def write_inputs(self) -> None:
        for tensor in self.graph.inputs:
            self.symbols[tensor] = self.new_symbols(self.shape(tensor), self.name(tensor))
            self.bytes_of(tensor)[:] = self.symbols[tensor]
        for tensor in self.graph.inputs:
            self.read(tensor, "before the network runs")

    def step(self, index: int, in_place: bool) -> None:
        """Runs one operator."""
        operator, name = self.graph.operators[index], _describe(self.graph, index)
        operands = {t for t in operator.inputs if t in self.regions}
        for tensor in operands:
            self.read(tensor, f"before {name} reads it")
        written = self.write_outputs(operator)
        if index in self.scratch:
            written.append(self.scratch[index])
            self.view(self.scratch[index])[:] = self.new_symbols((1, self.scratch[index].row_bytes), f"the scratch of {name}")
        replaced = {t for t in operands if in_place and self.regions[t] == self.regions[operator.outputs[0]]}
        for tensor in (operands - replaced) | set(operator.outputs):
            if any(region.touches(self.regions[tensor]) for region in written):
                self.read(tensor, f"by {name} itself")
        for tensor in operands:
            if self.last_reads[tensor] == index:
                del self.symbols[tensor]

    def write_outputs(self, operator: Operator) -> list[Region]:
        """Writes the outputs, except the parts that are views of the same bytes; the regions of the outputs that were written to."""
        written = []
        for number, tensor in enumerate(operator.outputs):
            parts = self.parts(operator, number)
            for target, symbols in parts:
                if not np.array_equal(self.bytes_of(tensor)[target], symbols):
                    written.append((tensor, target, symbols))
            self.symbols[tensor] = _assembled(self.shape(tensor), parts)
        for tensor, target, symbols in written:
            self.bytes_of(tensor)[target] = symbols
        return [self.regions[tensor] for tensor in dict.fromkeys(tensor for tensor, *_ in written)]

    def parts(self, operator: Operator, number: int) -> list[tuple[tuple, np.ndarray]]:
        """The symbols of an output, part by part: those of the operand where values are only moved."""
        output = operator.outputs[number]
        if operator.name in RESHAPES:
            return [((), self.moved(operator.inputs[0], output, ()))]
        slices = slices_of(self.graph, operator)
        if slices is not None:
            source = operator.inputs[1 if operator.name == "SPLIT" else 0]
            return [((), self.moved(source, output, _index(slices[number])))]
        if operator.name == "CONCATENATION":
            return self.side_by_side(operator)
        if operator.name == "PAD" and channel_padding(self.graph, operator) is not None:
            return self.padded(operator, channel_padding(self.graph, operator))
        return [((), self.new_symbols(self.shape(output), self.name(output)))]

    def moved(self, source: int, output: int, index: tuple) -> np.ndarray:
        """A part of an operand with the output's shape."""
        return self.operand(source, output)[index].reshape(self.shape(output))

    def operand(self, source: int, output: int) -> np.ndarray:
        """The symbols of an operand; new ones for a constant, which is copied into the output."""
        return self.symbols[source] if source in self.regions else self.new_symbols(self.shape(source), self.name(output))

    def side_by_side(self, operator: Operator) -> list[tuple[tuple, np.ndarray]]:
        output, start, parts = operator.outputs[0], 0, []
        axis = int(operator.options.get("axis", 0)) % len(self.graph.tensors[output].shape)
        for source in operator.inputs:
            symbols = self.operand(source, output)
            parts.append(((*[slice(None)] * axis, slice(start, start + symbols.shape[axis])), symbols))
            start += symbols.shape[axis]
        return parts

    def padded(self, operator: Operator, before: int) -> list[tuple[tuple, np.ndarray]]:
        output = operator.outputs[0]
        source, whole = self.operand(operator.inputs[0], output), self.new_symbols(self.shape(output), self.name(output))
        after = before + source.shape[-2]
        targets = [(..., slice(0, before), slice(None)), (..., slice(after, None), slice(None))]
        margins = [(target, whole[target]) for target in targets if whole[target].size]
        return [*margins, ((..., slice(before, after), slice(None)), source)]

    # ------------------------------------------------------------ symbols and bytes

    def new_symbols(self, shape: tuple[int, ...], writer: str) -> np.ndarray:
        self.writers.append(writer)
        self.firsts.append(self.firsts[-1] + prod(shape))
        return np.arange(*self.firsts[-2:], dtype=self.arena.dtype).reshape(shape)

    def read(self, tensor: int, when: str) -> None:
        """Raises PlanError if a byte of a tensor does not have its symbol."""
        if tensor not in self.symbols:
            raise PlanError(f"{self.name(tensor)} is not computed {when}")
        found, expected = self.bytes_of(tensor), self.symbols[tensor]
        if not np.array_equal(found, expected):
            writer = self.writers[bisect_right(self.firsts, int(found[found != expected][0]))]
            raise PlanError(f"{self.name(tensor)} is overwritten by {writer} {when}: {self.regions[tensor]}")

    def bytes_of(self, tensor: int) -> np.ndarray:
        """A tensor's symbols in the arena."""
        return self.view(self.regions[tensor]).reshape(self.shape(tensor))

    def view(self, region: Region) -> np.ndarray:
        """(rows, row bytes) of the arena."""
        item = self.arena.itemsize
        return as_strided(self.arena[region.offset :], (region.rows, region.row_bytes), (region.stride * item, item))

    def shape(self, tensor: int) -> tuple[int, ...]:
        return (*self.graph.tensors[tensor].shape, _item(self.graph.tensors[tensor]))

    def name(self, tensor: int) -> str:
        return f"tensor {self.graph.tensors[tensor].name!r}"


def _index(part: Slice) -> tuple[slice, ...]:
    """A slice as NumPy has it."""
    stops = [start + size * step for start, size, step in zip(part.starts, part.sizes, part.steps)]
    return tuple(slice(start, stop if stop >= 0 else None, step) for start, stop, step in zip(part.starts, stops, part.steps))


def _assembled(shape: tuple[int, ...], parts: list[tuple[tuple, np.ndarray]]) -> np.ndarray:
    """One array of parts; the part itself if it is the only one."""
    if len(parts) == 1:
        return parts[0][1]
    whole = np.empty(shape, parts[0][1].dtype)
    for target, symbols in parts:
        whole[target] = symbols
    return whole
