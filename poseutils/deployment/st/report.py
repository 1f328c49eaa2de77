"""The report of ``stedgeai`` on a network, as its releases 2.2 to 4.0 print it.

A microcontroller's has a summary in all of them, with the totals only where an Arm compiler is on
the PATH. That of an accelerator has none from 3.0 on, but the use of each memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ...errors import PoseError
from .program import PROGRAM, ending, text_of

_SIZE = r"([\d,]+) B\b"
_SUMMARY = re.compile(
    r'Summary - "[^"]*" target.*?^\W*TOTAL\s+([\d,]+)\s+([\d,]+)', re.DOTALL | re.MULTILINE
)
_UNITS = {"B": 1, "kB": 1 << 10, "MB": 1 << 20}
_USE = r"([\d.]+)\s+(B|kB|MB)"
_MEMORIES = re.compile(
    rf"^Total:\s+{_USE}\s+--\s+weights:\s+{_USE}\s+activations:\s+{_USE}", re.MULTILINE
)
_VERSION = re.compile(r"(?:ST Edge AI Core|stedgeai)\D*(\d+(?:\.\d+)+)")


@dataclass(frozen=True)
class StReport:
    """The report of ``stedgeai`` on a network; None for what it does not contain.

    Attributes:
        version: of the compiler.
        target: the family of boards, such as ``stm32h7``.
        macs: multiply-accumulates per inference; 0 if the accelerator does them.
        weight_bytes, activation_bytes: of the network alone.
        flash_bytes, ram_bytes: in total, with ST's runtime library.
        output: the folder of its output files.
        log: its printed output.
    """

    version: str | None
    target: str
    macs: int | None
    weight_bytes: int | None
    activation_bytes: int | None
    flash_bytes: int | None
    ram_bytes: int | None
    output: Path
    log: Path

    @property
    def row(self) -> dict:
        """The report for a table, sizes in KiB."""
        sizes = {
            "RAM, KiB": self.ram_bytes or self.activation_bytes,
            "flash, KiB": self.flash_bytes or self.weight_bytes,
        }
        compiler = f"ST Edge AI Core {self.version or ''}".strip()
        return {"compiler": compiler, "target": self.target} | {
            name: "" if size is None else f"{size / 1024:,.0f}" for name, size in sizes.items()
        }


def read_report(log: Path, target: str, output: Path) -> StReport:
    """The sizes in the output of ``stedgeai``.

    Raises:
        PoseError: if it contains neither weights nor activations.
    """
    text = text_of(log)
    weights = _number(rf"weights \(ro\)\s*:\s*{_SIZE}", text)
    activations = _number(rf"activations \(rw\)\s*:\s*{_SIZE}", text)
    if weights is None and activations is None:
        weights, activations = _use_of_memories(text)
    if weights is None and activations is None:
        raise PoseError(
            f"{PROGRAM} succeeded, but its report has no sizes in a known format.\n{ending(log)}"
        )
    flash = ram = None
    if totals := _SUMMARY.search(text):
        flash, ram = (int(number.replace(",", "")) for number in totals.groups())
    macs = _number(r"^\W*(?:macc\s*:\s*|model: macc=)([\d,]+)", text)
    return StReport(version_in(log), target, macs, weights, activations, flash, ram, output, log)


def version_in(log: Path) -> str | None:
    """The version that ``stedgeai`` prints first; the line before it in the log is the command."""
    found = _VERSION.search(text_of(log).partition("\n")[2])
    return found[1] if found else None


def _use_of_memories(text: str) -> tuple[int | None, int | None]:
    """Bytes of weights and activations in all memories of an accelerator."""
    found = _MEMORIES.search(text)
    if found is None:
        return None, None
    _, _, weights, its_unit, activations, their_unit = found.groups()
    return _bytes(weights, its_unit), _bytes(activations, their_unit)


def _bytes(number: str, unit: str) -> int:
    return round(float(number) * _UNITS[unit])


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text, re.MULTILINE)
    return int(found[1].replace(",", "")) if found else None
