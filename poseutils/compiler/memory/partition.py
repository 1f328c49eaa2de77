"""Which operators run row by row: cuts a graph into segments so that least memory is needed.

That layers run by parts of an image is the idea of MCUNetV2 (Lin et al., NeurIPS 2021), whose parts
overlap and are computed twice where they do; msf-CNN (2025) searches for the layers to fuse. Rows
in rings do not overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..graph import Graph, lifetimes
from .arena import Arena, smallest_arena
from .planner import ALIGNMENT
from .schedule import RowAccess, Schedule, in_segments, layerwise, row_steps
from .timeline import LiveRange, Timeline, ring_height, union
from .views import inputs_side_by_side, parts_of_input

MEMORY = ("least", "layerwise")


def plan_memory(graph: Graph, scratch: Mapping[int, tuple[int, int]], memory: str) -> Arena:
    """The arena of a graph.

    Args:
        scratch: bytes that operators (indices) need while they run, at least and at most.
        memory: one of :data:`MEMORY`: ``least`` compares the arenas of several schedules.
    """
    access = RowAccess(graph)
    schedules = [layerwise(graph)]
    if memory == "least":
        for slides in (False, True):
            cuts = best_cuts(
                access, {index: least for index, (least, _) in scratch.items()}, slides
            )
            schedules.append(in_segments(access, cuts))
    arenas = [smallest_arena(Timeline(access, schedule), scratch) for schedule in schedules]
    return min(arenas, key=lambda arena: arena.plan.size)


def best_cuts(access: RowAccess, scratch: Mapping[int, int], slides: bool) -> list[int]:
    """The cuts between segments that need the least memory.

    Args:
        slides: whether rows of a segment's results may take the place of rows of its operands.
    """
    return _Cuts(access, scratch, slides).best()


@dataclass(frozen=True)
class _Best:
    """The least memory of the operators up to a cut, and the cut before it."""

    bytes: float
    before: int


class _Cuts:
    """Dynamic programming: what a segment needs depends on its two cuts alone."""

    def __init__(self, access: RowAccess, scratch: Mapping[int, int], slides: bool):
        self.access, self.scratch, self.slides = access, scratch, slides
        self.graph, self.spans = access.graph, lifetimes(access.graph)
        self.roots = _roots(access)

    def best(self) -> list[int]:
        best, cuts = {0: _Best(0, 0)}, self._candidates()
        for number, end in enumerate(cuts[1:], 1):
            for begin in reversed(cuts[:number]):
                if end - begin > 1 and not self._in_rows(begin, end):
                    break
                if end not in best or best[begin].bytes < best[end].bytes:
                    needed = max(best[begin].bytes, self._bytes(begin, end))
                    if end not in best or needed < best[end].bytes:
                        best[end] = _Best(needed, begin)
        found = [cuts[-1]]
        while found[-1]:
            found.append(best[found[-1]].before)
        return found[::-1]

    def _candidates(self) -> list[int]:
        """Cuts that few bytes cross, and those beside operators that do not run row by row."""
        count, tensors = len(self.graph.operators), self.graph.tensors
        crossing = [
            sum(tensors[t].bytes for t, (first, last) in self.spans.items() if first < cut <= last)
            for cut in range(count + 1)
        ]
        return [
            cut
            for cut in range(count + 1)
            if cut in (0, count)
            or None in self.access.reads[cut - 1 : cut + 1]
            or crossing[cut - 1] >= crossing[cut] <= crossing[cut + 1]
        ]

    def _in_rows(self, begin: int, end: int) -> bool:
        return None not in self.access.reads[begin:end]

    def _bytes(self, begin: int, end: int) -> float:
        """What the operators between two cuts need, at most, while they run."""
        if end - begin == 1:
            alive = (t for t, (first, last) in self.spans.items() if first <= begin <= last)
            return sum(self._size(t) for t in alive) + self.scratch.get(begin, 0)
        steps = tuple(row_steps(self.access, begin, end))
        timeline = Timeline(self.access, Schedule(steps, ((begin, end),)))
        change = np.zeros(len(steps) + 2)
        for root, live in self._by_root(timeline, end).items():
            first, last, size = self._needed(timeline, root, live)
            np.add.at(change, np.maximum(first, 0), size)
            np.add.at(change, last + 1, -size)
        most = change[: len(steps)].cumsum().max()
        passing = (
            self._size(tensor)
            for tensor, (first, last) in self.spans.items()
            if first < begin and last >= end and tensor not in timeline.live
        )
        scratch = max((self.scratch.get(index, 0) for index in range(begin, end)), default=0)
        return float(most) + sum(passing) + scratch

    def _by_root(self, timeline: Timeline, end: int) -> dict[int, LiveRange]:
        """The live ranges in a segment, of tensors that share memory together."""
        found: dict[int, list[LiveRange]] = {}
        for tensor, live in timeline.live.items():
            if self.spans[tensor][1] >= end:
                live.last[:] = len(timeline.schedule.steps)
            root = self.roots.get(tensor, tensor)
            same = timeline.ring_of.get(root) == timeline.ring_of.get(tensor)
            found.setdefault(root if same else tensor, []).append(live)
        return {root: union(live) for root, live in found.items()}

    def _needed(
        self, timeline: Timeline, root: int, live: LiveRange
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """From which to which steps how many bytes are needed."""
        rows, (first, last) = len(live.first), live.span
        if root in timeline.ring_of:
            ring = ring_height(live.first, live.last)
            return np.array(first), np.array(last), self._size(root) / rows * ring
        if self.slides:
            return live.first, live.last, self._size(root) / rows
        return np.array(first), np.array(last), self._size(root)

    def _size(self, tensor: int) -> int:
        return -(-self.graph.tensors[tensor].bytes // ALIGNMENT) * ALIGNMENT


def _roots(access: RowAccess) -> dict[int, int]:
    """For each tensor that is a part of another one with the same rows, that one: the inputs of a
    CONCATENATION that lie in its result, and slices."""
    graph = access.graph
    roots: dict[int, int] = {}
    for operator, reads in zip(access.graph.operators, access.reads):
        if reads is None:
            continue
        if inputs_side_by_side(graph, operator) is not None:
            for tensor in reads:
                roots.setdefault(tensor, operator.outputs[0])
        elif parts_of_input(graph, operator) is not None:
            source = next(iter(reads))
            roots |= {t: roots.get(source, source) for t in operator.outputs}
    return roots
