"""Every operator that becomes C, with shapes, scales and options by chance, against LiteRT's
reference kernels."""

from __future__ import annotations

import numpy as np
import pytest

from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.lowering import LOWERING
from poseutils.compiler.passes.fold_constants import fold_constants
from tests.bench.fuzzing.operator_sweep import MAKERS
from tests.bench.fuzzing.operators.parts import values_of
from tests.helpers.marks import with_gcc
from tests.helpers.running.compiled import run
from tests.helpers.running.emulated import merged
from tests.helpers.running.litert_reference import Reference

pytestmark = with_gcc
EACH = 3
GROUPS = 4
"""Networks of many operators, each of which is compiled as one."""

ELSEWHERE = {"ELU", "SUM", "SQUEEZE", "EXPAND_DIMS", "TABLE"}
"""What LiteRT has no reference kernel for, what is refused, what RESHAPE stands for, and what is
made only here."""


@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_operators_give_the_reference_bits(tmp_path, group):
    dice, names = np.random.default_rng(group), list(MAKERS)[group::GROUPS]
    networks = [(name, MAKERS[name](dice)) for name in names for _ in range(EACH)]
    whole = parse_tflite(merged([data for _, data in networks]), "all")
    inputs = [values_of(dice, whole.tensors[t].dtype, whole.tensors[t].shape) for t in whole.inputs]
    got, start, given = run(whole, inputs, tmp_path), 0, iter(inputs)
    for name, data in networks:
        expected = reference_bytes(data, given)
        assert got[start : start + len(expected)] == expected, f"{name}: {parse_tflite(data, name)}"
        start += len(expected)
    assert start == len(got)


def reference_bytes(data, given):
    graph, reference = parse_tflite(data, "one"), Reference(data)
    for t in graph.inputs:
        reference.interpreter.set_tensor(t, next(given))
    reference.interpreter.invoke()
    return b"".join(reference.tensor(t).tobytes() for t in graph.outputs)


def test_no_operator_is_left_out():
    known = set(LOWERING) - ELSEWHERE
    assert known <= {name.split()[0] for name in MAKERS}


def test_sizes_of_constants_are_computed_as_litert_computes_them():
    """Each way that a size may be worked out, on its own."""
    from tests.bench.fuzzing.operator_sweep import integers, network
    from tests.helpers.networks.tiny_tflite import tensor

    made = {
        ("PACK", (3, 4)): (
            [integers("a", 3, scalar=True), integers("b", 4, scalar=True)],
            ("PackOptions", {"axis": 0, "valuesCount": 2}),
        ),
        ("GATHER", (7, 5)): (
            [integers("a", 5, 6, 7), integers("i", 2, 0)],
            ("GatherOptions", {"axis": 0}),
        ),
        ("CONCATENATION", (5, 6, 7)): (
            [integers("a", 5), integers("b", 6, 7)],
            ("ConcatenationOptions", {"axis": 0}),
        ),
        ("MUL", (10, 12)): ([integers("a", 5, 6), integers("b", 2)], ("MulOptions", {})),
        ("SLICE", (6, 7)): (
            [integers("a", 5, 6, 7), integers("b", 1), integers("s", 2)],
            ("SliceOptions", {}),
        ),
    }
    for (name, expected), (given, options) in made.items():
        sizes = tensor("y", (len(expected),), "INT32", scale=None)
        data = network(name, [*given, tensor("x", (3,))], [sizes], options, list(range(len(given))))
        graph = parse_tflite(data, name)
        folded = fold_constants(graph_that_reads(graph))
        assert (
            tuple(folded.tensors[graph.outputs[0]].data.tolist())
            == expected
            == tuple(computed(data, graph))
        )


def graph_that_reads(graph):
    """The output is not one of the network's, so that it may become a constant."""
    from dataclasses import replace

    return replace(graph, outputs=graph.inputs)


def computed(data, graph):
    reference = Reference(data)
    reference.interpreter.invoke()
    return reference.tensor(graph.outputs[0]).tolist()
