"""What an .onnx claims is checked before ONNX Runtime opens it."""

from functools import partial
from math import prod

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from poseutils.compiler.graph import macs
from poseutils.errors import PoseError
from poseutils.models.networks.claims import OF_ONE_VALUE
from poseutils.models.networks.claims import onnx as claims
from poseutils.models.networks.inputs import by_onnx_operators
from poseutils.models.networks.network import open_network
from tests.helpers.networks.imitations import brightness, constant
from tests.helpers.networks.tiny_qdq import Net, quantized, yolo
from tests.helpers.running.qdq_reference import read

IMAGE = (1, 3, 8, 8)
info = partial(helper.make_tensor_value_info, elem_type=TensorProto.FLOAT)


def network(path, nodes, constants=(), shape=IMAGE, functions=(), result="y"):
    """A file of those nodes, from ``x`` on."""
    graph = helper.make_graph(
        nodes, "claims", [info("x", shape=shape)], [info(result, shape=None)], list(constants)
    )
    opsets = [helper.make_opsetid(domain, 17 if domain == "" else 1) for domain in ("", "own")]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8, functions=functions)
    path.write_bytes(made.SerializeToString())
    return path


def number(name, values, dtype=np.int64):
    return numpy_helper.from_array(np.asarray(values, dtype), name)


# ---------------------------------------------------------------- loops, branches, functions


def endless():
    """A loop whose condition stays true."""
    body = helper.make_graph(
        [helper.make_node("Identity", [a], [b]) for a, b in (("go", "on"), ("a", "b"))],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            info("a", shape=IMAGE),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, []), info("b", shape=IMAGE)],
    )
    return helper.make_node("Loop", ["", "true", "x"], ["y"], body=body)


def branch():
    inner = helper.make_graph(
        [helper.make_node("Abs", ["x"], ["z"])], "g", [], [info("z", shape=IMAGE)]
    )
    return helper.make_node("If", ["true"], ["y"], then_branch=inner, else_branch=inner)


@pytest.mark.parametrize("node", [endless(), branch()], ids=["Loop", "If"])
def test_a_loop_or_branch_is_refused_before_it_runs(tmp_path, node):
    path = network(tmp_path / "a.onnx", [node], [number("true", True, bool)])
    with pytest.raises(PoseError, match=f"loops, branches or functions.*{node.op_type}.*without"):
        open_network(path)


def test_functions_that_multiply_are_refused(tmp_path):
    """Thirty functions, each of which calls the next twice: 2^30 nodes."""
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]

    def doubling(n):
        calls = [helper.make_node(f"f{n + 1}", [a], [b], domain="own") for a, b in ("xz", "zy")]
        last = [helper.make_node("Abs", ["x"], ["y"])]
        return helper.make_function(
            "own", f"f{n}", ["x"], ["y"], last if n == 30 else calls, opsets
        )

    first = helper.make_node("f0", ["x"], ["y"], domain="own")
    path = network(tmp_path / "a.onnx", [first], functions=[doubling(n) for n in range(31)])
    with pytest.raises(PoseError, match="functions of its own .*f0.*inline"):
        open_network(path)


# ---------------------------------------------------------------- weights beside the file


def stored_at(path, location, sparse=False):
    outside = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[5])
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value=location)
    network(
        path,
        [helper.make_node("Add", ["x", "w"], ["y"])],
        () if sparse else [outside],
        (1, 3, 5, 5),
    )
    if sparse:
        model = onnx.load(path, load_external_data=False)
        model.graph.sparse_initializer.add(dims=[5], values=outside, indices=number("i", range(5)))
        path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("location", ["../w.bin", "{}/w.bin", "link", "a/../../w.bin"])
def test_weights_outside_of_the_folder_are_refused(tmp_path, location, sparse):
    (tmp_path / "w.bin").write_bytes(bytes(20))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "link").symlink_to(tmp_path / "w.bin")
    path = stored_at(tmp_path / "models" / "a.onnx", location.format(tmp_path), sparse)
    with pytest.raises(PoseError, match="outside of its own folder: that is not read"):
        open_network(path)


