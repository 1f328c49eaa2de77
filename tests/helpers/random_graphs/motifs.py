"""Groups of operators as networks have them: detection heads, joined branches, residuals, gates."""

from __future__ import annotations

from collections.abc import Callable

from .pool import Pool
from .windows import SAME

Add = Callable[[str, tuple[str, ...], dict], str | None]
"""Adds an operator: name, values it reads, parameters -> its result, None if it is not legal."""

_CONVOLUTION = {"stride": [1, 1], "dilation": [1, 1], "padding": SAME, "groups": 1, "ratio": 0.3}
_CONVOLUTION |= {"per_channel": True, "bias": "some", "power_of_two": False}


def _convolved(pool: Pool, add: Add, source: str, channels: int, to: list) -> str | None:
    size = pool.dice.choice(([1, 1], [3, 3]))
    own = {"size": size, "channels": channels, "to": to, "activation": pool.dice.choice((0, 1))}
    return add("CONV_2D", (source,), {**_CONVOLUTION, **own})


def heads(pool: Pool, add: Add) -> None:
    """Convolutions of several images, as rows of one table; what is computed of that."""
    dice, to, depth, rows = pool.dice, pool.quantization(), pool.dice.choice((1, 2, 4)), []
    for _ in range(dice.choice((2, 2, 3))):
        image = pool.image()
        made = image and _convolved(pool, add, image, depth * dice.choice((1, 2, 3)), to)
        row = made and add("RESHAPE", (made,), {"shape": [1, -1, depth]})
        rows += [row] if row else []
    joined = rows and add("CONCATENATION", tuple(rows), {"axis": 1})
    if joined:
        add(dice.choice(("LOGISTIC", "QUANTIZE", "RELU")), (joined,), {"to": pool.quantization()})
    if joined and dice.random() < 0.5:
        add("QUANTIZE", (dice.choice(rows),), {"to": pool.quantization()})


def branches(pool: Pool, add: Add) -> None:
    """Convolutions of one image, joined twice: the joins may share some, and be joined again."""
    dice, to, source, made = pool.dice, pool.quantization(), pool.image(), []
    for _ in range(dice.choice((2, 3))):
        one = source and _convolved(pool, add, source, dice.choice((1, 2, 3, 4)), to)
        made += [one] if one else []
    joined = [
        made
        and add(
            "CONCATENATION", tuple(dice.sample(made, dice.randrange(1, len(made) + 1))), {"axis": 3}
        )
        for _ in "ab"
    ]
    joined = [each for each in joined if each]
    if joined and dice.random() < 0.6:
        whole = add("CONCATENATION", (*joined, dice.choice(made)), {"axis": -1})
        joined += [whole] if whole else []
    if joined and dice.random() < 0.5:
        add(
            "ADD",
            (joined[-1], joined[-1]),
            {"to": pool.quantization(), "activation": dice.choice((0, 1))},
        )


def residual(pool: Pool, add: Add) -> None:
    """A sum of an image and its convolutions; the image may get channels that are zero."""
    dice, to, source = pool.dice, pool.quantization(), pool.image()
    if source is None:
        return
    more = dice.choice((0, 0, 1, 3))
    made = _convolved(pool, add, source, pool.values[source].shape[3] + more, to)
    shortcut = (
        add("PAD", (source,), {"pads": [[0, 0], [0, 0], [0, 0], [dice.randrange(more + 1), 0]]})
        if more
        else source
    )
    if shortcut and more:
        missing = more - (pool.values[shortcut].shape[3] - pool.values[source].shape[3])
        shortcut = (
            add("PAD", (shortcut,), {"pads": [[0, 0], [0, 0], [0, 0], [0, missing]]})
            if missing
            else shortcut
        )
    if made and shortcut:
        add(
            "ADD",
            (made, shortcut) if dice.random() < 0.5 else (shortcut, made),
            {"to": to, "activation": dice.choice((0, 1))},
        )


def gate(pool: Pool, add: Add) -> None:
    """An image times a number from 0 to 1 for each channel, that follows from its mean."""
    source = pool.image()
    if source is None:
        return
    mean = add("MEAN", (source,), {"axes": [1, 2], "keep": True, "to": pool.quantization()})
    made = mean and _convolved(pool, add, mean, pool.values[source].shape[3], pool.quantization())
    share = made and add("LOGISTIC", (made,), {})
    if share:
        add(
            "MUL",
            (source, share),
            {
                "to": [pool.values[source].scale * 0.5, pool.values[source].zero_point],
                "activation": 0,
            },
        )


def greatest(pool: Pool, add: Add) -> None:
    """What lies at the index of the greatest along one dimension."""
    source = pool.int8(lambda value: len(value.shape) in (2, 3))
    if source:
        axis = pool.dice.randrange(len(pool.values[source].shape))
        index = add("ARG_MAX", (source,), {"axis": axis, "scalar": False})
        chosen = index and add("GATHER", (source, index), {"axis": axis})
        if chosen:
            add("QUANTIZE", (chosen,), {"to": pool.quantization()})


MOTIFS = (heads, heads, branches, branches, residual, residual, gate, greatest)
