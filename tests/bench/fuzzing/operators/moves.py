"""Operators that only move values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.bench.fuzzing.operators.parts import (
    Dice,
    int8,
    integers,
    network,
    quantized,
    shape_of,
)
from tests.helpers.networks.tiny_tflite import tensor


def of_type(dice: Dice, kind: str) -> dict:
    scaled = quantized(dice)
    if kind in ("FLOAT32", "INT32"):
        return {"scale": None}
    return scaled | ({"zero_point": scaled["zero_point"] + 128} if kind == "UINT8" else {})


def moved(dice: Dice) -> tuple[str, dict]:
    """A type that is moved as it is, and its scale."""
    kind = str(dice.choice(["INT8", "INT8", "UINT8", "INT32", "FLOAT32"]))
    return kind, of_type(dice, kind)


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
    axis = int(dice.integers(0, len(shape)))
    sizes = [int(n) for n in dice.integers(1, 4, dice.integers(1, 4))]
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
    shape = shape_of(dice, 2, 3, 4)
    entries = []
    out = []
    masks = {"beginMask": 0, "endMask": 0, "shrinkAxisMask": 0}
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
        deep = (1, height, width, depth * block * block)
        flat = (1, height * block, width * block, depth)
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
