"""Where each buffer lies in one arena. Knows sizes and lifetimes, nothing of operators."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

ALIGNMENT = 16
"""Bytes; what vector loads like, and more than any type needs."""

_ROUNDS = 200
"""Orders that are tried where the simple ones leave a gap."""


@dataclass(frozen=True)
class Buffer:
    """Bytes that are needed from one step to another, both included."""

    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Plan:
    """An offset for each buffer, and the bytes of the arena; ``bound`` is the most that is alive at
    once: no plan can be smaller."""

    offsets: tuple[int, ...]
    size: int
    bound: int


def plan(buffers: Sequence[Buffer]) -> Plan:
    """Places buffers so that no two that are alive at once overlap.

    Each order places one buffer after the other into the gap that fits best between those that are
    alive with it. Several simple orders are tried, then variations of the best one; the same
    buffers always give the same plan.
    """
    sizes, rivals = [_aligned(buffer.size) for buffer in buffers], _alive_together(buffers)
    bound = lower_bound(buffers)
    best = min((_place(rivals, sizes, order) for order in _orders(buffers)), key=_total(sizes))
    total, dice, order = _total(sizes), random.Random(0), _by_offset(buffers, sizes, best)
    for _ in range(_ROUNDS):
        if total(best) == bound or len(order) < 2:
            break
        varied = list(order)
        i, j = dice.randrange(len(varied)), dice.randrange(len(varied))
        varied.insert(j, varied.pop(i))
        tried = _place(rivals, sizes, varied)
        if total(tried) <= total(best):
            best, order = tried, varied
    return Plan(tuple(best), total(best), bound)


def grow(
    buffers: Sequence[Buffer], placed: Plan, wanted: Mapping[int, int]
) -> tuple[tuple[Buffer, ...], Plan]:
    """Gives some buffers more of what nobody uses during their lifetime; the arena stays as it is.

    Args:
        wanted: the most bytes that a buffer (its index) can use.
    """
    grown, offsets = list(buffers), list(placed.offsets)
    for index, most in wanted.items():
        own = grown[index]
        taken = sorted(
            (offset, offset + _aligned(other.size))
            for i, (other, offset) in enumerate(zip(grown, offsets))
            if i != index and other.first <= own.last and own.first <= other.last
        )
        free = _gaps(taken, placed.size)
        enough = [gap for gap in free if gap[1] >= most]
        offset, size = (
            min(enough, key=lambda gap: gap[1]) if enough else max(free, key=lambda gap: gap[1])
        )
        grown[index], offsets[index] = replace(own, size=min(most, size)), offset
    return tuple(grown), replace(placed, offsets=tuple(offsets))


def _gaps(taken: list[tuple[int, int]], end: int) -> list[tuple[int, int]]:
    """(offset, bytes) of what is free before ``end``."""
    ends = [0]
    for _, stop in taken:
        ends.append(max(ends[-1], stop))
    return [(a, b - a) for a, b in zip(ends, [*(start for start, _ in taken), end])]


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """The most bytes that are alive at one step."""
    return max(occupied(buffers).values(), default=0)


def occupied(buffers: Sequence[Buffer]) -> dict[int, int]:
    """Bytes that are alive at each step, from the first to the last of all."""
    change: dict[int, int] = {}
    for buffer in buffers:
        size = _aligned(buffer.size)
        for step, delta in ((buffer.first, size), (buffer.last + 1, -size)):
            change[step] = change.get(step, 0) + delta
    steps = range(min(change, default=0), max(change, default=0))
    return dict(zip(steps, accumulate(change.get(step, 0) for step in steps)))


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _total(sizes: list[int]):
    return lambda offsets: max((offset + size for offset, size in zip(offsets, sizes)), default=0)


def _orders(buffers: Sequence[Buffer]) -> list[list[int]]:
    """By size; by size times lifetime; by lifetime; by crowding, those first that live where most
    is alive."""
    crowd = [
        sum(b.size for b in buffers if b.first <= a.last and a.first <= b.last) for a in buffers
    ]
    keys = [
        lambda i: (-buffers[i].size, buffers[i].first),
        lambda i: (-buffers[i].size * (1 + buffers[i].last - buffers[i].first), buffers[i].first),
        lambda i: (buffers[i].first - buffers[i].last, -buffers[i].size),
        lambda i: (-crowd[i], -buffers[i].size),
    ]
    return [sorted(range(len(buffers)), key=key) for key in keys]


def _by_offset(buffers: Sequence[Buffer], sizes: list[int], offsets: Sequence[int]) -> list[int]:
    return sorted(range(len(buffers)), key=lambda i: (offsets[i], -sizes[i]))


def _alive_together(buffers: Sequence[Buffer]) -> list[list[int]]:
    """For each buffer those that are alive at some time of its own, itself among them."""
    return [
        [i for i, b in enumerate(buffers) if b.first <= a.last and a.first <= b.last]
        for a in buffers
    ]


def _place(rivals: list[list[int]], sizes: list[int], order: list[int]) -> list[int]:
    offsets: list[int] = [-1] * len(sizes)
    for index in order:
        placed = [i for i in rivals[index] if offsets[i] >= 0]
        taken = sorted((offsets[i], offsets[i] + sizes[i]) for i in placed)
        offsets[index] = _best_gap(taken, sizes[index])
    return offsets


def _best_gap(taken: list[tuple[int, int]], size: int) -> int:
    """The offset of the smallest gap that is large enough; the end if there is none."""
    end, best, best_gap = 0, None, None
    for start, stop in taken:
        gap = start - end
        if gap >= size and (best_gap is None or gap < best_gap):
            best, best_gap = end, gap
        end = max(end, stop)
    return end if best is None else best
