"""Small networks of one operator each, of every kind, type and option, with shapes and scales by
chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.bench.fuzzing.operators.moves import (
    blocks,
    broadcast_to,
    concatenation,
    gather,
    gather_nd,
    of_type,
    pack,
    pad,
    reshape,
    shape_itself,
    slice_,
    split,
    split_by_sizes,
    strided_slice,
    tile,
    transpose,
    unpack,
)
from tests.bench.fuzzing.operators.parts import (
    ACTIVATIONS,
    Dice,
    bias_of,
    int8,
    integers,
    network,
    quantized,
    shape_of,
    weights_of,
    window_options,
)
from tests.helpers.networks.tiny_tflite import tensor

# ---------------------------------------------------------------- windows


def convolution(dice: Dice) -> bytes:
    groups = int(dice.choice([1, 1, 1, 2, 3]))
    depth, made = groups * int(dice.integers(1, 6)), groups * int(dice.integers(1, 7))
    options, size = window_options(dice, "Conv2DOptions")
    (height, width), taps = dice.integers(7, 12, 2).tolist(), dice.integers(1, 4, 2).tolist()
    out = (1, size(0, height, taps[0]), size(1, width, taps[1]), made)
    given = [
        tensor("x", (1, height, width, depth), **quantized(dice)),
        weights_of(dice, (made, *taps, depth // groups), made),
    ]
    given += [bias_of(dice, made)]
    return network("CONV_2D", given, [tensor("y", out, **quantized(dice, 0.05, 1.0))], options)


def depthwise(dice: Dice) -> bytes:
    depth, times = int(dice.choice([1, 3, 4, 17])), int(dice.choice([1, 1, 2]))
    options, size = window_options(dice, "DepthwiseConv2DOptions", depthMultiplier=times)
    (height, width), taps = dice.integers(7, 12, 2).tolist(), dice.integers(1, 4, 2).tolist()
    out = (1, size(0, height, taps[0]), size(1, width, taps[1]), depth * times)
    given = [
        tensor("x", (1, height, width, depth), **quantized(dice)),
        weights_of(dice, (1, *taps, depth * times), depth * times),
    ]
    given += [bias_of(dice, depth * times)]
    return network(
        "DEPTHWISE_CONV_2D", given, [tensor("y", out, **quantized(dice, 0.05, 1.0))], options
    )


def transposed(dice: Dice) -> bytes:
    strides, taps = dice.integers(1, 4, 2).tolist(), dice.integers(1, 5, 2).tolist()
    (height, width) = dice.integers(2, 6, 2).tolist()
    depth = int(dice.integers(1, 6))
    made = int(dice.integers(1, 5))
    same = dice.random() < 0.5
    sizes = [n * s if same else (n - 1) * s + t for n, s, t in zip((height, width), strides, taps)]
    fields = {
        "padding": 0 if same else 1,
        "strideH": strides[0],
        "strideW": strides[1],
        "fusedActivationFunction": int(dice.choice(ACTIVATIONS)),
    }
    given = [integers("s", 1, *sizes, made), weights_of(dice, (made, *taps, depth), made)]
    given += [tensor("x", (1, height, width, depth), **quantized(dice)), bias_of(dice, made)]
    return network(
        "TRANSPOSE_CONV",
        given,
        [tensor("y", (1, *sizes, made), **quantized(dice, 0.05, 1.0))],
        ("TransposeConvOptions", fields),
    )


def pooling(name: str) -> Callable:
    def make(dice: Dice) -> bytes:
        taps = dice.integers(1, 5, 2).tolist()
        options, size = window_options(
            dice, "Pool2DOptions", False, filterHeight=taps[0], filterWidth=taps[1]
        )
        (height, width) = dice.integers(5, 12, 2).tolist()
        depth = int(dice.choice([1, 3, 70]))
        scaled = quantized(dice)
        out = (1, size(0, height, taps[0]), size(1, width, taps[1]), depth)
        return network(
            name,
            [tensor("x", (1, height, width, depth), **scaled)],
            [tensor("y", out, **scaled)],
            options,
        )

    return make


def resizing(name: str, kind: str) -> Callable:
    def make(dice: Dice) -> bytes:
        (height, width) = dice.integers(1, 9, 2).tolist()
        made = dice.integers(1, 17, 2).tolist()
        scaled = quantized(dice)
        fields = [{}, {"halfPixelCenters": True}, {"alignCorners": True}][dice.integers(0, 3)]
        given = [tensor("x", (1, height, width, 3), **scaled), integers("size", *made)]
        return network(name, given, [tensor("y", (1, *made, 3), **scaled)], (kind, fields))

    return make


# ---------------------------------------------------------------- value by value


def unary(
    name: str, options: Callable | None = None, made: dict | None = None, from_zero: bool = False
) -> Callable:
    def make(dice: Dice) -> bytes:
        scaled = quantized(dice) | ({"zero_point": -128} if from_zero else {})
        given = [tensor("x", (1, 4, 64), **scaled)]
        return network(
            name,
            given,
            [tensor("y", (1, 4, 64), **(made or quantized(dice)))],
            options and options(dice),
        )

    return make


def shapes_together(dice: Dice) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Two shapes that repeat along some dimensions, and that of the result."""
    whole = shape_of(dice, 1, 2, 3, 4)
    first = tuple(n if dice.random() < 0.7 else 1 for n in whole)
    second = tuple(n if a == 1 or dice.random() < 0.7 else 1 for a, n in zip(first, whole))
    made = tuple(max(a, b) for a, b in zip(first, second))
    cut = int(dice.integers(0, len(whole)))
    return (
        (first, second[cut:], made) if all(n == 1 for n in second[:cut]) else (first, second, made)
    )


