"""Which operators run row by row: cuts a graph into segments so that least memory is needed.

That layers run by parts of an image is the idea of MCUNetV2 (Lin et al., NeurIPS 2021), whose parts
overlap and are computed twice where they do; msf-CNN (2025) searches for the layers to fuse. Rows
in rings do not overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from ..graph import Graph, lifetimes
from .arena import Arena, smallest_arena
from .buffers import buffer_of
from .planner import Buffer, lower_bound, plan
from .schedule import RowAccess, Schedule, Step, in_segments, row_steps
from .timeline import LiveRange, Timeline, union
from .views import inputs_side_by_side, parts_of_input

MEMORY = ("least", "layerwise")


LONGEST = 32
"""Candidates of cuts that a segment may span."""


def layerwise_arena(graph: Graph, scratch: Mapping[int, tuple[int, int]], pushed: bool) -> Arena:
    """The arena of a graph whose operators run one after the other.

    Args:
        scratch: bytes that operators (indices) need while they run, at least and at most.
        pushed: whether the caller writes the input row by row.
    """
    access = RowAccess(graph, pushed)
    one_by_one = in_segments(access, range(len(graph.operators) + 1))
    return smallest_arena(Timeline(access, one_by_one), scratch)


def least_arena(layerwise: Arena, scratch: Mapping[int, tuple[int, int]]) -> Arena:
    """The arena of the same graph in segments that run row by row, if it is smaller."""
    access = layerwise.timeline.access
    cuts = best_cuts(access, {index: least for index, (least, _) in scratch.items()})
    in_rows = smallest_arena(Timeline(access, in_segments(access, cuts)), scratch)
    return min(layerwise, in_rows, key=lambda arena: arena.plan.size)


def best_cuts(access: RowAccess, scratch: Mapping[int, int]) -> list[int]:
    """The cuts between segments that need the least memory."""
    return _Cuts(access, scratch).best()


class _Best(NamedTuple):
    """The least memory of the operators up to a cut: what the segment that needs most needs, then
    the sum of what all need; and the cut before it."""

    most: float
    total: float
    before: int


class _Cuts:
    """Dynamic programming: what a segment needs depends on its two cuts alone."""

    def __init__(self, access: RowAccess, scratch: Mapping[int, int]):
        self.access, self.scratch = access, scratch
        self.graph, self.spans = access.graph, lifetimes(access.graph)
        self.roots = _roots(access)
        self.crossing = self._crossing()

    def _crossing(self) -> list[int]:
        """The bytes of the tensors that are needed before and after each cut; what lies in another
        one is counted with that."""
        sizes = {t: 0 if t in self.roots else self.graph.tensors[t].bytes for t in self.spans}
        pushed = self.graph.inputs if self.access.pushed else ()
        return [
            sum(
                sizes[tensor]
                for tensor, (first, last) in self.spans.items()
                if first < cut <= last and tensor not in pushed
            )
            for cut in range(len(self.graph.operators) + 1)
        ]

    def best(self) -> list[int]:
        best, cuts = {0: _Best(0, 0, 0)}, self._candidates()
        for number, end in enumerate(cuts[1:], 1):
            near = cuts[max(number - LONGEST, 0) : number]
            begins = [begin for begin in near if end - begin == 1 or self._in_rows(begin, end)]
            best[end] = self._best_to(end, {begin: best[begin] for begin in begins})
        found = [cuts[-1]]
        while found[-1]:
            found.append(best[found[-1]].before)
        return found[::-1]

    def _best_to(self, end: int, begins: Mapping[int, _Best]) -> _Best:
        """The best of the cuts that a segment up to ``end`` may begin at.

        The one that may need least is bounded more closely, until that is what it needs.
        """
        waiting = [(made._replace(before=b), self._bounds(b, end)) for b, made in begins.items()]
        heapify(waiting)
        while True:
            tried, bounds = heappop(waiting)
            own = next(bounds, None)
            if own is None:
                return tried
            most, total, _ = begins[tried.before]
            tried = _Best(max(most, own), total + own, tried.before)
            heappush(waiting, (tried, bounds))

    def _bounds(self, begin: int, end: int) -> Iterator[int]:
        """Bytes that operators between two cuts need at least; at last what they need."""
        yield max(self.crossing[begin], self.crossing[end])
        buffers = self._buffers(begin, end)
        yield lower_bound(buffers)
        yield plan(buffers, 0).size

    def _candidates(self) -> list[int]:
        """All cuts of a small graph; of another one those that few bytes cross, and those beside
        operators that do not run row by row."""
        count, crossing = len(self.graph.operators), self.crossing
        return [
            cut
            for cut in range(count + 1)
            if count <= LONGEST
            or cut in (0, count)
            or None in self.access.reads[cut - 1 : cut + 1]
            or crossing[cut - 1] >= crossing[cut] <= crossing[cut + 1]
        ]

    def _in_rows(self, begin: int, end: int) -> bool:
        return None not in self.access.reads[begin:end]

    def _buffers(self, begin: int, end: int) -> list[Buffer]:
        """What the operators between two cuts need in memory, at which steps; nothing shares bytes
        but tensors side by side."""
        steps: tuple[Step, ...] = (Step(begin, None),)
        segments = ((begin, end),) if end - begin > 1 else ()
        if segments:
            steps = tuple(row_steps(self.access, begin, end))
        timeline = Timeline(self.access, Schedule(steps, segments))
        shared = self._by_root(timeline, begin, end).items()
        tensors = self.graph.tensors
        buffers = [buffer_of(tensors[root].bytes, live, timeline, root)[0] for root, live in shared]
        passing = sum(
            tensors[tensor].bytes
            for tensor, (first, last) in self.spans.items()
            if first < begin and last >= end and tensor not in timeline.live
        )
        scratch = max((self.scratch.get(index, 0) for index in range(begin, end)), default=0)
        return [*buffers, Buffer(passing + scratch, 0, len(steps) - 1)]

    def _by_root(self, timeline: Timeline, begin: int, end: int) -> dict[int, LiveRange]:
        """The live ranges in a segment, of tensors that share memory together."""
        found: dict[int, list[LiveRange]] = {}
        for tensor, live in timeline.live.items():
            if self.spans[tensor][1] < begin:
                continue
            if self.spans[tensor][1] >= end:
                live.last[:] = len(timeline.schedule.steps)
            root = self.roots.get(tensor, tensor)
            same = timeline.ring_of.get(root) == timeline.ring_of.get(tensor)
            found.setdefault(root if same else tensor, []).append(live)
        return {root: union(live) for root, live in found.items()}


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
