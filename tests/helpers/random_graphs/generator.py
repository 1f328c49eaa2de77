"""A random network from a seed: the same seed gives the same bytes."""

from __future__ import annotations

from random import Random

from . import arithmetic, joins, moves, windows
from .description import Description, Illegal, Step, Value, to_tflite, written
from .motifs import MOTIFS
from .pool import Pool

FAMILIES = {**windows.FAMILIES, **arithmetic.FAMILIES, **joins.FAMILIES, **moves.FAMILIES}
BUILDERS = {name: family.build for name, family in FAMILIES.items()}
RELABELED = ("RESHAPE", "SQUEEZE", "TRANSPOSE", "SLICE", "STRIDED_SLICE", "SPLIT", "GATHER", "TILE")
RELABELED += (
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "DEPTH_TO_SPACE",
    "SPACE_TO_DEPTH",
    "MAX_POOL_2D",
    "MAXIMUM",
)
"""Operators whose result may have another scale than what they read: LiteRT does not look at it."""

SIZES = (1, 2, 3, 4, 5, 6, 7, 9)
CHANNELS = (1, 1, 2, 3, 4, 5, 6, 8, 12, 17, 24, 35)


def random_network(seed: int) -> Description:
    """A network of up to three inputs and some twelve operators."""
    dice = Random(seed)
    pool, steps = Pool(dice), []
    inputs = {f"in{i}": _input(pool) for i in range(dice.choice((1, 1, 2, 2, 3)))}
    pool.values |= inputs
    wanted = dice.choice((dice.randrange(1, 8), dice.randrange(4, 14), dice.randrange(10, 22)))
    for _ in range(20 * wanted):
        if len(steps) >= wanted:
            break
        if dice.random() < 0.08:
            dice.choice(MOTIFS)(pool, lambda *each: _add(pool, steps, *each))
        else:
            _grow(pool, steps)
    outputs = _outputs(pool, steps, list(inputs))
    return Description(inputs, tuple(steps), outputs)


def network_file(description: Description) -> bytes:
    """The .tflite."""
    return to_tflite(description, BUILDERS)


def _input(pool: Pool) -> Value:
    """Mostly an 8-bit image; often of the same shape as an earlier input."""
    dice, known = pool.dice, list(pool.values.values())
    kind = dice.choice(("INT8",) * 8 + ("UINT8", "FLOAT32"))
    image = (1, dice.choice(SIZES), dice.choice(SIZES), dice.choice(CHANNELS))
    shape = dice.choice((image, image, image, image[2:], image[1:], (1, image[3])))
    if known and dice.random() < 0.6:
        shape = dice.choice(known).shape
    scale, zero_point = pool.quantization()
    if kind == "FLOAT32":
        return Value(shape, None, 0, kind)
    return Value(shape, scale, zero_point + 128 * (kind == "UINT8"), kind)


def _grow(pool: Pool, steps: list[Step]) -> None:
    """One more operator, if the one that is tried fits."""
    name = pool.dice.choices(list(FAMILIES), [family.weight for family in FAMILIES.values()])[0]
    proposal = FAMILIES[name].propose(pool)
    if proposal:
        _add(pool, steps, name, *proposal)


def _add(
    pool: Pool, steps: list[Step], name: str, reads: tuple[str, ...], parameters: dict
) -> str | None:
    """The first result of a new operator, None if it is not legal."""
    if name in RELABELED and pool.values[reads[0]].dtype == "INT8" and pool.dice.random() < 0.02:
        parameters = {
            **parameters,
            "relabeled": dict(zip(("scale", "zero_point"), pool.quantization())),
        }
    writes = tuple(f"v{len(steps)}_{i}" for i in range(FAMILIES[name].results(parameters)))
    step = Step(name, reads, writes, parameters, pool.dice.randrange(1 << 31))
    try:
        made = written(step, pool.values, BUILDERS)
    except Illegal:
        return None
    steps.append(step)
    pool.values.update(zip(writes, made.results))
    pool.read.update(reads)
    return writes[0]


def _outputs(pool: Pool, steps: list[Step], inputs: list[str]) -> tuple[str, ...]:
    """Most unread results, some that are read, sometimes one twice, or an input; at least one."""
    dice, computed = pool.dice, [name for step in steps for name in step.writes]
    chosen = [
        name for name in computed if dice.random() < (0.2 if name in pool.read else 0.85)
    ] or computed[-1:]
    if dice.random() < 0.05:
        chosen.append(dice.choice(chosen))
    if dice.random() < 0.05:
        chosen.append(dice.choice(inputs))
    dice.shuffle(chosen)
    return tuple(chosen)
