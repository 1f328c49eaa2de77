"""Which layers of a network an STM32's accelerator is expected to leave to the processor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ..deployment.boards import Board

ON_PROCESSOR = {
    "RESIZE_BILINEAR": "bilinear resizing",
    "TRANSPOSE_CONV": "transposed convolution",
    "SOFTMAX": "softmax",
    "QUANTIZE": "conversion to other integers",
    "DEQUANTIZE": "conversion to floats",
    "TRANSPOSE": "another order of the axes",
}
"""Operators that ST's compiler gave to the processor in published reports of networks for poses
(MoveNet, YOLOv8) on the STM32N6, and why. Another version may place them otherwise."""


def expected_on_processor(layers: Sequence[dict], board: Board) -> list[dict]:
    """A row for each kind of operator that is expected on the processor of a board with an
    accelerator; none for other boards.

    Args:
        layers: as in :attr:`poseutils.benchmarking.Report.layers`.
    """
    counts = Counter(row["operator"] for row in layers)
    return [
        {"operator": kind, "what it does": ON_PROCESSOR[kind], "layers": count}
        for kind, count in leaving(counts, board).items()
    ]


def leaving(operators: Mapping[str, int], board: Board) -> dict[str, int]:
    """Of the numbers of operators by kind, those that an accelerator is expected to leave to the
    processor; none on a board without one."""
    return {k: n for k, n in operators.items() if k in ON_PROCESSOR} if board.npu else {}
