"""Limits of what a model file may claim to hold or to compute, checked before a runtime allocates
memory or takes time for it."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from pathlib import Path

from ....errors import PoseError

MOST_VALUES = 1 << 26
"""Of an input: those of 4096 × 4096 pixels of four channels."""
MOST_MEMORY = 2 << 30
"""Bytes of tensors that live at once; of a pose network they are a hundredth."""
MOST_WORK = 1 << 40
"""Multiply-accumulates of one run: the largest pose networks have half as many."""
OF_ONE_VALUE = 16
"""Multiply-accumulates that take about as long as reading or writing a value of a tensor."""


def check_input(shape: Iterable[int | None], path: Path) -> None:
    """Refuses an input of no values, or of more than any image has; sizes that are open count as
    one.

    Raises:
        PoseError: the message has the shape.
    """
    shape = tuple(shape)
    if any(size is not None and size < 1 for size in shape):
        raise PoseError(f"{path} takes an input of shape {shape}, which is empty. Export it again.")
    if prod(size or 1 for size in shape) > MOST_VALUES:
        raise PoseError(
            f"{path} takes an input of shape {shape}, imgsz included; up to {MOST_VALUES:,} values "
            "are run. Export it again for smaller images."
        )


def check_cost(memory: int, work: int, path: Path) -> None:
    """Refuses a network that would take all memory, or run for minutes.

    Args:
        memory: bytes.
        work: multiply-accumulates, other operations among them by :data:`OF_ONE_VALUE`.

    Raises:
        PoseError: the message says what it claims.
    """
    for what, claimed, most in (
        ("bytes of memory", memory, MOST_MEMORY),
        ("multiply-accumulates", work, MOST_WORK),
    ):
        if claimed > most:
            raise PoseError(
                f"{path} claims {claimed:,} {what}; up to {most:,} are run. If it is whole, export "
                "it again for smaller images."
            )
