"""A network as a list of operators with their parameters; shapes and the .tflite follow from it.

Constants are not stored: they follow from an operator's seed and the shapes. So an input can be
made smaller, or an operator left out, and what remains is a network again, or is :class:`Illegal`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from tests.helpers.networks.tiny_tflite import build, tensor

MOST_ELEMENTS = 6000
"""Of one tensor: the networks are small, so that thousands of them run."""


class Illegal(Exception):
    """A description that is not a network: sizes that do not match, an empty or a large tensor."""


@dataclass(frozen=True)
class Value:
    """An activation tensor. ``scale`` is None if it is not quantized."""

    shape: tuple[int, ...]
    scale: float | None
    zero_point: int = 0
    dtype: str = "INT8"

    def like(self, shape: Sequence[int]) -> Value:
        """A value of the same type and scale, of another shape."""
        return Value(tuple(int(n) for n in shape), self.scale, self.zero_point, self.dtype)


@dataclass(frozen=True)
class Constant:
    """A constant operand; ``scale`` may be a list, one for each output channel."""

    data: np.ndarray
    scale: float | list[float] | None = None
    zero_point: int = 0


@dataclass(frozen=True)
class Step:
    """One operator: the values it reads and writes, its parameters, a seed for its constants."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    parameters: dict = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Description:
    """A network: inputs by name, operators in order, and the values that it gives."""

    inputs: dict[str, Value]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"{name} = input{value.shape} {value.dtype}" for name, value in self.inputs.items()
        ]
        for step in self.steps:
            given = ", ".join(
                [*step.reads, *(f"{key}={value}" for key, value in step.parameters.items())]
            )
            lines.append(f"{', '.join(step.writes)} = {step.name}({given})")
        return "\n".join([*lines, f"return {', '.join(self.outputs)}"])


@dataclass(frozen=True)
class Written:
    """An operator as the file has it.

    Attributes:
        operands: in order; a number is an index into the values that are read, None is left out.
        results: the values it gives.
        options: their kind and fields.
    """

    operands: list[int | Constant | None]
    results: list[Value]
    options: tuple[str, dict] | None = None


Builder = Callable[[dict, list[Value], np.random.Generator], Written]


def written(step: Step, values: dict[str, Value], builders: dict[str, Builder]) -> Written:
    """What a family makes of one operator.

    Raises:
        Illegal: if it cannot be, or not of such small tensors.
    """
    made = builders[step.name](
        step.parameters, [values[name] for name in step.reads], np.random.default_rng(step.seed)
    )
    if (
        "relabeled" in step.parameters
    ):  # what only moves values leaves it to the file what they stand for
        made = replace(
            made, results=[replace(each, **step.parameters["relabeled"]) for each in made.results]
        )
    for result in made.results:
        if (
            min(result.shape, default=1) < 1
            or prod(result.shape) > MOST_ELEMENTS
            or len(result.shape) > 5
        ):
            raise Illegal(f"{step.name} gives {result.shape}")
    if len(made.results) != len(step.writes):
        raise Illegal(f"{step.name} gives {len(made.results)} values, not {len(step.writes)}")
    return made


def values_of(description: Description, builders: dict[str, Builder]) -> dict[str, Value]:
    """Every value by name."""
    values = dict(description.inputs)
    for step in description.steps:
        values.update(zip(step.writes, written(step, values, builders).results))
    return values


def to_tflite(description: Description, builders: dict[str, Builder]) -> bytes:
    """The network as a file.

    Raises:
        Illegal: see :func:`written`.
    """
    values, tensors, at, operators = dict(description.inputs), [], {}, []
    known: dict[
        tuple, int
    ] = {}  # constants that are the same are one tensor, as converters write them

    def place(name: str, value: Value) -> int:
        at[name] = len(tensors)
        tensors.append(tensor(name, value.shape, value.dtype, None, value.scale, value.zero_point))
        return at[name]

    for name, value in values.items():
        place(name, value)
    for step in description.steps:
        made = written(step, values, builders)
        reads = []
        for operand in made.operands:
            if isinstance(operand, Constant):
                key = (
                    operand.data.dtype.str,
                    operand.data.shape,
                    operand.data.tobytes(),
                    str(operand.scale),
                    operand.zero_point,
                )
                reads.append(known.setdefault(key, len(tensors)))
                if reads[-1] == len(tensors):
                    tensors.append(_constant(f"{step.writes[0]}/{len(reads)}", operand))
            else:
                reads.append(-1 if operand is None else at[step.reads[operand]])
        values.update(zip(step.writes, made.results))
        writes = [place(name, values[name]) for name in step.writes]
        operators.append((step.name, reads, writes, made.options))
    return build(
        tensors,
        operators,
        [at[name] for name in description.inputs],
        [at[name] for name in description.outputs],
    )


def _constant(name: str, constant: Constant) -> dict:
    data = np.asarray(constant.data)
    return tensor(
        name, data.shape, data.dtype.name.upper(), data, constant.scale, constant.zero_point
    )
