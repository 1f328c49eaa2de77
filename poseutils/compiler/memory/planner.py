"""The offset of each buffer in one arena, by sizes and live ranges alone."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

import numpy as np

ALIGNMENT = 16
"""Bytes; what vector loads like, and more than any type needs."""

ROUNDS = 4000
"""Orders that are tried where the simple ones leave a gap."""

FEW_ROUNDS = 200
"""The same, for plans that are compared with others."""


@dataclass(frozen=True)
class Buffer:
    """Bytes that are needed from one step to another, both included.

    Of ``rows``, which share the bytes equally, each is needed from one step to another.
    """

    size: int
    first: int
    last: int
    rows: tuple[tuple[int, int], ...] = ()

    @cached_property
    def live_rows(self) -> tuple[np.ndarray, np.ndarray, int]:
        """The first and the last step of each row, and the bytes of one."""
        spans = np.array(self.rows or [(self.first, self.last)])
        bytes_ = self.size // len(self.rows) if self.rows else _aligned(self.size)
        return spans[:, 0], spans[:, 1], bytes_


Rivals = dict[int, tuple[int, int]]
"""For a buffer those that are alive with it, itself among them, and the distances from their
offsets, from one to another without these, at which it would overlap them; the second is
aligned."""


_APART = 1 << 60
"""The distance of buffers that are never alive together."""


@dataclass(frozen=True)
class Plan:
    """An offset for each buffer, and the bytes of the arena; ``bound`` is the most that is alive at
    once: no plan can be smaller."""

    offsets: tuple[int, ...]
    size: int
    bound: int


def plan(buffers: Sequence[Buffer], rounds: int = ROUNDS) -> Plan:
    """Places buffers so that no two overlap where they are alive at once, row by row.

    Each order places one buffer after the other into the gap that fits best between those that are
    alive with it. Several simple orders are tried, then ``rounds`` variations of the best one;
    the same buffers always give the same plan.
    """
    sizes, rivals = [_aligned(buffer.size) for buffer in buffers], _rivals(buffers)
    bound, unplaced, every = lower_bound(buffers), [-1] * len(buffers), range(len(buffers))
    best, most = unplaced, math.inf
    for order in _orders(buffers):
        tried = _place(rivals, sizes, order, unplaced, every, most)
        if _total(tried, sizes) < most:
            best, most = tried, _total(tried, sizes)
        if most == bound:
            return Plan(tuple(best), bound, bound)
    order, dice = sorted(every, key=lambda i: (best[i], -sizes[i])), random.Random(0)
    offsets = _place(rivals, sizes, order, unplaced, every, math.inf)
    for _ in range(rounds):
        varied = list(order)
        i, j = dice.randrange(len(varied)), dice.randrange(len(varied))
        varied.insert(j, varied.pop(i))
        tried = _place(rivals, sizes, varied[min(i, j) :], offsets, [varied[j]], most)
        if _total(tried, sizes) <= most:
            best, most, order, offsets = tried, _total(tried, sizes), varied, tried
        if most == bound:
            break
    return Plan(tuple(best), int(most), bound)


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
        others = ((i, other, offset) for i, (other, offset) in enumerate(zip(grown, offsets)))
        taken = sorted(
            (offset + start, offset + stop)
            for i, other, offset in others
            if i != index
            for start, stop in _alive_during(other, own)
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
        first, last, size = buffer.live_rows
        for start, end in zip(first.tolist(), last.tolist()):
            for step, delta in ((start, size), (end + 1, -size)):
                change[step] = change.get(step, 0) + delta
    steps = range(min(change, default=0), max(change, default=0))
    return dict(zip(steps, accumulate(change.get(step, 0) for step in steps)))


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _total(offsets: list[int], sizes: list[int]) -> int:
    return max((offset + size for offset, size in zip(offsets, sizes)), default=0)


def _orders(buffers: Sequence[Buffer]) -> list[list[int]]:
    """By size; by size times lifetime; by lifetime; by crowding, those first that live where most
    is alive; from the last to the first, so that each can move down over the one that it is made
    of, those of rows before all others."""
    crowd = [
        sum(b.size for b in buffers if b.first <= a.last and a.first <= b.last) for a in buffers
    ]
    keys = [
        lambda i: (-buffers[i].size, buffers[i].first),
        lambda i: (-buffers[i].size * (1 + buffers[i].last - buffers[i].first), buffers[i].first),
        lambda i: (buffers[i].first - buffers[i].last, -buffers[i].size),
        lambda i: (-crowd[i], -buffers[i].size),
        lambda i: (not buffers[i].rows, -buffers[i].first),
        lambda i: (not buffers[i].rows, -buffers[i].first if buffers[i].rows else -crowd[i]),
    ]
    return [sorted(range(len(buffers)), key=key) for key in keys]


def _alive_during(buffer: Buffer, other: Buffer) -> list[tuple[int, int]]:
    """The bytes of a buffer, from one to another, that are alive at some time of the other's."""
    first, last, size = buffer.live_rows
    rows = np.flatnonzero((first <= other.last) & (other.first <= last))
    if not len(rows):
        return []
    return [(int(rows[0]) * size // ALIGNMENT * ALIGNMENT, _aligned(int(rows[-1] + 1) * size))]


def _rivals(buffers: Sequence[Buffer]) -> list[Rivals]:
    """For each buffer those that have rows alive at some time of its own rows."""
    if not buffers:
        return []
    rows = [buffer.live_rows for buffer in buffers]
    first, last = (np.concatenate([own[side] for own in rows]) for side in (0, 1))
    ends = np.concatenate([(np.arange(len(own)) + 1) * size for own, _, size in rows])
    starts = np.cumsum([0, *(len(own) for own, *_ in rows[:-1])])
    near = np.array([np.minimum.reduceat(_near(own, first, last, ends), starts) for own in buffers])
    lows, highs = near.T.tolist(), (-(near // ALIGNMENT * ALIGNMENT)).tolist()
    return [
        {i: ends for i, ends in enumerate(zip(low, high)) if ends[0] != _APART}
        for low, high in zip(lows, highs)
    ]


def _near(buffer: Buffer, first: np.ndarray, last: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """From the ``ends`` of rows that are alive from ``first`` to ``last`` to the first row of a
    buffer that is alive at some time of theirs, were all at one offset."""
    own_first, own_last, size = buffer.live_rows
    begins = np.minimum.accumulate(own_first[::-1])[::-1]  # of a row and all after it
    row = np.searchsorted(np.maximum.accumulate(own_last), first).clip(max=len(own_last) - 1)
    together = (begins[row] <= last) & (first <= own_last[row])
    return np.where(together, row * size - ends, _APART)


def _place(
    rivals: list[Rivals],
    sizes: list[int],
    order: list[int],
    known: list[int],
    moved: Iterable[int],
    most: float,
) -> list[int]:
    """Offsets with those of ``order`` placed, one after the other. Ends early where an arena of
    ``most`` bytes is exceeded.

    Args:
        known: the offsets of others, -1 if they have none; and of those of ``order`` in the order
            before, which they keep if no rival has changed.
        moved: what has another place in the order.
    """
    offsets, changed = list(known), set(moved)
    for index in order:
        offsets[index] = -1
    for index in order:
        if changed.isdisjoint(rivals[index]):
            offsets[index] = known[index]
        else:
            placed = [
                (offsets[i] + low, offsets[i] + high)
                for i, (low, high) in rivals[index].items()
                if offsets[i] >= 0
            ]
            offsets[index] = _best_offset(sorted(placed))
            if offsets[index] != known[index]:
                changed.add(index)
        if offsets[index] + sizes[index] > most:
            break
    return offsets


def _best_offset(overlapping: list[tuple[int, int]]) -> int:
    """The offset that leaves the least room, of those that lie inside of none of the ranges: the
    first of the smallest gap, or the end."""
    end, best, least = 0, -1, math.inf
    for low, high in overlapping:
        if 0 <= low - end < least:
            best, least = end, low - end
        if high > end:
            end = high
    return end if best < 0 else best
