"""How many instructions a network takes as C on a Cortex-M: an estimate, by a cost model that was
fitted to counts.

The counts are those of an emulated core, layer by layer, of published networks;
``tests/bench/measure/instructions.py`` writes them to ``instructions.json``. Each kind of operator
has four costs: instructions a multiply-accumulate, a value written, a value read, and a call.
"""

from __future__ import annotations

import json
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

from .attributes import Pool2D
from .compile import Compiled
from .graph import Graph, Operator, macs

TABLE = Path(__file__).parent / "instructions.json"
UNITS = ("macs", "written", "read", "calls")
"""What an operator's work is measured in, in the order of the table."""

ANY = "any other"
"""The kind that stands in for one that was not measured."""


def cores() -> tuple[str, ...]:
    """The cores that were measured."""
    return tuple(_table()["cores"])


def instructions(compiled: Compiled, core: str) -> list[float]:
    """Instructions of each operator of the folded network on one of the measured cores; zero where
    nothing is left to do."""
    costs = _table()["cores"][core]
    return [
        sum(
            cost * amount
            for cost, amount in zip(
                costs.get(kind(compiled.graph, operator), costs[ANY]),
                work(compiled.graph, operator),
            )
        )
        if calls
        else 0.0
        for operator, calls in compiled.program.steps
    ]


def unmeasured(compiled: Compiled, core: str) -> list[str]:
    """The kinds of operators in a network for which there is no count; :data:`ANY` stands in for
    them."""
    costs = _table()["cores"][core]
    return sorted(
        {kind(compiled.graph, operator) for operator, calls in compiled.program.steps if calls}
        - set(costs)
    )


def kind(graph: Graph, operator: Operator) -> str:
    """The operator's name; kinds of their own are convolutions of one pixel, which need no window,
    and products with weights that the network computes, which have a zero point."""
    if operator.name == "CONV_2D" and graph.tensors[operator.inputs[1]].shape[1:3] == (1, 1):
        return "CONV_2D 1x1"
    if operator.name == "FULLY_CONNECTED" and not graph.tensors[operator.inputs[1]].is_constant:
        return "FULLY_CONNECTED of computed weights"
    return operator.name


def work(graph: Graph, operator: Operator) -> tuple[float, float, float, float]:
    """An operator's work in ``UNITS``."""
    written = sum(graph.tensors[t].elements for t in operator.outputs)
    return float(macs(graph, operator)), float(written), float(_read(graph, operator, written)), 1.0


def _read(graph: Graph, operator: Operator, written: int) -> int:
    """Values that are read besides weights; those under a window count as often as a window covers
    them."""
    if operator.name == "CONV_2D":
        return (
            written
            // graph.tensors[operator.inputs[1]].shape[0]
            * prod(graph.tensors[operator.inputs[1]].shape[1:])
        )
    if isinstance(operator.attributes, Pool2D):
        return written * prod(operator.attributes.size)
    return sum(
        graph.tensors[t].elements
        for t in operator.inputs
        if t >= 0 and not graph.tensors[t].is_constant
    )


@lru_cache(maxsize=1)
def _table() -> Any:
    return json.loads(TABLE.read_text(encoding="utf-8"))
