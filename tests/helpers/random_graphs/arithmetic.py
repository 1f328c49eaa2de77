"""Random operators that compute value by value, along rows, or over dimensions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .description import Constant, Illegal, Value, Written
from .pool import Family, Pool, Proposal
from .windows import _activation, _products, weights_and_bias

# ---------------------------------------------------------------- one operand


def _propose_table(pool: Pool) -> Proposal | None:
    name = pool.int8()
    return None if name is None else ((name,), {"to": pool.quantization()})


def _build_table(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    return Written([0], [Value(reads[0].shape, *p["to"])])


def _fixed(scale: float, zero_point: int):
    def build(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
        return Written([0], [Value(reads[0].shape, scale, zero_point)])

    return build


def _propose_root(pool: Pool) -> Proposal | None:
    """Of values that are not negative: LiteRT computes no other roots."""
    name = pool.int8(lambda value: value.zero_point == -128)
    return None if name is None else ((name,), {"to": pool.quantization()})


def _build_hard_swish(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    if reads[0].scale >= 100 * p["to"][0]:
        raise Illegal("LiteRT does not compute so fine a result")
    return _build_table(p, reads, dice)


def _build_gelu(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    return Written(
        [0],
        [Value(reads[0].shape, *p["to"])],
        ("GeluOptions", {"approximate": bool(p["to"][1] % 2)}),
    )


def _propose_leaky(pool: Pool) -> Proposal | None:
    proposal = _propose_table(pool)
    return proposal and (
        proposal[0],
        {**proposal[1], "alpha": pool.dice.choice((0.1, 0.25, 0.01, 1.5, -0.3))},
    )


def _build_leaky(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    return Written(
        [0], [Value(reads[0].shape, *p["to"])], ("LeakyReluOptions", {"alpha": p["alpha"]})
    )


def _propose_quantize(pool: Pool) -> Proposal | None:
    name = pool.pick(lambda value: value.dtype in ("INT8", "UINT8", "FLOAT32"))
    if name is None:
        return None
    scale, zero_point = pool.quantization()
    unsigned = pool.dice.random() < 0.1
    return (name,), {"to": [scale, zero_point + 128 * unsigned], "unsigned": unsigned}


def _build_quantize(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    return Written([0], [Value(reads[0].shape, *p["to"], "UINT8" if p.get("unsigned") else "INT8")])


def _propose_dequantize(pool: Pool) -> Proposal | None:
    name = pool.pick(lambda value: value.dtype in ("INT8", "UINT8"))
    return None if name is None else ((name,), {})


def _build_dequantize(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    return Written([0], [Value(reads[0].shape, None, 0, "FLOAT32")])


def _propose_prelu(pool: Pool) -> Proposal | None:
    name, dice = pool.int8(lambda value: len(value.shape) in (2, 3, 4)), pool.dice
    if name is None:
        return None
    shape = pool.values[name].shape[1:]
    slopes = dice.choice(([1] * (len(shape) - 1) + [shape[-1]], [1] * len(shape), list(shape)))
    return (name,), {
        "slopes": slopes,
        "slope_zero": dice.choice((0, 0, 13)),
        "to": pool.quantization(),
    }


def _build_prelu(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    if any(n not in (1, m) for n, m in zip(p["slopes"], reads[0].shape[1:])):
        raise Illegal("slopes")
    slopes = Constant(
        dice.integers(-128, 128, p["slopes"]).astype(np.int8), 1 / 128, p["slope_zero"]
    )
    return Written([0, slopes], [Value(reads[0].shape, *p["to"])])


def _propose_softmax(pool: Pool) -> Proposal | None:
    name = pool.int8(lambda value: 1 <= len(value.shape) <= 4)
    return None if name is None else ((name,), {"beta": pool.dice.choice((1.0, 1.0, 0.5, 2.0))})


def _build_softmax(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    return Written(
        [0], [Value(reads[0].shape, 1 / 256, -128)], ("SoftmaxOptions", {"beta": p["beta"]})
    )


# ---------------------------------------------------------------- two operands


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(n == m or 1 in (n, m) for n, m in zip(a[::-1], b[::-1]))


def _propose_pair(pool: Pool) -> Proposal | None:
    dice, a = pool.dice, pool.int8()
    if a is None:
        return None
    x = pool.values[a]
    p = {"to": pool.quantization(), "activation": _activation(pool)}
    how = dice.choice(("same", "same", "same", "itself", "broadcast", "constant", "constant"))
    if how == "constant":
        shape = [n if dice.random() < 0.5 else 1 for n in x.shape]
        shape = shape[dice.choice((0, 0, len(shape) - 1, len(shape))) :]
        return (a,), {
            **p,
            "constant": shape,
            "of": pool.quantization(),
            "first": dice.random() < 0.3,
        }
    fits = {
        "same": lambda v: v.shape == x.shape,
        "itself": lambda v: v is x,
        "broadcast": lambda v: _broadcasts(x.shape, v.shape),
    }[how]
    b = pool.int8(fits)
    return ((a, b) if dice.random() < 0.5 else (b, a)), p


def _build_pair(kind: str | None):
    """``kind`` of options; without, the operands and the result have one scale."""

    def build(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
        x, operands, shapes = reads[0], [0, len(reads) - 1], [value.shape for value in reads]
        if "constant" in p:
            own = (x.scale, x.zero_point) if kind is None else p["of"]
            values = Constant(dice.integers(-128, 128, p["constant"]).astype(np.int8), *own)
            operands = [values, 0] if p["first"] else [0, values]
            shapes = [tuple(p["constant"]), x.shape]
        if not _broadcasts(shapes[0], shapes[-1]):
            raise Illegal("operands do not match")
        if kind is None and any((v.scale, v.zero_point) != (x.scale, x.zero_point) for v in reads):
            raise Illegal("scales differ")
        to = (x.scale, x.zero_point) if kind is None else p["to"]
        made = Value(np.broadcast_shapes(shapes[0], shapes[-1]), *to)
        options = (
            {}
            if kind == "SquaredDifferenceOptions"
            else {"fusedActivationFunction": p["activation"]}
        )
        return Written(operands, [made], kind and (kind, options))

    return build


def _propose_product(pool: Pool) -> Proposal | None:
    """Of a scale that suits the product of the operands' more often than not."""
    proposal = _propose_pair(pool)
    if proposal and pool.dice.random() < 0.7:
        scales = [pool.values[name].scale for name in proposal[0]]
        other = proposal[1]["of"][0] if "of" in proposal[1] else scales[-1]
        proposal[1]["to"] = [
            float(np.float32(scales[0] * other * pool.dice.uniform(20, 90))),
            proposal[1]["to"][1],
        ]
    return proposal


