"""In which order operators run: one after the other, or in segments whose operators take turns row
by row.

Within a segment a row is computed when a later operator is about to read it, so that each tensor
needs to keep a few rows only. Nothing is computed twice: every row of every tensor is computed
once, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..graph import Graph, readers
from ..rows import Range, row_count, row_reads


class Step(NamedTuple):
    """An operator (index) computes a row of its results, or, if ``row`` is None, all of them."""

    operator: int
    row: int | None


@dataclass(frozen=True)
class Schedule:
    """The steps in order. ``segments`` are the ranges of operators that run row by row."""

    steps: tuple[Step, ...]
    segments: tuple[Range, ...] = ()

    @cached_property
    def segment_of(self) -> dict[int, int]:
        """The number of the segment of each operator (index) that runs row by row."""
        return {
            index: number for number, each in enumerate(self.segments) for index in range(*each)
        }

    @property
    def orders(self) -> list[np.ndarray]:
        """For each segment its operators, counted from the first one, in the order of the steps."""
        orders = []
        for begin, end in self.segments:
            own = [step.operator - begin for step in self.steps if begin <= step.operator < end]
            orders.append(np.array(own, np.uint8 if end - begin <= 256 else np.int16))
        return orders


class RowAccess:
    """Which rows the operators of a graph read."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self.reads = [row_reads(graph, operator) for operator in graph.operators]
        self.rows = [row_count(graph.tensors[op.outputs[0]]) for op in graph.operators]
        self.producer = {t: i for i, op in enumerate(graph.operators) for t in op.outputs}
        self.readers = readers(graph)

    def ranges(self, step: Step) -> dict[int, Range]:
        """For each activation that a step reads, the rows."""
        reads = self.reads[step.operator]
        if step.row is None or reads is None:
            read = self.graph.operators[step.operator].inputs
            tensors = {t: self.graph.tensors[t] for t in read if t >= 0}
            return {t: (0, row_count(made)) for t, made in tensors.items() if not made.is_constant}
        return {tensor: ranges[step.row] for tensor, ranges in reads.items()}


def layerwise(graph: Graph) -> Schedule:
    """One operator after the other."""
    return Schedule(tuple(Step(index, None) for index in range(len(graph.operators))))


def in_segments(access: RowAccess, cuts: Sequence[int]) -> Schedule:
    """Operators between two cuts run row by row, if there are several.

    Args:
        cuts: indices of operators, 0 and their number among them; those between two cuts that are
            more than one apart can all run row by row.
    """
    steps: list[Step] = []
    segments = []
    for begin, end in zip(cuts, cuts[1:]):
        if end - begin == 1:
            steps.append(Step(begin, None))
        else:
            segments.append((begin, end))
            steps += row_steps(access, begin, end)
    return Schedule(tuple(steps), tuple(segments))


def row_steps(access: RowAccess, begin: int, end: int) -> list[Step]:
    """The steps of a segment: each row just before it is read.

    Of several results that nothing in the segment reads, the one that is behind comes next.
    """
    return _Segment(access, begin, end).steps()


class _Segment:
    def __init__(self, access: RowAccess, begin: int, end: int):
        self.access, self.operators = access, range(begin, end)
        self.done = dict.fromkeys(self.operators, 0)
        self.needs = {index: self._needs(index) for index in self.operators}
        self.made: list[Step] = []

    def _needs(self, index: int) -> list[tuple[int, list[Range]]]:
        """The operators of the segment that compute what another one reads, and the rows."""
        reads = self.access.reads[index] or {}
        producers = ((self.access.producer.get(t, -1), ranges) for t, ranges in reads.items())
        return [(index, ranges) for index, ranges in producers if index in self.operators]

    def steps(self) -> list[Step]:
        last = self._read_by_none()
        while last:
            behind = min(last, key=lambda i: (self.done[i] / self.access.rows[i], i))
            self._compute_row(behind)
            last = [index for index in last if self.done[index] < self.access.rows[index]]
        for index in self.operators:  # rows that no window reaches
            while self.done[index] < self.access.rows[index]:
                self._compute_row(index)
        return self.made

    def _read_by_none(self) -> list[int]:
        read = {producer for each in self.needs.values() for producer, _ in each}
        return [index for index in self.operators if index not in read]

    def _compute_row(self, wanted: int) -> None:
        """The next row of an operator, after all that it is made of."""
        waiting = [wanted]
        while waiting:
            index = waiting[-1]
            missing = self._missing(index)
            if missing is None:
                self.made.append(Step(index, self.done[index]))
                self.done[index] += 1
                waiting.pop()
            else:
                waiting.append(missing)

    def _missing(self, index: int) -> int | None:
        """An operator of the segment whose next row is read for the next row of another."""
        row = self.done[index]
        for producer, ranges in self.needs[index]:
            if self.done[producer] < ranges[row][1]:
                return producer
        return None
