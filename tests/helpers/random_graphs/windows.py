"""Random operators with a window: convolutions, pooling, resizing."""

from __future__ import annotations

from math import sqrt

import numpy as np

from .description import Constant, Illegal, Value, Written
from .pool import Family, Pool, Proposal

SAME, VALID = 0, 1


def _window(pool: Pool, most: int = 4) -> dict:
    dice = pool.dice
    stride = dice.choice(([1, 1], [1, 1], [2, 2], [dice.randrange(1, 4), dice.randrange(1, 4)]))
    size = dice.choice(([1, 1], [3, 3], [dice.randrange(1, most + 1), dice.randrange(1, most + 1)]))
    return {
        "size": size,
        "stride": stride,
        "padding": dice.choice((SAME, SAME, VALID)),
        "activation": _activation(pool),
    }


def _activation(pool: Pool) -> int:
    """None, RELU, RELU_N1_TO_1 or RELU6."""
    return pool.dice.choice((0, 0, 0, 1, 2, 3))


def _products(pool: Pool) -> dict:
    """What all operators with weights have."""
    dice = pool.dice
    chosen = {
        "to": pool.quantization(),
        "per_channel": dice.random() < 0.5,
        "bias": dice.choice(("none", "some", "some", "large")),
    }
    return {
        **chosen,
        "ratio": round(dice.uniform(-1.5, 1.5), 2),
        "power_of_two": dice.random() < 0.3,
    }


