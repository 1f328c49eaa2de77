"""The C code on an emulated Cortex-M: QEMU counts instructions, not cycles or milliseconds."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...compiler.graph import Tensor
from ...errors import PoseError
from ..boards import BOARDS, find_board
from .host_build import Inputs, copy_sources, input_bytes, run_make, run_tool, split_outputs

INSTALL = "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
"""Installs the tools on Debian."""

_TOOLS = ("arm-none-eabi-gcc", "arm-none-eabi-size", "qemu-system-arm", "make")


class NotEmulated(PoseError):
    """Raised where a board cannot be emulated; the message says why, and what to do about it."""


@dataclass(frozen=True)
class _Machine:
    """One of QEMU's boards: its name, and the address and size of vectors, flash and RAM."""

    core: str
    machine: str
    start: tuple[str, str]
    flash: tuple[str, str]
    ram: tuple[str, str]


_START, _FLASH = ("0x00000000", "1K"), ("0x00000400", "4095K")
EMULATED = {
    "m4": _Machine("Cortex-M4", "mps2-an386", _START, _FLASH, ("0x21000000", "16M")),
    "m7": _Machine("Cortex-M7", "mps2-an500", _START, _FLASH, ("0x60000000", "16M")),
    "m55": _Machine(
        "Cortex-M55",
        "mps3-an547",
        ("0x00000000", "512K"),
        ("0x60000000", "16M"),
        ("0x61000000", "16M"),
    ),
}
"""By the names of the Makefile's targets."""


@dataclass(frozen=True)
class Emulation:
    """The results of an emulated core.

    Attributes:
        outputs: the outputs of the C code by name, (B, ...).
        instructions: of the network alone, per image.
        text_bytes, data_bytes, bss_bytes: sizes of the program by arm-none-eabi-size: code and
            constants; initialized variables; uninitialized variables, including the arena.
    """

    core: str
    outputs: dict[str, np.ndarray]
    instructions: tuple[int, ...]
    text_bytes: int
    data_bytes: int
    bss_bytes: int


def linker_script(core: str) -> dict[str, str]:
    """The values of the template of the linker script of one of ``EMULATED``."""
    made = EMULATED[core]
    about = f"Memory of QEMU's {made.machine}, a {made.core}."
    places = {"start": made.start, "flash": made.flash, "ram": made.ram}
    filled = {name: place[0] for name, place in places.items()} | {
        f"{name}_bytes": place[1] for name, place in places.items()
    }
    return {"about": about, **filled}


def missing_tools() -> list[str]:
    """The programs that emulation needs and that are not installed."""
    return [tool for tool in _TOOLS if shutil.which(tool) is None]


def emulate(
    folder: Path, taken: Sequence[Tensor], given: Sequence[Tensor], inputs: Inputs, board: str
) -> Emulation:
    """See :meth:`poseutils.deployment.Bundle.emulate`."""
    core = emulated_core(board)
    check_tools()
    data, count = input_bytes(taken, inputs)
    with tempfile.TemporaryDirectory() as work:
        copied = copy_sources(folder, Path(work))
        run_make(copied, core)
        sizes = run_tool(["arm-none-eabi-size", f"build/{core}.elf"], copied).splitlines()[1]
        outputs, instructions = run_program(copied, core, given, data, count)
    return Emulation(EMULATED[core].core, outputs, instructions, *map(int, sizes.split()[:3]))


def run_program(
    folder: Path, core: str, given: Sequence[Tensor], inputs: bytes, count: int
) -> tuple[dict[str, np.ndarray], tuple[int, ...]]:
    """Runs what ``make`` built for one of ``EMULATED``: the outputs by name, (B, ...), and the
    instructions of each image."""
    (folder / "in.bin").write_bytes(inputs)
    printed = run_tool(qemu_command(core), folder, count)
    outputs = split_outputs((folder / "out.bin").read_bytes(), given, count)
    counts = re.findall(r"^(\d+) instructions$", printed, re.MULTILINE)
    return outputs, tuple(map(int, counts))


def check_tools() -> None:
    """Raises NotEmulated if a program that emulation needs is missing; says what installs it."""
    if missing := missing_tools():
        raise NotEmulated(f"not installed: {', '.join(missing)}. On Debian: {INSTALL}")


def emulated_core(board: str) -> str:
    """The key in ``EMULATED`` for a core's or a board's name.

    Raises:
        NotEmulated: if the board has another core.
        PoseError: if the board or core is not known.
    """
    by_core = {made.core.upper(): key for key, made in EMULATED.items()}
    cores = ", ".join(made.core for made in EMULATED.values())
    core = board
    if board.upper() not in by_core:
        if board.upper() not in (known.upper() for known in BOARDS):
            raise PoseError(f"board={board!r}: expected {cores}, or one of {', '.join(BOARDS)}")
        core = find_board(board).core
    if core.upper() not in by_core:
        raise NotEmulated(f"{board} has a {core}; emulated are {cores}")
    return by_core[core.upper()]


def qemu_command(core: str) -> list[str]:
    """The command that runs the program of one of ``EMULATED``, from in.bin to out.bin."""
    semihosting = "enable=on,target=native,arg=main,arg=in.bin,arg=out.bin"
    plain = ["-nographic", "-monitor", "none", "-serial", "none"]
    # One nanosecond of the emulated clock per instruction: the clock counts them, reproducibly.
    counting = ["-icount", "shift=0", "-semihosting-config", semihosting]
    machine = ["qemu-system-arm", "-M", EMULATED[core].machine]
    return [*machine, *plain, *counting, "-kernel", f"build/{core}.elf"]
