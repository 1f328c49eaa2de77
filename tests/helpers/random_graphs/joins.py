"""Random operators that put values side by side, and take them apart."""

from __future__ import annotations

import numpy as np

from .description import Constant, Illegal, Value, Written
from .pool import Family, Pool, Proposal, ints, small


def _propose_concatenation(pool: Pool) -> Proposal | None:
    dice = pool.dice
    first = pool.pick(lambda value: value.dtype != "INT32" and len(value.shape) > 0)
    if first is None:
        return None
    x = pool.values[first]
    axis = len(x.shape) - 1 if dice.random() < 0.6 else dice.randrange(len(x.shape))

    def fits(v: Value) -> bool:
        around = [n for d, n in enumerate(v.shape) if d != axis] == [
            n for d, n in enumerate(x.shape) if d != axis
        ]
        return around and len(v.shape) == len(x.shape) and v == x.like(v.shape)

    others = [pool.pick(fits) for _ in range(dice.choice((0, 1, 1, 1, 2, 3)))]
    names = [first, *others]
    dice.shuffle(names)
    p = {"axis": axis - len(x.shape) if dice.random() < 0.3 else axis}
    if dice.random() < 0.1 and x.dtype == "INT8":
        p |= {"constant": dice.randrange(1, 4), "at": dice.randrange(len(names) + 1)}
    return tuple(names), p


def _build_concatenation(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    x, rank = reads[0], len(reads[0].shape)
    axis = p["axis"] % max(1, rank)
    around = [(*v.shape[:axis], *v.shape[axis + 1 :], v.like(())) for v in reads]
    if any(each != around[0] for each in around) or not -rank <= p["axis"] < rank:
        raise Illegal("shapes do not match")
    operands, sizes = list(range(len(reads))), [v.shape[axis] for v in reads]
    if "constant" in p:
        shape = (*x.shape[:axis], p["constant"], *x.shape[axis + 1 :])
        operands.insert(
            p["at"],
            Constant(dice.integers(-128, 128, shape).astype(np.int8), x.scale, x.zero_point),
        )
        sizes.append(p["constant"])
    made = x.like((*x.shape[:axis], sum(sizes), *x.shape[axis + 1 :]))
    return Written(operands, [made], ("ConcatenationOptions", {"axis": p["axis"]}))


def _propose_split(pool: Pool) -> Proposal | None:
    dice, name = pool.dice, small(pool)
    choices = (
        [(d, k) for d, n in enumerate(pool.values[name].shape) for k in (2, 3, 4) if n % k == 0]
        if name
        else []
    )
    if not choices:
        return None
    axis, count = dice.choice(choices)
    rank = len(pool.values[name].shape)
    return (name,), {"axis": axis - rank if dice.random() < 0.3 else axis, "count": count}


def _build_split(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,), rank = reads, len(reads[0].shape)
    if not -rank <= p["axis"] < rank or x.shape[p["axis"]] % p["count"]:
        raise Illegal("parts")
    shape = [n // p["count"] if d == p["axis"] % rank else n for d, n in enumerate(x.shape)]
    operands = [Constant(np.array(p["axis"], np.int32)), 0]
    return Written(
        operands, [x.like(shape)] * p["count"], ("SplitOptions", {"numSplits": p["count"]})
    )


def _propose_split_v(pool: Pool) -> Proposal | None:
    dice, name = pool.dice, small(pool)
    axes = [d for d, n in enumerate(pool.values[name].shape) if n > 1] if name else []
    if not axes:
        return None
    axis = dice.choice(axes)
    size = pool.values[name].shape[axis]
    cuts = sorted(dice.sample(range(1, size), min(size - 1, dice.choice((1, 1, 2)))))
    return (name,), {"axis": axis, "sizes": [b - a for a, b in zip([0, *cuts], [*cuts, size])]}


def _build_split_v(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,), axis = reads, p["axis"]
    if axis >= len(x.shape) or x.shape[axis] != sum(p["sizes"]) or min(p["sizes"]) < 1:
        raise Illegal("parts")
    made = [
        x.like([size if d == axis else n for d, n in enumerate(x.shape)]) for size in p["sizes"]
    ]
    operands = [0, ints(*p["sizes"]), Constant(np.array(axis, np.int32))]
    return Written(operands, made, ("SplitVOptions", {"numSplits": len(made)}))


def _propose_pack(pool: Pool) -> Proposal | None:
    name = pool.pick(lambda value: len(value.shape) <= 3)
    if name is None:
        return None
    return tuple(pool.alike(name, 3)), {
        "axis": pool.dice.randrange(-1, len(pool.values[name].shape) + 1)
    }


def _build_pack(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    x, rank = reads[0], len(reads[0].shape) + 1
    if any(v != x for v in reads) or not -rank <= p["axis"] < rank:
        raise Illegal("shapes do not match")
    axis = p["axis"] % rank
    made = x.like((*x.shape[:axis], len(reads), *x.shape[axis:]))
    return Written(
        list(range(len(reads))),
        [made],
        ("PackOptions", {"axis": p["axis"], "valuesCount": len(reads)}),
    )


def _propose_unpack(pool: Pool) -> Proposal | None:
    name = pool.pick(lambda value: 2 <= len(value.shape) <= 4 and min(value.shape) <= 4)
    if name is None:
        return None
    axis = pool.dice.choice([d for d, n in enumerate(pool.values[name].shape) if n <= 4])
    return (name,), {"axis": axis, "count": pool.values[name].shape[axis]}


def _build_unpack(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,), axis = reads, p["axis"]
    if axis >= len(x.shape) or x.shape[axis] != p["count"]:
        raise Illegal("parts")
    made = [x.like((*x.shape[:axis], *x.shape[axis + 1 :]))] * p["count"]
    return Written([0], made, ("UnpackOptions", {"axis": axis, "num": p["count"]}))


FAMILIES = {
    "CONCATENATION": Family(_propose_concatenation, _build_concatenation, 6),
    "SPLIT": Family(_propose_split, _build_split, 2, lambda p: p["count"]),
    "SPLIT_V": Family(_propose_split_v, _build_split_v, 1, lambda p: len(p["sizes"])),
    "PACK": Family(_propose_pack, _build_pack, 1),
    "UNPACK": Family(_propose_unpack, _build_unpack, 1, lambda p: p["count"]),
}
