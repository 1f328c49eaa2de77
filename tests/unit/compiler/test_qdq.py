"""QDQ networks as C, operator by operator, against ONNX Runtime."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from tests.helpers.marks import with_gcc
from tests.helpers.networks.qdq_cases import CASES
from tests.helpers.networks.tiny_qdq import Net, quantized, yolo
from tests.helpers.running.compiled import run
from tests.helpers.running.qdq_reference import read, session_of, steps_apart


@with_gcc
@pytest.mark.parametrize("activations", ["int8", "uint8"])
@pytest.mark.parametrize("case", CASES)
def test_the_c_code_gives_what_onnx_runtime_does(tmp_path, case, activations):
    net = Net()
    model = quantized(net.model(CASES[case](net)), activations, per_channel=activations == "int8")
    for apart, wanted in steps_apart(model, tmp_path):
        # That there is something to compare
        assert len(np.unique(wanted)) > min(10, wanted.size // 2)
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
    # Decoding stays in floating point
    tail = [node.name for node in model.graph.node][-16 if newest else -4 :] if excluded else []
    ((apart, wanted),) = steps_apart(quantized(model, activations, nodes_to_exclude=tail), tmp_path)
    assert wanted.shape == (1, 56, 84) and len(np.unique(wanted)) > 100
    assert apart.max() < 1.01 and (apart < 0.01).mean() > 0.98


# ---------------------------------------------------------------- what is refused
