"""What a board can run, and at what cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from ..benchmarking import PersonScores, Rung, choose, person_scores
from ..benchmarking.choice import Option
from ..decoders.options import ONE_PERSON
from ..deployment import BOARDS, Board, find_board
from .pages import page


class BoardChooser(anywidget.AnyWidget):
    """What a board can run, and at what cost; see :func:`choose_board`.

    Attributes:
        board: one of ``boards``.
        least_oks: lowest OKS that is accurate enough.
        threshold: images with a higher person score have a person.
        about: the board, in words.
        choice: the network for it, in words.
        networks: of each its row in the table; whether it is chosen, suits, or is another one; and
            how much of the chip's memories it fills.
        people: false alarms and misses at the threshold, a row for each network and kind of images.
    """

    _esm = page("parts.js", "board.js")
    _css = page("widgets.css")
    boards = traitlets.List(traitlets.Unicode(), list(BOARDS)).tag(sync=True)
    board = traitlets.Enum(list(BOARDS)).tag(sync=True)
    least_oks = traitlets.Float(min=0, max=1).tag(sync=True)
    threshold = traitlets.Float(min=0, max=1).tag(sync=True)
    about = traitlets.Unicode().tag(sync=True)
    choice = traitlets.Unicode().tag(sync=True)
    networks: traitlets.List[dict] = traitlets.List().tag(sync=True)
    people: traitlets.List[dict] = traitlets.List().tag(sync=True)

    def __init__(self, rungs: Sequence[Rung], measured: Sequence[PersonScores], **values: Any):
        self._rungs, self._measured = rungs, measured
        super().__init__(**values)
        self._choose()
        self._count()

    @traitlets.observe("board", "least_oks")
    def _choose(self, _: Any = None) -> None:
        found = choose(self._rungs, BOARDS[self.board], self.least_oks)
        self.about, self.choice = _about(found.board), found.sentence
        self.networks = [
            _row(one, cells, one is found.chosen)
            for one, cells in zip(found.options, found.rows(), strict=True)
        ]

    @traitlets.observe("threshold")
    def _count(self, _: Any = None) -> None:
        self.people = [
            {
                "network": one.network,
                "images": one.images,
                "falseAlarms": one.false_alarms(self.threshold),
                "misses": one.misses(self.threshold),
            }
            for one in self._measured
        ]


def choose_board(
    rungs: Sequence[Rung],
    board: str,
    least_oks: float = 0.4,
    threshold: float = ONE_PERSON.confidence,
) -> BoardChooser:
    """What a board can run, and at what cost. Choose a board and the least OKS: of each network it
    shows how much of the board's RAM and flash it fills, how long it takes, and what leaves the
    accelerator; the fastest that suits is marked. Beside it, false alarms and misses at the
    threshold of the person score.

    Args:
        rungs: networks to choose from, of :func:`poseutils.benchmarking.ladder`.
        board: name of the first board.
        least_oks: lowest OKS that is accurate enough, to begin with.
        threshold: of the person score, to begin with.

    Raises:
        PoseError: if the board is not known.
    """
    return BoardChooser(
        rungs,
        person_scores(),
        board=find_board(board).name,
        least_oks=least_oks,
        threshold=threshold,
    )


def _row(option: Option, cells: dict[str, Any], chosen: bool) -> dict[str, Any]:
    board, fit = option.fit.board, option.fit
    return {
        "cells": cells,
        "state": _state(option, chosen),
        "bars": {
            "RAM, KiB": (_part(option.rung.ram_kib, board.largest_block_kib), fit.activations),
            "flash, KiB": (_part(option.rung.flash_kib, board.flash_kib), fit.weights),
        },
    }


def _state(option: Option, chosen: bool) -> str:
    if chosen:
        return "chosen"
    return "suits" if option.suits else "other"


def _part(kib: float, on_chip: int) -> float:
    """Of the chip's memory, at most 1."""
    return min(1.0, kib / on_chip) if on_chip else 1.0


def _about(board: Board) -> str:
    if board.linux:
        return f"{board.core}, {board.mhz} MHz, Linux: activations and weights are in DDR memory"
    block = board.largest_block_kib
    parts = [
        f"{board.core}, {board.mhz} MHz",
        f"{board.ram_kib:,} KiB of RAM"
        + (f", {block:,} in its largest block" if block < board.ram_kib else ""),
        f"{board.flash_kib:,} KiB of flash" if board.flash_kib else "no flash",
        f"on the board {board.external_ram_mb} MB of RAM and {board.external_flash_mb} MB of flash",
        "with an NPU" if board.npu else "no NPU",
    ]
    return "; ".join(parts)
