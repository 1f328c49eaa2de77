"""The STM32 boards, and whether a network fits their memory.

Sizes are those of ST's data sheets, rounded to what a budget needs; check a figure that matters
against the part's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from ..errors import PoseError


@dataclass(frozen=True)
class Board:
    """One board.

    Attributes:
        core: the processor.
        npu: whether it has a neural accelerator.
        target: the family's name for ``stedgeai --target``; None for a board that runs Linux.
        ram_kib, largest_block_kib: RAM on the chip in all, and its largest contiguous block.
        flash_kib: flash on the chip.
        external_ram_mb, external_flash_mb: memory chips on the board.
    """

    name: str
    core: str
    mhz: int
    target: str | None
    ram_kib: int = 0
    largest_block_kib: int = 0
    flash_kib: int = 0
    external_ram_mb: int = 0
    external_flash_mb: int = 0
    npu: bool = False

    @property
    def linux(self) -> bool:
        return self.target is None


_TABLE = (
    Board("STM32N6570-DK", "Cortex-M55", 800, "stm32n6", 4200, 4200, 0, 32, 128, npu=True),
    Board("NUCLEO-N657X0-Q", "Cortex-M55", 800, "stm32n6", 4200, 4200, 0, 0, 64, npu=True),
    Board("STM32H747I-DISCO", "Cortex-M7", 400, "stm32h7", 1024, 512, 2048, 32, 128),
    Board("NUCLEO-H743ZI2", "Cortex-M7", 480, "stm32h7", 1024, 512, 2048),
    Board("STM32H7B3I-DK", "Cortex-M7", 280, "stm32h7", 1376, 1024, 2048, 16, 64),
    Board("STM32H735G-DK", "Cortex-M7", 550, "stm32h7", 564, 320, 1024, 16, 64),
    Board("STM32F769I-DISCO", "Cortex-M7", 216, "stm32f7", 512, 512, 2048, 16, 64),
    Board("STM32F746G-DISCO", "Cortex-M7", 216, "stm32f7", 320, 320, 1024, 8, 16),
    Board("STM32F469I-DISCO", "Cortex-M4", 180, "stm32f4", 320, 320, 2048, 16, 16),
    Board("B-U585I-IOT02A", "Cortex-M33", 160, "stm32u5", 768, 768, 2048, 8, 64),
    Board("STM32L4R9I-DISCO", "Cortex-M4", 120, "stm32l4", 640, 640, 2048),
    Board("NUCLEO-G474RE", "Cortex-M4", 170, "stm32g4", 128, 128, 512),
    Board("NUCLEO-F401RE", "Cortex-M4", 84, "stm32f4", 96, 96, 512),
    Board("STM32MP257F-EV1", "2 x Cortex-A35", 1500, None, npu=True),
    Board("STM32MP157F-DK2", "2 x Cortex-A7", 800, None),
    Board("STM32MP135F-DK", "Cortex-A7", 1000, None),
)
BOARDS = {board.name: board for board in _TABLE}

ANNOUNCED = {
    "STM32V8": "Cortex-M85 with Helium",
    "STM32H7P": "Cortex-M7 with an NPU",
    "STM32U3": "Cortex-M33 with an HSP",
}
"""Families that ST announced, and their cores. Their memory is not known yet."""


@dataclass(frozen=True)
class Fit:
    """The memory for activations and for weights, each ``"internal"``, ``"external"`` or ``"no"``;
    the verdict is the worse of the two."""

    board: Board
    activations: str
    weights: str
    reason: str

    @property
    def verdict(self) -> str:
        return max(self.activations, self.weights, key=("internal", "external", "no").index)


def find_board(name: str) -> Board:
    """The board of that name, in any case.

    Raises:
        PoseError: if it is not known; the nearest name is suggested. If its family is announced
            only, and its memory not known yet.
    """
    known = {key.upper(): board for key, board in BOARDS.items()}
    if str(name).upper() in known:
        return known[str(name).upper()]
    for family, core in ANNOUNCED.items():
        if str(name).upper().startswith(family):
            raise PoseError(
                f"board {name!r}: the {family} ({core}) is announced, and its memory is not known "
                f"yet, so that nothing can be said of it. Boards with figures: {', '.join(BOARDS)}."
            )
    near = get_close_matches(str(name).upper(), known, n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise PoseError(f"board {name!r} is not known. {hint}The boards are: {', '.join(BOARDS)}.")


def fits(activation_kib: float, weight_kib: float, board: Board) -> Fit:
    """Which memory of a board holds the activations (in one block) and the weights of a network.

    Buffers (camera, display, stack) and code of the application come on top.
    """
    if board.linux:
        reason = "runs Linux: activations and weights are in the board's DDR memory"
        return Fit(board, "external", "external", reason)
    activations = _place(activation_kib, board.largest_block_kib, board.external_ram_mb)
    weights = _place(weight_kib, board.flash_kib, board.external_flash_mb)
    block = "RAM in one block" if board.largest_block_kib < board.ram_kib else "RAM"
    ram, flash = board.largest_block_kib, board.flash_kib
    reasons = (
        f"activations {_phrase(activations, activation_kib, ram, board.external_ram_mb, block)}",
        f"weights {_phrase(weights, weight_kib, flash, board.external_flash_mb, 'flash')}",
    )
    return Fit(board, activations, weights, "; ".join(reasons))


def memory_rows(arena_bytes: int, flash_bytes: int, board: Board) -> list[dict]:
    """RAM and flash of a board for a table, in KiB: memory, on the chip (RAM: the largest block),
    used, left, place (of the network).

    Left is empty if the chip has too little; external memory is used then.
    """
    if board.linux:
        return [
            {"memory": name, "used, KiB": round(used / 1024), "place": "DDR"}
            for name, used in (("RAM", arena_bytes), ("flash", flash_bytes))
        ]
    fit = fits(arena_bytes / 1024, flash_bytes / 1024, board)
    block = "RAM, largest block" if board.largest_block_kib < board.ram_kib else "RAM"
    rows = []
    for name, kib, used, place in (
        (block, board.largest_block_kib, arena_bytes, fit.activations),
        ("flash", board.flash_kib, flash_bytes, fit.weights),
    ):
        left = kib - used / 1024
        rows.append(
            {
                "memory": name,
                "on the chip, KiB": kib,
                "used, KiB": round(used / 1024),
                "left, KiB": round(left) if left >= 0 else "",
                "place": {"no": "too much"}.get(place, place),
            }
        )
    return rows


def _place(kib: float, internal_kib: int, external_mb: int) -> str:
    if kib <= internal_kib:
        return "internal"
    return "external" if kib <= external_mb * 1024 else "no"


def _phrase(place: str, kib: float, internal_kib: int, external_mb: int, what: str) -> str:
    internal = f"{internal_kib} KiB of internal {what}" if internal_kib else f"no internal {what}"
    external = f"{external_mb} MB of external memory" if external_mb else "no external memory"
    where = {
        "internal": f"in {internal}",
        "external": f"in {external} ({internal})",
        "no": f"too much: {internal}, {external}",
    }
    return f"{kib:.0f} KiB {where[place]}"
