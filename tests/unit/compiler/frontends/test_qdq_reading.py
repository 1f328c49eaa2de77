"""What of a QDQ file becomes which operator, and what is refused."""

import random

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.qdq import read_qdq
from poseutils.compiler.passes import run_passes
from tests.helpers.damage.onnx_files import damaged
from tests.helpers.networks.qdq_cases import CASES, case_prelu_in_parts, image
from tests.helpers.networks.tiny_qdq import Net, quantized
from tests.helpers.running.qdq_reference import HERE, read


def test_pairs_become_integer_operators_and_layouts_cost_nothing():
    net = Net()
    x = net.silu(net.conv("x", 3, 8))
    y = net.add(
        "Transpose", net.add("Transpose", net.conv(x, 8, 8), perm=[0, 2, 3, 1]), perm=[0, 3, 1, 2]
    )
    graph = run_passes(
        read(quantized(net.model([net.conv(net.add("Add", x, y), 8, 4)]))), "quantized"
    )
    assert [op.name for op in graph.operators] == ["CONV_2D", "TABLE", "CONV_2D", "ADD", "CONV_2D"]
    assert graph.tensors[graph.inputs[0]].shape == (1, 16, 16, 3) and graph.tensors[
        graph.outputs[0]
    ].shape == (1, 16, 16, 4)


def test_outputs_have_the_file_s_names():
    """In the file's order of dimensions too: 8 channels of 8×8 values are no image channels
    last."""
    net = Net((1, 3, 8, 8))
    x = net.add("Relu", net.conv("x", 3, 8))
    model = quantized(net.model([net.add("Abs", x), net.add("Softmax", x, axis=3)]))
    graph = run_passes(read(model), "quantized")
    names = [tensor.name for tensor in graph.tensors if not tensor.is_constant]
    assert [graph.tensors[t].name for t in graph.outputs] == [
        "out0",
        "out1_QuantizeLinear_Output",
    ] and len(set(names)) == len(names)


def test_pads_that_a_mean_leaves_out_are_named():
    net = Net()
    x = net.add("AveragePool", net.conv("x", 3, 8), kernel_shape=[3, 3], pads=[1] * 4)
    assert "pads that are not counted in the mean (count_include_pad=0)" in refusal(net, [x])


def test_prelu_in_parts_is_one_operator():
    net = Net()
    graph = run_passes(read(quantized(net.model(case_prelu_in_parts(net)))), "quantized")
    assert [op.name for op in graph.operators].count("PRELU") == 3 and not any(
        op.name in ("TABLE", "MUL", "ADD") for op in graph.operators
    )


def test_weights_of_uint8_with_their_zero_in_the_middle():
    net = Net()
    model = quantized(net.model([net.conv("x", 3, 8)]))
    wanted = read(model)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if (
            values.ndim == 4
            or tensor.name.endswith("weight_zero_point")
            or (values.dtype == np.int8 and values.shape == (8,))
        ):
            tensor.CopyFrom(
                numpy_helper.from_array(
                    (values.astype(np.int16) + 128).astype(np.uint8), tensor.name
                )
            )
    ours = read(model)
    weights = [
        next(t.data for t in graph.tensors if t.name.endswith("/weights"))
        for graph in (wanted, ours)
    ]
    np.testing.assert_array_equal(*weights)


def refusal(net_or_model, results=None):
    model = quantized(net_or_model.model(results)) if results else net_or_model
    with pytest.raises(PoseError) as caught:
        read(model)
    return str(caught.value)


def test_a_float_network_is_told_from_a_quantized_one():
    net = Net()
    assert "net.onnx computes in floating point; an .onnx network of QuantizeLinear" in refusal(
        net.model([net.conv("x", 3, 4)])
    )


def test_all_operators_that_are_not_known_are_named_at_once():
    net = Net()
    model = net.model([net.add("Sin", net.add("Sin", image(net)))])
    model.graph.node.append(
        helper.make_node(
            "Cumulate", [model.graph.output[0].name], ["more"], name="odd", domain="odd.domain"
        )
    )
    model.opset_import.append(helper.make_opsetid("odd.domain", 1))
    said = refusal(model)
    assert "- Sin, 2 times" in said and "- odd.domain:Cumulate, 1 times, first 'odd'" in said


def test_all_that_is_not_supported_of_known_ones_is_named_at_once():
    net = Net()
    a = net.conv(image(net), 8, 8, groups=2)
    b = net.add("Slice", image(net), *(net.constant(np.array([n])) for n in (0, 16, 2, 2)))
    said = refusal(net, [a, b])
    assert (
        "2 groups of 4 channels" in said
        and "Slice of" in said
        and "steps of [2]" in said
        and said.count("\n- ") == 2
    )


def test_what_computes_in_floats_between_is_named():
    net = Net()
    result = net.conv(net.silu(image(net)), 8, 4)
    names = [node.name for node in net.nodes]
    model = quantized(net.model([result]), nodes_to_exclude=names[1:3])
    read(model)  # a chain of one tensor's values needs no scales within
    net = Net()
    result = net.conv(net.conv(image(net), 8, 8), 8, 4)
    model = quantized(net.model([result]), nodes_to_exclude=[net.nodes[1].name])
    assert "Conv of" in refusal(model)


@pytest.mark.parametrize(
    "which, value, says",
    [
        ("scale", np.float32(0), "a positive number"),
        ("scale", np.float32(np.nan), "a positive number"),
    ],
)
def test_scales_that_are_none(which, value, says):
    net = Net()
    model = quantized(net.model([net.conv("x", 3, 4)]))
    name = next(node.input[1] for node in model.graph.node if node.op_type == "QuantizeLinear")
    next(t for t in model.graph.initializer if t.name == name).CopyFrom(
        numpy_helper.from_array(np.asarray(value), name)
    )
    assert says in refusal(model)


def test_16_bits_are_refused():
    from onnxruntime.quantization import QuantType

    net = Net()
    model = quantized(net.model([net.conv("x", 3, 4)], opset=21), weight_type=QuantType.QInt16)
    assert "int16" in refusal(model)


def test_a_model_of_onnx_ir_is_not_changed_by_reading():
    net = Net()
    model = quantized(net.model([net.conv("x", 3, 4)]))
    before = model.SerializeToString()
    read(model)
    assert model.SerializeToString() == before and isinstance(model, onnx.ModelProto)


def test_damaged_networks_end_in_c_or_a_clear_error():
    """Any other exception is a rule that is missing."""
    dice, files, endings = random.Random(2), [], []
    for case in ("convolutions", "tables", "pooling", "resizing", "moves", "rows"):
        net = Net()
        files.append(quantized(net.model(CASES[case](net))).SerializeToString())
    for _ in range(400):
        try:
            compile_graph(
                read_qdq(damaged(dice.choice(files), dice), "bad.onnx", HERE),
                "bad",
                "file",
                "network",
            )
            endings.append("compiled")
        except PoseError as error:
            endings.append("damaged" if "is damaged" in str(error) else "refused")
    assert min(endings.count(ending) for ending in ("compiled", "damaged", "refused")) >= 25
