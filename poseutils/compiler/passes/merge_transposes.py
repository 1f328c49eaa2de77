"""A TRANSPOSE of a TRANSPOSE is one."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Operator, Tensor


def merge_transposes(graph: Graph) -> Graph:
    """A TRANSPOSE reads what the one before it reads, in the order of both."""
    tensors, operators = list(graph.tensors), list(graph.operators)
    makers: dict[int, Operator] = {}
    for index, operator in enumerate(operators):
        before = makers.get(operator.inputs[0]) if operator.name == "TRANSPOSE" else None
        if before is not None:
            order = _of_both(tensors[before.inputs[1]], tensors[operator.inputs[1]])
            if order is not None:
                operator = replace(operator, inputs=(before.inputs[0], len(tensors)))
                operators[index] = operator
                tensors.append(order)
        if operator.name == "TRANSPOSE":
            makers[operator.outputs[0]] = operator
    return replace(graph, tensors=tuple(tensors), operators=tuple(operators))


def _of_both(first: Tensor, second: Tensor) -> Tensor | None:
    """The order of two, one after the other; None if one is not constant."""
    if first.data is None or second.data is None:
        return None
    return replace(second, data=first.data[second.data], name=f"{second.name} of {first.name}")
