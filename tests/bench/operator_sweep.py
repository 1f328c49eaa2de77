"""Small networks of one operator each, of every kind, type and option, with shapes and scales by
chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.helpers.networks.tiny_tflite import build, tensor

Dice = np.random.Generator
ACTIVATIONS = (0, 0, 1, 2, 3)
"""None, RELU, RELU_N1_TO_1, RELU6."""


def quantized(dice: Dice, low: float = 0.004, high: float = 0.4) -> dict:
    """A scale and a zero point."""
    scale = float(np.exp(dice.uniform(np.log(low), np.log(high))))
    zero = int(dice.choice([-128, 127, 0, *dice.integers(-128, 128, 6)]))
    return {"scale": scale, "zero_point": zero}


def int8(dice: Dice, *shape: int) -> np.ndarray:
    return dice.integers(-128, 128, shape).astype(np.int8)


def values_of(dice: Dice, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Values of a tensor's type; floats lie between steps, and beyond what 8 bits hold."""
    if dtype in ("int8", "uint8"):
        return int8(dice, *shape).view(dtype)
    return (
        dice.integers(-3000, 3000, shape).astype(np.int32)
        if dtype == "int32"
        else (dice.normal(0, 3, shape)).astype(np.float32)
    )


def integers(name: str, *values: int, scalar: bool = False) -> dict:
    data = np.array(values, np.int32)
    return tensor(name, () if scalar else (len(values),), "INT32", data, scale=None)


def shape_of(dice: Dice, *ranks: int) -> tuple[int, ...]:
    return tuple(int(n) for n in dice.integers(1, 6, dice.choice(ranks)))


def network(
    name: str, given: list[dict], made: list[dict], options=None, order: list[int] | None = None
) -> bytes:
    """An operator; its inputs are those of ``given`` that are not constant, in order."""
    inputs = [i for i, each in enumerate(given) if each["data"] is None]
    outputs = list(range(len(given), len(given) + len(made)))
    return build(
        [*given, *made],
        [(name, order or list(range(len(given))), outputs, options)],
        inputs,
        outputs,
    )


# ---------------------------------------------------------------- windows


def window_options(
    dice: Dice, kind: str, dilated: bool = True, **more
) -> tuple[tuple[str, dict], Callable]:
    """Options, and the size of an output by the size of the input and of the window."""
    padding, strides = int(dice.integers(0, 2)), [int(n) for n in dice.integers(1, 4, 2)]
    apart = [int(n) for n in dice.integers(1, 3, 2)] if dilated else [1, 1]
    fields = {
        "padding": padding,
        "strideH": strides[0],
        "strideW": strides[1],
        "fusedActivationFunction": int(dice.choice(ACTIVATIONS)),
    }
    fields |= {"dilationHFactor": apart[0], "dilationWFactor": apart[1]} if dilated else {}

    def size(d: int, n: int, taps: int) -> int:
        return (
            -(-n // strides[d])
            if padding == 0
            else (n - ((taps - 1) * apart[d] + 1)) // strides[d] + 1
        )

    return (kind, fields | more), size


def weights_of(dice: Dice, shape: tuple[int, ...], channels: int) -> dict:
    each = (
        [float(s) for s in dice.uniform(0.002, 0.05, channels)]
        if dice.random() < 0.6 and channels > 1
        else 0.02
    )
    return tensor("w", shape, data=np.maximum(int8(dice, *shape), -127), scale=each)


def bias_of(dice: Dice, channels: int) -> dict:
    return tensor(
        "b",
        (channels,),
        "INT32",
        dice.integers(-4000, 4000, channels).astype(np.int32),
        scale=0.001,
    )


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
    (height, width), depth, made, same = (
        dice.integers(2, 6, 2).tolist(),
        int(dice.integers(1, 6)),
        int(dice.integers(1, 5)),
        dice.random() < 0.5,
    )
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
        (height, width), depth, scaled = (
            dice.integers(5, 12, 2).tolist(),
            int(dice.choice([1, 3, 70])),
            quantized(dice),
        )
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
        (height, width), made, scaled = (
            dice.integers(1, 9, 2).tolist(),
            dice.integers(1, 17, 2).tolist(),
            quantized(dice),
        )
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
            tensor(n, (1, 9, 7), kind, **_of_type(dice, kind))
            for n, kind in (("x", reads), ("y", writes))
        ]
        return network(name, made[:1], made[1:])

    return make


def _of_type(dice: Dice, kind: str) -> dict:
    scaled = quantized(dice)
    return (
        {"scale": None}
        if kind in ("FLOAT32", "INT32")
        else scaled | ({"zero_point": scaled["zero_point"] + 128} if kind == "UINT8" else {})
    )


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
    first, second = (
        (depth, rows) if x else (rows, depth),
        (columns, depth) if y else (depth, columns),
    )
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


def moved(dice: Dice) -> tuple[str, dict]:
    """A type that is moved as it is, and its scale."""
    kind = str(dice.choice(["INT8", "INT8", "UINT8", "INT32", "FLOAT32"]))
    return kind, _of_type(dice, kind)


