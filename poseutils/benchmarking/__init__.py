"""The cost of a network: memory, multiply-accumulates, time, and the boards that it fits."""

from .report import (
    Report,
    benchmark,
    board_rows,
    by_operator,
    in_units,
    speed_rows,
    summary_rows,
)

__all__ = [
    "Report",
    "benchmark",
    "board_rows",
    "by_operator",
    "in_units",
    "speed_rows",
    "summary_rows",
]
