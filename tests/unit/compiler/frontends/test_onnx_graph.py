"""Reading .onnx files: what is in them, and files that are damaged, open, elsewhere, or of another
kind."""

import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends import onnx as onnx_reader
from poseutils.compiler.frontends.onnx import parse_onnx
from poseutils.compiler.frontends.onnx_file import self_contained
from poseutils.compiler.frontends.qdq import OPERATORS, read_qdq
from tests.helpers.networks.tiny_qdq import Net, quantized, yolo

KNOWN = {*OPERATORS, "QuantizeLinear", "DequantizeLinear"}


def parse(model, folder, name="net.onnx"):
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return parse_onnx(data, name, folder, KNOWN)


@pytest.fixture
def net():
    return Net((1, 3, 8, 8))


def test_operators_tensors_and_options(net, tmp_path):
    graph = parse(net.model([net.conv("x", 3, 4, strides=[2, 2])]), tmp_path)
    (node,) = graph.nodes
    assert node.name == "Conv" and node.options["strides"] == [2, 2] and graph.opset == 17
    x, weights, bias = (graph.tensors[t] for t in node.inputs)
    assert (x.shape, x.dtype, x.bytes, x.is_constant) == ((1, 3, 8, 8), "float32", 768, False)
    assert weights.data.shape == (4, 3, 3, 3) and bias.is_constant
    assert graph.tensors[graph.outputs[0]].shape == (1, 4, 4, 4)


def test_what_depends_on_shapes_alone_becomes_a_constant(net, tmp_path):
    shape = net.add("Shape", net.conv("x", 3, 4))
    batch = net.add("Gather", shape, net.constant(np.array([0])))
    target = net.add("Concat", batch, net.constant(np.array([-1, 64])), axis=0)
    graph = parse(net.model([net.add("Reshape", net.add("Relu", "x"), target)]), tmp_path)
    assert [op.name for op in graph.nodes] == ["Conv", "Relu", "Reshape"]
    assert graph.tensors[graph.nodes[-1].inputs[1]].data.tolist() == [1, -1, 64]


def test_an_open_batch_is_one_image(net, tmp_path):
    model = net.model([net.conv("x", 3, 4)])
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
    graph = parse(model, tmp_path)
    assert graph.tensors[graph.inputs[0]].shape == (1, 3, 8, 8) and graph.tensors[
        graph.outputs[0]
    ].shape == (1, 4, 8, 8)


@pytest.mark.parametrize("dimension", [2, 3])
def test_an_open_size_is_refused(net, tmp_path, dimension):
    model = net.model([net.conv("x", 3, 4)])
    model.graph.input[0].type.tensor_type.shape.dim[dimension].dim_param = "size"
    with pytest.raises(
        PoseError,
        match="net.onnx: its input 'x' of shape .*size.* is not fixed. Export the model with a "
        "fixed input size",
    ):
        parse(model, tmp_path)


def test_a_shape_that_depends_on_values_is_refused(net, tmp_path):
    result = net.add(
        "Reshape",
        "x",
        net.add(
            "Cast", net.add("ReduceMean", "x", axes=[1, 2, 3], keepdims=0), to=TensorProto.INT64
        ),
    )
    with pytest.raises(
        PoseError, match="the shape of 'out0' .* does not follow from the input's|is damaged"
    ):
        parse(net.model([result]), tmp_path)


def test_older_opsets_are_refused(net, tmp_path):
    model = net.model([net.add("Relu", "x")])
    model.opset_import[0].version = 9
    with pytest.raises(PoseError, match="net.onnx is of opset 9; .* Export it again with opset 17"):
        parse(model, tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 64, b"TFL3" * 20, b"PK\x03\x04 not a model", bytes(range(256))]
)
def test_other_files_are_refused(data, tmp_path):
    with pytest.raises(
        PoseError, match="is damaged or not an .onnx model: .*Copy or export it again"
    ):
        parse(data, tmp_path)


# ---------------------------------------------------------------- weights in another file


def kept_in(model, location, length=None):
    """The same model, its first constant kept in a file of that name; and the bytes of that."""
    (tensor, *_) = (t for t in model.graph.initializer if len(t.raw_data) > 64)
    data = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {
        "location": location,
        "offset": "8",
        "length": str(len(data) if length is None else length),
    }.items():
        tensor.external_data.add(key=key, value=value)
    return model, b"12345678" + data


def test_weights_beside_the_file_are_read_and_travel_with_it(net, tmp_path):
    model = net.model([net.conv("x", 3, 4)])
    whole = parse(model, tmp_path)
    model, data = kept_in(model, "sub/weights.bin")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/weights.bin").write_bytes(data)
    np.testing.assert_array_equal(parse(model, tmp_path).tensors[0].data, whole.tensors[0].data)
    joined = self_contained(model.SerializeToString(), "net.onnx", tmp_path)
    np.testing.assert_array_equal(
        parse(joined, tmp_path / "elsewhere").tensors[0].data, whole.tensors[0].data
    )
    assert self_contained(joined, "net.onnx", tmp_path) is joined


