"""What is refused as damaged, and how it is said; what is legal, however odd, is not."""

import os
import random
import sys
import tempfile
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import poseutils as pu
from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.tflite import parse_tflite
from poseutils.compiler.graph import layers
from poseutils.compiler.report import layer_rows, tensor_rows
from poseutils.compiler.rules import Broken, validate
from tests.helpers.damage.tflite_files import damaged
from tests.helpers.marks import with_gcc
from tests.helpers.networks import kernel_cases, kernel_cases_more
from tests.helpers.networks.open_shapes import dense_on_sequence, moved, recurrent
from tests.helpers.networks.parts import random_values
from tests.helpers.networks.tiny_tflite import CONVOLUTION, build, heatmap_model, tensor
from tests.helpers.running.compiled import run

FOUR = {name: tensor(name, (4,)) for name in "abc"}
IMAGE = tensor("x", (1, 8, 8, 3))


def integers(*values):
    return tensor("n", (len(values),), "INT32", np.array(values, np.int32), scale=None)


def one(name, *given, out=(1, 8, 8, 3), options=None, dtype="INT8", scale=0.5):
    """One operator, whose first input is the network's."""
    tensors = [*given, tensor("y", out, dtype, scale=scale)]
    return build(
        tensors, [(name, list(range(len(given))), [len(given)], options)], [0], [len(given)]
    )


def wired(operators, outputs, **tensors):
    return build(list((FOUR | tensors).values()), operators, [0], outputs)


def conv(filter_shape=(4, 4, 4, 3), out=(1, 2, 2, 4), scale=0.5, bias=4, **options):
    made = CONVOLUTION[0], CONVOLUTION[1] | options
    count = np.zeros(bias, np.int32)
    given = [
        IMAGE,
        tensor("w", filter_shape, data=np.ones(filter_shape, np.int8), scale=scale),
        tensor("b", (bias,), "INT32", count),
    ]
    return one("CONV_2D", *given, out=out, options=made)


def compared(name, *others, dtype="BOOL"):
    return one(name, IMAGE, *others, dtype=dtype, scale=None)


