"""What a file claims is checked before a runtime takes memory or time for it."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

from poseutils.compiler.frontends.tflite import SUBGRAPHS
from poseutils.errors import PoseError
from poseutils.models.networks.network import open_network
from poseutils.models.networks.runtimes import tflite_runner
from tests.helpers.networks.tiny_tflite import CONVOLUTION, build, tensor


def test_a_network_of_more_memory_than_any_is_refused(tmp_path):
    tensors = [
        tensor("image", [1, 4096, 4096, 3]),
        tensor("times", [4], "INT32", np.array([1, 1, 1, 20], np.int32), scale=None),
        *(tensor(name, [1, 4096, 4096, 60]) for name in "abc"),
    ]
    operators = [("TILE", [0, 1], [2]), ("ABS", [2], [3]), ("ADD", [2, 3], [4])]
    (tmp_path / "large.tflite").write_bytes(build(tensors, operators, [0], [4]))
    with pytest.raises(PoseError, match="claims 3,019,898,880 bytes of memory; up to 2,147,483"):
        open_network(tmp_path / "large.tflite")


def test_a_tensor_of_2_to_the_40_is_refused(tmp_path):
    tensors = [tensor(name, [1, 1 << 20, 1 << 20, 1]) for name in "ab"]
    (tmp_path / "large.tflite").write_bytes(build(tensors, [("ABS", [0], [1])], [0], [1]))
    with pytest.raises(PoseError, match="'a' of shape .* has 1099511627776 bytes"):
        open_network(tmp_path / "large.tflite")


def test_a_constant_of_8_gib_in_a_small_onnx_is_refused(tmp_path):
    size = numpy_helper.from_array(np.array([1 << 31], np.int64), "size")
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["large"], value=one),
        helper.make_node("ReduceSum", ["large"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy")
    graph = helper.make_graph(nodes, "large", [x], [y], [size])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (tmp_path / "large.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(PoseError, match="large.onnx .*run"):
        open_network(tmp_path / "large.onnx").run(np.zeros((1, 8, 8, 3), np.float32))


@pytest.mark.parametrize("method", ["set_tensor", "invoke", "get_tensor"])
@pytest.mark.parametrize("error", [ValueError, RuntimeError, MemoryError])
def test_what_a_runtime_raises_is_a_sentence(method, error):
    class Interpreter:
        def get_input_details(self):
            return [
                {"index": 0, "name": "a", "shape": [1], "dtype": np.int8, "quantization": (0, 0)}
            ]

        get_output_details = get_input_details

        def __getattr__(self, name):
            def call(*given):
                if name == method:
                    raise error("no")

            return call

    _, _, invoke = tflite_runner(Interpreter())
    with pytest.raises(PoseError, match="the model cannot be run: no"):
        invoke(np.zeros(1, np.int8))


def test_more_parts_than_outputs_are_refused_before_a_runtime_writes_them(tmp_path):
    tensors = [
        tensor("image", [1, 8, 8, 4]),
        tensor("axis", [], "INT32", np.int32(3), scale=None),
        *(tensor(name, [1, 8, 8, 2]) for name in ("left", "right")),
    ]
    split = ("SPLIT", [1, 0], [2, 3], ("SplitOptions", {"numSplits": 256}))
    (tmp_path / "split.tflite").write_bytes(build(tensors, [split], [0], [2, 3]))
    with pytest.raises(PoseError, match="256 parts; it has 2 outputs"):
        open_network(tmp_path / "split.tflite")


# ---------------------------------------------------------------- time


def test_every_operator_of_a_tflite_that_runs_a_subgraph_is_known():
    """By the format: those whose options name one."""

    options = {kind.upper(): getattr(schema, kind) for kind in vars(schema)}
    operators = {
        name: options.get(f"{name.replace('_', '')}OPTIONST")
        for name in vars(schema.BuiltinOperator)
    }
    running = {n for n, made in operators.items() if made and "ubgraph" in str(vars(made()))}
    assert running == set(SUBGRAPHS)


@pytest.mark.parametrize("name", SUBGRAPHS)
def test_a_tflite_with_a_loop_or_branch_is_refused_before_it_is_opened(tmp_path, name):
    """Of one subgraph, which it would run again, without end."""
    tensors = [tensor(n, [1, 8, 8, 3]) for n in "ab"]
    (tmp_path / "loop.tflite").write_bytes(build(tensors, [(name, [0], [1])], [0], [1]))
    with pytest.raises(PoseError, match=f"loops or branches.*{name}|keeps a state.*{name}"):
        open_network(tmp_path / "loop.tflite")


def test_a_tflite_of_more_work_than_any_is_refused(tmp_path):
    """4096 × 4096 windows of 64 × 64 pixels of 3 channels, 16 times: 2^24 · 2^12 · 48."""
    tensors = [
        tensor("image", [1, 4096, 4096, 3]),
        tensor("filter", [16, 64, 64, 3], data=np.ones((16, 64, 64, 3), np.int8)),
        tensor("maps", [1, 4096, 4096, 16]),
    ]
    every = {**CONVOLUTION[1], "strideH": 1, "strideW": 1}
    convolution = ("CONV_2D", [0, 1], [2], ("Conv2DOptions", every))
    (tmp_path / "slow.tflite").write_bytes(build(tensors, [convolution], [0], [2]))
    with pytest.raises(PoseError, match="claims 3,302,829,850,624 multiply-accumulates; up to 1,0"):
        open_network(tmp_path / "slow.tflite")
