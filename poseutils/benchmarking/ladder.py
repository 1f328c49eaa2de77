"""Networks of several widths and input sizes beside each other: accuracy against cost.

``ladder.json`` holds what ``python -m tests.bench.ladder`` measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..deployment.boards import Board, fits

LADDER = Path(__file__).with_name("ladder.json")


@dataclass(frozen=True)
class Rung:
    """One int8 network.

    Attributes:
        network: its name.
        alpha: width multiplier of the backbone; None for a network that was not trained here.
        size: height and width of the input in pixels.
        training: how it was trained, in a few words.
        oks, oks_error: mean OKS of people by their boxes, and its standard error; None if it was
            not trained.
        mmacs: million multiply-accumulates per inference.
        ram_kib, flash_kib: arena and constants of the network as C.
        minstructions: million instructions per inference by core, estimated.
        published_ram_kib: ST's figure for the STM32N6, if there is one.
    """

    network: str
    alpha: float | None
    size: int
    training: str
    oks: float | None
    oks_error: float | None
    mmacs: float
    ram_kib: float
    flash_kib: float
    minstructions: Mapping[str, float]
    published_ram_kib: float | None = None


def ladder() -> list[Rung]:
    """The measured networks, narrow and small ones first."""
    return [Rung(**row) for row in json.loads(LADDER.read_text(encoding="utf-8"))]


def ladder_rows(rungs: Sequence[Rung], board: Board, core: str | None) -> list[dict]:
    """A table of the networks.

    Args:
        board: whose memory is looked at.
        core: whose instructions are shown, a key of ``minstructions``; None for none.
    """
    return [
        {
            "network": rung.network,
            "alpha": "" if rung.alpha is None else f"{rung.alpha:g}",
            "input": f"{rung.size} × {rung.size}",
            "OKS": "" if rung.oks is None else f"{rung.oks:.3f} ± {rung.oks_error:.3f}",
            "training": rung.training,
            "MMAC": round(rung.mmacs),
            "RAM, KiB": round(rung.ram_kib),
            "ST's": "" if rung.published_ram_kib is None else f"{rung.published_ram_kib:,.0f}",
            "flash, KiB": round(rung.flash_kib),
            "M instructions": round(rung.minstructions[core]) if core else "",
            f"fits {board.name}": fits(rung.ram_kib, rung.flash_kib, board).verdict,
        }
        for rung in rungs
    ]