BROKEN = {
    **{
        f"{name} without a scale": (
            compared(name, tensor("z", (1,), data=np.ones(1, np.int8), scale=None)),
            "'z' of int8 without a scale",
        )
        for name in ("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL")
    },
    "a comparison of types": (compared("LESS", integers(1)), "types int32, int8 together"),
    "a comparison to numbers": (
        compared("LESS", tensor("z", (1,), data=np.ones(1, np.int8)), dtype="FLOAT16"),
        "bool is expected",
    ),
    "the order": (
        wired([("RELU", [1], [2])], [2]),
        "reads 'b', which no operator before it writes",
    ),
    "an index": (wired([("RELU", [0], [9])], [0]), r"writes \(9,\) of 3 tensors"),
    "written twice": (
        wired([("RELU", [0], [1]), ("RELU", [0], [1])], [1]),
        "writes 'b', which is written or given already",
    ),
    "an input written": (
        wired([("RELU", [0], [0])], [0]),
        "writes 'a', which is written or given already",
    ),
    "an output": (
        wired([("RELU", [0], [2])], [1]),
        "the output 'b' is not written by any operator",
    ),
    "no operators": (wired([], [0]), "needs operators"),
    "no input": (wired([("RELU", [-1], [2])], [2]), "the first 1 cannot be left out"),
    "a shape left out": (wired([("RESHAPE", [0, -1], [2])], [2]), "none of them can be left out"),
    "inputs": (wired([("RELU", [0, 0], [2])], [2]), "2 inputs; 1 expected"),
    "more inputs": (wired([("MUL", [0, 0, 0], [1])], [1]), "3 inputs; 2 expected"),
    "more outputs": (wired([("MUL", [0, 0], [1, 2])], [1]), "2 outputs; 1 expected"),
    "types": (
        wired([("ADD", [0, 1], [2])], [2], b=tensor("b", (4,), "INT32", np.ones(4, np.int32))),
        "types int32, int8 together",
    ),
    "a shape": (
        wired([("RELU", [0], [2])], [2], c=tensor("c", (5,))),
        r"'c' has the shape \(5,\); \(4,\) follows from its inputs",
    ),
    "no scale": (
        wired([("RELU", [0], [2])], [2], c=tensor("c", (4,), scale=None)),
        "'c' of int8 without a scale",
    ),
    "a scale": (
        wired([("RELU", [0], [2])], [2], c=tensor("c", (4,), scale=float("nan"))),
        "'c' has the scale nan; a number from",
    ),
    "no scale at all": (
        wired([("RELU", [0], [2])], [2], c=tensor("c", (4,), scale=0.0)),
        "'c' has the scale 0.0",
    ),
    "a constant of scale 0": (
        one("ADD", IMAGE, tensor("b", (3,), data=np.ones(3, np.int8), scale=0.0)),
        "'b' has the scale 0.0; 9e-13 or more is expected",
    ),
    "a zero point": (
        wired([("RELU", [0], [2])], [2], a=tensor("a", (4,), zero_point=128)),
        "int8 has the zero point 128; -128 to 127",
    ),
    "an empty tensor": (
        wired([("RELU", [0], [2])], [2], a=tensor("a", (0,)), c=tensor("c", (0,))),
        "'a' of shape .* is empty",
    ),
    "a size": (
        wired([("RELU", [0], [2])], [2], a=tensor("a", (1 << 20, 1 << 11))),
        "'a' of shape .* has 2147483648 bytes",
    ),
    "a filter's rank": (conv((4, 16, 3)), "'w' of shape .* has 3 dimensions; 4 expected"),
    "channels": (
        conv((4, 4, 4, 2)),
        r"a filter of shape \(4, 4, 4, 2\) on data of shape \(1, 8, 8, 3\)",
    ),
    "scales": (conv(scale=[0.1, 0.2]), "2 scales along dimension 0; 1, or 4 along dimension 0"),
    "a bias": (conv(bias=3), r"the bias 'b' of shape \(3,\); 4 values are expected"),
    "a stride": (conv(strideH=0), "stride_h is 0; 1 to"),
    "the size of the output": (
        conv(out=(1, 2, 3, 4)),
        r"'y' has the shape \(1, 2, 3, 4\); \(1, 2, 2, 4\) follows",
    ),
    "a window too large": (conv((4, 9, 4, 3), padding=1), "a window that reaches over 9 of 8"),
    "other options": (
        one("CONV_2D", IMAGE, tensor("w", (4, 4, 4, 3), data=np.ones(192, np.int8))),
        "those of another operator; Conv2D",
    ),
    "an axis": (
        one("CONCATENATION", IMAGE, options=("ConcatenationOptions", {"axis": 4})),
        "the dimension 4 of 4",
    ),
    "a permutation": (
        one("TRANSPOSE", IMAGE, integers(0, 1, 1, 3)),
        r"the order \[0, 1, 1, 3\] of 4 dimensions",
    ),
    "operands": (
        one("ADD", IMAGE, tensor("b", (5,), data=np.ones(5, np.int8))),
        "which do not go together",
    ),
    "elements": (
        one("RESHAPE", IMAGE, integers(1, 8, 3), out=(1, 8, 3)),
        "has 24 elements, 'x' of shape .* has 192",
    ),
    "an index of GATHER": (
        one(
            "GATHER",
            IMAGE,
            integers(0, 8),
            out=(1, 2, 8, 3),
            options=("GatherOptions", {"axis": 1}),
        ),
        "an index out of range for .* along dimension 1",
    ),
    "margins": (
        one("PAD", IMAGE, tensor("p", (4, 2), "INT32", np.full(8, -1, np.int32), scale=None)),
        "margins of",
    ),
    "matrices": (
        one("BATCH_MATMUL", IMAGE, tensor("b", (8, 3), data=np.ones(24, np.int8))),
        "sums of 3 and of 8 products",
    ),
    "a slope": (
        one("LEAKY_RELU", IMAGE, options=("LeakyReluOptions", {"alpha": float("inf")})),
        r"alpha is inf; a number up to 1e\+12 is expected",
    ),
    "a steep slope": (
        one("LEAKY_RELU", IMAGE, options=("LeakyReluOptions", {"alpha": 1e38})),
        r"alpha is 9\.9.*; a number up to",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_said(case):
    data, complaint = BROKEN[case]
    with pytest.raises(
        PoseError, match=rf"net\.tflite is damaged: .*{complaint}.*Copy or convert the model again"
    ):
        parse_tflite(data, "net.tflite")


def edited(data: bytes, change) -> bytes:
    """The file with something of its first graph changed."""
    model = schema.ModelT.InitFromPackedBuf(data)
    change(model.subgraphs[0])
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def depthwise_with_scaled_bias() -> bytes:
    weights, bias = np.ones((1, 3, 3, 8), np.int8), np.arange(8, dtype=np.int32)
    tensors = [tensor("x", (1, 6, 6, 1)), tensor("w", (1, 3, 3, 8), data=weights, scale=[0.1] * 8)]
    tensors += [
        tensor("b", (8,), "INT32", bias, scale=[0.05] * 8),
        tensor("y", (1, 6, 6, 8), scale=0.2),
    ]
    options = (
        "DepthwiseConv2DOptions",
        {
            "strideH": 1,
            "strideW": 1,
            "dilationHFactor": 1,
            "dilationWFactor": 1,
            "depthMultiplier": 8,
        },
    )
    return build(tensors, [("DEPTHWISE_CONV_2D", [0, 1, 2], [3], options)], [0], [3])


@with_gcc
def test_scales_of_a_bias_mean_nothing(tmp_path):
    """In TFLM's person_detect.tflite they run along dimension 3 of a vector. LiteRT refuses that;
    TFLM runs it."""
    good = depthwise_with_scaled_bias()
    odd = edited(
        good, lambda graph: setattr(graph.tensors[2].quantization, "quantizedDimension", 3)
    )
    graph = parse_tflite(odd, "person_detect.tflite")
    assert graph.tensors[2].quantization.axis == 3
    given = [random_values(graph.tensors[0])]
    assert run(graph, given, tmp_path) == kernel_cases_more.reference_of(good, graph, given)


@pytest.mark.parametrize(
    "name", ["UNIDIRECTIONAL_SEQUENCE_LSTM", "SVDF", "CALL_ONCE", "VAR_HANDLE"]
)
def test_networks_that_keep_a_state_are_refused_as_such(name, tmp_path):
    path = tmp_path / "stream.tflite"
    path.write_bytes(wired([(name, [0, 1], [2])], [2]))
    for use in (pu.load_model, lambda file: pu.export(file, tmp_path / "out")):
        with pytest.raises(
            PoseError, match=rf"stream.tflite keeps a state between calls \({name}\)"
        ):
            use(path)


def test_a_variable_tensor_is_a_state():
    data = edited(
        wired([("ADD", [0, 1], [2])], [2]),
        lambda graph: setattr(graph.tensors[1], "isVariable", True),
    )
    with pytest.raises(PoseError, match=r"keeps a state between calls \(ADD\)"):
        parse_tflite(data, "odd.tflite")


def healthy():
    cases = [*kernel_cases.CASES.items(), *kernel_cases_more.CASES.items()]
    cases += [(make.__name__, make) for make in (dense_on_sequence, recurrent, moved)]
    return [parse_tflite(make(), name) for name, make in cases] + [
        parse_tflite(heatmap_model(13), "heatmaps")
    ]


def test_what_keeps_the_rules_compiles_or_is_refused_with_a_reason():
    """Any other exception is a rule that is missing."""
    dice, graphs, endings = random.Random(3), healthy(), []
    for _ in range(3000):
        bad = damaged(dice.choice(graphs), dice)
        try:
            bad = validate(bad)
            layers(bad)
            compiled = compile_graph(bad, "bad", dice.choice(["file", "quantized"]), "network")
            assert layer_rows(compiled) and tensor_rows(compiled.arena)
            endings.append("compiled")
        except Broken:
            endings.append("broken")
        except PoseError:
            endings.append("refused")
    assert min(endings.count(ending) for ending in ("compiled", "broken", "refused")) >= 50


def test_an_error_of_our_own_is_not_told_as_damage(monkeypatch):
    from poseutils.compiler.lowering import elementwise as lower_values

    graph = parse_tflite(kernel_cases.CASES["add"](), "add")
    monkeypatch.setattr(lower_values, "_add_fields", lambda layer: {}["a fault of ours"])
    with pytest.raises(KeyError, match="a fault of ours"):
        compile_graph(graph, "add", "file", "network")


@pytest.mark.parametrize("dtype", ["INT2", "INT4", "UINT4"])
def test_activations_of_several_values_a_byte_do_not_become_c(dtype):
    """Rows of a value's whole bytes, none, would lie over one another."""
    data = one("CAST", tensor("x", (1, 7, 32)), out=(1, 7, 32), dtype=dtype)
    with pytest.raises(PoseError, match=rf"packed: tensor 'y' is of {dtype.lower()}, several"):
        compile_graph(parse_tflite(data, "packed"), "packed", "file", "network")


def test_a_shape_left_open_is_legal_but_does_not_become_c():
    opened = {
        "a": tensor("a", (1, 1), signature=(-1, -1)),
        "b": tensor("b", (1, 1)),
        "c": tensor("c", (1, 1)),
    }
    graph = parse_tflite(wired([("RELU", [0], [1]), ("RELU", [1], [2])], [2], **opened), "open")
    with pytest.raises(PoseError, match="open leaves the shape of 'a' open"):
        compile_graph(graph, "open", "file", "network")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_damaged_files_do_not_end_the_process():
    """LiteRT itself is ended by many of them: our rules go first. A child loads each, and
    predicts."""
    from tests.bench.fuzzing.fuzz_export import damage

    dice, good = random.Random(5), heatmap_model(keypoints=13)
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "damaged.tflite"
        endings = [_ending(path, damage(good, dice)) for _ in range(250)]
    assert set(endings) == {0, 1}, [ending for ending in endings if ending not in (0, 1)]


def _ending(path: Path, data: bytes) -> int:
    """0 for a prediction, 1 for a clear error; anything else is a fault."""
    path.write_bytes(data)
    child = os.fork()
    if child == 0:
        try:
            pu.load_model(path, "heatmaps_spe", num_threads=1).predict(
                np.zeros((50, 60, 3), np.uint8)
            )
        except PoseError:
            os._exit(1)
        except BaseException:
            os._exit(2)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
