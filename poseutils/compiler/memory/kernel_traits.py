"""Which kernels run in place, and which take row strides."""

from __future__ import annotations

from ..graph import RESHAPES, TABLE, Graph, Operator
from ..rows import ROW_BY_ROW, WINDOWED
from .views import matrix

_IN_PLACE = (TABLE, "ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "DIV", "PRELU", "MAXIMUM", "MINIMUM")

_STRIDED = (*WINDOWED, *ROW_BY_ROW, *RESHAPES, "PACK", "UNPACK", "MEAN", "REDUCE_MAX", "REDUCE_MIN")

_SAME_MATRIX = (TABLE, "QUANTIZE", "DEQUANTIZE", *RESHAPES)
"""Operators that take gaps only where input and output have the same rows and columns."""


def in_place_operators(graph: Graph) -> frozenset[int]:
    """Operators (indices) that may write their result over an operand of the same size.

    They read each value before they write to its address, and read it no more.
    """
    return frozenset(i for i, operator in enumerate(graph.operators) if operator.name in _IN_PLACE)


def strided_operators(graph: Graph) -> frozenset[int]:
    """Operators (indices) that read and write any row stride; others need contiguous tensors."""
    return frozenset(i for i, op in enumerate(graph.operators) if _is_strided(graph, op))


def _is_strided(graph: Graph, operator: Operator) -> bool:
    if operator.name not in _SAME_MATRIX:
        return operator.name in _STRIDED
    source, output = graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    return matrix(source) == matrix(output)
