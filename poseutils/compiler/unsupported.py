"""How a frontend or a lowering refuses an operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ..errors import PoseError

T = TypeVar("T")

SELECTING = (
    *("TopK", "NonMaxSuppression", "TOPK_V2"),
    *("NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"),
)
"""Operators that choose among the detections of a network, at its end."""


class Unsupported(Exception):
    """Why one operator cannot become C."""


def cannot_become_c(
    source: str, refused: Sequence[str], what: str = "not supported are"
) -> PoseError:
    """The error for operators that were refused; each is named by its kind first."""
    found = {line.replace(",", " ").split(" ")[0] for line in refused}
    selecting = [kind for kind in SELECTING if kind in found]
    lines = [f"{source} cannot become C; {what}:", *(f"- {line}" for line in refused)]
    if selecting:
        lines.append(
            f"{selecting[0]} chooses among detections, which the decoder beside the network does. "
            "Export the network without it: with Ultralytics by end2end=False, without nms=True, "
            'or by format="stedgeai"'
        )
    return PoseError("\n".join(lines))


def need(condition: bool, reason: str) -> None:
    """Refuses an operator that the kernels do not compute."""
    if not condition:
        raise Unsupported(reason)


def known(value: T | None, reason: str) -> T:
    """The value; refuses the operator if it is None."""
    if value is None:
        raise Unsupported(reason)
    return value


def a(kind: type[T], value: object, reason: str) -> T:
    """The value, which is of a kind; refuses the operator if it is of another."""
    if not isinstance(value, kind):
        raise Unsupported(reason)
    return value
