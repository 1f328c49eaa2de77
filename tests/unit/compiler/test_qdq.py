"""QDQ networks as C, operator by operator, against ONNX Runtime."""

import random
import shutil

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from poseutils import PoseError
from poseutils.compiler.compile import compile_graph
from poseutils.compiler.frontends.qdq import read_qdq
from poseutils.compiler.passes import run_passes
from tests.helpers.damage.onnx_files import damaged
from tests.helpers.networks.tiny_qdq import Net, quantized, yolo
from tests.helpers.running.compiled import run
from tests.helpers.running.qdq_reference import HERE, read, session_of, steps_apart

with_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed here")


def image(net, channels=8):
    return net.conv("x", 3, channels)


def case_convolutions(net):
    x = net.add("Relu", net.conv("x", 3, 8, strides=[2, 2], pads=[0, 0, 1, 1]))
    x = net.add(
        "Clip",
        net.conv(x, 8, 8, groups=8),
        net.constant(np.float32(0)),
        net.constant(np.float32(6)),
    )
    x = net.add(
        "Clip",
        net.conv(x, 8, 12, taps=1),
        net.constant(np.float32(-0.3)),
        net.constant(np.float32(0.4)),
    )
    return [net.conv(x, 12, 5, pads=[2] * 4, dilations=[2, 2])]


def case_depthwise_with_a_multiplier(net):
    return [net.conv(image(net, 4), 4, 12, groups=4)]


