"""Damages .onnx networks by their structure: attributes, connections, constants, nodes, sizes,
subgraphs, what the file says of itself, one to three things at a time."""

from __future__ import annotations

import copy
import random

import numpy as np
import onnx
from onnx import numpy_helper

NUMBERS = (-(2**31), -129, -3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 16, 17, 127, 255, 1000, 2**31 - 1)
FLOATS = (0.0, -1.0, 1e-45, 0.5, 3.0, 1e30, float("inf"), float("nan"))
WORDS = (b"", b"SAME_UPPER", b"VALID", b"linear", b"nearest", b"floor", b"align_corners")
KINDS = (
    "Conv",
    "Relu",
    "Add",
    "MaxPool",
    "Reshape",
    "DequantizeLinear",
    "QuantizeLinear",
    "Gemm",
    "Softmax",
    "Transpose",
    "Split",
    "Concat",
)
LARGE = (10_000, 1 << 20, 1 << 40, 2**63 - 1)
OUTSIDE = {
    "location": ("../outside.bin", "/dev/zero", "damaged.onnx", "", "none.bin", "/etc/passwd"),
    "offset": ("0", "-1", str(2**40), "x"),
    "length": ("4", "1000000000000", "-5", "0"),
}
METADATA = (
    *(("imgsz", "[100000, 100000]"), ("imgsz", "[0, 4]"), ("kpt_shape", "[1000, 3]")),
    *(("names", "{0: 'a'"), ("task", "segment"), ("quantization.x", "0.5"), ("names", "7")),
)
TYPES = (np.int8, np.uint8, np.int32, np.int64, np.float32, np.float64, np.int16, np.bool_)


def damaged(data: bytes, dice: random.Random) -> bytes:
    """A file's bytes with something of its graph changed."""
    model = onnx.load_model_from_string(data)
    for _ in range(dice.choice((1, 1, 2, 3))):
        dice.choice(_CHANGES)(model.graph, dice)
    if dice.random() < 0.1:
        _file(model, dice)
    return model.SerializeToString()


def _attribute(graph, dice: random.Random) -> None:
    node = dice.choice([node for node in graph.node if node.attribute] or [None])
    if node is None:
        return
    attribute = dice.choice(node.attribute)
    if dice.random() < 0.1:
        node.attribute.remove(attribute)
    elif attribute.type == onnx.AttributeProto.INT:
        attribute.i = dice.choice(NUMBERS)
    elif attribute.type == onnx.AttributeProto.FLOAT:
        attribute.f = dice.choice(FLOATS)
    elif attribute.type == onnx.AttributeProto.STRING:
        attribute.s = dice.choice(WORDS)
    elif attribute.type == onnx.AttributeProto.INTS:
        attribute.ints[:] = _other(list(attribute.ints), NUMBERS, dice)


def _other(values: list, choices, dice: random.Random) -> list:
    """The list with one value less, more, or another."""
    what = dice.choice(("other", "other", "other", "less", "more"))
    if what == "more":
        return [*values, dice.choice(choices)]
    at = dice.randrange(max(1, len(values)))
    return (
        values[:at]
        + ([dice.choice(choices)] if what == "other" and values else [])
        + values[at + 1 :]
    )


def _connection(graph, dice: random.Random) -> None:
    names = [name for node in graph.node for name in (*node.input, *node.output)] + ["", "none"]
    node = dice.choice(graph.node)
    ends = node.input if dice.random() < 0.8 else node.output
    ends[:] = _other(list(ends), names, dice)


def _constant(graph, dice: random.Random) -> None:
    if not graph.initializer:
        return
    tensor = dice.choice(graph.initializer)
    try:
        values = numpy_helper.to_array(tensor).copy()
    except Exception:  # damaged already
        return
    what = dice.choice(("value", "value", "value", "flat", "deeper", "type", "fewer", "other"))
    with np.errstate(all="ignore"):
        if what == "value" and values.size:
            one = np.array(dice.choice(FLOATS if values.dtype.kind == "f" else NUMBERS)).astype(
                values.dtype
            )
            values.reshape(-1)[dice.randrange(values.size)] = one
        elif what in ("flat", "deeper"):
            values = values.reshape(-1) if what == "flat" else values[None]
        elif what == "type":
            values = values.astype(dice.choice(TYPES))
        elif what == "fewer" and values.ndim:
            values = values[: max(0, values.shape[0] - 1)]
        else:
            values = np.zeros(dice.choice(((), (1,), (0,), (2,), (3, 3))), values.dtype)
    tensor.CopyFrom(numpy_helper.from_array(np.array(values, order="C"), tensor.name))


