"""What the memory plan says of each tensor, compared with the network's file."""

import re

import pytest

from poseutils import widgets
from poseutils.compiler.frontends.tflite import read_tflite
from tests.helpers.stand_ins import INT8


@pytest.fixture
def report(exported):
    return exported(INT8).report


def test_every_layer_makes_its_tensor_and_the_next_ones_read_it(report):
    chart = widgets.memory_plan(report)
    assert [plan["bytes"] for plan in chart.plans] == [report.layerwise_bytes, report.arena_bytes]
    tensors = [t for t in chart.plans[0]["tensors"] if t["key"]]
    made = {t["made_by"]: t for t in tensors}
    assert set(made) == {None, *range(len(report.layers))}
    (given,) = [t for t in tensors if t["made_by"] is None]
    assert given["read_by"] == [0] and "input of the network" in given["about"][0]
    last = made[len(report.layers) - 1]
    assert last["read_by"] == [] and last["about"][-1] == "output of the network"
    for tensor in tensors:
        assert all(tensor["begin"] <= reader < tensor["end"] for reader in tensor["read_by"])


def test_both_inputs_of_an_addition_name_it_as_their_reader(report):
    additions = [row["index"] for row in report.layers if row["operator"] == "ADD"]
    tensors = [t for t in widgets.memory_plan(report).plans[0]["tensors"] if t["key"]]
    assert len(additions) == [op.name for op in read_tflite(INT8).operators].count("ADD") > 3
    for index in additions:
        inputs = [t for t in tensors if index in t["read_by"]]
        assert len(inputs) == 2 and all(f"{index} ADD" in t["about"][-1] for t in inputs)


def test_a_ring_says_how_many_rows_it_has(report):
    by_rows = widgets.memory_plan(report).plans[1]["tensors"]
    rings = {row["tensor"]: row for row in report.tensors if row["rows"]}
    lines = [t["about"][1] for t in by_rows if "a ring of" in t["about"][1]]
    assert len(lines) == len(rings) > 10
    for line in lines:
        kept, rows = map(int, re.findall(r"a ring of (\d+) of its (\d+) rows", line)[0])
        assert kept <= rows
