"""A network that fails, made as small as it can be while it still fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path

from .description import Description, Illegal, Step, Value, values_of
from .generator import BUILDERS, network_file
from .running import Outcome, compare, io_of

AT_ONCE = 24
"""Candidates that are compiled into one program."""

INPUTS = 20
"""More than find a fault, so that it does not hide when the network changes."""

Judge = Callable[[list[Description]], list[Outcome]]


def judged(networks: list[Description], io: str) -> list[Outcome]:
    """The outcome of each, in order."""
    files = {number: network_file(network) for number, network in enumerate(networks)}
    outcomes = compare(files, INPUTS, io)
    return [outcomes[number] for number in range(len(networks))]


def shrink(network: Description, judge: Judge | None = None) -> Description:
    """The smallest that is found: fewer operators and outputs, smaller shapes and parameters."""
    judge = judge or partial(judged, io=io_of(network_file(network)))
    kind, tried = judge([network])[0].kind, set()
    while True:
        smaller = [
            each
            for each in _legal(candidates(network))
            if str(each) not in tried and size(each) < size(network)
        ]
        for start in range(0, len(smaller), AT_ONCE):
            some = sorted(smaller, key=size)[start : start + AT_ONCE]
            tried.update(map(str, some))
            failing = [each for each, outcome in zip(some, judge(some)) if outcome.kind == kind]
            if failing:
                network = min(failing, key=size)
                break
        else:
            return network


def size(network: Description) -> tuple[int, ...]:
    """What is to become small, the most important first."""
    values = values_of(network, BUILDERS).values()
    numbers = sum(_weight(step.parameters) for step in network.steps)
    return (
        len(network.steps),
        len(network.outputs) + len(network.inputs),
        sum(prod(v.shape) for v in values),
        numbers,
    )


def _weight(parameter) -> float:
    if isinstance(parameter, dict):
        return sum(_weight(each) for key, each in parameter.items() if key != "to")
    if isinstance(parameter, list):
        return sum(map(_weight, parameter))
    return abs(parameter) if isinstance(parameter, int | float) else 0


def _legal(networks: Iterator[Description]) -> Iterator[Description]:
    for network in networks:
        try:
            values_of(network, BUILDERS)
        except (Illegal, ArithmeticError, LookupError, ValueError):
            continue
        if network.outputs and network.steps:
            yield network


def candidates(network: Description) -> Iterator[Description]:
    """Every network that is a step smaller, and some that are not legal."""
    values, count = values_of(network, BUILDERS), len(network.steps)
    for length in (count // 2, count // 4, 1):
        for start in range(0, count, max(1, length)):
            yield from _without(network, values, range(start, start + length))
    for number, step in enumerate(network.steps):
        yield from _bypassed(network, values, number, step)
        yield from (
            _pruned(replace(network, steps=_changed(network.steps, number, p)))
            for p in _simpler(step.parameters)
        )
    for number in range(len(network.outputs)):
        yield _pruned(
            replace(network, outputs=network.outputs[:number] + network.outputs[number + 1 :])
        )
    yield from (_pruned(replace(network, outputs=(name,))) for name in network.outputs)
    yield from _smaller_inputs(network)


def _smaller_inputs(network: Description) -> Iterator[Description]:
    """One dimension smaller, of one input or of all; and one input in the place of another."""
    for name, value in network.inputs.items():
        for shape in _smaller_shapes(value.shape):
            yield replace(network, inputs={**network.inputs, name: value.like(shape)})
        for other in network.inputs:
            if other != name and network.inputs[other] == value:
                yield _pruned(_renamed(network, {name: other}))
    for size in {size for value in network.inputs.values() for size in value.shape if size > 1}:
        for smaller in {1, size // 2, size - 1}:
            shapes = {
                name: value.like([smaller if n == size else n for n in value.shape])
                for name, value in network.inputs.items()
            }
            yield replace(network, inputs=shapes)


def _renamed(network: Description, names: dict[str, str]) -> Description:
    """Other values in the place of some, where they are read and given."""
    steps = tuple(
        replace(each, reads=tuple(names.get(name, name) for name in each.reads))
        for each in network.steps
    )
    return Description(network.inputs, steps, tuple(names.get(n, n) for n in network.outputs))


def _without(network: Description, values: dict[str, Value], gone: range) -> Iterator[Description]:
    """Operators are left out: their results become inputs; what they read may become outputs."""
    steps = tuple(step for number, step in enumerate(network.steps) if number not in gone)
    left = {
        name
        for number in gone
        if number < len(network.steps)
        for name in network.steps[number].writes
    }
    read = {
        name
        for number in gone
        if number < len(network.steps)
        for name in network.steps[number].reads
    }
    outputs = tuple(name for name in network.outputs if name not in left)
    more = tuple(sorted(name for name in read - {*outputs, *left, *network.inputs}))
    inputs = {**network.inputs, **{name: values[name] for name in sorted(left)}}
    yield from (_pruned(Description(inputs, steps, each)) for each in (outputs, outputs + more))


def _bypassed(
    network: Description, values: dict[str, Value], number: int, step: Step
) -> Iterator[Description]:
    """Who reads a result reads an operand instead, where they are alike."""
    for source in step.reads:
        alike = {name: source for name in step.writes if values[name] == values[source]}
        if alike:
            steps = network.steps[:number] + network.steps[number + 1 :]
            yield _pruned(_renamed(replace(network, steps=steps), alike))


def _changed(steps: tuple[Step, ...], number: int, parameters: dict) -> tuple[Step, ...]:
    return steps[:number] + (replace(steps[number], parameters=parameters),) + steps[number + 1 :]


def _simpler(parameters: dict) -> Iterator[dict]:
    """Numbers nearer to 0 or 1, one at a time."""
    for key, value in parameters.items():
        if isinstance(value, list) and key not in ("to", "of"):
            for place, each in enumerate(value):
                if isinstance(each, int) and abs(each) > 1:
                    yield from (
                        {**parameters, key: value[:place] + [n] + value[place + 1 :]}
                        for n in (1, each - 1)
                    )
        elif isinstance(value, bool | int) and value:
            yield from ({**parameters, key: n} for n in {0, 1, value // 2} if n != value)


def _smaller_shapes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for place, n in enumerate(shape):
        yield from (
            shape[:place] + (m,) + shape[place + 1 :]
            for m in sorted({1, n // 2, n - 1})
            if 0 < m < n
        )


def _pruned(network: Description) -> Description:
    """Without operators whose results lead nowhere, and inputs that nobody reads."""
    needed, kept = set(network.outputs), []
    for step in reversed(network.steps):
        if needed.intersection(step.writes):
            needed.update(step.reads)
            kept.append(step)
    inputs = {name: value for name, value in network.inputs.items() if name in needed}
    return Description(inputs, tuple(reversed(kept)), network.outputs)


def write(network: Description, folder: Path, name: str) -> None:
    """The .tflite, and beside it what it is, for a test."""
    (folder / f"{name}.tflite").write_bytes(network_file(network))
    (folder / f"{name}.txt").write_text(f"{network}\n")