def _node(graph, dice: random.Random) -> None:
    node, what = dice.choice(graph.node), dice.choice(("less", "kind", "kind", "twice"))
    if what == "less":
        graph.node.remove(node)
    elif what == "kind":
        node.op_type = dice.choice(KINDS)
    else:
        graph.node.append(copy.deepcopy(node))


def _ends(graph, dice: random.Random) -> None:
    sizes = graph.input[0].type.tensor_type.shape.dim
    what = dice.choice(("size", "type", "output"))
    if what == "size" and sizes:
        dice.choice(sizes).dim_value = dice.choice((0, 1, 2, 3, 5, 16, 64))
    elif what == "type":
        graph.input[0].type.tensor_type.elem_type = dice.choice((1, 2, 3, 6, 7, 10, 11))
    else:
        graph.output[0].name = dice.choice(
            [name for node in graph.node for name in node.output] or [""]
        )


def _sizes(graph, dice: random.Random) -> None:
    """What an input, an output or a stored shape says, of any size."""
    value = dice.choice((*graph.input, *graph.output, *graph.value_info))
    dims = value.type.tensor_type.shape.dim
    if dims and dice.random() < 0.8:
        dice.choice(dims).dim_value = dice.choice(NUMBERS + LARGE)
    elif dims and dice.random() < 0.5:
        dice.choice(dims).dim_param = "open"
    else:
        dims.add().dim_value = dice.choice(NUMBERS)


def _stored(graph, dice: random.Random) -> None:
    """A constant whose sizes, type or place are not those of its bytes."""
    if not graph.initializer:
        return
    tensor, what = dice.choice(graph.initializer), dice.choice(("dims", "type", "cut", "outside"))
    if what == "dims":
        tensor.dims[:] = _other(list(tensor.dims), NUMBERS + LARGE, dice)
    elif what == "type":
        tensor.data_type = dice.choice(range(26))
    elif what == "cut":
        tensor.raw_data = tensor.raw_data[: dice.randrange(len(tensor.raw_data) + 1)]
    else:
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, values in OUTSIDE.items():
            tensor.external_data.add(key=key, value=dice.choice(values))


def _subgraph(graph, dice: random.Random) -> None:
    """A loop or a branch over what the graph itself has."""
    source, inner = dice.choice(graph.node), onnx.GraphProto(name="inner")
    inner.node.append(copy.deepcopy(source))
    inner.output.extend(onnx.ValueInfoProto(name=name) for name in source.output)
    kind, bodies = dice.choice((("Loop", ("body",)), ("If", ("then_branch", "else_branch"))))
    source.CopyFrom(onnx.helper.make_node(kind, list(source.input), list(source.output)))
    source.attribute.extend(onnx.helper.make_attribute(name, inner) for name in bodies)


def _file(model, dice: random.Random) -> None:
    """The versions of a file, or its metadata."""
    what = dice.choice(("opset", "domain", "ir", "metadata"))
    if what == "opset":
        model.opset_import[0].version = dice.choice((*NUMBERS, 6, 12, 26))
    elif what == "domain":
        model.opset_import[0].domain = dice.choice(("com.microsoft", "none"))
    elif what == "ir":
        model.ir_version = dice.choice((0, 3, 13, 2**31))
    else:
        key, value = dice.choice(METADATA)
        model.metadata_props.add(key=key, value=value)


_CHANGES = (
    *(_attribute, _attribute, _connection, _connection, _constant, _constant, _node, _ends),
    *(_sizes, _stored, _subgraph),
)
