"""Code size, stack and use of floats of a network as C, from measurements of the operators.

``tests/bench/measure/footprint.py`` compiles every operator for the emulated cores and writes
``footprint.json``; so figures do not depend on the compiler of the computer that exports.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .compile import Compiled

TABLE = Path(__file__).parent / "footprint.json"

_CALL = re.compile(r"(pose_\w+)\(")


@dataclass(frozen=True)
class Footprint:
    """What a network takes on one core besides arena and constants.

    Attributes:
        code_bytes: of the network's own functions, and of the operators and the decoder that it
            calls; the C library's come on top.
        stack_bytes: the most that running, or decoding, takes; the hook's and the C library's come
            on top.
    """

    code_bytes: int
    stack_bytes: int


def measured_with() -> str:
    """The compiler and how it optimized."""
    return str(_table()["compiler"])


def footprint(compiled: Compiled, core: str, decoder: str | None) -> Footprint | None:
    """What a network takes on one of the cores; None if it calls what was not measured there.

    Args:
        decoder: the function that decodes its outputs, such as ``pose_decode_yolo``.
    """
    known = _table()["cores"].get(core)
    if known is None:
        return None
    functions, network = known["functions"], known["network"]
    called = _called(compiled) | ({decoder} if decoder else set())
    if not called <= set(functions):
        return None
    own = round(network["bytes"] * len(compiled.program.steps))
    code = own + sum(functions[name]["bytes"] for name in _reached(called, functions))
    return Footprint(
        code, network["stack"] + max((_depth(name, functions) for name in called), default=0)
    )


def layer_bytes(compiled: Compiled) -> int | None:
    """Flash of the structures that describe the layers; None if one of them was not measured."""
    sizes = _table()["layers"]
    kinds = [kind for kind, _, _ in compiled.program.structs]
    return sum(sizes[kind] for kind in kinds) if set(kinds) <= set(sizes) else None


def float_operators(compiled: Compiled) -> dict[str, int]:
    """How many operators of each kind compute with floats; what was not measured counts as such."""
    functions = next(iter(_table()["cores"].values()))["functions"]
    found: dict[str, int] = {}
    for operator, calls in compiled.program.steps:
        used = _reached(_CALL.findall(" ".join(calls)), functions)
        if any(functions.get(name, {"floats": True})["floats"] for name in used):
            found[operator.name] = found.get(operator.name, 0) + 1
    return found


def _called(compiled: Compiled) -> set[str]:
    return {
        name
        for _, calls in compiled.program.steps
        for call in calls
        for name in _CALL.findall(call)
    }


def _reached(names: Iterable[str], functions: dict[str, Any]) -> set[str]:
    """The functions, and all that they call."""
    reached, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += functions.get(name, {"calls": []})["calls"]
    return reached


def _depth(name: str, functions: dict[str, Any]) -> int:
    """The most stack that a function takes with all that it calls."""
    own = functions[name]
    return int(own["stack"]) + max((_depth(c, functions) for c in own["calls"]), default=0)


@lru_cache(maxsize=1)
def _table() -> Any:
    return json.loads(TABLE.read_text(encoding="utf-8"))
