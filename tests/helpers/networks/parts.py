"""Makers of networks of one operator or few, with random filters."""

import numpy as np

from tests.helpers.networks.tiny_tflite import build, tensor

DICE = np.random.default_rng(7)


def conv(padding=0, stride=(1, 1), dilation=(1, 1), activation=0, kind="Conv2DOptions", **more):
    fields = {
        "padding": padding,
        "strideH": stride[0],
        "strideW": stride[1],
        "fusedActivationFunction": activation,
    }
    return kind, fields | {"dilationHFactor": dilation[0], "dilationWFactor": dilation[1]} | more


def pool(size, stride, padding=0):
    return "Pool2DOptions", {
        "padding": padding,
        "strideH": stride,
        "strideW": stride,
        "filterHeight": size,
        "filterWidth": size,
    }


def int8(*shape):
    return DICE.integers(-128, 128, shape).astype(np.int8)


def random_values(made):
    """Values of a tensor's type; floats reach beyond what 8 bits hold, and lie between steps."""
    values = int8(*made.shape)
    return (
        values.view(np.uint8)
        if made.dtype == "uint8"
        else (values * 0.0235).astype(made.dtype)
        if made.dtype == "float32"
        else values
    )


def filters(name, shape, scale=0.02):
    return tensor(name, shape, data=DICE.integers(-127, 128, shape).astype(np.int8), scale=scale)


def bias(count):
    return tensor(
        "bias", (count,), "INT32", DICE.integers(-3000, 3000, count).astype(np.int32), scale=0.001
    )


def integers(name, *values):
    return tensor(name, (len(values),), "INT32", np.array(values, np.int32), scale=None)


IMAGE = tensor("image", (1, 9, 11, 6), scale=0.05, zero_point=-7)


PER_CHANNEL = list(DICE.uniform(0.005, 0.05, 10))


IN, OUT = {"scale": 0.05, "zero_point": -7}, {"scale": 0.2, "zero_point": 5}


def one(name, inputs, output, options=None):
    """A network of one operator; its first tensor is the input."""
    tensors = [*inputs, output]
    return build(
        tensors, [(name, list(range(len(inputs))), [len(inputs)], options)], [0], [len(inputs)]
    )


def convolution(filter_shape, out_shape, options, scale=0.02, name="CONV_2D"):
    count = out_shape[3]
    return one(
        name,
        [IMAGE, filters("filter", filter_shape, scale), bias(count)],
        tensor("out", out_shape, scale=0.3, zero_point=9),
        options,
    )


def depthwise(filter_shape, out_shape, scale=0.02, multiplier=1, **options):
    made = conv(kind="DepthwiseConv2DOptions", depthMultiplier=multiplier, **options)
    return convolution(filter_shape, out_shape, made, scale, "DEPTHWISE_CONV_2D")


def dense(rows, inputs, outputs, scale=0.02):
    tensors = [
        tensor("x", (rows, inputs), **IN),
        filters("w", (outputs, inputs), scale),
        bias(outputs),
    ]
    return one(
        "FULLY_CONNECTED",
        tensors,
        tensor("o", (rows, outputs), **OUT),
        ("FullyConnectedOptions", {}),
    )


def dense_of_two(rows, inputs, outputs):
    tensors = [
        tensor("x", (rows, inputs), **IN),
        tensor("w", (outputs, inputs), scale=0.02, zero_point=9),
        tensor("o", (rows, outputs), **OUT),
    ]
    operator = ("FULLY_CONNECTED", [0, 1, -1], [2], ("FullyConnectedOptions", {}))
    return build(tensors, [operator], [0, 1], [2])


def deep(image, channels, made, options=None, size=3):
    """A convolution that needs more scratch than such a network has room for."""
    tensors = [
        tensor("x", (1, image, image, channels), **IN),
        filters("w", (made, size, size, channels), 0.004),
        bias(made),
    ]
    return one("CONV_2D", tensors, tensor("o", (1, image, image, made), **OUT), options or conv())


