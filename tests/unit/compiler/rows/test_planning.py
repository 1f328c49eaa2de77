"""The planner with buffers of rows, each of which is alive in its own time."""

import math
import random

import pytest

from poseutils.compiler.memory import planner
from poseutils.compiler.memory.planner import ALIGNMENT, Buffer, grow, lower_bound, occupied, plan


def random_buffers(dice):
    """Some plain, some of rows: written one after the other, each read for a time of its own."""
    buffers = []
    for _ in range(14):
        first, count = dice.randrange(30), dice.choice((1, 1, 2, 5, 8))
        bytes_ = dice.randrange(1, 60)
        if count == 1:
            buffers.append(Buffer(bytes_, first, first + dice.randrange(8)))
            continue
        begins = [first + dice.choice((1, 2)) * row for row in range(count)]
        rows = tuple((begin, begin + dice.randrange(6)) for begin in begins)
        buffers.append(Buffer(bytes_ * count, first, max(last for _, last in rows), rows))
    return buffers


def alive(buffer, offset, step):
    """The bytes of the arena that a buffer needs at a step."""
    rows = buffer.rows or [(buffer.first, buffer.last)]
    size = buffer.size // len(rows)
    return {
        offset + row * size + byte
        for row, (first, last) in enumerate(rows)
        if first <= step <= last
        for byte in range(size)
    }


def check_bytes(buffers, made):
    """No byte is needed twice at any step, nor one outside of the arena."""
    assert all(offset >= 0 and offset % ALIGNMENT == 0 for offset in made.offsets)
    for step in range(60):
        needed = [alive(*each, step) for each in zip(buffers, made.offsets)]
        together = set().union(*needed)
        assert sum(map(len, needed)) == len(together)
        assert not together or max(together) < made.size


@pytest.mark.parametrize("seed", range(25))
def test_no_two_rows_that_are_alive_together_overlap(seed):
    buffers = random_buffers(random.Random(seed))
    made = plan(buffers, 200)
    check_bytes(buffers, made)
    assert made.bound == lower_bound(buffers) <= made.size
    assert plan(buffers, 200) == made


@pytest.mark.parametrize("seed", range(10))
def test_what_no_move_in_the_order_changes_is_placed_as_anew(seed):
    dice = random.Random(seed)
    buffers = random_buffers(dice)
    every, unplaced = range(len(buffers)), [-1] * len(buffers)
    sizes, rivals = [b.size + -b.size % ALIGNMENT for b in buffers], planner._rivals(buffers)
    order = dice.sample(every, len(every))
    offsets = planner._place(rivals, sizes, order, unplaced, every, math.inf)
    for _ in range(100):
        i, j = dice.choice(every), dice.choice(every)
        order.insert(j, order.pop(i))
        later = order[min(i, j) :]
        offsets = planner._place(rivals, sizes, later, offsets, [order[j]], math.inf)
        assert offsets == planner._place(rivals, sizes, order, unplaced, every, math.inf)


@pytest.mark.parametrize("seed", range(10))
def test_what_grows_takes_nothing_of_what_is_alive(seed):
    dice = random.Random(seed)
    buffers = random_buffers(dice)
    wanted = {i: b.size + dice.randrange(200) for i, b in enumerate(buffers) if not b.rows}
    larger, made = grow(buffers, plan(buffers, 200), wanted)
    check_bytes(larger, made)
    assert all(
        b.size <= a.size <= wanted.get(i, b.size) for i, (a, b) in enumerate(zip(larger, buffers))
    )


@pytest.mark.parametrize("seed", range(10))
def test_rows_that_are_alive_as_long_as_the_whole_need_what_the_whole_needs(seed):
    dice, plain, in_rows = random.Random(seed), [], []
    for _ in range(5):
        first = dice.randrange(8)
        span, rows = (first, first + dice.randrange(4)), dice.randrange(2, 5)
        plain.append(Buffer(64 * rows, *span))
        in_rows.append(Buffer(64 * rows, *span, (span,) * rows))
    assert occupied(plain) == occupied(in_rows)
    assert plan(plain).size == plan(in_rows).size == plan(plain).bound


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_growing_result_takes_the_place_of_the_rows_that_were_read(kept):
    """For each two of 32 rows of 64 bytes one of 128; a row is kept for some steps after that: of
    the two, which need 2048 bytes each, those rows are there together, and one that is written
    before the second of its two is read for the last time."""
    source = Buffer(32 * 64, -1, 31 + kept, tuple((-1, row + kept) for row in range(32)))
    result = Buffer(16 * 128, 1, 40, tuple((2 * row + 1, 40) for row in range(16)))
    made = plan([source, result])
    check_bytes([source, result], made)
    assert made.size == 2048 + 64 * (1 + kept)
