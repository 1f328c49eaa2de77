"""The arena that TensorFlow Lite Micro's interpreter needs, measured with the ``tflite-micro``
package if it is installed."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

TIMEOUT = 120
"""Seconds. With its reference kernels, a network of 1000 MMAC takes about two."""

_PROGRAM = """
import sys
from tflite_micro.python.tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1], arena_size=int(sys.argv[2]))
interpreter.invoke()
interpreter.print_allocations()
"""


def measure_arena(path: str | Path, room: int) -> tuple[int | None, str]:
    """Runs a .tflite once in TensorFlow Lite Micro, in a separate process, because an unsupported
    network may abort it.

    Args:
        path: a .tflite file.
        room: bytes of the arena to offer; more than it can need.

    Returns:
        The bytes of the arena that were used and ``""``, or None and the reason.
    """
    if find_spec("tflite_micro") is None:
        return None, (
            "the package tflite-micro is not installed (it exists for Linux on x86-64: pip install "
            "--pre tflite-micro)"
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
    message = _message(run.stderr) or f"it ended with code {run.returncode}"
    return None, f"TensorFlow Lite Micro cannot run it: {message}"


def _message(stderr: str) -> str:
    """The output of TensorFlow Lite Micro before Python's traceback, in one line."""
    printed = stderr.partition("Traceback")[0].strip().splitlines()
    lines = printed or stderr.strip().splitlines()[-1:]
    return "; ".join(line.strip().rstrip(".") for line in lines)[:300]
