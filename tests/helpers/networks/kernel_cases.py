"""Networks of one operator or few, with random filters: what each kernel is tried with."""

import zlib

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


CASES = {
    "conv 3x3 same": lambda: convolution((10, 3, 3, 6), (1, 9, 11, 10), conv(), PER_CHANNEL),
    "conv 3x3 valid, stride 2, relu": lambda: convolution(
        (10, 3, 3, 6), (1, 4, 5, 10), conv(1, (2, 2), activation=1)
    ),
    "conv 5x3 dilated": lambda: convolution((4, 5, 3, 6), (1, 9, 11, 4), conv(0, dilation=(2, 3))),
    "conv 1x1, stride 3, relu6": lambda: convolution(
        (7, 1, 1, 6), (1, 3, 4, 7), conv(0, (3, 3), activation=3)
    ),
    "depthwise 3x3 same": lambda: depthwise((1, 3, 3, 6), (1, 9, 11, 6)),
    "depthwise, stride 2, two a channel": lambda: depthwise(
        (1, 3, 3, 12), (1, 5, 6, 12), stride=(2, 2), multiplier=2
    ),
    "depthwise dilated, valid": lambda: depthwise(
        (1, 3, 3, 6), (1, 5, 7, 6), padding=1, dilation=(2, 2)
    ),
    "depthwise of 40 channels": lambda: one(
        "DEPTHWISE_CONV_2D",
        [
            tensor("i", (1, 5, 5, 40), **IN),
            filters("f", (1, 3, 3, 40), list(DICE.uniform(0.01, 0.05, 40))),
            bias(40),
        ],
        tensor("o", (1, 5, 5, 40), **OUT),
        conv(kind="DepthwiseConv2DOptions", depthMultiplier=1),
    ),
    "pad, then conv": lambda: pad_then("CONV_2D", (5, 3, 3, 6), (1, 5, 6, 5)),
    "pad, then depthwise": lambda: pad_then("DEPTHWISE_CONV_2D", (1, 3, 3, 6), (1, 5, 6, 6)),
    "max pool": lambda: one("MAX_POOL_2D", [IMAGE], tensor("o", (1, 4, 5, 6), **IN), pool(2, 2, 1)),
    "max pool same": lambda: one(
        "MAX_POOL_2D", [IMAGE], tensor("o", (1, 9, 11, 6), **IN), pool(5, 1)
    ),
    "average pool same": lambda: one(
        "AVERAGE_POOL_2D", [IMAGE], tensor("o", (1, 5, 6, 6), **IN), pool(3, 2)
    ),
    "bilinear": lambda: resize(
        "RESIZE_BILINEAR", "ResizeBilinearOptions", (18, 22), halfPixelCenters=True
    ),
    "bilinear, old": lambda: resize("RESIZE_BILINEAR", "ResizeBilinearOptions", (13, 31)),
    "bilinear, corners": lambda: resize(
        "RESIZE_BILINEAR", "ResizeBilinearOptions", (17, 8), alignCorners=True
    ),
    "nearest": lambda: resize("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions", (18, 22)),
    "nearest, centers": lambda: resize(
        "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions", (14, 5), halfPixelCenters=True
    ),
    "nearest, corners": lambda: resize(
        "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions", (14, 25), alignCorners=True
    ),
    "add": lambda: two("ADD", (1, 9, 11, 6), (1, 9, 11, 6), (1, 9, 11, 6)),
    "sub": lambda: two("SUB", (1, 9, 11, 6), (1, 9, 11, 6), (1, 9, 11, 6)),
    "mul, relu": lambda: two(
        "MUL",
        (1, 9, 11, 6),
        (1, 9, 11, 6),
        (1, 9, 11, 6),
        options=("MulOptions", {"fusedActivationFunction": 1}),
    ),
    "mul, many halves": lambda: two(
        "MUL", (1, 9, 11, 60), (1, 9, 11, 60), (1, 9, 11, 60), scale=0.02
    ),
    "add, many halves": lambda: two(
        "ADD", (1, 9, 11, 60), (1, 9, 11, 60), (1, 9, 11, 60), scale=0.1
    ),
    "sub, many halves": lambda: two(
        "SUB", (1, 9, 11, 60), (1, 9, 11, 60), (1, 9, 11, 60), scale=0.1
    ),
    "requantize, many halves": lambda: one(
        "QUANTIZE", [IMAGE], tensor("o", (1, 9, 11, 6), scale=0.1, zero_point=-30)
    ),
    "relu, many halves": lambda: one(
        "RELU", [tensor("x", (1, 600), **IN)], tensor("o", (1, 600), **OUT)
    ),
    "mean, many halves": lambda: one(
        "MEAN",
        [tensor("x", (1, 4, 5, 300), **IN), integers("axes", 1, 2)],
        tensor("o", (1, 300), **OUT),
        ("ReducerOptions", {}),
    ),
    "dense, many halves": lambda: one(
        "FULLY_CONNECTED",
        [tensor("x", (40, 30), scale=0.5, zero_point=-7), filters("w", (50, 30), 0.25), bias(50)],
        tensor("o", (40, 50), scale=8.0, zero_point=5),
        ("FullyConnectedOptions", {}),
    ),
    "conv, deep": lambda: deep(4, 70, 67),
    "conv, deep, of one place": lambda: deep(1, 301, 3),
    "conv, deep, dilated": lambda: deep(5, 65, 5, conv(0, dilation=(2, 2))),
    "conv, deep, 1x1": lambda: deep(3, 517, 2, size=1),
    "conv, many halves": lambda: one(
        "CONV_2D",
        [tensor("x", (1, 12, 12, 30), **IN), filters("w", (50, 1, 1, 30)), bias(50)],
        tensor("o", (1, 12, 12, 50), scale=1.0, zero_point=5),
        conv(),
    ),
    "add a vector": lambda: two("ADD", (1, 9, 11, 6), (6,), (1, 9, 11, 6), constant=True),
    "mul by a column": lambda: two("MUL", (1, 9, 11, 6), (9, 1, 1), (1, 9, 11, 6), constant=True),
    "sub, both repeat": lambda: two("SUB", (4, 1, 6), (5, 1), (4, 5, 6), constant=True),
    "mul by one value": lambda: two("MUL", (1, 300), (1,), (1, 300), constant=True),
    "prelu": lambda: one(
        "PRELU", [IMAGE, filters("slopes", (1, 1, 6))], tensor("o", (1, 9, 11, 6), **OUT)
    ),
    "logistic": lambda: one(
        "LOGISTIC",
        [tensor("x", (1, 300), scale=0.07, zero_point=11)],
        tensor("o", (1, 300), scale=1 / 256, zero_point=-128),
    ),
    "silu": silu,
    "relu6": lambda: one(
        "RELU6",
        [tensor("x", (1, 300), scale=0.11, zero_point=11)],
        tensor("o", (1, 300), scale=0.03, zero_point=-100),
    ),
    "requantize": lambda: one(
        "QUANTIZE", [IMAGE], tensor("o", (1, 9, 11, 6), scale=0.013, zero_point=-30)
    ),
    "dense": lambda: dense(4, 30, 20),
    "dense, odd sizes": lambda: dense(3, 37, 7, scale=list(np.linspace(0.005, 0.05, 7))),
    "dense, one output": lambda: dense(1, 64, 1),
    "dense, one output, uneven": lambda: dense(3, 39, 1),
    "dense, three outputs": lambda: dense(2, 46, 3, scale=[0.02, 0.3, 0.01]),
    "dense, two outputs": lambda: dense(1, 21, 2, scale=[0.02, 3.0]),
    "dense, many outputs": lambda: dense(2, 9, 131),
    "dense of two tensors": lambda: dense_of_two(4, 30, 20),
    "dense of two tensors, many outputs": lambda: dense_of_two(5, 33, 70),
    "mean": lambda: one(
        "MEAN",
        [IMAGE, integers("axes", 1, 2)],
        tensor("o", (1, 6), scale=0.03, zero_point=2),
        ("ReducerOptions", {}),
    ),
    "softmax": lambda: one(
        "SOFTMAX",
        [tensor("x", (7, 33), scale=0.1)],
        tensor("o", (7, 33), scale=1 / 256, zero_point=-128),
        ("SoftmaxOptions", {"beta": 1.0}),
    ),
    "softmax, steep": lambda: one(
        "SOFTMAX",
        [tensor("x", (7, 33), scale=0.9)],
        tensor("o", (7, 33), scale=1 / 256, zero_point=-128),
        ("SoftmaxOptions", {"beta": 1.5}),
    ),
    "transpose": lambda: one(
        "TRANSPOSE", [IMAGE, integers("order", 0, 3, 1, 2)], tensor("o", (1, 6, 9, 11), **IN)
    ),
    "reshape": lambda: one(
        "RESHAPE",
        [IMAGE, integers("shape", 1, 54, 11)],
        tensor("o", (1, 54, 11), **IN),
        ("ReshapeOptions", {}),
    ),
    "pad alone": lambda: one(
        "PAD",
        [
            IMAGE,
            tensor(
                "p",
                (4, 2),
                "INT32",
                np.array([[0, 0], [1, 0], [2, 3], [0, 2]], np.int32),
                scale=None,
            ),
        ],
        tensor("o", (1, 10, 16, 8), **IN),
    ),
    "pad of channels, added": channel_pad,
    "side by side, and apart": side_by_side,
    "float in, float out": lambda: build(
        [
            tensor("x", (2, 300), "FLOAT32", scale=None),
            tensor("q", (2, 300), scale=0.021, zero_point=-3),
            tensor("o", (2, 300), "FLOAT32"),
        ],
        [("QUANTIZE", [0], [1]), ("DEQUANTIZE", [1], [2])],
        [0],
        [2],
    ),
    "uint8 in": lambda: one(
        "QUANTIZE",
        [tensor("x", (1, 256), "UINT8", scale=0.02, zero_point=128)],
        tensor("o", (1, 256), scale=0.02),
    ),
    "uint8 out": lambda: one(
        "QUANTIZE", [IMAGE], tensor("o", (1, 9, 11, 6), "UINT8", scale=0.05, zero_point=121)
    ),
    "arg max": lambda: build(
        [
            IMAGE,
            tensor("axis", (1,), "INT32", np.array([2], np.int32), scale=None),
            tensor("o", (1, 9, 6), "INT32", scale=None),
        ],
        [("ARG_MAX", [0, 1], [2], ("ArgMaxOptions", {"outputType": 2}))],
        [0],
        [2],
    ),
}


def network(name, cases=None):
    """The network of a case, the same whenever it is made."""
    DICE.bit_generator.state = np.random.default_rng(zlib.crc32(name.encode())).bit_generator.state
    return (cases or CASES)[name]()
