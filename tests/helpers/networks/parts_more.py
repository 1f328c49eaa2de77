"""Makers of networks of the operators beyond those of the published networks."""

import numpy as np

from tests.helpers.networks.parts import DICE, IMAGE, IN, OUT, conv, filters, integers
from tests.helpers.networks.tiny_tflite import build, tensor

SCALES = {
    "coarser": ({"scale": 0.05, "zero_point": -7}, {"scale": 0.21, "zero_point": 5}),
    "finer": ({"scale": 0.11, "zero_point": 3}, {"scale": 0.013, "zero_point": -90}),
    "the same": ({"scale": 0.05, "zero_point": -128}, {"scale": 0.05, "zero_point": -128}),
}


def elementwise(name, given, made, options=None):
    """Every value that int8 has."""
    tensors = [tensor("x", (2, 256), **given), tensor("o", (2, 256), **made)]
    return build(tensors, [(name, [0], [1], options)], [0], [1])


def reduce(name, shape, axes, given, made, keep):
    out = [1 if d in [a % len(shape) for a in axes] else n for d, n in enumerate(shape)]
    out = (
        out if keep else [n for d, n in enumerate(shape) if d not in [a % len(shape) for a in axes]]
    )
    tensors = [
        tensor("x", shape, **given),
        integers("axes", *axes),
        tensor("o", tuple(out), **made),
    ]
    return build(tensors, [(name, [0, 1], [2], ("ReducerOptions", {"keepDims": keep}))], [0], [2])


def transposed(
    filter_shape, out_shape, stride, padding=0, activation=0, with_bias=True, scale=0.02
):
    channels = filter_shape[0]
    tensors = [
        tensor("x", (1, 5, 7, filter_shape[3]), **IN),
        integers("shape", *out_shape),
        filters("w", filter_shape, scale),
    ]
    tensors += [
        tensor(
            "b",
            (channels,),
            "INT32",
            DICE.integers(-3000, 3000, channels).astype(np.int32),
            scale=0.001,
        )
    ]
    tensors += [tensor("o", out_shape, scale=0.3, zero_point=-9)]
    options = {
        "padding": padding,
        "strideH": stride[0],
        "strideW": stride[1],
        "fusedActivationFunction": activation,
    }
    inputs = [1, 2, 0, 3] if with_bias else [1, 2, 0]
    return build(
        tensors, [("TRANSPOSE_CONV", inputs, [4], ("TransposeConvOptions", options))], [0], [4]
    )


