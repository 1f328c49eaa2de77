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
from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np

from ..graph import Graph, readers
from ..rows import Range, row_count, row_reads

CALLER = -1
"""In place of an operator: the caller, who pushes the next row of the network's input."""


class Step(NamedTuple):
    """An operator (index) computes a row of its results, or, if ``row`` is None, all of them. The
    :data:`CALLER` writes a row of the input."""

    operator: int
    row: int | None


@dataclass(frozen=True)
class Schedule:
    """The steps in order. ``segments`` are the ranges of operators that run row by row; to those of
    the first one the rows of the input may be pushed as they need them, else all come before."""

    steps: tuple[Step, ...]
    segments: tuple[Range, ...] = ()

    @property
    def waits_for_rows(self) -> bool:
        """Whether the first segment takes the rows of the input as they come."""
        pushes = [n for n, step in enumerate(self.steps) if step.operator == CALLER]
        return bool(pushes) and pushes[-1] >= len(pushes)

    @cached_property
    def segment_of(self) -> dict[int, int]:
        """The number of the segment of each operator (index) that runs row by row."""
        return {
            index: number for number, each in enumerate(self.segments) for index in range(*each)
        }

    @property
    def orders(self) -> list[np.ndarray]:
        """For each segment its operators, counted from the first one, in the order of the steps; a
        row of the input comes after all of them."""
        orders = []
        for number, (begin, end) in enumerate(self.segments):
            place = {operator: operator - begin for operator in range(begin, end)}
            if number == 0 and self.waits_for_rows:
                place[CALLER] = end - begin
            own = [place[step.operator] for step in self.steps if step.operator in place]
            orders.append(np.array(own, np.uint8 if end - begin <= 256 else np.int16))
        return orders


class RowAccess:
    """Which rows the operators of a graph read. If the input is ``pushed``, the caller writes it
    row by row."""

    def __init__(self, graph: Graph, pushed: bool = False):
        self.graph, self.pushed = graph, pushed
        self.reads = [row_reads(graph, operator) for operator in graph.operators]
        self.outputs = dict(enumerate(operator.outputs for operator in graph.operators))
        self.outputs |= {CALLER: graph.inputs} if pushed else {}
        self.rows = {i: row_count(graph.tensors[made[0]]) for i, made in self.outputs.items()}
        self.producer = {t: index for index, made in self.outputs.items() for t in made}
        self.readers = readers(graph)

    @cached_property
    def last_reads(self) -> dict[int, dict[int, np.ndarray]]:
        """For each operator that can run row by row, by the activations that it reads: the last row
        of its result that each row is read for, -1 if none is."""
        found: dict[int, dict[int, np.ndarray]] = {}
        for index, reads in enumerate(self.reads):
            for tensor, ranges in (reads or {}).items():
                last = np.full(row_count(self.graph.tensors[tensor]), -1)
                for row, read in enumerate(ranges):
                    last[slice(*read)] = row
                found.setdefault(index, {})[tensor] = last
        return found

    def ranges(self, step: Step) -> dict[int, Range]:
        """For each activation that a step reads, the rows."""
        if step.operator == CALLER:
            return {}
        reads = self.reads[step.operator]
        if step.row is None or reads is None:
            read = self.graph.operators[step.operator].inputs
            tensors = {t: self.graph.tensors[t] for t in read if t >= 0}
            return {t: (0, row_count(made)) for t, made in tensors.items() if not made.is_constant}
        return {tensor: ranges[step.row] for tensor, ranges in reads.items()}


def in_segments(access: RowAccess, cuts: Sequence[int]) -> Schedule:
    """Operators between two cuts run row by row, if there are several.

    Args:
        cuts: indices of operators, 0 and their number among them; those between two cuts that are
            more than one apart can all run row by row.
    """
    steps: list[Step] = []
    segments = []
    first = next(((a, b) for a, b in zip(cuts, cuts[1:]) if b - a > 1), (0, 0))
    if access.pushed and not takes_rows(access, *first):
        steps += [Step(CALLER, row) for row in range(access.rows[CALLER])]
    for begin, end in zip(cuts, cuts[1:]):
        if end - begin == 1:
            steps.append(Step(begin, None))
        else:
            segments.append((begin, end))
            steps += row_steps(access, begin, end)
    return Schedule(tuple(steps), tuple(segments))


def takes_rows(access: RowAccess, begin: int, end: int) -> bool:
    """Whether a segment takes the rows of a pushed input as they come: nothing else reads it."""
    if not access.pushed:
        return False
    reads = (index for t in access.graph.inputs for index in access.readers.get(t, []))
    return end > begin and all(begin <= index < end for index in reads)


def row_steps(access: RowAccess, begin: int, end: int) -> list[Step]:
    """The steps of a segment: each row just before it is read.

    Of several results that nothing in the segment reads, the one that is behind comes next.
    """
    return _Segment(access, begin, end).steps()


class _Segment:
    def __init__(self, access: RowAccess, begin: int, end: int):
        self.access, self.operators = access, list(range(begin, end))
        self.operators += [CALLER] if takes_rows(access, begin, end) else []
        self.done = dict.fromkeys(self.operators, 0)
        self.needs = {index: self._needs(index) for index in self.operators}
        self.made: list[Step] = []

    def _needs(self, index: int) -> list[tuple[int, list[Range]]]:
        """The operators of the segment that compute what another one reads, and the rows."""
        reads = {} if index == CALLER else self.access.reads[index] or {}
        producers = [(self.access.producer.get(t), ranges) for t, ranges in reads.items()]
        return [(made, ranges) for made, ranges in producers if made in self.done]

    def steps(self) -> list[Step]:
        waiting = [(0.0, index) for index in self._read_by_none()]
        while waiting:
            _, behind = heappop(waiting)
            self._compute_row(behind)
            if self.done[behind] < self.access.rows[behind]:
                heappush(waiting, (self.done[behind] / self.access.rows[behind], behind))
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
            row = self.done[index]
            for producer, ranges in self.needs[index]:
                if self.done[producer] < ranges[row][1]:
                    waiting.append(producer)
                    break
            else:
                self.made.append(Step(index, row))
                self.done[index] += 1
                waiting.pop()
