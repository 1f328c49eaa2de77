"""The cost of a network: memory, multiply-accumulates, time, and the boards that it fits."""

from .analysis import measured_core
from .ladder import Rung, ladder, ladder_rows
from .npu import expected_on_processor
from .report import (
    Report,
    arenas_of_others,
    benchmark,
    board_rows,
    by_operator,
    in_units,
    speed_rows,
    summary_rows,
)

__all__ = [
    "Report",
    "Rung",
    "arenas_of_others",
    "benchmark",
    "board_rows",
    "by_operator",
    "expected_on_processor",
    "in_units",
    "ladder",
    "ladder_rows",
    "measured_core",
    "speed_rows",
    "summary_rows",
]
