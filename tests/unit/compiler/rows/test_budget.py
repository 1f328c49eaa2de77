"""The most memory that an arena may have."""

import math
import re

import pytest

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.deployment import export
from tests.helpers.networks.tiny_tflite import random_heatmaps


@pytest.fixture(scope="module")
def data():
    return random_heatmaps(17, 64, 1)


def arena(data, memory):
    graph = parse_tflite(data, "net")
    return compile_graph(graph, "net", "quantized", "network", memory).plan.size


@pytest.mark.parametrize("memory", ["least", "layerwise"])
def test_a_budget_that_cannot_be_met_says_the_least_and_what_needs_it(tmp_path, data, memory):
    (tmp_path / "net.tflite").write_bytes(data)
    bytes_ = arena(data, memory)
    below = (bytes_ - 1) / 1024
    with pytest.raises(PoseError) as caught:
        export(tmp_path / "net.tflite", tmp_path / "out", memory=memory, budget_kib=below)
    said = str(caught.value)
    assert said.startswith(
        f"net.tflite: the arena needs at least {bytes_ / 1024:.1f} KiB; the budget is {below:g} KiB"
    )
    assert re.search(r"Most is in memory at layer \d, CONV_2D: image \(12\.0 KiB\), ", said)
    assert ("memory='least' runs layers row by row" in said) is (memory == "layerwise")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("memory", ["least", "layerwise"])
def test_a_budget_that_is_just_enough_is_met(tmp_path, data, memory):
    (tmp_path / "net.tflite").write_bytes(data)
    bytes_ = arena(data, memory)
    for budget in (bytes_ / 1024, math.ceil(bytes_ / 1024)):
        bundle = export(tmp_path / "net.tflite", tmp_path / "out", memory=memory, budget_kib=budget)
        assert bundle.report.arena_bytes == bytes_


def test_an_earlier_folder_stays_where_the_budget_is_too_small(tmp_path, data):
    (tmp_path / "net.tflite").write_bytes(data)
    export(tmp_path / "net.tflite", tmp_path / "out")
    files = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    with pytest.raises(PoseError, match="the budget is 1 KiB"):
        export(tmp_path / "net.tflite", tmp_path / "out", budget_kib=1)
    assert files == {
        path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("pushed", [False, True])
def test_the_tensors_that_are_named_are_those_that_need_most(data, pushed):
    """Their sizes add up to the whole arena: nothing is left out, or counted twice."""
    graph = parse_tflite(data, "net")
    with pytest.raises(PoseError) as caught:
        compile_graph(graph, "net", "file", "network", pushed=pushed, budget_kib=0)
    named = [float(n) for n in re.findall(r"\(([\d.]+) KiB\)", str(caught.value))]
    total = float(re.search(r"at least ([\d.]+) KiB", str(caught.value))[1])
    assert named == sorted(named, reverse=True)
    assert sum(named) == pytest.approx(total, abs=0.1 * (len(named) + 1))


@pytest.mark.parametrize("budget", [float("nan"), -1, "96"])
def test_a_budget_is_a_number_of_kib(data, budget):
    graph = parse_tflite(data, "net")
    with pytest.raises(PoseError, match=r"budget_kib=.*: expected a number, KiB of the arena"):
        compile_graph(graph, "net", "file", "network", budget_kib=budget)
