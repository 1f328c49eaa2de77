"""Shapes that a file leaves to the runtime, settled in the order in which operators run.

A converter that leaves the number of images open stores placeholders: the shape of a RESHAPE may
follow from SHAPE, GATHER and PACK, and what is stored for its result is (1, 1). The runtime resizes
these tensors; so does this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from ..graph import Graph, Operator, Tensor
from ..passes.fold_constants import known_values
from .case import Case, Shape

MOST_BYTES = 1 << 30
"""Of one tensor; a damaged shape must not take all memory."""


class Settling:
    """A graph while its shapes and the integers that follow from them become known, operator by
    operator."""

    def __init__(self, graph: Graph):
        self.graph = graph
        self._given = graph
        self._resized: set[int] = set()

    def is_resized(self, operator: Operator) -> bool:
        """Whether an input has another shape than the file says."""
        return not self._resized.isdisjoint(operator.inputs)

    def settle(self, case: Case, shapes: Sequence[Shape] | None) -> None:
        """Takes the shapes that follow for the outputs of an operator, and computes their values if
        they are known."""
        if case.settles:
            self._take_shapes(case, shapes)
        operator = case.operator
        if all(self.graph.tensors[t].is_fixed for t in operator.inputs if t >= 0):
            values = known_values(self.graph, operator)
            if values is not None:
                self._put(operator.outputs[0], data=values)

    def _take_shapes(self, case: Case, shapes: Sequence[Shape] | None) -> None:
        if shapes is None or not all(tensor.is_fixed for tensor in case.tensors()):
            for t in case.operator.outputs if case.resized else ():
                self._put(t, is_fixed=False)
            return
        for t, shape in zip(case.operator.outputs, shapes):
            tensor = self.graph.tensors[t]
            size = _bytes(tensor, shape)
            fits = all(n >= 1 for n in shape) and size <= MOST_BYTES
            case.expect(fits, f"{tensor.name!r} gets the shape {tuple(shape)} from the inputs")
            if tensor.shape != tuple(shape):
                self._resized.add(t)
            self._put(t, shape=tuple(shape), bytes=size, is_fixed=True)

    def _put(self, index: int, **changes: Any) -> None:
        tensors = list(self.graph.tensors)
        tensors[index] = replace(tensors[index], **changes)
        self.graph = replace(self.graph, tensors=tuple(tensors))

    def result(self) -> Graph:
        """The graph with its shapes, and without the values, which are for a pass to fold."""
        pairs = zip(self._given.tensors, self.graph.tensors)
        return replace(
            self._given, tensors=tuple(replace(now, data=given.data) for given, now in pairs)
        )


def _bytes(tensor: Tensor, shape: Shape) -> int:
    return -(-tensor.bytes * prod(shape) // max(1, tensor.elements))
