"""Proves a memory plan by running it on an arena that holds, for each byte, what was written there.

Operators run in order. One that computes writes its results: each result, or part of one, has a
number of its own, which is written to its bytes; so has each row of one that runs row by row. One
that only moves values writes nothing where its result is a view of the same bytes; the numbers of
its source are expected there. Before an operator runs, the bytes of each operand, or of the rows
that it reads, must have the numbers that are expected; after it too, unless the result is written
over the operand in place. At the end the outputs must have theirs. As a number is written once, to
one place, a byte that has it is the right byte of the right value.

It is independent of how the plan was made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..attributes import Concatenation
from ..graph import RESHAPES, Graph, Operator, Tensor
from ..rows import Range, one_row, row_axis, row_count
from ..slices import Slice, slices_of
from .schedule import CALLER, RowAccess, Schedule, Step
from .views import channel_padding

SCRATCH_ALIGNMENT = 4
"""Bytes; the kernels store words in their scratch."""


class PlanError(Exception):
    """The memory plan of a network is wrong: an error of this package, not of the file."""


@dataclass(frozen=True)
class Region:
    """Bytes of the arena: ``rows`` of ``row_bytes`` that begin ``stride`` bytes apart.

    A contiguous region is one row. In the region of a tensor of which a ring of rows is kept, there
    are the rows of the ring.
    """

    offset: int
    rows: int
    row_bytes: int
    stride: int
    ring: int | None = None

    @property
    def end(self) -> int:
        return self.offset + (self.rows - 1) * self.stride + self.row_bytes

    def touches(self, other: Region) -> bool:
        """Whether the two overlap, gaps between rows included."""
        return self.offset < other.end and other.offset < self.end


def region_of(tensor: Tensor, offset: int, row_stride: int, ring: int | None = None) -> Region:
    """The region of a tensor, or of a ring of its rows: its last dimension in rows, ``row_stride``
    values apart."""
    rows, stride = prod(tensor.shape[:-1]), row_stride * tensor.item_bytes
    kept = rows if ring is None else rows // row_count(tensor) * ring
    own = tensor.bytes // rows
    if kept == 1 or stride == own:
        return Region(offset, 1, kept * own, kept * own, ring)
    return Region(offset, kept, own, stride, ring)


Regions = Mapping[int, Region]


def check_plan(
    graph: Graph,
    schedule: Schedule,
    regions: Regions,
    arena_bytes: int,
    scratch: Regions,
    in_place: Collection[int],
    strided: Collection[int],
) -> None:
    """Proves that every operator reads the values that it must, and the caller the outputs.

    Args:
        schedule: the steps in which they run.
        regions: where each activation tensor is.
        scratch: where operators (indices) have their scratch.
        in_place: operators (indices) that may write their result over an operand, in its region.
        strided: operators (indices) that take tensors with gaps between their rows.

    Raises:
        PlanError: if the plan is wrong; names the tensors.
    """
    _check_regions(graph, regions, arena_bytes, scratch, strided)
    pushed = any(step.operator == CALLER for step in schedule.steps)
    run = _Run(graph, regions, scratch, arena_bytes, pushed)
    if not pushed:
        run.write_inputs()
    for step in schedule.steps:
        if step.operator == CALLER:
            run.push(step)
        else:
            run.step(step, step.operator in in_place)
    for tensor in graph.outputs:
        run.read(tensor, "before the caller reads it")


# ---------------------------------------------------------------- single regions


def _check_regions(
    graph: Graph, regions: Regions, arena_bytes: int, scratch: Regions, strided: Collection[int]
) -> None:
    """Inside the arena, aligned, and contiguous where that is needed."""
    for tensor, region in regions.items():
        made = graph.tensors[tensor]
        _check_region(f"tensor {made.name!r}", region, arena_bytes, made.item_bytes)
    for index, region in scratch.items():
        name = f"the scratch of {_describe(graph, index)}"
        _check_region(name, region, arena_bytes, SCRATCH_ALIGNMENT)
    wanted = {tensor: "the caller" for tensor in (*graph.inputs, *graph.outputs)}
    for index, operator in enumerate(graph.operators):
        if index not in strided:
            wanted |= dict.fromkeys((*operator.inputs, *operator.outputs), _describe(graph, index))
    for tensor, reader in wanted.items():
        if tensor in regions and regions[tensor].rows > 1:
            name = graph.tensors[tensor].name
            raise PlanError(f"tensor {name!r} is not contiguous for {reader}: {regions[tensor]}")


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


@dataclass(frozen=True)
class _Values:
    """Values in the arena, (..., bytes of a value): what is written there, and what should be."""

    found: np.ndarray
    expected: np.ndarray

    def part(self, index: Any, shape: tuple[int, ...]) -> _Values:
        return _Values(self.found[index].reshape(shape), self.expected[index].reshape(shape))


Part = tuple[Any, "_Values | None"]
"""A part of an output as an index, and the values of an operand that it has; None if computed."""


class _Run:
    """The arena, and the numbers that the bytes of each tensor should have there."""

    def __init__(
        self, graph: Graph, regions: Regions, scratch: Regions, arena_bytes: int, pushed: bool
    ):
        self.graph, self.regions, self.scratch = graph, regions, scratch
        self.access = RowAccess(graph, pushed)
        self.arena = np.zeros(arena_bytes, np.uint32)
        self.expected: dict[int, np.ndarray] = {}
        self.computed: dict[int, int] = {}
        self.writers = ["nothing"]
        self.row: int | None = None

    def write_inputs(self) -> None:
        for tensor in self.graph.inputs:
            self.expected[tensor] = self.write(self.bytes_of(tensor), self.name(tensor))
            self.computed[tensor] = row_count(self.graph.tensors[tensor])
        for tensor in self.graph.inputs:
            self.read(tensor, "before the network runs")

    def push(self, step: Step) -> None:
        """The caller writes a row of the input."""
        self.row = step.row
        for tensor in self.graph.inputs:
            self.write_output(tensor, [((), None)])

    def step(self, step: Step, in_place: bool) -> None:
        """Runs one operator, or a row of it."""
        index, self.row = step
        operator, name = self.graph.operators[index], _describe(self.graph, index)
        operands = {t: r for t, r in self.access.ranges(step).items() if t in self.regions}
        for tensor, rows in operands.items():
            self.read(tensor, f"before {name} reads it", rows)
        parts = zip(operator.outputs, self.parts(operator))
        written = {t: self.regions[t] for t, own in parts if self.write_output(t, own)}
        if index in self.scratch:
            self.write(self.view(self.scratch[index]), f"the scratch of {name}")
            written[-1] = self.scratch[index]
        output = self.regions[operator.outputs[0]]
        replaced = {t for t in operands if in_place and self.regions[t] == output}
        made = dict.fromkeys(operator.outputs, self.rows_of(operator.outputs[0]))
        for tensor, rows in {**operands, **made}.items():
            others = [region for other, region in written.items() if other != tensor]
            if tensor not in replaced and any(r.touches(self.regions[tensor]) for r in others):
                self.read(tensor, f"by {name} itself", rows)

    def rows_of(self, tensor: int) -> Range:
        """The rows of a result that the current step writes."""
        if self.row is None:
            return 0, row_count(self.graph.tensors[tensor])
        return self.row, self.row + 1

    def write_output(self, tensor: int, parts: list[Part]) -> bool:
        """Writes an output, except the parts that are views of the same bytes; False if all are."""
        own, written = self.bytes_of(tensor), False
        numbers = np.empty(own.shape, self.arena.dtype)
        for target, source in parts:
            if source is not None and _same_bytes(own[target], source.found):
                numbers[target] = source.expected
            else:
                numbers[target] = self.write(own[target], self.name(tensor))
                written = True
        self.keep(tensor, numbers)
        return written

    def keep(self, tensor: int, numbers: np.ndarray) -> None:
        """Remembers what the bytes of an output should have, (rows, ...)."""
        if self.row is None:
            self.expected[tensor] = numbers
        else:
            if tensor not in self.expected:
                self.expected[tensor] = np.zeros(self.shape(tensor, whole=True), self.arena.dtype)
            self.expected[tensor][self.part_of(tensor, self.rows_of(tensor))] = numbers
        self.computed[tensor] = self.rows_of(tensor)[1]

    # ------------------------------------------------------------ what operators do

    def parts(self, operator: Operator) -> list[list[Part]]:
        """For each output its parts."""
        outputs, slices = operator.outputs, slices_of(self.graph, operator)
        if operator.name in RESHAPES:
            return [[((), self.moved(operator.inputs[0], outputs[0], ()))]]
        if slices is not None:
            source = operator.inputs[1 if operator.name == "SPLIT" else 0]
            return [[((), self.moved(source, t, _index(s)))] for t, s in zip(outputs, slices)]
        if operator.name == "CONCATENATION":
            return [self.side_by_side(operator)]
        before = channel_padding(self.graph, operator) if operator.name == "PAD" else None
        if before is not None:
            return [self.padded(operator, before)]
        return [[((), None)] for _ in outputs]

    def moved(self, source: int, output: int, index: Any) -> _Values | None:
        """A part of an operand with the output's shape; None for a constant, which is copied."""
        if source not in self.regions:
            return None
        found, expected = self.bytes_of(source), self.expected[source]
        if self.row is not None:
            expected = expected[self.part_of(source, self.rows_of(source))]
            index = self.in_row(source, index)
        return _Values(found, expected).part(index, self.shape(output))

    def in_row(self, source: int, index: Any) -> Any:
        """A part of a tensor as a part of one row."""
        axis = row_axis(self.graph.tensors[source])
        return tuple(slice(None) if d == axis else part for d, part in enumerate(index))

    def side_by_side(self, operator: Operator) -> list[Part]:
        output, start, parts = operator.outputs[0], 0, []
        axis = operator.attributes_as(Concatenation).axis % len(self.graph.tensors[output].shape)
        for source in operator.inputs:
            end = start + self.graph.tensors[source].shape[axis]
            target = (*[slice(None)] * axis, slice(start, end))
            parts.append((target, self.moved(source, source, ())))
            start = end
        return parts

    def padded(self, operator: Operator, before: int) -> list[Part]:
        """The operand, and the margins before and after it."""
        source, columns = operator.inputs[0], self.graph.tensors[operator.outputs[0]].shape[-1]
        after = before + self.graph.tensors[source].shape[-1]
        ends = [(start, end) for start, end in ((0, before), (after, columns)) if start < end]
        margins: list[Part] = [((..., slice(*each), slice(None)), None) for each in ends]
        inside = (..., slice(before, after), slice(None))
        return [*margins, (inside, self.moved(source, source, ()))]

    # ------------------------------------------------------------ bytes

    def write(self, target: np.ndarray, writer: str) -> np.ndarray:
        """Writes a new number, and returns it with the shape of its target."""
        self.writers.append(writer)
        target[...] = len(self.writers) - 1
        return np.broadcast_to(self.arena.dtype.type(len(self.writers) - 1), target.shape)

    def read(self, tensor: int, when: str, rows: Range | None = None) -> None:
        """Raises PlanError if a byte of a tensor, or of a range of its rows, is not what it should
        be."""
        begin, end = rows or (0, row_count(self.graph.tensors[tensor]))
        if self.computed.get(tensor, 0) < end:
            raise PlanError(f"{self.name(tensor)} is not computed {when}")
        ring, region = self.regions[tensor].ring, self.regions[tensor]
        if ring is None and end - begin == row_count(self.graph.tensors[tensor]):
            self.compare(tensor, self.whole(tensor), self.expected[tensor], when)
            return
        if ring is not None and end - begin > ring:
            raise PlanError(f"{self.name(tensor)} has too few rows {when}: {region}")
        for row in range(begin, end):
            expected = self.expected[tensor][self.part_of(tensor, (row, row + 1))]
            self.compare(tensor, self.row_bytes(tensor, row), expected, when)

    def compare(self, tensor: int, found: np.ndarray, expected: np.ndarray, when: str) -> None:
        wrong = found != expected
        if wrong.any():
            writer, region = self.writers[found[wrong][0]], self.regions[tensor]
            raise PlanError(f"{self.name(tensor)} is overwritten by {writer} {when}: {region}")

    def bytes_of(self, tensor: int) -> np.ndarray:
        """What is in the arena where a tensor is, or the current row of one that has rows,
        (*shape, bytes of a value)."""
        if self.row is None or row_axis(self.graph.tensors[tensor]) is None:
            return self.whole(tensor)
        return self.row_bytes(tensor, self.row)

    def whole(self, tensor: int) -> np.ndarray:
        return self.view(self.regions[tensor]).reshape(self.shape(tensor, whole=True))

    def row_bytes(self, tensor: int, row: int) -> np.ndarray:
        """One row of a tensor."""
        region, made = self.regions[tensor], self.graph.tensors[tensor]
        kept = region.ring or row_count(made)
        if region.rows == 1:
            size = region.row_bytes // kept
            own = Region(region.offset + row % kept * size, 1, size, size)
        else:
            lines = region.rows // kept
            start = region.offset + row % kept * lines * region.stride
            own = Region(start, lines, region.row_bytes, region.stride)
        return self.view(own).reshape(self.row_shape(tensor))

    def part_of(self, tensor: int, rows: Range) -> tuple[slice, ...]:
        """A range of rows of a tensor as an index."""
        axis = row_axis(self.graph.tensors[tensor])
        return () if axis is None else (*[slice(None)] * axis, slice(*rows))

    def view(self, region: Region) -> np.ndarray:
        """(rows, row bytes) of the arena."""
        shape, item = (region.rows, region.row_bytes), self.arena.itemsize
        strides = (region.stride * item, item)
        return np.ndarray(shape, self.arena.dtype, self.arena, region.offset * item, strides)

    def shape(self, tensor: int, whole: bool = False) -> tuple[int, ...]:
        """(*shape, bytes of a value) of a tensor, or of one row if the current step is one."""
        if not whole and self.row is not None:
            return self.row_shape(tensor)
        return (*self.graph.tensors[tensor].shape, self.graph.tensors[tensor].item_bytes)

    def row_shape(self, tensor: int) -> tuple[int, ...]:
        row = one_row(self.graph.tensors[tensor])
        return (*row.shape, row.item_bytes)

    def name(self, tensor: int) -> str:
        return f"tensor {self.graph.tensors[tensor].name!r}"


def _same_bytes(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays are views of the same memory, value by value."""
    start = [each.__array_interface__["data"][0] for each in (a, b)]
    strides = [[s for s, n in zip(each.strides, each.shape) if n > 1] for each in (a, b)]
    return a.shape == b.shape and start[0] == start[1] and strides[0] == strides[1]


def _index(part: Slice) -> tuple[slice, ...]:
    """A slice as NumPy has it."""
    found = []
    for start, size, step in zip(part.starts, part.sizes, part.steps):
        stop = start + size * step
        found.append(slice(start, stop if stop >= 0 else None, step))
    return tuple(found)
