"""The offset of each buffer in one arena, by sizes and live ranges alone."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

ALIGNMENT = 16
"""Bytes; what vector loads like, and more than any type needs."""

ROUNDS = 200
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


def plan(buffers: Sequence[Buffer], rounds: int = ROUNDS) -> Plan:
    """Places buffers so that no two that are alive at once overlap.

    Each order places one buffer after the other into the gap that fits best between those that are
    alive with it. Several simple orders are tried, then ``rounds`` variations of the best one;
    the same buffers always give the same plan.
    """
    sizes, rivals = [_aligned(buffer.size) for buffer in buffers], _alive_together(buffers)
    bound, unplaced, total = lower_bound(buffers), [-1] * len(buffers), _total(sizes)
    best = min((_place(rivals, sizes, order, unplaced) for order in _orders(buffers)), key=total)
    order, dice = _by_offset(buffers, sizes, best), random.Random(0)
    offsets = _place(rivals, sizes, order, unplaced)
    for _ in range(rounds):
        if total(best) == bound or len(order) < 2:
            break
        varied = list(order)
        i, j = dice.randrange(len(varied)), dice.randrange(len(varied))
        varied.insert(j, varied.pop(i))
        kept = list(offsets)
        for index in varied[min(i, j) :]:  # those before are placed as they were
            kept[index] = -1
        tried = _place(rivals, sizes, varied[min(i, j) :], kept, total(best))
        if total(tried) <= total(best):
            best, order, offsets = tried, varied, tried
    return Plan(tuple(best), total(best), bound)


def grow(
    buffers: Sequence[Buffer], placed: Plan, wanted: Mapping[int, int]
) -> tuple[tuple[Buffer, ...], Plan]:
    """Enlarges some buffers into what is free during their live range; the arena keeps its size.

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


def _total(sizes: list[int]) -> Callable[[Sequence[int]], int]:
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


def _place(
    rivals: list[list[int]],
    sizes: list[int],
    order: list[int],
    offsets: list[int],
    most: float = math.inf,
) -> list[int]:
    """Offsets with those of ``order`` placed; the others have theirs, or -1. Ends early where an
    arena of ``most`` bytes is exceeded."""
    offsets = list(offsets)
    for index in order:
        taken = sorted(
            [(offsets[i], offsets[i] + sizes[i]) for i in rivals[index] if offsets[i] >= 0]
        )
        offsets[index] = _best_gap(taken, sizes[index])
        if offsets[index] + sizes[index] > most:
            break
    return offsets


def _best_gap(taken: list[tuple[int, int]], size: int) -> int:
    """The offset of the smallest gap that is large enough; the end if there is none."""
    end, best, best_gap = 0, -1, math.inf
    for start, stop in taken:
        if size <= start - end < best_gap:
            best, best_gap = end, start - end
        if stop > end:
            end = stop
    return end if best < 0 else best
