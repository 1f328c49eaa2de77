"""When each row of each tensor is written and read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..graph import Graph
from ..rows import row_count
from .schedule import RowAccess, Schedule, takes_rows


@dataclass(frozen=True)
class LiveRange:
    """For each row of a tensor (rows,) the step that writes it, and the last one that reads it; -1
    and the number of steps where the caller does."""

    first: np.ndarray
    last: np.ndarray

    @property
    def span(self) -> tuple[int, int]:
        return int(self.first.min()), int(self.last.max())


@dataclass(frozen=True)
class Timeline:
    """A graph, the schedule it runs by, and the live ranges that follow from it."""

    access: RowAccess
    schedule: Schedule

    @property
    def graph(self) -> Graph:
        return self.access.graph

    @cached_property
    def live(self) -> dict[int, LiveRange]:
        """Of each activation tensor that a step writes or reads, and of the network's inputs; what
        is written by none of the steps is there before."""
        live = {tensor: self._unwritten(tensor) for tensor in self.graph.inputs}
        for operator, steps in self.steps_of.items():
            reads = dict.fromkeys(self.access.ranges(self.schedule.steps[steps[0]]), steps)
            if len(steps) > 1:  # row by row: of each row the step that reads it last, or -1
                last_reads = self.access.last_reads.get(operator, {})
                reads = {t: np.append(steps, -1)[rows] for t, rows in last_reads.items()}
            written = dict.fromkeys(self.access.outputs[operator], steps)
            for tensor, last in (reads | written).items():
                if tensor not in live:
                    live[tensor] = self._unwritten(tensor)
                np.maximum(live[tensor].last, last, out=live[tensor].last)
            for tensor in written:
                live[tensor].first[:] = steps
        for tensor in self.graph.outputs:
            if tensor in live:
                live[tensor].last[:] = len(self.schedule.steps)
        return live

    def _unwritten(self, tensor: int) -> LiveRange:
        rows = row_count(self.graph.tensors[tensor])
        return LiveRange(np.full(rows, -1), np.full(rows, -1))

    @cached_property
    def steps_of(self) -> dict[int, np.ndarray]:
        """The steps of each operator, in the order in which operators begin."""
        steps: dict[int, list[int]] = {}
        for number, step in enumerate(self.schedule.steps):
            steps.setdefault(step.operator, []).append(number)
        return {operator: np.array(own) for operator, own in steps.items()}

    def span_of(self, operators: Iterable[int]) -> tuple[int, int]:
        """The first and the last step of several operators."""
        steps = [self.steps_of[index] for index in operators]
        return int(min(own[0] for own in steps)), int(max(own[-1] for own in steps))

    def in_operators(self, step: int) -> float:
        """When a step begins, in operators: the steps of a segment are spread evenly over them."""
        return float(np.interp(step, *self._begins))

    @cached_property
    def _begins(self) -> tuple[list[int], list[int]]:
        """The steps at which segments and operators that run alone begin, and the end; and the
        operators that they begin with."""
        segments, count = self.schedule.segment_of, len(self.graph.operators)
        alone = [(index, index + 1) for index in range(count) if index not in segments]
        blocks = sorted([*alone, *self.schedule.segments])
        first = [self.span_of(range(*block))[0] for block in blocks]
        return [*first, len(self.schedule.steps)], [*(begin for begin, _ in blocks), count]

    @cached_property
    def ring_of(self) -> dict[int, int]:
        """The segment of each tensor that is written and read in one segment alone: of such a
        tensor a few rows are kept."""
        found = {}
        for number, (begin, end) in enumerate(self.schedule.segments):
            taken = self.graph.inputs if takes_rows(self.access, begin, end) else ()
            for tensor in (*taken, *(t for i in range(begin, end) for t in self.access.outputs[i])):
                own = all(begin <= i < end for i in self.access.readers.get(tensor, []))
                if own and tensor not in self.graph.outputs:
                    found[tensor] = number
        return found

    def dies_in(self, tensor: int, operator: int) -> bool:
        """Whether each row of a tensor is read for the last time, at the latest, by the step of an
        operator that writes the same row of its result."""
        last, output = self.live[tensor].last, self.graph.operators[operator].outputs[0]
        first = self.live[output].first
        if operator in self.schedule.segment_of and len(last) == len(first):
            return bool((last <= first).all())
        return bool(last.max() <= first.min())


def union(live: list[LiveRange]) -> LiveRange:
    """Of tensors side by side, or one over the other: of each row the live range of all."""
    if len(live) == 1:
        return live[0]
    first, last = [each.first for each in live], [each.last for each in live]
    return LiveRange(np.min(first, axis=0), np.max(last, axis=0))


def ring_height(first: np.ndarray, last: np.ndarray) -> int:
    """The fewest rows that a ring must hold: row y may be overwritten by the row that far below it
    when that is written, and all earlier ones when those are.

    Args:
        first: the step that writes each row.
        last: the last step that reads each row.
    """
    height, dead = 1, np.maximum.accumulate(last)
    oldest = 0
    for row, written in enumerate(np.minimum.accumulate(first[::-1])[::-1]):
        while dead[oldest] < written:
            oldest += 1
        height = max(height, row - oldest + 1)
    return height
