"""A TRANSPOSE of a TRANSPOSE becomes one, which may keep the rows that each alone does not."""

from itertools import permutations

import numpy as np
import pytest

from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.passes import run_passes
from poseutils.compiler.passes.merge_transposes import merge_transposes
from poseutils.compiler.rows import row_reads
from tests.helpers.marks import with_gcc
from tests.helpers.networks.parts import IN, integers, random_values
from tests.helpers.networks.tiny_tflite import build, tensor
from tests.helpers.running.compiled import run
from tests.helpers.running.litert_reference import Reference

SHAPE = (1, 3, 4, 5)


def transposes(*orders, outputs=None):
    """One after the other; all but the constants are numbered, 0 is the input."""
    tensors, operators, source, made, shape = [tensor("in", SHAPE, **IN)], [], 0, [0], SHAPE
    for order in orders:
        shape = tuple(shape[axis] for axis in order)
        tensors += [integers("order", *order), tensor(f"t{len(made)}", shape, **IN)]
        operators.append(("TRANSPOSE", [source, len(tensors) - 2], [len(tensors) - 1]))
        source = len(tensors) - 1
        made.append(source)
    return build(tensors, operators, [0], [made[t] for t in outputs or [len(orders)]])


def merged(data):
    graph = run_passes(parse_tflite(data, "net"), "file")
    return graph, [
        graph.tensors[operator.inputs[1]].values.tolist() for operator in graph.operators
    ]


@pytest.mark.parametrize("first", [(0, 2, 1, 3), (0, 3, 1, 2), (3, 1, 0, 2)])
def test_the_order_is_that_of_both(first):
    x = np.arange(60).reshape(SHAPE)
    for second in permutations(range(4)):
        graph, orders = merged(transposes(first, second))
        assert len(orders) <= 1
        made = x.transpose(orders[0]) if orders else x
        np.testing.assert_array_equal(made, x.transpose(first).transpose(second))


def check_bytes(data, folder):
    graph, reference = parse_tflite(data, "net"), Reference(data)
    values = random_values(graph.tensors[0])
    reference.run(values)
    expected = b"".join(reference.tensor(t).tobytes() for t in graph.outputs)
    assert run(graph, [values], folder) == expected


def test_three_become_one():
    """The last two of them are one already when they are joined with the first."""
    _, orders = merged(transposes((0, 3, 1, 2), (0, 3, 2, 1), (0, 1, 3, 2)))
    x = np.arange(60).reshape(SHAPE)
    expected = x.transpose(0, 3, 1, 2).transpose(0, 3, 2, 1).transpose(0, 1, 3, 2)
    np.testing.assert_array_equal(x.transpose(*orders), expected)


@with_gcc
def test_two_that_keep_no_rows_become_one_that_does(tmp_path):
    pair = (0, 2, 3, 1), (0, 3, 2, 1)
    for orders in ((pair[0],), (pair[1],), pair):
        graph, made = merged(transposes(*orders))
        assert len(made) == 1
        assert (row_reads(graph, graph.operators[0]) is not None) is (orders == pair)
    check_bytes(transposes(*pair), tmp_path)


@with_gcc
def test_the_first_one_stays_where_it_is_an_output(tmp_path):
    data = transposes((0, 2, 3, 1), (0, 3, 2, 1), outputs=[1, 2])
    graph, orders = merged(data)
    assert orders == [[0, 2, 3, 1], [0, 1, 3, 2]]
    assert graph.operators[1].inputs[0] == graph.inputs[0]
    check_bytes(data, tmp_path)


@with_gcc
def test_the_first_one_stays_where_another_operator_reads_it(tmp_path):
    tensors = [tensor("in", SHAPE, **IN), integers("a", 0, 2, 3, 1), integers("b", 0, 3, 2, 1)]
    tensors += [tensor("first", (1, 4, 5, 3), **IN), tensor("second", (1, 3, 5, 4), **IN)]
    tensors += [tensor("sum", (1, 4, 5, 3), **IN)]
    operators = [
        ("TRANSPOSE", [0, 1], [3]),
        ("ADD", [3, 3], [5]),
        ("TRANSPOSE", [3, 2], [4]),
    ]
    check_bytes(build(tensors, operators, [0], [4, 5]), tmp_path)


def test_orders_that_are_no_constants_stay():
    tensors = [tensor("in", SHAPE, **IN), tensor("a", (4,), "INT32", scale=None)]
    tensors += [
        integers("b", 0, 3, 2, 1),
        tensor("first", SHAPE, **IN),
        tensor("second", (1, 5, 4, 3)),
    ]
    data = build(tensors, [("TRANSPOSE", [0, 1], [3]), ("TRANSPOSE", [3, 2], [4])], [0, 1], [4])
    graph = parse_tflite(data, "net")
    assert merge_transposes(graph) == graph
