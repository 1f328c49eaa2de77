"""Running an exported folder on an emulated Cortex-M: QEMU's boards, which count instructions, not cycles or milliseconds."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import PoseError
from ..graph import Tensor
from .boards import BOARDS, find_board
from .host import check_inputs, copy_sources, run_make, run_tool, split_outputs

INSTALL = "apt-get install gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm"
"""What installs the tools on Debian."""

_TOOLS = ("arm-none-eabi-gcc", "arm-none-eabi-size", "qemu-system-arm", "make")


@dataclass(frozen=True)
class _Machine:
    """One of QEMU's boards: its name there, and where vectors, flash and RAM are (address, size)."""

    core: str
    machine: str
    start: tuple[str, str]
    flash: tuple[str, str]
    ram: tuple[str, str]


EMULATED = {
    "m4": _Machine("Cortex-M4", "mps2-an386", ("0x00000000", "1K"), ("0x00000400", "4095K"), ("0x21000000", "16M")),
    "m7": _Machine("Cortex-M7", "mps2-an500", ("0x00000000", "1K"), ("0x00000400", "4095K"), ("0x60000000", "16M")),
    "m55": _Machine("Cortex-M55", "mps3-an547", ("0x00000000", "512K"), ("0x60000000", "16M"), ("0x61000000", "16M")),
}
"""By the names of the Makefile's targets."""


@dataclass(frozen=True)
class Emulation:
    """What an emulated core gave.

    Attributes:
        outputs: by name, (B, ...), as the C code gives them.
        instructions: of each image, those of the network alone.
        text_bytes, data_bytes, bss_bytes: what arm-none-eabi-size says of the program: code and constants; variables with a value;
            variables without, the arena among them.
    """

    core: str
    outputs: dict[str, np.ndarray]
    instructions: tuple[int, ...]
    text_bytes: int
    data_bytes: int
    bss_bytes: int


def linker_script(core: str) -> dict[str, str]:
    """What fills the linker script of one of ``EMULATED``."""
    made = EMULATED[core]
    about = f"Memory of QEMU's {made.machine}, a {made.core}."
    places = {"start": made.start, "flash": made.flash, "ram": made.ram}
    filled = {name: place[0] for name, place in places.items()} | {f"{name}_bytes": place[1] for name, place in places.items()}
    return {"about": about, **filled}


def missing_tools() -> list[str]:
    """The programs that emulation needs and this computer has not."""
    return [tool for tool in _TOOLS if shutil.which(tool) is None]


def emulate(folder: Path, name: str, taken: Tensor, given: Sequence[Tensor], inputs: np.ndarray, board: str) -> Emulation:
    """See :meth:`poseutils.deployment.ExportedBundle.emulate`."""
    key = _target(board)
    missing = missing_tools()
    if missing:
        raise PoseError(f"not installed: {', '.join(missing)}. On Debian: {INSTALL}")
    check_inputs(taken, inputs)
    with tempfile.TemporaryDirectory() as work:
        copied = copy_sources(folder, Path(work))
        run_make(copied, key)
        (copied / "in.bin").write_bytes(np.ascontiguousarray(inputs).tobytes())
        printed = run_tool(qemu_command(key), copied)
        sizes = run_tool(["arm-none-eabi-size", f"build/{key}.elf"], copied).splitlines()[1].split()[:3]
        outputs = split_outputs((copied / "out.bin").read_bytes(), given, len(inputs))
    instructions = tuple(int(count) for count in re.findall(r"^(\d+) instructions$", printed, re.MULTILINE))
    return Emulation(EMULATED[key].core, outputs, instructions, *map(int, sizes))


def _target(board: str) -> str:
    """The emulated core for a core's or a board's name."""
    by_core = {made.core.upper(): key for key, made in EMULATED.items()}
    if board.upper() in by_core:
        return by_core[board.upper()]
    if board.upper() in (known.upper() for known in BOARDS):
        core = find_board(board).core
        if core.upper() in by_core:
            return by_core[core.upper()]
        raise PoseError(f"{board} has a {core}; emulated are {', '.join(made.core for made in EMULATED.values())}")
    raise PoseError(f"board={board!r}: expected {', '.join(made.core for made in EMULATED.values())}, or a board with one of them")


def qemu_command(key: str) -> list[str]:
    """What runs the program that was made for one of ``EMULATED``, from in.bin to out.bin."""
    semihosting = "enable=on,target=native,arg=main,arg=in.bin,arg=out.bin"
    plain = ["-nographic", "-monitor", "none", "-serial", "none"]
    # One nanosecond of the emulated clock an instruction: the clock then counts them, and every run counts the same.
    counted = ["-icount", "shift=0", "-semihosting-config", semihosting, "-kernel", f"build/{key}.elf"]
    return ["qemu-system-arm", "-M", EMULATED[key].machine, *plain, *counted]
