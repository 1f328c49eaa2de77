"""FULLY_CONNECTED: sums that lie halfway between two results, as far as a multiplier tells."""

import numpy as np
import pytest

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.reference.fixed_point import Reach, multiplier_rounded_once
from tests.helpers.marks import with_gcc
from tests.helpers.networks.tiny_tflite import build, tensor
from tests.helpers.random_graphs.running import Outcome, compare

OUT = 0.8
SCALES = [np.float32(step / 1000) for step in range(10, 60, 2)]
"""Of inputs; ratios are near 2^-19."""
WEIGHTS = np.float32(0.00005)


def ratio_of(scale):
    return float(scale) * float(WEIGHTS) / float(np.float32(OUT))


def dense(scale, bias):
    """Two channels, whose sums lie about their biases."""
    tensors = [
        tensor("x", (1, 4), scale=scale, zero_point=0),
        tensor("w", (2, 4), data=np.array([[1, -1, 2, 0], [0, 1, 1, -3]], np.int8), scale=WEIGHTS),
        tensor("b", (2,), "INT32", np.array([bias, -bias], np.int32), scale=scale * WEIGHTS),
        tensor("o", (1, 2), scale=OUT, zero_point=0),
    ]
    fields = ("FullyConnectedOptions", {})
    return build(tensors, [("FULLY_CONNECTED", [0, 1, 2], [3], fields)], [0], [3])


def test_sums_that_no_multiplier_rounds_as_litert_are_refused():
    reach = Reach(low=-128, high=127)
    inexact = [scale for scale in SCALES if not multiplier_rounded_once(ratio_of(scale), reach)[2]]
    assert len(inexact) > 5
    for scale in inexact:
        graph = parse_tflite(dense(scale, 1 << 29), "deep")
        with pytest.raises(PoseError, match="FULLY_CONNECTED of 'o': sums so large that some lie"):
            compile_graph(graph, "deep", "file", "network")


@with_gcc
def test_what_no_sum_reaches_is_no_reason():
    networks = {
        (scale, bias): dense(scale, bias)
        for scale in SCALES[::2]
        for bias in (0, 200_000, 5_000_000)
    }
    assert set(compare(networks).values()) == {Outcome("equal")}
