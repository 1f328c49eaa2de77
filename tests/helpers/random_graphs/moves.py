"""Random operators that move values: views, slices, padding, permutations."""

from __future__ import annotations

from math import prod

import numpy as np

from .description import Constant, Illegal, Value, Written
from .pool import Family, Pool, Proposal, ints, small

# ---------------------------------------------------------------- views


def _propose_reshape(pool: Pool) -> Proposal | None:
    """Dimensions are split and merged at random; one of them is left to follow from the others."""
    dice, name = pool.dice, small(pool)
    if name is None:
        return None
    shape = list(pool.values[name].shape) or [1]
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(len(shape))
        factors = [k for k in range(1, shape[at] + 1) if shape[at] % k == 0]
        if dice.random() < 0.5 and len(shape) > 1:
            at = min(at, len(shape) - 2)
            shape[at : at + 2] = [shape[at] * shape[at + 1]]
        elif len(shape) < 4:
            factor = dice.choice(factors)
            shape[at : at + 1] = dice.choice(
                ([factor, shape[at] // factor], [1, shape[at]], [shape[at], 1])
            )
    if dice.random() < 0.3 and len(shape) == 3:
        shape = [1, *shape]
    shape[dice.randrange(len(shape))] = -1
    return (name,), {
        "shape": shape,
        "said": dice.choice(("sizes", "sizes", "one left out", "in the options")),
    }


def _build_reshape(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,) = reads
    known = prod(n for n in p["shape"] if n != -1)
    if prod(x.shape) % known:
        raise Illegal("sizes differ")
    shape = [prod(x.shape) // known if n == -1 else n for n in p["shape"]]
    if prod(shape) != prod(x.shape):
        raise Illegal("sizes differ")
    said = {"one left out": p["shape"]}.get(p.get("said"), shape)
    operands = [0] if p.get("said") == "in the options" else [0, ints(*said)]
    return Written(operands, [x.like(shape)], ("ReshapeOptions", {"newShape": shape}))


def _propose_squeeze(pool: Pool) -> Proposal | None:
    name = pool.pick(lambda value: 1 in value.shape and len(value.shape) > 1)
    if name is None:
        return None
    ones = [d for d, n in enumerate(pool.values[name].shape) if n == 1]
    most = min(len(ones), len(pool.values[name].shape) - 1)
    dims = sorted(pool.dice.sample(ones, pool.dice.randrange(1, most + 1)))
    return (name,), {"dims": [] if pool.dice.random() < 0.2 else dims}


def _build_squeeze(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,) = reads
    if any(d >= len(x.shape) or x.shape[d] != 1 for d in p["dims"]):
        raise Illegal("dimensions")
    gone = p["dims"] or [d for d, n in enumerate(x.shape) if n == 1]
    made = x.like([n for d, n in enumerate(x.shape) if d not in gone])
    return Written([0], [made], ("SqueezeOptions", {"squeezeDims": p["dims"]}))


def _propose_expand(pool: Pool) -> Proposal | None:
    name = pool.pick(lambda value: len(value.shape) <= 3)
    if name is None:
        return None
    rank = len(pool.values[name].shape)
    return (name,), {"axis": pool.dice.randrange(-rank - 1, rank + 1)}


def _build_expand(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,), rank = reads, len(reads[0].shape)
    if not -rank - 1 <= p["axis"] <= rank:
        raise Illegal("axis")
    axis = p["axis"] % (rank + 1)
    return Written(
        [0, ints(p["axis"])],
        [x.like((*x.shape[:axis], 1, *x.shape[axis:]))],
        ("ExpandDimsOptions", {}),
    )


# ---------------------------------------------------------------- parts


def _propose_slice(pool: Pool) -> Proposal | None:
    dice, name = pool.dice, small(pool)
    if name is None:
        return None
    parts = []
    for n in pool.values[name].shape:
        size = n if dice.random() < 0.5 else dice.randrange(1, n + 1)
        first = dice.randrange(n - size + 1)
        parts.append([first, -1 if first + size == n and dice.random() < 0.5 else size])
    return (name,), {"parts": parts}


def _build_slice(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,) = reads
    shape = [n - first if size == -1 else size for n, (first, size) in zip(x.shape, p["parts"])]
    if len(p["parts"]) != len(x.shape) or any(
        a + m > n or m < 1 for n, m, (a, _) in zip(x.shape, shape, p["parts"])
    ):
        raise Illegal("out of range")
    operands = [0, ints(*(a for a, _ in p["parts"])), ints(*(size for _, size in p["parts"]))]
    return Written(operands, [x.like(shape)], ("SliceOptions", {}))


def _propose_strided(pool: Pool) -> Proposal | None:
    """A Python slice along each dimension; None sets a bit of a mask. Some dimensions vanish."""
    dice, name = pool.dice, small(pool)
    if name is None:
        return None
    entries, shrink = [], []
    for n in pool.values[name].shape:
        step = dice.choice((1, 1, 1, 2, 3, -1, -2))
        first, last = sorted((dice.randrange(n), dice.randrange(1, n + 1)))
        first, last = (first, last) if step > 0 else (last, first)
        first, last = (
            None if dice.random() < 0.5 else at - n if dice.random() < 0.2 and at < n else at
            for at in (first, last)
        )
        entries.append([first, last, step])
        shrink.append(dice.random() < 0.1)
    return (name,), {"entries": entries, "shrink": shrink, "new": dice.random() < 0.1}


def _build_strided(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,), shape = reads, []
    if len(p["entries"]) != len(x.shape):
        raise Illegal("dimensions")
    new = p["new"] and len(x.shape) < 4
    begin, end, steps, masks = ([0], [1], [1], {"newAxisMask": 1}) if new else ([], [], [], {})
    shape = [1] if new else []
    for n, (first, last, step), shrink in zip(x.shape, p["entries"], p["shrink"]):
        bit = 1 << len(begin)
        if shrink:
            first, last, step = (first or 0), None, 1
            if not -n <= first < n:
                raise Illegal("out of range")
            masks["shrinkAxisMask"] = masks.get("shrinkAxisMask", 0) | bit
            last = first + 1
        else:
            shape.append(len(range(*slice(first, last, step).indices(n))))
            masks["beginMask"] = masks.get("beginMask", 0) | bit * (first is None)
            masks["endMask"] = masks.get("endMask", 0) | bit * (last is None)
        begin, end, steps = [*begin, first or 0], [*end, last or 0], [*steps, step]
    return Written(
        [0, ints(*begin), ints(*end), ints(*steps)], [x.like(shape)], ("StridedSliceOptions", masks)
    )


def _propose_gather(pool: Pool) -> Proposal | None:
    name, dice = small(pool), pool.dice
    if name is None or not pool.values[name].shape:
        return None
    axis = dice.randrange(len(pool.values[name].shape))
    return (name,), {
        "axis": axis,
        "indices": dice.choice(([1], [2], [4], [2, 2])) if axis < 3 else [3],
    }


def _build_gather(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    x, axis = reads[0], p["axis"]
    if axis >= len(x.shape):
        raise Illegal("axis")
    chosen = dice.integers(0, x.shape[axis], p.get("indices", 1)).astype(np.int32)
    shape, indices = (chosen.shape, Constant(chosen)) if len(reads) == 1 else (reads[1].shape, 1)
    made = x.like((*x.shape[:axis], *shape, *x.shape[axis + 1 :]))
    return Written([0, indices], [made], ("GatherOptions", {"axis": axis}))


def _propose_gather_nd(pool: Pool) -> Proposal | None:
    name, dice = pool.int8(lambda value: 1 <= len(value.shape) <= 4), pool.dice
    if name is None:
        return None
    return (name,), {
        "count": dice.choice((1, 3, 5)),
        "depth": dice.randrange(1, len(pool.values[name].shape) + 1),
    }


def _build_gather_nd(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,), depth = reads, p["depth"]
    if depth > len(x.shape):
        raise Illegal("depth")
    chosen = np.stack([dice.integers(0, n, p["count"]) for n in x.shape[:depth]], axis=1).astype(
        np.int32
    )
    return Written([0, Constant(chosen)], [x.like((p["count"], *x.shape[depth:]))])


# ---------------------------------------------------------------- larger, and in another order


def _propose_pad(pool: Pool) -> Proposal | None:
    dice, name = pool.dice, pool.int8(lambda value: 1 <= len(value.shape) <= 4)
    if name is None:
        return None
    rank = len(pool.values[name].shape)
    where = dice.choice(([rank - 1], [1, 2] if rank == 4 else [0], range(rank)))
    pads = [
        [dice.choice((0, 1, 2)), dice.choice((0, 1, 2))] if d in where else [0, 0]
        for d in range(rank)
    ]
    return (name,), {"pads": [[0, 0], *pads[1:]] if rank == 4 else pads}


def _build_pad(with_value: bool):
    def build(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
        (x,) = reads
        if len(p["pads"]) != len(x.shape):
            raise Illegal("dimensions")
        operands = [0, Constant(np.array(p["pads"], np.int32))]
        if with_value:
            operands.append(
                Constant(dice.integers(-128, 128, 1).astype(np.int8), x.scale, x.zero_point)
            )
        return Written(operands, [x.like([n + sum(pad) for n, pad in zip(x.shape, p["pads"])])])

    return build


def _propose_transpose(pool: Pool) -> Proposal | None:
    name = pool.pick(lambda value: len(value.shape) > 1)
    if name is None:
        return None
    order = list(range(len(pool.values[name].shape)))
    pool.dice.shuffle(order)
    return (name,), {"order": [0, *(d for d in order if d)] if pool.dice.random() < 0.5 else order}


def _build_transpose(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,) = reads
    if len(p["order"]) != len(x.shape):
        raise Illegal("dimensions")
    return Written([0, ints(*p["order"])], [x.like([x.shape[d] for d in p["order"]])])


def _propose_tile(pool: Pool) -> Proposal | None:
    name, dice = pool.int8(lambda value: 1 <= len(value.shape) <= 4), pool.dice
    if name is None:
        return None
    return ((name,), {"times": [dice.choice((1, 1, 2, 3)) for _ in pool.values[name].shape]})


def _build_tile(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,) = reads
    if len(p["times"]) != len(x.shape):
        raise Illegal("dimensions")
    return Written([0, ints(*p["times"])], [x.like([n * k for n, k in zip(x.shape, p["times"])])])


def _propose_broadcast(pool: Pool) -> Proposal | None:
    name, dice = pool.int8(lambda value: 1 <= len(value.shape) <= 4 and 1 in value.shape), pool.dice
    if name is None:
        return None
    shape = [dice.choice((1, 2, 3)) if n == 1 else n for n in pool.values[name].shape]
    return (name,), {"shape": [1, *shape] if len(shape) < 4 and dice.random() < 0.3 else shape}


def _build_broadcast(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,) = reads
    if len(p["shape"]) < len(x.shape) or any(
        n not in (1, m) for n, m in zip(x.shape[::-1], p["shape"][::-1])
    ):
        raise Illegal("shapes")
    return Written([0, ints(*p["shape"])], [x.like(p["shape"])], ("BroadcastToOptions", {}))


def _propose_blocks(to_space: bool):
    def propose(pool: Pool) -> Proposal | None:
        def fits(value: Value) -> bool:
            known = len(value.shape) == 4 and value.shape[0] == 1 and value.dtype == "INT8"
            return known and (
                value.shape[3] % 4 == 0
                if to_space
                else value.shape[1] % 2 == value.shape[2] % 2 == 0
            )

        name = pool.pick(fits)
        return None if name is None else ((name,), {"block": 2})

    return propose


def _build_blocks(to_space: bool):
    def build(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
        (x,), block = reads, p["block"]
        _, height, width, channels = x.shape
        if (channels % block**2) if to_space else (height % block or width % block):
            raise Illegal("blocks")
        shape = (1, height * block, width * block, channels // block**2)
        shape = shape if to_space else (1, height // block, width // block, channels * block**2)
        return Written(
            [0],
            [x.like(shape)],
            ("DepthToSpaceOptions" if to_space else "SpaceToDepthOptions", {"blockSize": block}),
        )

    return build


FAMILIES = {
    "RESHAPE": Family(_propose_reshape, _build_reshape, 4),
    "SQUEEZE": Family(_propose_squeeze, _build_squeeze, 0.5),
    "EXPAND_DIMS": Family(_propose_expand, _build_expand, 1),
    "SLICE": Family(_propose_slice, _build_slice, 1.5),
    "STRIDED_SLICE": Family(_propose_strided, _build_strided, 2),
    "GATHER": Family(_propose_gather, _build_gather, 0.7),
    "GATHER_ND": Family(_propose_gather_nd, _build_gather_nd, 0.4),
    "PAD": Family(_propose_pad, _build_pad(False), 2),
    "PADV2": Family(_propose_pad, _build_pad(True), 0.7),
    "TRANSPOSE": Family(_propose_transpose, _build_transpose, 2),
    "TILE": Family(_propose_tile, _build_tile, 0.5),
    "BROADCAST_TO": Family(_propose_broadcast, _build_broadcast, 0.5),
    "DEPTH_TO_SPACE": Family(_propose_blocks(True), _build_blocks(True), 1.5),
    "SPACE_TO_DEPTH": Family(_propose_blocks(False), _build_blocks(False), 1.5),
}
