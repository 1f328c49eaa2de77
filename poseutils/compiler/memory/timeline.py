"""When each row of each tensor is written and read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..graph import Graph
from ..rows import row_count
from .schedule import RowAccess, Schedule


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
        end, live = len(self.schedule.steps), _Unwritten(self.graph)
        for tensor in self.graph.inputs:
            _ = live[tensor]
        for number, step in enumerate(self.schedule.steps):
            for tensor, (begin, stop) in self.access.ranges(step).items():
                live[tensor].last[begin:stop] = number
            written = slice(None) if step.row is None else step.row
            for tensor in self.graph.operators[step.operator].outputs:
                live[tensor].first[written] = live[tensor].last[written] = number
        for tensor in self.graph.outputs:
            if tensor in live:
                live[tensor].last[:] = end
        return dict(live)

    @cached_property
    def steps_of(self) -> list[tuple[int, int]]:
        """The first and the last step of each operator."""
        spans: list[tuple[int, int]] = [(-1, -1)] * len(self.graph.operators)
        for number, (operator, _) in enumerate(self.schedule.steps):
            first = spans[operator][0]
            spans[operator] = (number if first < 0 else first, number)
        return spans

    @cached_property
    def ring_of(self) -> dict[int, int]:
        """The segment of each tensor that is written and read in one segment alone: of such a
        tensor a few rows are kept."""
        found, ends = {}, {*self.graph.inputs, *self.graph.outputs}
        for number, (begin, end) in enumerate(self.schedule.segments):
            for index in range(begin, end):
                for tensor in self.graph.operators[index].outputs:
                    own = all(begin <= i < end for i in self.access.readers.get(tensor, []))
                    if own and tensor not in ends:
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


class _Unwritten(dict[int, LiveRange]):
    """Live ranges of tensors that are there before the first step."""

    def __init__(self, graph: Graph):
        super().__init__()
        self.graph = graph

    def __missing__(self, tensor: int) -> LiveRange:
        rows = row_count(self.graph.tensors[tensor])
        self[tensor] = LiveRange(np.full(rows, -1), np.full(rows, -1))
        return self[tensor]


def union(live: list[LiveRange]) -> LiveRange:
    """Of tensors side by side, or one over the other: of each row the live range of all."""
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
