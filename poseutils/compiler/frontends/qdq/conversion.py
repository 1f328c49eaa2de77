"""A QDQ network on its way to integer operators."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...graph import Graph, Operator, Tensor
from ...lowering.layer import need
from .values import Builder, Constant, Value


@dataclass
class Conversion:
    """A network on its way: what is built of it, and what each of its tensors has become."""

    graph: Graph
    builder: Builder = field(default_factory=Builder)
    values: dict[int, Value] = field(default_factory=dict)

    def value(self, operator: Operator, number: int) -> Value:
        """The value of an input; of one that is a constant of the file, its numbers."""
        need(self.has(operator, number), f"input {number} is missing")
        return self._value(operator.inputs[number])

    def has(self, operator: Operator, number: int) -> bool:
        return len(operator.inputs) > number and operator.inputs[number] >= 0

    def _value(self, tensor: int) -> Value:
        made = self.graph.tensors[tensor]
        return self.values[tensor] if tensor in self.values else Constant(made.data)

    def given(self, operator: Operator) -> list[Value]:
        return [self._value(tensor) for tensor in operator.inputs if tensor >= 0]

    def numbers(self, operator: Operator, number: int, attribute: str = "") -> np.ndarray | None:
        """A constant input, or in older files an attribute instead; None where it is left out."""
        if self.has(operator, number):
            value = self.value(operator, number)
            need(isinstance(value, Constant), f"input {number} is not constant")
            return value.values
        return (
            None
            if operator.options.get(attribute) is None
            else np.asarray(operator.options[attribute])
        )

    def output(self, operator: Operator, number: int = 0) -> Tensor:
        return self.graph.tensors[operator.outputs[number]]
