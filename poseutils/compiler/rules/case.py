"""An operator and the rule for its kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..attributes import Attributes
from ..graph import Graph, Operator, Tensor

Shape = Sequence[int]


class Broken(ValueError):
    """Which rule a graph breaks."""


@dataclass(frozen=True)
class Case:
    """An operator of a graph."""

    graph: Graph
    index: int
    operator: Operator
    resized: bool = False
    """Whether an input has another shape than the file says, as the runtime will find."""

    @property
    def settles(self) -> bool:
        """Whether the shapes of the outputs follow from the inputs, whatever the file stores."""
        return self.resized or any(tensor.is_open for tensor in self.outputs)

    def input(self, number: int) -> Tensor:
        """An input that the rule requires."""
        return self.graph.tensors[self.operator.inputs[number]]

    def optional(self, number: int) -> Tensor | None:
        """An input, None if it is left out."""
        reads = self.operator.inputs
        given = number < len(reads) and reads[number] >= 0
        return self.graph.tensors[reads[number]] if given else None

    def tensors(self) -> list[Tensor]:
        """The inputs that are given."""
        return [self.graph.tensors[t] for t in self.operator.inputs if t >= 0]

    @property
    def outputs(self) -> list[Tensor]:
        return [self.graph.tensors[t] for t in self.operator.outputs]

    def expect(self, condition: bool, reason: str) -> None:
        """Refuses the graph unless the condition holds."""
        if not condition:
            raise Broken(
                f"operator {self.index} ({self.operator.name}), which writes "
                f"{self.outputs[0].name!r}: {reason}"
            )

    def expect_rank(self, tensor: Tensor, *ranks: int) -> None:
        self.expect(
            len(tensor.shape) in ranks,
            f"{tensor.name!r} of shape {tensor.shape} has {len(tensor.shape)} dimensions; "
            f"{' or '.join(map(str, ranks))} expected",
        )

    def expect_same_type(self, *tensors: Tensor) -> None:
        kinds = sorted({tensor.dtype for tensor in tensors})
        self.expect(len(kinds) <= 1, f"types {', '.join(kinds)} together; one is expected")

    def number(self, name: str, value: int, most: int = 1 << 20) -> int:
        """A number from 1 on."""
        self.expect(1 <= value <= most, f"{name} is {value}; 1 to {most} are expected")
        return value

    def integers(self, number: int, what: str) -> np.ndarray | None:
        """The values of an input of integers, flat; None if it is computed, and so not known."""
        tensor = self.input(number)
        self.expect(
            "int" in tensor.dtype,
            f"{what} {tensor.name!r} of {tensor.dtype}; integers are expected",
        )
        return None if tensor.data is None else tensor.data.reshape(-1).astype(np.int64)

    def axis(self, value: int, rank: int) -> int:
        """A dimension, counted from the front."""
        self.expect(-rank <= value < rank, f"the dimension {value} of {rank}")
        return value % rank


Shapes = Sequence[Shape] | None
"""Of the outputs; None where they do not follow from the inputs."""

Check = Callable[[Case], Shapes]


MANY = 1 << 16
ALL = (0, MANY)
"""All inputs."""


@dataclass(frozen=True)
class Rule:
    """What holds for one kind of operator.

    Attributes:
        check: checks an operator and returns the shapes of its outputs as they follow from its
            inputs, or None where they do not.
        inputs: how many at least, which cannot be left out, and at most.
        outputs: how many; None for any number.
        attributes: the kind that it cannot do without, if there is one.
        scaled: whether 8-bit tensors need scales.
        typed: which inputs, from and to (exclusive), have the type of the outputs; None for none.
    """

    check: Check
    inputs: tuple[int, int]
    outputs: int | None = 1
    attributes: type[Attributes] = Attributes
    scaled: bool = True
    typed: tuple[int, int] | None = (0, 1)


def broadcast(case: Case, *shapes: Shape) -> tuple[int, ...]:
    """The shape that operands of these shapes have together."""
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    made = tuple(max(sizes) for sizes in zip(*padded))
    fits = all(n in (1, m) for shape in padded for n, m in zip(shape, made))
    case.expect(
        fits,
        f"operands of shapes {' and '.join(map(str, map(tuple, shapes)))}, which do not go "
        "together",
    )
    return made