@pytest.mark.parametrize(
    "location", ["../secret.bin", "{absolute}", "link.bin", "a/../../secret.bin", "."]
)
def test_weights_outside_of_the_folder_are_not_read(net, tmp_path, location):
    folder, secret = tmp_path / "models", tmp_path / "secret.bin"
    folder.mkdir()
    secret.write_bytes(bytes(4096))
    (folder / "link.bin").symlink_to(secret)
    model, _ = kept_in(
        net.model([net.conv("x", 3, 4)]), location.replace("{absolute}", str(secret))
    )
    with pytest.raises(PoseError, match="outside of its own folder|cannot be read"):
        parse(model, folder)


def test_weights_that_are_missing_or_cut_are_told(net, tmp_path):
    model, data = kept_in(net.model([net.conv("x", 3, 4)]), "weights.bin")
    with pytest.raises(PoseError, match="in another file, which cannot be read"):
        parse(model, tmp_path)
    (tmp_path / "weights.bin").write_bytes(data[:-1])
    with pytest.raises(
        PoseError, match="keeps 432 bytes of 'constant0' in 'weights.bin', which has 431 of them"
    ):
        parse(model, tmp_path)


# ---------------------------------------------------------------- damage


@pytest.fixture(scope="module")
def whole():
    return quantized(yolo())


def outcome(data, folder):
    """None if it becomes C, else the error; anything but a PoseError fails the test."""
    try:
        compile_graph(read_qdq(data, "bad.onnx", folder), "bad.onnx", "quantized", "network")
    except PoseError as error:
        return str(error)
    return None


@pytest.mark.slow
def test_files_with_other_bytes_end_in_c_or_a_clear_error(whole, tmp_path):
    dice, data = random.Random(1), whole.SerializeToString()
    outcomes = []
    for number in range(80):
        bad = bytearray(data[: dice.randrange(len(data))] if number % 4 == 0 else data)
        for _ in range(dice.choice([1, 2, 8]) if bad else 0):
            bad[dice.randrange(len(bad))] = dice.randrange(256)
        outcomes.append(outcome(bytes(bad), tmp_path))
    refused = [text for text in outcomes if text is not None]
    assert 40 < len(refused) < 80 and all("bad.onnx" in text for text in refused)


def mutate(model, dice):
    """Changes one thing that a reader must not believe."""
    graph, odd = model.graph, [-1, 0, 1, 2, 3, 1 << 20, 1 << 40]
    node, constant = dice.choice(graph.node), dice.choice(graph.initializer)
    kind = dice.randrange(7)
    if kind == 0 and node.attribute:
        attribute = dice.choice(node.attribute)
        if attribute.ints:
            attribute.ints[dice.randrange(len(attribute.ints))] = dice.choice(odd)
        else:
            attribute.i = dice.choice(odd)
    elif kind == 1:
        node.input[dice.randrange(len(node.input))] = dice.choice(
            [constant.name, "", dice.choice(graph.node).output[0]]
        )
    elif kind == 2:
        node.op_type = dice.choice(sorted(KNOWN))
    elif kind == 3 and constant.dims:
        constant.dims[dice.randrange(len(constant.dims))] = dice.choice(odd)
    elif kind == 4:
        constant.data_type = dice.choice([1, 2, 3, 6, 7, 10, 11])
    elif kind == 5:
        graph.node.remove(node)
    else:
        node.input.pop()


@pytest.mark.slow
def test_networks_that_contradict_themselves_end_in_c_or_a_clear_error(whole, tmp_path):
    dice, outcomes = random.Random(2), []
    for _ in range(120):
        bad = onnx.ModelProto()
        bad.CopyFrom(whole)
        for _ in range(dice.choice([1, 2, 3])):
            mutate(bad, dice)
        outcomes.append(outcome(bad.SerializeToString(), tmp_path))
    assert 45 < sum(text is not None for text in outcomes) < 117


@pytest.mark.parametrize("error", [IndexError, KeyError, TypeError, ValueError, AttributeError])
@pytest.mark.parametrize("place", ["_activation", "_folded"])
def test_a_bug_of_the_reader_is_no_damaged_file(net, tmp_path, monkeypatch, place, error):
    def bug(*given):
        raise error("a bug")

    monkeypatch.setattr(onnx_reader._Reader, place, bug)
    with pytest.raises(error, match="a bug"):
        parse(net.model([net.add("Relu", "x")]), tmp_path)


def test_a_byte_that_is_no_text_ends_in_a_graph_or_a_clear_error(net, tmp_path):
    data, refused = net.model([net.add("Relu", "x")]).SerializeToString(), 0
    for place in range(len(data)):
        try:
            parse(data[:place] + b"\xfe" + data[place + 1 :], tmp_path)
        except PoseError:
            refused += 1
    assert 0 < refused < len(data)


def test_a_shape_beyond_all_memory_is_refused(net, tmp_path):
    model = net.model([net.add("Relu", "x")])
    for dim in model.graph.input[0].type.tensor_type.shape.dim:
        dim.dim_value = 1 << 20
    model.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(PoseError, match="bytes"):
        parse(model, tmp_path)
    big = helper.make_tensor("big", TensorProto.FLOAT, [0], [])
    big.dims[0] = 1 << 40
    model = net.model([net.add("Relu", "x")])
    model.graph.initializer.append(big)
    with pytest.raises(PoseError, match="damaged"):
        parse(model, tmp_path)
