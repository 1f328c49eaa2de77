"""What TensorFlow Lite Micro's own interpreter needs to run a network: the ``tflite-micro``
package, where it can be installed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

TIMEOUT = 120
"""Seconds; its kernels are the plain reference ones, a network of 1000 MMAC takes about two."""

_PROGRAM = """
import sys
from tflite_micro.python.tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1], arena_size=int(sys.argv[2]))
interpreter.invoke()
interpreter.print_allocations()
"""


def measure_arena(path: str | Path, room: int) -> tuple[int | None, str]:
    """Runs a .tflite once under TensorFlow Lite Micro, in a process of its own because an
    unsupported network may abort it.

    Args:
        path: a .tflite file.
        room: bytes of arena to offer; more than it can need.

    Returns:
        The bytes of arena used, and ``""``; or None, and the reason why it is not known.
    """
    if find_spec("tflite_micro") is None:
        return (
            None,
            "the package tflite-micro is not installed (it exists for Linux on x86-64: pip install --pre tflite-micro)",
        )
    command = [sys.executable, "-c", _PROGRAM, str(Path(path).resolve()), str(room)]
    try:
        run = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return None, f"TensorFlow Lite Micro did not finish in {TIMEOUT} s"
    used = re.search(r"Arena allocation total (\d+) bytes", run.stderr)
    if run.returncode == 0 and used:
        return int(used.group(1)), ""
    return (
        None,
        f"TensorFlow Lite Micro cannot run it: {_complaint(run.stderr) or f'it ended with code {run.returncode}'}",
    )


def _complaint(stderr: str) -> str:
    """What TensorFlow Lite Micro printed before Python's traceback, in one line."""
    lines = (
        stderr.partition("Traceback")[0].strip().splitlines() or stderr.strip().splitlines()[-1:]
    )
    return "; ".join(line.strip().rstrip(".") for line in lines)[:300]