def two(name, first, second, out_shape, constant=False, options=None, scale=0.031):
    """An operator of two tensors that are both inputs (or of one and a constant)."""
    other = {"data": int8(*second)} if constant else {}
    tensors = [
        tensor("image", first, **IN),
        tensor("b", second, scale=scale, zero_point=3, **other),
        tensor("out", out_shape, **OUT),
    ]
    return build(tensors, [(name, [0, 1], [2], options)], [0] if constant else [0, 1], [2])


def pad_then(operator, filter_shape, out_shape):
    pads = tensor(
        "pads", (4, 2), "INT32", np.array([[0, 0], [1, 2], [2, 1], [0, 0]], np.int32), scale=None
    )
    padded = tensor("padded", (1, 12, 14, 6), **IN)
    tensors = [
        IMAGE,
        pads,
        padded,
        filters("filter", filter_shape),
        bias(out_shape[3]),
        tensor("out", out_shape, **OUT),
    ]
    kind = "DepthwiseConv2DOptions" if operator == "DEPTHWISE_CONV_2D" else "Conv2DOptions"
    return build(
        tensors,
        [("PAD", [0, 1], [2]), (operator, [2, 3, 4], [5], conv(1, (2, 2), kind=kind))],
        [0],
        [5],
    )


def side_by_side():
    """Two convolutions side by side, split again, and one half added to a third."""
    tensors = [
        IMAGE,
        filters("f1", (4, 1, 1, 6)),
        bias(4),
        tensor("a", (1, 9, 11, 4), **OUT),
        filters("f2", (6, 3, 3, 6)),
        bias(6),
    ]
    tensors += [
        tensor("b", (1, 9, 11, 6), **OUT),
        tensor("ab", (1, 9, 11, 10), **OUT),
        tensor("axis", (), "INT32", np.int32(3), scale=None),
    ]
    tensors += [
        tensor("left", (1, 9, 11, 5), **OUT),
        tensor("right", (1, 9, 11, 5), **OUT),
        tensor("sum", (1, 9, 11, 5), **IN),
    ]
    operators = [
        ("CONV_2D", [0, 1, 2], [3], conv()),
        ("CONV_2D", [0, 4, 5], [6], conv()),
        ("CONCATENATION", [3, 6], [7], ("ConcatenationOptions", {"axis": 3})),
        ("SPLIT", [8, 7], [9, 10], ("SplitOptions", {"numSplits": 2})),
        ("ADD", [9, 10], [11]),
    ]
    return build(tensors, operators, [0], [11, 7])


def silu():
    """x · sigmoid(x), which becomes one table."""
    tensors = [
        tensor("x", (1, 16, 16), scale=0.06, zero_point=4),
        tensor("s", (1, 16, 16), scale=1 / 256, zero_point=-128),
    ]
    return build(
        [*tensors, tensor("y", (1, 16, 16), scale=0.03, zero_point=-110)],
        [("LOGISTIC", [0], [1]), ("MUL", [0, 1], [2])],
        [0],
        [2],
    )


def channel_pad():
    """A residual whose shortcut has fewer channels."""
    pads = tensor(
        "pads", (4, 2), "INT32", np.array([[0, 0], [0, 0], [0, 0], [1, 3]], np.int32), scale=None
    )
    tensors = [
        IMAGE,
        pads,
        tensor("wide", (1, 9, 11, 10), **IN),
        filters("f", (10, 1, 1, 6)),
        bias(10),
    ]
    tensors += [
        tensor("c", (1, 9, 11, 10), **OUT),
        tensor("sum", (1, 9, 11, 10), scale=0.25, zero_point=1),
    ]
    return build(
        tensors,
        [("PAD", [0, 1], [2]), ("CONV_2D", [0, 3, 4], [5], conv()), ("ADD", [5, 2], [6])],
        [0],
        [6],
    )


def resize(name, kind, out, **options):
    size = integers("size", *out)
    return one(name, [IMAGE, size], tensor("out", (1, *out, 6), **IN), (kind, options))
