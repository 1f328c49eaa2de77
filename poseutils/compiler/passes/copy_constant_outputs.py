"""An output that is a constant is copied into the arena, where the caller reads it."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Operator


def copy_constant_outputs(graph: Graph) -> Graph:
    """Adds a RESHAPE for each output that is a constant."""
    tensors = list(graph.tensors)
    copies: dict[int, int] = {}
    for t in graph.outputs:
        if graph.tensors[t].is_constant and t not in copies:
            copies[t] = len(tensors)
            tensors.append(replace(graph.tensors[t], is_constant=False, data=None))
    operators = (
        *graph.operators,
        *(Operator("RESHAPE", (t,), (copy,)) for t, copy in copies.items()),
    )
    outputs = tuple(copies.get(t, t) for t in graph.outputs)
    return replace(graph, tensors=tuple(tensors), operators=operators, outputs=outputs)
