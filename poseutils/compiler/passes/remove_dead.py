"""Operators whose results lead to no output are removed."""

from __future__ import annotations

from dataclasses import replace

from ..graph import Graph, Operator


def remove_dead(graph: Graph) -> Graph:
    """Removes dead operators."""
    kept: list[Operator] = []
    needed = set(graph.outputs)
    for operator in reversed(graph.operators):
        if needed.intersection(operator.outputs):
            needed.update(operator.inputs)
            kept.append(operator)
    return replace(graph, operators=tuple(reversed(kept)))
