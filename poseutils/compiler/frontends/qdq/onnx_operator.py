"""An operator of a QDQ network on its way to integer operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...unsupported import a, need
from ..onnx import Node, OnnxGraph
from .builder import Builder
from .values import Constant, Value


@dataclass(frozen=True)
class OnnxOperator:
    """One operator of the file, and what its inputs have become.

    Attributes:
        values: what the tensors of the file have become, constants aside.
    """

    node: Node
    graph: OnnxGraph
    builder: Builder
    values: dict[int, Value]

    @property
    def kind(self) -> str:
        return self.node.name

    @property
    def options(self) -> Mapping[str, Any]:
        return self.node.options

    @property
    def name(self) -> str:
        """The first output's."""
        return self.graph.tensors[self.node.outputs[0]].name

    @property
    def dtype(self) -> str:
        """The first output's."""
        return self.graph.tensors[self.node.outputs[0]].dtype

    @property
    def shape(self) -> tuple[int, ...]:
        """The first output's."""
        return self.graph.tensors[self.node.outputs[0]].shape

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The first input's."""
        return self.graph.tensors[self.node.inputs[0]].shape

    def has(self, number: int) -> bool:
        return len(self.node.inputs) > number and self.node.inputs[number] >= 0

    def value(self, number: int = 0) -> Value:
        """The value of an input; of one that is a constant of the file, its numbers."""
        need(self.has(number), f"input {number} is missing")
        return self._value(self.node.inputs[number])

    def given(self) -> list[Value]:
        """The values of all inputs."""
        return [self._value(tensor) for tensor in self.node.inputs if tensor >= 0]

    def _value(self, tensor: int) -> Value:
        if tensor in self.values:
            return self.values[tensor]
        return Constant(self.graph.tensors[tensor].values)

    def numbers(self, number: int, attribute: str = "") -> np.ndarray | None:
        """A constant input, or in older files an attribute instead; None where it is left out."""
        if self.has(number):
            return a(Constant, self.value(number), f"input {number} is not constant").values
        return None if self.options.get(attribute) is None else np.asarray(self.options[attribute])


Converter = Callable[[OnnxOperator], Value | list[Value]]
"""Gives the value of the first output, or of each."""
