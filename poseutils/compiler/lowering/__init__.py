"""Operators as C: constants, one structure a layer, and the calls of kernels in order."""

from __future__ import annotations

from collections.abc import Callable

from ..graph import Graph
from ..memory.arena import Arena
from .conv_pool_resize import WINDOWS, conv_scratch
from .data_movement import MOVES
from .elementwise import VALUES
from .grouped_conv import CONVOLUTIONS
from .layer import Layer, Program, Unsupported, need, need_types
from .reduce_matmul import TENSORS

__all__ = ["LOWERING", "Program", "lower", "scratch_bytes"]

LOWERING: dict[str, Callable[[Layer], None]] = {
    **WINDOWS,
    **VALUES,
    **MOVES,
    **CONVOLUTIONS,
    **TENSORS,
}
"""What writes each operator."""


def scratch_bytes(graph: Graph) -> dict[int, tuple[int, int]]:
    """The operators (indices) that need scratch, and how many bytes at least and at most."""
    return {
        index: conv_scratch(graph, operator)
        for index, operator in enumerate(graph.operators)
        if operator.name == "CONV_2D"
    }


def lower(graph: Graph, arena: Arena, prefix: str) -> tuple[Program, list[str]]:
    """The program, and what is not supported: one line an operator.

    Args:
        prefix: begins the names of constants.
    """
    program, refused = Program(prefix), []
    places, offsets, scratch = arena.storage.places, arena.plan.offsets, arena.scratch
    for index, operator in enumerate(graph.operators):
        layer = Layer(
            graph, operator, index, places, offsets, scratch.get(index, (0, 0)), program, []
        )
        try:
            need(operator.name in LOWERING, "the operator is not known")
            need_types(layer)
            LOWERING[operator.name](layer)
        except Unsupported as reason:
            refused.append(
                f"{operator.name} of {graph.tensors[operator.outputs[0]].name!r}: {reason}"
            )
        program.steps.append((operator, layer.calls))
    return program, refused
