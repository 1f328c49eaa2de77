"""Networks of one operator or few, with random filters: what each kernel is tried with."""

import zlib

import numpy as np

from tests.helpers.networks.parts import (
    DICE,
    IMAGE,
    IN,
    OUT,
    PER_CHANNEL,
    bias,
    channel_pad,
    conv,
    convolution,
    deep,
    dense,
    dense_of_two,
    depthwise,
    filters,
    integers,
    one,
    pad_then,
    pool,
    resize,
    side_by_side,
    silu,
    two,
)
from tests.helpers.networks.tiny_tflite import build, tensor

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
    "transpose, dimensions from the end": lambda: one(
        "TRANSPOSE", [IMAGE, integers("order", -4, 3, -3, 2)], tensor("o", (1, 6, 9, 11), **IN)
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