# ---------------------------------------------------------------- products of vectors


def _propose_dense(pool: Pool) -> Proposal | None:
    dice, name = pool.dice, pool.int8(lambda value: len(value.shape) > 0)
    if name is None:
        return None
    shape = pool.values[name].shape
    other = None
    if dice.random() < 0.3:
        other = pool.int8(lambda v: len(v.shape) == 2 and v.shape[1] == shape[-1])
    p = {"activation": _activation(pool), "keep": dice.random() < 0.3, **_products(pool)}
    p |= {"per_channel": False, "weight_zero": 9} if dice.random() < 0.15 else {}
    if other is not None:
        return (name, other), {**p, "bias": "none"}
    return (name,), {**p, "units": dice.choice((1, 2, 3, 5, 10, 17)), "whole": dice.random() < 0.3}


def _build_dense(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    x, elements = reads[0], int(np.prod(reads[0].shape))
    inputs = elements if p.get("whole") else x.shape[-1]
    if len(reads) == 2:
        if reads[1].shape[1] != inputs:
            raise Illegal("weights do not match")
        units, operands = reads[1].shape[0], [0, 1, None]
    else:
        units = p["units"]
        weights, *bias = weights_and_bias(p, x, (units, inputs), units, dice)
        operands = [0, replace(weights, zero_point=p.get("weight_zero", 0)), *bias]
        operands += [None] * (3 - len(operands))
    keep = p["keep"] and inputs == x.shape[-1]
    shape = (*x.shape[:-1], units) if keep else (elements // inputs, units)
    options = {"fusedActivationFunction": p["activation"], "keepNumDims": keep}
    return Written(operands, [Value(shape, *p["to"])], ("FullyConnectedOptions", options))


def _propose_matmul(pool: Pool) -> Proposal | None:
    dice, name = pool.dice, pool.int8(lambda value: 2 <= len(value.shape) <= 4)
    if name is None:
        return None
    p = {"turned": [dice.random() < 0.4, dice.random() < 0.4], "to": pool.quantization()}
    depth = pool.values[name].shape[-2 if p["turned"][0] else -1]
    other = pool.int8(
        lambda v: (
            2 <= len(v.shape) <= 4
            and v.shape[-1 if p["turned"][1] else -2] == depth
            and _broadcasts(v.shape[:-2], pool.values[name].shape[:-2])
        )
    )
    if other is not None and dice.random() < 0.6:
        return (name, other), p
    return (name,), {**p, "columns": dice.choice((1, 2, 5)), "of": pool.quantization()}


def _build_matmul(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (turn_a, turn_b), a = p["turned"], reads[0].shape
    rows, depth = a[-2:][::-1] if turn_a else a[-2:]
    operands = [0, 1]
    if len(reads) == 1:
        shape = (p["columns"], depth) if turn_b else (depth, p["columns"])
        operands = [0, Constant(dice.integers(-128, 128, shape).astype(np.int8), *p["of"])]
    b = reads[1].shape if len(reads) == 2 else shape
    also, columns = b[-2:][::-1] if turn_b else b[-2:]
    if depth != also or not _broadcasts(a[:-2], b[:-2]):
        raise Illegal("matrices do not match")
    made = Value((*np.broadcast_shapes(a[:-2], b[:-2]), rows, columns), *p["to"])
    return Written(operands, [made], ("BatchMatMulOptions", {"adjX": turn_a, "adjY": turn_b}))


# ---------------------------------------------------------------- over dimensions


def _propose_reduction(pool: Pool) -> Proposal | None:
    dice, name = pool.dice, pool.int8(lambda value: len(value.shape) > 0)
    if name is None:
        return None
    rank = len(pool.values[name].shape)
    axes = sorted(dice.sample(range(rank), dice.randrange(1, rank + 1)))
    axes = [1, 2] if rank == 4 and dice.random() < 0.4 else axes
    axes = [a - rank if dice.random() < 0.2 else a for a in axes]
    scalar = len(axes) == 1 and dice.random() < 0.3
    return (name,), {
        "axes": axes,
        "keep": dice.random() < 0.5,
        "scalar": scalar,
        "to": pool.quantization(),
    }


def _build_reduction(rescales: bool):
    def build(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
        (x,), rank = reads, len(reads[0].shape)
        if not all(-rank <= a < rank for a in p["axes"]):
            raise Illegal("axes")
        axes = {a % rank for a in p["axes"]}
        shape = [1 if d in axes else n for d, n in enumerate(x.shape) if p["keep"] or d not in axes]
        made = Value(tuple(shape), *p["to"]) if rescales else x.like(shape)
        axes = np.array(p["axes"][0] if p.get("scalar") else p["axes"], np.int32)
        return Written([0, Constant(axes)], [made], ("ReducerOptions", {"keepDims": p["keep"]}))

    return build


def _propose_arg_max(pool: Pool) -> Proposal | None:
    name = pool.int8(lambda value: len(value.shape) > 1)
    if name is None:
        return None
    rank = len(pool.values[name].shape)
    return (name,), {"axis": pool.dice.randrange(-rank, rank), "scalar": pool.dice.random() < 0.5}


def _build_arg_max(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,) = reads
    if not -len(x.shape) <= p["axis"] < len(x.shape):
        raise Illegal("axis")
    shape = tuple(n for d, n in enumerate(x.shape) if d != p["axis"] % len(x.shape))
    axis = Constant(np.array(p["axis"] if p["scalar"] else [p["axis"]], np.int32))
    return Written(
        [0, axis], [Value(shape, None, 0, "INT32")], ("ArgMaxOptions", {"outputType": 2})
    )


FAMILIES = {
    "LOGISTIC": Family(_propose_table, _fixed(1 / 256, -128), 1.5),
    "TANH": Family(_propose_table, _fixed(1 / 128, 0), 0.7),
    "HARD_SWISH": Family(_propose_table, _build_hard_swish, 0.7),
    "LEAKY_RELU": Family(_propose_leaky, _build_leaky, 0.7),
    **{
        name: Family(_propose_table, _build_table, 0.5)
        for name in ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "ABS")
    },
    **{name: Family(_propose_table, _build_table, 0.4) for name in ("EXP", "LOG", "NEG")},
    "GELU": Family(_propose_table, _build_gelu, 0.5),
    "SQRT": Family(_propose_root, _build_table, 0.8),
    "QUANTIZE": Family(_propose_quantize, _build_quantize, 2),
    "DEQUANTIZE": Family(_propose_dequantize, _build_dequantize, 0.3),
    "PRELU": Family(_propose_prelu, _build_prelu, 1),
    "SOFTMAX": Family(_propose_softmax, _build_softmax, 0.7),
    "LOG_SOFTMAX": Family(_propose_softmax, _fixed(1 / 16, 127), 0.6),
    "ADD": Family(_propose_pair, _build_pair("AddOptions"), 4),
    "SUB": Family(_propose_pair, _build_pair("SubOptions"), 1.5),
    "MUL": Family(_propose_product, _build_pair("MulOptions"), 3),
    "SQUARED_DIFFERENCE": Family(_propose_product, _build_pair("SquaredDifferenceOptions"), 0.7),
    "MAXIMUM": Family(_propose_pair, _build_pair(None), 1),
    "MINIMUM": Family(_propose_pair, _build_pair(None), 1),
    "FULLY_CONNECTED": Family(_propose_dense, _build_dense, 2),
    "BATCH_MATMUL": Family(_propose_matmul, _build_matmul, 1),
    "MEAN": Family(_propose_reduction, _build_reduction(True), 1.5),
    "REDUCE_MAX": Family(_propose_reduction, _build_reduction(False), 0.5),
    "REDUCE_MIN": Family(_propose_reduction, _build_reduction(False), 0.5),
    "ARG_MAX": Family(_propose_arg_max, _build_arg_max, 0.3),
}
