"""The proof of a memory plan in segments: it passes what is right, and names what was damaged."""

from dataclasses import replace

import pytest

from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.memory.arena import plan_arguments
from poseutils.compiler.memory.check import PlanError, check_plan, region_of
from tests.helpers.networks.parts import IN, bias, conv, filters
from tests.helpers.networks.tiny_tflite import build, tensor

SIZE = 24


def chain(*channels):
    """3×3 convolutions, one after the other; each result is named after its layer."""
    tensors, operators, source = [tensor("in", (1, SIZE, SIZE, channels[0]), **IN)], [], 0
    for number, (depth, made) in enumerate(zip(channels, channels[1:])):
        own = [filters(f"w{number}", (made, 3, 3, depth), 0.004), bias(made)]
        tensors += [*own, tensor(f"layer{number}", (1, SIZE, SIZE, made), **IN)]
        index = len(tensors)
        operators.append(("CONV_2D", [source, index - 3, index - 2], [index - 1], conv()))
        source = index - 1
    return build(tensors, operators, [0], [source])


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "pushed"])
def planned(request):
    """The arguments of ``check_plan`` for a plan with rings, and tensors by name."""
    graph = parse_tflite(chain(3, 16, 20, 18, 2), "rings")
    compiled = compile_graph(graph, "rings", "file", "network", pushed=request.param)
    given = plan_arguments(compiled.arena)
    names = {given["graph"].tensors[t].name: t for t in given["regions"]}
    return given, names


def rings(given):
    return {t: region for t, region in given["regions"].items() if region.ring is not None}


def refused(given, **changed):
    with pytest.raises(PlanError) as caught:
        check_plan(**given | changed)
    return str(caught.value)


def moved(given, tensor, **fields):
    return given["regions"] | {tensor: replace(given["regions"][tensor], **fields)}


def test_a_right_plan_passes(planned):
    given, names = planned
    check_plan(**given)
    assert {names[f"layer{number}"] for number in range(3)} <= rings(given).keys()
    assert all(3 <= region.ring <= 4 for region in rings(given).values())


def test_a_ring_one_row_too_short_is_refused(planned):
    given, _ = planned
    for index, region in rings(given).items():
        made = given["graph"].tensors[index]
        shorter = region_of(made, region.offset, made.shape[-1], region.ring - 1)
        said = refused(given, regions=given["regions"] | {index: shorter})
        assert f"tensor {made.name!r}" in said and ("too few rows" in said or "overwritten" in said)


def test_two_rings_in_one_place_are_refused(planned):
    given, names = planned
    for first, second in ((0, 1), (1, 2)):
        a, b = names[f"layer{first}"], names[f"layer{second}"]
        for moving, other in ((a, b), (b, a)):
            there = given["regions"][other].offset
            room = {"arena_bytes": given["arena_bytes"] + 20000}
            said = refused(given, regions=moved(given, moving, offset=there), **room)
            assert f"'layer{first}' is overwritten by" in said or f"'layer{second}' is" in said


def test_a_row_that_is_read_before_it_is_computed_is_refused(planned):
    """Each step that computes a row moves behind the first one that reads it."""
    given, names = planned
    steps, refusals = given["schedule"].steps, 0
    for number, step in enumerate(steps[:-1]):
        later = steps[number + 1]
        if step.row is not None and 0 <= step.operator == later.operator - 1:
            swapped = (*steps[:number], later, step, *steps[number + 2 :])
            said = refused(given, schedule=replace(given["schedule"], steps=swapped))
            name = given["graph"].tensors[given["graph"].operators[step.operator].outputs[0]].name
            assert f"tensor {name!r} is not computed before operator {later.operator}" in said
            refusals += 1
    assert refusals >= SIZE


def test_a_row_that_is_left_out_is_refused(planned):
    given, _ = planned
    schedule, last = given["schedule"], len(given["graph"].operators) - 1
    steps = [step for step in schedule.steps if step.operator != last or step.row != SIZE - 1]
    said = refused(given, schedule=replace(schedule, steps=tuple(steps)))
    assert said == f"tensor 'layer{last}' is not computed before the caller reads it"


@pytest.fixture(scope="module")
def sliding():
    """A whole input under whose result slides: its rows die as those of the result are written."""
    graph = parse_tflite(chain(8, 16, 8), "sliding")
    given = plan_arguments(compile_graph(graph, "sliding", "file", "network").arena)
    names = {given["graph"].tensors[t].name: t for t in given["regions"]}
    return given, names["in"], names["layer1"]


def test_a_result_lies_over_the_rows_that_were_read(sliding):
    given, source, result = sliding
    check_plan(**given)
    regions, whole = given["regions"], SIZE * SIZE * 8
    assert regions[source].touches(regions[result])
    assert regions[source].ring is None and regions[result].ring is None
    assert given["arena_bytes"] < 2 * whole


def test_a_result_that_slid_one_row_too_far_is_refused(sliding):
    given, source, result = sliding
    further = given["regions"][result].offset + SIZE * 8
    assert given["regions"][source].offset == given["regions"][result].offset
    said = refused(given, regions=moved(given, result, offset=further))
    assert "tensor 'in' is overwritten by tensor 'layer1' before operator 0" in said