@pytest.mark.parametrize("location", ["none.bin", "", "*/_ORT_MEM_ADDR_/*"])
def test_weights_that_are_not_there_are_named(tmp_path, location):
    """The last is what ONNX Runtime takes for an address in memory."""
    with pytest.raises(PoseError, match="keeps 'w' in .*, which is not there. Copy it"):
        open_network(stored_at(tmp_path / "a.onnx", location))


def test_weights_beside_the_file_are_read(tmp_path):
    (tmp_path / "w.bin").write_bytes(np.arange(5, dtype=np.float32).tobytes())
    network_ = open_network(stored_at(tmp_path / "a.onnx", "w.bin"))
    (result,) = network_.run(np.zeros((1, 5, 5, 3), np.float32)).values()
    np.testing.assert_array_equal(result, np.broadcast_to(np.arange(5.0), (1, 3, 5, 5)))


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("shape", [(1, 3, 10_000, 10_000), (1, 3, 1 << 40, 1 << 40)])
def test_an_input_larger_than_any_image_is_refused(tmp_path, shape):
    path = network(tmp_path / "a.onnx", [helper.make_node("Abs", ["x"], ["y"])], shape=shape)
    with pytest.raises(PoseError, match="takes an input of shape .*; up to 67,108,864 values"):
        open_network(path)


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (1, 3, 0, 8), (1, 3, 8, -2), (1, 0, 8, 8)])
def test_an_input_of_no_values_is_refused(tmp_path, shape):
    path = network(tmp_path / "a.onnx", [helper.make_node("Abs", ["x"], ["y"])], shape=shape)
    with pytest.raises(PoseError, match="takes an input of shape .*, which is empty"):
        open_network(path)


@pytest.mark.parametrize("batch", [1, "N"])
def test_an_output_of_a_single_number_is_one_an_image(tmp_path, batch):
    node = helper.make_node("ReduceMax", ["x"], ["y"], keepdims=0)
    made = open_network(network(tmp_path / "a.onnx", [node], shape=(batch, 3, 8, 8)))
    (result,) = made.run(np.full((1, 8, 8, 3), 7, np.float32)).values()
    assert result.tolist() == [7]
    if batch == 1:
        pixels = np.array([3, 5, 2], np.float32)[:, None, None, None] * np.ones((1, 8, 8, 3))
        (result,) = made.run(pixels.astype(np.float32)).values()
        assert result.tolist() == [3, 5, 2]


def test_metadata_that_asks_for_larger_images_than_any_is_refused(tmp_path):
    shape, large = (1, 3, "height", "width"), {"imgsz": "[10000, 10000]"}
    path = network(tmp_path / "a.onnx", [helper.make_node("Abs", ["x"], ["y"])], shape=shape)
    model = onnx.load(path)
    helper.set_model_props(model, large)
    onnx.save(model, str(path))
    with pytest.raises(PoseError, match=r"shape \(1, 3, 10000, 10000\), imgsz included"):
        open_network(path)
    with pytest.raises(PoseError, match=r"shape \(1, 20000, 20000, 3\), imgsz included"):
        open_network(
            constant(tmp_path / "b.onnx", {"y": np.zeros(3)}, (1, "h", "w", 3)),
            input_size=(20_000,) * 2,
        )


def test_a_file_without_an_input_is_refused(tmp_path):
    path = network(tmp_path / "a.onnx", [helper.make_node("Abs", ["x"], ["y"])])
    model = onnx.load(path)
    model.graph.initializer.append(number("x", np.zeros(IMAGE), np.float32))
    onnx.save(model, str(path))
    with pytest.raises(PoseError, match="has no input that is not a constant"):
        open_network(path)


# ---------------------------------------------------------------- work


