"""Schedules of rows, the rings that follow from them, and the cuts between segments."""

from functools import cache
from itertools import combinations
from random import Random

import numpy as np
import pytest

from poseutils.compiler.frontends.tflite import parse_tflite, read_tflite
from poseutils.compiler.lowering import scratch_bytes
from poseutils.compiler.memory import partition
from poseutils.compiler.memory.partition import best_cuts
from poseutils.compiler.memory.planner import plan
from poseutils.compiler.memory.schedule import CALLER, RowAccess, in_segments
from poseutils.compiler.memory.timeline import ring_height
from poseutils.compiler.passes import run_passes
from poseutils.compiler.rows import row_count
from tests.helpers.random_graphs.generator import network_file, random_network

SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"


def random_graph(seed):
    return run_passes(parse_tflite(network_file(random_network(seed)), "random"), "file")


def can_be_pushed(graph):
    return len(graph.inputs) == 1 and row_count(graph.tensors[graph.inputs[0]]) > 1


def random_cuts(access, dice):
    """Cuts everywhere but, mostly, between two operators that can run row by row."""
    count = len(access.graph.operators)
    kept = [0, count]
    for cut in range(1, count):
        if None in access.reads[cut - 1 : cut + 1] or dice.random() < 0.3:
            kept.append(cut)
    return sorted({*kept})


def check_schedule(access, schedule):
    """Each row once, in order, and after all rows that it reads."""
    done = dict.fromkeys(access.outputs, 0)
    there = {} if access.pushed else {t: access.graph.tensors[t] for t in access.graph.inputs}
    for step in schedule.steps:
        for tensor, (_, end) in access.ranges(step).items():
            assert tensor in there or done[access.producer[tensor]] >= end
        assert step.row is None or step.row == done[step.operator]
        assert step.row is not None or done[step.operator] == 0
        done[step.operator] += 1 if step.row is not None else access.rows[step.operator]
    assert done == access.rows


def test_random_schedules_compute_each_row_once_after_what_it_reads():
    dice, in_rows, pushed = Random(0), 0, 0
    for seed in range(150):
        graph = random_graph(seed)
        for push in (False, True)[: 1 + can_be_pushed(graph)]:
            access = RowAccess(graph, push)
            schedule = in_segments(access, random_cuts(access, dice))
            check_schedule(access, schedule)
            in_rows, pushed = in_rows + len(schedule.segments), pushed + push
    assert in_rows > 100 and pushed > 20


@pytest.fixture(scope="module")
def shipped(repository):
    return run_passes(read_tflite(repository / SHIPPED), "quantized")


@pytest.mark.parametrize("pushed", [False, True])
def test_schedule_of_the_shipped_network(shipped, pushed):
    access = RowAccess(shipped, pushed)
    least = {index: bytes_ for index, (bytes_, _) in scratch_bytes(shipped).items()}
    cuts = best_cuts(access, least)
    schedule = in_segments(access, cuts)
    check_schedule(access, schedule)
    assert schedule.segments and schedule.waits_for_rows is pushed
    assert schedule.segments == tuple((a, b) for a, b in zip(cuts, cuts[1:]) if b - a > 1)
    for (begin, end), order in zip(schedule.segments, schedule.orders):
        counts = np.bincount(order, minlength=end - begin)
        own = [access.rows[index] for index in range(begin, end)]
        waits = [access.rows[CALLER]] if pushed and begin == schedule.segments[0][0] else []
        assert counts.tolist() == own + waits


# ---------------------------------------------------------------- rings


def collides(first, last, height):
    """Whether in a ring of so many rows one is overwritten before its last read."""
    rows = range(len(first))
    return any(first[y] <= last[old] and (y - old) % height == 0 for y in rows for old in range(y))


@pytest.mark.parametrize("seed", range(60))
def test_ring_is_the_smallest_in_which_no_row_is_overwritten_too_early(seed):
    dice = np.random.default_rng(seed)
    rows = int(dice.integers(1, 20))
    first = np.sort(dice.choice(60, rows, replace=False))
    last = np.maximum.accumulate(first + dice.integers(0, 15, rows))
    height = ring_height(first, last)
    assert height == next(h for h in range(1, rows + 1) if not collides(first, last, h))


@pytest.mark.parametrize("seed", range(60))
def test_rows_that_die_early_wait_in_the_ring_for_those_before_them(seed):
    """Rows that no window reads, and rows of tensors side by side, one of which is ahead."""
    dice = np.random.default_rng(seed)
    rows = int(dice.integers(1, 20))
    first = np.sort(dice.choice(60, rows, replace=False)) + dice.integers(-3, 3, rows)
    last = first + dice.integers(0, 15, rows)
    height = ring_height(first, last)
    assert not any(collides(first, last, more) for more in range(height, rows + 1))


# ---------------------------------------------------------------- cuts


def needs(access, scratch):
    """What the search takes the operators between two cuts to need, at the segment that needs
    most."""
    search = partition._Cuts(access, scratch)

    @cache
    def segment(begin, end):
        return plan(search._buffers(begin, end), 0).size

    return lambda cuts: max(segment(*each) for each in zip(cuts, cuts[1:]))


def all_cuts(access):
    count = len(access.graph.operators)
    for more in range(count):
        for some in combinations(range(1, count), more):
            cuts = (0, *some, count)
            if all(b - a == 1 or None not in access.reads[a:b] for a, b in zip(cuts, cuts[1:])):
                yield cuts


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_no_other_cuts_need_less(first):
    in_rows = 0
    for graph in map(random_graph, range(first, first + 50)):
        if len(graph.operators) <= 9:
            access = RowAccess(graph, can_be_pushed(graph))
            scratch = {index: least for index, (least, _) in scratch_bytes(graph).items()}
            need, found = needs(access, scratch), best_cuts(access, scratch)
            assert need(found) == min(map(need, all_cuts(access)))
            in_rows += len(found) <= len(graph.operators)
    assert in_rows >= 5
