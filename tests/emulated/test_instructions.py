"""The cost model: what it says beside counts of emulated cores, and how it is fitted."""

import numpy as np
import pytest

from poseutils.benchmarking.analysis import measured_core, milliseconds
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.cost_model import ANY, UNITS, cores, instructions, kind, unmeasured, work
from poseutils.compiler.frontends.tflite import parse_tflite, read_tflite
from poseutils.deployment import BOARDS
from tests.bench.measure.instructions import counted, fit, fitted
from tests.helpers.marks import with_qemu
from tests.helpers.networks.tiny_tflite import build, tensor

SHIPPED = "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"


@pytest.fixture(scope="module")
def compiled(repository):
    return compile_graph(read_tflite(repository / SHIPPED), "shipped", "quantized", "network")


@pytest.mark.slow
@with_qemu
def test_model_is_near_what_an_emulated_core_counts(repository):
    """The table is made of such counts; where the kernels have changed since,
    tests/bench/measure/instructions.py makes it anew."""
    compiled, counts = counted(repository / SHIPPED, "m7")
    assert sum(instructions(compiled, "Cortex-M7")) == pytest.approx(sum(counts.values()), rel=0.05)
    assert set(fit([(compiled, counts)])) >= {"CONV_2D 1x1", "DEPTHWISE_CONV_2D", ANY}
    assert set(counts) == {
        index for index, (_, calls) in enumerate(compiled.program.steps) if calls
    }


def test_fit_finds_the_costs_that_made_the_counts():
    rng = np.random.default_rng(0)
    amounts = rng.integers(1, 10_000, (40, len(UNITS))).astype(float)
    amounts[:, 3] = 1
    np.testing.assert_allclose(
        fitted(amounts, amounts @ [2.5, 40.0, 0.5, 900.0]), [2.5, 40, 0.5, 900], rtol=1e-6
    )
    assert (fitted(amounts, amounts @ [2.5, 40.0, -0.5, 0.0]) >= 0).all()


def test_work_is_counted_by_hand(compiled):
    """The first convolution: 3×3×3 under 96 × 96 windows of 16 channels."""
    graph = compiled.graph
    first = next(op for op in graph.operators if op.name == "CONV_2D")
    assert kind(graph, first) == "CONV_2D"
    channels = graph.tensors[first.outputs[0]].shape[3]
    assert work(graph, first) == (96 * 96 * channels * 27, 96 * 96 * channels, 96 * 96 * 27, 1)
    add = next(op for op in graph.operators if op.name == "ADD")
    elements = graph.tensors[add.outputs[0]].elements
    assert work(graph, add) == (0, elements, 2 * elements, 1)
    assert {kind(graph, op) for op in graph.operators} >= {"CONV_2D 1x1", "DEPTHWISE_CONV_2D"}


def test_every_board_with_a_cortex_m_has_its_core():
    assert {measured_core(board) for board in BOARDS.values() if not board.linux} == set(cores())
    assert measured_core(BOARDS["B-U585I-IOT02A"]) == "Cortex-M4"
    assert all(measured_core(board) is None for board in BOARDS.values() if board.linux)


def test_milliseconds_at_the_clock():
    assert milliseconds(400e6, BOARDS["STM32H747I-DISCO"], 1) == pytest.approx(1000)
    assert milliseconds(400e6, BOARDS["STM32H747I-DISCO"], 2) == pytest.approx(500)


def test_kinds_without_a_count_are_named_and_estimated_all_the_same():
    """A PAD by itself is in none of the networks that were measured: there it is a part of what
    follows."""
    tensors = [
        tensor("image", (1, 8, 8, 4)),
        tensor(
            "pads",
            (4, 2),
            "INT32",
            np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32),
            scale=None,
        ),
        tensor("padded", (1, 10, 10, 4)),
    ]
    data = build(tensors, [("PAD", [0, 1], [2])], [0], [2])
    compiled = compile_graph(parse_tflite(data, "tiny"), "tiny", "quantized", "network")
    for core in cores():
        assert unmeasured(compiled, core) == ["PAD"] and sum(instructions(compiled, core)) > 0
