"""The C kernels, operator by operator: random tensors through tiny networks, against LiteRT's
reference kernels."""

import random

import numpy as np
import pytest

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from tests.helpers.compiled import needs_gcc, run
from tests.helpers.kernel_cases import CASES, IMAGE, IN, random_values
from tests.helpers.litert_reference import Reference, same
from tests.helpers.tiny_tflite import build, tensor

pytestmark = needs_gcc


@pytest.mark.parametrize("case", CASES)
def test_kernel_gives_the_reference_bits(tmp_path, case):
    data = CASES[case]()
    graph = parse_tflite(data, case)
    inputs = [random_values(graph.tensors[t]) for t in graph.inputs]
    reference = Reference(data)
    for index, values in zip(graph.inputs, inputs):
        reference.interpreter.set_tensor(index, values)
    reference.interpreter.invoke()
    expected = b"".join(reference.tensor(t).tobytes() for t in graph.outputs)
    assert run(graph, inputs, tmp_path) == expected


def test_all_that_is_not_supported_is_named_at_once():
    tensors = [
        IMAGE,
        tensor("a", (1, 9, 11, 6), **IN),
        tensor("b", (1, 9, 11, 6), **IN),
        tensor("c", (1, 9, 11, 6), **IN),
    ]
    graph = parse_tflite(
        build(tensors, [("SIN", [0], [1]), ("RELU", [1], [2]), ("CUMSUM", [2], [3])], [0], [3]),
        "odd",
    )
    with pytest.raises(
        PoseError, match=r"odd cannot become C; not supported are:\n- SIN of 'a'.*\n- CUMSUM of 'c'"
    ):
        compile_graph(graph, "odd", "file", "network")


def test_a_constant_of_another_type_is_refused():
    tensors = [
        tensor("x", (4, 6), **IN),
        tensor("w", (4, 6), "INT64", np.ones((4, 6), np.int64), scale=None),
        tensor("o", (4, 12), **IN),
    ]
    data = build(
        tensors, [("CONCATENATION", [0, 1], [2], ("ConcatenationOptions", {"axis": 1}))], [0], [2]
    )
    with pytest.raises(PoseError, match="which writes 'o': types int64, int8 together"):
        parse_tflite(data, "odd")


def test_activations_of_other_types_are_named_with_all_else():
    tensors = [
        IMAGE,
        tensor("a", (1, 9, 11, 6), "INT64", scale=None),
        tensor("b", (1, 9, 11, 6), **IN),
    ]
    graph = parse_tflite(
        build(tensors, [("CAST", [0], [1]), ("SIN", [0], [2])], [0], [1, 2]), "odd"
    )
    with pytest.raises(
        PoseError,
        match=r"(?s)CAST of 'a': on int64; int8, uint8, int32, float32 are supported.*SIN of 'b'",
    ):
        compile_graph(graph, "odd", "file", "network")


def test_damaged_networks_end_in_c_or_a_clear_error():
    dice, refused = random.Random(1), 0
    networks = [make() for make in CASES.values()]
    for _ in range(2000):
        bad = bytearray(dice.choice(networks))
        for _ in range(dice.choice([1, 2, 8])):
            bad[dice.randrange(12, len(bad))] = dice.choice(
                [0, 1, 127, 128, 255, dice.randrange(256)]
            )
        try:
            compile_graph(
                parse_tflite(bytes(bad), "bad"),
                "bad",
                dice.choice(["file", "quantized"]),
                "network",
            )
        except PoseError:
            refused += 1
    assert 500 < refused < 1900


def test_bits_are_compared_not_values():
    assert not same(np.float32([0.0]), np.float32([-0.0])) and same(np.int8([1]), np.int8([1]))