def of_nodes(model):
    """The multiply-accumulates that are counted, by the kind of node."""
    shapes, counted = claims._shapes(model), {}
    for node in model.graph.node:
        own = claims._work(node, shapes)
        names = [n for n in (*node.input, *node.output) if n in shapes]
        own -= OF_ONE_VALUE * max(prod(shapes[n]) for n in names)
        counted[node.op_type] = counted.get(node.op_type, 0) + own
    return {kind: own for kind, own in counted.items() if own}


def test_multiply_accumulates_are_those_of_the_integer_network():
    model = quantized(yolo())
    graph, counted = read(model), of_nodes(model)
    wanted = sum(macs(graph, operator) for operator in graph.operators)
    assert counted["Conv"] + counted["MatMul"] == wanted > 1_000_000


X = (2, 6, 10, 12)


@pytest.mark.parametrize(
    ("kind", "operands", "attributes", "wanted"),
    [
        ("Conv", [(8, 3, 5, 7)], {"group": 2}, 2 * 8 * 6 * 6 * 3 * 5 * 7),
        ("ConvTranspose", [(6, 4, 3, 3)], {}, 2 * 6 * 10 * 12 * 4 * 3 * 3),
        ("MatMul", [(12, 5)], {}, 2 * 6 * 10 * 5 * 12),
        ("MaxPool", [], {"kernel_shape": [3, 2]}, 2 * 6 * 8 * 11 * 6),
        ("Einsum", [(12, 5)], {"equation": "nchw,wk->nchk"}, 2 * 6 * 10 * 12 * 5),
        ("Relu", [], {}, 0),
    ],
)
def test_multiply_accumulates_follow_from_shapes(kind, operands, attributes, wanted):
    net = Net(X)
    model = net.model(
        [net.add(kind, "x", *(net.weights(*shape) for shape in operands), **attributes)]
    )
    assert of_nodes(model).get(kind, 0) == wanted


def test_a_product_larger_than_any_is_refused_while_it_is_small(tmp_path):
    """Two tables of 2^14 × 2^14, filled by one number each: 2^42 multiply-accumulates."""
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["a"], value=one),
        helper.make_node("MatMul", ["a", "a"], ["b"]),
        helper.make_node("ReduceSum", ["b"], ["sum"], keepdims=0),
        helper.make_node("Add", ["x", "sum"], ["y"]),
    ]
    path = network(tmp_path / "a.onnx", nodes, [number("size", [1 << 14] * 2)])
    assert path.stat().st_size < 1000
    with pytest.raises(PoseError, match=r"a.onnx claims 4,4\d\d,\d{3},\d{3},\d{3} multiply-acc"):
        open_network(path)


def test_a_network_of_any_open_size_is_counted_at_the_size_it_is_run(tmp_path):
    """16 × 16 windows at every pixel, to 64 channels: 2 · 10^11 at 2048 × 2048, more at 4096."""
    net = Net((1, 3, "h", "w"))
    wide = net.conv(net.conv("x", 3, 64, taps=1), 64, 64, taps=17)
    onnx.save(net.model([net.add("Relu", wide)]), str(tmp_path / "a.onnx"))
    claims.check_onnx(tmp_path / "a.onnx", (512, 512))
    with pytest.raises(PoseError, match="multiply-accumulates"):
        claims.check_onnx(tmp_path / "a.onnx", (1024, 1024))


def test_what_a_quantize_step_of_many_zero_points_says_is_not_taken_for_the_input(tmp_path):
    model = onnx.load(brightness(tmp_path / "a.onnx"))
    nodes = [
        helper.make_node(f"{kind}Linear", [a, "s", "z"], [b])
        for kind, a, b in (("Quantize", "image", "q"), ("Dequantize", "q", "d"))
    ]
    model.graph.node[0].input[0] = "d"
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    model.graph.initializer.extend(
        [number("s", 1 / 255, np.float32), number("z", [-128] * 3, np.int8)]
    )
    onnx.save(model, str(tmp_path / "a.onnx"))
    assert by_onnx_operators(tmp_path / "a.onnx") is None
