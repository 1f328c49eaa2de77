"""Values become wider just before they are read."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Operator


def widen_late(graph: Graph) -> Graph:
    """An operator whose result has more bytes a value than its operand, such as DEQUANTIZE, comes
    just before the first one that reads it: until then the narrow values are kept."""
    operators: list[Operator] = []
    for operator in reversed(graph.operators):
        place = 0
        if _widens(graph, operator):
            readers = (
                i for i, other in enumerate(operators) if operator.outputs[0] in other.inputs
            )
            place = next(readers, 0)
        operators.insert(place, operator)
    return replace(graph, operators=tuple(operators))


def _widens(graph: Graph, operator: Operator) -> bool:
    activations = [t for t in operator.inputs if t >= 0 and not graph.tensors[t].is_constant]
    if len(activations) != 1 or len(operator.outputs) != 1:
        return False
    (source,), (output,) = activations, operator.outputs
    return graph.tensors[output].item_bytes > graph.tensors[source].item_bytes