def weights_and_bias(
    p: dict, x: Value, shape: tuple, channels: int, dice, may_lack: bool = True
) -> list[Constant]:
    """Weights such that most results are in range, and a bias of their scale."""
    taps = max(1, int(np.prod(shape)) // channels)
    scale = p["to"][0] * 40 / (x.scale * 74 * 74 * sqrt(taps)) * 2 ** p["ratio"]
    scale = 2.0 ** round(np.log2(scale)) if p["power_of_two"] else scale
    scales = scale * 2.0 ** dice.uniform(-2, 1, channels) if p["per_channel"] else np.array([scale])
    weights = Constant(dice.integers(-128, 128, shape).astype(np.int8), scales.tolist())
    if p["bias"] == "none" and may_lack:
        return [weights]
    most = 74 * 74 * sqrt(taps) * (1000 if p["bias"] == "large" else 1)
    most = 0 if p["bias"] == "none" else most
    bias = dice.integers(-int(most), int(most) + 1, channels).astype(np.int32)
    return [weights, Constant(bias, (scales * np.float32(x.scale)).tolist())]


def _made(p: dict, sizes: tuple[int, int], dilation: list[int]) -> list[int]:
    """Rows and columns of the result."""
    made = []
    for size, taps, step, apart in zip(sizes, p["size"], p["stride"], dilation):
        reach = (taps - 1) * apart + 1
        made.append(-(-size // step) if p["padding"] == SAME else (size - reach) // step + 1)
    return made


def _options(p: dict, **more) -> dict:
    (height, width), activation = p["stride"], p["activation"]
    return {
        "padding": p["padding"],
        "strideH": height,
        "strideW": width,
        "fusedActivationFunction": activation,
        **more,
    }


def _dilation(p: dict) -> dict:
    return {"dilationHFactor": p["dilation"][0], "dilationWFactor": p["dilation"][1]}


# ---------------------------------------------------------------- convolutions


def _propose_conv(pool: Pool) -> Proposal | None:
    name, dice = pool.image(), pool.dice
    if name is None:
        return None
    channels = pool.values[name].shape[3]
    groups = dice.choice([1, 1, 1, 1, *(n for n in range(2, channels + 1) if channels % n == 0)])
    each = (
        dice.choice((1, 1, 2, 3, 4, 5, 8, 13, 16, 21)) if groups == 1 else dice.choice((1, 1, 2, 3))
    )
    dilation = dice.choice(([1, 1], [1, 1], [1, 1], [2, 2], [1, 3]))
    return (name,), {
        **_window(pool),
        "dilation": dilation,
        "groups": groups,
        "channels": groups * each,
        **_products(pool),
    }


def _build_conv(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,), groups = reads, p["groups"]
    if x.shape[3] % groups or p["channels"] % groups:
        raise Illegal("groups")
    shape = (p["channels"], *p["size"], x.shape[3] // groups)
    made = Value((1, *_made(p, x.shape[1:3], p["dilation"]), p["channels"]), *p["to"])
    operands = [0, *weights_and_bias(p, x, shape, p["channels"], dice, False)]
    return Written(operands, [made], ("Conv2DOptions", _options(p, **_dilation(p))))


def _propose_depthwise(pool: Pool) -> Proposal | None:
    name, dice = pool.image(), pool.dice
    dilation = dice.choice(([1, 1], [1, 1], [1, 1], [2, 2], [3, 1]))
    more = {"dilation": dilation, "multiplier": dice.choice((1, 1, 1, 2, 3))}
    return None if name is None else ((name,), {**_window(pool), **more, **_products(pool)})


def _build_depthwise(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,) = reads
    channels = x.shape[3] * p["multiplier"]
    made = Value((1, *_made(p, x.shape[1:3], p["dilation"]), channels), *p["to"])
    operands = [0, *weights_and_bias(p, x, (1, *p["size"], channels), channels, dice)]
    return Written(
        operands,
        [made],
        ("DepthwiseConv2DOptions", _options(p, depthMultiplier=p["multiplier"], **_dilation(p))),
    )


def _propose_transposed(pool: Pool) -> Proposal | None:
    name, dice = pool.image(), pool.dice
    more = {"channels": dice.choice((1, 2, 3, 5)), "odd": [dice.randrange(3), dice.randrange(3)]}
    return None if name is None else ((name,), {**_window(pool), **more, **_products(pool)})


def _build_transposed(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    """Of the sizes from which a convolution would make the input, any."""
    (x,), made = reads, []
    for size, taps, step, odd in zip(x.shape[1:3], p["size"], p["stride"], p["odd"]):
        same = size * step - odd % step
        made.append(same if p["padding"] == SAME else (size - 1) * step + taps + odd % step)
    shape = (1, *made, p["channels"])
    weights = weights_and_bias(p, x, (p["channels"], *p["size"], x.shape[3]), p["channels"], dice)
    operands = [Constant(np.array(shape, np.int32)), weights[0], 0, *weights[1:]]
    return Written(operands, [Value(shape, *p["to"])], ("TransposeConvOptions", _options(p)))


# ---------------------------------------------------------------- pooling and resizing


def _propose_pool(pool: Pool) -> Proposal | None:
    name = pool.image()
    most = pool.dice.choice((5, 5, 5, 5, 20))
    return None if name is None else ((name,), _window(pool, most))


def _build_pool(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
    (x,) = reads
    height, width = p["size"]
    made = x.like((1, *_made(p, x.shape[1:3], [1, 1]), x.shape[3]))
    return Written(
        [0], [made], ("Pool2DOptions", _options(p, filterHeight=height, filterWidth=width))
    )


def _propose_resize(pool: Pool) -> Proposal | None:
    name, dice = pool.image(), pool.dice
    if name is None:
        return None
    twice = [2 * n for n in pool.values[name].shape[1:3]]
    size = dice.choice((twice, [dice.randrange(1, 13), dice.randrange(1, 13)]))
    return (name,), {"size": size, "corners": (how := dice.randrange(3)) == 1, "centers": how == 2}


def _build_resize(kind: str):
    def build(p: dict, reads: list[Value], dice: np.random.Generator) -> Written:
        (x,) = reads
        options = {"alignCorners": p["corners"], "halfPixelCenters": p["centers"]}
        return Written(
            [0, Constant(np.array(p["size"], np.int32))],
            [x.like((1, *p["size"], x.shape[3]))],
            (kind, options),
        )

    return build


FAMILIES = {
    "CONV_2D": Family(_propose_conv, _build_conv, 5),
    "DEPTHWISE_CONV_2D": Family(_propose_depthwise, _build_depthwise, 4),
    "TRANSPOSE_CONV": Family(_propose_transposed, _build_transposed, 2),
    "MAX_POOL_2D": Family(_propose_pool, _build_pool, 2.5),
    "AVERAGE_POOL_2D": Family(_propose_pool, _build_pool, 2.5),
    "RESIZE_BILINEAR": Family(_propose_resize, _build_resize("ResizeBilinearOptions"), 2),
    "RESIZE_NEAREST_NEIGHBOR": Family(
        _propose_resize, _build_resize("ResizeNearestNeighborOptions"), 2
    ),
}
