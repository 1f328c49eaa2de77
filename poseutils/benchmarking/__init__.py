"""What a network costs: memory, work, time, and the boards that have room for it."""

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
