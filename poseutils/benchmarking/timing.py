"""From an instruction count to milliseconds on a board."""

from __future__ import annotations

from ..compiler.cost_model import cores
from ..deployment.boards import Board

_MEASURED_FOR = {"Cortex-M33": "Cortex-M4"}
"""Cores that no emulator here has, and the nearest that one has: both have the DSP instructions and
no vectors."""


def measured_core(board: Board) -> str | None:
    """The emulated core whose counts speak for a board's; None if none does, as for one that runs
    Linux."""
    core = _MEASURED_FOR.get(board.core, board.core)
    return core if core in cores() else None


def milliseconds(count: float, board: Board, per_cycle: int) -> float:
    """What so many instructions take at a board's clock, if the core completes so many a cycle and
    never waits for memory."""
    return count / (1000 * board.mhz * per_cycle)
