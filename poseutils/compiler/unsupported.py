"""How a frontend or a lowering refuses an operator."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Unsupported(Exception):
    """Why one operator cannot become C."""


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
