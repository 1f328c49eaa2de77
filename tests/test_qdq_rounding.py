"""The roundings of single QDQ operators as C, bit for bit those of ONNX Runtime's default session on x86-64.

The scales are such that every other result lies halfway between two steps: what decides then is the order in which floats are added.
"""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from qdq_reference import by_c, by_onnx_runtime, like_onnx_runtime, read

pytestmark = [like_onnx_runtime, pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed here")]
TYPES = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8}


class Pairs:
    """A network of one operator between DequantizeLinear and QuantizeLinear."""

    def __init__(self, kind, shape, scale, zero=0):
        self.nodes, self.constants = [], []
        self.given = helper.make_tensor_value_info("x", TYPES[kind], shape)
        self.x = self.real("x", kind, scale, zero)

    def constant(self, values):
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, operator, *inputs, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, [f"{operator}{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def real(self, name, kind, scale, zero=0):
        return self.add("DequantizeLinear", name, self.constant(np.float32(scale)), self.constant(np.array(zero, kind)))

    def quantized(self, values, scale, zero=0):
        return self.real(self.constant(values), values.dtype.name, scale, zero)

    def model(self, result, kind, scale, zero=0, readers=1):
        """With ``readers`` of the 8-bit result: of more than one, int8 stays int8 in ONNX Runtime."""
        steps = self.add("QuantizeLinear", result, self.constant(np.float32(scale)), self.constant(np.array(zero, kind)))
        real = self.real(steps, kind, scale, zero)
        results = [real, self.add("Neg", real)][:readers]
        ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results]
        graph = helper.make_graph(self.nodes, "pairs", [self.given], ends, self.constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return onnx.shape_inference.infer_shapes(made, strict_mode=True)


def results(model, x, folder):
    """Of the C code and of ONNX Runtime, the first output."""
    graph = read(model)
    made, wanted = by_c(graph, x, folder)[0], by_onnx_runtime(model, x)[0]
    return graph, made.transpose(0, 3, 1, 2) if made.shape != wanted.shape else made, wanted


# ---------------------------------------------------------------- convolutions

SIZES = {  # channels, results, groups, window, side: run of products, joined with their sum
    "27 products": ((3, 8, 1, (3, 3), 20), (128, True)),
    "216 products, in two runs": ((24, 4, 1, (3, 3), 20), (128, True)),
    "300 products at 81 places, in three runs": ((300, 4, 1, (1, 1), 9), (128, True)),
    "300 products at 36 places, in two runs": ((300, 8, 1, (1, 1), 6), (256, True)),
    "300 products at 9 places, in one run": ((300, 40, 1, (1, 1), 3), (1024, True)),
    "one result": ((24, 1, 1, (3, 3), 20), (4, False)),
    "channel by channel": ((16, 16, 16, (3, 3), 20), (4, False)),
    "channel by channel, a rest of two and one": ((16, 16, 16, (1, 7), 20), (4, False)),
    "two results a channel": ((8, 16, 8, (3, 3), 20), (128, True)),
}


def convolution(case, kind, biased=True, readers=1):
    (channels, made, groups, window, side), _ = SIZES[case]
    dice = np.random.default_rng(4)
    pairs = Pairs(kind, (1, channels, side, side), 0.1)
    weights = dice.integers(-3, 4, (made, channels // groups, *window)).astype(np.int8)
    inputs = [pairs.x, pairs.quantized(weights, 0.3)]
    if biased:
        bias = dice.integers(-9, 10, made).astype(np.int32)
        inputs.append(pairs.quantized(bias, np.float32(0.1) * np.float32(0.3)))
    pads = [n // 2 for n in window] * 2
    result = pairs.add("Conv", *inputs, kernel_shape=window, group=groups, pads=pads)
    x = dice.integers(0 if kind == "uint8" else -3, 4, (1, channels, side, side)).astype(kind)
    return pairs.model(result, kind, 2 * np.float32(0.1) * np.float32(0.3), 100 if kind == "uint8" else 0, readers), x


@pytest.mark.parametrize("case", SIZES)
def test_products_are_added_as_floats_in_the_same_order(tmp_path, case):
    model, x = convolution(case, "int8", biased="channel by" not in case)
    graph, made, wanted = results(model, x, tmp_path)
    np.testing.assert_array_equal(made, wanted)
    (conv,) = (op for op in graph.operators if op.name.endswith("CONV_2D"))
    assert (conv.options["run"], conv.options["joined"]) == SIZES[case][1] and len(np.unique(wanted)) > 8


@pytest.mark.parametrize("case, other", [("27 products", {"joined": False}), ("216 products, in two runs", {"run": 256})])
@pytest.mark.parametrize("integers", [True, False])
def test_another_order_would_be_seen(tmp_path, case, other, integers):
    model, x = convolution(case, "int8")
    graph, wanted = read(model), by_onnx_runtime(model, x)[0]
    changed = [
        replace(op, options={k: v for k, v in {**op.options, **other}.items() if not integers or k not in ("run", "joined")})
        if "run" in op.options
        else op
        for op in graph.operators
    ]
    made = by_c(replace(graph, operators=tuple(changed)), x, tmp_path)[0].transpose(0, 3, 1, 2)
    assert not np.array_equal(made, wanted)


@pytest.mark.parametrize("case", ["27 products", "one result", "channel by channel"])
def test_uint8_is_summed_as_integers(tmp_path, case):
    model, x = convolution(case, "uint8", biased=case != "one result")
    graph, made, wanted = results(model, x, tmp_path)
    np.testing.assert_array_equal(made, wanted)
    assert not any("run" in op.options for op in graph.operators) and len(np.unique(wanted)) > 8


def test_a_float_convolution_takes_an_int8_result_with_two_readers(tmp_path):
    model, x = convolution("27 products", "int8", readers=2)
    graph, made, wanted = results(model, x, tmp_path)
    np.testing.assert_array_equal(made, wanted)
    assert any("run" in op.options for op in graph.operators)


# ---------------------------------------------------------------- sums and products


@pytest.mark.parametrize("scales", [(0.1, 0.1, 0.2), (0.05, 0.013, 0.026)])
@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize("kinds", [("uint8", "uint8", 1), ("int8", "int8", 2), ("uint8", "int8", 2)])
def test_all_pairs_of_values(tmp_path, kinds, operator, scales):
    """Of three equal types ONNX Runtime computes on the integers, the zero points within what is rounded; else on real values."""
    kind, made_kind, readers = kinds
    low = -128 if kind == "int8" else 0
    x = np.repeat(np.arange(low, low + 256), 256).astype(kind).reshape(1, 1, 256, 256)
    other = np.tile(np.arange(low, low + 256), 256).astype(kind).reshape(1, 1, 256, 256)
    pairs = Pairs(kind, x.shape, scales[0], low + 131)
    result = pairs.add(operator, pairs.x, pairs.quantized(other, scales[1], low + 90))
    scale = scales[2] * (1 if operator == "Add" else scales[0] * 64)
    model = pairs.model(result, made_kind, scale, (-128 if made_kind == "int8" else 0) + 117, readers)
    graph, made, wanted = results(model, x, tmp_path)
    np.testing.assert_array_equal(made, wanted)
    (pair,) = (op for op in graph.operators if op.name in ("ADD", "MUL"))
    assert pair.options.get("integers") == (kind if kind == made_kind else None) and len(np.unique(wanted)) > 50