def binary(
    name: str, kind: str | None = None, same_scale: bool = False, dtype: str = "INT8"
) -> Callable:
    def make(dice: Dice) -> bytes:
        first, second, made = shapes_together(dice)
        scaled = (
            [{"scale": None}] * 3
            if dtype != "INT8"
            else [quantized(dice)] * 3
            if same_scale
            else [quantized(dice) for _ in range(3)]
        )
        values = (
            int8(dice, *second)
            if dtype == "INT8"
            else (np.abs(int8(dice, *second)) // 3 + 1).astype(dtype.lower())
        )
        constant = {"data": values} if dice.random() < 0.5 or name == "FLOOR_DIV" else {}
        given = [
            tensor("a", first, dtype, **scaled[0]),
            tensor("b", second, dtype, **scaled[1], **constant),
        ]
        options = kind and (
            kind,
            {"fusedActivationFunction": int(dice.choice(ACTIVATIONS)) if dtype == "INT8" else 0},
        )
        return network(name, given, [tensor("y", made, dtype, **scaled[2])], options)

    return make


def prelu(dice: Dice) -> bytes:
    shape = shape_of(dice, 4)
    slopes = tuple(n if dice.random() < 0.6 else 1 for n in shape[1:])
    given = [
        tensor("x", shape, **quantized(dice)),
        tensor("s", slopes, data=int8(dice, *slopes), **quantized(dice)),
    ]
    return network("PRELU", given, [tensor("y", shape, **quantized(dice))])


def between_types(name: str, reads: str, writes: str) -> Callable:
    def make(dice: Dice) -> bytes:
        made = [
            tensor(n, (1, 9, 7), kind, **of_type(dice, kind))
            for n, kind in (("x", reads), ("y", writes))
        ]
        return network(name, made[:1], made[1:])

    return make


# ---------------------------------------------------------------- products, reductions, rows


def dense(dice: Dice) -> bytes:
    shape, made = shape_of(dice, 2, 3), int(dice.integers(1, 9))
    keep = len(shape) == 3 and dice.random() < 0.5
    out = (*shape[:-1], made) if keep else (int(np.prod(shape[:-1])), made)
    given = [tensor("x", shape, **quantized(dice)), weights_of(dice, (made, shape[-1]), 1)]
    given += [bias_of(dice, made)] if dice.random() < 0.8 else []
    fields = {"fusedActivationFunction": int(dice.choice(ACTIVATIONS)), "keepNumDims": bool(keep)}
    return network(
        "FULLY_CONNECTED",
        given,
        [tensor("y", out, **quantized(dice, 0.05, 1.0))],
        ("FullyConnectedOptions", fields),
    )


def matrices(dice: Dice) -> bytes:
    rows, depth, columns = dice.integers(1, 7, 3).tolist()
    batch = shape_of(dice, 1, 2) if dice.random() < 0.7 else ()
    x, y = (bool(b) for b in dice.integers(0, 2, 2))
    first = (depth, rows) if x else (rows, depth)
    second = (columns, depth) if y else (depth, columns)
    other = batch if dice.random() < 0.6 else tuple(1 for _ in batch)
    given = [
        tensor("a", (*batch, *first), **quantized(dice)),
        tensor("b", (*other, *second), **quantized(dice)),
    ]
    fields = {"adjX": x, "adjY": y}
    return network(
        "BATCH_MATMUL",
        given,
        [tensor("y", (*batch, rows, columns), **quantized(dice, 0.05, 1.0))],
        ("BatchMatMulOptions", fields),
    )


def reduction(name: str, same_scale: bool) -> Callable:
    def make(dice: Dice) -> bytes:
        shape = shape_of(dice, 2, 3, 4)
        axes = sorted({int(a) for a in dice.integers(0, len(shape), dice.integers(1, 3))})
        keep, scaled = bool(dice.integers(0, 2)), quantized(dice)
        out = [1 if d in axes else n for d, n in enumerate(shape) if keep or d not in axes]
        named = [a - len(shape) if dice.random() < 0.5 else a for a in axes]
        made = tensor("y", tuple(out), **(scaled if same_scale else quantized(dice)))
        return network(
            name,
            [tensor("x", shape, **scaled), integers("axes", *named)],
            [made],
            ("ReducerOptions", {"keepDims": keep}),
        )

    return make


def along_rows(name: str, kind: str, made: dict, **fields) -> Callable:
    def make(dice: Dice) -> bytes:
        shape = (*shape_of(dice, 1, 2), int(dice.integers(1, 40)))
        more = {"beta": float(dice.choice([1.0, 0.5, 2.0]))} if name == "SOFTMAX" else {}
        return network(
            name,
            [tensor("x", shape, **quantized(dice))],
            [tensor("y", shape, **made)],
            (kind, fields | more),
        )

    return make


def arg_max(dice: Dice) -> bytes:
    shape = shape_of(dice, 2, 3, 4)
    axis = int(dice.integers(-len(shape), len(shape)))
    out = tuple(n for d, n in enumerate(shape) if d != axis % len(shape))
    given = [tensor("x", shape, **quantized(dice)), integers("axis", axis, scalar=True)]
    return network(
        "ARG_MAX",
        given,
        [tensor("y", out, "INT32", scale=None)],
        ("ArgMaxOptions", {"outputType": 2}),
    )


# ---------------------------------------------------------------- moves


LOGISTIC = {"scale": 1 / 256, "zero_point": -128}
TANH = {"scale": 1 / 128, "zero_point": 0}
LOG_SOFTMAX = {"scale": 1 / 16, "zero_point": 127}
UNARY = ("ABS", "EXP", "HARD_SWISH", "LOG", "NEG", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1")
MAKERS: dict[str, Callable[[Dice], bytes]] = {
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise,
    "TRANSPOSE_CONV": transposed,
    **{name: pooling(name) for name in ("MAX_POOL_2D", "AVERAGE_POOL_2D")},
    "RESIZE_BILINEAR": resizing("RESIZE_BILINEAR", "ResizeBilinearOptions"),
    "RESIZE_NEAREST_NEIGHBOR": resizing("RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"),
    **{name: unary(name) for name in UNARY},
    "RSQRT": unary("RSQRT", from_zero=True),
    "SQRT": unary("SQRT", from_zero=True),
    "GELU": unary("GELU", lambda dice: ("GeluOptions", {"approximate": bool(dice.integers(0, 2))})),
    "LEAKY_RELU": unary(
        "LEAKY_RELU",
        lambda dice: (
            "LeakyReluOptions",
            {"alpha": float(dice.choice([0.2, 0.01, 1.5, -0.3, 0.0]))},
        ),
    ),
    "LOGISTIC": unary("LOGISTIC", made=LOGISTIC),
    "TANH": unary("TANH", made=TANH),
    "ADD": binary("ADD", "AddOptions"),
    "SUB": binary("SUB", "SubOptions"),
    "MUL": binary("MUL", "MulOptions"),
    "SQUARED_DIFFERENCE": binary("SQUARED_DIFFERENCE"),
    "MAXIMUM": binary("MAXIMUM", same_scale=True),
    "MINIMUM": binary("MINIMUM", same_scale=True),
    **{
        f"{name} {dtype}": binary(name, f"{name.title()}Options", dtype=dtype)
        for name in ("ADD", "SUB", "MUL")
        for dtype in ("INT32", "FLOAT32")
    },
    "DIV FLOAT32": binary("DIV", "DivOptions", dtype="FLOAT32"),
    "FLOOR_DIV INT32": binary("FLOOR_DIV", dtype="INT32"),
    "PRELU": prelu,
    **{
        f"{name} {reads} to {writes}": between_types(name, reads, writes)
        for name, reads, writes in (
            *[
                ("QUANTIZE", reads, writes)
                for reads in ("INT8", "UINT8")
                for writes in ("INT8", "UINT8")
            ],
            ("QUANTIZE", "FLOAT32", "INT8"),
            ("DEQUANTIZE", "INT8", "FLOAT32"),
            ("CAST", "INT32", "FLOAT32"),
        )
    },
    "FULLY_CONNECTED": dense,
    "BATCH_MATMUL": matrices,
    "MEAN": reduction("MEAN", False),
    "REDUCE_MAX": reduction("REDUCE_MAX", True),
    "REDUCE_MIN": reduction("REDUCE_MIN", True),
    "SOFTMAX": along_rows("SOFTMAX", "SoftmaxOptions", LOGISTIC),
    "LOG_SOFTMAX": along_rows("LOG_SOFTMAX", "LogSoftmaxOptions", LOG_SOFTMAX),
    "ARG_MAX": arg_max,
    "RESHAPE": reshape,
    "CONCATENATION": concatenation,
    "SPLIT": split,
    "SPLIT_V": split_by_sizes,
    "SLICE": slice_,
    "STRIDED_SLICE": strided_slice,
    "PACK": pack,
    "UNPACK": unpack,
    "TRANSPOSE": transpose,
    "PAD": pad(False),
    "PADV2": pad(True),
    "TILE": tile,
    "BROADCAST_TO": broadcast_to,
    "DEPTH_TO_SPACE": blocks("DEPTH_TO_SPACE", "DepthToSpaceOptions"),
    "SPACE_TO_DEPTH": blocks("SPACE_TO_DEPTH", "SpaceToDepthOptions"),
    "GATHER": gather,
    "GATHER_ND": gather_nd,
    "SHAPE": shape_itself,
}
"""By name: a network of the operator, by chance."""
