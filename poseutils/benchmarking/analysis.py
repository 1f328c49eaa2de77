"""Whether a network fits each board, and its estimated speed there."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..compiler.compile import Compiled, compile_graph
from ..compiler.cost_model import cores, instructions, unmeasured
from ..compiler.graph import Graph, layers
from ..deployment.boards import BOARDS, Board, fits
from ..errors import PoseError
from .published import Published

_MEASURED_FOR = {"Cortex-M33": "Cortex-M4"}
"""Cores that are not emulated here, and the nearest that is: both have the DSP instructions and no
vectors."""


@dataclass(frozen=True)
class Analysis:
    """What a network needs.

    Attributes:
        ram_bytes: the arena of the exported C; if the network cannot become C, the peak of live
            activations.
        flash_bytes: the constants of the exported C, or the weights. Code, 10 to 20 KiB, comes on
            top.
        layerwise_bytes: the arena of the exported C if one layer ran after the other; None if the
            network cannot become C.
        instructions: per inference by emulated core, estimated by
            :mod:`poseutils.compiler.cost_model`.
        guessed: kinds of operators that were not measured; an average is used for them.
        reason: why the network cannot become C, or ``""``.
    """

    ram_bytes: int
    flash_bytes: int
    layerwise_bytes: int | None = None
    instructions: dict[str, float] = field(default_factory=dict)
    guessed: tuple[str, ...] = ()
    reason: str = ""

    def rows(self, figures: Published | None = None) -> list[dict]:
        """One row per board.

        board, core, verdict, activations, weights (each internal, external or no), reason;
        layerwise (where activations would be, one layer after the other; None if not known);
        instructions, ms_at_one and ms_at_two (estimated milliseconds at the board's clock with one
        and two instructions per cycle), None if they are not known or the network does not fit;
        published_ms, published_ram_kib and published_flash_kib, each a figure of ST's with its
        release, None if ST does not publish it.
        """
        return [self._row(board, figures) for board in BOARDS.values()]

    def _row(self, board: Board, figures: Published | None) -> dict:
        fit = fits(self.ram_bytes / 1024, self.flash_bytes / 1024, board)
        memory = figures if board.npu and not board.linux else None
        return {
            "board": board.name,
            "core": board.core,
            "verdict": fit.verdict,
            "activations": fit.activations,
            "weights": fit.weights,
            "reason": fit.reason,
            "layerwise": self._layerwise(board),
            **self._speed(board, fit.verdict != "no"),
            "published_ms": figures.milliseconds.get(board.name) if figures else None,
            "published_ram_kib": memory.ram_kib if memory else None,
            "published_flash_kib": memory.flash_kib if memory else None,
        }

    def _layerwise(self, board: Board) -> str | None:
        if self.layerwise_bytes is None:
            return None
        return fits(self.layerwise_bytes / 1024, self.flash_bytes / 1024, board).activations

    def _speed(self, board: Board, has_room: bool) -> dict[str, float | None]:
        count = self.instructions.get(measured_core(board) or "") if has_room else None
        if count is None:
            return dict.fromkeys(("instructions", "ms_at_one", "ms_at_two"))
        return {
            "instructions": count,
            "ms_at_one": milliseconds(count, board, 1),
            "ms_at_two": milliseconds(count, board, 2),
        }


def analyze(graph: Graph, source: str) -> Analysis:
    """The needs of a quantized network, as C if it can become C.

    Args:
        source: what errors call the model.
    """
    try:
        return _of_code(compile_graph(graph, source, "quantized", "network"))
    except PoseError as error:
        rows = layers(graph)
        peak = max(row["live_bytes"] for row in rows)
        return Analysis(peak, sum(row["weight_bytes"] for row in rows), reason=str(error))


def _of_code(compiled: Compiled) -> Analysis:
    known = cores()
    counts = {core: sum(instructions(compiled, core)) for core in known}
    guessed = tuple(sorted({kind for core in known for kind in unmeasured(compiled, core)}))
    layerwise = compiled.layerwise.plan.size
    return Analysis(compiled.plan.size, compiled.flash_bytes, layerwise, counts, guessed)


def measured_core(board: Board) -> str | None:
    """The emulated core whose counts hold for a board's; None if there is none, as for Linux."""
    core = _MEASURED_FOR.get(board.core, board.core)
    return core if core in cores() else None


def milliseconds(count: float, board: Board, per_cycle: int) -> float:
    """Converts an instruction count to milliseconds at the board's clock, for a given number of
    instructions per cycle and no memory stalls."""
    return count / (1000 * board.mhz * per_cycle)
