"""Passes: pure functions from a graph to a graph that saves memory and work, without changing one
bit of the results."""

from __future__ import annotations

from collections.abc import Callable

from ..graph import Graph
from .copy_constant_outputs import copy_constant_outputs
from .drop_shape_inputs import drop_shape_inputs
from .fold_channel_padding import fold_channel_padding
from .fold_constants import fold_constants
from .fold_padding import fold_padding
from .fold_tables import fold_tables
from .merge_transposes import merge_transposes
from .remove_dead import remove_dead
from .trim_ends import trim_ends
from .widen_late import widen_late

__all__ = ["IO", "PASSES", "run_passes"]

IO = ("quantized", "file")
"""The types of inputs and outputs: 8 bits, or those of the file."""

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    fold_constants,
    copy_constant_outputs,
    drop_shape_inputs,
    remove_dead,
    fold_tables,
    remove_dead,
    fold_padding,
    fold_channel_padding,
    merge_transposes,
    remove_dead,
    widen_late,
)
"""In the order in which they run."""


def run_passes(graph: Graph, io: str) -> Graph:
    """All :data:`PASSES`, after :func:`trim_ends` where ``io`` is ``quantized``."""
    for run in (trim_ends, *PASSES) if io == "quantized" else PASSES:
        graph = run(graph)
    return graph
