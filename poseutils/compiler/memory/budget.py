"""What needs the most memory, in words."""

from __future__ import annotations

from ..emit.naming import tensor_labels
from .arena import Arena
from .planner import occupied

MOST_NAMED = 6
"""Tensors that a message names."""


def over_budget(arena: Arena, budget_kib: float, memory: str) -> str:
    """That an arena is larger than a budget, where it is full, and of what."""
    step = _peak(arena)
    schedule, graph = arena.timeline.schedule, arena.timeline.graph
    operator = schedule.steps[min(max(step, 0), len(schedule.steps) - 1)].operator
    name = f"layer {operator}, {graph.operators[operator].name}" if operator >= 0 else "the input"
    hint = "" if memory == "least" else " memory='least' runs layers row by row and may need less."
    return (
        f"the arena needs at least {arena.plan.size / 1024:.1f} KiB; the budget is "
        f"{budget_kib:g} KiB. Most is in memory at {name}: {_alive(arena, step)}.{hint}"
    )


def _peak(arena: Arena) -> int:
    usage = occupied(arena.storage.buffers)
    return max(usage, key=lambda step: usage[step])


def _alive(arena: Arena, step: int) -> str:
    """The buffers that are in memory at a step, from the largest on, by their tensors."""
    buffers, labels = arena.storage.buffers, tensor_labels(arena.timeline.graph)
    first: dict[int, str] = {}
    for tensor, place in arena.storage.places.items():
        first.setdefault(place.buffer, labels[tensor])
    alive = [i for i, b in enumerate(buffers) if b.first <= step <= b.last]
    alive.sort(key=lambda i: -buffers[i].size)
    named = [
        f"{first.get(i, 'scratch')} ({buffers[i].size / 1024:.1f} KiB)" for i in alive[:MOST_NAMED]
    ]
    return ", ".join(named) + (f" and {len(alive) - MOST_NAMED} more" * (len(alive) > MOST_NAMED))
