"""Networks of several widths and input sizes beside each other: accuracy against cost.

``ladder.json`` holds what ``python -m tests.bench.studies.ladder`` measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
        operators: how many of each kind the file has.
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
    operators: Mapping[str, int]


def ladder() -> list[Rung]:
    """The measured networks, narrow and small ones first."""
    return [Rung(**row) for row in json.loads(LADDER.read_text(encoding="utf-8"))]
