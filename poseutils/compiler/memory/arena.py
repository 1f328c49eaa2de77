"""The smallest arena of a network: buffers are assigned and planned, and scratch takes what is
free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..graph import Operator
from .buffers import Place, Storage, assign
from .check import Region, check_plan, region_of
from .kernel_traits import in_place_operators, strided_operators
from .planner import FEW_ROUNDS, Plan, grow, lower_bound, occupied, plan
from .timeline import Timeline

MOST_TRIES = 24
"""Operators that are tried with results that share nothing; each is a plan of the whole network."""

PLACED = 3000
"""Buffers that are placed, about, in the variations of one of these plans; and in all of them."""


@dataclass(frozen=True)
class Arena:
    """Where everything lies."""

    timeline: Timeline
    storage: Storage
    plan: Plan

    @property
    def addresses(self) -> dict[int, tuple[int, Place]]:
        """Of each activation tensor, its offset in the arena and its place."""
        return {
            t: (self.plan.offsets[p.buffer] + p.offset, p) for t, p in self.storage.places.items()
        }

    @property
    def scratch(self) -> dict[int, tuple[int, int]]:
        """Offset and bytes of the scratch of operators (indices)."""
        return {
            index: (self.plan.offsets[buffer], self.storage.buffers[buffer].size)
            for index, buffer in self.storage.scratch.items()
        }


def smallest_arena(timeline: Timeline, scratch: Mapping[int, tuple[int, int]]) -> Arena:
    """Assigns buffers and plans them.

    Args:
        scratch: bytes that operators (indices) need while they run, at least and at most. The
            arena is planned with the least; what is free besides becomes more of it.
    """
    storage, placed = _smallest(timeline, {index: least for index, (least, _) in scratch.items()})
    return Arena(timeline, *_with_more_scratch(storage, placed, scratch))


def plan_arguments(arena: Arena) -> dict[str, Any]:
    """The memory plan as :func:`poseutils.compiler.memory.check.check_plan` takes it."""
    graph = arena.timeline.graph
    return {
        "graph": graph,
        "schedule": arena.timeline.schedule,
        "regions": {
            t: region_of(graph.tensors[t], offset, place.row_stride, place.ring)
            for t, (offset, place) in arena.addresses.items()
        },
        "arena_bytes": arena.plan.size,
        "scratch": {
            index: Region(offset, 1, size, size) for index, (offset, size) in arena.scratch.items()
        },
        "in_place": in_place_operators(graph),
        "strided": strided_operators(graph),
    }


def prove(arena: Arena) -> None:
    """Raises PlanError unless every operator finds its operands, and the caller the outputs."""
    check_plan(**plan_arguments(arena))


def _with_more_scratch(
    storage: Storage, placed: Plan, scratch: Mapping[int, tuple[int, int]]
) -> tuple[Storage, Plan]:
    """Grows the scratch, which the arena was planned with as little of as possible, into what is
    free."""
    wanted: dict[int, int] = {}
    for index, buffer in storage.scratch.items():
        wanted[buffer] = max(wanted.get(buffer, 0), scratch[index][1])
    buffers, grown = grow(storage.buffers, placed, wanted)
    return replace(storage, buffers=buffers), grown


def _smallest(timeline: Timeline, scratch: dict[int, int]) -> tuple[Storage, Plan]:
    """Shares what can be shared, except where the arena is smaller without: an operand that shares
    a buffer with more than it needs keeps all of it alive."""
    apart: frozenset[int] = frozenset()
    storage = assign(timeline, apart, scratch)
    best = plan(storage.buffers)
    wasteful, tries = _wasteful(timeline, storage, best), 0
    most_tries = min(MOST_TRIES, PLACED // len(storage.buffers))
    for index, operator in enumerate(timeline.graph.operators):
        if tries < most_tries and wasteful & _shared(storage, operator):
            tries += 1
            other = assign(timeline, apart | {index}, scratch)
            rounds = min(FEW_ROUNDS, PLACED // len(other.buffers))
            tried = plan(other.buffers, rounds) if lower_bound(other.buffers) < best.size else best
            if tried.size < best.size:
                apart, storage, best = apart | {index}, other, tried
                wasteful = _wasteful(timeline, storage, best)
    if apart:
        best = min(best, plan(storage.buffers), key=lambda made: made.size)
    return storage, best


def _shared(storage: Storage, operator: Operator) -> set[int]:
    """The buffers that an operator's results share with its operands."""
    places = storage.places
    read = {places[t].buffer for t in operator.inputs if t in places}
    return read & {places[t].buffer for t in operator.outputs}


def _wasteful(timeline: Timeline, storage: Storage, placed: Plan) -> set[int]:
    """The buffers that are larger than their tensors that are alive where most is alive; all, where
    the plan has gaps."""
    if placed.size > placed.bound:
        return set(range(len(storage.buffers)))
    usage = occupied(storage.buffers)
    wasteful = set()
    for peak in (step for step, bytes_ in usage.items() if bytes_ == placed.bound):
        used = [0] * len(storage.buffers)
        for tensor, place in storage.places.items():
            first, last = timeline.live[tensor].span
            if first <= peak <= last:
                used[place.buffer] += timeline.graph.tensors[tensor].bytes
        alive_now = [i for i, b in enumerate(storage.buffers) if b.first <= peak <= b.last]
        wasteful |= {i for i in alive_now if used[i] < storage.buffers[i].size}
    return wasteful
