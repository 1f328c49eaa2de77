"""Will a network fit, and how fast will it be? The same few numbers for every board."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..compiler.compile import Compiled, compile_graph
from ..compiler.cost_model import cores, instructions, unmeasured
from ..compiler.graph import Graph, layers
from ..deployment.boards import BOARDS, Board, fits
from ..errors import PoseError
from .published import Published
from .timing import measured_core, milliseconds


@dataclass(frozen=True)
class Analysis:
    """What a network needs.

    Attributes:
        ram_bytes: the activations: the arena of the exported C; of a network that cannot become C,
            the most that is alive at once.
        flash_bytes: the constants of the exported C, or the weights. Code, 10 to 20 KiB, comes on
            top.
        instructions: of one inference by emulated core, as the cost model of
            :mod:`poseutils.compiler.cost_model` has them.
        guessed: kinds of operators that no count is known of; an average stands in for them.
        reason: why the network cannot become C, or ``""``.
    """

    ram_bytes: int
    flash_bytes: int
    instructions: dict[str, float] = field(default_factory=dict)
    guessed: tuple[str, ...] = ()
    reason: str = ""

    def rows(self, figures: Published | None = None) -> list[dict]:
        """One row a board.

        board, core, verdict, activations, weights (each internal, external or no), reason;
        instructions, ms_at_one and ms_at_two (milliseconds at the board's clock for one and two
        instructions a cycle, an estimate), None where they are not known or the network does not
        fit; published_ms, published_ram_kib and published_flash_kib, what ST publishes, None where
        it does not.
        """
        return [self._row(board, figures) for board in BOARDS.values()]

    def _row(self, board: Board, figures: Published | None) -> dict:
        fit = fits(self.ram_bytes / 1024, self.flash_bytes / 1024, board)
        return {
            "board": board.name,
            "core": board.core,
            "verdict": fit.verdict,
            "activations": fit.activations,
            "weights": fit.weights,
            "reason": fit.reason,
            **self._speed(board if fit.verdict != "no" else None),
            "published_ms": figures.milliseconds.get(board.name) if figures else None,
            "published_ram_kib": figures.ram_kib
            if figures and board.npu and not board.linux
            else None,
            "published_flash_kib": figures.flash_kib
            if figures and board.npu and not board.linux
            else None,
        }

    def _speed(self, board: Board | None) -> dict[str, float | None]:
        count = self.instructions.get(measured_core(board) or "") if board else None
        if count is None:
            return dict.fromkeys(("instructions", "ms_at_one", "ms_at_two"))
        return {
            "instructions": count,
            "ms_at_one": milliseconds(count, board, 1),
            "ms_at_two": milliseconds(count, board, 2),
        }


def analyze(graph: Graph, source: str) -> Analysis:
    """What a quantized network needs, as C where it can become C.

    Args:
        source: what the model is called.
    """
    try:
        return _of_code(compile_graph(graph, source, "quantized", "network"))
    except PoseError as error:
        rows = layers(graph)
        peak, weights = (
            max(row["live_bytes"] for row in rows),
            sum(row["weight_bytes"] for row in rows),
        )
        return Analysis(peak, weights, reason=str(error))


def _of_code(compiled: Compiled) -> Analysis:
    known = cores()
    counts = {core: sum(instructions(compiled, core)) for core in known}
    guessed = tuple(sorted({kind for core in known for kind in unmeasured(compiled, core)}))
    return Analysis(compiled.plan.size, compiled.flash_bytes, counts, guessed)
