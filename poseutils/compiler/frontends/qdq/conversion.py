"""A QDQ network on its way to integer operators."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...graph import Tensor
from ...unsupported import a, need
from ..onnx import Node, OnnxGraph
from .values import Builder, Constant, Value


@dataclass
class Conversion:
    """A network on its way: what is built of it, and what each of its tensors has become."""

    graph: OnnxGraph
    builder: Builder = field(default_factory=Builder)
    values: dict[int, Value] = field(default_factory=dict)

    def value(self, node: Node, number: int) -> Value:
        """The value of an input; of one that is a constant of the file, its numbers."""
        need(self.has(node, number), f"input {number} is missing")
        return self._value(node.inputs[number])

    def has(self, node: Node, number: int) -> bool:
        return len(node.inputs) > number and node.inputs[number] >= 0

    def _value(self, tensor: int) -> Value:
        made = self.graph.tensors[tensor]
        return self.values[tensor] if tensor in self.values else Constant(made.values)

    def given(self, node: Node) -> list[Value]:
        return [self._value(tensor) for tensor in node.inputs if tensor >= 0]

    def numbers(self, node: Node, number: int, attribute: str = "") -> np.ndarray | None:
        """A constant input, or in older files an attribute instead; None where it is left out."""
        if self.has(node, number):
            return a(Constant, self.value(node, number), f"input {number} is not constant").values
        return None if node.options.get(attribute) is None else np.asarray(node.options[attribute])

    def output(self, node: Node, number: int = 0) -> Tensor:
        return self.graph.tensors[node.outputs[number]]
