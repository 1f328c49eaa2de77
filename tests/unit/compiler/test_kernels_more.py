"""Operators beyond those of the published networks, against LiteRT's reference kernels: several
scales, odd sizes, every variant."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from tests.helpers.compiled import needs_gcc, run
from tests.helpers.kernel_cases import IN
from tests.helpers.kernel_cases_more import (
    CASES,
    SCALES,
    elementwise,
    every_value,
    reduce,
    reference_of,
)

pytestmark = needs_gcc


@pytest.mark.parametrize("case", CASES)
def test_kernel_gives_the_reference_bits(tmp_path, case):
    data = CASES[case]()
    graph = parse_tflite(data, case)
    inputs = [every_value(graph.tensors[t]) for t in graph.inputs]
    assert run(graph, inputs, tmp_path) == reference_of(data, graph, inputs)


@pytest.mark.parametrize("scales", SCALES)
def test_elu(scales):
    """LiteRT has one kernel of it, which is not among those that are called reference."""
    data = elementwise("ELU", *SCALES[scales])
    graph, values = (
        parse_tflite(data, "elu"),
        np.resize(np.arange(-128, 128).astype(np.int8), (2, 256)),
    )
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
    is no sum."""
    data = reduce("SUM", (1, 5, 3, 4), (1,), IN, IN, False)
    with pytest.raises(
        PoseError, match="SUM of 'o': LiteRT's reference kernel takes int8 for uint8"
    ):
        compile_graph(parse_tflite(data, "sum"), "sum", "file", "network")
    graph, negative = parse_tflite(data, "sum"), np.full((1, 5, 3, 4), -9, np.int8)
    wrong = np.frombuffer(reference_of(data, graph, [negative]), np.int8)
    assert (wrong != np.clip(5 * (-9 + 7) - 7, -128, 127)).all()
