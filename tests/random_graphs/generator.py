"""A random network from a seed: the same seed gives the same bytes."""

from __future__ import annotations

from random import Random

from . import arithmetic, moves, windows
from .description import Description, Illegal, Step, Value, to_tflite, written
from .pool import Pool

FAMILIES = {**windows.FAMILIES, **arithmetic.FAMILIES, **moves.FAMILIES}
BUILDERS = {name: family.build for name, family in FAMILIES.items()}
SIZES = (1, 2, 3, 4, 5, 6, 7, 9)
CHANNELS = (1, 1, 2, 3, 4, 5, 6, 8, 12, 17)


def random_network(seed: int) -> Description:
    """A network of up to three inputs and some twelve operators."""
    dice = Random(seed)
    pool, steps = Pool(dice), []
    inputs = {f"in{i}": _input(pool) for i in range(dice.choice((1, 1, 2, 2, 3)))}
    pool.values |= inputs
    wanted, tries = dice.randrange(1, 14), 0
    while len(steps) < wanted and (tries := tries + 1) < 20 * wanted:
        step = _step(pool, len(steps))
        steps += [step] if step else []
    read = {name for step in steps for name in step.reads}
    outputs = _outputs(pool, [name for name in pool.values if name not in inputs], read)
    return Description(inputs, tuple(steps), outputs)


def network_file(description: Description) -> bytes:
    """The .tflite."""
    return to_tflite(description, BUILDERS)


def _input(pool: Pool) -> Value:
    """An image mostly, of an 8-bit type mostly; as large as one that there is, more often than not."""
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


def _step(pool: Pool, number: int) -> Step | None:
    """One more operator, whose results are in the pool then; None if the one that was tried does not fit."""
    name = pool.dice.choices(list(FAMILIES), [family.weight for family in FAMILIES.values()])[0]
    proposal = FAMILIES[name].propose(pool)
    if proposal is None:
        return None
    reads, parameters = proposal
    results = FAMILIES[name].results(parameters)
    step = Step(name, reads, tuple(f"v{number}_{i}" for i in range(results)), parameters, pool.dice.randrange(1 << 31))
    try:
        made = written(step, pool.values, BUILDERS)
    except Illegal:
        return None
    pool.values.update(zip(step.writes, made.results))
    pool.read.update(reads)
    return step


def _outputs(pool: Pool, computed: list[str], read: set[str]) -> tuple[str, ...]:
    """Most results that nobody reads, some that are read, now and then one twice; at least one."""
    dice = pool.dice
    chosen = [name for name in computed if dice.random() < (0.2 if name in read else 0.85)] or computed[-1:]
    if dice.random() < 0.03:
        chosen.append(dice.choice(chosen))
    dice.shuffle(chosen)
    return tuple(chosen)
