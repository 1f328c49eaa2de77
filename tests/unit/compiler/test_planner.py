"""The memory planner: nothing that lives together overlaps, and little room is lost."""

import random

import pytest

from poseutils.compiler.memory.planner import ALIGNMENT, Buffer, lower_bound, plan


def overlaps(a, b, at, bt):
    together = a.first <= b.last and b.first <= a.last
    return together and at < bt + b.size and bt < at + a.size


@pytest.mark.parametrize("seed", range(20))
def test_no_two_that_live_together_overlap(seed):
    dice = random.Random(seed)
    buffers = []
    for _ in range(60):
        first = dice.randrange(50)
        buffers.append(Buffer(dice.randrange(1, 5000), first, first + dice.randrange(10)))
    made = plan(buffers)
    for i, a in enumerate(buffers):
        assert made.offsets[i] % ALIGNMENT == 0 and made.offsets[i] + a.size <= made.size
        assert not any(
            overlaps(a, b, made.offsets[i], made.offsets[j]) for j, b in enumerate(buffers) if j > i
        )
    assert made.bound == lower_bound(buffers) <= made.size <= 1.25 * made.bound
    assert plan(buffers) == made


def test_a_chain_needs_its_two_largest_neighbors():
    chain = [Buffer(size, i, i + 1) for i, size in enumerate([1600, 3200, 320, 4000, 160])]
    assert plan(chain).size == 3200 + 1600


def test_variations_fill_the_gap_that_simple_orders_leave():
    """Five buffers of which one must lie below two that come later: by size alone it does not."""
    buffers = [
        Buffer(64, 0, 1),
        Buffer(32, 0, 2),
        Buffer(64, 2, 3),
        Buffer(32, 1, 3),
        Buffer(32, 3, 4),
    ]
    assert plan(buffers).size == lower_bound(buffers) == 128


def test_nothing_to_place():
    assert plan([]).size == 0