def case_automatic_padding(net):
    weights = net.weights(6, 3, 3, 3), net.weights(4, 6, 3, 3)
    x = net.add("Conv", "x", weights[0], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    return [
        net.add("Conv", x, weights[1], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER")
    ]


def case_tables(net):
    x = image(net)
    results = [
        net.add(name, x) for name in ("Sigmoid", "Tanh", "HardSwish", "LeakyRelu", "Abs", "Exp")
    ]
    return [net.conv(result, 8, 4, taps=1) for result in [net.silu(x), *results]]


def case_prelu(net):
    x = net.add("PRelu", image(net), net.weights(8, 1, 1))
    return [net.conv(x, 8, 4, taps=1), net.add("Mul", image(net), net.weights(1, 8, 1, 1))]


def case_prelu_in_parts(net):
    """Relu(x) + slope · -Relu(-x) in other orders, with and without 8-bit values between."""
    x = image(net)
    below = net.add("Relu", net.add("Neg", x))
    slopes = net.weights(8, 1, 1)
    one = net.add("Add", net.add("Relu", x), net.add("Mul", below, slopes))
    other = net.add("Sub", net.add("Relu", x), net.add("Mul", net.weights(1, 8, 1, 1), below))
    halves = net.add("Mul", net.add("Sub", x, net.add("Abs", x)), slopes)
    third = net.add("Add", halves, net.add("Relu", x))
    return [
        net.conv(one, 8, 4, taps=1),
        net.conv(other, 8, 4, taps=1),
        net.conv(third, 8, 4, taps=1),
    ]


def case_numbers_that_stay_floats(net):
    """What a quantizer leaves alone: operators of one float constant, one number or many, on either
    side."""
    x, two, many = image(net), net.constant(np.float32(0.7)), net.weights(1, 8, 16, 16)
    results = [
        net.add("Sub", two, x),
        net.add("Sub", x, two),
        net.add("Div", x, two),
        net.add("Sub", many, x),
        net.add("Div", x, many),
    ]
    results += [
        net.add("Max", x, many),
        net.add("Min", image(net), x),
        net.add("Sub", net.weights(8, 1, 1), x),
    ]
    return [
        *(net.conv(result, 8, 2, taps=1) for result in results),
        net.add("Div", x, net.constant(np.float32(3))),
        results[-1],
    ]


def case_sums_and_products(net):
    x, y = image(net), image(net)
    column = net.add("GlobalAveragePool", y)
    return [
        net.add("Relu", net.add("Add", x, y)),
        net.add("Mul", net.add("Sub", x, y), column),
        net.add("Add", x, x),
    ]


def case_constants_of_another_shape(net):
    return [
        net.add(
            "Add", net.add("Mul", image(net), net.weights(1, 1, 16, 16)), net.weights(8, 16, 16)
        )
    ]


def case_pooling(net):
    x = image(net)
    most = net.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    mean = net.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    over = net.add("ReduceMean", x, axes=[2, 3], keepdims=0)
    return [most, mean, net.add("Gemm", over, net.weights(5, 8), net.weights(5), transB=1)]


def case_resizing(net):
    x, twice = image(net), net.constant(np.array([1, 1, 2, 2], np.float32))
    near = net.add(
        "Resize",
        x,
        "",
        twice,
        mode="nearest",
        coordinate_transformation_mode="half_pixel",
        nearest_mode="round_prefer_floor",
    )
    sizes = net.constant(np.array([1, 8, 24, 20]))
    odd = net.add(
        "Resize", x, "", "", sizes, mode="linear", coordinate_transformation_mode="align_corners"
    )
    return [near, net.add("Resize", x, "", twice, mode="linear"), odd]


def case_moves(net):
    x = image(net)
    a, b = net.add("Split", x, net.constant(np.array([3, 5])), outputs=2, axis=1)
    padded = net.add("Pad", a, net.constant(np.array([0, 0, 1, 2, 0, 2, 1, 0])))
    flat = net.add("Reshape", b, net.constant(np.array([1, 5, 256])))
    turned = net.add("Transpose", flat, perm=[0, 2, 1])
    rows = net.add("Gather", turned, net.constant(np.array([3, 4, 5])), axis=1)
    last = net.add("Gather", x, net.constant(np.array(-1)), axis=1)
    odd = net.add("Reshape", x, net.constant(np.array([1, 4, 32, 16])))
    return [
        padded,
        rows,
        net.add("Unsqueeze", last, net.constant(np.array([1]))),
        net.conv(odd, 4, 2),
        net.add("Concat", b, b, a, axis=1),
    ]


def case_moves_between_an_operator_and_its_scale(net):
    return [
        net.add(
            "Transpose",
            net.add("Reshape", image(net), net.constant(np.array([1, 8, 256]))),
            perm=[0, 2, 1],
        )
    ]


def case_rows(net):
    """Convolutions and pooling of one dimension."""
    x = net.add("Reshape", "x", net.constant(np.array([1, 6, 128])))
    x = net.add(
        "Relu",
        net.add(
            "Conv",
            x,
            net.weights(8, 6, 5),
            net.weights(8),
            kernel_shape=[5],
            strides=[2],
            pads=[2, 1],
        ),
    )
    deep = net.add(
        "Conv", x, net.weights(8, 1, 3), kernel_shape=[3], group=8, dilations=[2], pads=[2, 2]
    )
    most = net.add("MaxPool", deep, kernel_shape=[3], strides=[2], pads=[1, 1])
    wide = net.add("Conv", most, net.weights(12, 8, 1), net.weights(12))
    return [
        deep,
        wide,
        net.add("Gemm", net.add("Flatten", wide), net.weights(5, 12 * 32), transB=1),
    ]


def case_products_of_results(net):
    x = net.add("Reshape", image(net), net.constant(np.array([1, 4, 16, 32])))
    square = net.add("MatMul", x, net.add("Transpose", x, perm=[0, 1, 3, 2]))
    return [
        net.add("Softmax", square, axis=-1),
        net.add("MatMul", square, net.weights(16, 6)),
        net.add("Softmax", square, axis=2),
    ]


CASES = {
    name.removeprefix("case_"): make
    for name, make in list(globals().items())
    if name.startswith("case_")
}


@with_gcc
@pytest.mark.parametrize("activations", ["int8", "uint8"])
@pytest.mark.parametrize("case", CASES)
def test_the_c_code_gives_what_onnx_runtime_does(tmp_path, case, activations):
    net = Net()
    model = quantized(net.model(CASES[case](net)), activations, per_channel=activations == "int8")
    for apart, wanted in steps_apart(model, tmp_path):
        assert len(np.unique(wanted)) > min(
            10, wanted.size // 2
        )  # that there is something to compare
        # Of a half, the 32-bit floats of ONNX Runtime fall to either side: means of four, and what
        # is a quarter of the way.
        least = {"pooling": 0.9, "resizing": 0.97}.get(case, 0.999)
        assert apart.max() < 1.01 and (apart < 0.01).mean() >= least, (case, (apart < 0.01).mean())


# ---------------------------------------------------------------- halves


def with_scales(operator, operands, step, out_step, attributes):
    """One operator of 8-bit values, all zero points 0; an array among the operands is a constant of
    8 bits."""
    nodes, constants, given = [], [], []

    def constant(values):
        constants.append(numpy_helper.from_array(np.asarray(values), f"c{len(constants)}"))
        return constants[-1].name

    def real(source):
        nodes.append(
            helper.make_node(
                "DequantizeLinear",
                [source, constant(np.float32(step)), constant(np.int8(0))],
                [f"{source}_real"],
            )
        )
        return f"{source}_real"

    for number, operand in enumerate(operands):
        if isinstance(operand, tuple):
            given.append(
                helper.make_tensor_value_info(f"x{number}", onnx.TensorProto.INT8, operand)
            )
            operands[number] = real(f"x{number}")
        elif isinstance(operand, np.ndarray):
            operands[number] = (
                real(constant(operand)) if operand.dtype == np.int8 else constant(operand)
            )
    nodes.append(helper.make_node(operator, operands, ["y"], **attributes))
    nodes.append(
        helper.make_node(
            "QuantizeLinear", ["y", constant(np.float32(out_step)), constant(np.int8(0))], ["out"]
        )
    )
    result = helper.make_tensor_value_info("out", onnx.TensorProto.INT8, None)
    graph = helper.make_graph(nodes, "net", given, [result], constants)
    return onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    )


DICE = np.random.default_rng(4)
IMAGE, ROW = (1, 4, 16, 16), (32, 24)
TWICE, ODD = np.array([1, 1, 2, 2], np.float32), np.array([1, 4, 31, 31])


def eight(*shape, most=127):
    return DICE.integers(-most, most + 1, shape).astype(np.int8)


# Operator, operands, attributes, and how much larger the scale of the output is.
HALVES = {
    "mean of 4": ("AveragePool", [IMAGE], {"kernel_shape": [2, 2], "strides": [2, 2]}, 1),
    "mean of 16": ("AveragePool", [IMAGE], {"kernel_shape": [4, 4]}, 1),
    "mean of 6": ("AveragePool", [IMAGE], {"kernel_shape": [3, 2]}, 1),
    "mean of all": ("GlobalAveragePool", [(1, 512, 4, 2)], {}, 0.125),
    "reduced": ("ReduceMean", [(1, 512, 2, 4)], {"axes": [2, 3], "keepdims": 0}, 0.25),
    "half_pixel": (
        "Resize",
        [IMAGE, "", TWICE],
        {"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
        1,
    ),
    "asymmetric": (
        "Resize",
        [IMAGE, "", TWICE],
        {"mode": "linear", "coordinate_transformation_mode": "asymmetric"},
        1,
    ),
    "align_corners": (
        "Resize",
        [IMAGE, "", "", ODD],
        {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        2,
    ),
    "sum": ("Add", [IMAGE, IMAGE], {}, 4),
    "sum with a constant": ("Add", [IMAGE, eight(*IMAGE)], {}, 2),
    "difference": ("Sub", [IMAGE, IMAGE], {}, 2),
    "difference with a constant": ("Sub", [IMAGE, eight(*IMAGE)], {}, 4),
    "product": ("Mul", [IMAGE, IMAGE], {}, 2),
    "product with a constant": ("Mul", [IMAGE, eight(*IMAGE)], {}, 4),
    "convolution": ("Conv", [IMAGE, eight(8, 4, 3, 3, most=9)], {}, 0.5),
    "depthwise": ("Conv", [IMAGE, eight(4, 1, 3, 3, most=9)], {"group": 4}, 0.25),
    "dense": ("Gemm", [ROW, eight(24, 40, most=9)], {}, 0.5),
    "products": ("MatMul", [ROW, (24, 32)], {}, 8),
    "joined": ("Concat", [IMAGE, IMAGE], {"axis": 1}, 2),
}


@with_gcc
@pytest.mark.parametrize("case", HALVES)
def test_halves_go_to_even(tmp_path, case):
    """With scales that are powers of two every half is exact in the floats of ONNX Runtime too, and
    all results are equal."""
    operator, operands, attributes, coarser = HALVES[case]
    model = with_scales(operator, list(operands), 2.0**-5, coarser * 2.0**-5, attributes)
    given = [eight(*operand) for operand in operands if isinstance(operand, tuple)]
    wanted = session_of(model).run(
        None,
        {
            f"x{n}": x
            for n, x in zip((n for n, o in enumerate(operands) if isinstance(o, tuple)), given)
        },
    )[0]
    graph = read(model)
    turned = [
        x if x.shape == graph.tensors[t].shape else x.transpose(0, 2, 3, 1)
        for x, t in zip(given, graph.inputs)
    ]
    made = np.frombuffer(run(graph, [np.ascontiguousarray(x) for x in turned], tmp_path), np.int8)
    shape = graph.tensors[graph.outputs[0]].shape
    made = (
        made.reshape(shape) if shape == wanted.shape else made.reshape(shape).transpose(0, 3, 1, 2)
    )
    assert (
        len(np.unique(wanted)) > 30
        and np.abs(made.astype(int) - wanted).max() <= 1
        and (made == wanted).mean() >= 0.999
    )


def test_the_multiplier_rounds_halves_to_even():
    """Against fractions: of ratios that have halves, and of one whose multiplier is too short to
    tell."""
    from fractions import Fraction

    from poseutils.compiler.reference.fixed_point import (
        has_halves,
        multiply_even,
        quantize_multiplier,
    )

    x = np.arange(-3000, 3001)
    for ratio in (
        Fraction(1, 2),
        Fraction(1, 64),
        Fraction(3, 8),
        Fraction(5),
        Fraction(1, 6),
        Fraction(7, 36),
        Fraction(1, 4096),
    ):
        wanted = [round(int(each) * ratio) for each in x]
        assert (
            has_halves(float(ratio))
            and list(multiply_even(x, *quantize_multiplier(float(ratio)))) == wanted
        ), ratio
    assert not has_halves(0.0312345 / 0.0078431)


@with_gcc
def test_a_network_of_rows(tmp_path):
    """As of sound or of a sensor: N×C×L in, and so is all else."""
    net = Net((1, 6, 64))
    x = net.add(
        "Relu", net.add("Conv", "x", net.weights(16, 6, 40), net.weights(16), pads=[20, 19])
    )
    x = net.add(
        "AveragePool", net.add("Conv", x, net.weights(8, 16, 3), strides=[2]), kernel_shape=[3]
    )
    for apart, wanted in steps_apart(
        quantized(net.model([x, net.add("GlobalAveragePool", x)])), tmp_path
    ):
        assert (
            wanted.shape in ((1, 8, 29), (1, 8, 1))
            and apart.max() < 1.01
            and (apart < 0.01).mean() >= 0.8
        )


@with_gcc
@pytest.mark.parametrize("newest", [False, True], ids=["yolo8", "yolo26"])
@pytest.mark.parametrize(
    "activations, excluded", [("int8", False), ("uint8", False), ("uint8", True)]
)
def test_a_yolo_network(tmp_path, activations, excluded, newest):
    model = yolo(newest=newest)
    tail = (
        [node.name for node in model.graph.node][-16 if newest else -4 :] if excluded else []
    )  # decoding stays in floating point
    ((apart, wanted),) = steps_apart(quantized(model, activations, nodes_to_exclude=tail), tmp_path)
    assert wanted.shape == (1, 56, 84) and len(np.unique(wanted)) > 100
    assert apart.max() < 1.01 and (apart < 0.01).mean() > 0.98


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


# ---------------------------------------------------------------- what is refused


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
    a, b = (
        net.conv(image(net), 8, 8, groups=2),
        net.add("Slice", image(net), *(net.constant(np.array([n])) for n in (0, 16, 2, 2))),
    )
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
    for _ in range(600):
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
    assert min(endings.count(ending) for ending in ("compiled", "damaged", "refused")) >= 40
