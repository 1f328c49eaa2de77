"""Operators that widen values come just before what reads them."""

from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.passes.widen_late import widen_late
from tests.helpers.marks import with_gcc
from tests.helpers.networks.parts import IN, random_values
from tests.helpers.networks.tiny_tflite import build, tensor
from tests.helpers.running.compiled import run
from tests.helpers.running.litert_reference import Reference

SHAPE = (1, 6, 4, 3)


def quotient_of_softmaxes(outputs=(7,)):
    """in -> a -> float a, long before it is divided by the float of b."""
    unit = {"scale": 1 / 256, "zero_point": -128}
    floats = {"dtype": "FLOAT32", "scale": None}
    tensors = [
        tensor("in", SHAPE, **IN),
        tensor("a", SHAPE, **unit),
        tensor("real_a", SHAPE, **floats),
        *(tensor(name, SHAPE, **unit) for name in ("b0", "b1", "b")),
        tensor("real_b", SHAPE, **floats),
        tensor("quotient", SHAPE, **floats),
    ]
    softmax = ("SoftmaxOptions", {"beta": 1.0})
    operators = [
        ("SOFTMAX", [0], [1], softmax),
        ("DEQUANTIZE", [1], [2]),
        ("SOFTMAX", [0], [3], softmax),
        ("SOFTMAX", [3], [4], softmax),
        ("SOFTMAX", [4], [5], softmax),
        ("DEQUANTIZE", [5], [6]),
        ("DIV", [2, 6], [7]),
    ]
    return build(tensors, operators, [0], list(outputs))


def order(graph):
    return [graph.tensors[operator.outputs[0]].name for operator in graph.operators]


def test_floats_come_just_before_they_are_read():
    graph = widen_late(parse_tflite(quotient_of_softmaxes(), "quotient"))
    *first, real_1, real_2, last = order(graph)
    assert first == ["a", "b0", "b1", "b"] and last == "quotient"
    assert {real_1, real_2} == {"real_a", "real_b"}


def test_what_only_the_caller_reads_stays():
    graph = parse_tflite(quotient_of_softmaxes(outputs=(7, 2)), "quotient")
    assert sorted(order(widen_late(graph))) == sorted(order(graph))
    tensors = [tensor("in", SHAPE, **IN), tensor("real", SHAPE, "FLOAT32", scale=None)]
    alone = parse_tflite(build(tensors, [("DEQUANTIZE", [0], [1])], [0], [1]), "alone")
    assert widen_late(alone) == alone


@with_gcc
def test_the_bytes_are_the_references_and_fewer_are_in_memory(tmp_path):
    data = quotient_of_softmaxes()
    graph, reference = parse_tflite(data, "quotient"), Reference(data)
    values = random_values(graph.tensors[0])
    reference.run(values)
    assert run(graph, [values], tmp_path) == reference.tensor(7).tobytes()
    size = 6 * 4 * 3
    layerwise = compile_graph(graph, "quotient", "file", "net", "layerwise").plan.size
    assert layerwise < 4 * size + 4 * size + size + 64
