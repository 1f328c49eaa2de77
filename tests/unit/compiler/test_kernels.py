"""The C kernels, operator by operator: random tensors through tiny networks, against LiteRT's
reference kernels."""

import random
from functools import cache

import numpy as np
import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.qdq import read_qdq
from poseutils.compiler.frontends.tflite import parse_tflite
from tests.helpers.marks import with_gcc
from tests.helpers.networks import kernel_cases_more
from tests.helpers.networks.kernel_cases import CASES, network
from tests.helpers.networks.kernel_cases_more import reference_of
from tests.helpers.networks.parts import IMAGE, IN
from tests.helpers.networks.parts_more import SCALES, elementwise, reduce
from tests.helpers.networks.tiny_tflite import build, tensor
from tests.helpers.random_graphs.running import Outcome, compare, random_values
from tests.helpers.running.litert_reference import same

pytestmark = with_gcc


ALL = {**CASES, **kernel_cases_more.CASES}
BATCH = 16


def every_value(given, dice):
    """All values of int8 where a test has made room for them, else random ones."""
    if given.shape == (2, 256):
        return np.resize(np.arange(-128, 128).astype(np.int8), given.shape)
    return random_values(given, dice)


@cache
def outcomes(batch):
    """Of so many cases in one program."""
    names = list(ALL)[batch * BATCH :][:BATCH]
    return compare({n: network(n, ALL) for n in names}, runs=2, io="file", draw=every_value)


@pytest.mark.parametrize("case", ALL)
def test_kernel_gives_the_reference_bits(case):
    assert outcomes(list(ALL).index(case) // BATCH)[case] == Outcome("equal")


def test_no_case_hides_another():
    assert len(ALL) == len(CASES) + len(kernel_cases_more.CASES)


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


SELECTS = '{} chooses among detections.*end2end=False, without nms=True, or by format="stedgeai"'


def test_a_selection_of_detections_says_how_to_export_without():
    tensors = [
        tensor("x", (1, 300), **IN),
        tensor("k", (), "INT32", np.array(5, np.int32), scale=None),
        tensor("best", (1, 5), **IN),
        tensor("where", (1, 5), "INT32", scale=None),
    ]
    graph = parse_tflite(build(tensors, [("TOPK_V2", [0, 1], [2, 3])], [0], [2]), "yolo")
    with pytest.raises(PoseError, match=f"- TOPK_V2.*\n{SELECTS.format('TOPK_V2')}"):
        compile_graph(graph, "yolo", "file", "network")


def test_a_selection_in_an_onnx_file_says_so_too(tmp_path):
    node = onnx.helper.make_node("TopK", ["x", "k"], ["best", "where"])
    ends = [
        onnx.helper.make_tensor_value_info(name, kind, (1, size))
        for name, kind, size in (("x", 1, 300), ("best", 1, 5), ("where", 7, 5))
    ]
    k = onnx.numpy_helper.from_array(np.array([5]), "k")
    graph = onnx.helper.make_graph([node], "end", ends[:1], ends[1:], [k])
    with pytest.raises(PoseError, match=f"- TopK, 1 times.*\n{SELECTS.format('TopK')}"):
        read_qdq(onnx.helper.make_model(graph).SerializeToString(), "yolo", tmp_path)


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


@pytest.mark.parametrize("scales", SCALES)
def test_elu(scales):
    """LiteRT has one kernel of it, which is not among those that are called reference."""
    data = elementwise("ELU", *SCALES[scales])
    graph = parse_tflite(data, "elu")
    values = np.resize(np.arange(-128, 128).astype(np.int8), (2, 256))
    interpreter = Interpreter(
        model_content=data,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, values)
    interpreter.invoke()
    (table,) = compile_graph(graph, "elu", "file", "network").program.arrays.values()
    np.testing.assert_array_equal(table[values.view(np.uint8)], interpreter.get_tensor(1))


def test_sums_are_refused():
    """LiteRT's reference kernel of SUM (2.3) takes int8 for uint8: what it gives of negative values
    is not a sum."""
    data = reduce("SUM", (1, 5, 3, 4), (1,), IN, IN, False)
    with pytest.raises(
        PoseError, match="SUM of 'o': LiteRT's reference kernel takes int8 for uint8"
    ):
        compile_graph(parse_tflite(data, "sum"), "sum", "file", "network")
    graph, negative = parse_tflite(data, "sum"), np.full((1, 5, 3, 4), -9, np.int8)
    wrong = np.frombuffer(reference_of(data, graph, [negative]), np.int8)
    assert (wrong != np.clip(5 * (-9 + 7) - 7, -128, 127)).all()
