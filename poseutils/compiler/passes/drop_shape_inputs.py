"""A RESHAPE needs no tensor that holds its shape, which is known."""

from __future__ import annotations

from dataclasses import replace

from ..graph import RESHAPES, Graph


def drop_shape_inputs(graph: Graph) -> Graph:
    """Leaves each RESHAPE, SQUEEZE and EXPAND_DIMS its data input alone."""
    operators = [
        replace(op, inputs=op.inputs[:1]) if op.name in RESHAPES else op for op in graph.operators
    ]
    return replace(graph, operators=tuple(operators))
