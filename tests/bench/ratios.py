"""A line of a benchmark: the time of ours over that of a reference, in turns in one run."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "data/models/st_movenet_lightning_heatmaps_a035_192_int8.tflite"
SHIPPED_FLOAT = SHIPPED.with_name(SHIPPED.name.replace("_int8.tflite", ".keras"))
PEOPLE = ROOT / "data/synthetic-people/val"


@dataclass(frozen=True)
class Row:
    """A measured ratio.

    Attributes:
        what: what is measured.
        reference: what it is divided by.
        ratio: ours over the reference's; less is better.
        limit: the most that it should be.
    """

    what: str
    reference: str
    ratio: float
    limit: float

    def __str__(self) -> str:
        missed = "" if self.ratio <= self.limit else " **missed**"
        return f"| {self.what} | {self.reference} | {self.ratio:.2f} | {self.limit:g}{missed} |"


def in_turns(
    own: Callable[[], object],
    reference: Callable[[], object],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
    warm: bool = True,
) -> float:
    """The fastest of our calls over the fastest of the reference's, which other programs disturb
    least.

    Args:
        warm: whether both are called once before.
    """
    if warm:
        own(), reference()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for call, found in zip((own, reference), times):
            start = clock()
            call()
            found.append(clock() - start)
    return min(times[0]) / min(times[1])


def python(code: str, *arguments: object) -> Callable[[], str]:
    """Runs Python; gives what it prints."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return lambda: (
        subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    )


PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def peak_memory(code: str, *arguments: object) -> int:
    """KiB that Python needs at most to run this; on Linux."""
    return int(python(code + PEAK, *arguments)())


def cached(name: str) -> Path | None:
    """A downloaded file or folder; None without it."""
    path = Path(os.environ.get("POSEUTILS_CACHE", "/nowhere")) / name
    return path if path.exists() else None


def machine() -> str:
    """The processor, its cores, the memory, the system and Python."""
    name, memory = platform.processor() or platform.machine(), ""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), name)
        memory = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    return (
        f"{name}, {os.cpu_count()} cores{memory}, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


def children_seconds() -> float:
    """Processor time of the processes that this one started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system