def reshape(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape, out = shape_of(dice, 2, 3, 4), None
    out = (shape[0] * shape[1], *shape[2:]) if dice.random() < 0.5 else (*shape[:-1], 1, shape[-1])
    named = [-1 if d == 0 and dice.random() < 0.5 else n for d, n in enumerate(out)]
    given = [tensor("x", shape, kind, **scaled), integers("shape", *named)]
    return network("RESHAPE", given, [tensor("y", out, kind, **scaled)], ("ReshapeOptions", {}))


def concatenation(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape = shape_of(dice, 2, 3, 4)
    axis, count = int(dice.integers(0, len(shape))), int(dice.integers(2, 4))
    parts = [
        tuple(int(dice.integers(1, 5)) if d == axis else n for d, n in enumerate(shape))
        for _ in range(count)
    ]
    out = tuple(sum(p[axis] for p in parts) if d == axis else n for d, n in enumerate(shape))
    named = axis - len(shape) if dice.random() < 0.5 else axis
    given = [tensor(f"x{i}", part, kind, **scaled) for i, part in enumerate(parts)]
    return network(
        "CONCATENATION",
        given,
        [tensor("y", out, kind, **scaled)],
        ("ConcatenationOptions", {"axis": named}),
    )


def split(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape = list(shape_of(dice, 2, 3, 4))
    axis, count = int(dice.integers(0, len(shape))), int(dice.integers(1, 4))
    part = tuple(shape)
    shape[axis] *= count
    given = [
        integers("axis", axis - len(shape) if dice.random() < 0.5 else axis, scalar=True),
        tensor("x", tuple(shape), kind, **scaled),
    ]
    made = [tensor(f"y{i}", part, kind, **scaled) for i in range(count)]
    return network("SPLIT", given, made, ("SplitOptions", {"numSplits": count}))


def split_by_sizes(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape = list(shape_of(dice, 2, 3, 4))
    axis, sizes = (
        int(dice.integers(0, len(shape))),
        [int(n) for n in dice.integers(1, 4, dice.integers(1, 4))],
    )
    shape[axis] = sum(sizes)
    named = [-1 if i == 0 and dice.random() < 0.5 else n for i, n in enumerate(sizes)]
    given = [
        tensor("x", tuple(shape), kind, **scaled),
        integers("sizes", *named),
        integers("axis", axis, scalar=True),
    ]
    made = [
        tensor(f"y{i}", tuple(n if d == axis else m for d, m in enumerate(shape)), kind, **scaled)
        for i, n in enumerate(sizes)
    ]
    return network("SPLIT_V", given, made, ("SplitVOptions", {"numSplits": len(sizes)}))


def slice_(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape = shape_of(dice, 1, 2, 3, 4)
    begin = [int(dice.integers(0, n)) for n in shape]
    size = [int(dice.integers(1, n - b + 1)) for n, b in zip(shape, begin)]
    named = [-1 if b + s == n and dice.random() < 0.5 else s for b, s, n in zip(begin, size, shape)]
    given = [tensor("x", shape, kind, **scaled), integers("b", *begin), integers("s", *named)]
    return network("SLICE", given, [tensor("y", tuple(size), kind, **scaled)], ("SliceOptions", {}))


def strided_slice(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape, entries, out, masks = (
        shape_of(dice, 2, 3, 4),
        [],
        [],
        {"beginMask": 0, "endMask": 0, "shrinkAxisMask": 0},
    )
    for d, n in enumerate(shape):
        step = int(dice.choice([1, 1, 2, 3, -1, -2]))
        first, last = int(dice.integers(-n, n)), int(dice.integers(-n, n + 1))
        for name in ("beginMask", "endMask"):
            masks[name] |= (int(dice.random() < 0.4)) << d
        chosen = slice(
            None if masks["beginMask"] >> d & 1 else first,
            None if masks["endMask"] >> d & 1 else last,
            step,
        )
        length = len(range(*chosen.indices(n)))
        if length == 0 or dice.random() < 0.15:
            masks["shrinkAxisMask"] |= 1 << d
            masks["beginMask"] &= ~(1 << d)
            step, length = 1, 0
        entries.append((first, last, step))
        out += [length] if length else []
    given = [
        tensor("x", shape, kind, **scaled),
        *(integers(n, *values) for n, values in zip("bes", zip(*entries))),
    ]
    return network(
        "STRIDED_SLICE",
        given,
        [tensor("y", tuple(out), kind, **scaled)],
        ("StridedSliceOptions", masks),
    )


def pack(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape, count = shape_of(dice, 1, 2, 3), int(dice.integers(1, 4))
    axis = int(dice.integers(0, len(shape) + 1))
    given = [tensor(f"x{i}", shape, kind, **scaled) for i in range(count)]
    named = axis - len(shape) - 1 if dice.random() < 0.5 else axis
    out = (*shape[:axis], count, *shape[axis:])
    return network(
        "PACK",
        given,
        [tensor("y", out, kind, **scaled)],
        ("PackOptions", {"axis": named, "valuesCount": count}),
    )


def unpack(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape = shape_of(dice, 2, 3, 4)
    axis = int(dice.integers(0, len(shape)))
    made = [
        tensor(f"y{i}", shape[:axis] + shape[axis + 1 :], kind, **scaled)
        for i in range(shape[axis])
    ]
    named = axis - len(shape) if dice.random() < 0.5 else axis
    return network(
        "UNPACK",
        [tensor("x", shape, kind, **scaled)],
        made,
        ("UnpackOptions", {"axis": named, "num": shape[axis]}),
    )


def transpose(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape = shape_of(dice, 2, 3, 4, 5)
    order = dice.permutation(len(shape)).tolist()
    given = [tensor("x", shape, kind, **scaled), integers("order", *order)]
    return network(
        "TRANSPOSE",
        given,
        [tensor("y", tuple(shape[d] for d in order), kind, **scaled)],
        ("TransposeOptions", {}),
    )


def pad(with_value: bool) -> Callable:
    def make(dice: Dice) -> bytes:
        shape, scaled = shape_of(dice, 2, 3, 4), quantized(dice)
        pads = dice.integers(0, 3, (len(shape), 2)).astype(np.int32)
        out = tuple(int(n + p.sum()) for n, p in zip(shape, pads))
        given = [tensor("x", shape, **scaled), tensor("p", pads.shape, "INT32", pads, scale=None)]
        given += [tensor("v", (1,), data=int8(dice, 1), **scaled)] if with_value else []
        return network("PADV2" if with_value else "PAD", given, [tensor("y", out, **scaled)])

    return make


def tile(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape = shape_of(dice, 1, 2, 3)
    times = dice.integers(1, 4, len(shape)).tolist()
    given = [tensor("x", shape, kind, **scaled), integers("times", *times)]
    return network(
        "TILE", given, [tensor("y", tuple(n * t for n, t in zip(shape, times)), kind, **scaled)]
    )


def broadcast_to(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    out = shape_of(dice, 2, 3, 4)
    shape = tuple(n if dice.random() < 0.6 else 1 for n in out)[int(dice.integers(0, len(out))) :]
    given = [tensor("x", shape, kind, **scaled), integers("shape", *out)]
    return network("BROADCAST_TO", given, [tensor("y", out, kind, **scaled)])


def blocks(name: str, kind: str) -> Callable:
    def make(dice: Dice) -> bytes:
        dtype, scaled = moved(dice)
        (height, width, depth), block = dice.integers(1, 4, 3).tolist(), int(dice.integers(1, 4))
        deep, flat = (
            (1, height, width, depth * block * block),
            (1, height * block, width * block, depth),
        )
        reads, writes = (deep, flat) if name == "DEPTH_TO_SPACE" else (flat, deep)
        given = [tensor("x", reads, dtype, **scaled)]
        return network(
            name, given, [tensor("y", writes, dtype, **scaled)], (kind, {"blockSize": block})
        )

    return make


def gather(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape, chosen = shape_of(dice, 1, 2, 3), shape_of(dice, 1, 2)
    axis = int(dice.integers(0, len(shape)))
    indices = tensor(
        "i", chosen, "INT32", dice.integers(0, shape[axis], chosen).astype(np.int32), scale=None
    )
    named = axis - len(shape) if dice.random() < 0.5 else axis
    made = tensor("y", (*shape[:axis], *chosen, *shape[axis + 1 :]), kind, **scaled)
    return network(
        "GATHER",
        [tensor("x", shape, kind, **scaled), indices],
        [made],
        ("GatherOptions", {"axis": named}),
    )


def gather_nd(dice: Dice) -> bytes:
    kind, scaled = moved(dice)
    shape = shape_of(dice, 2, 3)
    depth, count = int(dice.integers(1, len(shape) + 1)), int(dice.integers(1, 5))
    chosen = np.stack([dice.integers(0, n, count) for n in shape[:depth]], -1).astype(np.int32)
    given = [
        tensor("x", shape, kind, **scaled),
        tensor("i", chosen.shape, "INT32", chosen, scale=None),
    ]
    return network(
        "GATHER_ND",
        given,
        [tensor("y", (count, *shape[depth:]), kind, **scaled)],
        ("GatherNdOptions", {}),
    )


def shape_itself(dice: Dice) -> bytes:
    shape = shape_of(dice, 1, 2, 3, 4)
    made = [tensor("y", (len(shape),), "INT32", scale=None)]
    return network(
        "SHAPE", [tensor("x", shape, **quantized(dice))], made, ("ShapeOptions", {"outType": 2})
    )


LOGISTIC, TANH, LOG_SOFTMAX = (
    {"scale": 1 / 256, "zero_point": -128},
    {"scale": 1 / 128, "zero_point": 0},
    {"scale": 1 / 16, "zero_point": 127},
)
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
