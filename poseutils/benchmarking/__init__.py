"""The cost of a network: memory, multiply-accumulates, time, and the boards that it fits."""

from .analysis import measured_core
from .choice import Choice, choose
from .ladder import Rung, ladder
from .npu import expected_on_processor
from .person_scores import PersonScores, person_score_rows, person_scores
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
    "Choice",
    "PersonScores",
    "Report",
    "Rung",
    "arenas_of_others",
    "benchmark",
    "board_rows",
    "by_operator",
    "choose",
    "expected_on_processor",
    "in_units",
    "ladder",
    "measured_core",
    "person_score_rows",
    "person_scores",
    "speed_rows",
    "summary_rows",
]