def grouped(channels, groups, made, size=3, **options):
    """Channels in groups; scales of each output channel."""
    tensors = [
        tensor("x", (1, 9, 11, channels), **IN),
        filters("w", (made, size, size, channels // groups), spread(made)),
    ]
    tensors += [
        tensor(
            "b", (made,), "INT32", DICE.integers(-3000, 3000, made).astype(np.int32), scale=0.001
        )
    ]
    stride = options.get("stride", (1, 1))
    out = tensor("o", (1, -(-9 // stride[0]), -(-11 // stride[1]), made), **OUT)
    return build([*tensors, out], [("CONV_2D", [0, 1, 2], [3], conv(**options))], [0], [3])


def spread(count):
    return list(DICE.uniform(0.005, 0.05, count))


def strided(shape, first, last, steps, out_shape, **masks):
    tensors = [
        tensor("x", shape, **IN),
        integers("b", *first),
        integers("e", *last),
        integers("s", *steps),
        tensor("o", out_shape, **IN),
    ]
    options = {f"{name}Mask": bits for name, bits in masks.items()}
    return build(
        tensors, [("STRIDED_SLICE", [0, 1, 2, 3], [4], ("StridedSliceOptions", options))], [0], [4]
    )


def pair(name, first, second, out_shape, options=None, constant=False, same=True):
    other = {"data": DICE.integers(-128, 128, second).astype(np.int8)} if constant else {}
    scale = IN if same else {"scale": 0.031, "zero_point": 3}
    tensors = [
        tensor("a", first, **IN),
        tensor("b", second, **scale, **other),
        tensor("o", out_shape, **(IN if same else OUT)),
    ]
    return build(tensors, [(name, [0, 1], [2], options)], [0] if constant else [0, 1], [2])


def matmul(first, second, out_shape, x=False, y=False, constant=False):
    return pair(
        "BATCH_MATMUL",
        first,
        second,
        out_shape,
        ("BatchMatMulOptions", {"adjX": x, "adjY": y}),
        constant,
        same=False,
    )


def pads(*rows):
    return tensor("p", (len(rows), 2), "INT32", np.array(rows, np.int32), scale=None)


def between(operator):
    """An operator between two convolutions, so that its tensors may share memory with theirs."""
    tensors = [
        IMAGE,
        filters("w", (8, 1, 1, 6)),
        zeros(8),
        tensor("c", (1, 9, 11, 8), **IN),
        tensor("axis", (), "INT32", np.int32(3), scale=None),
    ]
    tensors += [
        integers("parts", 3, 5),
        tensor("l", (1, 9, 11, 3), **IN),
        tensor("r", (1, 9, 11, 5), **IN),
    ]
    tensors += [integers("b", 0, 0, 0, 3), integers("n", -1, -1, -1, 5)]
    tensors += [filters("v", (4, 3, 3, 5)), zeros(4), tensor("o", (1, 9, 11, 4), **OUT)]
    take = (
        ("SPLIT_V", [3, 5, 4], [6, 7], ("SplitVOptions", {"numSplits": 2}))
        if operator == "SPLIT_V"
        else ("SLICE", [3, 8, 9], [7])
    )
    return build(
        tensors,
        [("CONV_2D", [0, 1, 2], [3], conv()), take, ("CONV_2D", [7, 10, 11], [12], conv())],
        [0],
        [12],
    )


def log_softmax(scale, channels):
    tensors = [
        tensor("x", (7, channels), scale=scale, zero_point=3),
        tensor("o", (7, channels), scale=1 / 16, zero_point=127),
    ]
    return build(tensors, [("LOG_SOFTMAX", [0], [1], ("LogSoftmaxOptions", {}))], [0], [1])


def pool_of(name, shape, window, out_shape, padding):
    fields = {
        "padding": padding,
        "strideH": 1,
        "strideW": 1,
        "filterHeight": window[0],
        "filterWidth": window[1],
    }
    tensors = [tensor("x", shape, **IN), tensor("o", out_shape, **IN)]
    return build(tensors, [(name, [0], [1], ("Pool2DOptions", fields))], [0], [1])


def sized_by_shape():
    """An image is resized to twice its size, and that made one row, all by the shape that the
    network asks for."""
    two = [
        tensor(name, (4,) if name == "s" else (2,), "INT32", scale=None)
        for name in ("s", "hw", "double")
    ]
    tensors = [
        IMAGE,
        *two,
        integers("b", 1),
        integers("e", 3),
        integers("one", 1),
        tensor("two", (), "INT32", np.int32(2), scale=None),
    ]
    tensors += [
        tensor("big", (1, 18, 22, 6), **IN),
        tensor("n", (), "INT32", np.int32(-1), scale=None),
        integers("none", -1),
    ]
    tensors += [
        tensor("all", (2,), "INT32", scale=None),
        integers("first", 1),
        tensor("row", (1, 2376), **IN),
    ]
    operators = [
        ("SHAPE", [0], [1], ("ShapeOptions", {"outType": 2})),
        ("STRIDED_SLICE", [1, 4, 5, 6], [2], ("StridedSliceOptions", {})),
        ("MUL", [2, 7], [3], ("MulOptions", {})),
        ("RESIZE_BILINEAR", [0, 3], [8], ("ResizeBilinearOptions", {})),
        ("CONCATENATION", [12, 10], [11], ("ConcatenationOptions", {"axis": 0})),
        ("RESHAPE", [8, 11], [13], ("ReshapeOptions", {})),
    ]
    return build(tensors, operators, [0], [13])


def zeros(count):
    return tensor("zeros", (count,), "INT32", np.zeros(count, np.int32), scale=0.001)


def looked_up(name, scale, zero_point, scales=(0.0002, 1 / 256, 0.031, 0.11, 0.6, 4.0, 32.0)):
    """Every value of int8 at scales where the function is nearly a line, a curve, and a step."""
    given = [tensor(f"x{i}", (2, 256), scale=s, zero_point=4) for i, s in enumerate(scales)]
    made = [
        tensor(f"o{i}", (2, 256), scale=scale, zero_point=zero_point) for i in range(len(scales))
    ]
    count = len(scales)
    operators = [(name, [i], [count + i]) for i in range(count)]
    return build([*given, *made], operators, range(count), range(count, 2 * count))
