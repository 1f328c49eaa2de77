"""What is computed on floats between a DEQUANTIZE and a QUANTIZE is a function of one byte, and
becomes a table."""

import numpy as np
import pytest

from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.passes import run_passes
from tests.helpers.marks import with_gcc
from tests.helpers.networks.tiny_tflite import build, tensor
from tests.helpers.running.compiled import run
from tests.helpers.running.litert_reference import Reference

SHAPE = (1, 16, 16)
NAMES = ("NEG", "ABS", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")


def on_floats(dtype):
    """Every function of one 8-bit input, each with an output of its own."""
    zero = 7 if dtype == "INT8" else 120
    tensors, operators = [tensor("x", SHAPE, dtype, scale=0.061, zero_point=zero)], []
    tensors.append(tensor("real", SHAPE, "FLOAT32", scale=None))
    operators.append(("DEQUANTIZE", [0], [1]))
    for name in NAMES:
        at = len(tensors)
        tensors += [
            tensor(name, SHAPE, "FLOAT32", scale=None),
            tensor(f"{name} in steps", SHAPE, scale=0.047, zero_point=-3),
        ]
        operators += [(name, [1], [at]), ("QUANTIZE", [at], [at + 1])]
    return build(tensors, operators, [0], list(range(3, len(tensors), 2)))


@with_gcc
@pytest.mark.parametrize("dtype", ["INT8", "UINT8"])
def test_functions_of_floats_are_tables_with_the_reference_bits(tmp_path, dtype):
    data = on_floats(dtype)
    graph, reference = parse_tflite(data, "floats"), Reference(data)
    values = np.arange(256).astype(np.uint8).reshape(SHAPE).view(dtype.lower())
    reference.run(values)
    assert [operator.name for operator in run_passes(graph, "file").operators] == ["TABLE"] * len(
        NAMES
    )
    assert run(graph, [values], tmp_path) == b"".join(
        reference.tensor(t).tobytes() for t in graph.outputs
    )
